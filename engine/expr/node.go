package expr

import (
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Op is the kind of a Node.
type Op uint8

// The kinds of Node.
const (
	OpColumn   Op = iota // Index: column of the input batch
	OpConst              // Const: a vector of one row
	OpField              // Args[0] is a struct; Index: the field
	OpCast               // Args[0]; to Type
	OpTryCast            // Args[0]; NULL instead of an error
	OpCase               // Args: condition, result, condition, result, …, else (always there); lazy
	OpAnd                // Args: 2; lazy
	OpOr                 // Args: 2; lazy
	OpCoalesce           // Args: 1 or more of Type; lazy
	OpCall               // Func with Args: operators ("+", "=", "not", "isnull") and functions alike
)

// A Node is a resolved, typed expression. Nodes are not changed once made; Rewrite copies.
type Node struct {
	Op    Op
	Type  column.Type
	Index int            // OpColumn, OpField
	Name  string         // OpColumn, OpField: for messages and output names
	Func  string         // OpCall: canonical name in lower case
	Const *column.Vector // OpConst
	Args  []*Node
	Pos   sql.Pos
	Text  string // of a whole condition: as it is written; else ""
}

// Col is a reference to column i of the input.
func Col(i int, name string, t column.Type) *Node {
	return &Node{Op: OpColumn, Index: i, Name: name, Type: t}
}

// Walk calls visit for the node and all below it, parents first.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for _, a := range n.Args {
		a.Walk(visit)
	}
}

// Rewrite returns the tree with every node replaced by what f gives for it, children first; f gets
// a copy whose Args are rewritten already, and may return it.
func (n *Node) Rewrite(f func(*Node) *Node) *Node {
	c := *n
	if len(n.Args) > 0 {
		c.Args = make([]*Node, len(n.Args))
		for i, a := range n.Args {
			c.Args[i] = a.Rewrite(f)
		}
	}
	return f(&c)
}

// Substitute replaces column i by cols[i], everywhere: it moves an expression below a projection.
func (n *Node) Substitute(cols []*Node) *Node {
	return n.Rewrite(func(m *Node) *Node {
		if m.Op == OpColumn {
			return cols[m.Index]
		}
		return m
	})
}

// Env is what a compiled expression needs from outside.
type Env struct {
	Zone *time.Location // spark.sql.session.timeZone
	Now  int64          // current_timestamp(), microseconds; the same for a whole query
	// Clock, unless it is nil, gives current_timestamp() row by row in the place of Now.
	Clock *Clock
	// Unfit, unless it is nil, gathers what from_json cannot fit into its type.
	Unfit *Unfit
}

// Scope resolves names while binding.
type Scope interface {
	// Resolve returns the expression for the longest prefix of parts that is a column (qualified or
	// not) and how many parts that took; the binder treats the rest as struct fields. A nil node
	// with a nil fault means "not found" and lets Names be used for the hint.
	Resolve(parts []sql.Ident) (*Node, int, *sql.Fault)
	// Names lists what could have been meant.
	Names() []string
}

// A Binder turns syntax into Nodes. Its zero value, with a Scope, binds scalar expressions.
type Binder struct {
	Scope Scope
	Zone  *time.Location
	// KeepScale is spark.sql.decimalOperations.allowPrecisionLoss = false: a DECIMAL beyond 38 digits
	// keeps those behind the point, and values that need more before it overflow.
	KeepScale bool
	// Call, when set, sees each function call before the binder does: it returns a node for
	// aggregates, window functions, generators and window(…), or nil to let the binder go on.
	Call func(b *Binder, c *sql.Call) (*Node, *sql.Fault)
	// Query, when set, binds scalar subqueries, EXISTS and IN (query).
	Query func(b *Binder, e sql.Expr) (*Node, *sql.Fault)
	// Lambda parameters in scope and other state are the binder's own.
	state binderState
}

// RowErrors collects the rows whose expression failed, with Spark's error class.
// A failed row is NULL in the result.
type RowErrors struct {
	Rows    []uint32
	Classes []string
	Details []string // may be "" on hot paths
}

// Reset empties the list.
func (e *RowErrors) Reset() { e.Rows, e.Classes, e.Details = e.Rows[:0], e.Classes[:0], e.Details[:0] }

// Add records a failure.
func (e *RowErrors) Add(row uint32, class, detail string) {
	e.Rows = append(e.Rows, row)
	e.Classes = append(e.Classes, class)
	e.Details = append(e.Details, detail)
}
