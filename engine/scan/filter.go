package scan

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// A Filter keeps the rows for which all of its predicates are true.
type Filter struct {
	Eval *expr.Eval // nil: every row passes
	rows []uint32
}

// Run returns the rows that pass, valid until the next run; they may be the rows given.
func (f *Filter) Run(b *column.Batch, rows []uint32, failed *expr.RowErrors) []uint32 {
	if f.Eval == nil {
		return rows
	}
	f.rows = f.Eval.Filter(b, rows, f.rows[:0], failed)
	return f.rows
}

// CompileFilter makes one filter of predicates; of none, one that all rows pass.
func CompileFilter(predicates []*expr.Node, env expr.Env) (Filter, error) {
	var all *expr.Node
	for _, p := range predicates {
		if all == nil {
			all = p
		} else {
			all = &expr.Node{Op: expr.OpAnd, Type: column.Of(column.Bool), Args: []*expr.Node{all, p}, Pos: p.Pos}
		}
	}
	if all == nil {
		return Filter{}, nil
	}
	eval, err := expr.Compile(all, env)
	return Filter{Eval: eval}, err
}
