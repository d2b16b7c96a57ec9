package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/window"
)

// A task reads one partition of a topic and runs all operators over its rows. It is the unit of
// determinism: what it gives depends on the partition's records alone.
type task struct {
	e         *Engine
	flow      *dataflow.Scan
	topic     string
	partition int32
	source    record.Source
	reader    record.Reader
	records   record.Records

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

	scan       *scanner
	env        expr.Env    // with the clock of its records
	duplicates *duplicates // nil: they are not looked for
	writers    []*rowWriter
	timeless   bool // some operator needs no event time
	marks      []*taskMarks
	windows    []*windowTask
	rows       []*rowTask
	alerts     []*alertLane // of rows
	count      ledger.Count // outcomes over all operators, a row once
	best       []uint8      // by row: best outcome so far
	from       int          // first record of the step
	to         int          // behind its last one

	unfit    map[string]ledger.UnfitValues // by field and type, or call of from_json, and path
	calls    expr.Unfit
	refused  []refusal
	unusable *keeper
}

// taskMarks is one watermark of the task's partition.
type taskMarks struct {
	group   *dataflow.Watermark
	lane    int // NoLane: its operators do not read the task's topic
	tracker window.Tracker
	pre     filter
	raw     *rawTime
	marks   []int64
	verdict []window.Verdict
	rows    []uint32 // rows with a believable time
	offered []uint32 // rows that passed the filters below the watermark
	wanted  []uint32 // records without a value that passed them, where the value is read
	failed  expr.RowErrors
	passing *passing // nil: nobody wants to know when windows were closed
	floor   int64    // to which the watermark was raised while the partition was idle; math.MinInt64: never
}

// open gives the task its scanner.
func (t *task) open(env expr.Env) (err error) {
	if env.Clock == nil {
		env.Clock = &expr.Clock{}
	}
	t.env = env
	t.scan, err = newScanner(t.flow, t.topic, env)
	return err
}

