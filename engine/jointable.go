package engine

import (
	"context"
	"fmt"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/lookup"
	"github.com/nagare-stream/nagare/engine/plan"
)

// joinTables is the tables that streams are joined with, by what decides their rows and index. Operators that join
// with the same one share it.
type joinTables map[string]*lookup.Table

func joinTableKey(j *plan.Lookup) string {
	text := ""
	for _, e := range j.Equal {
		text += fmt.Sprintf("%s %v ", e.Right.Key(), e.NullSafe)
	}
	return text + plan.Identity(j.Table)
}

// joinTables reads the tables that the operators join with.
func (e *Engine) joinTables(ctx context.Context) error {
	e.joined = joinTables{}
	for _, op := range e.ops {
		for _, x := range op.Explosions {
			if x.Join == nil || e.joined[joinTableKey(x.Join)] != nil {
				continue
			}
			t, err := e.joinTable(ctx, x.Join)
			if err != nil {
				return fmt.Errorf("read the table that %s joins with: %w", op.Name, err)
			}
			e.joined[joinTableKey(x.Join)] = t
		}
	}
	return nil
}

// joinTable reads one table, as a query among others may, and keeps it. Nothing in it goes by the clock.
func (e *Engine) joinTable(ctx context.Context, j *plan.Lookup) (*lookup.Table, error) {
	var rows column.Batch
	schema := schemaOf(j.Rows().Columns())
	rows.Reset(&schema)
	open := func(d *plan.Dataset) (batch.Input, error) {
		return nil, fmt.Errorf("BUG: a stream is joined with %s, which can change", d.Name)
	}
	ctx, end, err := e.opt.Queries.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	most := e.opt.Queries.Memory()
	err = batch.Run(ctx, j.Rows(), open, expr.Env{Zone: e.env.Zone}, func(b *column.Batch) error {
		for _, r := range b.Sel {
			rows.AppendRow(b, int(r))
		}
		size := int64(0)
		for i := range rows.Cols {
			size += rows.Cols[i].Capacity()
		}
		if size > most {
			return fmt.Errorf("its first %d rows take more than the %s of memory that queries may hold; join with fewer rows, or set nagare.query.memory", rows.Len, batch.Size(most))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	width := len(j.Table.Columns())
	keys := make([]*column.Vector, 0, len(j.Equal))
	nullSafe := make([]bool, 0, len(j.Equal))
	for i, e := range j.Equal {
		keys, nullSafe = append(keys, &rows.Cols[width+i]), append(nullSafe, e.NullSafe)
	}
	for i := range rows.Cols {
		rows.Cols[i].EnsureNull(rows.Len)
	}
	table := rows
	table.Cols = rows.Cols[:width]
	return lookup.NewTable(table, keys, nullSafe), nil
}

// A joinStage is a join with a table, as an exploder runs it.
type joinStage struct {
	keys    []*expr.Eval
	cols    []*column.Vector
	on      *expr.Eval // nil: there is none
	look    *lookup.Lookup
	failed  expr.RowErrors
	x       *exploder
	origins []uint32 // of the rows at hand
	from    []uint32 // scratch: of pairs
	same    []uint32 // 0, 1, 2, …
}

// newJoinStage makes explosion k of an operator, over width columns.
func newJoinStage(op *dataflow.Operator, k, width int, env expr.Env, tables joinTables) (*joinStage, error) {
	x := &op.Explosions[k]
	t := tables[joinTableKey(x.Join)]
	if t == nil {
		return nil, fmt.Errorf("BUG: the table that %s joins with was not read", op.Name)
	}
	s := &joinStage{}
	for _, e := range x.Join.Equal {
		key, err := expr.Compile(e.Left, env)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	s.cols = make([]*column.Vector, len(s.keys))
	shape := lookup.Shape{Kind: kindOf(x.Join.Kind), Width: width}
	for _, c := range op.Carried(k, width+len(x.Types)) {
		switch {
		case c < width:
			shape.Carry = append(shape.Carry, c)
		case shape.Kind <= lookup.Left:
			shape.Made = append(shape.Made, c-width)
		}
	}
	if x.Join.On == nil {
		s.look = lookup.New(t, shape, nil)
		return s, nil
	}
	reads := map[int]bool{}
	x.Join.On.Walk(func(m *expr.Node) {
		if m.Op != expr.OpColumn || reads[m.Index] {
			return
		}
		reads[m.Index] = true
		if m.Index < width {
			shape.ReadsLeft = append(shape.ReadsLeft, m.Index)
		} else {
			shape.ReadsRight = append(shape.ReadsRight, m.Index-width)
		}
	})
	var err error
	s.on, err = expr.Compile(x.Join.On, env)
	s.look = lookup.New(t, shape, s.judge)
	return s, err
}

func kindOf(kind string) lookup.Kind {
	switch kind {
	case "LEFT":
		return lookup.Left
	case "LEFT SEMI":
		return lookup.Semi
	case "LEFT ANTI":
		return lookup.Anti
	case plan.JoinMark:
		return lookup.Mark
	}
	return lookup.Inner
}

// join takes rows through a join, which stands behind k explosions.
func (x *exploder) join(k int, s *explodeStage, b *column.Batch, rows, origins []uint32) error {
	j := s.join
	for i, key := range j.keys {
		j.cols[i] = key.Run(b, rows, &s.failed)
	}
	rows = s.dropFailed(x, b.Len, rows, origins)
	j.x, j.origins = x, origins
	return j.look.Run(b, rows, j.cols, func(made *column.Batch, sel, from []uint32) error {
		if from != nil {
			s.from(from, origins)
			return x.level(k+1, made, sel, s.origins)
		}
		if origins == nil { // rows are origins still
			for i := len(j.same); i < made.Len; i++ {
				j.same = append(j.same, uint32(i))
			}
			return x.level(k+1, made, sel, j.same[:made.Len])
		}
		return x.level(k+1, made, sel, origins)
	})
}

// judge computes the rest of the condition for pairs of rows.
func (s *joinStage) judge(b *column.Batch, rows, from []uint32, verdicts []lookup.Verdict) {
	s.from = s.from[:0]
	for _, r := range from {
		s.from = append(s.from, originOf(r, s.origins))
	}
	s.x.origins(s.from)
	s.failed.Reset()
	v := s.on.Run(b, rows, &s.failed)
	for _, r := range rows {
		switch {
		case v.IsNull(int(r)):
			verdicts[r] = lookup.Unknown
		case v.Int[r] != 0:
			verdicts[r] = lookup.Yes
		default:
			verdicts[r] = lookup.No
		}
	}
	for i, r := range s.failed.Rows {
		verdicts[r] = lookup.Failed
		s.x.lose(s.from[r], ledger.Invalid, "invalid", s.failed.Classes[i])
	}
	s.x.origins(s.origins)
}
