package plan

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// An Explosion is an Explode of a StreamOp, or a join with a table: what makes other rows of each row.
type Explosion struct {
	Where              []*expr.Node
	Rows               *expr.Node // nil: Join
	Outer, Pos, Fields bool
	Types              []column.Type // of the columns that it makes
	Join               *Lookup       // in place of Rows
}

// Exprs is the expressions over the columns of the rows that it makes others of.
func (x *Explosion) Exprs() []*expr.Node {
	list := slices.Clone(x.Where)
	if x.Rows != nil {
		list = append(list, x.Rows)
	}
	if x.Join != nil {
		for _, e := range x.Join.Equal {
			list = append(list, e.Left)
		}
		if x.Join.On != nil {
			list = append(list, x.Join.On)
		}
	}
	return list
}

// A Lookup is a join of a stream's rows with a table that does not change as long as the pipeline runs: with what comes
// from VALUES alone, by way of any views.
type Lookup struct {
	Kind  string // INNER, LEFT, LEFT SEMI, LEFT ANTI or MARK; the stream is the left side
	Table Node
	Equal []Equality // Left is over the columns of the stream's rows, Right over those of Table
	// On is the rest of the condition; of MARK all of it, unless it is one equality alone. It is over the columns of the
	// stream's rows, and over those of Table as if the Explosion made them, whatever the Kind. nil: there is none.
	On *expr.Node
}

// Rows is the tree of the table's rows with, behind its columns, what is compared for equality.
func (l *Lookup) Rows() Node {
	p := &Project{In: l.Table}
	for i, c := range l.Table.Columns() {
		p.Exprs, p.Cols = append(p.Exprs, expr.Col(i, c.Name, c.Type)), append(p.Cols, c)
	}
	for _, e := range l.Equal {
		p.Exprs, p.Cols = append(p.Exprs, e.Right), append(p.Cols, Column{Name: "key", Type: e.Right.Type})
	}
	return p
}
