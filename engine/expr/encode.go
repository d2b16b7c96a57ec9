package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

func encodings() []function {
	return []function{
		{name: "base64", sig: "only text -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			return base64.StdEncoding.AppendEncode(dst, f.text(0, i))
		})},
		{name: "unbase64", sig: "string -> binary", kernel: eachText(unbase64)},
		{name: "encode", sig: "string;string -> binary", kernel: eachText(encodeText)},
		{name: "decode", check: checkDecode, kernel: eachText(decodeText)},
		{name: "url_encode", sig: "string -> string", kernel: eachText(urlEncode)},
		{name: "url_decode", sig: "string -> string", kernel: eachText(urlDecode)},
		{name: "parse_url", sig: "only string;only string;only string? -> string", kernel: eachText(parseURL)},
	}
}

func unbase64(f *frame, i uint32, dst []byte) []byte {
	b := bytes.TrimRight(f.text(0, i), "=")
	out, err := base64.RawStdEncoding.AppendDecode(dst, b)
	if err != nil {
		f.failText(i, "CONVERSION_INVALID_INPUT", b)
		return dst
	}
	return out
}

const badCoding = "MALFORMED_CHARACTER_CODING"

// encodeText writes a text in a character set, or fails where the set lacks a character.
func encodeText(f *frame, i uint32, dst []byte) []byte {
	b, start, ok := f.text(0, i), len(dst), true
	switch strings.ToUpper(string(f.text(1, i))) {
	case "UTF-8":
		return append(dst, b...)
	case "US-ASCII":
		dst, ok = appendNarrow(dst, b, 0x7f)
	case "ISO-8859-1":
		dst, ok = appendNarrow(dst, b, 0xff)
	case "UTF-16BE":
		return appendUTF16(dst, b, true)
	case "UTF-16LE":
		return appendUTF16(dst, b, false)
	case "UTF-16":
		return appendUTF16(append(dst, 0xfe, 0xff), b, true)
	case "UTF-32":
		for len(b) > 0 {
			r, n := utf8.DecodeRune(b)
			dst, b = binary.BigEndian.AppendUint32(dst, uint32(r)), b[n:]
		}
		return dst
	default:
		f.failText(i, "INVALID_PARAMETER_VALUE.CHARSET", f.text(1, i))
		return dst
	}
	if !ok {
		f.failText(i, badCoding, b)
		return dst[:start]
	}
	return dst
}

// appendNarrow writes one byte a character; false: one is beyond the set.
func appendNarrow(dst, b []byte, most rune) ([]byte, bool) {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r > most {
			return dst, false
		}
		dst, b = append(dst, byte(r)), b[n:]
	}
	return dst, true
}

func appendUTF16(dst, b []byte, big bool) []byte {
	put := func(u uint16) {
		if big {
			dst = append(dst, byte(u>>8), byte(u))
		} else {
			dst = append(dst, byte(u), byte(u>>8))
		}
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r >= 0x10000 {
			hi, lo := utf16.EncodeRune(r)
			put(uint16(hi))
			put(uint16(lo))
		} else {
			put(uint16(r))
		}
		b = b[n:]
	}
	return dst
}

// checkDecode is decode(binary, charset), or with more arguments decode(x, search, result, …, default).
func checkDecode(c *call) *Node {
	if !c.arity(2, -1) {
		return nil
	}
	if len(c.args) == 2 {
		if !c.coerce(0, "binary") || !c.coerce(1, "string") {
			return nil
		}
		return c.node(column.Of(column.String))
	}
	x, rest := c.args[0], c.args[1:]
	var args []*Node
	for ; len(rest) >= 2; rest = rest[2:] {
		equal := c.other("<=>", x, rest[0])
		if equal == nil {
			return nil
		}
		args = append(args, equal, rest[1])
	}
	last := nullOf(column.Type{}, x)
	if len(rest) == 1 {
		last = rest[0]
	}
	return c.b.choose(c.pos, c.name, append(args, last))
}

