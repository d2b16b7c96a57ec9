package engine

import "testing"

// TestFullBatchesAskForACheckpoint: so many full batches of rows do, and not one fewer.
func TestFullBatchesAskForACheckpoint(t *testing.T) {
	e := &Engine{outbox: newOutbox(), due: make(chan struct{}, 1)}
	w := &rowWriter{e: e, to: &destination{}, rows: &Rows{}}
	for n := 1; n <= fullBatches; n++ {
		w.rows.Values.Append([]byte("row"))
		if err := w.makeRoom(); err != nil {
			t.Fatal(err)
		}
		if asked := len(e.due) > 0; asked != (n == fullBatches) {
			t.Errorf("%d full batches: asked is %v", n, asked)
		}
	}
	e.writers = []*rowWriter{w}
	if out := e.cutOutbox(); len(out) != fullBatches || e.full.Load() != 0 {
		t.Errorf("a checkpoint takes %d batches and leaves %d", len(out), e.full.Load())
	}
}
