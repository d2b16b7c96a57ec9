package expr

import (
	"math"
	"strconv"

	"github.com/nagare-stream/nagare/engine/column"
)

func roundings() []function {
	return []function{
		{name: "round", check: checkRound, kernel: roundKernel(halfUp)},
		{name: "bround", check: checkRound, kernel: roundKernel(halfEven)},
		{name: "floor", check: checkFloor, kernel: floorKernel(floorTo)},
		{name: "ceil", also: "ceiling", check: checkFloor, kernel: floorKernel(ceilTo)},
		{name: "rint", sig: "double -> double", kernel: eachFloat(math.RoundToEven)},
	}
}

// places is the constant number of digits that a rounding call has as its second argument; NULL and no
// argument are 0.
func (c *call) places() (int, bool) {
	if len(c.args) < 2 {
		return 0, true
	}
	if !c.coerce(1, "int") {
		return 0, false
	}
	v, ok := c.constant(1)
	if !ok {
		c.fault("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the number of digits of %s is constant", c.name)
		return 0, false
	}
	if v.IsNull(0) {
		return 0, true
	}
	return int(min(max(v.Int[0], -400), 400)), true
}

// roundedDecimal is the type of a DECIMAL rounded to so many digits: it may need one more before the point.
func roundedDecimal(t column.Type, places int) column.Type {
	whole := int(t.Precision) - int(t.Scale) + 1
	if places < 0 {
		return column.DecimalOf(min(max(whole, 1-places), maxPrecision), 0)
	}
	scale := min(int(t.Scale), places)
	return column.DecimalOf(min(whole+scale, maxPrecision), scale)
}

func checkRound(c *call) *Node {
	if !c.arity(1, 2) || !c.coerce(0, "numeric") {
		return nil
	}
	places, ok := c.places()
	if !ok {
		return nil
	}
	t := c.args[0].Type
	if t.Kind == column.Decimal {
		t = roundedDecimal(t, places)
	}
	return c.node(t)
}

// placesOf is places of a bound call.
func placesOf(n *Node) int {
	if len(n.Args) < 2 {
		return 0
	}
	v, _ := evaluate(n.Args[1], Env{})
	if v.Op != OpConst || v.Const.IsNull(0) {
		return 0
	}
	return int(min(max(v.Const.Int[0], -400), 400))
}

func roundKernel(how rounding) maker {
	return func(n *Node, _ *Env) (kernel, error) {
		places, t := placesOf(n), n.Type
		switch {
		case t.Kind == column.Decimal:
			return roundDecimals(int(n.Args[0].Type.Scale), places, t, how), nil
		case t.UsesFloat():
			bits := 64
			if t.Kind == column.Float32 {
				bits = 32
			}
			return func(f *frame, rows []uint32) {
				for _, i := range rows {
					f.out.Float[i] = f.roundFloat(f.float(0, i), bits, places, how)
				}
			}, nil
		case places >= 0:
			return func(f *frame, rows []uint32) { copyRows(f.out, f.args[0], rows) }, nil
		}
		least, most := bounds(t.Kind)
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x, ok := roundTens(small(f.int(0, i)), -places, how)
				if !ok || !x.isSmall() || int64(x.lo) < least || int64(x.lo) > most {
					f.fail(i, overflowClass("round", t), "")
					continue
				}
				f.out.Int[i] = int64(x.lo)
			}
		}, nil
	}
}

// roundTens rounds to a multiple of 10^n.
func roundTens(x int128, n int, how rounding) (int128, bool) {
	if n > maxPrecision {
		return int128{}, true
	}
	return x.scaleDown(n, how).scaleUp(n)
}

func roundDecimals(scale, places int, t column.Type, how rounding) kernel {
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x, ok := decimalAt(f.args[0], int(i)), true
			switch {
			case places < 0:
				x, ok = roundTens(x.scaleDown(scale, down), -places, how)
				if full := decimalAt(f.args[0], int(i)); scale-places <= maxPrecision {
					x, ok = full.scaleDown(scale-places, how).scaleUp(-places)
				}
			case places < scale:
				x = x.scaleDown(scale-places, how)
			}
			f.setDecimal(i, x, ok && x.fits(int(t.Precision)))
		}
	}
}

