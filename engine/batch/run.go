package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// batchRows is how many rows an operator puts into a batch that it makes.
const batchRows = 4096

// An Input reads a dataset from its start.
type Input interface {
	// Next returns the next batch, whose columns are those of the dataset's Schema; io.EOF is the
	// end. The batch is valid until the next Next, and rows outside of its Sel are not there.
	Next(ctx context.Context) (*column.Batch, error)
	Close() error
}

// An Error is a query that fails at run time. Class is Spark's error class.
type Error struct {
	Class, Detail string
}

// Error is the class with its detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return "run query: [" + e.Class + "]"
	}
	return "run query: [" + e.Class + "] " + e.Detail
}

// errEnough ends the inputs of a LIMIT that is full.
var errEnough = errors.New("enough rows")

// Run runs a tree of operators to its end and hands every batch of its output to emit: all rows of
// a batch are alive, and it is valid during the call. open starts reading a dataset. An error of emit
// ends the run and is returned as it is; one of an expression is an *Error. What the run may take is said by
// the Budget that ctx comes from, and by DefaultLimits where it comes from none.
func Run(ctx context.Context, root plan.Node, open func(*plan.Dataset) (Input, error), env expr.Env, emit func(*column.Batch) error) error {
	if job(ctx) == nil {
		within, end, err := NewBudget(DefaultLimits()).Begin(ctx)
		if err != nil {
			return err
		}
		defer end()
		ctx = within
	}
	r := &runner{ctx: ctx, job: job(ctx), open: open, env: env, carried: map[*plan.Explode][]int{}, reach: map[*plan.Scan]Reach{}, first: map[*plan.Sort]firstRows{}}
	r.piece = max(leastPiece, min(pieceBytes, r.job.budget.limits.Memory/pieceShare))
	defer func() { _ = r.job.take(-r.held) }()
	r.carry(root, nil)
	r.narrow(root, nil)
	var dense column.Batch
	counted := int64(0)
	return r.run(root, func(b *column.Batch) error {
		if err := r.job.yield(); err != nil {
			return err
		}
		if len(b.Sel) == b.Len && b.Len > 0 {
			return emit(b)
		}
		for sel := b.Sel; len(sel) > 0; {
			dense.Reset(b.Schema)
			n := r.take(&dense, b, sel)
			sel = sel[n:]
			dense.SelectAll()
			if err := r.grow(&counted, capacity(&dense)); err != nil {
				return err
			}
			if err := emit(&dense); err != nil {
				return err
			}
		}
		return nil
	})
}

// runner is one run of a query.
type runner struct {
	ctx  context.Context
	job  *Job
	open func(*plan.Dataset) (Input, error)
	env  expr.Env
	held int64 // bytes of rows in memory, counted in the job
	// piece is about what expressions fill for one batch, and what an operator puts into a batch that it makes, in
	// bytes: rows that need more come in smaller batches, down to one row.
	piece int64

	carried map[*plan.Explode][]int // columns of its input that are read above it
	reach   map[*plan.Scan]Reach    // of topics
	first   map[*plan.Sort]firstRows
}

// run executes one operator. Batches given to emit are valid during the call; their Sel holds the
// rows that are there.
func (r *runner) run(n plan.Node, emit func(*column.Batch) error) error {
	switch n := n.(type) {
	case *plan.Scan:
		return r.scan(n, emit)
	case *plan.Values:
		return r.values(n, emit)
	case *plan.Range:
		return r.numbers(n, emit)
	case *plan.Filter:
		return r.filter(n, emit)
	case *plan.Project:
		return r.project(n, emit)
	case *plan.Explode:
		return r.explode(n, emit)
	case *plan.Watermark:
		return r.run(n.In, emit)
	case *plan.AssignWindows:
		return r.assign(n.In, n.Window, schemaOf(n), emit)
	case *plan.Aggregate:
		return r.aggregate(n, emit)
	case *plan.Windowed:
		return r.windowed(n, emit)
	case *plan.Sort:
		return r.sort(n, emit)
	case *plan.Limit:
		return r.limit(n, emit)
	case *plan.Distinct:
		return r.distinct(n.In, emit)
	case *plan.Single:
		return r.single(n, emit)
	case *plan.SetOp:
		return r.setOp(n, emit)
	case *plan.Join:
		return r.join(n, emit)
	case *plan.Apply:
		return r.apply(n, emit)
	case *heldNode:
		return n.give(emit)
	}
	return fmt.Errorf("run query: there is no operator %T", n)
}

func schemaOf(n plan.Node) *column.Schema {
	cols := n.Columns()
	s := &column.Schema{Fields: make([]column.Field, len(cols))}
	for i, c := range cols {
		s.Fields[i] = column.Field{Name: c.Name, Type: c.Type}
	}
	return s
}

