package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
)

// A task reads one partition of a topic and runs all operators over its rows. It is the unit of
// determinism: what it gives depends on the partition's records alone.
type task struct {
	scan.Step
	e         *Engine
	flow      *dataflow.Scan
	topic     string
	partition int32
	source    record.Source
	reader    record.Reader

	decided  []decision // what is still to act, by offset; guarded by the gate
	turn     turn
	position record.Position // next to read; guarded by the gate
	lastRow  atomic.Int64
	offset   atomic.Int64 // position.Offset for status, without the gate
	end      atomic.Int64 // of the partition, as its log told last
	idle     atomic.Bool
	away     int64 // when the log last did not answer; of whoever looks for idle partitions
	done     bool  // the source has ended
	ahead    bool  // of its topic's other partitions, so far that they go first
	appended int64 // append time of the newest record that is not reported; 0: none. Guarded by the gate
	held     int64 // rows of state that Engine.held counts for the task; guarded by the gate
	lost     int64 // offsets that were gone before they were read; guarded by the gate

	env     expr.Env // with the clock of its records
	writers []*rowWriter
	windows []*windowTask
	lanes   []taskLane // of stages
	joins   []*joinTask
	rows    []*rowTask
	alerts  []*alertLane // of rows
	count   ledger.Count // outcomes over all operators, a row once

	unfit    map[string]ledger.UnfitValues // by field and type, or call of from_json, and path
	calls    expr.Unfit
	unusable *keeper
}

// open gives the task its scanner.
func (t *task) open(env expr.Env) (err error) {
	if env.Clock == nil {
		env.Clock = &expr.Clock{}
	}
	t.env = env
	t.Scan, err = scan.NewScanner(t.flow, t.topic, env)
	return err
}

// run reads until the source ends or ctx does.
func (t *task) run(ctx context.Context) error {
	for {
		if err := t.e.outbox.wait(ctx); err != nil { // outside the gate: a checkpoint may be what makes room
			return err
		}
		err := t.reader.Read(ctx, &t.Records) // waiting here is outside the gate: a quiet partition holds up no checkpoint
		if errors.Is(err, io.EOF) {
			return t.inTurn(t.finish)
		}
		if err != nil {
			return t.readFault("read", t.offset.Load(), err)
		}
		if r := &t.Records; r.Len() > 0 {
			t.e.times.note(t.topic, t.partition, r.Offsets[0], r.Next.Offset, r)
		}
		if err = t.inTurn(t.process); err != nil {
			return fmt.Errorf("process %s partition %d at offset %d: %w", t.topic, t.partition, t.offset.Load(), err)
		}
		t.e.worked()
		if t.ahead {
			runtime.Gosched() // there may be more partitions than cores
		}
	}
}

// readFault says where a source could not be read, unless its error does.
func (t *task) readFault(doing string, offset int64, err error) error {
	if record.Names(err, fmt.Sprintf("read topic %s partition %d", t.topic, t.partition)) {
		return err
	}
	return fmt.Errorf("%s %s partition %d at offset %d: %w", doing, t.topic, t.partition, offset, err)
}

// inTurn is inGate while nobody decides about the partition.
func (t *task) inTurn(work func() error) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	return t.inGate(work)
}

// inGate does a piece of work that a checkpoint holds as a whole or not at all. Work that was broken
// off leaves no state of which a checkpoint could be made, which is said before the gate opens.
func (t *task) inGate(work func() error) (err error) {
	t.e.gate.RLock()
	defer t.e.gate.RUnlock()
	defer func() {
		if p := recover(); p != nil {
			err = t.panicked(p)
		}
		if err != nil {
			t.e.broken.Store(true)
		}
	}()
	return work()
}

