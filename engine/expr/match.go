package expr

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// A matcher finds the matches of a regular expression in a text as Java's Matcher does: behind a match
// that is not empty an empty one may follow at once, which Go's FindAll leaves out.
//
//	"1a" by \d*    Java: "1" "" ""    Go: "1" ""
type matcher struct {
	re *regexp.Regexp
	// next is any one character and then re, from the start of a text; nil where re has no empty match.
	// Go cannot look from a place in the middle of a text, and re sees one character back at most.
	next *regexp.Regexp
}

func newMatcher(text string) (*matcher, error) {
	re, err := compileRegexp(text)
	if err != nil {
		return nil, err
	}
	m := &matcher{re: re}
	if parsed, err := syntax.Parse(re.String(), syntax.Perl); err == nil && canBeEmpty(parsed) {
		m.next, err = regexp.Compile(`\A(?s:.)(?:` + re.String() + `)`)
	}
	return m, err
}

// canBeEmpty reports whether re can match nothing at all.
func canBeEmpty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpPlus, syntax.OpCapture:
		return canBeEmpty(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || canBeEmpty(re.Sub[0])
	case syntax.OpConcat, syntax.OpAlternate:
		for _, sub := range re.Sub {
			if canBeEmpty(sub) != (re.Op == syntax.OpConcat) {
				return re.Op == syntax.OpAlternate
			}
		}
		return re.Op == syntax.OpConcat
	}
	return true
}

// each calls found with the places of each match and its groups in b, until it returns false.
func (m *matcher) each(f *frame, b []byte, found func(at []int) bool) {
	all := f.matches(m.re, b)
	for k, at := range all {
		if !found(at) {
			return
		}
		end := at[1]
		if m.next == nil || at[0] == end || k+1 < len(all) && all[k+1][0] == end {
			continue
		}
		if empty := m.emptyAt(b, end); empty != nil && !found(empty) {
			return
		}
	}
}

// emptyAt is the match at a place that is not the start of b, if it is empty.
func (m *matcher) emptyAt(b []byte, place int) []int {
	_, n := utf8.DecodeLastRune(b[:place])
	at := m.next.FindSubmatchIndex(b[place-n:])
	if at == nil || at[1] != n {
		return nil
	}
	for k := range at {
		if at[k] >= 0 {
			at[k] += place - n
		}
	}
	at[0] = place
	return at
}
