package expr

import (
	"math"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

// skipRunes returns b without its first n characters.
func skipRunes(b []byte, n int64) []byte {
	for ; n > 0 && len(b) > 0; n-- {
		_, size := utf8.DecodeRune(b)
		b = b[size:]
	}
	return b
}

// firstRunes returns the first n characters of b.
func firstRunes(b []byte, n int64) []byte {
	if n <= 0 {
		return nil
	}
	return b[:len(b)-len(skipRunes(b, n))]
}

// fill appends n copies of unit, unless that is too long.
func (f *frame) fill(i uint32, dst, unit []byte, n int64) []byte {
	if size := int64(len(unit)) * n; n > maxText || size > maxText || int64(len(dst))+size > maxColumn {
		f.fail(i, "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER", "the text would be too long")
		return dst
	}
	f.reserve(int64(len(unit)) * max(n, 0))
	for ; n > 0; n-- {
		dst = append(dst, unit...)
	}
	return dst
}

func repeat(f *frame, i uint32, dst []byte) []byte {
	return f.fill(i, dst, f.text(0, i), f.int(1, i))
}

// checkPad is lpad and rpad: BINARY is filled with BINARY, by default zeros, and everything else with text.
func checkPad(c *call) *Node {
	if !c.arity(2, 3) {
		return nil
	}
	word := "string"
	if c.args[0].Type.Kind == column.Binary && c.args[len(c.args)-1].Type.Kind == column.Binary == (len(c.args) == 3) {
		word = "binary"
	}
	if !c.coerce(0, word) || !c.coerce(1, "int") || len(c.args) == 3 && !c.coerce(2, word) {
		return nil
	}
	return c.node(c.args[0].Type)
}

func padKernel(front bool) maker {
	return eachText(func(f *frame, i uint32, dst []byte) []byte {
		binary := f.out.Type.Kind == column.Binary
		b, want, pad := f.text(0, i), f.int(1, i), []byte(" ")
		switch {
		case len(f.args) == 3:
			pad = f.text(2, i)
		case binary:
			pad = []byte{0}
		}
		size, first := func(b []byte) int64 { return int64(runes(b)) }, firstRunes
		if binary {
			size = func(b []byte) int64 { return int64(len(b)) }
			first = func(b []byte, n int64) []byte { return b[:max(0, min(n, int64(len(b))))] }
		}
		have := size(b)
		if have >= want || len(pad) == 0 {
			return append(dst, first(b, want)...)
		}
		if want > maxText {
			return f.fill(i, dst, pad, want)
		}
		if !front {
			dst = append(dst, b...)
		}
		whole := size(pad)
		dst = f.fill(i, dst, pad, (want-have)/whole)
		dst = append(dst, first(pad, (want-have)%whole)...)
		if front {
			dst = append(dst, b...)
		}
		return dst
	})
}

// part is the characters (for BINARY the bytes) of b from place start, from 1 or from the end if it is
// negative; a start of 0 is 1.
func part(b []byte, binary bool, start, length int64) []byte {
	n := int64(len(b))
	if !binary {
		n = int64(runes(b))
	}
	from := start - 1
	switch {
	case start == 0:
		from = 0
	case start < 0:
		from = n + start
	}
	to := from + length // a start before the text takes of the length, as in Spark
	from, to = min(max(from, 0), n), min(max(to, 0), n)
	if from >= to {
		return nil
	}
	if binary || n == int64(len(b)) {
		return b[from:to]
	}
	return firstRunes(skipRunes(b, from), to-from)
}

const toTheEnd = math.MaxInt32

// substring does what put does in its loop: put is not inlined, and a call a row is a fifth of its time.
func substring(f *frame, rows []uint32) {
	binary := f.out.Type.Kind == column.Binary
	for _, i := range rows {
		length := int64(toTheEnd)
		if len(f.args) == 3 {
			length = f.int(2, i)
		}
		f.open(i)
		f.out.Data = append(f.out.Data, part(f.text(0, i), binary, f.int(1, i), length)...)
		f.shut()
	}
}

func leftPart(f *frame, rows []uint32) {
	for _, i := range rows {
		f.put(i, part(f.text(0, i), f.out.Type.Kind == column.Binary, 1, f.int(1, i)))
	}
}

func rightPart(f *frame, rows []uint32) {
	for _, i := range rows {
		n := f.int(1, i)
		if n <= 0 {
			f.put(i, nil)
			continue
		}
		f.put(i, part(f.text(0, i), f.out.Type.Kind == column.Binary, -n, toTheEnd))
	}
}
