package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// An Origin is rows of a streaming table of which rows of a view are made: those for which all predicates, over the
// table's columns, are true.
type Origin struct {
	Table *Dataset
	Where []*expr.Node
}

// Lineage goes down from rows of a materialized view, for which predicates over its columns are true, to the rows of the
// streaming tables that they are made of. Notes say where more rows are found than those, or why there are none.
func Lineage(view *Dataset, where []*expr.Node) (from []Origin, notes []string) {
	l := &lineage{}
	l.down(view.Flows[0].Root, where)
	return l.from, l.notes
}

type lineage struct {
	from  []Origin
	notes []string
}

func (l *lineage) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

func (l *lineage) down(n Node, where []*expr.Node) {
	switch n := n.(type) {
	case *Scan:
		switch d := n.Dataset; d.Kind {
		case StreamingTable:
			l.from = append(l.from, Origin{d, where})
		case MaterializedView:
			l.down(d.Flows[0].Root, where)
		default:
			l.note("it reads %s whole, which is no streaming table: records of it are not told", d.Name)
		}
	case *Filter:
		l.down(n.In, append(where[:len(where):len(where)], n.Pred))
	case *Project:
		below := make([]*expr.Node, 0, len(where))
		for _, p := range where {
			below = append(below, p.Substitute(n.Exprs))
		}
		l.down(n.In, below)
	case *Windowed, *Explode, *AssignWindows:
		in := n.Inputs()[0]
		l.down(in, over(where, 0, len(in.Columns())))
	case *Aggregate:
		l.aggregate(n, where)
	case *Join:
		l.join(n, where)
	case *SetOp:
		l.down(n.Left, where)
		if n.Op == "UNION" {
			l.down(n.Right, where)
		}
	case *Single, *Apply:
		l.note("the value of a subquery goes into it, whose rows are not told")
	case *Values:
	default: // those that hand rows on as they are: Watermark, Sort, Limit, Distinct
		for _, in := range n.Inputs() {
			l.down(in, where)
		}
	}
}

// aggregate goes on with what the keys are.
func (l *lineage) aggregate(n *Aggregate, where []*expr.Node) {
	var below []*expr.Node
	told := make([]bool, len(n.Keys))
	if n.Grouping == nil {
		for _, p := range over(where, 0, len(n.Keys)) {
			p.Walk(func(m *expr.Node) {
				if m.Op == expr.OpColumn {
					told[m.Index] = true
				}
			})
			below = append(below, p.Substitute(n.Keys))
		}
	}
	for i, is := range told {
		if !is {
			l.note("the row does not tell %s: rows of all of them are among these", exprText(n.Keys[i], n.In.Columns()))
		}
	}
	l.down(n.In, below)
}

// join goes on with what is said of either side, also by way of an equality of the two.
func (l *lineage) join(n *Join, where []*expr.Node) {
	width := len(n.Left.Columns())
	all := width + len(n.Right.Columns())
	where = where[:len(where):len(where)]
	if n.On != nil {
		for _, on := range Conjuncts(n.On) {
			where = append(where, on)
			if on.Op != expr.OpCall || on.Func != "=" || on.Args[0].Op != expr.OpColumn || on.Args[1].Op != expr.OpColumn {
				continue
			}
			a, b := on.Args[0].Index, on.Args[1].Index
			for _, p := range where {
				for _, swap := range [][2]int{{a, b}, {b, a}} {
					if len(over([]*expr.Node{p}, swap[0], swap[0]+1)) == 1 {
						where = append(where, p.Rewrite(func(m *expr.Node) *expr.Node {
							if m.Op == expr.OpColumn {
								m.Index = swap[1]
							}
							return m
						}))
					}
				}
			}
		}
	}
	l.down(n.Left, over(where, 0, width))
	if n.Kind != "LEFT SEMI" && n.Kind != "LEFT ANTI" {
		l.down(n.Right, over(where, width, all))
	}
}

// Conjuncts is the parts of a condition that are all to be true.
func Conjuncts(n *expr.Node) []*expr.Node {
	if n.Op != expr.OpAnd {
		return []*expr.Node{n}
	}
	var all []*expr.Node
	for _, a := range n.Args {
		all = append(all, Conjuncts(a)...)
	}
	return all
}

// over is the parts of predicates that are over the columns from … to-1 alone, numbered from 0.
func over(where []*expr.Node, from, to int) []*expr.Node {
	var out []*expr.Node
	for _, all := range where {
		for _, p := range Conjuncts(all) {
			fits := true
			p.Walk(func(m *expr.Node) { fits = fits && (m.Op != expr.OpColumn || m.Index >= from && m.Index < to) })
			if fits {
				out = append(out, p.Rewrite(func(m *expr.Node) *expr.Node {
					if m.Op == expr.OpColumn {
						m.Index -= from
					}
					return m
				}))
			}
		}
	}
	return out
}

// BindCondition binds a condition over the columns of a table or view, as in WHERE.
func (p *Pipeline) BindCondition(name, where string) (*expr.Node, sql.Faults) {
	root, faults := BindQuery(p, "SELECT 1 FROM "+quotedName(name)+" WHERE (\n"+where+"\n)", nil)
	if len(faults) > 0 {
		return nil, faults
	}
	for n := root; ; n = n.Inputs()[0] {
		if f, is := n.(*Filter); is {
			return f.Pred, nil
		}
		if len(n.Inputs()) == 0 {
			panic("BUG: a query with WHERE has no filter")
		}
	}
}
