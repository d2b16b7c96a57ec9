package expr

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/nagare-stream/nagare/engine/column"
)

// maxPrecision is the most digits that a DECIMAL has.
const maxPrecision = 38

// int128 is a signed 128-bit number, the unscaled value of a DECIMAL.
type int128 struct {
	hi int64
	lo uint64
}

func small(x int64) int128 { return int128{x >> 63, uint64(x)} }

// decimalAt is row i of a DECIMAL column.
func decimalAt(v *column.Vector, i int) int128 { return int128{v.Hi[i], uint64(v.Int[i])} }

func setDecimal(v *column.Vector, i int, x int128) { v.Hi[i], v.Int[i] = x.hi, int64(x.lo) }

func (a int128) isZero() bool { return a.hi == 0 && a.lo == 0 }

func (a int128) isSmall() bool { return a.hi == int64(a.lo)>>63 }

func (a int128) sign() int {
	switch {
	case a.hi < 0:
		return -1
	case a.isZero():
		return 0
	}
	return 1
}

func (a int128) cmp(b int128) int {
	switch {
	case a.hi < b.hi, a.hi == b.hi && a.lo < b.lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// add returns a+b modulo 2^128: two DECIMALs of 38 digits can need a bit more, which plus tells.
func (a int128) add(b int128) int128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return int128{a.hi + b.hi + int64(carry), lo}
}

// plus returns a+b, and whether it fits in 127 bits.
func (a int128) plus(b int128) (int128, bool) {
	r := a.add(b)
	return r, (a.hi^r.hi)&(b.hi^r.hi) >= 0
}

func (a int128) neg() int128 {
	lo, borrow := bits.Sub64(0, a.lo, 0)
	return int128{-a.hi - int64(borrow), lo}
}

func (a int128) sub(b int128) int128 { return a.add(b.neg()) }

// abs returns the magnitude as two unsigned words.
func (a int128) abs() (hi, lo uint64) {
	if a.hi < 0 {
		a = a.neg()
	}
	return uint64(a.hi), a.lo
}

func signed(negative bool, hi, lo uint64) int128 {
	x := int128{int64(hi), lo}
	if negative {
		return x.neg()
	}
	return x
}

// tens holds 10^0 … 10^38.
var tens = func() (t [maxPrecision + 1]int128) {
	t[0] = small(1)
	for i := 1; i <= maxPrecision; i++ {
		hi, lo := bits.Mul64(t[i-1].lo, 10)
		t[i] = int128{t[i-1].hi*10 + int64(hi), lo}
	}
	return t
}()

// fits reports that the magnitude has at most p digits.
func (a int128) fits(p int) bool {
	if a.hi < 0 {
		a = a.neg()
	}
	return a.hi >= 0 && a.cmp(tens[p]) < 0
}

// digits is the number of decimal digits of the magnitude, at least 1.
func (a int128) digits() int {
	for p := 1; p < maxPrecision; p++ {
		if a.fits(p) {
			return p
		}
	}
	return maxPrecision
}

func (a int128) big() *big.Int {
	hi, lo := a.abs()
	x := new(big.Int).SetUint64(hi)
	x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(lo))
	if a.hi < 0 {
		x.Neg(x)
	}
	return x
}

