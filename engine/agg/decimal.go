package agg

import "math/bits"

// wide is a signed number of 192 bits, two's complement, least significant word first: room for the
// sum of 2^64 decimals of 38 digits.
type wide [3]uint64

// add adds a signed 128-bit number.
func (w *wide) add(hi, lo int64) {
	var c uint64
	w[0], c = bits.Add64(w[0], uint64(lo), 0)
	w[1], c = bits.Add64(w[1], uint64(hi), c)
	w[2] += uint64(hi>>63) + c
}

// addWide adds a signed 192-bit number.
func (w *wide) addWide(x wide) {
	var c uint64
	w[0], c = bits.Add64(w[0], x[0], 0)
	w[1], c = bits.Add64(w[1], x[1], c)
	w[2] += x[2] + c
}

// negative reports a number below zero.
func (w wide) negative() bool { return int64(w[2]) < 0 }

// negate returns -w.
func (w wide) negate() wide {
	var c uint64
	var r wide
	r[0], c = bits.Add64(^w[0], 1, 0)
	r[1], c = bits.Add64(^w[1], 0, c)
	r[2] = ^w[2] + c
	return r
}

// fits returns w as a signed 128-bit number if |w| < 10^digits; digits is at most 38.
func (w wide) fits(digits int) (hi, lo int64, ok bool) {
	a := w
	if w.negative() {
		a = w.negate()
	}
	p := pow10(digits)
	if a[2] != 0 || a[1] > p[1] || a[1] == p[1] && a[0] >= p[0] {
		return 0, 0, false
	}
	return int64(w[1]), int64(w[0]), true
}

// mul returns w times m for w >= 0, and false where 192 bits are too few.
func (w wide) mul(m uint64) (wide, bool) {
	h0, l0 := bits.Mul64(w[0], m)
	h1, l1 := bits.Mul64(w[1], m)
	h2, l2 := bits.Mul64(w[2], m)
	var c uint64
	r := wide{l0}
	r[1], c = bits.Add64(l1, h0, 0)
	r[2], c = bits.Add64(l2, h1, c)
	return r, h2 == 0 && c == 0 && int64(r[2]) >= 0
}

// divRound returns w divided by d, rounded half away from zero (HALF_UP).
func (w wide) divRound(d uint64) wide {
	neg := w.negative()
	if neg {
		w = w.negate()
	}
	var q wide
	var rem uint64
	for i := 2; i >= 0; i-- {
		q[i], rem = bits.Div64(rem, w[i], d)
	}
	if rem >= d-rem { // 2·rem >= d, without overflow
		q.add(0, 1)
	}
	if neg {
		q = q.negate()
	}
	return q
}

// pow10 is 10^n for n from 0 to 38.
func pow10(n int) wide {
	p := wide{1}
	for range n {
		p, _ = p.mul(10)
	}
	return p
}
