package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// plainOracle is a query without lateness or filters worth mentioning.
var plainOracle = enginetest.Oracle{Size: 10 * second, Slide: 10 * second, Delay: second, FutureLimit: 60 * second}

// steadyEvents is n events in order, one a second, partition by partition in turn.
func steadyEvents(n, partitions int) []enginetest.Event {
	events := make([]enginetest.Event, n)
	for i := range events {
		events[i] = enginetest.Event{Partition: i % partitions, Append: int64(i) * second,
			Value: fmt.Sprintf(`{"ts": "1970-01-01T00:%02d:%02dZ", "k": "k%d", "u": "u%d", "q": %d, "x": 0.5}`, i/60, i%60, i%3, i%5, i%4)}
	}
	return events
}

func fill(b *enginetest.Bench, events []enginetest.Event) {
	for _, e := range events {
		b.Topics["events"].Append(e.Partition, e.Append, nil, []byte(e.Value))
	}
}

// stoppingStore tells the engine to stop at the moment of a commit.
type stoppingStore struct {
	state.Store
	at   uint64
	stop context.CancelFunc
}

func (s *stoppingStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	if cp.Epoch == s.at {
		s.stop()
	}
	return s.Store.Commit(ctx, cp, d)
}

// TestStopDuringCheckpoint stops an engine amid a checkpoint: what the checkpoint has taken must not
// be lost.
func TestStopDuringCheckpoint(t *testing.T) {
	events := steadyEvents(200, 2)
	want := straight(t, plainOracle, 2, events).State(t)

	b := newBench(t, plainOracle, 2)
	fill(b, events)
	b.Topics["events"].ReadRows = 10
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opt := b.Options()
	opt.Once, opt.CheckpointInterval = false, 1
	opt.Store = &stoppingStore{Store: opt.Store, at: 2, stop: cancel}
	e, err := engine.Open(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	e.Close()
	b.Topics["events"].Finish()
	b.Run(t, true)
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +stopped):\n%s", diff)
	}
}

// TestCheckpointOfNobody is told to stop before it has begun: nothing is taken.
func TestCheckpointOfNobody(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(50, 1))
	b.Topics["events"].Finish()
	e := b.Open(t, false)
	defer e.Close()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Checkpoint(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("checkpoint: %v, expected %v", err, context.Canceled)
	}
	if err := e.Run(context.Background()); err != nil {
		t.Errorf("run after a checkpoint that nobody waited for: %v", err)
	}
}

// failingStore fails one commit without applying it.
type failingStore struct {
	state.Store
	at uint64
}

var errDisk = errors.New("the disk is gone")

func (s *failingStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	if cp.Epoch == s.at {
		s.at = 0
		return errDisk
	}
	return s.Store.Commit(ctx, cp, d)
}

// TestFailedCommit ends the run at a commit that fails, and nobody can make a checkpoint of what is
// left in memory: its rows are gone.
func TestFailedCommit(t *testing.T) {
	events := steadyEvents(200, 2)
	want := straight(t, plainOracle, 2, events).State(t)

	b := newBench(t, plainOracle, 2)
	fill(b, events)
	b.Topics["events"].Finish()
	opt := b.Options()
	opt.Store = &failingStore{Store: opt.Store, at: 2}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); !errors.Is(err, errDisk) {
		t.Errorf("run: %v, expected %v", err, errDisk)
	}
	if err := e.Run(context.Background()); err == nil {
		t.Error("a run after a failed commit goes on as if nothing were missing")
	}
	e.Close()
	b.Run(t, true)
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +after the failure):\n%s", diff)
	}
}

// arming panics in the clock that a task asks after its first batch: amid its work, inside the gate.
type arming struct {
	record.Source
	armed *atomic.Bool
}

func (a arming) Open(ctx context.Context, p int32, from record.Position) (record.Reader, error) {
	r, err := a.Source.Open(ctx, p, from)
	return armingReader{r, a.armed}, err
}

type armingReader struct {
	record.Reader
	armed *atomic.Bool
}

func (a armingReader) Read(ctx context.Context, dst *record.Records) error {
	defer a.armed.Store(true)
	return a.Reader.Read(ctx, dst)
}

// TestPanicInGate panics inside a task while others want to stop it: they are not left waiting, and
// no checkpoint is made of half a batch.
func TestPanicInGate(t *testing.T) {
	events := steadyEvents(100, 2)
	want := straight(t, plainOracle, 2, events).State(t)

	b := newBench(t, plainOracle, 2)
	fill(b, events)
	var armed atomic.Bool
	opt := b.Options()
	opt.Source = func(topic string) (record.Source, error) { return arming{b.Topics[topic], &armed}, nil }
	opt.Now = func() int64 {
		if armed.Load() {
			panic("the clock is broken")
		}
		return 1
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	watchers.Go(func() {
		for ctx.Err() == nil {
			e.Status()
		}
	})
	var defect *engine.PanicError
	if err := e.Run(ctx); !errors.As(err, &defect) || defect.Topic != "events" || defect.Offset != -1 {
		t.Errorf("run: %v, expected a PanicError of the topic at no record", err)
	}
	cancel()
	watchers.Wait()
	armed.Store(false)
	if err := e.Checkpoint(context.Background()); err == nil && e.Status().Epoch > 0 {
		t.Error("a checkpoint was made of half a batch")
	}
	e.Close()
	b.Topics["events"].Finish()
	b.Run(t, true)
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +after the panic):\n%s", diff)
	}
}

// timingOut is a source whose readers give up by themselves, as a client of a broker may.
type timingOut struct{ record.Source }

func (timingOut) Open(context.Context, int32, record.Position) (record.Reader, error) {
	return nil, fmt.Errorf("ask the broker: %w", context.DeadlineExceeded)
}

// TestTimeoutIsNoStop ends with an error when a source times out by itself: nobody has asked for an end.
func TestTimeoutIsNoStop(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	opt := b.Options()
	opt.Source = func(topic string) (record.Source, error) { return timingOut{b.Topics[topic]}, nil }
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Run(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("run: %v, expected the source's %v", err, context.DeadlineExceeded)
	}
}

// deafSink takes nothing, ever.
type deafSink struct {
	record.Sink
	asked chan struct{}
}

func (s deafSink) Write(context.Context, uint64, *record.Rows) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return errors.New("nobody listens")
}

// TestStopWithDeafSink stops a run to the end of its topics whose sink takes nothing: its rows stay
// in the outbox and reach the sink at the next start.
func TestStopWithDeafSink(t *testing.T) {
	synctest.Test(t, stopWithDeafSink) // it waits seconds for the sink
}

func stopWithDeafSink(t *testing.T) {
	events := steadyEvents(100, 1)
	want := straight(t, plainOracle, 1, events).State(t)

	b := newBench(t, plainOracle, 1)
	fill(b, events)
	b.Topics["events"].Finish()
	opt := b.Options()
	opt.CloseWindows = true
	sink, asked := opt.Sink, make(chan struct{}, 1)
	opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
		s, err := sink(def)
		return deafSink{s, asked}, err
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-asked; cancel() }()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if rows := e.Status().OutboxRows; rows == 0 {
		t.Error("the outbox is empty, though the sink took nothing")
	}
	e.Close()
	b.Run(t, true)
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +stopped):\n%s", diff)
	}
}
