package engine

import (
	"cmp"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/window"
)

// A windowOp is what all partitions share of an operator that groups rows into windows.
type windowOp struct {
	op    *dataflow.Operator
	spec  window.Spec
	keys  []column.Type // of the groups, the window left out
	all   []column.Type // of a hash of groups: of sessions these have start and end behind them
	aggs  []agg.Spec
	place int  // of the window among the operator's keys
	grows bool // some aggregate writes changes instead of its whole state

	session bool // windows are sessions, or groups of one event time

	watched bool // somebody wants to know which groups changed
}

func newWindowOp(op *dataflow.Operator) (*windowOp, error) {
	a := op.Agg
	w := &windowOp{op: op, place: a.WindowKey, session: a.Window.Session, spec: window.Spec{Size: a.Window.Size, Slide: a.Window.Slide, Offset: a.Window.Offset}}
	for i, k := range a.Keys {
		if i != a.WindowKey {
			w.keys = append(w.keys, k.Type)
		}
	}
	if w.all = w.keys; w.session {
		w.all = append(w.keys[:len(w.keys):len(w.keys)], column.Of(column.Timestamp), column.Of(column.Timestamp))
	}
	for _, c := range a.Aggs {
		w.aggs = append(w.aggs, c.Spec)
	}
	for _, spec := range w.aggs {
		a, err := agg.New(spec)
		if err != nil {
			return nil, err
		}
		if _, ok := a.(agg.Delta); ok {
			w.grows = true
		}
	}
	_, err := w.newHash()
	return w, err
}

func (w *windowOp) newHash() (*agg.Hash, error) { return agg.NewHash(w.all, w.aggs) }

// newPartial begins a partial whose groups are those of an empty hash.
func (w *windowOp) newPartial(slice, minEnd int64, h *agg.Hash) *partial {
	if w.watched {
		h.Watch()
	}
	return &partial{slice: slice, minEnd: minEnd, hash: h}
}

// A partial is one partition's rows of a slice, folded into groups: those whose first window to
// count in ends at minEnd. See package window for why a slice may have several.
type partial struct {
	slice, minEnd int64
	hash          *agg.Hash
	stored        bool    // some of it is in the store
	held          int64   // rows that Engine.held counts for it, once it is sealed
	deltas        []uint8 // by slot: changes in the store behind its state, where aggregates have such
	stale         []stale // by preview of the operator
}

// A windowTask runs one windowed operator on one partition.
type windowTask struct {
	w       *windowOp
	op      *dataflow.Operator // w's, or a part of it
	lane    int
	where   scan.Filter
	keys    []*expr.Eval // without the window
	args    []*expr.Eval // by aggregate; nil: count(*)
	filters []rowFilter  // by aggregate
	open    []*partial   // unsealed, few; in the order in which they were begun
	free    []*agg.Hash
	held    *int64 // what Engine.held counts for the task

	keyCols, argCols []*column.Vector
	failed           expr.RowErrors
	judged           judged
	placed           window.Placement
	late             *keeper

	exploder *exploder // nil: rows are records
	made     madeRows

	sessionTask
}

// A rowFilter is an aggregate's own FILTER: it is looked at for the rows of a step together, and
// asked for the rows of one partial after another.
type rowFilter struct {
	filter scan.Filter
	passes []bool // by row of the step
	some   []uint32
}

// run returns the rows that pass; the aggregate's argument is computed for no others.
func (f *rowFilter) run(b *column.Batch, rows []uint32, failed *expr.RowErrors) []uint32 {
	if f.filter.Eval == nil {
		return rows
	}
	f.passes = column.Sized(f.passes, b.Len)
	clear(f.passes)
	passing := f.filter.Run(b, rows, failed)
	for _, r := range passing {
		f.passes[r] = true
	}
	return passing
}

// among returns those of rows that pass, valid until the next call.
func (f *rowFilter) among(rows []uint32) []uint32 {
	if f.filter.Eval == nil {
		return rows
	}
	f.some = f.some[:0]
	for _, r := range rows {
		if f.passes[r] {
			f.some = append(f.some, r)
		}
	}
	return f.some
}

func newWindowTask(w *windowOp, op *dataflow.Operator, env expr.Env, tables joinTables, late *keeper, lane int) (*windowTask, error) {
	t := &windowTask{w: w, op: op, late: late, lane: lane}
	var err error
	if t.where, err = scan.CompileFilter(op.Post, env); err != nil {
		return nil, err
	}
	a := op.Agg
	for i, k := range a.Keys {
		if i == a.WindowKey {
			continue
		}
		ev, err := expr.Compile(k, env)
		if err != nil {
			return nil, err
		}
		t.keys = append(t.keys, ev)
	}
	args := make([]*expr.Node, len(a.Aggs))
	t.filters = make([]rowFilter, len(a.Aggs))
	for i, c := range a.Aggs {
		args[i] = c.Arg
		if c.Filter == nil {
			continue
		}
		if t.filters[i].filter, err = scan.CompileFilter([]*expr.Node{c.Filter}, env); err != nil {
			return nil, err
		}
	}
	if t.args, err = compileAll(args, env); err != nil {
		return nil, err
	}
	t.keyCols = make([]*column.Vector, len(t.keys))
	t.argCols = make([]*column.Vector, len(t.args))
	if err = t.openSessions(env); err != nil {
		return nil, err
	}
	if op.Scan != nil {
		t.exploder, err = newExploder(op, len(op.Scan.Columns), env, tables)
	}
	return t, err
}

