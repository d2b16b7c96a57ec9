package expr

import (
	"fmt"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A Starrer is a Scope that can expand *, t.* and * EXCEPT (…) among the arguments of a call, as in
// struct(*). The nodes' Name becomes the name of the struct's field.
type Starrer interface {
	Expand(s *sql.Star) ([]*Node, *sql.Fault)
}

type binderState struct{ active *binding }

// binding is one Bind under way.
type binding struct {
	*Binder
	faults sql.Faults
	nested sql.Faults // of Binds that a hook made
	vars   []*variable
}

// Bind resolves an expression. It returns all that is wrong with it, in order of place, or the node.
func (b *Binder) Bind(e sql.Expr) (*Node, sql.Faults) {
	outer := b.state.active
	in := &binding{Binder: b}
	if outer != nil {
		in.vars = outer.vars
	}
	b.state.active = in
	defer func() { b.state.active = outer }()
	n := in.expr(e)
	if len(in.faults) > 0 {
		in.faults.Sort()
		if outer != nil {
			outer.nested = append(outer.nested, in.faults...)
		}
		return nil, in.faults
	}
	if n == nil {
		panic(fmt.Sprintf("BUG: %T bound to nothing without a fault", e))
	}
	if outer == nil {
		n = in.fold(n)
	}
	return n, nil
}

// BindPredicate is Bind for a condition (WHERE, HAVING, ON, FILTER), which has to be BOOLEAN.
func (b *Binder) BindPredicate(e sql.Expr) (*Node, sql.Faults) {
	n, faults := b.Bind(e)
	if len(faults) > 0 {
		return nil, faults
	}
	if n.Type.Kind == column.Void {
		return nullOf(column.Of(column.Bool), n), nil
	}
	if n.Type.Kind != column.Bool {
		return nil, sql.Faults{{
			Pos: e.Position(), Class: "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
			Message: fmt.Sprintf("the condition is %s, not boolean", n.Type), Hint: "compare it with something",
		}}
	}
	return n, nil
}

func (b *binding) zone() *time.Location {
	if b.Zone == nil {
		return time.UTC
	}
	return b.Zone
}

func (b *binding) fault(pos sql.Pos, class, format string, args ...any) {
	b.fail(sql.Fault{Pos: pos, Class: class, Message: fmt.Sprintf(format, args...)})
}

// fail records a fault, once, and returns the node that stands for it.
func (b *binding) fail(f sql.Fault) *Node {
	for _, known := range b.faults {
		if known.Pos == f.Pos && known.Message == f.Message {
			return nil
		}
	}
	b.faults = append(b.faults, f)
	return nil
}

// expr binds any expression; nil means that a fault was recorded.
func (b *binding) expr(e sql.Expr) *Node {
	switch e := e.(type) {
	case *sql.Literal:
		return b.literal(e, false)
	case *sql.Interval:
		return b.interval(e)
	case *sql.Name:
		return b.name(e)
	case *sql.Unary:
		return b.unary(e)
	case *sql.Binary:
		return b.binary(e)
	case *sql.Is:
		return b.is(e)
	case *sql.In:
		return b.in(e)
	case *sql.Between:
		return b.between(e)
	case *sql.Like:
		return b.like(e)
	case *sql.Case:
		return b.caseExpr(e)
	case *sql.Cast:
		return b.cast(e)
	case *sql.Extract:
		if x := b.expr(e.Expr); x != nil {
			return b.apply("extract", e.Pos, []*Node{textConst(e.Field, e.Pos), x})
		}
		return nil
	case *sql.Call:
		return b.call(e)
	case *sql.Index:
		return b.index(e)
	case *sql.Dot:
		if x := b.expr(e.Expr); x != nil {
			return b.field(x, e.Field)
		}
		return nil
	case *sql.Row:
		return b.row(e)
	case *sql.ScalarQuery, *sql.Exists:
		return b.query(e)
	case *sql.Star:
		b.fault(e.Pos, "INVALID_USAGE_OF_STAR_OR_REGEX", "* cannot stand here")
		return nil
	case *sql.Aliased:
		b.fault(e.Name.Pos, "PARSE_SYNTAX_ERROR", "a name cannot be given here")
		return nil
	case *sql.NamedArg:
		b.fault(e.Position(), "NAMED_PARAMETERS_NOT_SUPPORTED", "arguments by name are not supported")
		return nil
	case *sql.Lambda:
		b.fault(e.Pos, "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION", "a lambda can only be an argument of a function that takes one")
		return nil
	}
	b.fault(e.Position(), "", "this expression is not supported")
	return nil
}

// exprs binds all, so that every fault is found; false means that there was one.
func (b *binding) exprs(list []sql.Expr) ([]*Node, bool) {
	nodes, _, good := b.named(list)
	return nodes, good
}

// named is exprs that also gives the name of each: of a column, a field, an alias; "" for none.
func (b *binding) named(list []sql.Expr) (nodes []*Node, names []string, good bool) {
	nodes, good = make([]*Node, 0, len(list)), true
	for _, e := range list {
		if star, ok := e.(*sql.Star); ok {
			all, ok := b.expand(star)
			for _, n := range all {
				nodes, names = append(nodes, n), append(names, n.Name)
			}
			good = good && ok
			continue
		}
		alias := ""
		if a, ok := e.(*sql.Aliased); ok {
			alias, e = a.Name.Name, a.Expr
		}
		n := b.expr(e)
		if alias == "" && n != nil {
			alias = nameOfExpr(e, n)
		}
		nodes, names, good = append(nodes, n), append(names, alias), good && n != nil
	}
	return nodes, names, good
}

// nameOfExpr is the name under which an expression is known: as its column has it, not as written.
func nameOfExpr(e sql.Expr, n *Node) string {
	switch e := e.(type) {
	case *sql.Name:
		if n.Op == OpColumn || n.Op == OpField {
			return n.Name
		}
		return e.Parts[len(e.Parts)-1].Name
	case *sql.Dot:
		return n.Name
	}
	return ""
}

func (b *binding) expand(s *sql.Star) ([]*Node, bool) {
	scope, ok := b.Scope.(Starrer)
	if !ok {
		b.fault(s.Pos, "INVALID_USAGE_OF_STAR_OR_REGEX", "* cannot stand here")
		return nil, false
	}
	nodes, fault := scope.Expand(s)
	if fault != nil {
		b.fail(*fault)
		return nil, false
	}
	return nodes, true
}

func (b *binding) query(e sql.Expr) *Node {
	if b.Query == nil {
		b.fault(e.Position(), "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY", "a subquery cannot stand here")
		return nil
	}
	n, fault := b.Query(b.Binder, e)
	if fault != nil {
		return b.fail(*fault)
	}
	return n
}

func (b *binding) name(e *sql.Name) *Node {
	if v := b.variable(e.Parts[0].Name); v != nil {
		return b.fields(v.node(e.Position()), e.Parts[1:])
	}
	if b.Scope != nil {
		n, taken, fault := b.Scope.Resolve(e.Parts)
		if fault != nil {
			return b.fail(*fault)
		}
		if n != nil {
			at := *n
			at.Pos = e.Position()
			return b.fields(&at, e.Parts[taken:])
		}
	}
	if len(e.Parts) == 1 && !e.Parts[0].Quoted {
		if fn := lookup(strings.ToLower(e.Parts[0].Name)); fn != nil && fn.perQuery {
			return b.apply(fn.name, e.Position(), nil)
		}
	}
	return b.unknownName(e)
}

func (b *binding) unknownName(e *sql.Name) *Node {
	parts := make([]string, len(e.Parts))
	for i, p := range e.Parts {
		parts[i] = p.Name
	}
	f := sql.Fault{
		Pos: e.Position(), Class: "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
		Message: fmt.Sprintf("column %q does not exist", strings.Join(parts, ".")),
	}
	if b.Scope != nil {
		if names := b.Scope.Names(); len(names) > 0 {
			f.Class = "UNRESOLVED_COLUMN.WITH_SUGGESTION"
			f.Hint = suggestion(strings.Join(parts, "."), names)
		}
	}
	return b.fail(f)
}

func (b *binding) fields(n *Node, path []sql.Ident) *Node {
	for _, part := range path {
		if n = b.field(n, part); n == nil {
			return nil
		}
	}
	return n
}

// field is n.name: a field of a struct, the fields of an array of structs, or a key of a map.
func (b *binding) field(n *Node, name sql.Ident) *Node {
	switch n.Type.Kind {
	case column.Struct:
		return b.structField(n, name)
	case column.Array:
		if n.Type.Elem.Kind == column.Struct {
			return b.fieldOfEach(n, name)
		}
	case column.Map:
		return b.apply("element_at", name.Pos, []*Node{n, textConst(name.Name, name.Pos)})
	}
	return b.fail(sql.Fault{
		Pos: name.Pos, Class: "INVALID_EXTRACT_BASE_FIELD_TYPE",
		Message: fmt.Sprintf("%q cannot be taken out of a %s: it has no fields", name.Name, n.Type),
	})
}

func (b *binding) structField(n *Node, name sql.Ident) *Node {
	i, fault := fieldIndex(n.Type, name)
	if fault != nil {
		return b.fail(*fault)
	}
	f := n.Type.Fields[i]
	return &Node{Op: OpField, Type: f.Type, Index: i, Name: f.Name, Args: []*Node{n}, Pos: n.Pos}
}

func fieldIndex(t column.Type, name sql.Ident) (int, *sql.Fault) {
	at := -1
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
		if !sameName(f.Name, name.Name) {
			continue
		}
		if at >= 0 {
			return 0, &sql.Fault{Pos: name.Pos, Class: "AMBIGUOUS_REFERENCE_TO_FIELDS", Message: fmt.Sprintf("field %q could be two fields of the struct", name.Name)}
		}
		at = i
	}
	if at < 0 {
		return 0, &sql.Fault{Pos: name.Pos, Class: "FIELD_NOT_FOUND", Message: fmt.Sprintf("field %q does not exist", name.Name), Hint: suggestion(name.Name, names)}
	}
	return at, nil
}

// sameName compares names of columns and fields as Spark does, without regard to case.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }

func (b *binding) cast(e *sql.Cast) *Node {
	t, fault := FromTypeName(e.Type)
	if fault != nil {
		b.fail(*fault)
	}
	n := b.expr(e.Expr)
	if n == nil || fault != nil {
		return nil
	}
	return b.castNode(n, t, e.Try, e.Pos)
}

func (b *binding) castNode(n *Node, t column.Type, try bool, pos sql.Pos) *Node {
	if class := legalCast(n.Type, t); class != "" {
		b.fault(pos, class, "%s cannot be cast to %s", n.Type, t)
		return nil
	}
	c := castTo(n, t)
	if try && c.Op == OpCast {
		c.Op = OpTryCast
	}
	if c == n { // keeps the cast's own place, and that a literal stays one
		return n
	}
	c.Pos = pos
	return c
}
