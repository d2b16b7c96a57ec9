package codec

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// appendUnescaped appends the text of a checked string, given without its quotes. A surrogate that has
// no partner becomes U+FFFD.
func appendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && b[i] != '\\' {
			i++
		}
		dst = append(dst, b[from:i]...)
		if i == len(b) {
			break
		}
		c := b[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			var r rune
			r, i = unescapeRune(b, i)
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// recentTexts remembers strings with escapes that came lately, and how they read: what is written with
// escapes often has few values, such as names of products. The zero value is usable.
type recentTexts [64]struct {
	escaped []byte
	text    []byte // empty: not needed yet
}

// Lengths of strings that are remembered, in bytes.
const (
	shortestRecent = 16
	longestRecent  = 256
)

// place is where a string would be by its first 16 bytes.
func (r *recentTexts) place(b []byte) int {
	return int((load(b, 0) ^ bits.RotateLeft64(load(b, 8), 29)) * 0x9e3779b97f4a7c15 >> 58)
}

// find returns the end of the string at data[start:end], its quote, if it is remembered, and else -1. At
// least padding bytes have to follow end.
func (r *recentTexts) find(data []byte, start, end int) int {
	known := &r[r.place(data[start:start+shortestRecent])]
	stop := start + len(known.escaped)
	if stop > start && stop < end && data[stop] == '"' && bytes.Equal(data[start:stop], known.escaped) {
		return stop
	}
	return -1
}

// note remembers a checked string, given without its quotes.
func (r *recentTexts) note(b []byte) {
	if len(b) >= shortestRecent && len(b) <= longestRecent {
		known := &r[r.place(b)]
		known.escaped, known.text = append(known.escaped[:0], b...), known.text[:0]
	}
}

// appendUnescaped is appendUnescaped.
func (r *recentTexts) appendUnescaped(dst, b []byte) []byte {
	if len(b) < shortestRecent {
		return appendUnescaped(dst, b)
	}
	known := &r[r.place(b)]
	if !bytes.Equal(known.escaped, b) {
		return appendUnescaped(dst, b)
	}
	if len(known.text) == 0 {
		known.text = appendUnescaped(known.text, b)
	}
	return append(dst, known.text...)
}

// unescapeRune reads four hexadecimal digits at b[i], and the second escape of a surrogate pair.
func unescapeRune(b []byte, i int) (rune, int) {
	r := fourHex(b[i:])
	i += 4
	if r < 0xd800 || r > 0xdfff {
		return r, i
	}
	if r < 0xdc00 && i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' {
		if low := fourHex(b[i+2:]); low >= 0xdc00 && low <= 0xdfff {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, i + 6
		}
	}
	return utf8.RuneError, i
}

func fourHex(b []byte) rune {
	return rune(hexDigit[b[0]]&15)<<12 | rune(hexDigit[b[1]]&15)<<8 | rune(hexDigit[b[2]]&15)<<4 | rune(hexDigit[b[3]]&15)
}

// appendJSONText appends a checked JSON value as Spark hands it to a STRING field: compact, numbers with a
// point or exponent in Java's form, strings escaped anew. A number beyond the doubles stays as it is.
func appendJSONText(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
		case c == '"':
			end, escaped := scanString(b, i+1)
			if escaped {
				dst = appendReescaped(dst, b[i+1:end-1])
			} else {
				dst = append(dst, b[i:end]...)
			}
			i = end
		case c == '-' || c-'0' <= 9:
			end, k := scanNumber(b, i)
			dst = appendNumberText(dst, b[i:end], k)
			i = end
		default: // brackets, commas, colons, words
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

func appendNumberText(dst, b []byte, k kind) []byte {
	if k == kindNumber {
		if v, ok := parseDouble(b); ok {
			return AppendDouble(dst, v)
		}
	}
	if string(b) == "-0" {
		return append(dst, '0')
	}
	return append(dst, b...)
}

// appendReescaped appends a checked string with quotes, its escapes in the one form that AppendJSON writes.
func appendReescaped(dst, b []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			i++
			continue
		}
		end := i + 2
		if b[i+1] == 'u' {
			_, end = unescapeRune(b, i+2)
		}
		var buf [8]byte
		dst = appendEscaped(dst, appendUnescaped(buf[:0], b[i:end]))
		i = end
	}
	return append(dst, '"')
}

// AppendJSONString appends text as a JSON string, as Spark's to_json writes it: only quotes, backslashes and
// control characters are escaped. What is not UTF-8 becomes U+FFFD.
func AppendJSONString[T string | []byte](dst []byte, text T) []byte {
	return appendString(dst, []byte(text))
}

func appendString(dst, text []byte) []byte {
	escapes, ascii := scanText(text, '\\')
	at := len(dst) + 1
	if escapes {
		dst = appendQuoted(dst, text)
	} else {
		dst = append(append(append(dst, '"'), text...), '"')
	}
	if ascii || utf8.Valid(text) {
		return dst
	}
	return append(dst[:at], bytes.ToValidUTF8(dst[at:], []byte("\uFFFD"))...)
}

func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	return append(appendEscaped(append(dst, '"'), text), '"')
}

// appendEscaped appends text for the inside of a JSON string, escaping only what has to be.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\' {
			n++
		}
		dst = append(dst, text[:n]...)
		if n == len(text) {
			break
		}
		c := text[n]
		text = text[n+1:]
		switch c {
		case '\b':
			c = 'b'
		case '\f':
			c = 'f'
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		case '\t':
			c = 't'
		case '"', '\\':
		default:
			const hex = "0123456789ABCDEF"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			continue
		}
		dst = append(dst, '\\', c)
	}
	return dst
}
