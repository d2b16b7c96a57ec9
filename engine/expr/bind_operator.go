package expr

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

var boolean = column.Of(column.Bool)

func (b *binding) unary(e *sql.Unary) *Node {
	if lit, ok := e.Expr.(*sql.Literal); ok && e.Op == "-" && lit.Kind >= sql.LitInteger && lit.Kind <= sql.LitFloat && !strings.HasPrefix(lit.Text, "-") {
		negative := *lit
		negative.Pos = e.Pos
		return b.literal(&negative, true)
	}
	x := b.expr(e.Expr)
	if x == nil {
		return nil
	}
	name := strings.ToLower(e.Op)
	switch e.Op {
	case "-":
		name = "negative"
	case "+":
		name = "positive"
	}
	return b.apply(name, e.Pos, []*Node{x})
}

func (b *binding) binary(e *sql.Binary) *Node {
	l, r := b.expr(e.Left), b.expr(e.Right)
	if l == nil || r == nil {
		return nil
	}
	switch e.Op {
	case "AND":
		return b.logic(OpAnd, e.Pos, l, r)
	case "OR":
		return b.logic(OpOr, e.Pos, l, r)
	}
	return b.apply(strings.ToLower(e.Op), e.Pos, []*Node{l, r})
}

// logic is l AND r or l OR r.
func (b *binding) logic(op Op, pos sql.Pos, l, r *Node) *Node {
	word := "AND"
	if op == OpOr {
		word = "OR"
	}
	if l.Type.Kind != column.Bool && r.Type.Kind != column.Bool && !(l.Type.Kind == column.Void && r.Type.Kind == column.Void) {
		c := &call{b: b, fn: &function{name: word}, args: []*Node{l, r}, pos: pos}
		return c.badOperands()
	}
	l, r = b.truth(l, word, pos), b.truth(r, word, pos)
	if l == nil || r == nil {
		return nil
	}
	return &Node{Op: op, Type: boolean, Args: []*Node{l, r}, Pos: pos}
}

