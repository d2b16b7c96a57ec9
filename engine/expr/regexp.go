package expr

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Regular expressions are RE2's, with the names that Java has for classes of characters, and matched one
// after the other as Java does (match.go). What RE2 has not (looking around, back references) is a fault.

const badRegexp = "INVALID_PARAMETER_VALUE.PATTERN"

func compileRegexp(s string) (*regexp.Regexp, error) {
	text, err := fromJava(s)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(text)
}

// expressions keeps the last regular expression that a call has seen.
type expressions struct {
	text string
	m    *matcher
	err  error
}

// of compiles, or fails row i.
func (e *expressions) of(f *frame, i uint32, text []byte) *matcher {
	if e.m == nil && e.err == nil || string(text) != e.text {
		e.text = string(text)
		e.m, e.err = newMatcher(e.text)
	}
	if e.err != nil {
		f.failText(i, badRegexp, text)
		return nil
	}
	return e.m
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
			if m := cache.of(f, i, f.text(1, i)); m != nil {
				f.out.Int[i] = bit(m.re.Match(f.text(0, i)))
			}
		}
	}, nil
}

// replacement is the text that stands for a match: pieces of text, and numbers of groups.
type replacement struct {
	pieces []string
	groups []int // groups[k] stands behind pieces[k], -1: none
}

// parseReplacement reads $1, ${name} and \\c as Java does: of the digits behind $ as many as make the
// number of a group.
func parseReplacement(s []byte, re *regexp.Regexp) (r replacement, ok bool) {
	var text []byte
	for k := 0; k < len(s); k++ {
		switch c := s[k]; {
		case c == '\\':
			if k++; k == len(s) {
				return r, false
			}
			text = append(text, s[k])
		case c == '$':
			group, after, ok := groupReference(s[k+1:], re)
			if !ok {
				return r, false
			}
			r.pieces, r.groups, text = append(r.pieces, string(text)), append(r.groups, group), text[:0]
			k = len(s) - len(after) - 1
		default:
			text = append(text, c)
		}
	}
	r.pieces, r.groups = append(r.pieces, string(text)), append(r.groups, -1)
	return r, true
}

func groupReference(s []byte, re *regexp.Regexp) (group int, after []byte, ok bool) {
	if len(s) > 0 && s[0] == '{' {
		name, after, ok := strings.Cut(string(s[1:]), "}")
		group = re.SubexpIndex(name)
		return group, s[len(s)-len(after):], ok && group > 0
	}
	n := 0
	for ; n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
		next := group*10 + int(s[n]-'0')
		if n > 0 && next > re.NumSubexp() {
			break
		}
		group = next
	}
	return group, s[n:], n > 0 && group <= re.NumSubexp()
}

// append appends the replacement of the match m in b.
func (r *replacement) append(dst, b []byte, m []int) []byte {
	for k, piece := range r.pieces {
		dst = append(dst, piece...)
		if g := r.groups[k]; g >= 0 && m[2*g] >= 0 {
			dst = append(dst, b[m[2*g]:m[2*g+1]]...)
		}
	}
	return dst
}

// size is the bytes of the replacement of the match m.
func (r *replacement) size(m []int) int64 {
	n := int64(0)
	for k, piece := range r.pieces {
		n += int64(len(piece))
		if g := r.groups[k]; g >= 0 {
			n += int64(m[2*g+1] - m[2*g])
		}
	}
	return n
}

