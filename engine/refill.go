package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// keepFilled gives a cache everything that lives whenever it says that rows may be missing, until ctx
// ends. What cannot be read now is tried again after a wait.
func (e *Engine) keepFilled(ctx context.Context, d *destination, cache record.Cache) {
	for {
		select {
		case <-cache.Lost():
		case <-ctx.Done():
			return
		}
		for fails := 1; ; fails++ {
			err := e.refill(ctx, d, cache)
			if err == nil || ctx.Err() != nil {
				break
			}
			wait := deliveryWaits.After(fails)
			e.log.Warn("a cache waits for its rows", "destination", d.name, "error", err, "retry", wait)
			if retry.Pause(ctx, wait) != nil {
				return
			}
		}
	}
}

// refill gives a cache everything that lives, once. A panic in it is an error: the pipeline needs
// nothing of what was being done.
func (e *Engine) refill(ctx context.Context, d *destination, cache record.Cache) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read the rows of %s again: it panicked: %v\n%s", d.name, p, stack())
		}
	}()
	return cache.Refill(ctx, func(take func(*record.Rows) error) error { return e.readLive(ctx, d, take) })
}

// settleCaches waits for the caches, until ctx ends: a run with an end has no later time to fill them.
func (e *Engine) settleCaches(ctx context.Context) {
	for _, d := range e.destinations {
		if c, ok := d.sink.(record.Cache); ok {
			_ = c.Settle(ctx) // what is not there now is filled by the next start
		}
	}
}

// readLive hands everything to take that a sink holds when it has lost nothing: final rows that have
// not lived as long as its ttl. Rows of open windows are marked as changed and come by the next checkpoints.
func (e *Engine) readLive(ctx context.Context, d *destination, take func(*record.Rows) error) error {
	e.gate.Lock()
	for _, v := range e.previews {
		if v.to == d {
			v.closer.of.markAll(v)
		}
	}
	e.gate.Unlock()
	for _, c := range e.merger.closer {
		for _, path := range e.pathsFrom(c.w.op) {
			sink := path[len(path)-1]
			if c.w.op.Table == nil || e.destinations[sinkOf(sink)] != d {
				continue
			}
			if err := e.readFinal(ctx, c.w.op, path, d, e.livesSince(sink), take); err != nil {
				return err
			}
		}
	}
	for _, op := range e.ops {
		if op.Sink != nil && op.Scan != nil && !op.Windowed() && e.destinations[sinkOf(op)] == d {
			if err := e.readTopicAgain(ctx, op, d, e.livesSince(op), take); err != nil {
				return err
			}
		}
	}
	return nil
}

// livesSince is the time from which on rows of a sink live.
func (e *Engine) livesSince(op *dataflow.Operator) int64 {
	if op.Sink.TTL == 0 {
		return math.MinInt64
	}
	return e.opt.Now() - op.Sink.TTL
}

// readFinal runs the final rows of a windowed operator, of windows as old as since or younger, through
// the operators between it and a sink.
func (e *Engine) readFinal(ctx context.Context, op *dataflow.Operator, path []*dataflow.Operator, d *destination, since int64, take func(*record.Rows) error) error {
	env, clock := e.env, expr.Clock{}
	env.Clock = &clock
	chain, err := newChain(op, path, env, e.joined)
	if err != nil {
		return err
	}
	ages := e.agesOf(op)
	v := e.viewWindows(e.windowed(op.Table.Name), false)
	v.from = state.AppendOrdered(nil, firstSince(ages, since))
	var times []int64
	var cols []*column.Vector
	to := newAside(e, d, 0)
	to.age = &clock.Now
	out := newBatchWriter(op, func(b *column.Batch) error {
		cols = cols[:0]
		for i := range b.Cols {
			cols = append(cols, &b.Cols[i])
		}
		if err := runChain(chain, cols, b.Sel, times, to); err != nil {
			return err
		}
		times = times[:0]
		return handOver(ctx, to, take)
	})
	err = e.scanKept(ctx, v, func(k keptRow) error {
		if int(k.key[8]) != op.Flow {
			return nil
		}
		end := state.Ordered(k.key)
		if len(times) > 0 && times[0] != end { // a batch is of one window
			if err := out.flush(); err != nil {
				return err
			}
		}
		clock.Now = ageIn(ages, end)
		times = append(times, end)
		return out.add(k.row)
	})
	if err != nil {
		return err
	}
	return out.flush()
}

// agesOf is a copy of the ages of an operator's windows.
func (e *Engine) agesOf(op *dataflow.Operator) []age {
	e.gate.Lock()
	defer e.gate.Unlock()
	return slices.Clone(e.closerOf(op).ages)
}

// firstSince is the end of the first window whose rows are of since or younger.
func firstSince(ages []age, since int64) int64 {
	for _, a := range ages {
		if a.at >= since {
			return min(a.end, since)
		}
	}
	return since
}

// handOver gives what a writer holds to take and empties it.
func handOver(ctx context.Context, to *rowWriter, take func(*record.Rows) error) error {
	if to.rows.Len() > 0 {
		if err := take(to.rows); err != nil {
			return err
		}
		to.rows.Reset()
	}
	return ctx.Err()
}

// refillRecords is how many records are read at a time of which each may make many rows: those of a step wait
// in memory together.
const refillRecords = 64

