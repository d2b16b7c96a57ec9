package expr

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// texts are the functions that build and change texts. Lengths and places count characters.
func texts() []function {
	return []function{
		{name: "concat", also: "||", check: checkConcat, kernel: concatKernel},
		{name: "concat_ws", check: checkConcatWs, kernel: same(concatWs), nulls: true},
		{name: "upper", also: "ucase", sig: "string -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte { return appendUpper(dst, f.text(0, i)) })},
		{name: "lower", also: "lcase", sig: "string -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte { return appendLower(dst, f.text(0, i)) })},
		{name: "initcap", sig: "string -> string", kernel: eachText(initcap)},
		{name: "trim", sig: "string;string? -> string", kernel: trimKernel(true, true, 1)},
		{name: "ltrim", sig: "string;string? -> string", kernel: trimKernel(true, false, 1)},
		{name: "rtrim", sig: "string;string? -> string", kernel: trimKernel(false, true, 1)},
		{name: "btrim", sig: "string;string? -> string", kernel: trimKernel(true, true, 0)},
		{name: "lpad", check: checkPad, kernel: padKernel(true)},
		{name: "rpad", check: checkPad, kernel: padKernel(false)},
		{name: "substring", also: "substr", sig: "text;int;int? -> =0", kernel: same(substring)},
		{name: "left", sig: "text;int -> =0", kernel: same(leftPart)},
		{name: "right", sig: "string;int -> string", kernel: same(rightPart)},
		{name: "repeat", sig: "string;int -> string", kernel: eachText(repeat)},
		{name: "space", sig: "int -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			return f.fill(i, dst, []byte(" "), f.int(0, i))
		})},
		{name: "reverse", check: checkReverse, kernel: reverseKernel},
		{name: "replace", sig: "string;string;string? -> string", kernel: eachText(replace)},
		{name: "translate", sig: "string;string;string -> string", kernel: eachText(translate)},
		{name: "overlay", check: checkOverlay, kernel: eachText(overlay)},
		{name: "elt", check: checkElt, kernel: same(elt), nulls: true},
		{name: "substring_index", sig: "string;string;int -> string", kernel: eachText(substringIndex)},
		{name: "split_part", sig: "string;string;int -> string", kernel: eachText(splitPart)},
		{name: "chr", also: "char", sig: "bigint -> string", kernel: eachText(chr)},
	}
}

// checkConcat joins arrays, or BINARY if all are, else everything as text.
func checkConcat(c *call) *Node {
	if len(c.args) == 0 {
		return textConst("", c.pos)
	}
	t, binary := column.Of(column.String), true
	for _, a := range c.args {
		if a.Type.Kind == column.Array {
			return c.concatArrays()
		}
		binary = binary && a.Type.Kind == column.Binary
	}
	if binary {
		t = column.Of(column.Binary)
	}
	for i, a := range c.args {
		if isNested(a.Type) {
			return c.mismatch(i, "a text")
		}
		c.args[i] = castTo(a, t)
	}
	if len(c.args) == 1 {
		return c.args[0]
	}
	return c.node(t)
}

func concatKernel(n *Node, _ *Env) (kernel, error) {
	if n.Type.Kind == column.Array {
		return joinArrays, nil
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.open(i)
			if f.x.use != nil {
				n := int64(0)
				for _, v := range f.args {
					n += v.SizeOf(i, i+1)
				}
				f.reserve(n)
			}
			data := f.out.Data
			for _, v := range f.args {
				data = append(data, v.Bytes(int(i))...)
			}
			f.out.Data = data
			f.shut()
		}
	}, nil
}

// checkConcatWs takes texts and arrays of texts behind the separator.
func checkConcatWs(c *call) *Node {
	if !c.arity(1, -1) {
		return nil
	}
	text := column.Of(column.String)
	for i, a := range c.args {
		switch {
		case a.Type.Kind == column.Array && i > 0:
			c.args[i] = castTo(a, column.Type{Kind: column.Array, Elem: &text})
		case !c.coerce(i, "string"):
			return nil
		}
	}
	return c.node(text)
}