// fromBig returns x, and whether it has at most p digits.
func fromBig(x *big.Int, p int) (int128, bool) {
	if x.BitLen() > 127 {
		return int128{}, false
	}
	m := new(big.Int).Abs(x)
	lo := new(big.Int).And(m, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	hi := new(big.Int).Rsh(m, 64).Uint64()
	r := signed(x.Sign() < 0, hi, lo)
	return r, r.fits(p)
}

// mul returns a*b / 10^drop, rounded half up, and whether it has at most p digits.
func (a int128) mul(b int128, drop, p int) (int128, bool) {
	ahi, alo := a.abs()
	bhi, blo := b.abs()
	if ahi == 0 && bhi == 0 {
		hi, lo := bits.Mul64(alo, blo)
		if hi <= math.MaxInt64 {
			r := signed((a.hi < 0) != (b.hi < 0), hi, lo)
			if drop == 0 {
				return r, r.fits(p)
			}
			return r.scaleDown(drop, halfUp).checked(p)
		}
	}
	x := new(big.Int).Mul(a.big(), b.big())
	return fromBig(divRound(x, pow10(drop), halfUp), p)
}

func (a int128) checked(p int) (int128, bool) { return a, a.fits(p) }

// div returns a*10^shift / b, rounded half up, and whether it has at most p digits. b is not 0.
func (a int128) div(b int128, shift, p int) (int128, bool) {
	if shift >= 0 {
		if up, ok := a.scaleUp(shift); ok {
			return up.quo(b, halfUp).checked(p)
		}
		x := new(big.Int).Mul(a.big(), pow10(shift))
		return fromBig(divRound(x, b.big(), halfUp), p)
	}
	y := new(big.Int).Mul(b.big(), pow10(-shift))
	return fromBig(divRound(a.big(), y, halfUp), p)
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// scaleUp returns a*10^n, and whether it fits in 127 bits.
func (a int128) scaleUp(n int) (int128, bool) {
	if n == 0 || a.isZero() {
		return a, true
	}
	if n > maxPrecision {
		return int128{}, false
	}
	hi, lo := a.abs()
	t := tens[n]
	if hi == 0 && t.hi == 0 {
		phi, plo := bits.Mul64(lo, t.lo)
		return signed(a.hi < 0, phi, plo), phi <= math.MaxInt64
	}
	if hi != 0 && t.hi != 0 {
		return int128{}, false
	}
	// One factor has a single word: (x.hi·2^64 + x.lo)·y.
	xhi, xlo, y := hi, lo, t.lo
	if hi == 0 {
		xhi, xlo, y = uint64(t.hi), t.lo, lo
	}
	over, mid := bits.Mul64(xhi, y)
	carry, plo := bits.Mul64(xlo, y)
	phi, c := bits.Add64(mid, carry, 0)
	if over != 0 || c != 0 || phi > math.MaxInt64 {
		return int128{}, false
	}
	return signed(a.hi < 0, phi, plo), true
}

// rounding is a way to round a quotient to an integer.
type rounding uint8

const (
	halfUp   rounding = iota // away from zero at one half
	halfEven                 // to the even neighbour at one half
	down                     // towards zero
	floorTo                  // towards minus infinity
	ceilTo                   // towards plus infinity
)

// scaleDown returns a / 10^n.
func (a int128) scaleDown(n int, how rounding) int128 {
	switch {
	case n == 0:
		return a
	case n > maxPrecision:
		return roundQuotient(int128{}, a.sign() != 0, -1, a.hi < 0, how)
	}
	return a.quo(tens[n], how)
}

// quo returns a / b, rounded.
func (a int128) quo(b int128, how rounding) int128 {
	ahi, alo := a.abs()
	bhi, blo := b.abs()
	negative := (a.hi < 0) != (b.hi < 0)
	if bhi == 0 {
		qhi, r := ahi/blo, ahi%blo
		qlo, rem := bits.Div64(r, alo, blo)
		half := compareHalf(0, rem, 0, blo)
		return roundQuotient(signed(negative, qhi, qlo), rem != 0, half, negative, how)
	}
	qlo, rhi, rlo := div128(ahi, alo, bhi, blo)
	half := compareHalf(rhi, rlo, bhi, blo)
	return roundQuotient(signed(negative, 0, qlo), rhi|rlo != 0, half, negative, how)
}

// div128 divides 128 by 128 bits where the divisor has its high word set, so that the quotient
// has one word: estimate it from the normalized high words, then correct (Knuth's algorithm D).
func div128(ahi, alo, bhi, blo uint64) (q, rhi, rlo uint64) {
	s := uint(bits.LeadingZeros64(bhi))
	d := bhi<<s | blo>>1>>(63-s)
	q, _ = bits.Div64(ahi>>1, ahi<<63|alo>>1, d)
	q >>= 63 - s // the estimate of the shifted division, brought back
	if q != 0 {
		q--
	}
	hi, lo := bits.Mul64(q, blo)
	hi += q * bhi
	rlo, borrow := bits.Sub64(alo, lo, 0)
	rhi, _ = bits.Sub64(ahi, hi, borrow)
	for rhi > bhi || rhi == bhi && rlo >= blo {
		rlo, borrow = bits.Sub64(rlo, blo, 0)
		rhi, _ = bits.Sub64(rhi, bhi, borrow)
		q++
	}
	return q, rhi, rlo
}

// compareHalf compares 2·r with b.
func compareHalf(rhi, rlo, bhi, blo uint64) int {
	if rhi>>63 != 0 {
		return 1
	}
	thi, tlo := rhi<<1|rlo>>63, rlo<<1
	switch {
	case thi > bhi || thi == bhi && tlo > blo:
		return 1
	case thi == bhi && tlo == blo:
		return 0
	}
	return -1
}

func roundQuotient(q int128, inexact bool, half int, negative bool, how rounding) int128 {
	if !inexact {
		return q
	}
	away := false
	switch how {
	case halfUp:
		away = half >= 0
	case halfEven:
		away = half > 0 || half == 0 && q.lo&1 == 1
	case floorTo:
		away = negative
	case ceilTo:
		away = !negative
	}
	if !away {
		return q
	}
	if negative {
		return q.sub(small(1))
	}
	return q.add(small(1))
}

// divRound is x / y for numbers beyond 128 bits.
func divRound(x, y *big.Int, how rounding) *big.Int {
	negative := (x.Sign() < 0) != (y.Sign() < 0)
	ay := new(big.Int).Abs(y)
	q, r := new(big.Int).QuoRem(new(big.Int).Abs(x), ay, new(big.Int))
	half := new(big.Int).Lsh(r, 1).Cmp(ay)
	away := false
	switch how {
	case halfUp:
		away = half >= 0
	case halfEven:
		away = half > 0 || half == 0 && q.Bit(0) == 1
	case floorTo:
		away = negative && r.Sign() != 0
	case ceilTo:
		away = !negative && r.Sign() != 0
	}
	if away && r.Sign() != 0 {
		q.Add(q, big.NewInt(1))
	}
	if negative {
		q.Neg(q)
	}
	return q
}

// rescale brings an unscaled value from one scale to another, and tells whether it then has at
// most p digits.
func (a int128) rescale(from, to, p int, how rounding) (int128, bool) {
	if to >= from {
		up, ok := a.scaleUp(to - from)
		return up, ok && up.fits(p)
	}
	return a.scaleDown(from-to, how).checked(p)
}

// float returns a / 10^scale, correctly rounded where the value has at most 15 digits.
func (a int128) float(scale int) float64 {
	if a.isSmall() && a.fits(15) && scale <= 22 {
		return float64(int64(a.lo)) / math.Pow10(scale)
	}
	f, _ := new(big.Rat).SetFrac(a.big(), pow10(scale)).Float64()
	return f
}
