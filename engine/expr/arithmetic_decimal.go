package expr

import (
	"math/big"

	"github.com/nagare-stream/nagare/engine/column"
)

// decimalKernel is + - * / % pmod div on two DECIMALs of any scales.
func decimalKernel(n *Node) kernel {
	s1, s2 := int(n.Args[0].Type.Scale), int(n.Args[1].Type.Scale)
	p, s := int(n.Type.Precision), int(n.Type.Scale)
	switch n.Func {
	case "+", "-":
		return sumDecimals(s1, s2, p, s, n.Func == "-")
	case "*":
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				r, ok := decimalAt(f.args[0], int(i)).mul(decimalAt(f.args[1], int(i)), s1+s2-s, p)
				f.setDecimal(i, r, ok)
			}
		}
	case "/":
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				y := decimalAt(f.args[1], int(i))
				if y.isZero() {
					f.fail(i, "DIVIDE_BY_ZERO", "")
					continue
				}
				r, ok := decimalAt(f.args[0], int(i)).div(y, s-s1+s2, p)
				f.setDecimal(i, r, ok)
			}
		}
	case "div":
		return integralDivide(s1, s2)
	}
	return remainDecimals(s1, s2, p, s, n.Func == "pmod")
}

// setDecimal stores a result, or fails the row where it did not fit.
func (f *frame) setDecimal(i uint32, x int128, ok bool) {
	if !ok {
		f.fail(i, decimalOverflow, "")
		x = int128{}
	}
	setDecimal(f.out, int(i), x)
}

func sumDecimals(s1, s2, p, s int, minus bool) kernel {
	wide := max(s1, s2)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x, y := decimalAt(f.args[0], int(i)), decimalAt(f.args[1], int(i))
			if minus {
				y = y.neg()
			}
			a, ok1 := x.rescale(s1, wide, maxPrecision, halfUp)
			b, ok2 := y.rescale(s2, wide, maxPrecision, halfUp)
			if r, ok := a.plus(b); ok && ok1 && ok2 {
				r, ok = r.rescale(wide, s, p, halfUp)
				f.setDecimal(i, r, ok)
				continue
			}
			sum := new(big.Int).Mul(x.big(), pow10(wide-s1))
			sum.Add(sum, new(big.Int).Mul(y.big(), pow10(wide-s2)))
			r, ok := fromBig(divRound(sum, pow10(wide-s), halfUp), p)
			f.setDecimal(i, r, ok)
		}
	}
}

// integralDivide is div: the quotient without its fraction, as BIGINT. As in Spark it overflows beyond 38
// digits, and of fewer that are beyond a BIGINT the low 64 bits are left.
func integralDivide(s1, s2 int) kernel {
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x, y := decimalAt(f.args[0], int(i)), decimalAt(f.args[1], int(i))
			if y.isZero() {
				f.fail(i, "DIVIDE_BY_ZERO", "")
				continue
			}
			wideX, ok1 := x.scaleUp(max(s2-s1, 0))
			wideY, ok2 := y.scaleUp(max(s1-s2, 0))
			if ok1 && ok2 {
				q := wideX.quo(wideY, down)
				f.setLow(i, q, q.fits(maxPrecision))
				continue
			}
			a, b := x.big(), y.big()
			a.Mul(a, pow10(max(s2-s1, 0)))
			b.Mul(b, pow10(max(s1-s2, 0)))
			if a.Quo(a, b); tooLong(a) {
				f.raise(i, javaArithmetic, "")
				continue
			}
			q, ok := fromBig(a, maxPrecision)
			f.setLow(i, q, ok)
		}
	}
}

// setLow stores the low 64 bits of a quotient, or fails the row where it had too many digits.
func (f *frame) setLow(i uint32, q int128, ok bool) {
	if !ok {
		f.fail(i, decimalOverflow, "")
		q = int128{}
	}
	f.out.Int[i] = int64(q.lo)
}

// tooLong reports a quotient with which Java refuses to divide: digits behind its 39th.
func tooLong(q *big.Int) bool {
	over := len(q.Text(10)) - maxPrecision - 1
	if q.Sign() < 0 {
		over--
	}
	return over > 0 && new(big.Int).Rem(q, pow10(over)).Sign() != 0
}

func remainDecimals(s1, s2, p, s int, positive bool) kernel {
	wide := max(s1, s2)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x, y := decimalAt(f.args[0], int(i)), decimalAt(f.args[1], int(i))
			if y.isZero() {
				f.fail(i, "REMAINDER_BY_ZERO", "")
				continue
			}
			if r, ok := quickRemainder(x, y, wide-s1, wide-s2, positive); ok {
				r, ok = r.rescale(wide, s, p, halfUp)
				f.setDecimal(i, r, ok)
				continue
			}
			a := x.big()
			a.Mul(a, pow10(wide-s1))
			b := y.big()
			b.Mul(b, pow10(wide-s2))
			q, r := new(big.Int).QuoRem(a, b, new(big.Int))
			if tooLong(q) {
				f.raise(i, javaArithmetic, "")
				continue
			}
			if positive && r.Sign() < 0 {
				r.Add(r, b).Rem(r, b)
			}
			v, ok := fromBig(divRound(r, pow10(wide-s), halfUp), p)
			f.setDecimal(i, v, ok)
		}
	}
}

// quickRemainder is the remainder within 128 bits, at one scale; false: it needs more.
func quickRemainder(x, y int128, upX, upY int, positive bool) (int128, bool) {
	a, ok1 := x.scaleUp(upX)
	b, ok2 := y.scaleUp(upY)
	if !ok1 || !ok2 {
		return int128{}, false
	}
	product, ok := a.quo(b, down).mul(b, 0, maxPrecision)
	r := a.sub(product)
	if positive && r.hi < 0 && b.hi >= 0 { // pmod: (r + b) % b, which for a negative b is r again
		r = r.add(b)
	}
	return r, ok
}

// castDecimal is a DECIMAL to another: halves away from zero, an error where it does not fit.
func castDecimal(from, to column.Type) kernel {
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			r, ok := decimalAt(f.args[0], int(i)).rescale(int(from.Scale), int(to.Scale), int(to.Precision), halfUp)
			f.setDecimal(i, r, ok)
		}
	}
}
