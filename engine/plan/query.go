package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// query binds a whole query; outer is the scope of the query around it, for a subquery that may
// refer to it.
func (b *binder) query(q *sql.Query, outer *correlation) (Node, bool) {
	if q == nil || q.Body == nil {
		return nil, false
	}
	if b.depth++; b.depth > maxDepth {
		b.fault(sql.Fault{Pos: q.Pos, Message: fmt.Sprintf("more than %d queries inside one another", maxDepth)})
		b.depth--
		return nil, false
	}
	known, around := len(b.ctes), b.around
	defer func() { b.depth--; b.ctes, b.around = b.ctes[:known], around }()
	ok := b.with(q.With)
	b.around = outer
	var node Node
	var bodyOK bool
	if body, isSelect := q.Body.(*sql.SelectBody); isSelect {
		node, _, bodyOK = b.selectQuery(body, q, outer)
	} else if node, bodyOK = b.setExpr(q.Body, outer); bodyOK && isArranged(q) {
		node, bodyOK = b.sortSet(node, q)
	}
	if !bodyOK {
		return nil, false
	}
	node, limitOK := b.limit(node, q)
	return node, ok && limitOK
}

// with binds the items of WITH, each seeing those before it.
func (b *binder) with(items []sql.CTE) bool {
	ok := true
	names := map[string]bool{}
	for _, c := range items {
		if name := strings.ToLower(c.Name.Name); names[name] {
			b.fault(sql.Fault{Pos: c.Name.Pos, Class: "DUPLICATED_CTE_NAMES", Message: fmt.Sprintf("WITH has two queries called %q", c.Name.Name)})
			ok = false
		} else {
			names[name] = true
		}
		root, rootOK := b.query(c.Query, nil)
		if rootOK && len(c.Columns) > 0 {
			root, rootOK = b.rename(root, c.Columns, c.Name.Pos)
		}
		if !rootOK {
			root, ok = nil, false
		}
		b.ctes = append(b.ctes, boundCTE{name: c.Name.Name, root: root})
	}
	return ok
}

// setExpr binds an operand of UNION and its like.
func (b *binder) setExpr(e sql.SetExpr, outer *correlation) (Node, bool) {
	switch e := e.(type) {
	case *sql.SelectBody:
		node, _, ok := b.selectQuery(e, nil, outer)
		return node, ok
	case *sql.Values:
		return b.values(e)
	case *sql.SubQuery:
		return b.query(e.Query, outer)
	case *sql.SetOp:
		return b.setOp(e, outer)
	}
	return nil, false
}

// setOp binds UNION, EXCEPT or INTERSECT: columns go by place, or by name, and take the type that
// both sides have in common.
func (b *binder) setOp(e *sql.SetOp, outer *correlation) (Node, bool) {
	left, ok1 := b.setExpr(e.Left, outer)
	right, ok2 := b.setExpr(e.Right, outer)
	if !ok1 || !ok2 {
		return nil, false
	}
	if e.ByName {
		if right, ok1 = b.byName(left, right, e.Pos); !ok1 {
			return nil, false
		}
	}
	l, r := left.Columns(), right.Columns()
	if len(l) != len(r) {
		b.fault(sql.Fault{Pos: e.Pos, Class: "NUM_COLUMNS_MISMATCH",
			Message: fmt.Sprintf("%s of %d and of %d columns", e.Op, len(l), len(r))})
		return nil, false
	}
	types := make([]column.Type, len(l))
	for i := range l {
		t, ok := commonType(l[i].Type, r[i].Type)
		if !ok {
			b.fault(sql.Fault{Pos: e.Pos, Class: "INCOMPATIBLE_COLUMN_TYPE",
				Message: fmt.Sprintf("column %d of %s is %s on one side and %s on the other", i+1, e.Op, strings.ToUpper(l[i].Type.String()), strings.ToUpper(r[i].Type.String()))})
			return nil, false
		}
		types[i] = t
	}
	left, right = cast(left, types), cast(right, types)
	if fault := noMaps(left.Columns(), e.Op, e.Pos); fault != nil && !(e.Op == "UNION" && e.All) {
		b.fault(*fault)
		return nil, false
	}
	op := &SetOp{Op: e.Op, All: e.All, Left: left, Right: right}
	for i, c := range left.Columns() {
		c.Qualifier = ""
		c.EventTime = c.EventTime && right.Columns()[i].EventTime
		op.Cols = append(op.Cols, c)
	}
	if fault := streamSet(op, e.Pos); fault != nil {
		b.fault(*fault)
		return nil, false
	}
	return op, true
}

// streamSet refuses what rows of streams, which have no end, cannot be compared for.
func streamSet(op *SetOp, pos sql.Pos) *sql.Fault {
	l, r := streams(op.Left), streams(op.Right)
	switch {
	case !l && !r:
		return nil
	case op.Op != "UNION":
		return &sql.Fault{Pos: pos, Message: op.Op + " is not supported on a stream: no row is the last one that could be equal",
			Hint: "write the streams into streaming tables, and compare these in a MATERIALIZED VIEW"}
	case l != r:
		return &sql.Fault{Pos: pos, Message: "UNION of a stream and a table is not supported: the table has all its rows at once",
			Hint: "read both with STREAM, or both without it in a MATERIALIZED VIEW"}
	case !op.All:
		f := notYet(pos, "UNION of streams without ALL")
		f.Hint = "write UNION ALL, and GROUP BY a window to have equal rows once"
		return f
	}
	return nil
}

