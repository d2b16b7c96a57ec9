package expr

import (
	"github.com/nagare-stream/nagare/engine/column"
)

func logic() []function {
	return []function{
		{name: "not", also: "!", sig: "boolean -> boolean", kernel: eachBool(func(f *frame, i uint32) bool { return !f.bool(0, i) })},
		{name: "isnull", sig: "any -> boolean", kernel: nullTest(true), nulls: true},
		{name: "isnotnull", sig: "any -> boolean", kernel: nullTest(false), nulls: true},
		{name: "isnan", sig: "double -> boolean", kernel: same(isNaN), nulls: true},
	}
}

func nullTest(want bool) maker {
	return same(func(f *frame, rows []uint32) {
		v, out := f.args[0], f.out.Int
		if v.Null == nil {
			for _, i := range rows {
				out[i] = bit(!want)
			}
			return
		}
		for _, i := range rows {
			out[i] = bit(v.IsNull(int(i)) == want)
		}
	})
}

// isNaN is false for NULL.
func isNaN(f *frame, rows []uint32) {
	v := f.args[0]
	for _, i := range rows {
		f.out.Int[i] = bit(!v.IsNull(int(i)) && v.Float[i] != v.Float[i])
	}
}

func conditionals() []function {
	return []function{
		{name: "if", check: checkIf},
		{name: "coalesce", check: checkCoalesce(1, -1)},
		{name: "nvl", also: "ifnull", check: checkCoalesce(2, 2)},
		{name: "nvl2", check: checkNvl2},
		{name: "nullif", check: checkNullif},
		{name: "zeroifnull", check: checkZeroifnull},
		{name: "nullifzero", check: checkNullifzero},
		{name: "nanvl", check: checkNanvl},
		{name: "typeof", check: checkTypeof},
		{name: "assert_true", check: checkAssert, kernel: same(assertTrue), nulls: true},
		{name: "raise_error", sig: "string -> void", kernel: same(raiseError), nulls: true},
	}
}

func checkIf(c *call) *Node {
	if !c.arity(3, 3) {
		return nil
	}
	cond := c.args[0]
	if cond.Type.Kind == column.Void {
		cond = castTo(cond, boolean)
	}
	if cond.Type.Kind != column.Bool {
		return c.mismatch(0, "boolean")
	}
	return c.b.choose(c.pos, c.name, []*Node{cond, c.args[1], c.args[2]})
}

func checkCoalesce(least, most int) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(least, most) {
			return nil
		}
		t, ok := commonOf(c.args)
		if !ok {
			return c.b.diffTypes(c.pos, c.name, c.args)
		}
		args := make([]*Node, len(c.args))
		for i, a := range c.args {
			args[i] = castTo(a, t)
		}
		if len(args) == 1 {
			return args[0]
		}
		return &Node{Op: OpCoalesce, Type: t, Args: args, Pos: c.pos}
	}
}

func checkNvl2(c *call) *Node {
	if !c.arity(3, 3) {
		return nil
	}
	return c.b.choose(c.pos, c.name, []*Node{c.other("isnotnull", c.args[0]), c.args[1], c.args[2]})
}

// checkNullif is nullif(a, b): NULL if they are equal, else a.
func checkNullif(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	equal := c.other("=", c.args...)
	if equal == nil {
		return nil
	}
	return c.b.choose(c.pos, c.name, []*Node{equal, nullOf(c.args[0].Type, c.args[0]), c.args[0]})
}

func checkZeroifnull(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	return c.other("coalesce", c.args[0], intConst(column.Of(column.Int32), 0, c.pos))
}

func checkNullifzero(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	return c.other("nullif", c.args[0], intConst(column.Of(column.Int32), 0, c.pos))
}

// checkNanvl is nanvl(a, b): b where a is NaN.
func checkNanvl(c *call) *Node {
	if !c.arity(2, 2) || !c.coerce(0, "double") || !c.coerce(1, "double") {
		return nil
	}
	return c.b.choose(c.pos, c.name, []*Node{c.other("isnan", c.args[0]), c.args[1], c.args[0]})
}

func checkTypeof(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	return textConst(c.args[0].Type.String(), c.pos)
}

func checkAssert(c *call) *Node {
	if !c.arity(1, 2) || !c.coerce(0, "only boolean") || len(c.args) == 2 && !c.coerce(1, "string") {
		return nil
	}
	return c.node(column.Type{})
}

func assertTrue(f *frame, rows []uint32) {
	for _, i := range rows {
		if f.isNull(0, i) || !f.bool(0, i) {
			detail := "the assertion is not true"
			if len(f.args) > 1 && !f.isNull(1, i) {
				detail = string(f.text(1, i))
			}
			f.fail(i, "USER_RAISED_EXCEPTION", detail)
		}
	}
}

func raiseError(f *frame, rows []uint32) {
	for _, i := range rows {
		detail := ""
		if !f.isNull(0, i) {
			detail = string(f.text(0, i))
		}
		f.fail(i, "USER_RAISED_EXCEPTION", detail)
	}
}

// castFunctions are int(x), string(x) and so on: casts under a function's name.
func castFunctions() []function {
	var out []function
	for _, name := range []string{"boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary", "date", "timestamp"} {
		t := wordType(name)
		out = append(out, function{name: name, check: func(c *call) *Node {
			if !c.arity(1, 1) {
				return nil
			}
			return c.b.castNode(c.args[0], t, false, c.pos)
		}})
	}
	return append(out, function{name: "decimal", check: func(c *call) *Node {
		if !c.arity(1, 1) {
			return nil
		}
		return c.b.castNode(c.args[0], column.DecimalOf(10, 0), false, c.pos)
	}})
}
