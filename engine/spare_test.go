package engine

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestSpareRowsAreLetGo: what many rows at once needed stays until the next checkpoint, and then only as much as was
// filled since the one before.
func TestSpareRowsAreLetGo(t *testing.T) {
	o := newOutbox()
	use := func(batches int) {
		var taken []*record.Rows
		for range batches {
			r := o.spare()
			r.Values.Append(make([]byte, 1000))
			taken = append(taken, r)
		}
		o.mu.Lock()
		for _, r := range taken {
			o.recycle(r)
		}
		o.mu.Unlock()
	}
	checkpoint := func() { _ = o.cut() }
	use(50)
	checkpoint()
	use(3)
	use(2)
	if len(o.free) != 50 {
		t.Fatalf("%d batches are spare before the checkpoint, want 50", len(o.free))
	}
	checkpoint()
	memory := int64(0)
	for _, r := range o.free {
		memory += r.Memory()
	}
	if len(o.free) != 3 || o.kept != memory {
		t.Fatalf("%d batches of %d bytes are spare, and %d counted", len(o.free), memory, o.kept)
	}
}
