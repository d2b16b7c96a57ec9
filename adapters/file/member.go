package file

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// member is the place of one member of a JSON object in its text. A string's place is that of the
// bytes between its quotes.
type member struct {
	name, nameEnd   int
	value, valueEnd int
	kind            byte // first byte of the value: '"', '{', '[', or that of a number or word
	nameEscaped     bool // the name has a backslash
	escaped         bool // the value is a string with a backslash
}

// What firstMember and nextMember find.
const (
	found = iota
	ended // the object is closed
	broken
)

// firstMember finds the first member of the object that text holds and returns the place behind it.
//
// Only as much is looked at as is needed to find the members: what is inside of strings, numbers
// and nested values is not checked.
func firstMember(text []byte, m *member) (next, state int) {
	i := skipBlanks(text, 0)
	if i >= len(text) || text[i] != '{' {
		return i, broken
	}
	i = skipBlanks(text, i+1)
	if i < len(text) && text[i] == '}' {
		return i + 1, ended
	}
	return readMember(text, i, m)
}

// nextMember finds the member behind the one that ended at i.
func nextMember(text []byte, i int, m *member) (next, state int) {
	i = skipBlanks(text, i)
	if i >= len(text) {
		return i, broken
	}
	if text[i] == '}' {
		return i + 1, ended
	}
	if text[i] != ',' {
		return i, broken
	}
	return readMember(text, skipBlanks(text, i+1), m)
}

func readMember(text []byte, i int, m *member) (next, state int) {
	if i >= len(text) || text[i] != '"' {
		return i, broken
	}
	m.name = i + 1
	if m.nameEnd, m.nameEscaped = stringEnd(text, i+1); m.nameEnd < 0 {
		return i, broken
	}
	i = skipBlanks(text, m.nameEnd+1)
	if i >= len(text) || text[i] != ':' {
		return i, broken
	}
	i = skipBlanks(text, i+1)
	if i >= len(text) {
		return i, broken
	}
	m.kind, m.value, m.escaped = text[i], i, false
	switch m.kind {
	case '"':
		m.value = i + 1
		if m.valueEnd, m.escaped = stringEnd(text, i+1); m.valueEnd < 0 {
			return i, broken
		}
		return m.valueEnd + 1, found
	case '{', '[':
		m.valueEnd = nestedEnd(text, i)
	default:
		m.valueEnd = wordEnd(text, i)
	}
	if m.valueEnd <= i {
		return i, broken
	}
	return m.valueEnd, found
}

func skipBlanks(text []byte, i int) int {
	for i < len(text) && text[i] <= ' ' && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd returns the place of the quote that ends the string whose first byte is text[i], and
// whether the string has a backslash; -1 when it does not end. It looks at 8 bytes at a time: a
// byte equals c where x ^ c is zero, and the lowest zero byte of v is where the lowest bit of
// (v - ones) &^ v & highs is (Alan Mycroft, 1987).
func stringEnd(text []byte, i int) (end int, escaped bool) {
	for i+8 <= len(text) {
		x := binary.LittleEndian.Uint64(text[i:])
		q, b := x^(ones*'"'), x^(ones*'\\')
		hit := ((q - ones) &^ q & highs) | ((b - ones) &^ b & highs)
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if text[i] == '"' {
			return i, escaped
		}
		i, escaped = i+2, true
	}
	for i < len(text) {
		switch text[i] {
		case '"':
			return i, escaped
		case '\\':
			i, escaped = i+2, true
		default:
			i++
		}
	}
	return -1, escaped
}

// nestedEnd returns the place behind the object or array that starts at i; -1 when it does not end.
func nestedEnd(text []byte, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i, _ = stringEnd(text, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// wordEnd returns the place behind the number, true, false or null that starts at i.
func wordEnd(text []byte, i int) int {
	for i < len(text) && text[i] > ' ' && text[i] != ',' && text[i] != '}' && text[i] != ']' && text[i] != '"' && text[i] != ':' && text[i] != '{' && text[i] != '[' {
		i++
	}
	return i
}

// appendUnescaped appends the bytes that the inside of a JSON string stands for; false when an
// escape is malformed. Bytes without an escape are taken as they are. Half a surrogate pair
// becomes U+FFFD.
func appendUnescaped(dst, s []byte) ([]byte, bool) {
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != '\\' {
			i++
		}
		dst = append(dst, s[:i]...)
		if s = s[i:]; len(s) == 0 {
			break
		}
		if len(s) < 2 {
			return dst, false
		}
		switch c := s[1]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s)
			if r < 0 {
				return dst, false
			}
			if utf16.IsSurrogate(r) {
				if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
					dst = utf8.AppendRune(dst, pair)
					s = s[12:]
					continue
				}
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
			s = s[6:]
			continue
		default:
			return dst, false
		}
		s = s[2:]
	}
	return dst, true
}

// hex4 returns the number of an escape \uXXXX that s starts with; -1 when it is none.
func hex4(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
