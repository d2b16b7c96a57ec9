package expr

import (
	"fmt"
	"sort"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// call binds a function call: by the hook, else by the table of functions.
func (b *binding) call(e *sql.Call) *Node {
	if b.Call != nil {
		before := len(b.nested)
		n, fault := b.Call(b.Binder, e)
		found := b.nested[before:]
		b.nested = b.nested[:before]
		if fault != nil {
			for _, f := range found {
				b.fail(f)
			}
			return b.fail(*fault)
		}
		if n != nil {
			return n
		}
	}
	name := strings.ToLower(e.Name.Name)
	fn := lookup(name)
	if fn == nil || strings.Contains(name, " ") {
		b.exprs(e.Args) // for their faults
		if isGenerator(name) {
			b.fault(e.Pos, "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", "%s makes rows, and cannot stand here", name)
			return nil
		}
		return b.unknownFunction(e.Name)
	}
	if !b.plainCall(e) {
		return nil
	}
	if fn.lambda != nil {
		return fn.lambda(&call{b: b, fn: fn, name: e.Name.Name, pos: e.Pos}, e.Args)
	}
	args, names, good := b.callArgs(name, e.Args)
	if !good {
		return nil
	}
	c := &call{b: b, fn: fn, name: e.Name.Name, pos: e.Pos, args: args, names: names}
	return c.bind()
}

// callArgs binds the arguments and gives the names that they have; the unit of timestampdiff and its
// like is a word, not a column.
func (b *binding) callArgs(name string, list []sql.Expr) (args []*Node, names []string, good bool) {
	if len(list) != 3 || !takesUnit(name) {
		return b.named(list)
	}
	switch unit := list[0].(type) {
	case *sql.Name:
		if len(unit.Parts) != 1 || unit.Parts[0].Quoted {
			break
		}
		if _, ok := calendarUnitOf(unit.Parts[0].Name); ok {
			args, _, good = b.named(list[1:])
			n := textConst(unit.Parts[0].Name, unit.Position())
			n.Name = unitName
			return append([]*Node{n}, args...), nil, good
		}
	case *sql.Literal:
		if unit.Kind == sql.LitString {
			b.fault(unit.Pos, "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "the unit of %s is a word without quotes: YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND", name)
			return nil, nil, false
		}
	}
	return b.named(list)
}

// unitName marks an argument that is the word of a unit.
const unitName = "unit"

func takesUnit(name string) bool {
	switch name {
	case "timestampdiff", "timestampadd", "datediff", "date_diff", "timediff", "dateadd", "date_add":
		return true
	}
	return false
}

// plainCall refuses what only aggregates and window functions have.
func (b *binding) plainCall(e *sql.Call) bool {
	switch {
	case e.Over != nil:
		b.fault(e.Pos, "UNSUPPORTED_EXPR_FOR_WINDOW", "%s is no window function", e.Name.Name)
	case e.Distinct:
		b.fault(e.Pos, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "%s takes no DISTINCT: it is no aggregate", e.Name.Name)
	case e.Filter != nil:
		b.fault(e.Pos, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "%s takes no FILTER: it is no aggregate", e.Name.Name)
	case e.WithinGroup != nil:
		b.fault(e.Pos, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "%s takes no WITHIN GROUP: it is no aggregate", e.Name.Name)
	case e.Star && lookup(strings.ToLower(e.Name.Name)) == nil:
		b.fault(e.Pos, "INVALID_USAGE_OF_STAR_OR_REGEX", "%s takes no *", e.Name.Name)
	default:
		return true
	}
	return false
}

// isGenerator reports the functions that make rows, which whoever binds a SELECT takes out before.
func isGenerator(name string) bool {
	switch name {
	case "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple":
		return true
	}
	return false
}

func (b *binding) unknownFunction(name sql.Ident) *Node {
	return b.fail(sql.Fault{
		Pos: name.Pos, Class: "UNRESOLVED_ROUTINE",
		Message: fmt.Sprintf("function %q does not exist", name.Name),
		Hint:    suggestion(strings.ToLower(name.Name), FunctionNames()),
	})
}

// apply calls a function of the table by name; nil means that a fault was recorded.
func (b *binding) apply(name string, pos sql.Pos, args []*Node) *Node {
	return b.applyAs(name, name, pos, args)
}

// applyAs is apply with another name in messages. A nil argument is a fault recorded already.
func (b *binding) applyAs(name, shown string, pos sql.Pos, args []*Node) *Node {
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	fn := lookup(name)
	if fn == nil {
		return b.unknownFunction(sql.Ident{Name: name, Pos: pos})
	}
	c := &call{b: b, fn: fn, name: shown, pos: pos, args: append([]*Node(nil), args...)}
	return c.bind()
}

// IsFunction reports a scalar function of that name.
func IsFunction(name string) bool { return lookup(strings.ToLower(name)) != nil }

// FunctionNames lists the functions that a user can write, sorted.
func FunctionNames() []string {
	var names []string
	for name := range functionTable() {
		if c := name[0]; c >= 'a' && c <= 'z' {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// suggestion is a hint with the nearest of names, or an empty one when none is near.
func suggestion(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// Nearest is sql.Nearest: the one of names that differs least from name, or "".
func Nearest(name string, names []string) string { return sql.Nearest(name, names) }