// readTopicAgain runs a sink that reads a topic row by row over what the pipeline has read of it, from
// records appended at since on.
func (e *Engine) readTopicAgain(ctx context.Context, op *dataflow.Operator, d *destination, since int64, take func(*record.Rows) error) error {
	again, err := e.operatorAgain(op)
	if err != nil {
		return err
	}
	for _, read := range e.tasksOf[op.Scan] {
		if op.LaneOf(read.topic, read.partition) == dataflow.NoLane {
			continue
		}
		t, err := e.taskAgain(again, read, newAside(e, d, read.partition))
		if err != nil {
			return err
		}
		end := read.offset.Load()
		from, err := offsetAt(ctx, t.source, t.partition, end, t.remembersFrom(since))
		if err != nil {
			return err
		}
		err = scan.From(ctx, t.source, t.partition, from, end, func(r *record.Records) error {
			t.Records = *r
			step := e.opt.BatchRows
			if len(op.Explosions) > 0 {
				step = min(step, refillRecords)
			}
			for at := 0; at < r.Len(); at += step {
				if err := t.again(at, min(at+step, r.Len())); err != nil {
					return err
				}
				if err := handOver(ctx, t.rows[0].to, take); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return record.At(fmt.Sprintf("read topic %s partition %d", t.topic, t.partition), err)
		}
	}
	return nil
}

// operatorAgain makes the operator of a sink once more, with a scan of its own.
func (e *Engine) operatorAgain(op *dataflow.Operator) (*dataflow.Operator, error) {
	ops, faults := e.opt.Pipeline.StreamOps()
	if len(faults) > 0 {
		return nil, faults
	}
	for _, o := range ops {
		if o.Sink == op.Sink && o.Name == op.Name {
			again := &dataflow.Operator{StreamOp: *o, ID: op.ID, Flows: 1}
			dataflow.NewScan(op.From.Topics, []*dataflow.Operator{again}, e.opt.Pipeline.Config.Topics)
			return again, nil
		}
	}
	return nil, fmt.Errorf("read the rows of sink %s again: the project has no such sink", op.Name)
}

// taskAgain makes a task that runs one operator over a partition beside the one that counts.
func (e *Engine) taskAgain(op *dataflow.Operator, beside *task, to *rowWriter) (*task, error) {
	f := op.Scan
	t := &task{e: e, flow: f, topic: beside.topic, partition: beside.partition, source: beside.source}
	if err := t.open(e.env); err != nil {
		return nil, err
	}
	if err := t.addMarks(); err != nil {
		return nil, err
	}
	t.addDuplicates()
	t.Timeless = op.Watermark < 0
	r, err := newRowTask(op, t.env, t.e.joined)
	if err != nil {
		return nil, err
	}
	r.to = to
	t.rows = []*rowTask{r}
	return t, nil
}

// again runs the operator over records from … to-1 and books nothing; a record that is known to make it
// panic is passed over.
func (t *task) again(from, to int) error {
	for i := from; i < to && len(t.e.opt.Poison) > 0; i++ {
		if _, is := t.e.opt.Poison[Place{t.topic, t.partition, t.Records.Offsets[i]}]; !is {
			continue
		}
		if err := t.again(from, i); err != nil {
			return err
		}
		return t.again(i+1, to)
	}
	if from == to {
		return nil
	}
	t.From, t.To = from, to
	if err := t.Scan.Decode(&t.Records, from, to); err != nil {
		return err
	}
	t.Best = column.Sized(t.Best, to-from)
	if t.Duplicates != nil {
		t.Duplicates.Step(&t.Step)
	}
	for _, m := range t.Marks {
		m.Mark(&t.Step)
	}
	err := t.rows[0].step(&t.Step)
	t.Refused = t.Refused[:0]
	return err
}

// How offsetAt looks for a time: down to searchRecords, and searchSlack before it, because append times
// that a producer gives may be a little out of order.
const (
	searchRecords = 4096
	searchSlack   = int64(60e6) // microseconds
)

// offsetAt is an offset from which on all records are found that were appended at since or later, as
// far as append times ascend.
func offsetAt(ctx context.Context, s record.Source, p int32, end, since int64) (int64, error) {
	if end == 0 || since == math.MinInt64 {
		return 0, nil
	}
	since -= searchSlack
	low, at, err := firstAt(ctx, s, p, 0)
	if err != nil || at >= since {
		return low, err
	}
	for high := end; high-low > searchRecords; {
		middle := low + (high-low)/2
		_, at, err := firstAt(ctx, s, p, middle)
		if err != nil {
			return 0, err
		}
		if at < since {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// firstAt is the offset and append time of the first record at an offset or behind it.
func firstAt(ctx context.Context, s record.Source, p int32, offset int64) (first, at int64, err error) {
	var found bool
	err = scan.From(ctx, s, p, offset, math.MaxInt64, func(r *record.Records) error {
		first, at, found = r.Offsets[0], r.Times[0], true
		return errStop
	})
	if found {
		return first, at, nil
	}
	return offset, math.MaxInt64, err
}

// isBefore reports whether a kept row's key lies before where a view begins.
func (v *windowsView) isBefore(key []byte) bool { return bytes.Compare(key, v.from) < 0 }
