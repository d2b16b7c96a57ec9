package expr

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
)

func arithmetic() []function {
	return []function{
		{name: "+", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "-", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "*", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "/", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "%", also: "mod", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "pmod", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "div", check: checkArithmetic, kernel: arithmeticKernel},
		{name: "try_add", check: tryOperator("+"), kernel: quietly("+")},
		{name: "try_subtract", check: tryOperator("-"), kernel: quietly("-")},
		{name: "try_multiply", check: tryOperator("*"), kernel: quietly("*")},
		{name: "try_divide", check: tryOperator("/"), kernel: quietly("/")},
		{name: "try_mod", check: tryOperator("%"), kernel: quietly("%")},
		{name: "negative", check: checkSign, kernel: negateKernel},
		{name: "positive", check: checkSign, kernel: negateKernel},
		{name: "abs", check: checkSign, kernel: negateKernel},
	}
}

// tryOperator binds the operator, then calls it by the name that makes failures NULL.
func tryOperator(op string) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(2, 2) {
			return nil
		}
		n := c.other(op, c.args...)
		if n == nil || n.Op != OpCall {
			return n
		}
		quiet := *n
		for i, a := range n.Args { // a cast that was not written is quiet too
			if a.Op == OpCast && (a.Args[0] == c.args[0] || a.Args[0] == c.args[1]) {
				cast := *a
				cast.Op = OpTryCast
				quiet.Args = slices.Clone(quiet.Args)
				quiet.Args[i] = &cast
			}
		}
		if quiet.Func = c.fn.name; n.Func != op { // a sum of times
			quiet.Func = "try " + n.Func
		}
		return &quiet
	}
}

// quietly is the kernel of an operator whose failures are NULL.
func quietly(op string) maker {
	return func(n *Node, env *Env) (kernel, error) {
		as := *n
		as.Func = op
		run, err := lookup(op).kernel(&as, env)
		return func(f *frame, rows []uint32) {
			f.quiet = true
			run(f, rows)
		}, err
	}
}

// checkArithmetic types + - * / % pmod div.
func checkArithmetic(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	if n, done := timeArithmetic(c); done {
		return n
	}
	l, r := c.args[0], c.args[1]
	switch {
	case l.Type.Kind == column.String && (r.Type.IsNumeric()):
		t, _ := withText(l.Type, r.Type)
		l = castTo(l, t)
	case r.Type.Kind == column.String && (l.Type.IsNumeric()):
		t, _ := withText(r.Type, l.Type)
		r = castTo(r, t)
	}
	switch {
	case l.Type.Kind == column.Void && r.Type.Kind == column.Void:
		l, r = castTo(l, column.Of(column.Float64)), castTo(r, column.Of(column.Float64))
	case l.Type.Kind == column.Void:
		l = castTo(l, r.Type)
	case r.Type.Kind == column.Void:
		r = castTo(r, l.Type)
	}
	if !l.Type.IsNumeric() || !r.Type.IsNumeric() {
		return c.badOperands()
	}
	if l.Type.Kind == column.Decimal && !r.Type.UsesFloat() || r.Type.Kind == column.Decimal && !l.Type.UsesFloat() {
		return c.decimalArithmetic(literalDecimal(l), literalDecimal(r))
	}
	t := column.Of(max(l.Type.Kind, r.Type.Kind))
	switch {
	case t.Kind == column.Decimal || c.fn.name == "/": // a DECIMAL with a FLOAT or DOUBLE
		t = column.Of(column.Float64)
	case t.Kind == column.Float32 && l.Type.Kind != r.Type.Kind:
		t = column.Of(column.Float64)
	case c.fn.name == "div" && t.UsesFloat():
		return c.badOperands()
	case c.fn.name == "div":
		t = column.Of(column.Int64)
	}
	if c.fn.name == "div" && t.UsesFloat() {
		return c.badOperands()
	}
	c.args[0], c.args[1] = castTo(l, t), castTo(r, t)
	return c.node(t)
}

// badOperands is the fault of two types that an operator does not take.
func (c *call) badOperands() *Node {
	l, r := c.args[0].Type, c.args[1].Type
	class := "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"
	if meet(l, r) {
		class = "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"
	}
	return c.fault(class, "%s does not work on %s and %s", c.fn.name, l, r)
}

// meet reports types that Spark makes one before it looks whether the operator takes that.
func meet(l, r column.Type) bool {
	text := func(a, b column.Type) bool { _, ok := withText(a, b); return ok }
	double := func(a, b column.Type) bool { return a.Kind == column.Decimal && b.Kind == column.Float64 }
	return l.Equal(r) || text(l, r) || text(r, l) || double(l, r) || double(r, l)
}

// literalDecimal casts an integer to the DECIMAL that holds its type or, for a literal, its value.
func literalDecimal(n *Node) *Node {
	switch {
	case n.Type.Kind == column.Decimal:
		return n
	case n.Op == OpConst && !n.Const.IsNull(0):
		return castTo(n, column.DecimalOf(small(n.Const.Int[0]).digits(), 0))
	}
	return castTo(n, asDecimal(n.Type))
}

