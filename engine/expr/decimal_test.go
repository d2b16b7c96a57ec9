package expr

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// randomDecimal is a number of up to 38 digits, of any length alike.
func randomDecimal(r *rand.Rand) int128 {
	x := big.NewInt(r.Int64())
	x.Mul(x, big.NewInt(r.Int64())).Mul(x, big.NewInt(r.Int64()))
	x.Rem(x, pow10(1+r.IntN(maxPrecision)))
	if r.IntN(2) == 0 {
		x.Neg(x)
	}
	if r.IntN(8) == 0 { // near a tie
		x.Set(pow10(1 + r.IntN(maxPrecision-1)))
		x.Quo(x, big.NewInt(2)).Add(x, big.NewInt(int64(r.IntN(3))-1))
	}
	v, ok := fromBig(x, maxPrecision)
	if !ok {
		panic("BUG: beyond 38 digits")
	}
	return v
}

var allRoundings = []rounding{halfUp, halfEven, down, floorTo, ceilTo}

// exactRound rounds x/y by comparing fractions, without the code under test.
func exactRound(x, y *big.Int, how rounding) *big.Int {
	q := new(big.Rat).SetFrac(x, y)
	low := new(big.Int).Div(q.Num(), q.Denom()) // towards minus infinity: the denominator is positive
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(low))
	if rest.Sign() == 0 {
		return low
	}
	high := new(big.Int).Add(low, big.NewInt(1))
	half := rest.Cmp(big.NewRat(1, 2))
	switch how {
	case floorTo:
		return low
	case ceilTo:
		return high
	case down:
		if q.Sign() < 0 {
			return high
		}
		return low
	case halfEven:
		if half > 0 || half == 0 && low.Bit(0) == 1 {
			return high
		}
		return low
	}
	if half > 0 || half == 0 && q.Sign() > 0 {
		return high
	}
	return low
}

func same128(t *testing.T, what string, got int128, ok bool, want *big.Int, p int) {
	t.Helper()
	fits := new(big.Int).Abs(want).Cmp(pow10(p)) < 0
	if ok != fits || ok && got.big().Cmp(want) != 0 {
		t.Fatalf("%s: %v %v, want %v (fits: %v)", what, got.big(), ok, want, fits)
	}
}

// TestDecimalAgainstBig compares the 128-bit arithmetic with math/big on random numbers.
func TestDecimalAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		a, b := randomDecimal(r), randomDecimal(r)
		x, y := a.big(), b.big()
		how := allRoundings[r.IntN(len(allRoundings))]
		n, p := r.IntN(maxPrecision+1), 1+r.IntN(maxPrecision)
		sum, fits := a.plus(b)
		if want := new(big.Int).Add(x, y); fits != (want.BitLen() <= 127) || fits && sum.big().Cmp(want) != 0 {
			t.Fatalf("%v + %v = %v %v", x, y, sum.big(), fits)
		}
		if got, want := a.cmp(b), x.Cmp(y); got != want {
			t.Fatalf("%v cmp %v = %d", x, y, got)
		}
		if got, want := a.fits(p), new(big.Int).Abs(x).Cmp(pow10(p)) < 0; got != want {
			t.Fatalf("%v fits %d: %v", x, p, got)
		}
		got, ok := a.checked(maxPrecision)
		same128(t, "itself", got, ok, x, maxPrecision)
		same128(t, "scale down", a.scaleDown(n, how), true, exactRound(x, pow10(n), how), maxPrecision)
		got, ok = a.mul(b, n, p)
		same128(t, "mul", got, ok, exactRound(new(big.Int).Mul(x, y), pow10(n), halfUp), p)
		got, ok = a.rescale(0, n, p, how)
		same128(t, "scale up", got, ok, new(big.Int).Mul(x, pow10(n)), p)
		if b.isZero() {
			continue
		}
		same128(t, "quotient", a.quo(b, how), true, exactRound(x, y, how), maxPrecision)
		got, ok = a.div(b, n-8, p)
		num, den := new(big.Int).Set(x), new(big.Int).Set(y)
		if n >= 8 {
			num.Mul(num, pow10(n-8))
		} else {
			den.Mul(den, pow10(8-n))
		}
		same128(t, "div", got, ok, exactRound(num, den, halfUp), p)
	}
}

// TestQuickRemainder compares with math/big wherever it answers.
func TestQuickRemainder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	answered := 0
	for range 50_000 {
		a, b := randomDecimal(r), randomDecimal(r)
		up, positive := r.IntN(10), r.IntN(2) == 0
		if b.isZero() {
			continue
		}
		got, ok := quickRemainder(a, b, up, 10-up, positive)
		if !ok {
			continue
		}
		answered++
		x, y := new(big.Int).Mul(a.big(), pow10(up)), new(big.Int).Mul(b.big(), pow10(10-up))
		want := new(big.Int).Rem(x, y)
		if positive && want.Sign() < 0 {
			want.Add(want, y).Rem(want, y)
		}
		if got.big().Cmp(want) != 0 {
			t.Fatalf("%v %% %v (pmod %v) = %v, want %v", x, y, positive, got.big(), want)
		}
	}
	if answered < 1000 {
		t.Errorf("only %d answers", answered)
	}
}
