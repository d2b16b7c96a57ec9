package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// Limits of runner.piece: no more bytes than so many and than a part of the budget, for each operator has a batch.
const (
	pieceBytes = 16 << 20
	leastPiece = 64 << 10
	pieceShare = 16
)

// errPiece says that an expression does not fit for so many rows at a time.
var errPiece = errors.New("fewer rows at a time")

// A computed is a compiled expression whose failed rows end the query.
type computed struct {
	r       *runner
	eval    *expr.Eval
	errs    expr.RowErrors
	counted int64 // bytes that eval keeps
}

func (r *runner) compile(n *expr.Node) (*computed, error) {
	e, err := expr.Compile(n, r.env)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", n, err)
	}
	return &computed{r: r, eval: e}, nil
}

func (r *runner) compileAll(nodes []*expr.Node) ([]*computed, error) {
	out := make([]*computed, len(nodes))
	for i, n := range nodes {
		c, err := r.compile(n)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// over gives the values for the rows of b, valid until the next call. It is called within pieces, which
// takes care of rows that do not fit.
func (c *computed) over(b *column.Batch) (*column.Vector, error) {
	c.errs.Reset()
	v, taken, err := c.eval.RunWithin(c.r.room(b.Len), b, b.Sel, &c.errs)
	return v, c.outcome(b.Len, taken, err)
}

// where appends the rows of b for which the predicate is true to dst, within pieces as over.
func (c *computed) where(b *column.Batch, dst []uint32) ([]uint32, error) {
	c.errs.Reset()
	rows, taken, err := c.eval.FilterWithin(c.r.room(b.Len), b, b.Sel, dst, &c.errs)
	if err := c.outcome(b.Len, taken, err); err != nil {
		return dst, err
	}
	return rows, nil
}

// room is what an expression may fill for so many rows.
func (r *runner) room(rows int) expr.Room {
	// The pieces of a value lie there while it is put together, so one value gets a part of what is left.
	most := min(r.job.free()/2, r.job.budget.limits.Memory/4, 1<<30)
	if rows > 1 {
		most = min(most, r.piece)
	}
	return expr.Room{Bytes: most, Stop: &r.job.stop}
}

// outcome is the error of an evaluation, and counts what it keeps.
func (c *computed) outcome(rows int, taken int64, err error) error {
	if errors.Is(err, expr.ErrStopped) {
		return context.Cause(c.r.job.ctx)
	}
	if err := c.r.grow(&c.counted, max(c.counted, taken)); err != nil {
		return err
	}
	switch {
	case err != nil && rows > 1:
		return errPiece
	case err != nil:
		return c.r.job.full()
	}
	if len(c.errs.Rows) > 0 {
		return &Error{Class: c.errs.Classes[0], Detail: c.errs.Details[0]}
	}
	return nil
}

// pieces gives the rows of batches in smaller ones where expressions do not fit.
type pieces struct {
	r       *runner
	most    int // rows at a time; 0: all that there are
	good    int // pieces that have fitted since most was changed
	part    column.Batch
	counted int64 // bytes of part
}

// each calls do for the batch, or for its rows a part at a time. do evaluates before it does anything else:
// it is called again with fewer rows if an expression does not fit.
func (p *pieces) each(b *column.Batch, do func(*column.Batch) error) error {
	if err := p.r.job.yield(); err != nil {
		return err
	}
	if p.most == 0 && b.Len <= 4*batchRows {
		err := do(b)
		if !errors.Is(err, errPiece) {
			return err
		}
		p.fewer(len(b.Sel))
	}
	for sel := b.Sel; len(sel) > 0; {
		n := len(sel)
		if p.most > 0 {
			n = min(n, p.most)
		}
		p.part.Reset(b.Schema)
		n = p.r.take(&p.part, b, sel[:min(n, batchRows)])
		p.part.SelectAll()
		if err := p.r.grow(&p.counted, capacity(&p.part)); err != nil {
			return err
		}
		err := do(&p.part)
		switch {
		case errors.Is(err, errPiece):
			p.fewer(n)
			continue
		case err != nil:
			return err
		}
		p.fitted()
		sel = sel[n:]
		if err := p.r.job.yield(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pieces) fewer(rows int) { p.most, p.good = max(1, rows/2), 0 }

// fitted tries more rows at a time when many pieces have fitted.
func (p *pieces) fitted() {
	if p.most == 0 {
		return
	}
	if p.good++; p.good == 16 {
		p.good = 0
		if p.most *= 2; p.most >= batchRows {
			p.most = 0
		}
	}
}

// take appends rows to a batch until it is as large as batches are, and returns how many: at least one.
func (r *runner) take(dst, src *column.Batch, rows []uint32) int {
	if n := int64(len(rows)); n > 1 && r.wide(src) {
		size := int64(0)
		for k, i := range rows {
			if size += rowSize(src, i); size > r.piece && k > 0 {
				rows = rows[:k]
				break
			}
		}
	}
	appendRows(dst, src, rows)
	return len(rows)
}

// wide reports that the rows of a batch together may be larger than a batch that an operator makes.
func (r *runner) wide(b *column.Batch) bool {
	n := int64(0)
	for i := range b.Cols {
		n += b.Cols[i].Size()
	}
	return n > r.piece
}

// rowSize is the bytes of one row.
func rowSize(b *column.Batch, i uint32) int64 {
	n := int64(0)
	for c := range b.Cols {
		n += b.Cols[c].SizeOf(i, i+1)
	}
	return n
}

// eval computes one expression over a batch of one row, once.
func (r *runner) eval(n *expr.Node, b *column.Batch) (*column.Vector, error) {
	c, err := r.compile(n)
	if err != nil {
		return nil, err
	}
	return c.over(b)
}

// evalHeld computes an expression over rows in memory. What it makes is counted until the query ends.
func (r *runner) evalHeld(n *expr.Node, held *column.Batch) (*column.Vector, error) {
	if n.Op == expr.OpColumn {
		return &held.Cols[n.Index], nil
	}
	c, err := r.compile(n)
	if err != nil {
		return nil, err
	}
	all := &column.Vector{}
	all.Reset(n.Type)
	rows, counted := 0, int64(0)
	ask := r.ask(&counted)
	p := &pieces{r: r, most: batchRows}
	err = p.each(r.used(n, held), func(b *column.Batch) error {
		v, err := c.over(b)
		if err != nil {
			return err
		}
		if err := all.Reserve(v, b.Sel, ask); err != nil {
			return err
		}
		for _, i := range b.Sel {
			appendCell(all, rows, v, int(i))
			rows++
		}
		return r.grow(&counted, all.Capacity())
	})
	all.EnsureNull(rows)
	return all, err
}

// used is a batch without the columns that an expression does not read: they need not be copied.
func (r *runner) used(n *expr.Node, b *column.Batch) *column.Batch {
	reads := make([]bool, len(b.Cols))
	n.Walk(func(m *expr.Node) {
		if m.Op == expr.OpColumn {
			reads[m.Index] = true
		}
	})
	out := &column.Batch{Schema: &column.Schema{Fields: append([]column.Field{}, b.Schema.Fields...)}, Cols: make([]column.Vector, len(b.Cols)), Len: b.Len, Sel: b.Sel}
	for i := range b.Cols {
		if reads[i] {
			out.Cols[i] = b.Cols[i]
		} else {
			out.Cols[i].Type, out.Schema.Fields[i].Type = column.Type{}, column.Type{}
		}
	}
	return out
}
