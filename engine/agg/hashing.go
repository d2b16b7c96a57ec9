package agg

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/nagare-stream/nagare/engine/column"
)

// Hashes are the same in every process: nothing that can be seen depends on them, but memory, speed
// and the order of slots do, and those are to repeat from run to run as well. The constants are
// fractional digits of the square roots of small primes, made odd.
const (
	hashSeed uint64 = 0x6a09e667f3bcc909
	hashInt  uint64 = 0xbb67ae8584caa73b
	hashLow  uint64 = 0x3c6ef372fe94f82b
	hashHigh uint64 = 0xa54ff53a5f1d36f1
	hashNull uint64 = 0x510e527fade682d1
	hashLen  uint64 = 0x9b05688c2b3e6c1f
)

// stir mixes x into h: the 128-bit product, folded. For a fixed h no two x give the same operand.
func stir(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, hashInt)
	return hi ^ lo
}

// fold mixes two words; the operands stay in, so that a zero operand does not swallow the other.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return a ^ hi ^ lo ^ bits.RotateLeft64(b, 32)
}

// hashBytes mixes the bytes of b into h.
func hashBytes(h uint64, b []byte) uint64 {
	n := len(b)
	var x, y uint64 // as shortWords gives them
	switch {
	case n > shortLen:
		return hashLong(h, b)
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])>>(8*uint(shortLen-n))
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:])>>(8*uint(8-n)))<<32
	case n > 0:
		x = uint64(b[0]) | uint64(b[n>>1])<<(8*uint(n>>1)) | uint64(b[n-1])<<(8*uint(n-1))
	}
	return hashShort(h, x, y, uint32(n))
}

// shortLen is the length up to which a string is handled as two words. Those are read whole, the
// bytes behind the string masked away, so that strings of changing lengths cost no mispredicted jump.
const shortLen = 16

// shortWords returns the bytes d[from:from+n], n at most shortLen, as two words, filled with zeros.
// It reads d[from:from+shortLen], so that much must be there.
func shortWords(d []byte, from, n uint32) (x, y uint64) {
	d = d[from:]
	x = binary.LittleEndian.Uint64(d) & (1<<(8*n) - 1)
	y = binary.LittleEndian.Uint64(d[8:]) & (1<<(8*max(n, 8)-64) - 1)
	return x, y
}

// hashShort mixes a string of n bytes, given as two words, into h.
func hashShort(h, x, y uint64, n uint32) uint64 {
	return fold(x^uint64(n)*hashLen, y^h)
}

func hashLong(h uint64, b []byte) uint64 {
	n := len(b)
	for len(b) > 16 {
		h = fold(binary.LittleEndian.Uint64(b)^hashLow, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var tail [16]byte
	copy(tail[:], b)
	h = fold(binary.LittleEndian.Uint64(tail[:])^hashHigh, binary.LittleEndian.Uint64(tail[8:])^h)
	return stir(h, uint64(n)*hashLen)
}

// floatBits is the bits of x with one NaN and one zero, as GROUP BY and DISTINCT see them.
func floatBits(x float64) uint64 {
	if x != x {
		return 0x7ff8000000000000
	}
	return math.Float64bits(x + 0) // -0 + 0 = 0
}

// isNull is Vector.IsNull for a bitmap that may end before row i.
func isNull(null []uint64, i uint32) bool {
	w := i >> 6
	return w < uint32(len(null)) && null[w]&(1<<(i&63)) != 0
}

// hashColumn mixes v[rows[i]] into hs[i] for each i.
func hashColumn(hs []uint64, v *column.Vector, rows []uint32) {
	rows = rows[:len(hs)]
	switch {
	case v.Type.Kind == column.Void:
		for i := range hs {
			hs[i] = stir(hs[i], hashNull)
		}
	case v.Type.Kind == column.Decimal || v.Type.Kind >= column.Struct:
		for i, r := range rows {
			hs[i] = hashAt(hs[i], v, r)
		}
	case v.Type.UsesBytes():
		hashStrings(hs, v, rows)
	case v.Null != nil:
		hashNullable(hs, v, rows)
	case v.Type.UsesInt():
		for i, r := range rows {
			hs[i] = stir(hs[i], uint64(v.Int[r]))
		}
	default:
		for i, r := range rows {
			hs[i] = stir(hs[i], floatBits(v.Float[r]))
		}
	}
}

func hashStrings(hs []uint64, v *column.Vector, rows []uint32) {
	ends := v.Ends
	data := v.Data[:cap(v.Data)] // what lies behind is read and masked away
	for i, r := range rows {
		if v.Null != nil && isNull(v.Null, r) {
			hs[i] = stir(hs[i], hashNull)
			continue
		}
		from := uint32(0)
		if r > 0 {
			from = ends[r-1]
		}
		n := ends[r] - from
		if n > shortLen || int(from)+shortLen > len(data) {
			hs[i] = hashBytes(hs[i], data[from:from+n])
			continue
		}
		x, y := shortWords(data, from, n)
		hs[i] = hashShort(hs[i], x, y, n)
	}
}

func hashNullable(hs []uint64, v *column.Vector, rows []uint32) {
	for i, r := range rows {
		switch {
		case isNull(v.Null, r):
			hs[i] = stir(hs[i], hashNull)
		case v.Type.UsesInt():
			hs[i] = stir(hs[i], uint64(v.Int[r]))
		default:
			hs[i] = stir(hs[i], floatBits(v.Float[r]))
		}
	}
}

// hashAt mixes one value of any type into h.
func hashAt(h uint64, v *column.Vector, r uint32) uint64 {
	if v.Type.Kind == column.Void || isNull(v.Null, r) {
		return stir(h, hashNull)
	}
	switch {
	case v.Type.Kind == column.Decimal:
		return stir(stir(h, uint64(v.Int[r])), uint64(v.Hi[r]))
	case v.Type.UsesInt():
		return stir(h, uint64(v.Int[r]))
	case v.Type.UsesFloat():
		return stir(h, floatBits(v.Float[r]))
	case v.Type.UsesBytes():
		return hashBytes(h, v.Bytes(int(r)))
	case v.Type.Kind == column.Struct:
		for k := range v.Kids {
			h = hashAt(h, &v.Kids[k], r)
		}
		return h
	}
	from, to := v.Span(int(r))
	for k := range v.Kids {
		for e := from; e < to; e++ {
			h = hashAt(h, &v.Kids[k], e)
		}
	}
	return stir(h, uint64(to-from)*hashLen)
}
