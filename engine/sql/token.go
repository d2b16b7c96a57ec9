package sql

// tokenKind is what the lexer took a piece of text for.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota // the end of a statement: its ';' or the end of the text
	tokenWord                    // a keyword or a name without quotes; which of them, the parser decides
	tokenQuoted                  // a name in backticks
	tokenString                  // '…', "…", r'…'
	tokenNumber
	tokenOp // an operator or a punctuation mark
)

// token is one piece of a statement.
type token struct {
	kind  tokenKind
	lit   LitKind // of a tokenNumber
	text  string  // a word as written, a name without backticks, a string unescaped, a number without suffix
	upper string  // the word in upper case, else empty
	start int     // byte offsets in the file
	end   int
	pos   Pos
}

// is tells whether the token is the unquoted word or the operator.
func (t *token) is(text string) bool {
	switch t.kind {
	case tokenWord:
		return t.upper == text
	case tokenOp:
		return t.text == text
	}
	return false
}

// isName tells whether the token may be an identifier where any word may be one.
func (t *token) isName() bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// ident makes an identifier of a word or a quoted name.
func (t *token) ident() Ident {
	return Ident{Name: t.text, Quoted: t.kind == tokenQuoted, Pos: t.pos}
}

// shown is the token as a message quotes it.
func (t *token) shown(src string) string {
	const longest = 40 // characters of a token that a message shows
	switch t.kind {
	case tokenEnd:
		if t.end > t.start {
			return "the end of the statement (;)"
		}
		return "the end of the text"
	case tokenString:
		return "the string " + shortened(src[t.start:t.end], longest)
	case tokenQuoted:
		return shortened(src[t.start:t.end], longest)
	}
	return `"` + shortened(src[t.start:t.end], longest) + `"`
}

// shortened cuts a text to n characters, with an ellipsis, and to its first line.
func shortened(text string, n int) string {
	count := 0
	for i, r := range text {
		if count == n || r == '\n' || r == '\r' {
			return text[:i] + "…"
		}
		count++
	}
	return text
}