func decodeText(f *frame, i uint32, dst []byte) []byte {
	b, start, ok := f.text(0, i), len(dst), false
	switch strings.ToUpper(string(f.text(1, i))) {
	case "UTF-8":
		if ok = utf8.Valid(b); ok {
			dst = append(dst, b...)
		}
	case "US-ASCII":
		if ok = bytes.IndexFunc(b, func(r rune) bool { return r > 0x7f }) < 0; ok {
			dst = append(dst, b...)
		}
	case "ISO-8859-1":
		for _, c := range b {
			dst = utf8.AppendRune(dst, rune(c))
		}
		return dst
	case "UTF-16BE":
		dst, ok = appendFromUTF16(dst, b, binary.BigEndian)
	case "UTF-16LE":
		dst, ok = appendFromUTF16(dst, b, binary.LittleEndian)
	case "UTF-16": // big-endian without a mark
		switch {
		case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
			dst, ok = appendFromUTF16(dst, b[2:], binary.LittleEndian)
		case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
			dst, ok = appendFromUTF16(dst, b[2:], binary.BigEndian)
		default:
			dst, ok = appendFromUTF16(dst, b, binary.BigEndian)
		}
	case "UTF-32":
		dst, ok = appendFromUTF32(dst, b)
	default:
		f.failText(i, "INVALID_PARAMETER_VALUE.CHARSET", f.text(1, i))
		return dst
	}
	if !ok {
		f.fail(i, badCoding, "")
		return dst[:start]
	}
	return dst
}

// appendFromUTF16 reads units of two bytes; false: half a unit, or half a pair of them.
func appendFromUTF16(dst, b []byte, order binary.ByteOrder) ([]byte, bool) {
	if len(b)%2 != 0 {
		return dst, false
	}
	for ; len(b) > 0; b = b[2:] {
		r := rune(order.Uint16(b))
		if utf16.IsSurrogate(r) {
			if len(b) < 4 {
				return dst, false
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(b[2:]))); r == utf8.RuneError {
				return dst, false
			}
			b = b[2:]
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

func appendFromUTF32(dst, b []byte) ([]byte, bool) {
	if len(b)%4 != 0 {
		return dst, false
	}
	for ; len(b) > 0; b = b[4:] {
		r := rune(binary.BigEndian.Uint32(b))
		if !utf8.ValidRune(r) {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// urlEncode is the form encoding of java.net.URLEncoder: blanks are +, and . - * _ stay.
func urlEncode(f *frame, i uint32, dst []byte) []byte {
	for _, c := range f.text(0, i) {
		switch {
		case isLetter(c), c >= '0' && c <= '9', c == '.', c == '-', c == '*', c == '_':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func urlDecode(f *frame, i uint32, dst []byte) []byte {
	b := f.text(0, i)
	start := len(dst)
	for k := 0; k < len(b); k++ {
		switch {
		case b[k] == '+':
			dst = append(dst, ' ')
		case b[k] != '%':
			dst = append(dst, b[k])
		default:
			if k+2 >= len(b) {
				f.failText(i, "CANNOT_DECODE_URL", b)
				return dst[:start]
			}
			hi, ok1 := hexDigit(b[k+1])
			lo, ok2 := hexDigit(b[k+2])
			if !ok1 || !ok2 {
				f.failText(i, "CANNOT_DECODE_URL", b)
				return dst[:start]
			}
			dst = append(dst, hi<<4|lo)
			k += 2
		}
	}
	return dst
}

// parseURL is a part of a URL: HOST, PATH, QUERY (one parameter of it by name), REF, PROTOCOL, FILE,
// AUTHORITY, USERINFO; NULL for one that it has not.
func parseURL(f *frame, i uint32, dst []byte) []byte {
	u, err := url.Parse(string(f.text(0, i)))
	if err != nil {
		f.failText(i, "INVALID_URL", f.text(0, i))
		return dst
	}
	found, ok := urlPart(u, string(f.text(1, i)))
	if ok && len(f.args) == 3 {
		found, ok = queryValue(u.RawQuery, string(f.text(2, i)))
	}
	if !ok {
		f.null(i)
		return dst
	}
	return append(dst, found...)
}

func urlPart(u *url.URL, what string) (string, bool) {
	switch what {
	case "HOST":
		return u.Hostname(), u.Host != ""
	case "PATH":
		return u.EscapedPath(), true
	case "QUERY":
		return u.RawQuery, u.RawQuery != "" || u.ForceQuery
	case "REF":
		return u.EscapedFragment(), u.Fragment != ""
	case "PROTOCOL":
		return u.Scheme, u.Scheme != ""
	case "FILE":
		if u.RawQuery == "" {
			return u.EscapedPath(), true
		}
		return u.EscapedPath() + "?" + u.RawQuery, true
	case "AUTHORITY":
		if u.User != nil {
			return u.User.String() + "@" + u.Host, true
		}
		return u.Host, u.Host != ""
	case "USERINFO":
		if u.User == nil {
			return "", false
		}
		return u.User.String(), true
	}
	return "", false
}

func queryValue(query, key string) (string, bool) {
	for _, pair := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok && name == key {
			return value, true
		}
	}
	return "", false
}