// step folds the rows of the scan's batch into their slices.
func (w *windowTask) step(t *scan.Step) error {
	m := t.Marks[w.op.Watermark]
	b := &t.Scan.Batch
	w.judged.begin(t, w.op)
	if w.exploder != nil {
		return w.stepMade(t, m, b)
	}
	w.failed.Reset()
	sel := w.evaluate(b, m.Rows)
	sel = w.judged.dropFailed(t, sel, &w.failed)
	if w.pieces != nil {
		return w.stepSessions(t, m, sel)
	}
	if err := w.placeRows(t, m, sel); err != nil {
		return err
	}
	for i := range w.placed.Parts {
		part := &w.placed.Parts[i]
		w.judged.set(part.Rows, ledger.Counted)
		w.fold(w.partial(part.Slice, part.MinEnd), part.Rows)
	}
	w.judged.end(t)
	return nil
}

// evaluate computes the keys and arguments of the rows that pass the filters, and returns these.
func (w *windowTask) evaluate(b *column.Batch, rows []uint32) []uint32 {
	sel := w.where.Run(b, rows, &w.failed)
	for i, ev := range w.keys {
		w.keyCols[i] = ev.Run(b, sel, &w.failed)
	}
	for i, ev := range w.args {
		rows := w.filters[i].run(b, sel, &w.failed)
		if ev != nil {
			w.argCols[i] = ev.Run(b, rows, &w.failed)
		}
	}
	return sel
}

// placeRows sorts rows into slices, and keeps those that are late.
func (w *windowTask) placeRows(t *scan.Step, m *scan.Marks, rows []uint32) error {
	times := t.Scan.Batch.Cols[m.Watermark.TimeColumn].Int
	w.w.spec.PlaceAll(times, m.Marks, rows, &w.placed)
	return w.keepAllLate(t, m, times, w.placed.Late)
}

// keepAllLate keeps records that are late.
func (w *windowTask) keepAllLate(t *scan.Step, m *scan.Marks, times []int64, late []uint32) error {
	if len(late) == 0 {
		return nil
	}
	w.judged.set(late, ledger.Late)
	w.late.begin(&lateSchema)
	for _, row := range late {
		w.keepLate(t, row, times[row], m.Marks[row], m.Floor)
	}
	return w.late.end()
}

// keepLate keeps a record of the step, for the time and the mark of its row.
func (w *windowTask) keepLate(t *scan.Step, record uint32, time, mark, floor int64) {
	w.late.keepLate(t, record, time, mark, floor)
}

// keepLate appends a record of a step that is late, for the time and the mark of its row.
func (k *keeper) keepLate(t *scan.Step, record uint32, time, mark, floor int64) {
	c := k.batch.Cols
	c[3].AppendInt(time)
	c[4].AppendInt(mark)
	reason := scan.ReasonLate
	if mark == floor {
		reason = scan.ReasonIdle
	}
	c[5].AppendString(reason)
	k.record(&t.Records, t.From+int(record))
}

// partial finds or begins the partial of a place.
func (w *windowTask) partial(slice, minEnd int64) *partial {
	for _, p := range w.open {
		if p.slice == slice && p.minEnd == minEnd {
			return p
		}
	}
	p := w.w.newPartial(slice, minEnd, w.take())
	w.open = append(w.open, p)
	return p
}

// take returns an empty hash, a used one if there is one.
func (w *windowTask) take() *agg.Hash {
	if n := len(w.free); n > 0 {
		h := w.free[n-1]
		w.free = w.free[:n-1]
		return h
	}
	h, err := w.w.newHash()
	if err != nil {
		panic("BUG: an aggregate that could be made before cannot be made now: " + err.Error())
	}
	return h
}

// fold updates a partial with rows of the step.
func (w *windowTask) fold(p *partial, rows []uint32) {
	p.hash.Locate(w.keyCols, rows)
	for i := range w.filters {
		p.hash.Fold(i, w.argCols[i], w.filters[i].among(rows))
	}
}

// sortOpen puts the partials in order after a restart.
func (w *windowTask) sortOpen() {
	slices.SortFunc(w.open, comparePartials)
}

func comparePartials(a, b *partial) int {
	return cmp.Or(cmp.Compare(a.slice, b.slice), cmp.Compare(a.minEnd, b.minEnd))
}
