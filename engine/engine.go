package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// An Engine runs one pipeline. Open it, Run it, Close it.
//
// Locks, in the order in which they are taken: committing, gate, reading, merger.mu, outbox.mu.
type Engine struct {
	opt         Options
	log         *slog.Logger
	joined      joinTables
	env         expr.Env // without a clock: what goes by current_timestamp() brings that of its rows
	opened      int64
	fingerprint string
	futureLimit int64 // nagare.watermark.futureLimit, or what it was in a run that was cut short
	found       *cut  // the newest checkpoint, until it is restored
	unread      error // see Unread

	ops          []*dataflow.Operator
	byTable      map[string][]*dataflow.Operator // those that write a table
	flows        []*dataflow.Scan
	sources      map[string]record.Source // by topic
	partitionsOf map[string]int           // by topic
	times        appendTimes              // of the topics that were read
	aside        map[string]bool          // topics that count in no total, see Options.Own
	destinations map[string]*destination
	tasks        []*task
	tasksOf      map[*dataflow.Scan][]*task // by topic and partition
	writers      []*rowWriter
	merger       *merger
	previews     []*preview
	alerts       []*alertStage
	outbox       *outbox

	gate       sync.RWMutex // tasks hold it for reading while they process a batch
	finals     *state.Delta // final rows of windows since the last checkpoint; under merger.mu inside the gate
	spareDelta *state.Delta
	reading    sync.Mutex       // of underway, against its end; it begins inside the gate
	underway   []state.DeltaOp  // final rows that a checkpoint is committing
	trimmed    map[string]int64 // by table: rows of windows that end before are gone

	committing turn
	broken     atomic.Bool // the state in memory is not whole: no checkpoint may be made of it any more
	epoch      atomic.Uint64
	kept       atomic.Pointer[cut] // the newest checkpoint that is durable; nil: none
	keptData   []byte              // the same, encoded; under committing
	decisions  bool                // the store holds some; under committing
	events     atomic.Int64
	held       atomic.Int64 // rows of state, see noteHeld
	changed    atomic.Bool
	lookedAt   atomic.Int64  // when idle partitions were last looked for
	due        chan struct{} // a checkpoint is wanted now
	input      atomic.Int64  // bytes of records read since the last checkpoint
	cutting    atomic.Int64  // since when a checkpoint is under way, µs; 0: none is
	holding    atomic.Bool   // rows leave behind the next checkpoint; see hold
	ended      atomic.Bool   // the run is at its end: no task makes rows any more
	delivering atomic.Bool   // the sinks are given rows
	stirred    chan struct{} // something happened since the last tick
	fresh      atomic.Bool   // the same, for those who watch
	again      replay
	finishes   bool // see Finishes

	state    watchers
	progress progress
}

