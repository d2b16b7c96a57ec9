package engine

import "fmt"

// What nagare.state.maxRows bounds is groups of open windows and ids of dedup. Engine.held is their
// number: a task adds after each step by how much its own have grown, and the merger takes away what
// it lets go. So the bound is passed by a step of each task at most, and looking is one comparison.

// A StateFullError says that the state holds more rows than allowed. Nothing is lost: the newest
// checkpoint holds no more than was allowed when it was taken.
type StateFullError struct{ Rows, Most int64 }

func (s *StateFullError) Error() string {
	return fmt.Sprintf("keep state: open windows and ids of dedup hold %d rows, and nagare.state.maxRows allows %d; "+
		"raise it and start again, which goes on from the last checkpoint; "+
		"or group by fewer keys, or shorten windows, delays and dedupHorizon, and run `nagare checkpoint reset`", s.Rows, s.Most)
}

// noteHeld counts what the task has added to the state since it last did. The gate is held.
func (t *task) noteHeld() {
	var now int64
	if t.Duplicates != nil {
		now = t.Duplicates.Seen.Len()
	}
	for _, w := range t.windows {
		if w.pieces != nil {
			now += int64(w.pieces.Len())
		}
		for _, p := range w.open {
			now += int64(p.hash.Len())
		}
	}
	for _, j := range t.joins {
		now += int64(j.buffer.Len())
	}
	if now != t.held {
		t.e.held.Add(now - t.held)
		t.held = now
	}
}

// boundState refuses to go on with more state than allowed. What can be closed is closed before. The
// gate is held.
func (t *task) boundState() error {
	t.noteHeld()
	most := t.e.opt.Pipeline.Config.StateMaxRows
	if most <= 0 || t.e.held.Load() <= most {
		return nil
	}
	if err := t.e.merger.report(t); err != nil {
		return err
	}
	if rows := t.e.held.Load(); rows > most {
		return &StateFullError{Rows: rows, Most: most}
	}
	return nil
}

// seal moves a partial's rows from the task's account to the partial's: the merger gives them back
// when it lets go of it.
func (p *partial) seal(w *windowTask) {
	p.held = int64(p.hash.Len())
	*w.held -= p.held
}
