package sql

import (
	"fmt"
	"slices"
	"strings"
)

// invalidIdentifier is Spark's class for a name that needs backticks.
const invalidIdentifier = "INVALID_IDENTIFIER"

// Limits that keep a hostile or generated text from exhausting the stack of whoever walks its tree. A
// text beyond one of them is a fault.
const (
	maxNesting = 500    // expressions, subqueries, joins, types and prefix operators inside one another; parentheses count twice
	maxChain   = 10_000 // infix and postfix operators of one expression; joins and set operations of one statement
	maxFaults  = 1000   // faults of one file; the rest of it is not read
)

// parser reads one statement. It never unwinds: the first syntax fault moves it to the end of the
// statement, where each further expectation fails silently, so that every loop ends.
type parser struct {
	src    string
	toks   []token // closed by a tokenEnd
	close  []int32 // for each '(' the index of its ')', else 0; nil until asked for
	pos    int
	faults Faults
	failed bool

	nesting   int
	inExpr    int // expressions around the present place
	operators int // of the outermost expression so far
	relations int // joins and set operations of the statement so far

	tried   []string // keywords looked for in vain at token triedAt
	triedAt int

	alias      int      // the token last taken as a name without AS, or -1: perhaps a misspelt keyword
	aliasTried []string // what else could have stood there

	windows []namedWindow // WINDOW name AS (…) of the SELECT being read
	pending []pendingOver // OVER name of the SELECT being read
}

func newParser(src string, toks []token) *parser {
	return &parser{src: src, toks: toks, alias: -1, triedAt: -1}
}

func (p *parser) cur() *token { return &p.toks[p.pos] }

// peek is the token n further on, the end behind the last.
func (p *parser) peek(n int) *token {
	return &p.toks[min(p.pos+n, len(p.toks)-1)]
}

func (p *parser) next() *token {
	t := p.cur()
	if p.pos < len(p.toks)-1 {
		p.pos++
	}
	return t
}

// at tells whether the words and marks stand here, one after the other.
func (p *parser) at(words ...string) bool {
	if p.triedAt != p.pos {
		p.triedAt, p.tried = p.pos, p.tried[:0]
	}
	for i, w := range words {
		if !p.peek(i).is(w) {
			if i == 0 && isWordByte(w[0]) {
				p.tried = append(p.tried, w)
			}
			return false
		}
	}
	return true
}

// accept moves over the words and marks if they stand here.
func (p *parser) accept(words ...string) bool {
	if !p.at(words...) {
		return false
	}
	p.pos = min(p.pos+len(words), len(p.toks)-1)
	return true
}

// acceptAny moves over the first of the words that stands here and returns it, else "".
func (p *parser) acceptAny(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	return ""
}

// expect moves over the words and marks, or fails at the first that is not there.
func (p *parser) expect(words ...string) bool {
	for _, w := range words {
		if !p.accept(w) {
			p.fail(w)
			return false
		}
	}
	return true
}

// fail reports that the token here is not what was expected, in words, and ends the statement.
func (p *parser) fail(expected string) { p.failHint(expected, "") }

// failHint is fail with a way out.
func (p *parser) failHint(expected, hint string) {
	t := p.cur()
	near := p.misspelt(expected)
	switch {
	case hint != "":
	case near != "":
		hint = "did you mean " + near + "?"
	case p.alias >= 0 && p.alias == p.pos-1 && p.toks[p.alias].kind == tokenWord:
		// In "SELECT a FORM t" it is t that fits nothing, and FORM that is wrong.
		if word := Nearest(p.toks[p.alias].text, p.aliasTried); word != "" {
			p.refuse(p.toks[p.alias].pos, "PARSE_SYNTAX_ERROR", "found "+p.toks[p.alias].shown(p.src)+", expected "+word, "did you mean "+word+"?")
			return
		}
	}
	p.refuse(t.pos, "PARSE_SYNTAX_ERROR", "found "+t.shown(p.src)+", expected "+expected, hint)
}

// misspelt is the keyword that the word here may have been meant for.
func (p *parser) misspelt(expected string) string {
	t := p.cur()
	if t.kind != tokenWord {
		return ""
	}
	among := strings.FieldsFunc(expected, func(r rune) bool { return r == ' ' || r == ',' || r == '[' || r == ']' })
	among = slices.DeleteFunc(among, func(w string) bool { return w != strings.ToUpper(w) || !isWordByte(w[0]) })
	if p.triedAt == p.pos {
		among = append(among, p.tried...)
	}
	near := Nearest(t.text, among)
	if strings.EqualFold(near, t.text) {
		return ""
	}
	return near
}

// refuse reports a fault and ends the statement.
func (p *parser) refuse(at Pos, class, message, hint string) {
	p.note(at, class, message, hint)
	p.failed = true
	p.pos = len(p.toks) - 1
}

