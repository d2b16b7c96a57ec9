package expr

import "github.com/nagare-stream/nagare/engine/column"

// ordered is a check of arrays whose elements are compared.
func ordered(check func(c *call) *Node) func(c *call) *Node {
	return func(c *call) *Node {
		n := check(c)
		if n != nil && HasMap(n.Args[0].Type) {
			return c.noOrder(n.Args[0].Type)
		}
		return n
	}
}

func (c *call) noOrder(t column.Type) *Node {
	return c.fault("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "%s compares values, and %s has no order", c.name, t)
}

// checkElement types f(array, value), whose result is t or, for VOID, the array. rule is how the value and
// the elements meet in one type.
func checkElement(t column.Type, rule func(a, b column.Type) (column.Type, bool)) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(2, 2) {
			return nil
		}
		find, list := t.Kind != column.Void, c.args[0].Type
		switch {
		case find && (list.Kind == column.Void || c.args[1].Type.Kind == column.Void && c.name != "array_position"):
			return c.fault("DATATYPE_MISMATCH.NULL_TYPE", "%s does not take NULL", c.name)
		case c.name == "array_remove" && list.Kind != column.Array:
			return c.fault("DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES", "%s takes an array, not %s", c.name, list)
		case list.Kind == column.Void:
			return c.mismatch(0, "an array")
		case !c.arrayArg(0):
			return nil
		}
		elem, ok := rule(*c.args[0].Type.Elem, c.args[1].Type)
		if !ok {
			return c.fault("DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES", "%s has an array of %s and a %s", c.name, c.args[0].Type.Elem, c.args[1].Type)
		}
		if HasMap(elem) && (find || c.name == "array_remove") {
			return c.noOrder(elem)
		}
		list = column.Type{Kind: column.Array, Elem: &elem}
		c.args[0], c.args[1] = castTo(c.args[0], list), castTo(c.args[1], elem)
		if t.Kind == column.Void {
			return c.node(list)
		}
		return c.node(t)
	}
}

func checkArrayOf(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if c.name == "array_sort" && c.args[0].Type.Kind == column.Void {
		return c.mismatch(0, "an array")
	}
	if !c.arrayArg(0) {
		return nil
	}
	return c.node(c.args[0].Type)
}

// checkArrays types f(array, array), whose result is an array or, if test, a BOOLEAN.
func checkArrays(test bool) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(2, 2) {
			return nil
		}
		t, ok := commonOf(c.args)
		if !ok || c.args[0].Type.Kind != column.Array || c.args[1].Type.Kind != column.Array {
			return c.fault("DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES", "%s has %s and %s", c.name, c.args[0].Type, c.args[1].Type)
		}
		if HasMap(t) {
			return c.noOrder(t)
		}
		c.args[0], c.args[1] = castTo(c.args[0], t), castTo(c.args[1], t)
		if test {
			return c.node(boolean)
		}
		return c.node(t)
	}
}
