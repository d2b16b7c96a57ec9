package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestPoison passes over a record that is known to make the engine panic: it is kept as invalid,
// and the rows around it count.
func TestPoison(t *testing.T) {
	o := enginetest.Oracle{Size: 10 * second, Slide: 10 * second, FutureLimit: 60 * second}
	b := newBench(t, o, 1)
	for _, v := range []string{"1", "2", "3"} {
		b.Topics["events"].Append(0, second, nil, []byte(`{"ts": "1970-01-01T00:00:01Z", "u": "u`+v+`", "q": `+v+`}`))
	}
	b.Topics["events"].Finish()
	opt := b.Options()
	opt.CloseWindows = true
	opt.Poison = map[engine.Place]string{{Topic: "events", Partition: 0, Offset: 1}: "panic: index out of range"}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := enginetest.Lines(t, e, "chosen"); !slices.Equal(got, []string{"u1,1,1970-01-01T00:00:01Z", "u3,3,1970-01-01T00:00:01Z"}) {
		t.Errorf("chosen has %q", got)
	}
	if got := enginetest.Lines(t, e, "events$invalid"); len(got) != 1 || !strings.Contains(got[0], "panic: index out of range") {
		t.Errorf("events$invalid has %q", got)
	}
	for table, c := range e.Ledger().Tables {
		if c["events"].Invalid != 1 || c["events"].Counted != 2 || !c["events"].Balanced() {
			t.Errorf("ledger of %s: %+v", table, c["events"])
		}
	}
}

// TestPanic turns a panic of a reader into an error that names the place, and keeps the state.
func TestPanic(t *testing.T) {
	b := newBench(t, enginetest.Oracle{Size: second, Slide: second}, 1)
	opt := b.Options()
	opt.Source = func(string) (record.Source, error) { return panicking{b.Topics["events"]}, nil }
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	var defect *engine.PanicError
	if err := e.Run(context.Background()); !errors.As(err, &defect) || defect.Topic != "events" || defect.Stack == "" {
		t.Errorf("run: %v, expected a PanicError with topic and stack", err)
	}
}

type panicking struct{ record.Source }

func (panicking) Open(context.Context, int32, record.Position) (record.Reader, error) {
	panic("out of order")
}

// TestStateFull stops with a sentence when windows hold more groups than the project allows.
func TestStateFull(t *testing.T) {
	b := newBench(t, enginetest.Oracle{Size: 10 * second, Slide: 10 * second, FutureLimit: 60 * second}, 1)
	b.Pipeline.Config.StateMaxRows = 2
	for _, k := range []string{"a", "b", "c"} {
		b.Topics["events"].Append(0, second, nil, []byte(`{"ts": "1970-01-01T00:00:01Z", "q": 1, "k": "`+k+`"}`))
	}
	b.Topics["events"].Finish()
	e := b.Open(t, false)
	var full *engine.StateFullError
	if err := e.Run(context.Background()); !errors.As(err, &full) || full.Rows != 3 {
		t.Errorf("run: %v, expected a StateFullError with 3 rows", err)
	}
}
