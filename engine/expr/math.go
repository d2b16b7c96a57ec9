package expr

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
)

func mathematics() []function {
	const one, two = "double -> double", "double;double -> double"
	return []function{
		{name: "sqrt", sig: one, kernel: eachFloat(math.Sqrt)},
		{name: "cbrt", sig: one, kernel: eachFloat(math.Cbrt)},
		{name: "exp", sig: one, kernel: eachFloat(exponential)},
		{name: "expm1", sig: one, kernel: eachFloat(math.Expm1)},
		{name: "ln", sig: one, kernel: logarithm(0, math.Log)},
		{name: "log10", sig: one, kernel: logarithm(0, log10)},
		{name: "log2", sig: one, kernel: logarithm(0, func(x float64) float64 { return math.Log(x) / math.Ln2 })},
		{name: "log1p", sig: one, kernel: logarithm(-1, math.Log1p)},
		{name: "log", sig: "double;double? -> double", kernel: logOfBase},
		{name: "power", also: "pow", sig: two, kernel: ofTwo(math.Pow)},
		{name: "sin", sig: one, kernel: eachFloat(math.Sin)},
		{name: "cos", sig: one, kernel: eachFloat(math.Cos)},
		{name: "tan", sig: one, kernel: eachFloat(math.Tan)},
		{name: "cot", sig: one, kernel: eachFloat(func(x float64) float64 { return 1 / math.Tan(x) })},
		{name: "sec", sig: one, kernel: eachFloat(func(x float64) float64 { return 1 / math.Cos(x) })},
		{name: "csc", sig: one, kernel: eachFloat(func(x float64) float64 { return 1 / math.Sin(x) })},
		{name: "asin", sig: one, kernel: eachFloat(math.Asin)},
		{name: "acos", sig: one, kernel: eachFloat(math.Acos)},
		{name: "atan", sig: one, kernel: eachFloat(math.Atan)},
		{name: "sinh", sig: one, kernel: eachFloat(math.Sinh)},
		{name: "cosh", sig: one, kernel: eachFloat(math.Cosh)},
		{name: "tanh", sig: one, kernel: eachFloat(math.Tanh)},
		{name: "asinh", sig: one, kernel: eachFloat(math.Asinh)},
		{name: "acosh", sig: one, kernel: eachFloat(math.Acosh)},
		{name: "atanh", sig: one, kernel: eachFloat(math.Atanh)},
		{name: "atan2", sig: two, kernel: ofTwo(math.Atan2)},
		{name: "hypot", sig: two, kernel: ofTwo(math.Hypot)},
		{name: "degrees", sig: one, kernel: eachFloat(func(x float64) float64 { return x * (180 / math.Pi) })},
		{name: "radians", sig: one, kernel: eachFloat(func(x float64) float64 { return x * (math.Pi / 180) })},
		{name: "pi", sig: "-> double", check: floatNode(math.Pi)},
		{name: "e", sig: "-> double", check: floatNode(math.E)},
		{name: "sign", also: "signum", sig: one, kernel: eachFloat(signOf)},
		{name: "factorial", sig: "int -> bigint", kernel: same(factorial)},
		{name: "width_bucket", sig: "double;double;double;bigint -> bigint", kernel: same(widthBucket)},
		{name: "hex", check: checkHex, kernel: hexKernel},
		{name: "unhex", sig: "string -> binary", kernel: eachText(unhex)},
		{name: "bin", sig: "bigint -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			return strconv.AppendUint(dst, uint64(f.int(0, i)), 2)
		})},
		{name: "conv", sig: "string;int;int -> string", kernel: eachText(convert)},
	}
}

func floatNode(x float64) func(c *call) *Node {
	return func(c *call) *Node { return floatConst(column.Of(column.Float64), x, c.pos) }
}

func ofTwo(fn func(x, y float64) float64) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.out.Float[i] = fn(f.float(0, i), f.float(1, i))
		}
	})
}

// logarithm is NULL for values that are not above least.
func logarithm(least float64, fn func(float64) float64) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			x := f.float(0, i)
			if x <= least {
				f.null(i)
				continue
			}
			f.out.Float[i] = fn(x)
		}
	})
}

// logOfBase is log(x) and log(base, x).
func logOfBase(n *Node, env *Env) (kernel, error) {
	if len(n.Args) == 1 {
		return logarithm(0, math.Log)(n, env)
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			base, x := f.float(0, i), f.float(1, i)
			if base <= 0 || x <= 0 {
				f.null(i)
				continue
			}
			f.out.Float[i] = math.Log(x) / math.Log(base)
		}
	}, nil
}

