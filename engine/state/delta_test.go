package state

import "testing"

// TestDeltaLetsGo: pieces that a use had no need of are let go when it ends.
func TestDeltaLetsGo(t *testing.T) {
	var d Delta
	use := func(pieces int) {
		for range pieces {
			d.Put("op", []byte("k"), make([]byte, deltaChunk/2))
		}
		d.Reset()
	}
	use(40)
	had := len(d.free)
	use(4)
	use(4)
	if had < 20 || len(d.free) > 4 {
		t.Fatalf("%d pieces are kept behind a use of four, and %d behind one of forty", len(d.free), had)
	}
	if n := testing.AllocsPerRun(100, func() { d.Reset() }); n > 0 {
		t.Fatalf("%v allocations a reset", n)
	}
}
