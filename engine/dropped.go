package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Dropped is a row that is not in a table or view, since an operator of a query leaves it out.
type Dropped struct {
	plan.Drop
	Condition string  // that is not true of it, with those beside it; "": none says it
	Failing   string  // the part of it that is not true
	At        sql.Pos // of the condition
	Row       RowSet  // as it came to the operator; one of them, if Count is more
	Uses      []int   // columns of Row that the part is over
	Evidence  *Evidence
}

// Dropped finds why a table or view has no row for which a condition over its columns holds, in Options.Queries; nil: what
// is in the topics and tables gives none. The records behind it are found if it is one row.
func (e *Engine) Dropped(ctx context.Context, name, where string) (*Dropped, error) {
	ctx, leave, err := e.opt.Queries.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	pred, faults := e.opt.Pipeline.BindCondition(name, where)
	if len(faults) > 0 {
		return nil, faults
	}
	run := func(n plan.Node, of *plan.Dataset, visit func(*column.Batch) error) error {
		if ops := e.byTable[of.Name]; len(ops) > 0 {
			return e.runCounted(ctx, n, ops[0].Lead(), visit)
		}
		return e.runBatch(ctx, n, reading{open: true}, visit)
	}
	drop, err := plan.FindDrop(e.opt.Pipeline.Dataset(name), plan.Conjuncts(pred), func(n plan.Node, of *plan.Dataset) (rows int64, err error) {
		err = run(n, of, func(b *column.Batch) error {
			rows += int64(len(b.Sel))
			return nil
		})
		return rows, err
	})
	if drop == nil || err != nil {
		return nil, err
	}
	d := &Dropped{Drop: *drop}
	schema := schemaOf(drop.Rows.Columns())
	d.Row = RowSet{Schema: &schema, Batch: &column.Batch{}}
	d.Row.Batch.Reset(&schema)
	err = run(drop.Chosen(), drop.From, func(b *column.Batch) error {
		d.Row.Batch.AppendRow(b, int(b.Sel[0]))
		return errStop
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	if err := d.tell(e.env); err != nil || d.Count > 1 {
		return d, err
	}
	d.Evidence, err = e.evidenceOfDrop(ctx, d)
	return d, err
}

// tell finds which part of the condition is not true of the row, and which columns it is over.
func (d *Dropped) tell(env expr.Env) error {
	if d.Cond == nil {
		return nil
	}
	cols := d.Rows.Columns()
	d.At, d.Condition = d.Cond.Pos, plan.ConditionText(d.Cond, cols)
	if d.Text != "" {
		d.Condition = d.Text
	}
	if d.Word == "WHERE" || d.Word == "HAVING" || d.Word == "QUALIFY" {
		parts := plan.Conjuncts(d.Cond)
		tests, err := compileEach(parts, env)
		if err != nil {
			return err
		}
		conds := make([]*condition, 1)
		d.Row.Batch.SelectAll()
		firstFailing(d.Row.Batch, d.Row.Batch.Sel, parts, tests, conds, &expr.RowErrors{})
		if conds[0] != nil {
			d.Failing = plan.ConditionText(conds[0], cols)
			d.use(conds[0], len(cols))
			return nil
		}
	}
	d.use(d.Cond, len(cols))
	return nil
}

// use notes the columns that a condition is over; of a subquery that has matched or not those that it is compared with.
func (d *Dropped) use(cond *expr.Node, columns int) {
	cond.Walk(func(n *expr.Node) {
		if n.Op != expr.OpColumn || n.Index >= columns || slices.Contains(d.Uses, n.Index) {
			return
		}
		for in, is := d.Rows.(*plan.Join); is; in, is = in.Left.(*plan.Join) {
			width := len(in.Left.Columns())
			if in.Kind == plan.JoinMark && n.Index == width {
				if in.On != nil {
					d.use(in.On, width)
				}
				return
			}
		}
		d.Uses = append(d.Uses, n.Index)
	})
}

// evidenceOfDrop finds the records behind a row that is left out.
func (e *Engine) evidenceOfDrop(ctx context.Context, d *Dropped) (*Evidence, error) {
	if a, is := d.Rows.(*plan.Aggregate); is {
		if op := e.groupsOf(d, a); op != nil {
			end, key := groupOf(d.Row.Batch, 0, a)
			v := e.newEvidence()
			v.groups[op] = groupSet{}
			v.groups[op].add(end, key, nil)
			v.found(op)
			return v.readAll(ctx, true)
		}
	}
	return e.evidenceOf(ctx, plan.Lineage(d.Rows, d.Where), false)
}

// groupsOf is the operator that makes the groups of an aggregate in a table's flow; nil: it is none over windows.
func (e *Engine) groupsOf(d *Dropped, a *plan.Aggregate) *dataflow.Operator {
	flows := e.windowed(d.From.Name)
	if a.Window == nil || len(flows) == 0 || flows[0].Flows != len(d.From.Flows) {
		return nil
	}
	for _, op := range flows {
		if op.Flow != d.Flow {
			continue
		}
		op = op.Lead()
		for range d.Depth {
			if op.From.Within == "" {
				return nil
			}
			op = e.windowed(op.From.Name)[0].Lead()
		}
		return op
	}
	return nil
}
