package codec

import (
	"math"
	"strconv"
	"unsafe"
)

// exactPow10 are the powers of ten that a double holds exactly.
var exactPow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

var wholePow10 = [...]uint64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000}

// parseDouble reads a JSON number that has been checked. ok is false when it is too large for a double.
//
// A mantissa up to 2^53 and a power of ten up to 10^22 are exact doubles, so that one division or product of
// them is rounded correctly (Clinger 1990). The rest goes to strconv.
func parseDouble(b []byte) (v float64, ok bool) {
	i, neg := 0, false
	if b[0] == '-' {
		neg, i = true, 1
	}
	mantissa, exp, digits := uint64(0), 0, 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		digits++
	}
	if i < len(b) && b[i] == '.' {
		i++
		from := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			digits++
		}
		exp = from - i
	}
	if i < len(b) {
		e, _ := parseExponent(b[i:])
		exp += e
	}
	if digits > 19 || mantissa > 1<<53 || exp < -22 || exp > 22 {
		return parseSlow(b, 64)
	}
	v = float64(mantissa)
	if exp < 0 {
		v /= exactPow10[-exp]
	} else {
		v *= exactPow10[exp]
	}
	if neg {
		v = -v
	}
	return v, true
}

func parseSlow(b []byte, bits int) (float64, bool) {
	// strconv does not keep the string; a checked number can only fail by being too large
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), bits)
	return v, err == nil
}

// parseInteger reads a checked JSON number without point and exponent; ok is false beyond 64 bits.
func parseInteger(b []byte) (v int64, ok bool) {
	i, neg := 0, false
	if b[0] == '-' {
		neg, i = true, 1
	}
	if len(b)-i > 19 {
		return 0, false
	}
	u := uint64(0)
	for ; i < len(b); i++ {
		u = u*10 + uint64(b[i]-'0')
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// integerFits reports whether v is in the range of a whole-number column of so many bits, and returns it as
// that column holds it. As in Spark, a TINYINT also takes 128 to 255, which become negative.
func integerFits(v int64, width int) (int64, bool) {
	switch width {
	case 8:
		return int64(int8(v)), v >= math.MinInt8 && v <= math.MaxUint8
	case 16:
		return v, v == int64(int16(v))
	case 32:
		return v, v == int64(int32(v))
	}
	return v, true
}
