package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// TestRowsLeaveBeforeTheirCheckpoint: rows are with their sinks while no checkpoint knows of them, and a crash has them
// computed again to no effect.
func TestRowsLeaveBeforeTheirCheckpoint(t *testing.T) {
	events := steadyEvents(100, 2)
	want := straight(t, plainOracle, 2, events).State(t)
	b := newBench(t, plainOracle, 2)
	fill(b, events)
	b.Topics["events"].Finish()
	opt := b.Options()
	source := opt.Source
	opt.Source = func(topic string) (record.Source, error) {
		s, err := source(topic)
		return beforeTheEnd{s, func() {
			for len(b.Logs["chosen"].Values(0)) == 0 { // rows leave by themselves: this hangs if they do not
				runtime.Gosched()
			}
		}}, err
	}
	crashWith(t, b, opt)
	b.Run(t, true)
	if b.Logs["chosen"].Repeats() == 0 {
		t.Error("no row was delivered again")
	}
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +crashed):\n%s", diff)
	}
}

// beforeTheEnd has the end of a source wait for something.
type beforeTheEnd struct {
	record.Source
	wait func()
}

func (s beforeTheEnd) Open(ctx context.Context, p int32, from record.Position) (record.Reader, error) {
	r, err := s.Source.Open(ctx, p, from)
	return waitingReader{r, s.wait}, err
}

type waitingReader struct {
	record.Reader
	wait func()
}

func (r waitingReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if err != nil {
		r.wait()
	}
	return err
}

// TestReplayComesToItsEnd: also in a project without sinks that take rows of open windows, and where nothing is left.
func TestReplayComesToItsEnd(t *testing.T) {
	for _, n := range []int{0, 100} {
		b := newBench(t, plainOracle, 2)
		fill(b, steadyEvents(n, 2))
		crash(t, b)
		b.Topics["events"].Resume()
		e := running(t, b.Options())
		catchUp(t, e)
		if s := e.Status(); s.State != "running" || s.Reason != "" {
			t.Errorf("%d records: the engine is %s: %s", n, s.State, s.Reason)
		}
	}
}

