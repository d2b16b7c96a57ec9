package expr

import (
	"bytes"
	"unicode/utf8"
)

func patternsOfText() []function {
	return []function{
		{name: "like", sig: "string;string;string? -> boolean", kernel: likeKernel(false)},
		{name: "ilike", sig: "string;string;string? -> boolean", kernel: likeKernel(true)},
		{name: "rlike", also: "regexp regexp_like", sig: "string;string -> boolean", check: checkRegexp("boolean"), kernel: regexpLike},
		{name: "regexp_replace", sig: "string;string;string;int? -> string", check: checkRegexp("string"), kernel: regexpReplace},
		{name: "regexp_extract", sig: "string;string;int? -> string", check: checkRegexp("string"), kernel: regexpExtract},
		{name: "regexp_extract_all", sig: "string;string;int?", check: checkRegexp("array"), kernel: regexpExtractAll},
		{name: "regexp_count", sig: "string;string -> int", check: checkRegexp("int"), kernel: regexpCount},
		{name: "regexp_substr", sig: "string;string -> string", check: checkRegexp("string"), kernel: regexpSubstr},
		{name: "regexp_instr", sig: "string;string;int? -> int", check: checkRegexp("int"), kernel: regexpInstr},
		{name: "split", sig: "string;string;int?", check: checkRegexp("array"), kernel: splitKernel},
	}
}

// likePattern is a pattern of LIKE: texts between %, which may hold _ for one character.
type likePattern struct {
	parts  []likePart // between the %s, at least one
	failed string     // Spark's class of the fault in the pattern, "" for none
}

// likePart is a text with _ in it.
type likePart struct {
	text   []byte
	single []bool // per byte of text: it stands for any character; nil when none does
}

func parseLike(pattern, escape []byte, fold bool) likePattern {
	p := likePattern{parts: []likePart{{}}}
	for len(pattern) > 0 {
		_, n := utf8.DecodeRune(pattern)
		last := &p.parts[len(p.parts)-1]
		switch {
		case len(escape) > 0 && bytes.HasPrefix(pattern, escape):
			pattern = pattern[len(escape):]
			if len(pattern) == 0 {
				p.failed = "INVALID_FORMAT.ESC_AT_THE_END"
				return p
			}
			_, n = utf8.DecodeRune(pattern)
			if pattern[0] != '%' && pattern[0] != '_' && !bytes.HasPrefix(pattern, escape) {
				p.failed = "INVALID_FORMAT.ESC_IN_THE_MIDDLE"
				return p
			}
			last.add(pattern[:n], fold)
		case pattern[0] == '%':
			p.parts = append(p.parts, likePart{})
		case pattern[0] == '_':
			last.addSingle()
		default:
			last.add(pattern[:n], fold)
		}
		pattern = pattern[n:]
	}
	return p
}

func (p *likePart) add(b []byte, fold bool) {
	if fold {
		b = appendLower(nil, b)
	}
	p.text = append(p.text, b...)
	if p.single != nil {
		p.single = append(p.single, make([]bool, len(b))...)
	}
}

func (p *likePart) addSingle() {
	if p.single == nil {
		p.single = make([]bool, len(p.text))
	}
	p.text, p.single = append(p.text, 0), append(p.single, true)
}

// prefix is how many bytes of b the part takes at its start, or -1.
func (p *likePart) prefix(b []byte) int {
	if p.single == nil {
		if bytes.HasPrefix(b, p.text) {
			return len(p.text)
		}
		return -1
	}
	at := 0
	for k, c := range p.text {
		switch {
		case at >= len(b):
			return -1
		case p.single[k]:
			_, n := utf8.DecodeRune(b[at:])
			at += n
		case b[at] != c:
			return -1
		default:
			at++
		}
	}
	return at
}

// index is the first place in b where the part is, and its length there; -1 for none.
func (p *likePart) index(b []byte) (at, n int) {
	if p.single == nil {
		return bytes.Index(b, p.text), len(p.text)
	}
	for at < len(b) {
		if n = p.prefix(b[at:]); n >= 0 {
			return at, n
		}
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
	if n = p.prefix(b[at:]); n >= 0 {
		return at, n
	}
	return -1, 0
}

// suffix reports that the part is at the end of b.
func (p *likePart) suffix(b []byte) bool {
	if p.single == nil {
		return bytes.HasSuffix(b, p.text)
	}
	for at := 0; ; {
		if n := p.prefix(b[at:]); n == len(b)-at {
			return true
		}
		if at >= len(b) {
			return false
		}
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
}

// matches: the first part at the start, the last at the end, the others as early as possible between.
func (p *likePattern) matches(b []byte) bool {
	first, rest := &p.parts[0], p.parts[1:]
	n := first.prefix(b)
	if n < 0 || len(rest) == 0 {
		return n == len(b)
	}
	b = b[n:]
	for ; len(rest) > 1; rest = rest[1:] {
		at, n := rest[0].index(b)
		if at < 0 {
			return false
		}
		b = b[at+n:]
	}
	return rest[0].suffix(b)
}

func likeKernel(fold bool) maker {
	return func(n *Node, _ *Env) (kernel, error) {
		var pattern likePattern
		var text []byte
		known := false
		escape := []byte(`\`)
		if len(n.Args) == 3 {
			if s, ok := nodeText(n.Args[2]); ok {
				escape = []byte(s)
			}
		}
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				if t := f.text(1, i); !known || !bytes.Equal(t, text) {
					text, known = append(text[:0], t...), true
					pattern = parseLike(text, escape, fold)
				}
				if pattern.failed != "" {
					f.fail(i, pattern.failed, "")
					continue
				}
				b := f.text(0, i)
				if fold {
					f.buf = appendLower(f.buf[:0], b)
					b = f.buf
				}
				f.out.Int[i] = bit(pattern.matches(b))
			}
		}, nil
	}
}