// noMaps is the fault of comparing whole rows that hold maps.
func noMaps(cols []Column, what string, pos sql.Pos) *sql.Fault {
	for _, c := range cols {
		if expr.HasMap(c.Type) {
			return &sql.Fault{Pos: pos, Class: "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE",
				Message: fmt.Sprintf("%s compares rows, and column %q is %s", what, c.Name, strings.ToUpper(c.Type.String())), Hint: "GROUP BY takes maps"}
		}
	}
	return nil
}

// byName brings the right side of UNION BY NAME into the order of the left.
func (b *binder) byName(left, right Node, pos sql.Pos) (Node, bool) {
	p := &Project{In: right}
	for _, l := range left.Columns() {
		i := columnIndex(right.Columns(), l.Name)
		if i < 0 {
			b.fault(sql.Fault{Pos: pos, Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: fmt.Sprintf("the right side has no column %q", l.Name),
				Hint: didYouMean(l.Name, columnNames(right.Columns()))})
			return nil, false
		}
		c := right.Columns()[i]
		p.Exprs, p.Cols = append(p.Exprs, expr.Col(i, c.Name, c.Type)), append(p.Cols, c)
	}
	if len(p.Cols) != len(right.Columns()) {
		b.fault(sql.Fault{Pos: pos, Class: "NUM_COLUMNS_MISMATCH", Message: "the right side has columns that the left has not"})
		return nil, false
	}
	return p, true
}

// cast gives the columns of n other types.
func cast(n Node, types []column.Type) Node {
	cols := n.Columns()
	p, changed := &Project{In: n}, false
	for i, c := range cols {
		e := castTo(expr.Col(i, c.Name, c.Type), types[i])
		if e.Op != expr.OpColumn {
			changed, c.EventTime = true, false
		}
		c.Type = types[i]
		p.Exprs, p.Cols = append(p.Exprs, e), append(p.Cols, c)
	}
	if !changed {
		return n
	}
	return p
}

// commonType is the type in which values of both types can be kept, as Spark finds it.
func commonType(a, b column.Type) (column.Type, bool) {
	if a.Equal(b) {
		return a, true
	}
	s := &scope{cols: []scopeColumn{{name: "a", node: expr.Col(0, "a", a)}, {name: "b", node: expr.Col(1, "b", b)}}}
	eb := expr.Binder{Scope: s}
	n, faults := eb.Bind(&sql.Call{Name: sql.Ident{Name: "coalesce"},
		Args: []sql.Expr{hiddenName(0, "a", sql.Pos{}), hiddenName(1, "b", sql.Pos{})}})
	if len(faults) > 0 {
		return column.Type{}, false
	}
	return n.Type, true
}

// sortSet orders the result of a set operation by its own columns.
func (b *binder) sortSet(node Node, q *sql.Query) (Node, bool) {
	s := &selecting{b: b, from: scope{cols: columnsOf(node, "")}, body: &sql.SelectBody{}}
	s.eb = b.session.binder(&s.from)
	for _, c := range s.from.cols {
		s.items = append(s.items, item{name: c.name, node: c.node, done: true})
	}
	s.arrange(q)
	if streams(node) && len(s.order) > 0 {
		s.fault(sortedStream(s.order[0]))
	}
	if s.failed {
		return nil, false
	}
	out := &Sort{In: node}
	for _, k := range s.order {
		if k.clause != inDistributeBy {
			out.Keys = append(out.Keys, SortKey{Expr: k.node, Desc: k.desc, NullsFirst: k.nullsFirst})
		}
	}
	if len(out.Keys) == 0 {
		return node, true
	}
	return out, true
}

// limit puts LIMIT and OFFSET on top.
func (b *binder) limit(node Node, q *sql.Query) (Node, bool) {
	if q.Limit == nil && q.Offset == nil {
		return node, true
	}
	out, ok := &Limit{In: node, Count: -1}, true
	if q.Limit != nil {
		out.Count, ok = b.constant(q.Limit, "LIMIT")
	}
	if q.Offset != nil {
		var offsetOK bool
		out.Offset, offsetOK = b.constant(q.Offset, "OFFSET")
		ok = ok && offsetOK
	}
	if streams(node) {
		at := q.Limit
		if at == nil {
			at = q.Offset
		}
		b.fault(*notYet(at.Position(), "LIMIT on a stream"))
		return nil, false
	}
	return out, ok
}

// constant is a whole number that is not negative, known without any row.
func (b *binder) constant(e sql.Expr, clause string) (int64, bool) {
	n, ok := b.bind(b.session.binder(&scope{}), e)
	if !ok {
		return 0, false
	}
	if n.Op != expr.OpConst || !n.Type.IsInteger() || n.Const.IsNull(0) {
		b.fault(sql.Fault{Pos: e.Position(), Class: "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE", Message: clause + " takes a constant whole number"})
		return 0, false
	}
	if v := n.Const.Int[0]; v < 0 {
		b.fault(sql.Fault{Pos: e.Position(), Class: "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE", Message: clause + " is negative: " + strconv.FormatInt(v, 10)})
		return 0, false
	}
	return n.Const.Int[0], true
}