// note reports a fault that leaves the rest of the statement readable.
func (p *parser) note(at Pos, class, message, hint string) {
	if !p.failed && len(p.faults) < maxFaults {
		p.faults = append(p.faults, Fault{Pos: at, Message: message, Hint: hint, Class: class})
	}
}

// enter guards each recursion; leave undoes it. After a false the caller returns.
func (p *parser) enter() bool {
	p.nesting++
	if p.nesting > maxNesting && !p.failed {
		p.refuse(p.cur().pos, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the statement nests more than %d levels deep here", maxNesting), "split it into views")
	}
	return !p.failed
}

func (p *parser) leave() { p.nesting-- }

// chained counts an operator that makes the tree of the expression one node higher.
func (p *parser) chained() {
	p.operators++
	if p.operators == maxChain {
		p.refuse(p.cur().pos, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the expression has %d operators or more", maxChain), "split it, or use IN with a list or a join")
	}
}

// related counts a join or a set operation.
func (p *parser) related() {
	p.relations++
	if p.relations == maxChain {
		p.refuse(p.cur().pos, "PARSE_SYNTAX_ERROR", fmt.Sprintf("the statement has %d joins and set operations or more", maxChain), "split it into views")
	}
}

// closing is the index of the ')' of the '(' at index i, or of the end if it has none.
func (p *parser) closing(i int) int {
	if p.close == nil {
		p.close = make([]int32, len(p.toks))
		var open []int
		for j := range p.toks {
			switch {
			case p.toks[j].is("("):
				p.close[j] = int32(len(p.toks) - 1)
				open = append(open, j)
			case p.toks[j].is(")") && len(open) > 0:
				p.close[open[len(open)-1]] = int32(j)
				open = open[:len(open)-1]
			}
		}
	}
	return int(p.close[i])
}

// name reads an identifier, for which any word will do.
func (p *parser) name(what string) Ident {
	t := p.cur()
	if !t.isName() {
		hint := ""
		if t.kind == tokenString {
			hint = "names are written in backticks: `" + t.text + "`"
		}
		p.failHint(what, hint)
		return Ident{Pos: t.pos}
	}
	return p.next().ident()
}

// datasetName reads the name of a table, a view or a flow, and tells a-b from a minus b.
func (p *parser) datasetName(what string) Ident {
	first := p.pos
	id := p.name(what)
	if p.at("-") && p.cur().start == p.toks[first].end {
		p.refuse(id.Pos, invalidIdentifier, "the name "+id.Name+"-"+p.peek(1).text+" holds a hyphen", "write it in backticks: `"+id.Name+"-"+p.peek(1).text+"`")
	}
	return id
}

// path reads a name with dots.
func (p *parser) path(what string) []Ident {
	parts := []Ident{p.datasetName(what)}
	for p.accept(".") {
		parts = append(parts, p.datasetName("a name after the point"))
	}
	return parts
}

// names reads (a, b, c).
func (p *parser) names(what string) []Ident {
	var list []Ident
	p.expect("(")
	for {
		list = append(list, p.datasetName(what))
		if !p.accept(",") {
			p.expect(")")
			return list
		}
	}
}

// refuseLoose refuses a name or a literal where only an operator, a mark or the next clause may stand.
func (p *parser) refuseLoose(expected string) {
	switch t := p.cur(); t.kind {
	case tokenQuoted, tokenString, tokenNumber:
		p.fail(expected)
	case tokenWord:
		if roleOf(t.upper) == roleName {
			p.fail(expected)
		}
	}
}

// text reads a string, adjacent ones joined.
func (p *parser) text(what string) string {
	if p.cur().kind != tokenString {
		p.fail(what)
		return ""
	}
	text := p.next().text
	if p.cur().kind != tokenString {
		return text
	}
	var joined strings.Builder
	joined.WriteString(text)
	for p.cur().kind == tokenString {
		joined.WriteString(p.next().text)
	}
	return joined.String()
}

// implicitAlias reads a name that stands without AS, if the word here cannot be anything else.
func (p *parser) implicitAlias() *Ident {
	t, after := p.cur(), p.peek(1)
	switch {
	case t.kind == tokenQuoted:
	case t.kind != tokenWord:
		return nil
	case roleOf(t.upper) != roleName && !after.is(",") && !after.is(")") && !after.is("FROM"):
		return nil
	case t.upper == "FROM", t.upper == "WHERE", t.upper == "SELECT":
		return nil
	}
	p.alias = p.pos
	p.aliasTried = []string{"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "LEFT", "UNION", "QUALIFY", "WATERMARK", "LATERAL"}
	if p.triedAt == p.pos {
		p.aliasTried = append(p.aliasTried, p.tried...)
	}
	id := p.next().ident()
	return &id
}
