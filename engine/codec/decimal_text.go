package codec

import (
	"math"
	"math/bits"
	"strconv"
)

// MaxPrecision is the most digits that a DECIMAL has.
const MaxPrecision = 38

// maxExponent bounds the exponent of a decimal text; what lies beyond is 0 or does not fit anyway.
const maxExponent = 1 << 20

// AppendDecimal appends an unscaled 128-bit value with so many digits behind the point, in plain form.
func AppendDecimal(dst []byte, hi, lo int64, scale int) []byte {
	if hi == lo>>63 && scale == 0 {
		return strconv.AppendInt(dst, lo, 10)
	}
	uh, ul := uint64(hi), uint64(lo)
	if hi < 0 {
		dst = append(dst, '-')
		var borrow uint64
		ul, borrow = bits.Sub64(0, ul, 0)
		uh, _ = bits.Sub64(0, uh, borrow)
	}
	var buf [40]byte
	i := len(buf)
	for uh != 0 || ul != 0 || len(buf)-i <= scale {
		var rest uint64
		uh, rest = uh/10, uh%10
		ul, rest = bits.Div64(rest, ul, 10)
		i--
		buf[i] = byte('0' + rest)
	}
	digits := buf[i:]
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
	}
	return dst
}

// AppendDecimalScientific is AppendDecimal in the form of Java's BigDecimal.toString: below 10^-6, zero too,
// with an exponent, as 1E-7, 1.20E-8, 0E-7.
func AppendDecimalScientific(dst []byte, hi, lo int64, scale int) []byte {
	const plainZeros = 6
	start := len(dst)
	dst = AppendDecimal(dst, hi, lo, scale)
	if scale <= plainZeros {
		return dst
	}
	if hi < 0 {
		start++
	}
	at := start + len("0.")
	if dst[start] != '0' || string(dst[at:at+plainZeros]) != "000000" {
		return dst
	}
	for at += plainZeros; at < len(dst)-1 && dst[at] == '0'; at++ {
	}
	digits := copy(dst[start:], dst[at:])
	exponent := at - start - 1
	dst = dst[:start+digits]
	if digits > 1 {
		dst = append(dst, 0)
		copy(dst[start+2:], dst[start+1:])
		dst[start+1] = '.'
	}
	return strconv.AppendInt(append(dst, "E-"...), int64(exponent), 10)
}

// ParseDecimal reads [±]digits[.digits][e[±]digits], one of the digit groups possibly empty, into an
// unscaled 128-bit value of a DECIMAL(precision, scale), rounding half away from zero. ok is false
// when the text has another form or the value needs more than precision digits.
func ParseDecimal(b []byte, precision, scale int) (hi, lo int64, ok bool) {
	neg, i := false, 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg, i = b[0] == '-', 1
	}
	from := i
	point, digits := -1, 0
	for ; i < len(b); i++ {
		if b[i] == '.' && point < 0 {
			point = i
		} else if b[i]-'0' <= 9 {
			digits++
		} else {
			break
		}
	}
	mantissa := b[from:i]
	exp, ok := parseExponent(b[i:])
	if digits == 0 || !ok {
		return 0, 0, false
	}
	if point >= 0 {
		exp -= len(mantissa) - (point - from) - 1
	}
	return scaleDecimal(mantissa, exp+scale, digits, neg, precision)
}

func parseExponent(b []byte) (int, bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0]|0x20 != 'e' || len(b) < 2 {
		return 0, false
	}
	neg, b := b[1] == '-', b[1:]
	if b[0] == '-' || b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	v := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		v = min(v*10+int(c-'0'), maxExponent)
	}
	if neg {
		v = -v
	}
	return v, true
}

// scaleDecimal makes the mantissa's digits times 10^shift an integer of at most precision digits.
func scaleDecimal(mantissa []byte, shift, digits int, neg bool, precision int) (hi, lo int64, ok bool) {
	keep := digits + shift // so many leading digits stay before the rounding; more: zeros follow
	var uh, ul uint64
	seen, up := 0, false
	for _, c := range mantissa {
		if c == '.' {
			continue
		}
		if seen == keep {
			up = c >= '5'
		}
		if seen++; seen > keep {
			break
		}
		if uh, ul, ok = timesTen(uh, ul, uint64(c-'0')); !ok {
			return 0, 0, false
		}
	}
	for ; seen < keep && (uh|ul) != 0; seen++ {
		if uh, ul, ok = timesTen(uh, ul, 0); !ok {
			return 0, 0, false
		}
	}
	if up && keep >= 0 {
		var carry uint64
		ul, carry = bits.Add64(ul, 1, 0)
		uh += carry
	}
	if !fitsDecimal(uh, ul, precision) {
		return 0, 0, false
	}
	if neg {
		var borrow uint64
		ul, borrow = bits.Sub64(0, ul, 0)
		uh, _ = bits.Sub64(0, uh, borrow)
	}
	return int64(uh), int64(ul), true
}

func timesTen(hi, lo, add uint64) (uint64, uint64, bool) {
	if hi > math.MaxUint64/16 {
		return 0, 0, false
	}
	carry, lo := bits.Mul64(lo, 10)
	lo, over := bits.Add64(lo, add, 0)
	hi = hi*10 + carry + over
	return hi, lo, hi <= math.MaxInt64
}

// fitsDecimal reports whether an unsigned value is below 10^precision.
func fitsDecimal(hi, lo uint64, precision int) bool {
	ph, pl := pow10Wide(precision)
	return hi < ph || hi == ph && lo < pl
}

// pow10Wide returns 10^n as 128 bits, n up to 38.
func pow10Wide(n int) (hi, lo uint64) {
	lo = 1
	for range n {
		var carry uint64
		carry, lo = bits.Mul64(lo, 10)
		hi = hi*10 + carry
	}
	return hi, lo
}