func regexpReplace(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	var with string
	var of *matcher
	var by replacement
	good := false
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		m := cache.of(f, i, f.text(1, i))
		if m == nil {
			return dst
		}
		if t := f.text(2, i); m != of || string(t) != with {
			with, of = string(t), m
			by, good = parseReplacement(t, m.re)
		}
		b := f.text(0, i)
		if len(f.args) == 4 { // from a place on, as if the text began there
			start := f.int(3, i)
			if start < 1 {
				f.fail(i, "INVALID_PARAMETER_VALUE.POSITION", "")
				return dst
			}
			tail := skipRunes(b, start-1)
			if start > 1 && len(tail) == 0 {
				return append(dst, b...)
			}
			dst = append(dst, b[:len(b)-len(tail)]...)
			b = tail
		}
		from := 0
		m.each(f, b, func(at []int) bool {
			if !good {
				f.failText(i, "INVALID_REGEXP_REPLACE", f.text(2, i))
				return false
			}
			if f.x.use != nil {
				f.x.use.see(int64(len(dst)+at[0]-from) + by.size(at))
			}
			dst = by.append(append(dst, b[from:at[0]]...), b, at)
			from = at[1]
			return true
		})
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
		m := cache.of(f, i, f.text(1, i))
		if m == nil {
			return dst
		}
		b := f.text(0, i)
		at := m.re.FindSubmatchIndex(b)
		if at == nil { // and the group does not matter
			return dst
		}
		if g, ok := f.group(i, m.re); ok && at[2*g] >= 0 {
			dst = append(dst, b[at[2*g]:at[2*g+1]]...)
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
			if m := cache.of(f, i, f.text(1, i)); m != nil {
				b := f.text(0, i)
				m.each(f, b, func(at []int) bool {
					g, ok := f.group(i, m.re)
					if !ok {
						return false
					}
					var found []byte
					if at[2*g] >= 0 {
						found = b[at[2*g]:at[2*g+1]]
					}
					f.out.Kids[0].AppendBytes(found)
					return true
				})
			}
			f.shutRow()
		}
	}, nil
}

func regexpCount(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			if m := cache.of(f, i, f.text(1, i)); m != nil {
				n := int64(0)
				m.each(f, f.text(0, i), func([]int) bool { n++; return true })
				f.out.Int[i] = n
			}
		}
	}, nil
}

// regexpSubstr is the first match, or NULL where that is nothing or empty.
func regexpSubstr(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		m := cache.of(f, i, f.text(1, i))
		if m == nil {
			return dst
		}
		b := f.text(0, i)
		at := m.re.FindIndex(b)
		if at == nil || at[0] == at[1] {
			f.null(i)
			return dst
		}
		return append(dst, b[at[0]:at[1]]...)
	}), nil
}

func regexpInstr(*Node, *Env) (kernel, error) {
	cache := &expressions{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			m := cache.of(f, i, f.text(1, i))
			if m == nil {
				continue
			}
			b := f.text(0, i)
			f.out.Int[i] = 0
			if at := m.re.FindIndex(b); at != nil {
				f.out.Int[i] = int64(runes(b[:at[0]])) + 1
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
			if m := cache.of(f, i, f.text(1, i)); m != nil {
				limit := int64(-1)
				if len(f.args) == 3 {
					limit = f.int(2, i)
				}
				f.splitText(&f.out.Kids[0], f.text(0, i), m, limit)
			}
			f.shutRow()
		}
	}, nil
}

// splitText appends the pieces of b, at most limit of them if that is positive. The empty pattern gives
// every character by itself and nothing behind the last.
func (f *frame) splitText(out *column.Vector, b []byte, m *matcher, limit int64) {
	if m.re.String() == "" && len(b) > 0 {
		if f.x.use != nil {
			f.reserve(int64(len(b)) + 4*int64(utf8.RuneCount(b)))
		}
		for limit != 1 {
			_, n := utf8.DecodeRune(b)
			if n == len(b) {
				break
			}
			out.AppendBytes(b[:n])
			b, limit = b[n:], limit-1
		}
		out.AppendBytes(b)
		return
	}
	if f.x.use != nil {
		f.reserve(int64(len(b))) // the matches count for the rest
	}
	from := 0
	if limit != 1 {
		m.each(f, b, func(at []int) bool {
			if at[1] == 0 {
				return true // nothing was matched at the start
			}
			out.AppendBytes(b[from:at[0]])
			from = at[1]
			limit--
			return limit != 1
		})
	}
	out.AppendBytes(b[from:])
}
