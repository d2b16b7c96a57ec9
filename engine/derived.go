package engine

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
)

// derived runs an operator that reads the final rows of a windowed table, or of another derived: a
// sink, or a table of rows. It belongs to the merger.
type derived struct {
	name    string // its own and that of what it reads
	op      *dataflow.Operator
	where   scan.Filter
	out     []*expr.Eval
	in      column.Batch
	schema  column.Schema
	cols    []*column.Vector
	bad     []bool   // by row: an expression failed
	kept    []uint32 // the others
	times   []int64  // by row of cols
	failed  expr.RowErrors
	count   ledger.Count
	to      *rowWriter
	alert   *alertStage // in place of to
	regroup *regroup    // in place of to
	next    []*derived

	exploder *exploder // nil: its rows are those that it reads
	made     madeRows
	rows     []column.Vector // that it made
	used     []bool          // by row that it reads: some row was made of it
}

// An outlet is who reads the rows that a stage gives.
type outlet struct {
	stage   Stage
	group   *groupMarks // the stage's
	age     int64       // of the rows in hand, see age.go
	next    []*derived  // that read the rows
	derived []*derived  // these, and those that read theirs
}

// hand hands rows on, with the times of each.
func (o *outlet) hand(cols []*column.Vector, rows []uint32, times []int64) error {
	for _, d := range o.next {
		if err := d.take(cols, rows, times); err != nil {
			return err
		}
	}
	return nil
}

func newDerived(op *dataflow.Operator, env expr.Env, tables joinTables) (*derived, error) {
	own := *op
	op = &own
	op.PlaceMade(len(op.From.Schema.Fields))
	d := &derived{op: op, schema: op.From.Schema}
	var err error
	if d.where, err = scan.CompileFilter(slices.Concat(op.Pre, op.Post), env); err != nil {
		return nil, err
	}
	if d.out, err = compileAll(op.Out, env); err != nil {
		return nil, err
	}
	d.cols = make([]*column.Vector, len(d.out))
	d.exploder, err = newExploder(op, len(d.schema.Fields), env, tables)
	d.rows = make([]column.Vector, len(d.out))
	return d, err
}

// take runs the operator over rows of a window that was just closed.
func (d *derived) take(cols []*column.Vector, rows []uint32, times []int64) error {
	var counted, bad int64
	if d.regroup != nil {
		d.enter(cols, len(times))
		counted, bad = d.regroup.take(&d.in, rows)
	} else {
		counted, bad = d.run(cols, rows, times)
	}
	d.count.Read += int64(len(rows))
	d.count.Counted += counted
	d.count.Invalid += bad
	d.count.Filtered += int64(len(rows)) - counted - bad
	if d.regroup != nil {
		return nil
	}
	if d.alert != nil {
		d.alert.take(d.cols, d.kept, d.times)
		return nil
	}
	if err := d.to.append(d.cols, d.kept, d.times); err != nil {
		return err
	}
	for _, n := range d.next {
		if err := n.take(d.cols, d.kept, d.times); err != nil {
			return err
		}
	}
	return nil
}

// run computes the operator's rows of a batch: those in d.kept of d.cols, with their times. It returns of how many
// of the rows given there are some, and how many others could not be computed.
func (d *derived) run(cols []*column.Vector, rows []uint32, times []int64) (counted, bad int64) {
	n := len(times)
	d.enter(cols, n)
	if d.exploder != nil {
		return d.runMade(rows, times)
	}
	d.times = times
	d.failed.Reset()
	sel := d.where.Run(&d.in, rows, &d.failed)
	for i, ev := range d.out {
		d.cols[i] = ev.Run(&d.in, sel, &d.failed)
	}
	d.bad = column.Sized(d.bad, n)
	clear(d.bad)
	for _, r := range d.failed.Rows {
		if !d.bad[r] {
			d.bad[r] = true
			bad++
		}
	}
	d.kept = d.kept[:0]
	for _, r := range sel {
		if !d.bad[r] {
			d.kept = append(d.kept, r)
		}
	}
	return int64(len(d.kept)), bad
}

// enter makes d.in of the columns of n rows.
func (d *derived) enter(cols []*column.Vector, n int) {
	d.in.Schema, d.in.Len = &d.schema, n
	d.in.Cols = d.in.Cols[:0]
	for _, c := range cols {
		d.in.Cols = append(d.in.Cols, *c)
	}
}
