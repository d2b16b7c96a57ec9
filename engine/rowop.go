package engine

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
)

// A rowTask runs one operator that keeps rows one for one, on one partition.
type rowTask struct {
	op     *dataflow.Operator
	where  scan.Filter
	out    []*expr.Eval
	cols   []*column.Vector
	failed expr.RowErrors
	judged judged
	to     *rowWriter
	alert  *alertLane // in place of to

	exploder *exploder // nil: rows are records
	made     madeRows
}

func newRowTask(op *dataflow.Operator, env expr.Env, tables joinTables) (*rowTask, error) {
	r := &rowTask{op: op}
	predicates := op.Post
	if op.Watermark < 0 {
		predicates = slices.Concat(op.Pre, op.Post)
	}
	var err error
	if r.where, err = scan.CompileFilter(predicates, env); err != nil {
		return nil, err
	}
	if r.out, err = compileAll(op.Out, env); err != nil {
		return nil, err
	}
	r.cols = make([]*column.Vector, len(r.out))
	r.exploder, err = newExploder(op, len(op.Scan.Columns), env, tables)
	return r, err
}

func compileAll(list []*expr.Node, env expr.Env) ([]*expr.Eval, error) {
	out := make([]*expr.Eval, len(list))
	for i, n := range list {
		if n == nil {
			continue
		}
		ev, err := expr.Compile(n, env)
		if err != nil {
			return nil, err
		}
		out[i] = ev
	}
	return out, nil
}

// step runs the operator over the scan's batch.
func (r *rowTask) step(t *scan.Step) error {
	r.judged.begin(t, r.op)
	r.failed.Reset()
	// Without a watermark a malformed value is a struct of NULLs to the query, as in Spark, though
	// the ledger calls the row invalid.
	rows := t.Scan.All
	if r.op.Watermark >= 0 {
		rows = t.Marks[r.op.Watermark].Rows
	}
	b := &t.Scan.Batch
	if r.exploder != nil {
		return r.stepMade(t, b)
	}
	sel := r.where.Run(b, rows, &r.failed)
	for i, ev := range r.out {
		r.cols[i] = ev.Run(b, sel, &r.failed)
	}
	sel = r.judged.dropFailed(t, sel, &r.failed)
	if r.op.JSON && r.op.Watermark < 0 && len(t.Scan.Tombs) > 0 {
		t.WantTombs(sel, r.judged.by)
	}
	for _, row := range sel {
		if r.judged.by[row] == ledger.Filtered {
			r.judged.by[row] = ledger.Counted
		}
	}
	r.judged.end(t)
	if r.alert != nil {
		r.alert.take(t, r.op, r.cols, sel)
		return nil
	}
	return r.to.append(r.cols, sel, t.Scan.Appended)
}
