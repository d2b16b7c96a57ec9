package column

import "testing"

// TestSlack: memory of a burst is let go behind many small uses, and stays while some are large.
func TestSlack(t *testing.T) {
	var b Bytes
	large, small := make([]byte, 1<<20), []byte("x")
	fill := func(v []byte) {
		b.Append(v)
		b.Reset()
	}
	fill(large)
	for range 10 * slackUses {
		for range slackUses - 1 {
			fill(small)
		}
		fill(large)
	}
	if cap(b.Data) < len(large) {
		t.Fatalf("%d bytes stayed between large uses", cap(b.Data))
	}
	for range slackUses {
		fill(small)
	}
	if cap(b.Data) > keptBytes {
		t.Fatalf("%d bytes stayed behind a burst", cap(b.Data))
	}
	fill(small)
	if n := testing.AllocsPerRun(1000, func() { fill(small) }); n > 0 {
		t.Fatalf("%v allocations a small use", n)
	}
}
