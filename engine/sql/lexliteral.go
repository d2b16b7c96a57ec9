package sql

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quotedString reads '…' or "…": a doubled quote is one quote, a backslash escapes.
func (l *lexer) quotedString(quote byte) (token, bool) {
	at, open := l.pos(), l.off
	l.step()
	for l.off < len(l.src) {
		switch c := l.src[l.off]; {
		case c == '\\' && l.off+1 < len(l.src):
			l.steps(1)
			l.step()
		case c == quote && l.at(1) == quote:
			l.steps(2)
		case c == quote:
			l.step()
			body := l.src[open+1 : l.off-1]
			if !utf8.ValidString(body) {
				l.fault(at, "PARSE_SYNTAX_ERROR", "the string is not UTF-8", "save the file as UTF-8, or write bytes as X'…'")
				return token{}, false
			}
			return token{kind: tokenString, text: unescape(body, quote)}, true
		default:
			l.step()
		}
	}
	l.unclosed(at, open, "the string that begins here is never closed", "write "+string(quote)+" where it ends, unless the quote that is missing stands further up")
	return token{}, false
}

// rawString reads r'…' or r"…", in which nothing is special but the quote.
func (l *lexer) rawString() (token, bool) {
	at, open := l.pos(), l.off
	quote := l.at(1)
	end := strings.IndexByte(l.src[open+2:], quote)
	if end < 0 {
		l.steps(2)
		l.unclosed(at, open, "the string that begins here is never closed", "write "+string(quote)+" where it ends, unless the quote that is missing stands further up")
		return token{}, false
	}
	body := l.src[open+2 : open+2+end]
	l.steps(end + 3)
	if !utf8.ValidString(body) {
		l.fault(at, "PARSE_SYNTAX_ERROR", "the string is not UTF-8", "save the file as UTF-8, or write bytes as X'…'")
		return token{}, false
	}
	return token{kind: tokenString, text: body}, true
}

// quotedName reads a name in backticks; a doubled backtick is one.
func (l *lexer) quotedName() (token, bool) {
	at, open := l.pos(), l.off
	l.step()
	for l.off < len(l.src) {
		if l.src[l.off] != '`' {
			l.step()
			continue
		}
		if l.at(1) == '`' {
			l.steps(2)
			continue
		}
		l.step()
		name := strings.ReplaceAll(l.src[open+1:l.off-1], "``", "`")
		switch {
		case name == "":
			l.fault(at, "PARSE_SYNTAX_ERROR", "the name between the backticks is empty", "")
			return token{}, false
		case !utf8.ValidString(name):
			l.fault(at, "PARSE_SYNTAX_ERROR", "the name is not UTF-8", "save the file as UTF-8")
			return token{}, false
		}
		return token{kind: tokenQuoted, text: name}, true
	}
	l.unclosed(at, open, "the name that begins here is never closed", "write ` where it ends")
	return token{}, false
}

// unclosed reports a quote without its partner and goes on behind the first line that ends in ';', so that
// the statements after it are read too.
func (l *lexer) unclosed(at Pos, open int, message, hint string) {
	const most = 20 // each one is a walk to the end of the text
	l.fault(at, "PARSE_SYNTAX_ERROR", message, hint)
	if l.unclosedQuotes++; l.unclosedQuotes > most {
		l.off = len(l.src)
		return
	}
	l.off, l.line, l.col = open, at.Line, at.Col
	for l.off < len(l.src) {
		if l.src[l.off] == ';' && endsLine(l.src[l.off+1:]) {
			return
		}
		l.step()
	}
}

// endsLine tells whether only blanks stand before the end of the line.
func endsLine(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '\n':
			return true
		case ' ', '\t', '\r':
		default:
			return false
		}
	}
	return true
}

// number reads a number with its suffix. It returns false where the digits begin a name (1a).
func (l *lexer) number() (token, bool) {
	s := l.src[l.off:]
	whole := digits(s)
	if whole < len(s) && s[whole] == '.' { // 1.5, 1., .5, each with exponent and suffix
		n := whole + 1 + digits(s[whole+1:])
		n += exponent(s[n:])
		kind, suffix := numberSuffix(s[n:], true)
		if end := n + suffix; end >= len(s) || !isWordByte(s[end]) {
			if kind == LitInteger {
				kind = LitDecimal
				if strings.ContainsAny(s[:n], "eE") {
					kind = LitDouble
				}
			}
			return l.numberToken(kind, n, suffix), true
		}
		if whole == 0 {
			return token{}, false
		}
	}
	n := whole + exponent(s[whole:])
	kind, suffix := numberSuffix(s[n:], n > whole)
	if n+suffix < wordLength(s) {
		return token{}, false
	}
	if n > whole && kind == LitInteger {
		kind = LitDouble
	}
	return l.numberToken(kind, n, suffix), true
}

