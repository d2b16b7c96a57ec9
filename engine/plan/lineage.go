package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// An Origin is rows of a streaming table of which rows of a view are made: those for which all predicates, over the
// table's columns, are true.
type Origin struct {
	Table *Dataset // or a source that is read whole
	Where []*expr.Node
	Scan  *Scan // of a source; nil: of a table
}

// Origins are where rows come from. Notes say where more rows are found than those, or why there are none.
type Origins struct {
	From       []Origin
	Subqueries []Subquery // whose values the rows have, or by which they were chosen
	Notes      []string
}

// A Subquery is one whose rows are not rows of what it stands in.
type Subquery struct {
	Text string // as it is written, or the join that is one
	Pos  sql.Pos
	Origins
}

// Lineage goes down from rows of a relation for which predicates over its columns are true to the rows of the streaming
// tables and sources that they are made of.
func Lineage(n Node, where []*expr.Node) *Origins {
	l := &lineage{}
	l.down(n, where)
	return &l.Origins
}

type lineage struct{ Origins }

// subquery goes down on its own.
func (l *lineage) subquery(n Node, where []*expr.Node, text string, pos sql.Pos) {
	l.Subqueries = append(l.Subqueries, Subquery{text, pos, *Lineage(n, where)})
}

func (l *lineage) note(format string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(format, args...))
}

func (l *lineage) down(n Node, where []*expr.Node) {
	switch n := n.(type) {
	case *Scan:
		switch d := n.Dataset; d.Kind {
		case StreamingTable:
			l.From = append(l.From, Origin{Table: d, Where: where})
		case MaterializedView:
			l.down(d.Flows[0].Root, where)
		case TemporaryView:
			l.down(d.Flows[0].Root, where)
		default:
			l.From = append(l.From, Origin{Table: d, Where: where, Scan: n})
		}
	case *Filter:
		l.down(n.In, append(where[:len(where):len(where)], trueParts(n.Pred)...))
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
	case *Single:
		l.subquery(n.In, nil, n.Text, n.Pos)
	case *Apply:
		l.down(n.Left, over(where, 0, len(n.Left.Columns())))
		l.note("the rows of a subquery that is computed anew for each row are not told")
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

// join goes on with what is said of either side, and by way of an equality of columns with what is said of the other.
func (l *lineage) join(n *Join, where []*expr.Node) {
	width := len(n.Left.Columns())
	all := width + len(n.Right.Columns())
	left, right := over(where, 0, width), []*expr.Node{}
	switch n.Kind {
	case "LEFT SEMI", "LEFT ANTI", JoinMark: // of the right side no column comes out
	default:
		right = over(where, width, all)
	}
	var on []*expr.Node
	if n.On != nil {
		on = trueParts(n.On)
	}
	fromLeft, fromRight := left, right
	for _, p := range on {
		a, b, equal := equalColumns(p, width)
		if !equal {
			continue
		}
		if n.Kind != "RIGHT" && n.Kind != "FULL" { // no row of the left side is of NULLs alone
			right = append(right, moved(fromLeft, a, b-width)...)
		}
		if n.Kind != "LEFT" && n.Kind != "FULL" {
			left = append(left, moved(fromRight, b-width, a)...)
		}
	}
	if n.Kind != "RIGHT" && n.Kind != "FULL" {
		right = append(right, over(on, width, all)...)
	}
	switch n.Kind {
	case "LEFT", "FULL", "LEFT ANTI", JoinMark: // rows that ON does not hold for are there, too
	default:
		left = append(left, over(on, 0, width)...)
	}
	l.down(n.Left, left)
	switch n.Kind {
	case "LEFT SEMI", "LEFT ANTI", JoinMark:
		l.subquery(n.Right, right, joinText(n), n.Pos)
	default:
		l.down(n.Right, right)
	}
}

// writtenJoin is the text of a join with ON, "" of another.
func writtenJoin(j *sql.Join) string {
	if j.On == nil {
		return ""
	}
	return j.Kind + " JOIN ON " + sql.Format(j.On)
}

// joinText is a join as it is written.
func joinText(n *Join) string {
	if n.Text != "" || n.On == nil {
		return cmp.Or(n.Text, n.Kind+" JOIN")
	}
	return n.Kind + " JOIN ON " + ConditionText(n.On, slices.Concat(n.Left.Columns(), n.Right.Columns()))
}

// equalColumns tells which column of the left side has to equal which one of the right.
func equalColumns(on *expr.Node, width int) (left, right int, is bool) {
	if on.Op != expr.OpCall || on.Func != "=" || on.Args[0].Op != expr.OpColumn || on.Args[1].Op != expr.OpColumn {
		return 0, 0, false
	}
	left, right = min(on.Args[0].Index, on.Args[1].Index), max(on.Args[0].Index, on.Args[1].Index)
	return left, right, left < width && right >= width
}

// moved is the predicates over one column alone, over another.
func moved(where []*expr.Node, from, to int) (list []*expr.Node) {
	for _, p := range over(where, from, from+1) {
		list = append(list, p.Rewrite(func(m *expr.Node) *expr.Node {
			if m.Op == expr.OpColumn {
				m.Index = to
			}
			return m
		}))
	}
	return list
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

// trueParts is Conjuncts of a condition that is true: what COALESCE with FALSE is over is true, too.
func trueParts(n *expr.Node) (parts []*expr.Node) {
	for _, p := range Conjuncts(n) {
		if p.Op == expr.OpCoalesce && len(p.Args) == 2 && p.Args[0].Op != expr.OpColumn && isFalse(p.Args[1]) {
			parts = append(parts, trueParts(p.Args[0])...)
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

func isFalse(n *expr.Node) bool {
	return n.Op == expr.OpConst && n.Type.Kind == column.Bool && !n.Const.IsNull(0) && n.Const.Int[0] == 0
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
