package sql

import (
	"fmt"
	"strings"
)

// Format writes an Expr, a *Query, a SetExpr, a Relation, a Statement or a TypeName as canonical text: keywords
// in upper case, names as written, one blank, no parentheses but those that the meaning needs. Reading the
// text gives the same tree, places and the backticks around keywords apart.
func Format(node any) string {
	var f formatter
	switch n := node.(type) {
	case Statement:
		f.statement(n)
	case *Query:
		f.query(n)
	case SetExpr:
		f.body(n)
	case Relation:
		f.relation(n)
	case TypeName:
		f.typeName(n)
	case Expr:
		f.expr(n, bindAny)
	default:
		panic(fmt.Sprintf("BUG: format %T", node))
	}
	return f.out.String()
}

// formatter collects the canonical text.
type formatter struct {
	out strings.Builder
}

// How tight an expression binds. The levels of infix operators lie between bindPredicate and bindPrimary.
const (
	bindAny = iota
	bindOr
	bindAnd
	bindNot
	bindPredicate
	bindValue   = bindPredicate + levelComparison
	bindOperand = bindPredicate + levelBitOr // operands of comparisons and predicates
	bindUnary   = bindPredicate + levelUnary
	bindPrimary = bindPredicate + levelPrimary
)

// binding is how tight the outermost operator of an expression binds.
func binding(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		switch e.Op {
		case "OR":
			return bindOr
		case "AND":
			return bindAnd
		}
		return bindPredicate + levelOf(e.Op)
	case *Unary:
		if e.Op == "NOT" {
			return bindNot
		}
		return bindUnary
	case *Is, *In, *Between, *Like, *Exists:
		return bindPredicate
	case *Lambda, *Aliased, *NamedArg:
		return bindAny
	}
	return bindPrimary
}

func (f *formatter) write(parts ...string) {
	for _, part := range parts {
		f.out.WriteString(part)
	}
}

// expr writes an expression, in parentheses if it binds less tight than at least.
func (f *formatter) expr(e Expr, atLeast int) {
	if binding(e) < atLeast {
		f.write("(")
		f.node(e)
		f.write(")")
		return
	}
	f.node(e)
}

func (f *formatter) node(e Expr) {
	switch e := e.(type) {
	case *Literal:
		f.literal(e)
	case *Interval:
		f.interval(e)
	case *Name:
		f.path(e.Parts)
	case *Star:
		f.star(e)
	case *Unary:
		f.unary(e)
	case *Binary:
		f.binary(e)
	case *Is, *In, *Between, *Like:
		f.predicate(e)
	case *Case:
		f.caseWhen(e)
	case *Cast:
		f.write(map[bool]string{false: "CAST(", true: "TRY_CAST("}[e.Try])
		f.expr(e.Expr, bindAny)
		f.write(" AS ")
		f.typeName(e.Type)
		f.write(")")
	case *Extract:
		f.write("EXTRACT(", name(Ident{Name: e.Written}), " FROM ")
		f.expr(e.Expr, bindValue)
		f.write(")")
	case *Call:
		f.call(e)
	case *Lambda:
		f.lambda(e)
	case *Index:
		f.expr(e.Expr, bindPrimary)
		f.write("[")
		f.expr(e.Index, bindValue)
		f.write("]")
	case *Dot:
		f.dot(e)
	case *ScalarQuery:
		f.parenthesized(e.Query)
	case *Exists:
		f.write("EXISTS ")
		f.parenthesized(e.Query)
	case *Row:
		f.write("(")
		f.exprs(e.Exprs)
		f.write(")")
	case *Aliased:
		f.expr(e.Expr, bindAny)
		f.write(" AS ", name(e.Name))
	case *NamedArg:
		f.write(name(e.Name), " => ")
		f.expr(e.Expr, bindAny)
	default:
		panic(fmt.Sprintf("BUG: format %T", e))
	}
}

func (f *formatter) exprs(list []Expr) {
	for i, e := range list {
		if i > 0 {
			f.write(", ")
		}
		f.expr(e, bindAny)
	}
}

func (f *formatter) parenthesized(q *Query) {
	f.write("(")
	f.query(q)
	f.write(")")
}

// isNumber tells whether an expression is written as a number.
func isNumber(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Kind >= LitInteger && l.Kind <= LitFloat
}

func (f *formatter) unary(e *Unary) {
	if e.Op == "NOT" {
		f.write("NOT ")
		f.expr(e.Expr, bindNot)
		return
	}
	f.write(e.Op)
	// -(5) is no literal, and -- would begin a comment.
	inner, nested := e.Expr.(*Unary)
	if e.Op == "-" && (isNumber(e.Expr) || nested && inner.Op == "-") {
		f.write("(")
		f.node(e.Expr)
		f.write(")")
		return
	}
	f.expr(e.Expr, bindUnary)
}

func (f *formatter) binary(e *Binary) {
	level := binding(e)
	left := level
	if level == bindValue {
		left++ // a comparison of a comparison reads better in parentheses
	}
	f.expr(e.Left, left)
	f.write(" ", e.Op, " ")
	f.expr(e.Right, level+1)
}

