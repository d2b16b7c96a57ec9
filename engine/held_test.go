package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

// TestStateFullIsNoticedAtItsValue fills one window of two partitions with new keys: the run stops within
// a step of each behind the limit, fails again as long as the limit stands, and with a higher one goes on
// from the checkpoint to what a run without a limit gives. A folder that has stopped so can be looked at.
func TestStateFullIsNoticedAtItsValue(t *testing.T) {
	const most, step, partitions, all = 500, 100, 2, 8_000
	o := enginetest.Oracle{Size: 3600 * second, Slide: 3600 * second, FutureLimit: 60 * second}
	fill := func(b *enginetest.Bench, from, to int) {
		b.BatchRows = step
		b.Topics["events"].Resume()
		for i := from; i < to; i++ {
			b.Topics["events"].Append(i%partitions, second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:00:01Z", "q": 1, "k": "k%d"}`, i))
		}
		b.Topics["events"].Finish()
	}
	free := newBench(t, o, partitions)
	fill(free, 0, all)
	free.Run(t, true)

	b := newBench(t, o, partitions)
	b.Pipeline.Config.StateMaxRows = most
	fill(b, 0, 300)
	b.Run(t, false)
	fill(b, 300, all)
	for try := range 2 {
		e := b.Open(t, false)
		if n := e.Held(); n != 300 {
			t.Errorf("start %d: %d rows of state are restored, want 300", try, n)
		}
		var full *engine.StateFullError
		if err := e.Run(context.Background()); !errors.As(err, &full) || full.Rows <= most || full.Rows > most+partitions*step {
			t.Errorf("start %d: %v, want a StateFullError of at most %d rows", try, err, most+partitions*step)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	look := b.Open(t, false)
	if st := look.Status(); st.Events != 300 || st.StateRows != 300 {
		t.Errorf("the stopped folder shows %d events and %d rows of state, want 300", st.Events, st.StateRows)
	}
	look.Close()

	b.Pipeline.Config.StateMaxRows = all
	b.Run(t, true)
	if got, want := b.State(t), free.State(t); got != want {
		t.Errorf("after the limit was raised:\n%s\nwant\n%s", got, want)
	}
}

// TestClosedWindowsAreNotHeld reads, in one batch, many more groups than may be held, of windows that
// close one after the other.
func TestClosedWindowsAreNotHeld(t *testing.T) {
	b := newBench(t, enginetest.Oracle{Size: 10 * second, Slide: 10 * second, FutureLimit: 60 * second}, 1)
	b.BatchRows, b.Pipeline.Config.StateMaxRows = 20, 60
	for i := range 3_000 {
		b.Topics["events"].Append(0, int64(i)*second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:%02d:%02dZ", "q": 1, "k": "k%d"}`, i/60, i%60, i))
	}
	b.Topics["events"].Finish()
	b.Run(t, true)
	e := b.Open(t, false)
	defer e.Close()
	if n := e.Ledger().Topics["events"].Counted; n != 3_000 {
		t.Errorf("%d rows are counted, want 3000", n)
	}
}

// TestHeldIsWhatIsHeld compares the count that tasks and merger keep with the state itself, over windows
// that open, hop and close, ids that are remembered and forgotten, and restarts.
func TestHeldIsWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		b := newBench(t, drawOracle(rt), partitions)
		b.BatchRows = rapid.IntRange(1, 30).Draw(rt, "step")
		events := drawEvents(rt, partitions)
		compare := func(e *engine.Engine, when string) {
			if held, is := e.Held(), e.Status().StateRows; held != is {
				rt.Fatalf("%s: %d rows are counted, %d are held", when, held, is)
			}
		}
		for len(events) > 0 {
			n := rapid.IntRange(1, len(events)).Draw(rt, "more")
			b.Topics["events"].Resume()
			for _, e := range events[:n] {
				b.Topics["events"].Append(e.Partition, e.Append, nil, []byte(e.Value))
			}
			b.Topics["events"].Finish()
			events = events[n:]
			e := b.Open(t, rapid.Bool().Draw(rt, "close"))
			compare(e, "restored")
			if err := e.Run(context.Background()); err != nil {
				rt.Fatal(err)
			}
			compare(e, "after a run")
			e.Close()
		}
	})
}
