package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A Drop is the operator of a query that leaves rows out.
type Drop struct {
	From  *Dataset     // in whose query it is
	Flow  int          // of From, the place of its flow
	Depth int          // how many aggregates stand above it in that flow
	Text  string       // of a JOIN, as it is written
	Word  string       // WHERE, HAVING, QUALIFY, JOIN, LIMIT, EXCEPT, INTERSECT
	Cond  *expr.Node   // that is not true, over the columns of Rows, of a JOIN over those of both sides; nil: no condition says it
	Rows  Node         // gives the rows as they come to it …
	Where []*expr.Node // … of which those are meant for which these are true
	Count int64        // how many they are
}

// Chosen is the rows that are left out.
func (d *Drop) Chosen() Node { return Chosen(d.Rows, d.Where) }

// Chosen is the rows of a relation for which predicates over its columns are true.
func Chosen(n Node, where []*expr.Node) Node {
	if pred := allTrue(where); pred != nil {
		return &Filter{In: n, Pred: pred}
	}
	return n
}

func allTrue(list []*expr.Node) (all *expr.Node) {
	for _, p := range list {
		all = and(all, p)
	}
	return all
}

// FindDrop finds what leaves rows of a table or view out for which predicates over its columns are true: it goes down the
// queries to the first operator that gets such rows and gives none. count counts the rows of a relation in the query of a
// dataset. nil: there are no such rows anywhere.
func FindDrop(d *Dataset, where []*expr.Node, count func(n Node, of *Dataset) (int64, error)) (*Drop, error) {
	f := &dropFinder{count: count}
	return f.dataset(d, where)
}

type dropFinder struct {
	count func(Node, *Dataset) (int64, error)
	at    Drop // where it looks
}

