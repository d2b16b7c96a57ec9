package codec

import "unicode/utf8"

// kind is what a JSON value is, as far as columns care.
type kind uint8

const (
	kindMissing kind = iota
	kindNull
	kindTrue
	kindFalse
	kindInt     // a number without point and exponent
	kindNumber  // a number with point or exponent
	kindString  // a string without escapes
	kindEscaped // a string with escapes
	kindObject
	kindArray
)

// span is where a value stands; of a string, the text between the quotes.
type span struct {
	start, end uint32
	kind       kind
	whole      uint8 // digits before the point of a number that shortNumber has accepted; else 0
}

// maxDepthLimit is the greatest depth that the scanner's stack of bits has room for.
const maxDepthLimit = 1024

// The scan functions take a text and a place in it and return the place behind what they accepted. A result
// below 0 is ^place of the fault.

// scanString accepts the rest of a string whose opening quote is before b[p], and returns the place behind
// the closing quote.
func scanString(b []byte, p int) (end int, escaped bool) {
	for {
		for p+8 <= len(b) {
			m := oddMask(load(b, p))
			p += firstByte(m)
			if m != 0 {
				break
			}
		}
		if p >= len(b) {
			return ^len(b), escaped
		}
		switch c := b[p]; {
		case c == '"':
			return p + 1, escaped
		case c == '\\':
			escaped = true
			if p = scanEscapes(b, p); p < 0 {
				return p, true
			}
		case c < ' ':
			return ^p, escaped
		case c < utf8.RuneSelf:
			p++
		default:
			if p = scanWide(b, p); p < 0 {
				return p, escaped
			}
		}
	}
}

// scanEscapes accepts a run of escapes.
func scanEscapes(b []byte, p int) int {
	for p+6 <= len(b) && b[p] == '\\' {
		if b[p+1] == 'u' {
			if hexDigit[b[p+2]]&hexDigit[b[p+3]]&hexDigit[b[p+4]]&hexDigit[b[p+5]]&0x10 == 0 {
				return ^p
			}
			p += 6
		} else if isShortEscape(b[p+1]) {
			p += 2
		} else {
			return ^p
		}
	}
	for p < len(b) && b[p] == '\\' { // near the end of the text, where no \u0000 fits
		if p+1 == len(b) || b[p+1] == 'u' {
			return ^len(b)
		}
		if !isShortEscape(b[p+1]) {
			return ^p
		}
		p += 2
	}
	return p
}

func isShortEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// scanWide accepts a run of characters beyond ASCII.
func scanWide(b []byte, p int) int {
	for p < len(b) && b[p] >= utf8.RuneSelf {
		// three bytes, but for the two leading bytes that not all second bytes may follow
		if c := b[p]; c>>4 == 0xe && c != 0xe0 && c != 0xed && p+3 <= len(b) && b[p+1]>>6 == 2 && b[p+2]>>6 == 2 {
			p += 3
			continue
		}
		_, size := utf8.DecodeRune(b[p:])
		if size == 1 {
			return ^p
		}
		p += size
	}
	return p
}

// hexDigit is the value of a hexadecimal digit with bit 4 set, 0 for other bytes.
var hexDigit = [256]uint8{
	'0': 0x10, '1': 0x11, '2': 0x12, '3': 0x13, '4': 0x14, '5': 0x15, '6': 0x16, '7': 0x17, '8': 0x18, '9': 0x19,
	'a': 0x1a, 'b': 0x1b, 'c': 0x1c, 'd': 0x1d, 'e': 0x1e, 'f': 0x1f,
	'A': 0x1a, 'B': 0x1b, 'C': 0x1c, 'D': 0x1d, 'E': 0x1e, 'F': 0x1f,
}

// scanNumber accepts a number.
func scanNumber(b []byte, p int) (end int, k kind) {
	if p < len(b) && b[p] == '-' {
		p++
	}
	from := p
	p = scanDigits(b, p)
	if p == from || b[from] == '0' && p > from+1 {
		return ^min(p, from+1), kindInt
	}
	k = kindInt
	if p < len(b) && b[p] == '.' {
		from, k = p+1, kindNumber
		if p = scanDigits(b, p+1); p == from {
			return ^p, k
		}
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		k = kindNumber
		if p++; p < len(b) && (b[p] == '-' || b[p] == '+') {
			p++
		}
		from = p
		if p = scanDigits(b, p); p == from {
			return ^p, k
		}
	}
	return p, k
}

