package sql

import (
	"regexp"
	"strconv"
	"strings"
)

// A Meaning tells ColumnName what the text alone does not: what names and literals are.
type Meaning interface {
	// Column gives the name that a column or a path into one is printed with, without its qualifier; false:
	// there is no such column.
	Column(e *Name) (string, bool)
	// Constant gives the canonical text of a literal or interval: INTERVAL '1 02' DAY TO HOUR, 1.0E10.
	Constant(e Expr) string
	// Type is the type of a column, literal or cast in lower case; "" where it is not known.
	Type(e Expr) string
}

// ColumnName is the name that Spark gives a column of the SELECT list that has none: the last part of a
// name or a path, the name inside a cast, "window" for a window, else the expression as Spark prints it:
// sum(x), count(1), (a + b), CASE WHEN (a > 1) THEN b END, with the arguments that were left out.
func ColumnName(e Expr, m Meaning) string {
	p := printer{m}
	switch e := e.(type) {
	case *Name:
		if _, known := m.Column(e); known || len(e.Parts) > 1 {
			return e.Parts[len(e.Parts)-1].Name
		}
	case *Dot:
		if _, made := e.Expr.(*Call); !made {
			return e.Field.Name
		}
	case *Cast:
		if n, ok := e.Expr.(*Name); ok && !strings.Contains(p.print(n), ".") {
			return ColumnName(n, m)
		}
	case *Call:
		switch name := strings.ToLower(e.Name.Name); name {
		case "window", "session_window":
			return name
		case "explode", "explode_outer":
			return "col"
		}
	}
	return p.print(e)
}

// betweenDigits is the comma of DECIMAL(10, 2), behind which Spark prints no blank.
var betweenDigits = regexp.MustCompile(`(\d), (\d)`)

// printer prints expressions as Spark prints them.
type printer struct{ m Meaning }

// parameter is the name of a lambda's parameter.
type parameter struct {
	Meaning
	names []Ident
}

func (p parameter) Column(e *Name) (string, bool) {
	for _, n := range p.names {
		if strings.EqualFold(n.Name, e.Parts[0].Name) {
			text := "namedlambdavariable()"
			for _, part := range e.Parts[1:] {
				text += "." + part.Name
			}
			return text, true
		}
	}
	return p.Meaning.Column(e)
}

func (p printer) print(e Expr) string {
	switch e := e.(type) {
	case *Name:
		return p.name(e)
	case *Literal:
		return p.literal(e)
	case *Interval:
		return p.m.Constant(e)
	case *Unary:
		if e.Op == "~" {
			return "~" + p.print(e.Expr)
		}
		return "(" + e.Op + " " + p.print(e.Expr) + ")"
	case *Binary:
		return p.binary(e)
	case *Is:
		return p.is(e)
	case *In:
		if e.Query != nil {
			return negated(e.Not, "("+p.print(e.Expr)+" IN (listquery()))")
		}
		return negated(e.Not, "("+p.print(e.Expr)+" IN ("+p.list(e.List)+"))")
	case *Between:
		return negated(e.Not, "between("+p.list([]Expr{e.Expr, e.Low, e.High})+")")
	case *Like:
		return p.like(e)
	case *Case:
		return p.caseWhen(e)
	case *Cast:
		word := "CAST("
		if e.Try {
			word = "TRY_CAST("
		}
		return word + p.print(e.Expr) + " AS " + betweenDigits.ReplaceAllString(Format(e.Type), "$1,$2") + ")"
	case *Extract:
		return "extract(" + e.Written + " FROM " + p.print(e.Expr) + ")"
	case *Index:
		return p.print(e.Expr) + "[" + p.print(e.Index) + "]"
	case *Dot:
		return p.print(e.Expr) + "." + e.Field.Name
	case *Call:
		return p.call(e)
	case *Aliased:
		return p.print(e.Expr) + " AS " + e.Name.Name
	case *NamedArg:
		return p.print(e.Expr)
	case *Lambda:
		inside := printer{parameter{p.m, e.Params}}
		return "lambdafunction(" + inside.print(e.Body) + strings.Repeat(", namedlambdavariable()", len(e.Params)) + ")"
	case *Row:
		return p.row(e)
	case *ScalarQuery:
		return "scalarsubquery()"
	case *Exists:
		return "exists()"
	}
	return Format(e)
}

// name prints a column, an alias of the same list, or a function that is written without parentheses.
func (p printer) name(e *Name) string {
	if text, known := p.m.Column(e); known {
		return text
	}
	if len(e.Parts) == 1 && !e.Parts[0].Quoted {
		switch name := strings.ToLower(e.Parts[0].Name); name {
		case "current_date", "current_timestamp", "localtimestamp", "current_user", "session_user", "user", "current_catalog", "current_schema", "current_database":
			return p.call(&Call{Name: Ident{Name: name}})
		}
	}
	parts := make([]string, len(e.Parts))
	for i, part := range e.Parts {
		parts[i] = part.Name
	}
	return strings.Join(parts, ".")
}