// A turn is a lock whose holder may wait for others and for time: it is a channel, so that a test's clock goes on for those who
// wait for it.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// Open builds the dataflow and loads the newest checkpoint. Nothing is read or written yet.
func Open(ctx context.Context, opt Options) (*Engine, error) {
	e := &Engine{
		opt: opt, log: opt.Logger, byTable: map[string][]*dataflow.Operator{}, sources: map[string]record.Source{}, partitionsOf: map[string]int{}, aside: map[string]bool{},
		destinations: map[string]*destination{}, tasksOf: map[*dataflow.Scan][]*task{},
		outbox: newOutbox(), finals: &state.Delta{}, spareDelta: &state.Delta{}, trimmed: map[string]int64{}, due: make(chan struct{}, 1), stirred: make(chan struct{}, 1), committing: make(turn, 1),
	}
	e.progress.init()
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.opt.BatchRows <= 0 {
		e.opt.BatchRows = 2048
	}
	if e.opt.CheckpointInterval == 0 {
		e.opt.CheckpointInterval = opt.Pipeline.Config.CheckpointInterval
	}
	if e.opt.Queries == nil {
		e.opt.Queries = batch.NewBudget(batch.DefaultLimits())
	}
	zone, ok := codec.ParseZone(opt.Pipeline.Config.TimeZone)
	if !ok {
		return nil, fmt.Errorf("load time zone %q of spark.sql.session.timeZone: there is none such", opt.Pipeline.Config.TimeZone)
	}
	e.opened = opt.Now()
	e.env = expr.Env{Zone: zone, Now: e.opened}
	e.futureLimit = opt.Pipeline.Config.FutureLimit
	e.merger = newMerger(e)
	if err := e.build(ctx); err != nil {
		e.Close()
		return nil, err
	}
	start := e.restore
	if opt.Ephemeral {
		start = e.begin
	}
	if err := start(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Run reads, computes and delivers until ctx ends (it then drains and takes a last checkpoint and
// returns nil), all sources have ended (Options.Once), or something cannot be mended.
func (e *Engine) Run(ctx context.Context) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	delivery, stopDelivery := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivery()
	if err := e.guarded(func() error { return e.beginLife(work) }); err != nil {
		return err
	}

	readers, readCtx := errgroup.WithContext(work)
	for _, t := range e.tasks {
		readers.Go(func() error { return e.runTask(readCtx, t) })
	}
	deliverers := &sync.WaitGroup{}
	e.delivering.Store(true)
	defer e.delivering.Store(false)
	for _, d := range e.destinations {
		deliverers.Go(func() {
			if err := e.deliver(delivery, d); err != nil {
				giveUp(err)
			}
		})
		if cache, ok := d.sink.(record.Cache); ok && !e.opt.Ephemeral {
			deliverers.Go(func() { e.keepFilled(delivery, d, cache) })
		}
	}
	keeper := make(chan error, 1)
	go func() {
		err := e.guarded(func() error { return e.keepTime(work) })
		if err != nil {
			stopWork()
		}
		keeper <- err
	}()

	err := readers.Wait()
	if isCancel(err) && work.Err() != nil {
		err = nil // they were told to stop, or had to because the keeper did
	}
	stopWork()
	if kerr := <-keeper; err == nil {
		err = kerr
	}
	if err == nil {
		err = e.guarded(func() error { return e.finish(ctx) })
	}
	stopDelivery()
	deliverers.Wait()
	if cause := context.Cause(ctx); err == nil && isFinal(cause) {
		err = cause
	}
	return err
}

// isFinal reports an error that says of itself that trying again does not help.
func isFinal(err error) bool {
	var f interface{ Final() bool }
	return errors.As(err, &f) && f.Final()
}

func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// drainTime is how long a stopped engine waits for slow sinks; what they have not taken stays in the
// outbox and is delivered by the next start.
const drainTime = 3 * time.Second

// finish makes everything durable and delivers what can be delivered.
func (e *Engine) finish(ctx context.Context) error {
	if e.opt.Ephemeral {
		return e.finishEphemeral(ctx)
	}
	if e.opt.CloseWindows && !e.finishes && ctx.Err() == nil {
		if err := e.closeWindows(); err != nil {
			return err
		}
	}
	e.ended.Store(!e.replays(context.WithoutCancel(ctx)))
	e.changed.Store(true)
	if err := e.checkpoint(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	// A run with an end waits for its sinks until it is told to stop, and then as any other.
	if !e.opt.Once || e.outbox.drained(ctx) != nil {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		_ = e.outbox.drained(drain)
	}
	// Of very many rows of open windows a checkpoint takes only some.
	for e.opt.Once && ctx.Err() == nil && e.isStale(skipNone) {
		if err := e.checkpoint(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		_ = e.outbox.drained(ctx)
	}
	if e.opt.Once {
		e.settleCaches(ctx)
	}
	if rows, _ := e.outbox.pending(); rows > 0 {
		e.log.Warn("rows stay in the outbox for the next start", "rows", rows)
	}
	return e.checkpoint(context.WithoutCancel(ctx))
}

// finishEphemeral writes what the writers and the tables still hold.
func (e *Engine) finishEphemeral(ctx context.Context) error {
	for _, w := range e.writers {
		if err := w.writeThrough(ctx); err != nil {
			return err
		}
	}
	for _, d := range e.destinations {
		if err := d.sink.Flush(ctx); err != nil {
			return fmt.Errorf("flush %s: %w", d.name, err)
		}
	}
	e.changed.Store(true)
	return e.checkpoint(ctx)
}

// runTask opens the task's reader and runs it.
func (e *Engine) runTask(ctx context.Context, t *task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = t.panicked(p)
		}
	}()
	if t.reader, err = t.source.Open(ctx, t.partition, t.position); err != nil {
		return t.readFault("open", t.position.Offset, err)
	}
	defer func() { err = errors.Join(err, t.reader.Close()) }()
	return t.run(ctx)
}

// Checkpoint makes everything so far durable now.
func (e *Engine) Checkpoint(ctx context.Context) error { return e.checkpoint(ctx) }

// worked notes that there is something to make durable.
func (e *Engine) worked() {
	e.changed.Store(true)
	e.stir()
}

// stir notes that there is something to see.
func (e *Engine) stir() {
	e.progress.signal()
	e.fresh.Store(true)
	select {
	case e.stirred <- struct{}{}:
	default:
	}
}

// askCheckpoint wants a checkpoint before its time.
func (e *Engine) askCheckpoint() {
	select {
	case e.due <- struct{}{}:
	default:
	}
}

// Close lets go of sinks and the store. A running engine has to be stopped before.
func (e *Engine) Close() error {
	var errs []error
	for _, d := range e.destinations {
		if d.sink != nil {
			errs = append(errs, d.sink.Close())
		}
	}
	if e.opt.Store != nil {
		errs = append(errs, e.opt.Store.Close())
	}
	return errors.Join(errs...)
}

// A PanicError is a defect met while a task worked on a partition.
type PanicError struct {
	Topic     string
	Partition int32
	Offset    int64 // of the first record of the step; -1 if there was none
	Rows      int   // records of the step; with Options.BatchRows 1 it is the one record
	Value     any
	Stack     string
}

// guarded turns a panic outside the tasks into a PanicError.
func (e *Engine) guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.broken.Store(true)
			err = &PanicError{Offset: -1, Value: p, Stack: stack()}
		}
	}()
	return do()
}

// panicked describes a panic met in the present step.
func (t *task) panicked(value any) *PanicError {
	p := &PanicError{Topic: t.topic, Partition: t.partition, Offset: -1, Value: value, Stack: stack()}
	if t.To <= t.Records.Len() && t.From < t.To {
		p.Offset, p.Rows = t.Records.Offsets[t.From], t.To-t.From
	}
	return p
}

func (p *PanicError) Error() string {
	switch {
	case p.Topic == "":
		return fmt.Sprintf("panic outside the partitions: %v", p.Value)
	case p.Offset < 0:
		return fmt.Sprintf("panic at %s partition %d, at no record: %v", p.Topic, p.Partition, p.Value)
	}
	return fmt.Sprintf("panic at %s partition %d from offset %d: %v", p.Topic, p.Partition, p.Offset, p.Value)
}
