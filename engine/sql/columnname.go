package sql

import "strings"

// ColumnName is the name that Spark gives a column of the SELECT list that has none: the last part of a
// name or a path, the name inside a cast, "window" for a window, else the expression as Spark prints it:
// sum(x), count(1), (a + b), CASE WHEN (a > 1) THEN b END. OVER clauses are written as by Format, which
// is shorter than what Spark prints.
func ColumnName(e Expr) string {
	switch e := e.(type) {
	case *Name:
		return e.Parts[len(e.Parts)-1].Name
	case *Dot:
		return e.Field.Name
	case *Cast:
		if n, ok := e.Expr.(*Name); ok {
			return ColumnName(n)
		}
	case *Call:
		switch strings.ToLower(e.Name.Name) {
		case "window", "session_window":
			return strings.ToLower(e.Name.Name)
		case "explode", "explode_outer":
			return "col"
		}
	}
	return printed(e)
}

// printed is an expression as Spark prints it.
func printed(e Expr) string {
	switch e := e.(type) {
	case *Name:
		parts := make([]string, len(e.Parts))
		for i, part := range e.Parts {
			parts[i] = part.Name
		}
		return strings.Join(parts, ".")
	case *Literal:
		return printedLiteral(e)
	case *Unary:
		return "(" + e.Op + " " + printed(e.Expr) + ")"
	case *Binary:
		if e.Op == "<>" { // Spark keeps it as the negation of =
			return "(NOT (" + printed(e.Left) + " = " + printed(e.Right) + "))"
		}
		return "(" + printed(e.Left) + " " + printedOperator(e.Op) + " " + printed(e.Right) + ")"
	case *Is:
		return printedIs(e)
	case *In:
		if e.Query == nil {
			return negated(e.Not, "("+printed(e.Expr)+" IN ("+printedList(e.List)+"))")
		}
	case *Between:
		return negated(e.Not, "between("+printedList([]Expr{e.Expr, e.Low, e.High})+")")
	case *Like:
		if e.Quant == "" && e.Op != "RLIKE" {
			return negated(e.Not, printed(e.Expr)+" "+e.Op+" "+printed(e.Patterns[0]))
		}
	case *Case:
		return printedCase(e)
	case *Cast:
		word := "CAST("
		if e.Try {
			word = "TRY_CAST("
		}
		return word + printed(e.Expr) + " AS " + Format(e.Type) + ")"
	case *Extract:
		return "extract(" + e.Field + " FROM " + printed(e.Expr) + ")"
	case *Index:
		return printed(e.Expr) + "[" + printed(e.Index) + "]"
	case *Dot:
		return printed(e.Expr) + "." + e.Field.Name
	case *Call:
		return printedCall(e)
	case *Aliased:
		return printed(e.Expr) + " AS " + e.Name.Name
	case *Row:
		return "struct(" + printedList(e.Exprs) + ")"
	case *ScalarQuery:
		return "scalarsubquery()"
	case *Exists:
		return "exists()"
	}
	return Format(e)
}

// printedOperator is an infix operator as Spark spells it.
func printedOperator(op string) string {
	if op == "DIV" {
		return "div"
	}
	return op
}

func printedLiteral(e *Literal) string {
	switch e.Kind {
	case LitTrue, LitFalse, LitString, LitInteger, LitLong, LitShort, LitByte, LitDecimal, LitDouble, LitFloat:
		return e.Text
	case LitDate:
		return "DATE '" + e.Text + "'"
	case LitTimestamp:
		return "TIMESTAMP '" + e.Text + "'"
	case LitTimestampNTZ:
		return "TIMESTAMP_NTZ '" + e.Text + "'"
	}
	return Format(e)
}

func printedIs(e *Is) string {
	if e.What == "DISTINCT FROM" {
		return negated(!e.Not, "("+printed(e.Expr)+" <=> "+printed(e.From)+")")
	}
	if e.What == "NULL" || !e.Not {
		word := " IS "
		if e.Not {
			word = " IS NOT "
		}
		return "(" + printed(e.Expr) + word + e.What + ")"
	}
	return negated(true, "("+printed(e.Expr)+" IS "+e.What+")")
}

func printedCase(e *Case) string {
	text := "CASE"
	for _, w := range e.Whens {
		cond := w.Cond
		if e.Operand != nil {
			cond = &Binary{Op: "=", Left: e.Operand, Right: w.Cond}
		}
		text += " WHEN " + printed(cond) + " THEN " + printed(w.Result)
	}
	if e.Else != nil {
		text += " ELSE " + printed(e.Else)
	}
	return text + " END"
}

func printedCall(e *Call) string {
	args := printedList(e.Args)
	switch {
	case e.Star:
		args = "1"
	case e.Distinct:
		args = "DISTINCT " + args
	}
	text := strings.ToLower(e.Name.Name) + "(" + args + ")"
	if e.Filter != nil {
		text += " FILTER (WHERE " + printed(e.Filter) + ")"
	}
	if e.Over != nil {
		var f formatter
		f.over(e.Over)
		text += f.out.String()
	}
	return text
}

func printedList(list []Expr) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = printed(e)
	}
	return strings.Join(texts, ", ")
}

func negated(not bool, text string) string {
	if not {
		return "(NOT " + text + ")"
	}
	return text
}