func concatWs(f *frame, rows []uint32) {
	for _, i := range rows {
		if f.isNull(0, i) {
			f.null(i)
			continue
		}
		f.open(i)
		between, first := f.text(0, i), true
		for k := 1; k < len(f.args); k++ {
			v := f.args[k]
			if v.IsNull(int(i)) {
				continue
			}
			from, to := uint32(i), uint32(i+1)
			if v.Type.Kind == column.Array {
				from, to = v.Span(int(i))
				v = &v.Kids[0]
			}
			for e := from; e < to; e++ {
				if v.IsNull(int(e)) {
					continue
				}
				if !first {
					f.out.Data = f.extend(f.out.Data, between)
				}
				first = false
				f.out.Data = f.extend(f.out.Data, v.Bytes(int(e)))
			}
		}
		f.shut()
	}
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendUpper(dst, b []byte) []byte {
	if isASCII(b) {
		for _, c := range b {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, b[0])
		} else if long := longUpper(r); long != "" {
			dst = append(dst, long...)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		b = b[n:]
	}
	return dst
}

// longUpper is the upper case of characters that have more than one, by Unicode's SpecialCasing.
func longUpper(r rune) string {
	switch r {
	case 'ß':
		return "SS"
	case 'ŉ':
		return "ʼN"
	case 'ǰ':
		return "J̌"
	case 'և':
		return "ԵՒ"
	case 'ﬀ':
		return "FF"
	case 'ﬁ':
		return "FI"
	case 'ﬂ':
		return "FL"
	case 'ﬃ':
		return "FFI"
	case 'ﬄ':
		return "FFL"
	case 'ﬅ', 'ﬆ':
		return "ST"
	}
	return ""
}

func appendLower(dst, b []byte) []byte {
	if isASCII(b) {
		for _, c := range b {
			dst = append(dst, lowerByte(c))
		}
		return dst
	}
	letter := false // the character before is a letter, which makes a Σ at the end of a word ς
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, 0xEF, 0xBF, 0xBD)
		case r == 'İ':
			dst = append(dst, "i̇"...)
		case r == 'Σ' && letter:
			next, _ := utf8.DecodeRune(b)
			if unicode.IsLetter(next) && len(b) > 0 {
				dst = append(dst, "σ"...)
			} else {
				dst = append(dst, "ς"...)
			}
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		letter = unicode.IsLetter(r)
	}
	return dst
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// initcap makes the first letter of each word, behind a blank, a capital and the others small.
func initcap(f *frame, i uint32, dst []byte) []byte {
	f.buf = appendLower(f.buf[:0], f.text(0, i))
	start := true
	for b := f.buf; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if start {
			dst = utf8.AppendRune(dst, unicode.ToTitle(r))
		} else {
			dst = append(dst, b[:n]...)
		}
		start = r == ' '
		b = b[n:]
	}
	return dst
}

// trimKernel cuts characters off the ends: those of the other argument, where there are two. The text
// is argument text of two: trim(c, x), but btrim(x, c).
func trimKernel(front, back bool, text int) maker {
	return eachText(func(f *frame, i uint32, dst []byte) []byte {
		b, cut := f.text(0, i), []byte(" ")
		if len(f.args) == 2 {
			b, cut = f.text(text, i), f.text(1-text, i)
		}
		for front && len(b) > 0 {
			f.x.use.spend(len(cut))
			_, n := utf8.DecodeRune(b)
			if !holdsRune(cut, b[:n]) {
				break
			}
			b = b[n:]
		}
		for back && len(b) > 0 {
			f.x.use.spend(len(cut))
			_, n := utf8.DecodeLastRune(b)
			if !holdsRune(cut, b[len(b)-n:]) {
				break
			}
			b = b[:len(b)-n]
		}
		return append(dst, b...)
	})
}

func holdsRune(set, r []byte) bool { return bytes.Contains(set, r) }

func checkReverse(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if c.args[0].Type.Kind != column.Array && !c.coerce(0, "text") {
		return nil
	}
	return c.node(c.args[0].Type)
}

func reverseKernel(n *Node, env *Env) (kernel, error) {
	if n.Type.Kind == column.Array {
		return reverseArray, nil
	}
	return eachText(func(f *frame, i uint32, dst []byte) []byte {
		for b := f.text(0, i); len(b) > 0; {
			_, n := utf8.DecodeLastRune(b)
			dst = append(dst, b[len(b)-n:]...)
			b = b[:len(b)-n]
		}
		return dst
	})(n, env)
}

func replace(f *frame, i uint32, dst []byte) []byte {
	b, from := f.text(0, i), f.text(1, i)
	var to []byte
	if len(f.args) == 3 {
		to = f.text(2, i)
	}
	if len(from) == 0 {
		return append(dst, b...)
	}
	for {
		at := bytes.Index(b, from)
		if at < 0 {
			return append(dst, b...)
		}
		dst = f.extend(append(dst, b[:at]...), to)
		b = b[at+len(from):]
	}
}

