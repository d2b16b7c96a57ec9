package expr

import (
	"encoding/base64"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

// binaries are functions of bytes and bits: to_binary, of what is UTF-8, of bitmaps.
func binaries() []function {
	return []function{
		{name: "to_binary", check: checkToBinary, kernel: toBinary},
		{name: "try_to_binary", check: checkToBinary, kernel: toBinary},
		{name: "to_char", also: "to_varchar", check: checkToChar},
		{name: "is_valid_utf8", sig: "text -> boolean", kernel: eachBool(func(f *frame, i uint32) bool { return utf8.Valid(f.text(0, i)) })},
		{name: "make_valid_utf8", sig: "text -> string", kernel: eachText(makeValid)},
		{name: "validate_utf8", sig: "text -> string", kernel: eachText(validate)},
		{name: "try_validate_utf8", sig: "text -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			f.quiet = true
			return validate(f, i, dst)
		})},
		{name: "getbit", also: "bit_get", check: checkGetBit, kernel: getBit},
		{name: "bitmap_bit_position", sig: "bigint -> bigint", kernel: eachInt(func(f *frame, i uint32) int64 {
			if x := f.int(0, i); x > 0 {
				return (x - 1) % bitmapBits
			} else {
				return -x % bitmapBits
			}
		})},
		{name: "bitmap_bucket_number", sig: "bigint -> bigint", kernel: eachInt(func(f *frame, i uint32) int64 {
			if x := f.int(0, i); x > 0 {
				return 1 + (x-1)/bitmapBits
			} else {
				return x / bitmapBits
			}
		})},
		{name: "bitmap_count", check: checkBitmapCount, kernel: eachInt(func(f *frame, i uint32) int64 {
			n := 0
			for _, b := range f.text(0, i) {
				n += bits.OnesCount8(b)
			}
			return int64(n)
		})},
	}
}

// bitmapBits is the size of Spark's bitmaps.
const bitmapBits = 8 * 4096

// checkToBinary takes a constant format: hex, utf-8, utf8 or base64.
func checkToBinary(c *call) *Node {
	if !c.arity(1, 2) {
		return nil
	}
	if len(c.args) == 1 {
		c.args = append(c.args, textConst("hex", c.pos))
	}
	if c.args[1].Type.Kind != column.String && c.args[1].Type.Kind != column.Void {
		return c.fault("DATATYPE_MISMATCH.INVALID_ARG_VALUE", "the format of %s is hex, utf-8 or base64", c.name)
	}
	format, ok := c.constant(1)
	switch {
	case !ok:
		return c.fault("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the format of %s is constant", c.name)
	case !c.coerce(0, "string"):
		return nil
	case format.IsNull(0) || format.Type.Kind == column.Void:
		return nullOf(column.Of(column.Binary), c.args[0])
	}
	switch strings.ToLower(string(format.Bytes(0))) {
	case "hex", "utf-8", "utf8", "base64":
	default:
		if strings.HasPrefix(c.fn.name, "try_") {
			return nullOf(column.Of(column.Binary), c.args[0])
		}
		return c.fault("DATATYPE_MISMATCH.INVALID_ARG_VALUE", "the format of %s is hex, utf-8 or base64, not %q", c.name, format.Bytes(0))
	}
	c.args[1] = castTo(c.b.fold(c.args[1]), column.Of(column.String))
	return c.node(column.Of(column.Binary))
}

func toBinary(n *Node, env *Env) (kernel, error) {
	try := strings.HasPrefix(n.Func, "try_")
	format, _ := nodeText(n.Args[1])
	decode := func(f *frame, i uint32, dst []byte) []byte { return append(dst, f.text(0, i)...) }
	switch strings.ToLower(format) {
	case "hex":
		decode = func(f *frame, i uint32, dst []byte) []byte {
			out := unhex(f, i, dst)
			if f.out.IsNull(int(i)) {
				f.failText(i, "CONVERSION_INVALID_INPUT", f.text(0, i))
			}
			return out
		}
	case "base64":
		decode = strictBase64
	}
	return eachText(func(f *frame, i uint32, dst []byte) []byte {
		f.quiet = f.quiet || try
		return decode(f, i, dst)
	})(n, env)
}