// process takes the records that were read through all operators, a step of at most BatchRows at a time.
func (t *task) process() error {
	n := t.Records.Len()
	steps := (n + t.e.opt.BatchRows - 1) / t.e.opt.BatchRows
	for i := range steps { // all about as large
		from, to := i*n/steps, (i+1)*n/steps
		if err := t.stepDecided(from, to); err != nil {
			return err
		}
	}
	t.From, t.To = 0, 0 // a panic from here on is none of a record's
	t.lost += t.Records.Lost
	if t.Records.Next != (record.Position{}) {
		t.position = t.Records.Next
		t.e.changed.Store(true) // before the offset: who sees the one has to get a checkpoint with the other
		t.offset.Store(t.position.Offset)
	}
	t.act(t.position.Offset)
	if n > 0 {
		t.lastRow.Store(t.e.opt.Now())
		t.appended = t.Records.Times[n-1]
		t.e.noteInput(int64(len(t.Records.Values.Data) + len(t.Records.Keys.Data)))
	}
	if t.Records.Lost > 0 { // it may not be lost, or more may be, when it is read again
		t.e.hold()
	}
	if err := t.e.merger.report(t); err != nil {
		return err
	}
	handAll(t.writers)
	return nil
}

// stepPastPoison is step, but for records that are known to make it panic: these are refused unseen.
func (t *task) stepPastPoison(from, to int) error {
	if len(t.e.opt.Poison) == 0 {
		return t.step(from, to)
	}
	for i := from; i < to; i++ {
		reason, is := t.e.opt.Poison[Place{t.topic, t.partition, t.Records.Offsets[i]}]
		if !is {
			continue
		}
		if i > from {
			if err := t.step(from, i); err != nil {
				return err
			}
		}
		if err := t.refuseUnseen(i, reason); err != nil {
			return err
		}
		from = i + 1
	}
	if from == to {
		return nil
	}
	return t.step(from, to)
}

// refuseUnseen books a record as invalid everywhere without decoding it.
func (t *task) refuseUnseen(i int, reason string) error {
	one := ledger.Count{Read: 1, Invalid: 1}
	t.count.Add(one)
	for _, w := range t.windows {
		w.judged.count.Add(one)
	}
	for _, j := range t.joins {
		j.judged.count.Add(one)
	}
	for _, r := range t.rows {
		r.judged.count.Add(one)
	}
	t.countEvents(1)
	k := t.unusable
	k.begin(&refusedSchema)
	k.batch.Cols[3].AppendString("invalid")
	k.batch.Cols[4].AppendString(reason)
	k.record(&t.Records, i)
	return k.end()
}

// step decodes records from … to-1, marks them, and runs the operators.
func (t *task) step(from, to int) error {
	n := to - from
	t.From, t.To = from, to
	t.forgetCalls()
	if err := t.Scan.Decode(&t.Records, from, to); err != nil {
		return err
	}
	t.noteUnfit(from)
	t.Best = column.Sized(t.Best, n)
	for i := range t.Best {
		t.Best[i] = ledger.Unjudged // nobody has judged it
	}
	if t.Duplicates != nil {
		t.Duplicates.Step(&t.Step)
	}
	for _, m := range t.Marks {
		if m.Lane != dataflow.NoLane {
			m.Mark(&t.Step)
		}
	}
	for _, w := range t.windows {
		if err := w.step(&t.Step); err != nil {
			return err
		}
	}
	for _, j := range t.joins {
		if err := j.step(&t.Step); err != nil {
			return err
		}
	}
	for _, r := range t.rows {
		if err := r.step(&t.Step); err != nil {
			return err
		}
	}
	if err := t.keepUnusable(); err != nil {
		return err
	}
	t.noteCalls(from)
	ledger.CountOutcomes(&t.count, t.Best)
	t.countEvents(int64(n))
	return t.boundState()
}

// countEvents counts records that were read.
func (t *task) countEvents(n int64) {
	if !t.e.aside[t.topic] {
		t.e.events.Add(n)
	}
}

// finish closes the books of a bounded source: no row can come any more.
func (t *task) finish() error {
	t.done = true
	return t.e.merger.report(t)
}
