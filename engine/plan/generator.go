package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// isGenerator reports the functions that make rows of a row.
func isGenerator(name string) bool {
	switch strings.ToLower(name) {
	case "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple":
		return true
	}
	return false
}

// A generator is a bound call of one: what an Explode needs, and the columns that it makes.
type generator struct {
	rows               *expr.Node
	outer, pos, fields bool
	cols               []Column
	syn                *sql.Call
}

// over is the operator over in. The made columns are known by names, unless there are none, and behind
// the qualifier, unless that is empty.
func (g *generator) over(in Node, qualifier string, names []sql.Ident) *Explode {
	x := &Explode{In: in, Rows: g.rows, Outer: g.outer, Pos: g.pos, Fields: g.fields, Cols: append([]Column{}, in.Columns()...)}
	for i, c := range g.cols {
		c.Qualifier = qualifier
		if i < len(names) {
			c.Name = names[i].Name
		}
		x.Cols = append(x.Cols, c)
	}
	return x
}

// mostStacked is how many rows stack may make of one.
const mostStacked = 10_000

// generator binds a call of a generator with its arguments in the scope of eb. Where a fault was reported
// it returns nil.
func (b *binder) generator(eb *expr.Binder, c *sql.Call) *generator {
	name := strings.ToLower(c.Name.Name)
	g := &generator{syn: c, outer: strings.HasSuffix(name, "_outer")}
	fault := generatorForm(c, name)
	if fault == nil {
		var args []*expr.Node
		ok := true
		for _, a := range c.Args {
			if named, is := a.(*sql.NamedArg); is && strings.EqualFold(named.Name.Name, "collection") && len(c.Args) == 1 {
				a = named.Expr
			}
			n, argOK := b.bind(eb, a)
			args, ok = append(args, n), ok && argOK
		}
		if !ok {
			return nil
		}
		switch strings.TrimSuffix(name, "_outer") {
		case "explode":
			fault = g.explode(args, c, false)
		case "posexplode":
			fault = g.explode(args, c, true)
		case "inline":
			fault = g.inline(args, c)
		case "stack":
			fault = g.stack(args, c)
		default:
			fault = g.jsonTuple(args, c)
		}
	}
	if fault != nil {
		b.fault(*fault)
		return nil
	}
	return g
}

// generatorForm checks what can be said of a call before its arguments are bound.
func generatorForm(c *sql.Call, name string) *sql.Fault {
	with := ""
	switch {
	case c.Distinct:
		with = "DISTINCT"
	case c.Filter != nil:
		with = "FILTER"
	case c.WithinGroup != nil:
		with = "WITHIN GROUP"
	case c.Over != nil:
		return &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS", Message: name + " is no window function", Hint: "leave OVER (…) out"}
	}
	if with != "" {
		return &sql.Fault{Pos: c.Pos, Class: "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", Message: fmt.Sprintf("%s takes no %s: it is no aggregate", name, with)}
	}
	several := name == "stack" || name == "json_tuple"
	switch {
	case several && len(c.Args) < 2:
		return &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: fmt.Sprintf("%s takes at least 2 arguments, not %d", name, len(c.Args))}
	case !several && len(c.Args) == 0:
		return &sql.Fault{Pos: c.Pos, Class: "REQUIRED_PARAMETER_NOT_FOUND", Message: name + " takes an argument, the array whose elements become rows"}
	case !several && len(c.Args) > 1:
		return &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: fmt.Sprintf("%s takes 1 argument, not %d", name, len(c.Args))}
	}
	return nil
}

// notThat is the fault of an argument of another type.
func notThat(c *sql.Call, arg *expr.Node, want string) *sql.Fault {
	return &sql.Fault{Pos: c.Pos, Class: "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
		Message: fmt.Sprintf("%s takes %s, and %s is %s", strings.ToLower(c.Name.Name), want, sql.Format(c.Args[0]), strings.ToUpper(arg.Type.String()))}
}

func (g *generator) explode(args []*expr.Node, c *sql.Call, pos bool) *sql.Fault {
	g.rows, g.pos = args[0], pos
	if pos {
		g.cols = append(g.cols, Column{Name: "pos", Type: column.Of(column.Int32)})
	}
	switch t := args[0].Type; t.Kind {
	case column.Array:
		g.cols = append(g.cols, Column{Name: "col", Type: *t.Elem})
	case column.Map:
		g.cols = append(g.cols, Column{Name: "key", Type: *t.Key}, Column{Name: "value", Type: *t.Elem})
	default:
		return notThat(c, args[0], "an ARRAY or a MAP")
	}
	return nil
}

func (g *generator) inline(args []*expr.Node, c *sql.Call) *sql.Fault {
	t := args[0].Type
	if t.Kind != column.Array || t.Elem.Kind != column.Struct {
		return notThat(c, args[0], "an ARRAY of STRUCT")
	}
	g.rows, g.fields = args[0], true
	for _, f := range t.Elem.Fields {
		g.cols = append(g.cols, Column{Name: f.Name, Type: f.Type})
	}
	return nil
}