// translate replaces characters of from by those at the same place in to, or by nothing.
func translate(f *frame, i uint32, dst []byte) []byte {
	from, to := f.text(1, i), f.text(2, i)
	for b := f.text(0, i); len(b) > 0; {
		f.x.use.spend(len(from))
		_, n := utf8.DecodeRune(b)
		at := runeIndex(from, b[:n])
		if at < 0 {
			dst = append(dst, b[:n]...)
		} else {
			dst = append(dst, firstRunes(skipRunes(to, at), 1)...)
		}
		b = b[n:]
	}
	return dst
}

// runeIndex is the place of a character in set, from 0, or -1.
func runeIndex(set, r []byte) int64 {
	at := bytes.Index(set, r)
	if at < 0 {
		return -1
	}
	return int64(runes(set[:at]))
}

// overlay replaces length characters from a place on, by default as many as come in.
// checkOverlay takes two texts or two of BINARY.
func checkOverlay(c *call) *Node {
	if !c.arity(3, 4) {
		return nil
	}
	word := "string"
	if l, r := c.args[0].Type.Kind, c.args[1].Type.Kind; l == column.Binary && r == column.Binary {
		word = "binary"
	} else if (l == column.Binary) != (r == column.Binary) && l != column.Void && r != column.Void {
		return c.b.diffTypes(c.pos, c.name, c.args[:2])
	}
	if !c.coerce(0, word) || !c.coerce(1, word) || !c.coerce(2, "int") || len(c.args) == 4 && !c.coerce(3, "int") {
		return nil
	}
	return c.node(c.args[0].Type)
}

func overlay(f *frame, i uint32, dst []byte) []byte {
	b, with, from := f.text(0, i), f.text(1, i), f.int(2, i)
	length := int64(-1)
	if len(f.args) == 4 {
		length = f.int(3, i)
	}
	binary := f.out.Type.Kind == column.Binary
	if length < 0 {
		length = int64(runes(with))
		if binary {
			length = int64(len(with))
		}
	}
	dst = append(dst, part(b, binary, 1, from-1)...)
	dst = append(dst, with...)
	return append(dst, part(b, binary, from+length, toTheEnd)...)
}

func checkElt(c *call) *Node {
	if !c.arity(2, -1) || !c.coerce(0, "int") {
		return nil
	}
	for i := 1; i < len(c.args); i++ {
		if !c.coerce(i, "string") {
			return nil
		}
	}
	return c.node(column.Of(column.String))
}

func elt(f *frame, rows []uint32) {
	for _, i := range rows {
		if f.isNull(0, i) {
			f.null(i)
			continue
		}
		k := f.int(0, i)
		switch {
		case k < 1 || k >= int64(len(f.args)):
			f.fail(i, "INVALID_ARRAY_INDEX", "")
		case f.isNull(int(k), i):
			f.null(i)
		default:
			f.put(i, f.text(int(k), i))
		}
	}
}

// substringIndex is what stands before the nth separator, or for a negative n behind the nth from the end.
func substringIndex(f *frame, i uint32, dst []byte) []byte {
	b, sep, n := f.text(0, i), f.text(1, i), f.int(2, i)
	if len(sep) == 0 || n == 0 {
		return dst
	}
	at := 0
	for ; n > 0; n-- {
		k := bytes.Index(b[at:], sep)
		if k < 0 {
			return append(dst, b...)
		}
		if n == 1 {
			return append(dst, b[:at+k]...)
		}
		at += k + len(sep)
	}
	end := len(b)
	for ; n < 0; n++ {
		k := bytes.LastIndex(b[:end], sep)
		if k < 0 {
			return append(dst, b...)
		}
		if n == -1 {
			return append(dst, b[k+len(sep):]...)
		}
		end = k
	}
	return dst
}

// splitPart is the nth part between separators; empty when there are fewer.
func splitPart(f *frame, i uint32, dst []byte) []byte {
	b, sep, n := f.text(0, i), f.text(1, i), f.int(2, i)
	if n == 0 {
		f.fail(i, "INVALID_INDEX_OF_ZERO", "")
		return dst
	}
	parts := int64(1)
	if len(sep) > 0 {
		parts += int64(bytes.Count(b, sep))
	}
	if n < 0 {
		n += parts + 1
	}
	if n < 1 || n > parts {
		return dst
	}
	for ; n > 1; n-- {
		b = b[bytes.Index(b, sep)+len(sep):]
	}
	if len(sep) > 0 {
		if end := bytes.Index(b, sep); end >= 0 {
			b = b[:end]
		}
	}
	return append(dst, b...)
}

// chr is the character of a number, modulo 256; nothing for a negative one.
func chr(f *frame, i uint32, dst []byte) []byte {
	n := f.int(0, i)
	if n < 0 {
		return dst
	}
	return utf8.AppendRune(dst, rune(codec.FloorMod(n, 256)))
}