func (p printer) row(e *Row) string {
	var fields []string
	for i, x := range e.Exprs {
		name := "col" + strconv.Itoa(i+1)
		switch named := x.(type) {
		case *Aliased:
			name, x = named.Name.Name, named.Expr
		case *Name:
			name = named.Parts[len(named.Parts)-1].Name
		}
		fields = append(fields, name+", "+p.print(x))
	}
	return "named_struct(" + strings.Join(fields, ", ") + ")"
}

func (p printer) binary(e *Binary) string {
	left, right := p.print(e.Left), p.print(e.Right)
	switch e.Op {
	case "<>": // Spark keeps it as the negation of =
		return "(NOT (" + left + " = " + right + "))"
	case "||":
		return "concat(" + left + ", " + right + ")"
	case "DIV":
		return "(" + left + " div " + right + ")"
	case "+", "-", "*":
		if text := p.timeSum(e, left, right); text != "" {
			return text
		}
	}
	return "(" + left + " " + e.Op + " " + right + ")"
}

// timeSum prints the sums of days and intervals, whose operator is a function of Spark; "": it is none.
func (p printer) timeSum(e *Binary, left, right string) string {
	l, r := p.m.Type(e.Left), p.m.Type(e.Right)
	if e.Op != "-" && (strings.HasPrefix(l, "interval") && !strings.HasPrefix(r, "interval") && r != "" && e.Op == "+" || r == "date" || e.Op == "*" && strings.HasPrefix(r, "interval")) {
		l, r, left, right = r, l, right, left
	}
	name := map[string]string{"+": "date_add", "-": "date_sub"}[e.Op]
	switch timed := l == "timestamp" || l == "timestamp_ntz"; {
	case e.Op == "*" && strings.HasPrefix(l, "interval"):
		return "(" + left + " * " + right + ")"
	case e.Op == "*":
	case l == "date" && (r == "int" || r == "smallint" || r == "tinyint"):
		return name + "(" + left + ", " + right + ")"
	case l == "date" && r == "interval day" && e.Op == "+":
		return name + "(" + left + ", extractansiintervaldays(" + right + "))"
	case l == "date" && r == "interval day":
		return "date_add(" + left + ", (- extractansiintervaldays(" + right + ")))"
	case (timed || l == "date") && strings.HasPrefix(r, "interval"):
		return left + " " + e.Op + " " + right
	}
	return ""
}

func (p printer) literal(e *Literal) string {
	switch e.Kind {
	case LitTrue, LitFalse, LitString, LitInteger, LitLong, LitShort, LitByte, LitDecimal:
		return e.Text
	case LitBinary:
		return "X'" + strings.ToUpper(e.Text) + "'"
	case LitNull:
		return "NULL"
	}
	return p.m.Constant(e)
}

func (p printer) is(e *Is) string {
	switch e.What {
	case "DISTINCT FROM":
		return negated(!e.Not, "("+p.print(e.Expr)+" <=> "+p.print(e.From)+")")
	case "TRUE", "FALSE":
		return negated(e.Not, "("+p.print(e.Expr)+" <=> "+strings.ToLower(e.What)+")")
	}
	if e.Not {
		return "(" + p.print(e.Expr) + " IS NOT NULL)"
	}
	return "(" + p.print(e.Expr) + " IS NULL)"
}

func (p printer) like(e *Like) string {
	left := p.print(e.Expr)
	if e.Quant != "" {
		name := "like" + strings.ToLower(e.Quant)
		if e.Not {
			name = "not" + name
		}
		if e.Op == "ILIKE" {
			left = "lower(" + left + ")"
		}
		return name + "(" + left + ")"
	}
	right := p.print(e.Patterns[0])
	text := left + " LIKE " + right
	switch e.Op {
	case "RLIKE":
		text = "RLIKE(" + left + ", " + right + ")"
	case "ILIKE":
		text = "ilike(" + left + ", " + right + ")"
	case "LIKE":
		if e.Escape != "" && e.Escape != `\` {
			text += " ESCAPE '" + e.Escape + "'"
		}
	}
	return negated(e.Not, text)
}

func (p printer) caseWhen(e *Case) string {
	text := "CASE"
	for _, w := range e.Whens {
		cond := w.Cond
		if e.Operand != nil {
			cond = &Binary{Op: "=", Left: e.Operand, Right: w.Cond}
		}
		text += " WHEN " + p.print(cond) + " THEN " + p.print(w.Result)
	}
	if e.Else != nil {
		text += " ELSE " + p.print(e.Else)
	}
	return text + " END"
}

func (p printer) list(list []Expr) string { return strings.Join(p.each(list), ", ") }

func (p printer) each(list []Expr) []string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = p.print(e)
	}
	return texts
}

func negated(not bool, text string) string {
	if not {
		return "(NOT " + text + ")"
	}
	return text
}
