package engine

import (
	"cmp"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/window"
)

// A windowOp is what all partitions share of an operator that groups rows into windows.
type windowOp struct {
	op    *operator
	spec  window.Spec
	keys  []column.Type // of the groups, the window left out
	aggs  []agg.Spec
	place int  // of the window among the operator's keys
	grows bool // some aggregate writes changes instead of its whole state
}

func newWindowOp(op *operator) (*windowOp, error) {
	a := op.Agg
	w := &windowOp{op: op, place: a.WindowKey, spec: window.Spec{Size: a.Window.Size, Slide: a.Window.Slide, Offset: a.Window.Offset}}
	for i, k := range a.Keys {
		if i != a.WindowKey {
			w.keys = append(w.keys, k.Type)
		}
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

func (w *windowOp) newHash() (*agg.Hash, error) { return agg.NewHash(w.keys, w.aggs) }

// A partial is one partition's rows of a slice, folded into groups: those whose first window to
// count in ends at minEnd. See package window for why a slice may have several.
type partial struct {
	slice, minEnd int64
	hash          *agg.Hash
	stored        bool    // some of it is in the store
	deltas        []uint8 // by slot: changes in the store behind its state, where aggregates have such
}

// A windowTask runs one windowed operator on one partition.
type windowTask struct {
	w       *windowOp
	post    filters
	keys    []*expr.Eval // without the window
	args    []*expr.Eval // by aggregate; nil: count(*)
	filters []*expr.Eval // by aggregate; nil: none
	open    []*partial   // unsealed, few; in the order in which they were begun
	free    []*agg.Hash

	keyCols, argCols []*column.Vector
	sel              []uint32
	failed           expr.RowErrors
	judged           judged
	passing          []uint32 // of an aggregate's own FILTER
	placed           window.Placement
	late             *keeper
}

func newWindowTask(w *windowOp, env expr.Env, late *keeper) (*windowTask, error) {
	t := &windowTask{w: w, late: late}
	var err error
	if t.post, err = compileFilters(w.op.Post, env); err != nil {
		return nil, err
	}
	a := w.op.Agg
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
	for _, c := range a.Aggs {
		pair, err := compileAll([]*expr.Node{c.Arg, c.Filter}, env)
		if err != nil {
			return nil, err
		}
		t.args, t.filters = append(t.args, pair[0]), append(t.filters, pair[1])
	}
	t.keyCols = make([]*column.Vector, len(t.keys))
	t.argCols = make([]*column.Vector, len(t.args))
	return t, nil
}

// step folds the rows of the scan's batch into their slices.
func (w *windowTask) step(t *task) error {
	m := t.marks[w.w.op.group]
	b := &t.scan.batch
	w.judged.begin(t, w.w.op)
	w.failed.Reset()
	w.sel = w.post.run(b, m.rows, w.sel, &w.failed)
	for i, ev := range w.keys {
		w.keyCols[i] = ev.Run(b, w.sel, &w.failed)
	}
	for i, ev := range w.args {
		if ev != nil {
			w.argCols[i] = ev.Run(b, w.sel, &w.failed)
		}
	}
	w.sel = t.dropFailed(w.sel, &w.failed, &w.judged)
	if err := w.placeRows(t, m); err != nil {
		return err
	}
	for i := range w.placed.Parts {
		part := &w.placed.Parts[i]
		w.judged.set(part.Rows, counted)
		w.fold(b, w.partial(part.Slice, part.MinEnd), part.Rows)
	}
	w.judged.end(t)
	return nil
}

// placeRows sorts the selected rows into slices, and keeps those that are late.
func (w *windowTask) placeRows(t *task, m *taskMarks) error {
	times := t.scan.batch.Cols[m.group.timeCol].Int
	w.w.spec.PlaceAll(times, m.marks, w.sel, &w.placed)
	if len(w.placed.Late) == 0 {
		return nil
	}
	w.judged.set(w.placed.Late, late)
	w.late.begin(&lateSchema)
	c := w.late.batch.Cols
	for _, row := range w.placed.Late {
		c[3].AppendInt(times[row])
		c[4].AppendInt(m.marks[row])
		reason := reasonLate
		if m.marks[row] == m.floor {
			reason = reasonIdle
		}
		c[5].AppendString(reason)
		w.late.record(&t.records, t.from+int(row))
	}
	return w.late.end()
}

// partial finds or begins the partial of a place.
func (w *windowTask) partial(slice, minEnd int64) *partial {
	for _, p := range w.open {
		if p.slice == slice && p.minEnd == minEnd {
			return p
		}
	}
	p := &partial{slice: slice, minEnd: minEnd, hash: w.take()}
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
func (w *windowTask) fold(b *column.Batch, p *partial, rows []uint32) {
	p.hash.Locate(w.keyCols, rows)
	for i, f := range w.filters {
		if f == nil {
			p.hash.Fold(i, w.argCols[i], rows)
			continue
		}
		w.passing = f.Filter(b, rows, w.passing[:0], &w.failed)
		p.hash.Fold(i, w.argCols[i], w.passing)
	}
}

// sortOpen puts the partials in order after a restart.
func (w *windowTask) sortOpen() {
	slices.SortFunc(w.open, comparePartials)
}

func comparePartials(a, b *partial) int {
	return cmp.Or(cmp.Compare(a.slice, b.slice), cmp.Compare(a.minEnd, b.minEnd))
}
