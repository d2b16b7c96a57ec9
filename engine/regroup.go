package engine

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/scan"
)

// A regroup folds the rows that a stage gives, which are final, into the windows of another operator. It belongs to the
// merger: rows come in the stage's order and none of them is late, and there is one lane. How far the stage has come is
// its watermark: of windows, no row can come any more whose time lies before the first one that is open.
type regroup struct {
	c     *closer
	t     *windowTask // its keys and arguments; it has no partition
	time  *expr.Eval
	marks []int64 // by row: none, for nothing is late
	kept  []uint32
	bad   []bool // by row: an expression failed, or it has no time
	held  int64  // of sessions: pieces that Engine.held counts
}

// buildRegroup makes a windowed operator over the rows that a stage gives.
func (e *Engine) buildRegroup(below *outlet, op *dataflow.Operator) (*regroup, error) {
	if err := e.buildWindow(op, 1, below.group); err != nil {
		return nil, err
	}
	r := &regroup{c: e.closerOf(op)}
	r.c.below = below.stage
	var err error
	if r.t, err = newWindowTask(r.c.w, op, e.merger.env(), e.joined, nil, 0); err != nil {
		return nil, err
	}
	if r.t.pieces != nil { // the lane of the rows is its own
		r.t.held = &r.held
		r.c.of.addTask(0, r.t)
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
	if t.pieces != nil {
		n := len(r.kept)
		r.kept = r.takeSessions(b, times.Int)
		return int64(len(r.kept)), bad + int64(n-len(r.kept))
	}
	of, _ := r.c.of.(*Slices)
	t.w.spec.PlaceAll(times.Int, r.marks, r.kept, &t.placed)
	for i := range t.placed.Parts {
		part := &t.placed.Parts[i]
		p := of.partial(t, part.Slice, part.MinEnd)
		t.fold(p, part.Rows)
		now := int64(p.hash.Len())
		r.c.m.e.held.Add(now - p.held)
		p.held = now
	}
	return int64(len(r.kept)), bad
}

// partial finds or begins the partial of a place.
func (c *Slices) partial(t *windowTask, slice, minEnd int64) *partial {
	p := &partial{slice: slice, minEnd: minEnd}
	at, found := slices.BinarySearchFunc(c.pending[0], p, comparePartials)
	if found {
		return c.pending[0][at]
	}
	h := c.emit.takeSpare()
	if h == nil {
		h = t.take()
	}
	p = c.w.newPartial(slice, minEnd, h)
	c.pending[0] = slices.Insert(c.pending[0], at, p)
	return p
}

// takeSessions brings the rows that are kept into sessions, and returns those that have one. Their marks lie before
// their times as far as rows to come may.
func (r *regroup) takeSessions(b *column.Batch, times []int64) []uint32 {
	t := r.t
	rows := t.spans(b, times, r.kept, func(uint32, string) {})
	for _, row := range rows {
		r.marks[row] = times[row] - r.c.w.op.Delay - 1
	}
	had := t.pieces.Len()
	t.pieces.Step(t.keyCols, rows, times, t.ends, r.marks, t.folded)
	more := int64(t.pieces.Len() - had)
	r.held += more
	r.c.m.e.held.Add(more)
	return rows
}
