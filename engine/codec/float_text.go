package codec

import (
	"bytes"
	"math"
	"strconv"
)

// AppendDouble appends a double as Java's Double.toString does: 1.0, 0.001, 1.0E10, 1.2345678E7, NaN,
// Infinity. The digits are the fewest that read back to the same double.
func AppendDouble(dst []byte, v float64) []byte { return appendJava(dst, v, 64) }

// AppendFloat appends a FLOAT as Java's Float.toString does; v holds a float32.
func AppendFloat(dst []byte, v float64) []byte { return appendJava(dst, v, 32) }

func appendJava(dst []byte, v float64, bits int) []byte {
	if special, ok := specialName(v); ok {
		return append(dst, special...)
	}
	if abs := math.Abs(v); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		at := len(dst)
		if text, ok := appendHundredths(dst, v, bits); ok {
			if v == math.Trunc(v) {
				text = append(text, ".0"...)
			}
			return text
		}
		dst = strconv.AppendFloat(dst, v, 'f', -1, bits)
		if bytes.IndexByte(dst[at:], '.') >= 0 {
			return dst
		}
		return append(dst, ".0"...)
	}
	// 1.5e+10 becomes 1.5E10, 1e-07 becomes 1.0E-7: there are at least two digits, and where one would do,
	// the second is that of the nearest (4.9E-324)
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], v, 'e', -1, bits)
	if bytes.IndexByte(text, '.') < 0 {
		text = strconv.AppendFloat(buf[:0], v, 'e', 1, bits)
	}
	e := bytes.IndexByte(text, 'e')
	dst = append(dst, text[:e]...)
	dst = append(dst, 'E')
	if text[e+1] == '-' {
		dst = append(dst, '-')
	}
	digits := text[e+2:]
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return append(dst, digits...)
}

func specialName(v float64) (string, bool) {
	switch {
	case v != v:
		return "NaN", true
	case math.IsInf(v, 1):
		return "Infinity", true
	case math.IsInf(v, -1):
		return "-Infinity", true
	}
	return "", false
}

// AppendShortest appends a double by the shortest text that reads back equal, the form of results:
// 68756.81, 12, 1e+308. A number with an exponent has it when that is below -4 or above 15.
func AppendShortest(dst []byte, v float64) []byte { return appendShortest(dst, v, 64) }

func appendShortest(dst []byte, v float64, bits int) []byte {
	if special, ok := specialName(v); ok {
		return append(dst, special...)
	}
	if text, ok := appendHundredths(dst, v, bits); ok {
		return text
	}
	if abs := math.Abs(v); abs == 0 || abs >= 1e-4 && abs < 1e16 {
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'e', -1, bits)
}

// appendHundredths appends a double that a number of hundredths below 10^13 reads as, such as an amount
// of money, without zeros at the end: there are no two of so few digits that read as the same double, so it
// is the shortest.
func appendHundredths(dst []byte, v float64, bitSize int) ([]byte, bool) {
	scaled := math.RoundToEven(v * 100)
	if bitSize != 64 || scaled == 0 || math.Abs(scaled) >= 1e13 || scaled/100 != v {
		return dst, false
	}
	n := int64(scaled)
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, n/100, 10)
	switch rest := n % 100; {
	case rest == 0:
	case rest%10 == 0:
		dst = append(dst, '.', byte('0'+rest/10))
	default:
		dst = appendTwo(append(dst, '.'), rest)
	}
	return dst, true
}
