package sql

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxStatementBytes is the longest statement that is read. A longer one is a fault, and is skipped.
const maxStatementBytes = 1 << 20

// lexer cuts a text into tokens, one statement at a time.
type lexer struct {
	src    string
	file   string
	off    int
	line   int
	col    int
	toks   []token
	faults Faults
	done   bool // the last statement has been returned

	unclosedQuotes int
}

func newLexer(file, src string) *lexer {
	l := &lexer{src: src, file: file, line: 1, col: 1}
	if strings.HasPrefix(src, "\uFEFF") { // a byte order mark is no character of the first line
		l.off = len("\uFEFF")
	}
	return l
}

func (l *lexer) pos() Pos { return Pos{File: l.file, Line: l.line, Col: l.col} }

// statement returns the tokens up to the next ';' or the end, closed by a tokenEnd, and what was
// wrong with them. It returns nil after the last statement. The tokens are valid until the next call.
func (l *lexer) statement() ([]token, Faults) {
	if l.done {
		return nil, nil
	}
	l.toks, l.faults = l.toks[:0], nil
	first, tooLong := -1, false
	for {
		l.space()
		start, at := l.off, l.pos()
		if first < 0 {
			first = start
		}
		if l.off-first > maxStatementBytes && !tooLong {
			tooLong = true
			l.fault(at, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the statement is longer than %d bytes", maxStatementBytes), "split it, or move its data into a topic")
			l.toks = l.toks[:0]
		}
		if l.off >= len(l.src) {
			l.done = true
			l.add(token{kind: tokenEnd, start: start, end: start, pos: at})
			return l.toks, l.faults
		}
		if l.src[l.off] == ';' {
			l.step()
			l.add(token{kind: tokenEnd, start: start, end: l.off, pos: at})
			return l.toks, l.faults
		}
		t, ok := l.next()
		if ok && !tooLong {
			t.start, t.end, t.pos = start, l.off, at
			l.add(t)
		}
	}
}

func (l *lexer) add(t token) { l.toks = append(l.toks, t) }

func (l *lexer) fault(at Pos, class, message, hint string) {
	if len(l.faults) < maxFaults {
		l.faults = append(l.faults, Fault{Pos: at, Message: message, Hint: hint, Class: class})
	}
}

// step moves over one character and keeps the place.
func (l *lexer) step() rune {
	r, n := utf8.DecodeRuneInString(l.src[l.off:])
	l.off += n
	if r == '\n' {
		l.line++
		l.col = 1
	} else {
		l.col++
	}
	return r
}

func (l *lexer) steps(n int) {
	for end := l.off + n; l.off < end; {
		l.step()
	}
}

// at is the byte n further on, 0 behind the end.
func (l *lexer) at(n int) byte {
	if l.off+n < len(l.src) {
		return l.src[l.off+n]
	}
	return 0
}

// space skips blanks and comments.
func (l *lexer) space() {
	for l.off < len(l.src) {
		switch c := l.src[l.off]; {
		case c == '-' && l.at(1) == '-':
			l.lineComment()
		case c == '/' && l.at(1) == '*':
			l.blockComment()
		case c < utf8.RuneSelf:
			if !isBlank(rune(c)) {
				return
			}
			l.step()
		default:
			r, _ := utf8.DecodeRuneInString(l.src[l.off:])
			if !isBlank(r) {
				return
			}
			l.step()
		}
	}
}

// isBlank tells Spark's white space: the ASCII blanks, the no-break space and the wide blanks of
// Unicode, the ideographic space among them.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xA0, 0x1680, 0x2028, 0x202F, 0x205F, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

// lineComment skips from "--" to the end of the line; a backslash before the line feed joins lines,
// as in Spark.
func (l *lexer) lineComment() {
	for l.off < len(l.src) {
		r := l.step()
		if r == '\\' && l.at(0) == '\n' {
			l.step()
			continue
		}
		if r == '\n' {
			return
		}
	}
}

// blockComment skips a comment in /* */, which may hold others.
func (l *lexer) blockComment() {
	at, depth := l.pos(), 0
	for l.off < len(l.src) {
		switch {
		case l.at(0) == '/' && l.at(1) == '*':
			depth++
			l.steps(2)
		case l.at(0) == '*' && l.at(1) == '/':
			depth--
			l.steps(2)
			if depth == 0 {
				return
			}
		default:
			l.step()
		}
	}
	l.fault(at, "UNCLOSED_BRACKETED_COMMENT", "the comment is never closed", "write */ where it ends; each /* inside needs its own")
}

// next reads one token at a character that is neither blank nor ';'. It returns false where it
// reported a fault instead.
func (l *lexer) next() (token, bool) {
	c := l.src[l.off]
	switch {
	case c == '\'' || c == '"':
		return l.quotedString(c)
	case (c == 'r' || c == 'R') && (l.at(1) == '\'' || l.at(1) == '"'):
		return l.rawString()
	case c == '`':
		return l.quotedName()
	case isDigit(c) || c == '.' && isDigit(l.at(1)):
		if t, ok := l.number(); ok {
			return t, true
		}
	}
	if n := wordLength(l.src[l.off:]); n > 0 {
		return l.word(n)
	}
	return l.operator()
}

// wordLength is the length in bytes of the run of letters, digits and underscores at the start.
func wordLength(s string) int {
	n := 0
	for n < len(s) {
		c := s[n]
		if c < utf8.RuneSelf {
			if !isWordByte(c) {
				break
			}
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) {
			break
		}
		n += size
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// word reads a keyword or a name. Spark takes only ASCII without backticks.
func (l *lexer) word(n int) (token, bool) {
	at, text := l.pos(), l.src[l.off:l.off+n]
	l.steps(n)
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			l.fault(at, invalidIdentifier, fmt.Sprintf("the name %s has letters other than a-z", text), "write it in backticks: `"+text+"`")
			break
		}
	}
	return token{kind: tokenWord, text: text, upper: strings.ToUpper(text)}, true
}

// operators lists the operators and marks, longer ones before their beginnings. ">>" is left to the
// parser, because ARRAY<ARRAY<INT>> ends in it.
func operators() [40]string {
	return [...]string{
		"<=>", "<<", "<=", "<>", "<", ">=", ">", "==", "=>", "=", "!=", "!>", "!<", "!", "||", "|>", "|",
		"->", "-", "::", ":", "+", "*", "/", "%", "~", "&", "^", "(", ")", "[", "]", ",", ".", "?", "{", "}", "@", "$", "#",
	}
}

// operator reads an operator, or reports a character that SQL has no use for.
func (l *lexer) operator() (token, bool) {
	at, rest := l.pos(), l.src[l.off:]
	for _, op := range operators() {
		if strings.HasPrefix(rest, op) {
			l.steps(len(op))
			return token{kind: tokenOp, text: canonicalOperator(op)}, true
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	l.step()
	switch {
	case r == utf8.RuneError && size == 1:
		l.fault(at, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the byte 0x%02X is not UTF-8", rest[0]), "save the file as UTF-8")
	case strings.ContainsRune("‘’“”「」『』＇＂", r):
		l.fault(at, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the quotation mark %c is no quote of SQL", r), "write strings in ' and names in `")
	case strings.ContainsRune("（），；．＝", r):
		l.fault(at, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the character %c is a wide one", r), "write it in ASCII")
	default:
		l.fault(at, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the character %q has no meaning here", r), "")
	}
	return token{}, false
}

// canonicalOperator folds the spellings that mean one thing.
func canonicalOperator(op string) string {
	switch op {
	case "==":
		return "="
	case "!=":
		return "<>"
	case "!>":
		return "<="
	case "!<":
		return ">="
	}
	return op
}