// decimalArithmetic types an operation on two DECIMALs by Spark's rules of precision.
func (c *call) decimalArithmetic(l, r *Node) *Node {
	p1, s1 := int(l.Type.Precision), int(l.Type.Scale)
	p2, s2 := int(r.Type.Precision), int(r.Type.Scale)
	c.args[0], c.args[1] = l, r
	within := adjusted
	if c.b.KeepScale {
		within = cut
	}
	switch c.fn.name {
	case "+", "-":
		s := max(s1, s2)
		return c.node(within(max(p1-s1, p2-s2)+s+1, s))
	case "*":
		return c.node(within(p1+p2+1, s1+s2))
	case "/":
		whole, s := p1-s1+s2, max(6, s1+p2+1)
		if c.b.KeepScale {
			return c.node(evenQuotient(whole, s))
		}
		return c.node(adjusted(whole+s, s))
	case "div":
		return c.node(column.Of(column.Int64))
	}
	s := max(s1, s2)
	return c.node(within(min(p1-s1, p2-s2)+s, s))
}

// cut is DECIMAL(p,s) within 38 digits, keeping digits behind the point.
func cut(p, s int) column.Type {
	return column.DecimalOf(min(p, maxPrecision), min(s, maxPrecision))
}

// evenQuotient is the type of a quotient whose digits behind the point are kept: what is too much is
// taken half from there and half from before it.
func evenQuotient(whole, s int) column.Type {
	whole, s = min(whole, maxPrecision), min(s, maxPrecision)
	if over := whole + s - maxPrecision; over > 0 {
		s -= over/2 + 1
		whole = maxPrecision - s
	}
	return column.DecimalOf(whole+s, s)
}

// adjusted is DECIMAL(p,s) within 38 digits, giving up digits behind the point but 6.
func adjusted(p, s int) column.Type {
	if p <= maxPrecision {
		return column.DecimalOf(p, s)
	}
	return column.DecimalOf(maxPrecision, max(maxPrecision-(p-s), min(s, 6)))
}

func checkSign(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if isInterval(c.args[0].Type) {
		return c.node(c.args[0].Type)
	}
	if !c.coerce(0, "numeric") {
		return nil
	}
	return c.node(c.args[0].Type)
}