func (l *lexer) numberToken(kind LitKind, n, suffix int) token {
	text := l.src[l.off : l.off+n]
	l.steps(n + suffix)
	return token{kind: tokenNumber, lit: kind, text: text}
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// exponent is the length of e5, E-5 or e+5 at the start, else 0.
func exponent(s string) int {
	if len(s) < 2 || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	n := 1
	if s[n] == '+' || s[n] == '-' {
		n++
	}
	d := digits(s[n:])
	if d == 0 {
		return 0
	}
	return n + d
}

// numberSuffix reads the letters that give a number its type: L S Y D F BD; only the last three behind a
// point or an exponent. No suffix is LitInteger and 0.
func numberSuffix(s string, fraction bool) (LitKind, int) {
	if s == "" {
		return LitInteger, 0
	}
	switch s[0] {
	case 'd', 'D':
		return LitDouble, 1
	case 'f', 'F':
		return LitFloat, 1
	case 'b', 'B':
		if len(s) > 1 && (s[1] == 'd' || s[1] == 'D') {
			return LitDecimal, 2
		}
	}
	if fraction {
		return LitInteger, 0
	}
	switch s[0] {
	case 'l', 'L':
		return LitLong, 1
	case 's', 'S':
		return LitShort, 1
	case 'y', 'Y':
		return LitByte, 1
	}
	return LitInteger, 0
}

// unescape undoes the doubling of quotes and the backslash escapes of Spark: \0 \b \n \r \t \Z, \uXXXX,
// \UXXXXXXXX, three octal digits up to \177; \% and \_ keep their backslash, for LIKE; any other
// character stands for itself.
func unescape(body string, quote byte) string {
	if strings.IndexByte(body, '\\') < 0 && strings.IndexByte(body, quote) < 0 {
		return body
	}
	var out strings.Builder
	out.Grow(len(body))
	for i := 0; i < len(body); {
		c := body[i]
		if c == quote { // one of a pair
			out.WriteByte(c)
			i += 2
			continue
		}
		if c != '\\' {
			out.WriteByte(c)
			i++
			continue
		}
		i += unescapeOne(&out, body[i:])
	}
	return out.String()
}

// unescapeOne writes what the escape at the start of s stands for and returns its length.
func unescapeOne(out *strings.Builder, s string) int {
	if r, n, ok := escapedUTF16(s); ok {
		out.WriteRune(r)
		return n
	}
	if r, ok := hexDigits(s, 'U', 8); ok {
		if !utf8.ValidRune(r) {
			r = utf8.RuneError
		}
		out.WriteRune(r)
		return 10
	}
	if len(s) >= 4 && s[1] <= '1' && s[1] >= '0' && isOctal(s[2]) && isOctal(s[3]) {
		out.WriteRune(rune(s[1]-'0')<<6 | rune(s[2]-'0')<<3 | rune(s[3]-'0'))
		return 4
	}
	const named, meaning = "0bnrtZ", "\x00\b\n\r\t\x1A"
	if i := strings.IndexByte(named, s[1]); i >= 0 {
		out.WriteByte(meaning[i])
		return 2
	}
	if s[1] == '%' || s[1] == '_' {
		out.WriteString(s[:2])
		return 2
	}
	_, n := utf8.DecodeRuneInString(s[1:])
	out.WriteString(s[1 : 1+n])
	return 1 + n
}

// escapedUTF16 reads \uXXXX, two of them where they are a surrogate pair.
func escapedUTF16(s string) (rune, int, bool) {
	r, ok := hexDigits(s, 'u', 4)
	if !ok {
		return 0, 0, false
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, true
	}
	if low, ok := hexDigits(s[6:], 'u', 4); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12, true
		}
	}
	return utf8.RuneError, 6, true
}

// hexDigits reads a backslash, the letter and n hexadecimal digits.
func hexDigits(s string, letter byte, n int) (rune, bool) {
	if len(s) < n+2 || s[0] != '\\' || s[1] != letter {
		return 0, false
	}
	var v uint32
	for i := 2; i < n+2; i++ {
		d := strings.IndexByte("0123456789abcdefABCDEF", s[i])
		if d < 0 {
			return 0, false
		}
		if d > 15 {
			d -= 6
		}
		v = v<<4 | uint32(d)
	}
	return rune(v), true
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
