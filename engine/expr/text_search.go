package expr

import (
	"bytes"
	"unicode/utf8"
)

// searches are functions that look into a text.
func searches() []function {
	return []function{
		{name: "length", also: "len char_length character_length", sig: "text -> int", kernel: lengthKernel},
		{name: "octet_length", sig: "text -> int", kernel: eachInt(func(f *frame, i uint32) int64 { return int64(len(f.text(0, i))) })},
		{name: "bit_length", sig: "text -> int", kernel: eachInt(func(f *frame, i uint32) int64 { return 8 * int64(len(f.text(0, i))) })},
		{name: "instr", sig: "string;string -> int", kernel: eachInt(func(f *frame, i uint32) int64 { return place(f.text(0, i), f.text(1, i), 1) })},
		{name: "locate", also: "position", sig: "string;string;int? -> int", kernel: same(locate), nulls: true},
		{name: "contains", sig: "text;text -> boolean", kernel: eachBool(func(f *frame, i uint32) bool { return bytes.Contains(f.text(0, i), f.text(1, i)) })},
		{name: "startswith", sig: "text;text -> boolean", kernel: eachBool(func(f *frame, i uint32) bool { return bytes.HasPrefix(f.text(0, i), f.text(1, i)) })},
		{name: "endswith", sig: "text;text -> boolean", kernel: eachBool(func(f *frame, i uint32) bool { return bytes.HasSuffix(f.text(0, i), f.text(1, i)) })},
		{name: "ascii", sig: "string -> int", kernel: eachInt(ascii)},
		{name: "find_in_set", sig: "string;string -> int", kernel: eachInt(findInSet)},
		{name: "levenshtein", sig: "string;string;int? -> int", kernel: eachInt(levenshtein)},
		{name: "soundex", sig: "only string -> string", kernel: eachText(soundex)},
		{name: "luhn_check", sig: "string -> boolean", kernel: eachBool(luhn)},
		{name: "mask", sig: "only string;only string?;only string?;only string?;only string? -> string", kernel: same(mask), nulls: true},
	}
}

func lengthKernel(n *Node, env *Env) (kernel, error) {
	if n.Args[0].Type.String() == "binary" {
		return eachInt(func(f *frame, i uint32) int64 { return int64(len(f.text(0, i))) })(n, env)
	}
	return eachInt(func(f *frame, i uint32) int64 { return int64(runes(f.text(0, i))) })(n, env)
}

// place is where what stands in b, from place start on: counted in characters from 1, 0 for nowhere. An empty
// text stands at 1, wherever it is looked for.
func place(b, what []byte, start int64) int64 {
	if start < 1 {
		return 0
	}
	if len(what) == 0 {
		return 1
	}
	tail := skipRunes(b, start-1)
	at := bytes.Index(tail, what)
	if at < 0 {
		return 0
	}
	return start + int64(runes(tail[:at]))
}

// locate is 0 where its start is NULL, whatever the texts are.
func locate(f *frame, rows []uint32) {
	for _, i := range rows {
		start := int64(1)
		if len(f.args) == 3 {
			if start = 0; !f.isNull(2, i) {
				start = f.int(2, i)
			}
		}
		switch {
		case len(f.args) == 3 && f.isNull(2, i):
			f.out.Int[i] = 0
		case f.isNull(0, i) || f.isNull(1, i):
			f.null(i)
		default:
			f.out.Int[i] = place(f.text(1, i), f.text(0, i), start)
		}
	}
}

func ascii(f *frame, i uint32) int64 {
	b := f.text(0, i)
	if len(b) == 0 {
		return 0
	}
	r, _ := utf8.DecodeRune(b)
	return int64(r)
}

// findInSet is the place of a word in a list with commas, from 1; 0 for nowhere.
func findInSet(f *frame, i uint32) int64 {
	word, list := f.text(0, i), f.text(1, i)
	if bytes.IndexByte(word, ',') >= 0 {
		return 0
	}
	for n := int64(1); ; n++ {
		end := bytes.IndexByte(list, ',')
		item := list
		if end >= 0 {
			item = list[:end]
		}
		if bytes.Equal(item, word) {
			return n
		}
		if end < 0 {
			return 0
		}
		list = list[end+1:]
	}
}

// levenshtein is the number of edits between two texts; -1 beyond the threshold of three arguments.
func levenshtein(f *frame, i uint32) int64 {
	f.reserve(4*int64(len(f.text(0, i))) + 12*int64(len(f.text(1, i))))
	a, b := []rune(string(f.text(0, i))), []rune(string(f.text(1, i)))
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for x := 1; x <= len(a); x++ {
		f.x.use.spend(len(b))
		diagonal := row[0]
		row[0] = x
		for y := 1; y <= len(b); y++ {
			cost := diagonal
			if a[x-1] != b[y-1] {
				cost = 1 + min(diagonal, row[y], row[y-1])
			}
			diagonal, row[y] = row[y], cost
		}
	}
	d := int64(row[len(b)])
	if len(f.args) == 3 && d > f.int(2, i) {
		return -1
	}
	return d
}

// soundex codes the sound of an English word: a letter and three digits.
func soundex(f *frame, i uint32, dst []byte) []byte {
	b := f.text(0, i)
	if len(b) == 0 || !isLetter(b[0]) {
		return append(dst, b...)
	}
	const codes = "01230127022455012623010202"
	start := len(dst)
	dst = append(dst, upperByte(b[0]))
	last := codes[upperByte(b[0])-'A']
	for _, c := range b[1:] {
		if !isLetter(c) {
			last = '0'
			continue
		}
		code := codes[upperByte(c)-'A']
		if code == '7' { // H and W do not part equal sounds
			continue
		}
		if code != '0' && code != last {
			dst = append(dst, code)
			if len(dst)-start == 4 {
				return dst
			}
		}
		last = code
	}
	for len(dst)-start < 4 {
		dst = append(dst, '0')
	}
	return dst
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func upperByte(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

// luhn reports that the digits of a card number check.
func luhn(f *frame, i uint32) bool {
	b := f.text(0, i)
	sum := 0
	for k := range b {
		c := b[len(b)-1-k]
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(b) > 0 && sum%10 == 0
}

// mask replaces capitals by X, small letters by x, digits by n, or by the characters that are given; a
// NULL one leaves its kind as it is, and so does no fifth argument with everything else.
func mask(f *frame, rows []uint32) {
	defaults := [4]string{"X", "x", "n", ""}
	for _, i := range rows {
		if f.isNull(0, i) {
			f.null(i)
			continue
		}
		f.open(i)
		for b := f.text(0, i); len(b) > 0; {
			_, n := utf8.DecodeRune(b)
			kind := 3
			switch c := b[0]; {
			case c >= 'A' && c <= 'Z':
				kind = 0
			case c >= 'a' && c <= 'z':
				kind = 1
			case c >= '0' && c <= '9':
				kind = 2
			}
			switch {
			case len(f.args) > kind+1 && f.isNull(kind+1, i):
				f.out.Data = append(f.out.Data, b[:n]...)
			case len(f.args) > kind+1:
				f.out.Data = f.extend(f.out.Data, f.text(kind+1, i))
			case defaults[kind] == "":
				f.out.Data = append(f.out.Data, b[:n]...)
			default:
				f.out.Data = append(f.out.Data, defaults[kind]...)
			}
			b = b[n:]
		}
		f.shut()
	}
}