func (f *formatter) predicate(e Expr) {
	not := func(negated bool) {
		f.write(map[bool]string{false: " ", true: " NOT "}[negated])
	}
	switch e := e.(type) {
	case *Is:
		f.expr(e.Expr, bindOperand)
		f.write(" IS")
		not(e.Not)
		f.write(e.What)
		if e.From != nil {
			f.write(" ")
			f.expr(e.From, bindOperand)
		}
	case *In:
		f.expr(e.Expr, bindOperand)
		not(e.Not)
		f.write("IN ")
		if e.Query != nil {
			f.parenthesized(e.Query)
			return
		}
		f.write("(")
		f.exprs(e.List)
		f.write(")")
	case *Between:
		f.expr(e.Expr, bindOperand)
		not(e.Not)
		f.write("BETWEEN ")
		f.expr(e.Low, bindOperand)
		f.write(" AND ")
		f.expr(e.High, bindOperand)
	case *Like:
		f.expr(e.Expr, bindOperand)
		not(e.Not)
		f.write(e.Op, " ")
		f.patterns(e)
	}
}

func (f *formatter) patterns(e *Like) {
	if e.Quant != "" {
		f.write(e.Quant, " (")
		f.exprs(e.Patterns)
		f.write(")")
		return
	}
	call, ok := e.Patterns[0].(*Call)
	if ok && isQuantifier(call.Name) {
		f.write("(")
		f.call(call)
		f.write(")")
	} else {
		f.expr(e.Patterns[0], bindOperand)
	}
	if e.Escape != "" {
		f.write(" ESCAPE ", quoteString(e.Escape))
	}
}

// isQuantifier tells whether a function's name would be taken for LIKE ANY or LIKE ALL.
func isQuantifier(id Ident) bool {
	switch strings.ToUpper(id.Name) {
	case "ANY", "SOME", "ALL":
		return !id.Quoted
	}
	return false
}

func (f *formatter) caseWhen(e *Case) {
	f.write("CASE")
	if e.Operand != nil {
		f.write(" ")
		f.expr(e.Operand, bindAny)
	}
	for _, w := range e.Whens {
		f.write(" WHEN ")
		f.expr(w.Cond, bindAny)
		f.write(" THEN ")
		f.expr(w.Result, bindAny)
	}
	if e.Else != nil {
		f.write(" ELSE ")
		f.expr(e.Else, bindAny)
	}
	f.write(" END")
}

func (f *formatter) lambda(e *Lambda) {
	if len(e.Params) == 1 {
		f.write(firstName(e.Params[0]))
	} else {
		f.names(e.Params)
	}
	f.write(" -> ")
	f.expr(e.Body, bindAny)
}

func (f *formatter) dot(e *Dot) {
	switch e.Expr.(type) {
	case *Literal, *Name: // 1.e2 would be a number, and a.b one name
		f.write("(")
		f.node(e.Expr)
		f.write(")")
	default:
		f.expr(e.Expr, bindPrimary)
	}
	f.write(".", name(e.Field))
}

func (f *formatter) star(e *Star) {
	if e.Qualifier != nil {
		f.path(e.Qualifier)
		f.write(".")
	}
	f.write("*")
	if e.Except != nil {
		f.write(" EXCEPT (")
		f.exprs(e.Except)
		f.write(")")
	}
}

func (f *formatter) literal(e *Literal) {
	switch e.Kind {
	case LitNull:
		f.write("NULL")
	case LitTrue:
		f.write("TRUE")
	case LitFalse:
		f.write("FALSE")
	case LitInteger:
		f.write(e.Text)
	case LitLong:
		f.write(e.Text, "L")
	case LitShort:
		f.write(e.Text, "S")
	case LitByte:
		f.write(e.Text, "Y")
	case LitDecimal:
		f.write(e.Text)
		if !strings.Contains(e.Text, ".") || strings.ContainsAny(e.Text, "eE") {
			f.write("BD")
		}
	case LitDouble:
		f.write(e.Text, "D")
	case LitFloat:
		f.write(e.Text, "F")
	case LitString:
		f.write(quoteString(e.Text))
	case LitBinary:
		f.write("X", quoteString(e.Text))
	case LitDate:
		f.write("DATE", quoteString(e.Text))
	case LitTimestamp:
		f.write("TIMESTAMP", quoteString(e.Text))
	case LitTimestampNTZ:
		f.write("TIMESTAMP_NTZ", quoteString(e.Text))
	default:
		panic(fmt.Sprintf("BUG: format literal of kind %d", e.Kind))
	}
}

func (f *formatter) interval(e *Interval) {
	f.write("INTERVAL")
	if e.Parts == nil {
		f.write(" ", quoteString(e.Whole))
		return
	}
	for _, part := range e.Parts {
		value := part.Value
		if part.Quoted {
			value = quoteString(value)
		}
		f.write(" ", value, " ", part.Unit)
		if part.To != "" {
			f.write(" TO ", part.To)
		}
	}
}