// strictBase64 lets blanks be, and wants the padding where there is any.
func strictBase64(f *frame, i uint32, dst []byte) []byte {
	text := strings.Join(strings.Fields(string(f.text(0, i))), "")
	out, err := base64.StdEncoding.AppendDecode(dst, []byte(text))
	if err != nil {
		if out, err = base64.RawStdEncoding.AppendDecode(dst, []byte(text)); err != nil {
			f.failText(i, "CONVERSION_INVALID_INPUT", f.text(0, i))
			return dst
		}
	}
	return out
}

// checkToChar writes times by a pattern and bytes by a format; numbers by a format are not here yet.
func checkToChar(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	text := column.Of(column.String)
	x, format := c.args[0], c.args[1]
	switch x.Type.Kind {
	case column.Date, column.Timestamp, column.TimestampNTZ:
		return c.other("date_format", x, format)
	case column.Binary:
		v, ok := c.constant(1)
		switch {
		case !ok:
			return c.fault("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the format of %s is constant", c.name)
		case v.Type.Kind == column.Void || v.IsNull(0):
			return nullOf(text, x)
		case v.Type.Kind != column.String:
			return c.mismatch(1, "string")
		}
		switch strings.ToLower(string(v.Bytes(0))) {
		case "hex":
			return c.other("hex", x)
		case "base64":
			return c.other("base64", x)
		case "utf-8":
			return c.other("decode", x, textConst("UTF-8", c.pos))
		}
		return c.fault("INVALID_PARAMETER_VALUE.BINARY_FORMAT", "the format of %s is base64, hex or utf-8", c.name)
	case column.Void:
		return nullOf(text, x)
	}
	if !x.Type.IsNumeric() && x.Type.Kind != column.String {
		return c.mismatch(0, "a number, a time or BINARY")
	}
	return c.fault("UNRESOLVED_ROUTINE", "%s of a number is not in this version yet", c.name)
}

// makeValid replaces what is no UTF-8, each longest beginning of a character by one U+FFFD.
func makeValid(f *frame, i uint32, dst []byte) []byte {
	for b := f.text(0, i); len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			dst, b = append(dst, "\uFFFD"...), b[beginning(b):]
			continue
		}
		dst, b = append(dst, b[:n]...), b[n:]
	}
	return dst
}

// beginning is how many bytes of b can begin a character that is cut short; at least 1.
func beginning(b []byte) int {
	for n := min(3, len(b)); n > 1; n-- {
		if !utf8.FullRune(b[:n]) {
			return n
		}
	}
	return 1
}

func validate(f *frame, i uint32, dst []byte) []byte {
	b := f.text(0, i)
	if !utf8.Valid(b) {
		f.failText(i, "INVALID_UTF8_STRING", b)
		return dst
	}
	return append(dst, b...)
}

func checkBitmapCount(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if c.args[0].Type.Kind != column.Binary { // a NULL without a type neither
		return c.mismatch(0, "binary")
	}
	return c.node(column.Of(column.Int64))
}

func checkGetBit(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	for k, a := range c.args {
		if !a.Type.IsInteger() && a.Type.Kind != column.Void {
			return c.mismatch(k, "a whole number")
		}
	}
	if c.args[0].Type.Kind == column.Void {
		c.args[0] = castTo(c.args[0], column.Of(column.Int32))
	}
	c.args[1] = castTo(c.args[1], column.Of(column.Int32))
	return c.node(column.Of(column.Int8))
}

// getBit gives a bit of a whole number, 0 the lowest.
func getBit(n *Node, env *Env) (kernel, error) {
	width := map[column.Kind]int64{column.Int8: 8, column.Int16: 16, column.Int32: 32, column.Int64: 64}[n.Args[0].Type.Kind]
	return eachInt(func(f *frame, i uint32) int64 {
		place := f.int(1, i)
		if place < 0 || place >= width {
			f.fail(i, "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE", "")
			return 0
		}
		return f.int(0, i) >> place & 1
	})(n, env)
}