// log10 splits off the power of two, so that powers of ten come out whole as they do in Java.
func log10(x float64) float64 {
	const ivln10, log10of2hi, log10of2lo = 4.34294481903251816668e-01, 3.01029995663611771306e-01, 3.69423907715893078616e-13
	if x != x || math.IsInf(x, 0) {
		return x
	}
	fraction, e := math.Frexp(x) // in [1/2, 1)
	fraction, e = fraction*2, e-1
	if e < 0 {
		fraction, e = fraction/2, e+1
	}
	y := float64(e)
	return y*log10of2lo + ivln10*math.Log(fraction) + y*log10of2hi
}

// exponential is e^x by the reduction to [-ln2/2, ln2/2] and the rational approximation of FreeBSD's
// msun (e_exp.c), which Java's StrictMath prescribes; the processor's own differs in the last bit.
func exponential(x float64) float64 {
	const (
		ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
		p1, p2, p3   = 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05
		p4, p5       = -1.65339022054652515390e-06, 4.13813679705723846039e-08
	)
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x > 709.782712893383973096:
		return math.Inf(1)
	case x < -745.13321910194110842:
		return 0
	case math.Abs(x) < 1.0/(1<<28):
		return 1 + x
	}
	k, hi, lo := 0, x, 0.0
	if math.Abs(x) > 0.5*math.Ln2 {
		switch {
		case math.Abs(x) < 1.5*math.Ln2 && x > 0:
			k = 1
		case math.Abs(x) < 1.5*math.Ln2:
			k = -1
		case x > 0:
			k = int(math.Log2E*x + 0.5)
		default:
			k = int(math.Log2E*x - 0.5)
		}
		hi, lo = x-float64(k)*ln2Hi, float64(k)*ln2Lo
	}
	r := hi - lo
	t := r * r
	c := r - t*(p1+t*(p2+t*(p3+t*(p4+t*p5))))
	if k == 0 {
		return 1 - ((r*c)/(c-2) - r)
	}
	return math.Ldexp(1-((lo-(r*c)/(2-c))-hi), k)
}

func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func factorial(f *frame, rows []uint32) {
	for _, i := range rows {
		n := f.int(0, i)
		if n < 0 || n > 20 {
			f.null(i)
			continue
		}
		x := int64(1)
		for ; n > 1; n-- {
			x *= n
		}
		f.out.Int[i] = x
	}
}

func widthBucket(f *frame, rows []uint32) {
	for _, i := range rows {
		x, low, high, n := f.float(0, i), f.float(1, i), f.float(2, i), f.int(3, i)
		bad := x != x || low != low || high != high || math.IsInf(low, 0) || math.IsInf(high, 0)
		if n <= 0 || n == math.MaxInt64 || low == high || bad {
			f.null(i)
			continue
		}
		up := low < high
		switch {
		case up && x < low, !up && x > low:
			f.out.Int[i] = 0
		case up && x >= high, !up && x <= high:
			f.out.Int[i] = n + 1
		default:
			f.out.Int[i] = int64(float64(n)*(x-low)/(high-low)) + 1
		}
	}
}

func checkHex(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	word := "text"
	if t := c.args[0].Type; t.IsNumeric() {
		word = "bigint"
	}
	if !c.coerce(0, word) {
		return nil
	}
	return c.node(column.Of(column.String))
}

const upperHex = "0123456789ABCDEF"

func hexKernel(n *Node, env *Env) (kernel, error) {
	if n.Args[0].Type.Kind == column.Int64 {
		return eachText(func(f *frame, i uint32, dst []byte) []byte {
			x := uint64(f.int(0, i))
			for shift := (bits.Len64(x|1) - 1) / 4 * 4; shift >= 0; shift -= 4 {
				dst = append(dst, upperHex[x>>shift&15])
			}
			return dst
		})(n, env)
	}
	return eachText(func(f *frame, i uint32, dst []byte) []byte {
		for _, c := range f.text(0, i) {
			dst = append(dst, upperHex[c>>4], upperHex[c&15])
		}
		return dst
	})(n, env)
}