// TestCurrentTimestampIsAppendTime: on a stream it is when the record was appended, of a window's row when the record was
// that closed the window, whatever the clock says and however often it is computed.
func TestCurrentTimestampIsAppendTime(t *testing.T) {
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(plainOracle)+`
CREATE STREAMING TABLE stamped AS SELECT t, current_timestamp() AS at, CAST('12:00:00' AS TIMESTAMP) AS noon FROM STREAM event WHERE current_timestamp() < '1970-01-03';
CREATE STREAMING TABLE counted AS SELECT window.end AS e, count(*) AS n, current_timestamp() AS at FROM STREAM event GROUP BY window(t, '10 seconds');`, projectConfig...)
	b.Topics["events"] = enginetest.NewLog(2)
	send := func(partition, at, day int) {
		b.Topics["events"].Append(partition, int64(day)*86_400*second+int64(at)*second, nil, event(at))
	}
	b.Clock.Store(30 * second)
	send(0, 5, 0)
	send(0, 13, 1) // takes its partition past the window's end
	send(1, 6, 0)
	crash(t, b)
	b.Clock.Store(90 * second)
	send(0, 14, 2)
	send(1, 12, 1) // the last to do so
	b.Run(t, false)
	e := b.Open(t, false)
	defer e.Close()
	for table, want := range map[string][]string{
		"stamped": {"1970-01-01T00:00:05Z,1970-01-01T00:00:05Z,1970-01-01T12:00:00Z", "1970-01-01T00:00:13Z,1970-01-02T00:00:13Z,1970-01-02T12:00:00Z",
			"1970-01-01T00:00:06Z,1970-01-01T00:00:06Z,1970-01-01T12:00:00Z", "1970-01-01T00:00:12Z,1970-01-02T00:00:12Z,1970-01-02T12:00:00Z"},
		"counted": {"1970-01-01T00:00:10Z,2,1970-01-02T00:00:13Z"},
	} {
		if diff := cmp.Diff(want, enginetest.Lines(t, e, table)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
}

// TestPartitionsAddedAfterACrash adds a partition to a topic after a run was cut short whose rows are with their sinks:
// it is taken once what was read before has been computed again, and a window that was delivered stays as it is.
func TestPartitionsAddedAfterACrash(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	topic := b.Topics["events"]
	fill(b, steadyEvents(100, 1))
	topic.Finish()
	crash(t, b)
	topic.Grow(2)
	for _, at := range []int{5, 80, 95, 120} { // the watermark stands at 98
		topic.Append(1, 200*second, nil, event(at))
	}
	e := b.Open(t, true)
	if !e.Finishes() {
		t.Error("the first engine takes the new partition before the replay")
	}
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	e.Close()
	if e = b.Open(t, true); e.Finishes() {
		t.Error("the second engine does not take the new partition")
	}
	e.Close()
	b.Run(t, true)
	if c := checkBooks(t, b); c.Late != 2 || c.Counted != 102 {
		t.Errorf("the ledger says %+v, expected 2 late rows", c)
	}
}

// TestFutureLimitIsChangedAfterACrash: what a run that was cut short had read is judged by its own limit, and what comes then
// by the new one.
func TestFutureLimitIsChangedAfterACrash(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	ahead := func(at, by int) { b.Topics["events"].Append(0, int64(at)*second, nil, event(at+by)) }
	ahead(10, 0)
	ahead(11, 50) // the limit is 60 seconds
	crash(t, b)
	delivered := b.Logs["chosen"].Values(0)
	b.Pipeline.Config.FutureLimit = 20 * second
	var told strings.Builder
	opt := b.Options()
	opt.Logger = slog.New(slog.NewTextHandler(&told, nil))
	crashWith(t, b, opt) // amid the replay: the next one is one, too
	for _, want := range []bool{true, false} {
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		if e.Finishes() != want {
			t.Errorf("the engine finishes the run before: %v, expected %v", e.Finishes(), want)
		}
		if !want {
			ahead(70, 50)
			ahead(70, 5)
		}
		if err := e.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		e.Close()
	}
	b.Run(t, true)
	if c := checkBooks(t, b); c.Future != 1 || c.Counted != 3 {
		t.Errorf("the ledger says %+v, expected one future row of four", c)
	}
	if !strings.Contains(told.String(), "nagare.watermark.futureLimit was changed") {
		t.Errorf("nobody is told: %q", told.String())
	}
	if got := b.Logs["chosen"].Values(0); len(delivered) != 2 || len(got) != 3 {
		t.Errorf("rows before %q, at the end %q", delivered, got)
	}
}

// TestVersionIsChangedAfterACrash: it is said, after a crash alone.
func TestVersionIsChangedAfterACrash(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(30, 1))
	b.Topics["events"].Finish()
	var told strings.Builder
	with := func(version string) engine.Options {
		told.Reset()
		opt := b.Options()
		opt.Version, opt.Logger = version, slog.New(slog.NewTextHandler(&told, nil))
		return opt
	}
	for _, life := range []struct {
		version     string
		dies, tells bool
	}{{"1", false, false}, {"2", true, false}, {"2", true, false}, {"3", false, true}, {"4", false, false}} {
		opt := with(life.version)
		if life.dies {
			crashWith(t, b, opt)
		} else if e, err := engine.Open(context.Background(), opt); err != nil {
			t.Fatal(err)
		} else if err := errors.Join(e.Run(context.Background()), e.Close()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(told.String(), "was of another version"); got != life.tells {
			t.Errorf("version %s: told %q, expected %v", life.version, told.String(), life.tells)
		}
	}
}

// TestIdleIsDurableBeforeItActs: rows of windows that the clock closed leave only when a checkpoint knows of them.
func TestIdleIsDurableBeforeItActs(t *testing.T) {
	for _, applied := range []bool{false, true} {
		b := newBench(t, plainOracle, 2)
		topic := b.Topics["events"]
		topic.Append(0, second, nil, event(1))
		for i := range 60 {
			topic.Append(1, int64(i)*second, nil, event(i))
		}
		opt := b.Options()
		opt.Once = false
		opt.Store = &mortalStore{Store: opt.Store, left: 2, applied: applied} // the first begins the run
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		if err := e.CaughtUp(ctx); err != nil {
			t.Fatal(err)
		}
		b.Clock.Add(3600 * second)
		topic.Append(1, 61*second, nil, event(61)) // the other one is not silent
		if err := e.CaughtUp(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.CheckIdle(ctx); !errors.Is(err, errCrash) {
			t.Fatalf("look for idle partitions: %v, expected a crash of the checkpoint", err)
		}
		stop()
		<-done
		e.Close()
		if rows := b.Sinks["out"].Values(0); len(rows) > 0 {
			t.Errorf("applied %v: rows left before the checkpoint that says why: %q", applied, rows)
		}
		topic.Append(0, 3700*second, nil, event(5)) // late if the first life's decision stands
		topic.Finish()
		b.Run(t, true)
		late := int64(0)
		if applied {
			late = 1
		}
		if c := checkBooks(t, b); c.Late != late {
			t.Errorf("applied %v: the ledger says %+v, expected %d late rows", applied, c, late)
		}
		rows := b.Sinks["out"].Values(0)
		if slices.Sort(rows); len(slices.Compact(slices.Clone(rows))) != len(rows) {
			t.Errorf("applied %v: rows came twice: %q", applied, rows)
		}
	}
}

// TestIdleIsDecidedOnce: a replay finds what the clock decided, and acts on it at the same record, whatever the clock says
// then; and no checkpoint is needed for it.
func TestIdleIsDecidedOnce(t *testing.T) {
	life := func(crashes bool) string {
		b := newBench(t, plainOracle, 2)
		topic := b.Topics["events"]
		topic.Append(0, second, nil, event(1))
		for i := range 60 {
			topic.Append(1, int64(i)*second, nil, event(i))
		}
		opt := b.Options()
		opt.Once = false
		if crashes {
			opt.Store = &mortalStore{Store: opt.Store, left: 3} // behind the one that begins the run, and the decision
		}
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		read := func() {
			if err := e.CaughtUp(ctx); err != nil {
				t.Fatal(err)
			}
		}
		read()
		b.Clock.Add(3600 * second)
		topic.Append(1, 61*second, nil, event(61)) // the other one is not silent
		read()
		if err := e.CheckIdle(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.Delivered(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(b.Sinks["out"].Values(0)); n != 6 {
			t.Errorf("%d rows of six windows have left", n)
		}
		topic.Append(0, 3700*second, nil, event(5)) // late by what was decided
		topic.Append(0, 3701*second, nil, event(62))
		read()
		if err := e.Checkpoint(ctx); crashes != errors.Is(err, errCrash) {
			t.Fatalf("checkpoint: %v", err)
		}
		stop()
		<-done
		e.Close()
		topic.Finish()
		b.Run(t, true)
		if c := checkBooks(t, b); c.Late != 1 {
			t.Errorf("the ledger says %+v, expected one late row", c)
		}
		return b.State(t)
	}
	if diff := cmp.Diff(life(false), life(true)); diff != "" {
		t.Errorf("state (-straight +crashed):\n%s", diff)
	}
}

// TestShortLogIsRefused: a log without rows that the checkpoint says it has is not gone on with.
func TestShortLogIsRefused(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(100, 1))
	b.Topics["events"].Finish()
	b.Run(t, false)
	b.Logs["chosen"] = enginetest.NewLog(1)
	_, err := engine.Open(context.Background(), b.Options())
	if err == nil || !strings.Contains(err.Error(), "table/chosen partition 0 ends at row 0") {
		t.Errorf("open: %v, expected a refusal that names the log", err)
	}
}