// roundFloat rounds the shortest decimal text of x, as Spark does by way of BigDecimal: 1.005 to two
// digits is 1.01 though the double lies below.
func (f *frame) roundFloat(x float64, bits, places int, how rounding) float64 {
	if x != x || math.IsInf(x, 0) || x == 0 {
		return x
	}
	f.buf = strconv.AppendFloat(f.buf[:0], x, 'e', -1, bits)
	digits, exponent, negative := splitFloat(f.buf)
	keep := exponent + 1 + places // digits kept of the mantissa
	if keep >= len(digits) {
		return x
	}
	rounded, carry := roundDigits(digits, keep, negative, how)
	if carry {
		exponent++
	}
	if len(rounded) == 0 {
		return math.Copysign(0, x)
	}
	f.buf2 = f.buf2[:0]
	if negative {
		f.buf2 = append(f.buf2, '-')
	}
	f.buf2 = append(f.buf2, rounded[0], '.')
	f.buf2 = append(f.buf2, rounded[1:]...)
	f.buf2 = strconv.AppendInt(append(f.buf2, '0', 'e'), int64(exponent), 10)
	r, err := strconv.ParseFloat(string(f.buf2), bits)
	if err != nil {
		return x
	}
	return r
}

// splitFloat takes the form -d.ddde±xx apart; the digits stay in text, without the point.
func splitFloat(text []byte) (digits []byte, exponent int, negative bool) {
	if text[0] == '-' {
		negative, text = true, text[1:]
	}
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	for _, c := range text[e+2:] {
		exponent = exponent*10 + int(c-'0')
	}
	if text[e+1] == '-' {
		exponent = -exponent
	}
	if e == 1 {
		return text[:1], exponent, negative
	}
	text[1] = text[0] // over the point
	return text[1:e], exponent, negative
}

// roundDigits rounds a mantissa to its first keep digits, in place; carry: it became ten times as
// large, and one digit longer than kept. No digits are left of what rounds to 0.
func roundDigits(digits []byte, keep int, negative bool, how rounding) (rounded []byte, carry bool) {
	if keep < 0 {
		if how == halfUp || how == halfEven || how == down || (how == ceilTo) == negative {
			return nil, false
		}
		keep = 0
	}
	if !roundsAway(digits, keep, negative, how) {
		return digits[:keep], false
	}
	for k := keep - 1; k >= 0; k-- {
		if digits[k] < '9' {
			digits[k]++
			return digits[:keep], false
		}
		digits[k] = '0'
	}
	digits[0] = '1'
	return digits[:max(keep, 1)], true
}

func roundsAway(digits []byte, keep int, negative bool, how rounding) bool {
	next := digits[keep]
	rest := false
	for _, d := range digits[keep+1:] {
		rest = rest || d != '0'
	}
	switch how {
	case halfUp:
		return next >= '5'
	case halfEven:
		odd := keep > 0 && (digits[keep-1]-'0')&1 == 1
		return next > '5' || next == '5' && (rest || odd)
	case floorTo:
		return negative && (next != '0' || rest)
	case ceilTo:
		return !negative && (next != '0' || rest)
	}
	return false
}

// checkFloor is floor and ceil: of one argument a BIGINT or DECIMAL, with digits always a DECIMAL.
func checkFloor(c *call) *Node {
	if !c.arity(1, 2) || !c.coerce(0, "numeric") {
		return nil
	}
	if len(c.args) == 2 {
		if v, ok := c.constant(1); !ok || v.Type.Kind != column.Int32 {
			return c.fault("NON_FOLDABLE_ARGUMENT", "the places of %s are a constant INT", c.name)
		}
	}
	places, ok := c.places()
	if !ok {
		return nil
	}
	t := c.args[0].Type
	switch {
	case len(c.args) == 2:
		c.args[0] = castTo(c.args[0], asDecimal(t))
		return c.node(roundedDecimal(c.args[0].Type, places))
	case t.Kind == column.Decimal && t.Scale == 0:
		return c.node(t)
	case t.Kind == column.Decimal:
		return c.node(bounded(int(t.Precision)-int(t.Scale)+1, 0))
	}
	return c.node(column.Of(column.Int64))
}

func floorKernel(how rounding) maker {
	return func(n *Node, _ *Env) (kernel, error) {
		in := n.Args[0].Type
		switch {
		case in.Kind == column.Decimal:
			return roundDecimals(int(in.Scale), placesOf(n), n.Type, how), nil
		case in.UsesFloat():
			return func(f *frame, rows []uint32) {
				for _, i := range rows {
					x := math.Floor(f.float(0, i))
					if how == ceilTo {
						x = math.Ceil(f.float(0, i))
					}
					f.out.Int[i] = saturated(x)
				}
			}, nil
		}
		return func(f *frame, rows []uint32) { copyRows(f.out, f.args[0], rows) }, nil
	}
}

// saturated is x as Java's (long) gives it: NaN is 0, what is beyond the range its end.
func saturated(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= math.MaxInt64:
		return math.MaxInt64
	case x <= math.MinInt64:
		return math.MinInt64
	}
	return int64(x)
}