// stack lays its arguments behind the first out in that many rows, as an array of structs.
func (g *generator) stack(args []*expr.Node, c *sql.Call) *sql.Fault {
	n := args[0]
	cells := args[1:]
	switch {
	case n.Type.Kind != column.Int32:
		return notThat(c, n, "the number of rows, an INT, first")
	case n.Op != expr.OpConst || n.Const.IsNull(0):
		return &sql.Fault{Pos: c.Args[0].Position(), Class: "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", Message: "the number of rows of stack is a constant"}
	case n.Const.Int[0] <= 0:
		return &sql.Fault{Pos: c.Args[0].Position(), Class: "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", Message: fmt.Sprintf("stack makes 1 row or more, not %d", n.Const.Int[0])}
	case n.Const.Int[0] > mostStacked:
		return &sql.Fault{Pos: c.Args[0].Position(), Message: fmt.Sprintf("stack makes %d rows at most", mostStacked), Hint: "write explode(sequence(…))"}
	}
	rows := int(n.Const.Int[0])
	width := (len(cells) + rows - 1) / rows
	for i := range width {
		t := column.Of(column.Void)
		for at := i; at < len(cells); at += width {
			switch has := cells[at].Type; {
			case t.Kind == column.Void:
				t = has
			case has.Kind != column.Void && !has.Equal(t):
				return &sql.Fault{Pos: c.Args[1+at].Position(), Class: "DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES",
					Message: fmt.Sprintf("column %d of stack is %s in one row and %s in another", i, strings.ToUpper(t.String()), strings.ToUpper(has.String())),
					Hint:    "CAST them to one type"}
			}
		}
		g.cols = append(g.cols, Column{Name: fmt.Sprintf("col%d", i), Type: t})
	}
	made := &assembly{pos: c.Pos}
	var structs []sql.Expr
	for row := range rows {
		var fields []sql.Expr
		for i, col := range g.cols {
			cell := &expr.Node{Op: expr.OpConst, Type: col.Type, Const: nullOf(col.Type)}
			if at := row*width + i; at < len(cells) {
				cell = castTo(cells[at], col.Type)
			}
			fields = append(fields, made.text(col.Name), made.name(cell))
		}
		structs = append(structs, made.call("named_struct", fields...))
	}
	var fault *sql.Fault
	g.rows, fault = made.bind(made.call("array", structs...))
	g.fields = true
	return fault
}

// nullOf is one NULL.
func nullOf(t column.Type) *column.Vector {
	v := &column.Vector{}
	v.Reset(t)
	v.AppendNull()
	return v
}

// jsonTuple takes fields of a JSON object out, as texts: one row always, of NULLs where there is no object.
func (g *generator) jsonTuple(args []*expr.Node, c *sql.Call) *sql.Fault {
	for i, a := range args {
		if a.Type.Kind != column.String {
			return &sql.Fault{Pos: c.Args[i].Position(), Class: "DATATYPE_MISMATCH.NON_STRING_TYPE", Message: fmt.Sprintf("the arguments of json_tuple are strings, and %s is %s", sql.Format(c.Args[i]), strings.ToUpper(a.Type.String()))}
		}
		if i > 0 && a.Op != expr.OpConst {
			return &sql.Fault{Pos: c.Args[i].Position(), Message: "json_tuple with the name of a field that is no constant is not in this version yet", Hint: "write get_json_object(…)"}
		}
	}
	made := &assembly{pos: c.Pos}
	json := made.name(args[0])
	var fields []sql.Expr
	for i, a := range args[1:] {
		col := Column{Name: fmt.Sprintf("c%d", i), Type: column.Of(column.String)}
		g.cols = append(g.cols, col)
		value := made.name(&expr.Node{Op: expr.OpConst, Type: col.Type, Const: nullOf(col.Type)})
		if !a.Const.IsNull(0) {
			field := string(a.Const.Bytes(0))
			schema := made.text("`" + strings.ReplaceAll(field, "`", "``") + "` STRING")
			value = &sql.Dot{Pos: c.Pos, Expr: made.call("from_json", json, schema), Field: sql.Ident{Name: field, Quoted: true, Pos: c.Pos}}
		}
		fields = append(fields, made.text(col.Name), value)
	}
	var fault *sql.Fault
	g.rows, fault = made.bind(made.call("array", made.call("named_struct", fields...)))
	g.fields = true
	return fault
}

// An assembly makes an expression of nodes that are bound already.
type assembly struct {
	pos   sql.Pos
	scope scope
}

// name stands for a bound node.
func (a *assembly) name(n *expr.Node) sql.Expr {
	a.scope.cols = append(a.scope.cols, scopeColumn{name: "x", node: n})
	return hiddenName(len(a.scope.cols)-1, "x", a.pos)
}

func (a *assembly) text(s string) sql.Expr {
	return &sql.Literal{Pos: a.pos, Kind: sql.LitString, Text: s}
}

func (a *assembly) call(name string, args ...sql.Expr) sql.Expr {
	return &sql.Call{Pos: a.pos, Name: sql.Ident{Name: name, Pos: a.pos}, Args: args}
}

func (a *assembly) bind(e sql.Expr) (*expr.Node, *sql.Fault) {
	n, faults := (&expr.Binder{Scope: &a.scope}).Bind(e)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}

// explodeText is an Explode as Describe has it.
func explodeText(n *Explode) string {
	text := "Explode "
	if n.Outer {
		text += "outer "
	}
	text += exprText(n.Rows, n.In.Columns()) + " AS "
	for i, c := range n.Cols[len(n.In.Columns()):] {
		if i > 0 {
			text += ", "
		}
		text += c.Name
	}
	return text
}
