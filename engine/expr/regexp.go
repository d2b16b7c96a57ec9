package expr

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Regular expressions are RE2's, with the names that Java has for classes of characters. What RE2 has
// not (looking around, back references) is a fault.

const badRegexp = "INVALID_PARAMETER_VALUE.PATTERN"

// javaClasses are classes that Java names otherwise.
var javaClasses = strings.NewReplacer(
	`\p{Lower}`, `[a-z]`, `\p{Upper}`, `[A-Z]`, `\p{Alpha}`, `[a-zA-Z]`, `\p{Digit}`, `[0-9]`, `\p{Alnum}`, `[a-zA-Z0-9]`,
	`\p{Punct}`, `[[:punct:]]`, `\p{Graph}`, `[[:graph:]]`, `\p{Print}`, `[[:print:]]`, `\p{Blank}`, `[ \t]`,
	`\p{Cntrl}`, `[[:cntrl:]]`, `\p{XDigit}`, `[0-9a-fA-F]`, `\p{Space}`, `\s`, `\h`, `[ \t]`, `\Z`, `\z`, `\\`, `\\`,
)

func compileRegexp(s string) (*regexp.Regexp, error) { return regexp.Compile(javaClasses.Replace(s)) }

// expressions keeps the last regular expression that a call has seen.
type expressions struct {
	text string
	re   *regexp.Regexp
	err  error
}

// of compiles, or fails row i.
func (e *expressions) of(f *frame, i uint32, text []byte) *regexp.Regexp {
	if e.re == nil && e.err == nil || string(text) != e.text {
		e.text = string(text)
		e.re, e.err = compileRegexp(e.text)
	}
	if e.err != nil {
		f.failText(i, badRegexp, text)
		return nil
	}
	return e.re
}

func checkRegexp(result string) func(c *call) *Node {
	return func(c *call) *Node {
		if text, ok := c.constantText(1); ok {
			if _, err := compileRegexp(text); err != nil {
				return c.b.fail(sql.Fault{Pos: c.args[1].Pos, Class: badRegexp, Message: err.Error(),
					Hint: "patterns are those of RE2: no looking around, no back references"})
			}
		}
		if result == "array" {
			elem := column.Of(column.String)
			return c.node(column.Type{Kind: column.Array, Elem: &elem})
		}
		return c.node(wordType(result))
	}
}

func regexpLike(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			if re := cache.of(f, i, f.text(1, i)); re != nil {
				f.out.Int[i] = bit(re.Match(f.text(0, i)))
			}
		}
	}, nil
}

// goTemplate turns a replacement of Java ($1, \$) into one of Go (${1}, $$).
func goTemplate(s []byte) string {
	var out strings.Builder
	for k := 0; k < len(s); k++ {
		switch c := s[k]; {
		case c == '\\' && k+1 < len(s):
			k++
			if s[k] == '$' {
				out.WriteByte('$')
			}
			out.WriteByte(s[k])
		case c == '$' && k+1 < len(s) && s[k+1] >= '0' && s[k+1] <= '9':
			out.WriteString("${" + string(s[k+1]) + "}")
			k++
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func regexpReplace(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	var with, template string
	known := false
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		re := cache.of(f, i, f.text(1, i))
		if re == nil {
			return dst
		}
		if t := f.text(2, i); !known || string(t) != with {
			with, known = string(t), true
			template = goTemplate(t)
		}
		b := f.text(0, i)
		if len(f.args) == 4 { // from a place on
			start := f.int(3, i)
			if start < 1 {
				f.fail(i, "INVALID_PARAMETER_VALUE.POSITION", "")
				return dst
			}
			tail := skipRunes(b, start-1)
			dst = append(dst, b[:len(b)-len(tail)]...)
			b = tail
		}
		from := 0
		for _, m := range re.FindAllSubmatchIndex(b, -1) {
			dst = append(dst, b[from:m[0]]...)
			dst = re.Expand(dst, []byte(template), b, m)
			from = m[1]
		}
		return append(dst, b[from:]...)
	}), nil
}

// eachTextKernel is eachText without its maker.
func eachTextKernel(fn func(f *frame, i uint32, dst []byte) []byte) kernel {
	run, _ := eachText(fn)(nil, nil)
	return run
}

// group is the number of the group that a call asks for, 1 by default, or fails the row.
func (f *frame) group(i uint32, re *regexp.Regexp) (int, bool) {
	g := int64(1)
	if len(f.args) == 3 {
		g = f.int(2, i)
	}
	if g < 0 || g > int64(re.NumSubexp()) {
		f.fail(i, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX", "")
		return 0, false
	}
	return int(g), true
}

func regexpExtract(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		re := cache.of(f, i, f.text(1, i))
		if re == nil {
			return dst
		}
		b := f.text(0, i)
		m := re.FindSubmatchIndex(b)
		if m == nil { // and the group does not matter
			return dst
		}
		if g, ok := f.group(i, re); ok && m[2*g] >= 0 {
			dst = append(dst, b[m[2*g]:m[2*g+1]]...)
		}
		return dst
	}), nil
}

func regexpExtractAll(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			if re := cache.of(f, i, f.text(1, i)); re != nil {
				if g, ok := f.group(i, re); ok {
					b := f.text(0, i)
					for _, m := range re.FindAllSubmatchIndex(b, -1) {
						var found []byte
						if m[2*g] >= 0 {
							found = b[m[2*g]:m[2*g+1]]
						}
						f.out.Kids[0].AppendBytes(found)
					}
				}
			}
			f.shutRow()
		}
	}, nil
}

func regexpCount(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			if re := cache.of(f, i, f.text(1, i)); re != nil {
				f.out.Int[i] = int64(len(re.FindAllIndex(f.text(0, i), -1)))
			}
		}
	}, nil
}

func regexpSubstr(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		re := cache.of(f, i, f.text(1, i))
		if re == nil {
			return dst
		}
		b := f.text(0, i)
		m := re.FindIndex(b)
		if m == nil {
			f.null(i)
			return dst
		}
		return append(dst, b[m[0]:m[1]]...)
	}), nil
}

func regexpInstr(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			re := cache.of(f, i, f.text(1, i))
			if re == nil {
				continue
			}
			b := f.text(0, i)
			f.out.Int[i] = 0
			if m := re.FindIndex(b); m != nil {
				f.out.Int[i] = int64(runes(b[:m[0]])) + 1
			}
		}
	}, nil
}

// splitKernel is split(text, pattern[, limit]). An empty match splits between characters.
func splitKernel(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			if re := cache.of(f, i, f.text(1, i)); re != nil {
				limit := int64(-1)
				if len(f.args) == 3 {
					limit = f.int(2, i)
				}
				splitText(&f.out.Kids[0], f.text(0, i), re, limit)
			}
			f.shutRow()
		}
	}, nil
}

func splitText(out *column.Vector, b []byte, re *regexp.Regexp, limit int64) {
	if re.String() == "" { // every character by itself
		for len(b) > 0 && limit != 1 {
			_, n := utf8.DecodeRune(b)
			out.AppendBytes(b[:n])
			b, limit = b[n:], limit-1
		}
		if len(b) > 0 {
			out.AppendBytes(b)
		}
		return
	}
	from, parts := 0, int64(1)
	for _, m := range re.FindAllIndex(b, -1) {
		if limit > 0 && parts >= limit {
			break
		}
		if m[1] == 0 || m[0] == m[1] && m[0] == len(b) {
			continue // nothing was matched at an end
		}
		out.AppendBytes(b[from:m[0]])
		from = m[1]
		parts++
	}
	out.AppendBytes(b[from:])
}