// scan reads a dataset.
func (r *runner) scan(n *plan.Scan, emit func(*column.Batch) error) (err error) {
	in, err := r.open(n.Dataset)
	if err != nil {
		return fmt.Errorf("open %s: %w", n.Dataset.Name, err)
	}
	defer func() {
		if e := in.Close(); e != nil && err == nil {
			err = fmt.Errorf("close %s: %w", n.Dataset.Name, e)
		}
	}()
	if t, is := in.(Topic); is && r.reach[n] != nil {
		t.Narrow(r.reach[n])
	}
	for {
		if err := r.job.yield(); err != nil {
			return err
		}
		b, err := in.Next(r.ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", n.Dataset.Name, err)
		}
		if len(b.Cols) != len(n.Cols) {
			return fmt.Errorf("read %s: a batch has %d columns, not %d", n.Dataset.Name, len(b.Cols), len(n.Cols))
		}
		if err := emit(b); err != nil {
			return err
		}
	}
}

// values gives literal rows.
func (r *runner) values(n *plan.Values, emit func(*column.Batch) error) error {
	out := &column.Batch{}
	out.Reset(schemaOf(n))
	for _, row := range n.Rows {
		one := &column.Batch{Schema: &column.Schema{}, Len: 1, Sel: []uint32{0}}
		for c, e := range row {
			v, err := r.eval(e, one)
			if err != nil {
				return err
			}
			appendCell(&out.Cols[c], out.Len, v, 0)
		}
		out.Len++
		if out.Len == batchRows || r.wide(out) {
			if err := flush(out, out.Schema, emit); err != nil {
				return err
			}
		}
	}
	return flush(out, out.Schema, emit)
}

// numbers gives the rows of range.
func (r *runner) numbers(n *plan.Range, emit func(*column.Batch) error) error {
	out := &column.Batch{}
	out.Reset(schemaOf(n))
	for at := n.Start; n.Step > 0 && at < n.End || n.Step < 0 && at > n.End; {
		out.Cols[0].AppendInt(at)
		if out.Len++; out.Len == batchRows {
			if err := r.job.yield(); err != nil {
				return err
			}
			if err := flush(out, out.Schema, emit); err != nil {
				return err
			}
		}
		next := at + n.Step
		if (next > at) != (n.Step > 0) { // beyond BIGINT
			break
		}
		at = next
	}
	return flush(out, out.Schema, emit)
}

// filter keeps the rows for which the predicate is true.
func (r *runner) filter(n *plan.Filter, emit func(*column.Batch) error) error {
	pred, err := r.compile(n.Pred)
	if err != nil {
		return err
	}
	var out column.Batch
	var sel []uint32
	p := &pieces{r: r}
	return r.run(n.In, func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			if sel, err = pred.where(b, sel[:0]); err != nil || len(sel) == 0 {
				return err
			}
			out = *b
			out.Sel = sel
			return emit(&out)
		})
	})
}

// project computes one column an expression. The columns are borrowed from the input or the
// expressions.
func (r *runner) project(n *plan.Project, emit func(*column.Batch) error) error {
	exprs, err := r.compileAll(n.Exprs)
	if err != nil {
		return err
	}
	out := &column.Batch{Schema: schemaOf(n), Cols: make([]column.Vector, len(n.Exprs))}
	p := &pieces{r: r}
	return r.run(n.In, func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			for i, e := range exprs {
				v, err := e.over(b)
				if err != nil {
					return err
				}
				out.Cols[i] = *v
			}
			out.Len, out.Sel = b.Len, b.Sel
			return emit(out)
		})
	})
}

// limit gives Count rows after Offset and ends its input then.
func (r *runner) limit(n *plan.Limit, emit func(*column.Batch) error) error {
	skip, left := n.Offset, n.Count
	if left == 0 {
		return nil
	}
	if left > 0 && skip <= math.MaxInt64-left {
		r.limitSort(n.In, skip+left)
	}
	var out column.Batch
	stop := fmt.Errorf("limit: %w", errEnough) // its own: the end of another LIMIT is not this one's
	err := r.run(n.In, func(b *column.Batch) error {
		sel := b.Sel
		cut := min(skip, int64(len(sel)))
		skip -= cut
		sel = sel[cut:]
		if left >= 0 && int64(len(sel)) > left {
			sel = sel[:left]
		}
		if len(sel) == 0 {
			return nil
		}
		out = *b
		out.Sel = sel
		if err := emit(&out); err != nil {
			return err
		}
		if left >= 0 {
			if left -= int64(len(sel)); left == 0 {
				return stop
			}
		}
		return nil
	})
	if err == stop {
		return nil
	}
	return err
}

// single gives the one row of a scalar subquery.
func (r *runner) single(n *plan.Single, emit func(*column.Batch) error) error {
	held := &heldRows{}
	held.Reset(schemaOf(n.In))
	err := r.run(n.In, func(b *column.Batch) error {
		if held.Len+len(b.Sel) > 1 {
			return &Error{Class: "SCALAR_SUBQUERY_TOO_MANY_ROWS", Detail: "a subquery that is a value has more than one row"}
		}
		return r.keep(held, b, b.Sel)
	})
	if err != nil {
		return err
	}
	defer r.release(held)
	if held.Len == 0 {
		for i := range held.Cols {
			appendNull(&held.Cols[i], 0)
		}
		held.Len = 1
	}
	held.SelectAll()
	return emit(&held.Batch)
}