// truth is n as an operand of AND or OR.
func (b *binding) truth(n *Node, word string, pos sql.Pos) *Node {
	switch n.Type.Kind {
	case column.Bool:
		return n
	case column.Void, column.String:
		return castTo(n, boolean)
	}
	b.fault(pos, "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "%s takes two booleans, not %s", word, n.Type)
	return nil
}

func (b *binding) is(e *sql.Is) *Node {
	x := b.expr(e.Expr)
	var n *Node
	switch e.What {
	case "DISTINCT FROM":
		from := b.expr(e.From)
		if x == nil || from == nil {
			return nil
		}
		e.Not, n = !e.Not, b.apply("<=>", e.Pos, []*Node{x, from})
		defer func() { e.Not = !e.Not }()
	case "TRUE", "FALSE":
		if x == nil {
			return nil
		}
		n = b.apply("<=>", e.Pos, []*Node{x, boolConst(e.What == "TRUE", e.Pos)})
	default: // NULL, UNKNOWN
		if x == nil {
			return nil
		}
		if e.Not {
			return b.apply("isnotnull", e.Pos, []*Node{x})
		}
		return b.apply("isnull", e.Pos, []*Node{x})
	}
	if n != nil && e.Not {
		return b.apply("not", e.Pos, []*Node{n})
	}
	return n
}

func (b *binding) in(e *sql.In) *Node {
	if e.Query != nil {
		return b.query(e)
	}
	args, good := b.exprs(append([]sql.Expr{e.Expr}, e.List...))
	if !good {
		return nil
	}
	return b.negated(e.Not, e.Pos, b.apply("in", e.Pos, args))
}

// negated is n or NOT n.
func (b *binding) negated(not bool, pos sql.Pos, n *Node) *Node {
	if n == nil || !not {
		return n
	}
	return b.apply("not", pos, []*Node{n})
}

func (b *binding) between(e *sql.Between) *Node {
	args, good := b.exprs([]sql.Expr{e.Expr, e.Low, e.High})
	if !good {
		return nil
	}
	low := b.apply(">=", e.Pos, []*Node{args[0], args[1]})
	high := b.apply("<=", e.Pos, []*Node{args[0], args[2]})
	if low == nil || high == nil {
		return nil
	}
	return b.negated(e.Not, e.Pos, b.logic(OpAnd, e.Pos, low, high))
}

func (b *binding) like(e *sql.Like) *Node {
	x := b.expr(e.Expr)
	patterns, good := b.exprs(e.Patterns)
	if x == nil || !good {
		return nil
	}
	var all *Node
	for _, p := range patterns {
		args := []*Node{x, p}
		if e.Op != "RLIKE" {
			escape := e.Escape
			if escape == "" {
				escape = `\`
			}
			args = append(args, textConst(escape, e.Pos))
		}
		n := b.apply(strings.ToLower(e.Op), e.Pos, args)
		if e.Quant != "" {
			n = b.negated(e.Not, e.Pos, n)
		}
		switch {
		case n == nil:
			return nil
		case all == nil:
			all = n
		case e.Quant == "ALL":
			all = b.logic(OpAnd, e.Pos, all, n)
		default:
			all = b.logic(OpOr, e.Pos, all, n)
		}
	}
	if e.Quant != "" {
		return all
	}
	return b.negated(e.Not, e.Pos, all)
}

func (b *binding) caseExpr(e *sql.Case) *Node {
	var operand *Node
	if e.Operand != nil {
		operand = b.expr(e.Operand)
	}
	good := e.Operand == nil || operand != nil
	var args []*Node
	for _, w := range e.Whens {
		cond, result := b.expr(w.Cond), b.expr(w.Result)
		switch {
		case cond == nil || result == nil:
			good = false
			continue
		case operand != nil:
			cond = b.apply("=", w.Cond.Position(), []*Node{operand, cond})
		case cond.Type.Kind != column.Bool:
			b.fault(w.Cond.Position(), "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the condition of WHEN is %s, not boolean", cond.Type)
			cond = nil
		}
		if cond == nil {
			good = false
			continue
		}
		args = append(args, cond, result)
	}
	last := nullOf(column.Type{}, &Node{Pos: e.Pos})
	if e.Else != nil {
		if last = b.expr(e.Else); last == nil {
			good = false
		}
	}
	if !good {
		return nil
	}
	return b.choose(e.Pos, "CASE", append(args, last))
}

// choose makes an OpCase of condition, result, …, else and gives the results one type.
func (b *binding) choose(pos sql.Pos, what string, args []*Node) *Node {
	var results []*Node
	for i := 1; i < len(args); i += 2 {
		results = append(results, args[i])
	}
	results = append(results, args[len(args)-1])
	t, ok := commonOf(results)
	if !ok {
		return b.diffTypes(pos, what, results)
	}
	args = append([]*Node(nil), args...)
	for i := range args {
		if i%2 == 1 || i == len(args)-1 {
			args[i] = castTo(args[i], t)
		}
	}
	return &Node{Op: OpCase, Type: t, Args: args, Pos: pos}
}

func (b *binding) diffTypes(pos sql.Pos, what string, nodes []*Node) *Node {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Type.String()
	}
	return b.fail(sql.Fault{Pos: pos, Class: "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
		Message: fmt.Sprintf("%s cannot give one type to %s", what, strings.Join(names, ", "))})
}

func (b *binding) index(e *sql.Index) *Node {
	x, i := b.expr(e.Expr), b.expr(e.Index)
	if x == nil || i == nil {
		return nil
	}
	switch x.Type.Kind {
	case column.Array:
		return b.apply("[]", e.Pos, []*Node{x, i})
	case column.Map:
		return b.apply("element_at", e.Pos, []*Node{x, i})
	case column.Struct:
		if name, ok := nodeText(i); ok {
			return b.structField(x, sql.Ident{Name: name, Pos: e.Pos})
		}
	}
	b.fault(e.Pos, "INVALID_EXTRACT_BASE_FIELD_TYPE", "[…] needs an array or a map, not %s", x.Type)
	return nil
}

func (b *binding) row(e *sql.Row) *Node {
	args, names, good := b.named(e.Exprs)
	if !good {
		return nil
	}
	c := &call{b: b, fn: lookup("struct"), name: "struct", pos: e.Pos, args: args, names: names}
	return c.bind()
}
