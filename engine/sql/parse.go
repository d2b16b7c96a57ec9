package sql

import "slices"

// maxRecoveries bounds how often reading goes on at a CREATE without a ';' before it.
const maxRecoveries = 20

// ParseFile reads all statements of a file and reports all syntax faults at once: after a fault it goes
// on behind the next ';', or at the next line that begins with CREATE. The statements are those that
// could be read; a fault that leaves the meaning clear (OR REFRESH, LOCATION, a flow without BY NAME)
// keeps its statement. After 1000 faults the rest is not read. A bare query is a *Select, which the grammar allows and a project does not. name
// stands in the places.
func ParseFile(name, text string) ([]Statement, Faults) {
	list, _, faults := ReadFile(name, text)
	return list, faults
}

// ReadFile is ParseFile that also tells the names of the datasets whose statements could not be read, as far
// as they can be seen: what reads one of them need not be told that there is none.
func ReadFile(name, text string) (list []Statement, unread []string, faults Faults) {
	l := newLexer(name, text)
	for {
		toks, lexical := l.statement()
		if toks == nil || len(faults) >= maxFaults {
			faults.Sort()
			return list, unread, faults
		}
		faults = append(faults, lexical...)
		if len(lexical) > 0 {
			unread = append(unread, createdNames(toks)...)
		}
		if slices.ContainsFunc(lexical, func(f Fault) bool { return f.Class != invalidIdentifier }) {
			continue // what the lexer left out would be found again as a syntax error
		}
		for recoveries := 0; len(toks) > 1 && recoveries < maxRecoveries; recoveries++ {
			p := newParser(text, toks)
			s := p.statement()
			stop := p.pos
			if p.failed {
				stop = nextCreate(toks)
			}
			if s == nil || p.failed {
				unread = append(unread, createdNames(toks[:stop])...)
			}
			faults = append(faults, p.faults...)
			if s != nil {
				list = append(list, s)
			}
			toks = toks[stop:]
		}
	}
}

// createdNames is the name that a statement which begins with CREATE gives: the last one before what it is made of.
func createdNames(toks []token) []string {
	if len(toks) < 3 || !toks[0].is("CREATE") || toks[1].is("FLOW") {
		return nil
	}
	for i := 2; i < len(toks); i++ {
		switch t := toks[i]; {
		case t.is("AS"), t.is("("), t.is("USING"), t.is("COMMENT"), t.is("OPTIONS"), t.is("TBLPROPERTIES"), t.is("PARTITIONED"),
			t.is("CLUSTER"), t.is("SELECT"), t.is("WITH"), t.is("LOCATION"), t.is("SCHEDULE"), t.kind == tokenEnd:
			if last := toks[i-1]; last.isName() {
				return []string{last.ident().Name}
			}
			return nil
		}
	}
	return nil
}

// nextCreate is the index of a CREATE that begins a line behind the first token, which is where a
// statement starts whose predecessor lacks its ';'. Without one it is the index of the end.
func nextCreate(toks []token) int {
	for i := 1; i < len(toks)-1; i++ {
		if toks[i].is("CREATE") && toks[i].pos.Col == 1 && toks[i+1].kind == tokenWord {
			return i
		}
	}
	return len(toks) - 1
}

// ParseQuery reads one query, as `nagare query` takes it; a ';' may end it.
func ParseQuery(name, text string) (*Query, Faults) {
	var q *Query
	err := parseAll(name, text, func(p *parser) { q = p.query() })
	if err != nil {
		return nil, err
	}
	return q, nil
}

// ParseExpr reads one expression.
func ParseExpr(name, text string) (Expr, Faults) {
	var e Expr
	err := parseAll(name, text, func(p *parser) { e = p.expr() })
	if err != nil {
		return nil, err
	}
	return e, nil
}

// parseAll reads a text that is one thing, as read does it.
func parseAll(name, text string, read func(*parser)) Faults {
	return parseFrom(newLexer(name, text), read)
}

func parseFrom(l *lexer, read func(*parser)) Faults {
	text := l.src
	toks, faults := l.statement()
	if len(faults) > 0 {
		return faults
	}
	toks = append([]token(nil), toks...)
	p := newParser(text, toks)
	if len(toks) == 1 {
		p.refuse(toks[0].pos, "PARSE_EMPTY_STATEMENT", "there is nothing to read", "")
	} else {
		read(p)
	}
	if !p.failed && p.cur().kind != tokenEnd {
		p.failHint("the end of the text", p.tailHint())
	}
	for !p.failed { // behind a ';' there may be more of them, but nothing else
		rest, more := l.statement()
		if rest == nil {
			break
		}
		p.faults = append(p.faults, more...)
		if len(rest) > 1 {
			p.refuse(rest[0].pos, "PARSE_SYNTAX_ERROR", "found "+rest[0].shown(text)+" behind the ;, expected the end of the text", "write one query")
		}
	}
	if len(p.faults) == 0 {
		return nil
	}
	p.faults.Sort()
	return p.faults
}

// parseWhole is parseAll for texts that are no files: the first fault is the error.
func parseWhole(name, text string, read func(*parser)) error {
	if faults := parseAll(name, text, read); len(faults) > 0 {
		return faults[0]
	}
	return nil
}
