package engine

import "testing"

// TestMuchInputAsksForCheckpoint bounds what a crash has read again by bytes, too.
func TestMuchInputAsksForCheckpoint(t *testing.T) {
	e := &Engine{due: make(chan struct{}, 1)}
	e.noteInput(mostInput - 1)
	if len(e.due) > 0 {
		t.Error("a checkpoint is due before its time")
	}
	e.noteInput(1)
	if len(e.due) == 0 {
		t.Errorf("no checkpoint is due behind %d bytes of records", mostInput)
	}
}