// dataset goes on in the queries of a dataset.
func (f *dropFinder) dataset(d *Dataset, where []*expr.Node) (*Drop, error) {
	before := f.at
	defer func() { f.at = before }()
	for i, flow := range d.Flows {
		f.at = Drop{From: d, Flow: i}
		if found, err := f.find(flow.Root, where); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// got is the Drop of an operator that gets such rows, nil if it gets none either.
func (f *dropFinder) got(n Node, where []*expr.Node, word string, cond *expr.Node) (*Drop, error) {
	rows, err := f.count(Chosen(n, where), f.at.From)
	if rows == 0 || err != nil {
		return nil, err
	}
	found := f.at
	found.Word, found.Cond, found.Rows, found.Where, found.Count = word, cond, n, where, rows
	return &found, nil
}

// find looks below an operator that gives no such rows.
func (f *dropFinder) find(n Node, where []*expr.Node) (*Drop, error) {
	switch n := n.(type) {
	case *Scan:
		return f.dataset(n.Dataset, where)
	case *Filter:
		if found, err := f.got(n.In, where, filterWord(n), n.Pred); found != nil || err != nil {
			return found, err
		}
		return f.find(n.In, where)
	case *Limit:
		if found, err := f.got(n.In, where, "LIMIT", nil); found != nil || err != nil {
			return found, err
		}
		return f.find(n.In, where)
	case *Project:
		below := make([]*expr.Node, 0, len(where))
		for _, p := range where {
			below = append(below, p.Substitute(n.Exprs))
		}
		return f.find(n.In, below)
	case *Windowed, *Explode, *AssignWindows:
		in := n.Inputs()[0]
		kept := over(where, 0, len(in.Columns()))
		if other, err := f.others(n, where, kept); other || err != nil {
			return nil, err
		}
		return f.find(in, kept)
	case *Aggregate:
		if other, err := f.others(n, where, over(where, 0, len(n.Keys))); other || err != nil {
			return nil, err
		}
		f.at.Depth++
		defer func() { f.at.Depth-- }()
		return f.find(n.In, ofKeys(n, where))
	case *Join:
		return f.join(n, where)
	case *Apply:
		return f.find(n.Left, over(where, 0, len(n.Left.Columns())))
	case *SetOp:
		return f.setOp(n, where)
	case *Watermark, *Sort, *Distinct:
		return f.find(n.Inputs()[0], where)
	}
	return nil, nil
}

// filterWord is the clause that a filter was written as.
func filterWord(f *Filter) string {
	for n := f.In; ; n = n.Inputs()[0] {
		switch in := n.(type) {
		case *Aggregate:
			return "HAVING"
		case *Windowed:
			return "QUALIFY"
		case *Join:
			if _, single := in.Right.(*Single); !single && in.Kind != JoinMark {
				return "WHERE"
			}
		default:
			return "WHERE"
		}
	}
}

// others reports whether an operator gives rows of which less is said: then no operator below leaves them out, but they
// have other values than those that are asked for.
func (f *dropFinder) others(n Node, where, less []*expr.Node) (bool, error) {
	if len(less) == len(over(where, 0, len(n.Columns()))) {
		return false, nil // nothing more is said
	}
	rows, err := f.count(Chosen(n, less), f.at.From)
	return rows > 0, err
}

// ofKeys is what predicates over an aggregate's columns say of its input: by its keys, and of a window's time by when the
// window starts or ends.
func ofKeys(n *Aggregate, where []*expr.Node) (below []*expr.Node) {
	if n.Grouping != nil {
		return nil
	}
	for _, p := range over(where, 0, len(n.Keys)) {
		switch {
		case n.WindowKey < 0 || !uses(p, n.WindowKey, n.WindowKey+1):
			below = append(below, p.Substitute(n.Keys))
		case n.Window != nil && !n.Window.Session:
			if in := timesOf(n, p); in != nil {
				below = append(below, in)
			}
		}
	}
	return below
}

// timesOf is which times lie in the window that a predicate names by its start or end; nil: it names none so.
func timesOf(n *Aggregate, p *expr.Node) *expr.Node {
	if p.Op != expr.OpCall || p.Func != "=" {
		return nil
	}
	side, value := p.Args[0], p.Args[1]
	if side.Op != expr.OpField || side.Args[0].Op != expr.OpColumn || side.Args[0].Index != n.WindowKey || uses(value, 0, outerBase) {
		return nil
	}
	of := &scope{cols: []scopeColumn{{name: "t", node: n.Window.Time}, {name: "at", node: value}}}
	t, at := sql.Expr(hiddenName(0, "t", sql.Pos{})), sql.Expr(hiddenName(1, "at", sql.Pos{}))
	size := &sql.Interval{Parts: []sql.IntervalPart{{Value: fmt.Sprint(n.Window.Size), Unit: "MICROSECOND"}}}
	from, to := at, sql.Expr(&sql.Binary{Op: "+", Left: at, Right: size})
	if side.Name == "end" {
		from, to = &sql.Binary{Op: "-", Left: at, Right: size}, at
	}
	bound, faults := (session{zone: time.UTC}).binder(of).Bind(&sql.Binary{Op: "AND", Left: &sql.Binary{Op: ">=", Left: t, Right: from}, Right: &sql.Binary{Op: "<", Left: t, Right: to}})
	if len(faults) > 0 || bound.Type.Kind != column.Bool {
		return nil
	}
	return bound
}

// join looks at the side of which more is said: its rows may have found none of the other.
func (f *dropFinder) join(n *Join, where []*expr.Node) (*Drop, error) {
	width := len(n.Left.Columns())
	left := over(where, 0, width)
	_, single := n.Right.(*Single)
	if single || n.Kind == JoinMark {
		return f.find(n.Left, left)
	}
	type joined struct {
		in           Node
		where, whole []*expr.Node // over its own columns, over those of the join
	}
	sides := []joined{{n.Left, left, left}}
	if n.Kind != "LEFT SEMI" && n.Kind != "LEFT ANTI" {
		right := over(where, width, width+len(n.Right.Columns()))
		var whole []*expr.Node
		for _, p := range right {
			whole = append(whole, shifted(p, width))
		}
		sides = append(sides, joined{n.Right, right, whole})
		if len(left) == 0 && len(right) > 0 {
			sides[0], sides[1] = sides[1], sides[0]
		}
	}
	for _, side := range sides {
		if len(side.where) == 0 && len(where) > 0 {
			continue // all of its rows: nothing is said of them
		}
		if rows, err := f.count(Chosen(n, side.whole), f.at.From); err != nil {
			return nil, err
		} else if rows > 0 && len(sides) > 1 {
			continue // they have partners, others than those that are asked for
		}
		found, err := f.got(side.in, side.where, n.Kind+" JOIN", n.On)
		if found != nil {
			found.Text = strings.TrimPrefix(joinText(n), n.Kind+" JOIN ON ")
		}
		if found == nil && err == nil {
			found, err = f.find(side.in, side.where)
		}
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

func (f *dropFinder) setOp(n *SetOp, where []*expr.Node) (*Drop, error) {
	if n.Op != "UNION" {
		found, err := f.got(n.Left, where, n.Op, nil)
		if found == nil && err == nil {
			found, err = f.find(n.Left, where)
		}
		return found, err
	}
	for _, side := range n.Inputs() {
		if found, err := f.find(side, where); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}