func unhex(f *frame, i uint32, dst []byte) []byte {
	start := len(dst)
	text := f.text(0, i)
	if len(text)%2 == 1 {
		d, ok := hexDigit(text[0])
		if !ok {
			f.null(i)
			return dst
		}
		dst, text = append(dst, d), text[1:]
	}
	for ; len(text) > 0; text = text[2:] {
		hi, ok1 := hexDigit(text[0])
		lo, ok2 := hexDigit(text[1])
		if !ok1 || !ok2 {
			f.null(i)
			return dst[:start]
		}
		dst = append(dst, hi<<4|lo)
	}
	return dst
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// convert is conv(text, from, to): a number of 64 bits from one base to another; a negative target
// base shows it signed.
func convert(f *frame, i uint32, dst []byte) []byte {
	from, to := f.int(1, i), f.int(2, i)
	text := strings.ToLower(string(trimBlanks(f.text(0, i))))
	if from < 2 || from > 36 || to > 36 || to < -36 || to > -2 && to < 2 || text == "" {
		f.null(i)
		return dst
	}
	negative := text[0] == '-'
	text = strings.TrimPrefix(text, "-")
	n := 0
	for n < len(text) && digitOf(text[n]) < int(from) {
		n++
	}
	if n == 0 {
		return append(dst, '0')
	}
	x, err := strconv.ParseUint(text[:n], int(from), 64)
	if err != nil {
		f.fail(i, "ARITHMETIC_OVERFLOW", "")
		return dst
	}
	if negative {
		x = -x
	}
	start := len(dst)
	if to < 0 {
		dst = strconv.AppendInt(dst, int64(x), int(-to))
	} else {
		dst = strconv.AppendUint(dst, x, int(to))
	}
	for k := start; k < len(dst); k++ {
		if c := dst[k]; c >= 'a' {
			dst[k] = c - 'a' + 'A'
		}
	}
	return dst
}

func digitOf(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	}
	return 99
}

func bitwise() []function {
	return []function{
		{name: "&", check: checkBits, kernel: bitKernel(func(x, y int64) int64 { return x & y })},
		{name: "|", check: checkBits, kernel: bitKernel(func(x, y int64) int64 { return x | y })},
		{name: "^", check: checkBits, kernel: bitKernel(func(x, y int64) int64 { return x ^ y })},
		{name: "~", sig: "integer -> =0", kernel: same(mapInts(func(_ *frame, x int64) int64 { return ^x }))},
		{name: "<<", also: "shiftleft", check: checkShift, kernel: shiftKernel},
		{name: ">>", also: "shiftright", check: checkShift, kernel: shiftKernel},
		{name: ">>>", also: "shiftrightunsigned", check: checkShift, kernel: shiftKernel},
		{name: "bit_count", check: checkBitCount, kernel: same(mapInts(func(_ *frame, x int64) int64 { return int64(bits.OnesCount64(uint64(x))) }))},
	}
}

func checkBits(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	t, ok := common(c.args[0].Type, c.args[1].Type)
	if !ok || !t.IsInteger() {
		return c.badOperands()
	}
	c.args[0], c.args[1] = castTo(c.args[0], t), castTo(c.args[1], t)
	return c.node(t)
}

func bitKernel(fn func(x, y int64) int64) maker {
	return eachInt(func(f *frame, i uint32) int64 { return fn(f.int(0, i), f.int(1, i)) })
}

// checkShift is << >> >>>: of an INT or a BIGINT, by an INT.
func checkShift(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	word := "int"
	if c.args[0].Type.Kind == column.Int64 {
		word = "bigint"
	}
	if !c.coerce(0, word) || !c.coerce(1, "int") {
		return nil
	}
	return c.node(c.args[0].Type)
}

// shiftKernel takes the count modulo the width, as Java does.
func shiftKernel(n *Node, env *Env) (kernel, error) {
	wide, op := n.Type.Kind == column.Int64, n.Func
	return eachInt(func(f *frame, i uint32) int64 {
		x, by := f.int(0, i), uint(f.int(1, i))
		switch {
		case op == "<<" && wide:
			return x << (by & 63)
		case op == "<<":
			return int64(int32(x) << (by & 31))
		case op == ">>" && wide:
			return x >> (by & 63)
		case op == ">>":
			return x >> (by & 31)
		case wide:
			return int64(uint64(x) >> (by & 63))
		}
		return int64(int32(uint32(x) >> (by & 31)))
	})(n, env)
}

// checkBitCount takes whole numbers and truth values.
func checkBitCount(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if c.args[0].Type.Kind == column.Bool {
		c.args[0] = castTo(c.args[0], column.Of(column.Int64))
	}
	if !c.coerce(0, "only integer") || !c.coerce(0, "bigint") {
		return nil
	}
	return c.node(column.Of(column.Int32))
}