// run reads until the source ends or ctx does.
func (t *task) run(ctx context.Context) error {
	for {
		if err := t.e.outbox.wait(ctx); err != nil { // outside the gate: a checkpoint may be what makes room
			return err
		}
		err := t.reader.Read(ctx, &t.records) // waiting here is outside the gate: a quiet partition holds up no checkpoint
		if errors.Is(err, io.EOF) {
			return t.inGate(t.finish)
		}
		if err != nil {
			return t.readFault("read", t.offset.Load(), err)
		}
		if r := &t.records; r.Len() > 0 {
			t.e.times.note(t.topic, t.partition, r.Offsets[0], r.Next.Offset, r)
		}
		if err = t.inGate(t.process); err != nil {
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
	n := t.records.Len()
	steps := (n + t.e.opt.BatchRows - 1) / t.e.opt.BatchRows
	for i := range steps { // all about as large
		from, to := i*n/steps, (i+1)*n/steps
		if err := t.stepPastPoison(from, to); err != nil {
			return err
		}
	}
	t.from, t.to = 0, 0 // a panic from here on is none of a record's
	t.lost += t.records.Lost
	if t.records.Next != (record.Position{}) {
		t.position = t.records.Next
		t.e.changed.Store(true) // before the offset: who sees the one has to get a checkpoint with the other
		t.offset.Store(t.position.Offset)
	}
	if n > 0 {
		t.lastRow.Store(t.e.opt.Now())
		t.appended = t.records.Times[n-1]
		t.e.noteInput(int64(len(t.records.Values.Data) + len(t.records.Keys.Data)))
	}
	if t.records.Lost > 0 { // it may not be lost, or more may be, when it is read again
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
		reason, is := t.e.opt.Poison[Place{t.topic, t.partition, t.records.Offsets[i]}]
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
	for _, r := range t.rows {
		r.judged.count.Add(one)
	}
	t.countEvents(1)
	k := t.unusable
	k.begin(&refusedSchema)
	k.batch.Cols[3].AppendString("invalid")
	k.batch.Cols[4].AppendString(reason)
	k.record(&t.records, i)
	return k.end()
}

// step decodes records from … to-1, marks them, and runs the operators.
func (t *task) step(from, to int) error {
	n := to - from
	t.from, t.to = from, to
	t.forgetCalls()
	if err := t.scan.decode(&t.records, from, to); err != nil {
		return err
	}
	t.noteUnfit(from)
	t.best = grow(t.best, n)
	for i := range t.best {
		t.best[i] = ledger.Unjudged // nobody has judged it
	}
	if t.duplicates != nil {
		t.duplicates.step(t)
	}
	for _, m := range t.marks {
		if m.lane != dataflow.NoLane {
			m.mark(t)
		}
	}
	for _, w := range t.windows {
		if err := w.step(t); err != nil {
			return err
		}
	}
	for _, r := range t.rows {
		if err := r.step(t); err != nil {
			return err
		}
	}
	if err := t.keepUnusable(); err != nil {
		return err
	}
	t.noteCalls(from)
	ledger.CountOutcomes(&t.count, t.best)
	t.countEvents(int64(n))
	return t.boundState()
}

// mark judges each row's event time and gives it the watermark just before it.
func (m *taskMarks) mark(t *task) {
	if m.group.Made {
		return
	}
	n := t.scan.batch.Len
	m.marks, m.verdict = grow(m.marks, n), grow(m.verdict, n)
	m.failed.Reset()
	rows := t.scan.all
	if m.group.JSON {
		rows = t.scan.valid
		m.wanted = m.wanted[:0]
		if len(t.scan.tombs) > 0 {
			m.wanted = append(m.wanted, m.pre.run(&t.scan.batch, t.scan.tombs, &m.failed)...)
		}
	}
	m.offered = m.pre.run(&t.scan.batch, rows, &m.failed)
	m.tracker.Mark(&t.scan.batch.Cols[m.group.TimeColumn], t.scan.appended, m.offered, m.marks, m.verdict)
	if m.passing != nil {
		m.passing.note(m.marks, m.offered, m.tracker.Now(), t.scan.appended)
	}
	m.rows = m.rows[:0]
	for _, r := range m.offered {
		if m.verdict[r] == window.OK {
			m.rows = append(m.rows, r)
		}
	}
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

// A filter keeps the rows for which all of its predicates are true.
type filter struct {
	eval *expr.Eval // nil: every row passes
	rows []uint32
}

// run returns the rows that pass, valid until the next run; they may be the rows given.
func (f *filter) run(b *column.Batch, rows []uint32, failed *expr.RowErrors) []uint32 {
	if f.eval == nil {
		return rows
	}
	f.rows = f.eval.Filter(b, rows, f.rows[:0], failed)
	return f.rows
}

func compileFilter(predicates []*expr.Node, env expr.Env) (filter, error) {
	var all *expr.Node
	for _, p := range predicates {
		if all == nil {
			all = p
		} else {
			all = &expr.Node{Op: expr.OpAnd, Type: column.Of(column.Bool), Args: []*expr.Node{all, p}, Pos: p.Pos}
		}
	}
	if all == nil {
		return filter{}, nil
	}
	eval, err := expr.Compile(all, env)
	return filter{eval: eval}, err
}

// A scanner decodes records into the columns of a Scan.
type scanner struct {
	flow     *dataflow.Scan
	topic    string
	json     *codec.JSON
	status   []codec.Status
	batch    column.Batch
	appended []int64  // append time by row
	valid    []uint32 // rows whose value is not malformed
	tombs    []uint32 // rows without a value, which is malformed to those who want them
	all      []uint32
	computed []*expr.Eval // by column, nil for those read from the record
	failed   expr.RowErrors
	clock    *expr.Clock
}

// newScanner makes a scanner that sets env.Clock to the append times of the records in hand.
func newScanner(f *dataflow.Scan, topic string, env expr.Env) (*scanner, error) {
	s := &scanner{flow: f, topic: topic, computed: make([]*expr.Eval, len(f.Columns)), clock: env.Clock}
	if len(f.Targets) > 0 {
		s.json = codec.NewJSON(f.Targets, codec.Options{Zone: env.Zone, NonFiniteStrings: true})
	}
	for i, c := range f.Columns {
		if c.Computed == nil {
			continue
		}
		ev, err := expr.Compile(c.Computed, env)
		if err != nil {
			return nil, err
		}
		s.computed[i] = ev
	}
	return s, nil
}

// decode fills the batch with records from … to-1, once for all operators.
func (s *scanner) decode(r *record.Records, from, to int) error {
	n := to - from
	b := &s.batch
	b.Reset(&s.flow.Schema)
	b.Len = n
	s.appended = append(s.appended[:0], r.Times[from:to]...)
	s.clock.At, s.clock.Origins = s.appended, nil
	s.status = grow(s.status, n)
	clear(s.status)
	if s.json != nil {
		s.json.Decode(&r.Values, from, to, b.Cols[:len(s.flow.Targets)], s.status)
		for i := from; i < min(to, len(r.Faults)); i++ {
			if r.Faults[i] != "" {
				s.status[i-from].Reason = codec.Malformed
			}
		}
	}
	s.all, s.valid, s.tombs = s.all[:0], s.valid[:0], s.tombs[:0]
	for i := range n {
		s.all = append(s.all, uint32(i))
		switch s.status[i].Reason {
		case codec.OK:
			s.valid = append(s.valid, uint32(i))
		case codec.NoValue:
			s.tombs = append(s.tombs, uint32(i))
		}
	}
	for i := len(s.flow.Targets); i < len(s.flow.Columns); i++ {
		if c := &s.flow.Columns[i]; c.Source >= 0 {
			fillSource(&b.Cols[i], c.Source, s.topic, r, from, to)
		}
	}
	s.failed.Reset()
	for i, ev := range s.computed {
		if ev != nil {
			b.Cols[i] = *ev.Run(b, s.all, &s.failed)
		}
	}
	return nil
}

// grow returns s with length n, contents unspecified.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
