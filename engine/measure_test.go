package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// refusingSink takes nothing for as long as it is told.
type refusingSink struct {
	record.Sink
	refuses *atomic.Bool
}

func (s refusingSink) Flush(ctx context.Context) error {
	if s.refuses.Load() {
		return errors.New("not now")
	}
	return s.Sink.Flush(ctx)
}

// TestMeasureOfSinks: latency is from the append of the record that made a row final to the sink's acknowledgement, on
// the clock, and not that of records from before the engine was opened; what waits is told, since when and why.
func TestMeasureOfSinks(t *testing.T) {
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(plainOracle)+"CREATE TEMPORARY VIEW chosen_json AS SELECT to_json(struct(*)) AS value FROM STREAM chosen;",
		append([]string{"sink.rows.format", "kafka", "sink.rows.from", "chosen_json", "sink.rows.option.topic", "rows"}, projectConfig...)...)
	b.Topics["events"] = enginetest.NewLog(1)
	events := steadyEvents(37, 1)
	for i := range events {
		events[i].Append += second // one a second from second 1 on
	}
	fill(b, events)
	var now atomic.Int64
	var refuses atomic.Bool
	now.Store(10 * second) // the first nine are a backlog
	refuses.Store(true)
	opt := b.Options()
	opt.CheckpointInterval = -1
	opt.Now = now.Load
	open := opt.Sink
	opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
		s, err := open(def)
		return refusingSink{s, &refuses}, err
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	now.Store(100 * second) // before anything is read
	t.Cleanup(run(t, e))
	catchUp(t, e)
	if err := e.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	sink := func(name string) engine.SinkMeasures {
		for _, s := range e.Measure().Sinks {
			if s.Name == name {
				return s
			}
		}
		t.Fatalf("there is no sink %s", name)
		return engine.SinkMeasures{}
	}
	for sink("out").Trouble == "" || sink("rows").Trouble == "" {
	}
	for name, rows := range map[string]int64{"out": 9, "rows": 37} {
		if s := sink(name); s.Waiting != rows || s.Oldest != 100*second || s.Trouble != "not now" || s.Delivered != 0 || s.Latency.Count != 0 {
			t.Errorf("%s refused: %+v", name, s)
		}
	}
	now.Store(136 * second)
	refuses.Store(false)
	if err := e.Delivered(context.Background()); err != nil {
		t.Fatal(err)
	}
	// All records came in one batch, so that its last one, of second 37, closed the windows.
	for name, want := range map[string]struct{ rows, live, sum int64 }{"out": {9, 9, 9 * 99 * second}, "rows": {37, 28, (136*28 - (10+37)*28/2) * second}} {
		if s := sink(name); s.Waiting != 0 || s.Oldest != 0 || s.Trouble != "" || s.Delivered != want.rows || s.Latency.Count != want.live || s.Latency.Sum != want.sum {
			t.Errorf("%s: %d delivered, %d waiting since %d, %q; latency of %d rows, sum %d, want %d", name, s.Delivered, s.Waiting, s.Oldest, s.Trouble, s.Latency.Count, s.Latency.Sum, want.sum)
		}
	}
	m := e.Measure()
	for _, table := range m.Tables {
		if table.Windowed && (table.StateRows != 3 || table.StateBytes <= 0 || table.FinalRows != 9) {
			t.Errorf("%+v", table)
		}
	}
	if p := m.Partitions; len(p) != 1 || p[0].Position != 37 || m.Ledger.Topics["events"].Read != 37 || m.Epoch == 0 || m.Checkpoints.Underway != 0 {
		t.Errorf("%+v", m)
	}
}
