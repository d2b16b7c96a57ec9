package sql

import (
	"fmt"
	"strings"
	"testing"
)

// shownTokens writes the tokens of a text: kind, content, place.
func shownTokens(text string) string {
	var out []string
	l := newLexer("", text)
	for toks, faults := l.statement(); toks != nil; toks, faults = l.statement() {
		for _, t := range toks {
			kind := [...]string{"end", "word", "name", "string", "number", "op"}[t.kind]
			if t.kind == tokenNumber {
				kind = [...]string{LitInteger: "int", LitLong: "long", LitShort: "short", LitByte: "byte", LitDecimal: "decimal", LitDouble: "double", LitFloat: "float"}[t.lit]
			}
			out = append(out, fmt.Sprintf("%s(%s)%d:%d", kind, t.text, t.pos.Line, t.pos.Col))
		}
		for _, f := range faults {
			out = append(out, fmt.Sprintf("fault(%s)%d:%d", f.Class, f.Pos.Line, f.Pos.Col))
		}
	}
	return strings.Join(out, " ")
}

func TestLexer(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a + b", "word(a)1:1 op(+)1:3 word(b)1:5 end()1:6"},
		{"", "end()1:1"},
		{"a;b", "word(a)1:1 end()1:2 word(b)1:3 end()1:4"},
		{"';' \";\" `;` -- ;\n/* ; */", "string(;)1:1 string(;)1:5 name(;)1:9 end()2:8"},
		{"\uFEFFa", "word(a)1:1 end()1:2"},
		{"a\r\nb", "word(a)1:1 word(b)2:1 end()2:2"},
		{"'日本' x", "string(日本)1:1 word(x)1:6 end()1:7"},
		{"\u3000a\u00a0b", "word(a)1:2 word(b)1:4 end()1:5"},
		{"/* a /* b */ c */ d", "word(d)1:19 end()1:20"},
		{"a /* b /* c */", "word(a)1:1 end()1:15 fault(UNCLOSED_BRACKETED_COMMENT)1:3"},
		{"-- a \\\nb\nc", "word(c)3:1 end()3:2"},
		{"1 1L 2s 3Y 1.5 1.5d 1.5F 1.50BD 1bd 1e3 1E-3 1e3f .5 5.", "int(1)1:1 long(1)1:3 short(2)1:6 byte(3)1:9 decimal(1.5)1:12 double(1.5)1:16 float(1.5)1:21 decimal(1.50)1:26 decimal(1)1:33 double(1e3)1:37 double(1E-3)1:41 float(1e3)1:46 decimal(.5)1:51 decimal(5.)1:54 end()1:56"},
		{"1a 1e 12LL 1_000", "word(1a)1:1 word(1e)1:4 word(12LL)1:7 word(1_000)1:12 end()1:17"},
		{"a.1b t1.5", "word(a)1:1 op(.)1:2 word(1b)1:3 word(t1)1:6 decimal(.5)1:8 end()1:10"},
		{"1-2 a->b a<=>b a!=b a==b a!>b", "int(1)1:1 op(-)1:2 int(2)1:3 word(a)1:5 op(->)1:6 word(b)1:8 word(a)1:10 op(<=>)1:11 word(b)1:14 word(a)1:16 op(<>)1:17 word(b)1:19 word(a)1:21 op(=)1:22 word(b)1:24 word(a)1:26 op(<=)1:27 word(b)1:29 end()1:30"},
		{"`a``b` ``", "name(a`b)1:1 end()1:10 fault(PARSE_SYNTAX_ERROR)1:8"},
		{"r'\\d' R\"it's\"", `string(\d)1:1 string(it's)1:7 end()1:14`},
		{"売上", "word(売上)1:1 end()1:3 fault(INVALID_IDENTIFIER)1:1"},
		{"a \x80 b", "word(a)1:1 word(b)1:5 end()1:6 fault(PARSE_SYNTAX_ERROR)1:3"},
		{"'a\xff'", "end()1:5 fault(PARSE_SYNTAX_ERROR)1:1"},
		{"'a' 'b\n;\nc", "string(a)1:1 end()2:1 fault(PARSE_SYNTAX_ERROR)1:5 word(c)3:1 end()3:2"},
	} {
		if got := shownTokens(c.text); got != c.want {
			t.Errorf("%q\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestStringEscapes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`'it''s'`, "it's"},
		{`'it\'s'`, "it's"},
		{`"say ""hi"" it's"`, `say "hi" it's`},
		{`'a\tb\nc\rd\be\0f\Zg'`, "a\tb\nc\rd\be\x00f\x1ag"},
		{`'\\'`, `\`},
		{`'\%\_'`, `\%\_`},
		{`'\q\"'`, `q"`},
		{`'\u65e5\u672C'`, "日本"},
		{`'\uD83D\uDE00'`, "😀"},
		{`'\uD83Dx'`, "\uFFFDx"},
		{`'\U0001F600'`, "😀"},
		{`'\u12'`, "u12"},
		{`'\101\377'`, "A377"},
		{`r'a\nb'`, `a\nb`},
		{`'a' "b" r'\c'`, `ab\c`},
		{"'two\nlines'", "two\nlines"},
	} {
		e, faults := ParseExpr("", c.text)
		l, ok := e.(*Literal)
		if faults != nil || !ok || l.Kind != LitString || l.Text != c.want {
			t.Errorf("%s: %+v %v, want %q", c.text, e, faults, c.want)
		}
	}
}