// bounds is the range of an integer kind.
func bounds(k column.Kind) (least, most int64) {
	switch k {
	case column.Int8:
		return math.MinInt8, math.MaxInt8
	case column.Int16:
		return math.MinInt16, math.MaxInt16
	case column.Int32, column.YearMonth, column.Date:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}

// Classes of overflows. javaArithmetic and javaArgument stand where Spark throws Java's exception and has no class.
const (
	javaArithmetic   = "ArithmeticException"
	javaArgument     = "IllegalArgumentException"
	timeOverflow     = "DATETIME_OVERFLOW"
	intervalOverflow = "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION"
)

// overflowClass is Spark's class of an integer overflow in a function or operator.
func overflowClass(op string, t column.Type) string {
	switch {
	case t.Kind == column.Int8 || t.Kind == column.Int16:
		return "BINARY_ARITHMETIC_OVERFLOW"
	case isInterval(t) && (op == "+" || op == "-"):
		return "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION"
	case isInterval(t) && op == "negative":
		return intervalOverflow
	}
	return "ARITHMETIC_OVERFLOW"
}

const decimalOverflow = "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"

func arithmeticKernel(n *Node, _ *Env) (kernel, error) {
	in := n.Args[0].Type
	switch {
	case in.Kind == column.Decimal:
		return decimalKernel(n), nil
	case in.UsesFloat():
		return floatKernel(n.Func, n.Type.Kind == column.Float32), nil
	}
	return intKernel(n.Func, n.Type), nil
}

func intKernel(op string, t column.Type) kernel {
	least, most := bounds(t.Kind)
	class := overflowClass(op, t)
	switch op {
	case "+":
		return func(f *frame, rows []uint32) {
			a, b, out := f.args[0].Int, f.args[1].Int, f.out.Int
			for _, i := range rows {
				x, y := a[i], b[i]
				r := x + y
				out[i] = r
				if (x^r)&(y^r) < 0 || r < least || r > most {
					f.fail(i, class, "")
				}
			}
		}
	case "-":
		return func(f *frame, rows []uint32) {
			a, b, out := f.args[0].Int, f.args[1].Int, f.out.Int
			for _, i := range rows {
				x, y := a[i], b[i]
				r := x - y
				out[i] = r
				if (x^y)&(x^r) < 0 || r < least || r > most {
					f.fail(i, class, "")
				}
			}
		}
	case "*":
		return func(f *frame, rows []uint32) {
			a, b, out := f.args[0].Int, f.args[1].Int, f.out.Int
			for _, i := range rows {
				r, ok := times(a[i], b[i])
				out[i] = r
				if !ok || r < least || r > most {
					f.fail(i, class, "")
				}
			}
		}
	}
	return divideInts(op, class)
}

// times multiplies, and tells whether the product fits.
func times(x, y int64) (int64, bool) {
	r := x * y
	if x == 0 || y == 0 {
		return 0, true
	}
	return r, r/y == x && !(x == -1 && y == math.MinInt64) && !(y == -1 && x == math.MinInt64)
}

func divideInts(op, class string) kernel {
	zero := "REMAINDER_BY_ZERO"
	if op == "div" {
		zero = "DIVIDE_BY_ZERO"
	}
	return func(f *frame, rows []uint32) {
		a, b, out := f.args[0].Int, f.args[1].Int, f.out.Int
		for _, i := range rows {
			x, y := a[i], b[i]
			switch {
			case y == 0:
				f.fail(i, zero, "")
			case op == "div":
				if x == math.MinInt64 && y == -1 {
					f.fail(i, class, "")
					continue
				}
				out[i] = x / y
			default:
				r := x % y
				if op == "pmod" && r < 0 {
					r = (r + y) % y
				}
				out[i] = r
			}
		}
	}
}

func floatKernel(op string, single bool) kernel {
	var run kernel
	switch op {
	case "+":
		run = addFloats
	case "-":
		run = subtractFloats
	case "*":
		run = multiplyFloats
	case "/":
		run = divideFloats
	default:
		run = remainderFloats(op == "pmod")
	}
	if !single {
		return run
	}
	return func(f *frame, rows []uint32) {
		run(f, rows)
		for _, i := range rows {
			f.out.Float[i] = float64(float32(f.out.Float[i]))
		}
	}
}

// dense reports that rows are 0 … n-1, so that a loop may count instead of reading them.
func dense(f *frame, rows []uint32) bool { return len(rows) == f.x.rows }

func addFloats(f *frame, rows []uint32) {
	a, b, out := f.args[0].Float, f.args[1].Float, f.out.Float
	if dense(f, rows) {
		a, b = a[:len(out)], b[:len(out)]
		for i := range out {
			out[i] = a[i] + b[i]
		}
		return
	}
	for _, i := range rows {
		out[i] = a[i] + b[i]
	}
}

func subtractFloats(f *frame, rows []uint32) {
	a, b, out := f.args[0].Float, f.args[1].Float, f.out.Float
	if dense(f, rows) {
		a, b = a[:len(out)], b[:len(out)]
		for i := range out {
			out[i] = a[i] - b[i]
		}
		return
	}
	for _, i := range rows {
		out[i] = a[i] - b[i]
	}
}

func multiplyFloats(f *frame, rows []uint32) {
	a, b, out := f.args[0].Float, f.args[1].Float, f.out.Float
	if dense(f, rows) {
		a, b = a[:len(out)], b[:len(out)]
		for i := range out {
			out[i] = a[i] * b[i]
		}
		return
	}
	for _, i := range rows {
		out[i] = a[i] * b[i]
	}
}

func divideFloats(f *frame, rows []uint32) {
	a, b, out := f.args[0].Float, f.args[1].Float, f.out.Float
	for _, i := range rows {
		if b[i] == 0 {
			f.fail(i, "DIVIDE_BY_ZERO", "")
			continue
		}
		out[i] = a[i] / b[i]
	}
}

func remainderFloats(positive bool) kernel {
	return func(f *frame, rows []uint32) {
		a, b, out := f.args[0].Float, f.args[1].Float, f.out.Float
		for _, i := range rows {
			if b[i] == 0 {
				f.fail(i, "REMAINDER_BY_ZERO", "")
				continue
			}
			r := math.Mod(a[i], b[i])
			if positive && r < 0 {
				r = math.Mod(r+b[i], b[i])
			}
			out[i] = r
		}
	}
}

func negateKernel(n *Node, _ *Env) (kernel, error) {
	t := n.Type
	least, _ := bounds(t.Kind)
	op := n.Func
	class := overflowClass(op, t)
	if op == "positive" {
		return func(f *frame, rows []uint32) { copyRows(f.out, f.args[0], rows) }, nil
	}
	switch {
	case t.UsesFloat():
		return func(f *frame, rows []uint32) {
			a, out := f.args[0].Float, f.out.Float
			for _, i := range rows {
				out[i] = -a[i]
				if op == "abs" {
					out[i] = math.Abs(a[i])
				}
			}
		}, nil
	case t.Kind == column.Decimal:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x := decimalAt(f.args[0], int(i))
				if op == "negative" || x.hi < 0 {
					x = x.neg()
				}
				setDecimal(f.out, int(i), x)
			}
		}, nil
	}
	return func(f *frame, rows []uint32) {
		a, out := f.args[0].Int, f.out.Int
		for _, i := range rows {
			x := a[i]
			if op == "abs" && x >= 0 {
				out[i] = x
				continue
			}
			if x == least {
				f.fail(i, class, "")
				continue
			}
			out[i] = -x
		}
	}, nil
}
