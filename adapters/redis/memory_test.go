package redis

import "testing"

// TestRowsThatAreReadAgain: of what a refill reads, a row stands back behind one of its place that came by itself meanwhile,
// unless that one was older.
func TestRowsThatAreReadAgain(t *testing.T) {
	for _, c := range []struct {
		name            string
		came, readAgain int64 // orders
		admitted        bool
	}{{"an older one came", 1, 2, true}, {"the same came", 2, 2, false}, {"a newer one came", 3, 2, false}} {
		m := newMemory()
		if !m.admit([]byte("place"), c.came, 10, false, 1, 0) {
			t.Errorf("%s: the first row of the place is refused", c.name)
		}
		if got := m.admit([]byte("place"), c.readAgain, 10, true, 1, 0); got != c.admitted {
			t.Errorf("%s: read again it is admitted: %t, want %t", c.name, got, c.admitted)
		}
	}
}
