package engine

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/scan"
)

// A regroup folds the final rows of windows into the windows of another operator. It belongs to the merger: rows come in
// the order of the ends of their windows, so none is late, and there is one lane. How far the windows below have been
// closed is the watermark of those above: no row can come any more whose time lies before the first window that is open.
type regroup struct {
	c     *Slices
	t     *windowTask // its keys and arguments; it has no partition
	time  *expr.Eval
	marks []int64 // by row: none, for nothing is late
	kept  []uint32
	bad   []bool // by row: an expression failed, or it has no time
}

// buildRegroup makes a windowed operator over the rows that a stage gives.
func (e *Engine) buildRegroup(below *outlet, op *dataflow.Operator) (*regroup, error) {
	if err := e.buildWindow(op, 1, below.group); err != nil {
		return nil, err
	}
	r := &regroup{c: e.closerOf(op).of.(*Slices)}
	r.c.below = below.stage
	var err error
	if r.t, err = newWindowTask(r.c.w, op, e.merger.env(), e.joined, nil, 0); err != nil {
		return nil, err
	}
	if r.t.where, err = scan.CompileFilter(slices.Concat(op.Pre, op.Post), e.merger.env()); err != nil {
		return nil, err
	}
	r.time, err = expr.Compile(op.Time, e.merger.env())
	return r, err
}

// take folds rows of a window that was just closed.
func (r *regroup) take(b *column.Batch, rows []uint32) (counted, bad int64) {
	t := r.t
	t.failed.Reset()
	sel := t.evaluate(b, rows)
	times := r.time.Run(b, sel, &t.failed)
	r.bad = column.Sized(r.bad, b.Len)
	clear(r.bad)
	for _, row := range t.failed.Rows {
		r.bad[row] = true
	}
	r.kept = r.kept[:0]
	for _, row := range sel {
		if r.bad[row] || times.IsNull(int(row)) {
			bad++
			continue
		}
		r.kept = append(r.kept, row)
	}
	r.marks = column.Sized(r.marks, b.Len)
	for i := range r.marks {
		r.marks[i] = math.MinInt64
	}
	t.w.spec.PlaceAll(times.Int, r.marks, r.kept, &t.placed)
	for i := range t.placed.Parts {
		part := &t.placed.Parts[i]
		p := r.partial(part.Slice, part.MinEnd)
		t.fold(p, part.Rows)
		now := int64(p.hash.Len())
		r.c.m.e.held.Add(now - p.held)
		p.held = now
	}
	return int64(len(r.kept)), bad
}

// partial finds or begins the partial of a place.
func (r *regroup) partial(slice, minEnd int64) *partial {
	p := &partial{slice: slice, minEnd: minEnd}
	at, found := slices.BinarySearchFunc(r.c.pending[0], p, comparePartials)
	if found {
		return r.c.pending[0][at]
	}
	h := r.c.emit.takeSpare()
	if h == nil {
		h = r.t.take()
	}
	p = r.c.w.newPartial(slice, minEnd, h)
	r.c.pending[0] = slices.Insert(r.c.pending[0], at, p)
	return p
}