func scanDigits(b []byte, p int) int {
	for p < len(b) && b[p]-'0' <= 9 {
		p++
	}
	return p
}

// scanWord accepts true, false or null.
func scanWord(b []byte, p int) (end int, k kind) {
	word, k := "null", kindNull
	switch b[p] {
	case 't':
		word, k = "true", kindTrue
	case 'f':
		word, k = "false", kindFalse
	}
	for i := range len(word) {
		if p+i >= len(b) || b[p+i] != word[i] {
			return ^(p + i), k
		}
	}
	return p + len(word), k
}

func skipBlanks(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\t' || b[p] == '\r') {
		p++
	}
	return p
}

// scanValue accepts any value, with at most depth levels of brackets, and says where it stands.
func scanValue(b []byte, p, depth int) (end int, s span) {
	if p >= len(b) {
		return ^len(b), s
	}
	s.start = uint32(p)
	switch c := b[p]; {
	case c == '"':
		end, escaped := scanString(b, p+1)
		if end < 0 {
			return end, s
		}
		s.start, s.end, s.kind = uint32(p+1), uint32(end-1), kindString
		if escaped {
			s.kind = kindEscaped
		}
		return end, s
	case c == '{':
		end, s.kind = scanNested(b, p, depth), kindObject
	case c == '[':
		end, s.kind = scanNested(b, p, depth), kindArray
	case c == '-' || c-'0' <= 9:
		end, s.kind = scanNumber(b, p)
	case c == 't' || c == 'f' || c == 'n':
		end, s.kind = scanWord(b, p)
	default:
		return ^p, s
	}
	s.end = uint32(end)
	return end, s
}

// scanNested accepts an object or array. It keeps the open brackets as a stack of bits, 1 for an object,
// so that depth costs neither recursion nor memory.
func scanNested(b []byte, p, depth int) int {
	var stack [maxDepthLimit / 64]uint64
	level := 0
	for {
		// a value is due at b[p]
		if p >= len(b) {
			return ^len(b)
		}
		if c := b[p]; c == '{' || c == '[' {
			if level == depth {
				return ^p
			}
			word, bit := &stack[level>>6], uint64(1)<<(level&63)
			level++
			p = skipBlanks(b, p+1)
			if c == '[' {
				*word &^= bit
				if p >= len(b) || b[p] != ']' {
					continue
				}
			} else {
				*word |= bit
				if p >= len(b) || b[p] != '}' {
					if p = scanName(b, p); p < 0 {
						return p
					}
					continue
				}
			}
			p++
			level--
		} else if p, _ = scanValue(b, p, 0); p < 0 {
			return p
		}
		// a value has ended before b[p]: close brackets, or go on to the next value
		for {
			if level == 0 {
				return p
			}
			p = skipBlanks(b, p)
			if p >= len(b) {
				return ^len(b)
			}
			object := stack[(level-1)>>6]&(1<<((level-1)&63)) != 0
			if c := b[p]; c == '}' && object || c == ']' && !object {
				p++
				level--
				continue
			} else if c != ',' {
				return ^p
			}
			p = skipBlanks(b, p+1)
			if object {
				if p = scanName(b, p); p < 0 {
					return p
				}
			}
			break
		}
	}
}

// scanName accepts "name", the colon and the blanks behind each, and returns the place of the value.
func scanName(b []byte, p int) int {
	if p >= len(b) || b[p] != '"' {
		return ^min(p, len(b))
	}
	if p, _ = scanString(b, p+1); p < 0 {
		return p
	}
	if p = skipBlanks(b, p); p >= len(b) || b[p] != ':' {
		return ^min(p, len(b))
	}
	return skipBlanks(b, p+1)
}

// Unfinished reports a text that is the start of a JSON object or array and no more.
func Unfinished(text []byte) bool {
	end, _ := scanValue(text, skipBlanks(text, 0), DefaultMaxDepth)
	return end == ^len(text)
}

// StartsWithValue reports a text that begins with a whole JSON value.
func StartsWithValue(text []byte) bool {
	end, _ := scanValue(text, skipBlanks(text, 0), DefaultMaxDepth)
	return end >= 0
}
