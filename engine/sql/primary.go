package sql

// primary reads an operand: a literal, a name, a call, CASE, CAST, something in parentheses.
func (p *parser) primary() Expr {
	t := p.cur()
	switch t.kind {
	case tokenQuoted:
		switch {
		case p.peek(1).is("("):
			return p.call()
		case p.peek(1).is("->"):
			return p.lambda()
		}
		return p.named()
	case tokenNumber:
		return p.number()
	case tokenString:
		return &Literal{Pos: t.pos, Kind: LitString, Text: p.text("a string")}
	case tokenWord:
		return p.keyword()
	case tokenOp:
		switch t.text {
		case "-": // unary looked ahead: a number follows
			return p.number()
		case "(":
			return p.inParentheses()
		case "*":
			return p.star(nil)
		case "?", ":":
			p.failHint("an expression", "parameters are not supported: write the value")
			return p.nothing()
		case "&":
			if p.pos > 0 && p.toks[p.pos-1].is("&") {
				p.failHint("an expression", "SQL writes AND")
			}
		}
	}
	p.fail("an expression")
	return p.nothing()
}

// number reads a number with its sign, which belongs to the literal as in Spark: -2147483648 is an INT.
func (p *parser) number() Expr {
	at, sign := p.cur().pos, ""
	if p.accept("-") {
		sign = "-"
	}
	t := p.next()
	return &Literal{Pos: at, Kind: t.lit, Text: sign + t.text}
}

// keyword reads an operand that begins with a word: what a keyword begins, else a call or a name.
func (p *parser) keyword() Expr {
	t, after := p.cur(), p.peek(1)
	if after.is("(") {
		return p.callOrForm()
	}
	switch t.upper {
	case "NULL", "TRUE", "FALSE":
		return p.constant()
	case "CASE":
		if after.is("WHEN") || !p.standsAlone() {
			return p.caseWhen()
		}
	case "INTERVAL":
		if p.intervalAhead() {
			return p.interval()
		}
	}
	switch {
	case after.is("->"):
		return p.lambda()
	case after.kind == tokenString:
		return p.typedLiteral()
	case p.mayBeName():
		return p.named()
	}
	p.failHint("an expression", p.nameHint(t))
	return p.nothing()
}

// mayBeName tells whether the word here may be a name, although it is a keyword.
func (p *parser) mayBeName() bool {
	t, after := p.cur(), p.peek(1)
	switch roleOf(t.upper) {
	case roleStrong:
		if t.upper == "FROM" || t.upper == "SELECT" || t.upper == "WHERE" {
			return false
		}
		return after.is(",") || after.is(")") || after.is("FROM") || after.is(".") || after.is("AS")
	case roleWeak:
		return !after.is("BY") && after.kind != tokenNumber
	}
	return true
}

// nameHint says how to use a keyword as a name; it is empty where something is simply missing.
func (p *parser) nameHint(t *token) string {
	if p.pos > 0 && p.toks[p.pos-1].is(",") && roleOf(t.upper) == roleStrong {
		return "take out the comma before it"
	}
	if roleOf(t.upper) == roleWeak {
		return "if it is a name, write it in backticks: `" + t.text + "`"
	}
	return ""
}

func (p *parser) constant() Expr {
	t := p.next()
	switch t.upper {
	case "TRUE":
		return &Literal{Pos: t.pos, Kind: LitTrue, Text: "true"}
	case "FALSE":
		return &Literal{Pos: t.pos, Kind: LitFalse, Text: "false"}
	}
	return &Literal{Pos: t.pos, Kind: LitNull, Text: "NULL"}
}

// named reads a.b.c or a.b.*.
func (p *parser) named() Expr {
	n := &Name{Parts: []Ident{p.next().ident()}}
	for p.at(".") {
		if p.peek(1).is("*") {
			p.next()
			return p.star(n.Parts)
		}
		p.next()
		p.chained()
		n.Parts = append(n.Parts, p.name("a name after the point"))
		if p.at("(") {
			p.refuse(n.Parts[0].Pos, "UNRESOLVED_ROUTINE", "functions have no qualifier here", "write "+n.Parts[len(n.Parts)-1].Name+"(…)")
		}
	}
	return n
}

// star reads * and its EXCEPT behind a qualifier.
func (p *parser) star(qualifier []Ident) Expr {
	e := &Star{Pos: p.cur().pos, Qualifier: qualifier}
	if qualifier != nil {
		e.Pos = qualifier[0].Pos
	}
	p.expect("*")
	if !p.at("EXCEPT", "(") || p.queryAt(p.pos+2) {
		return e
	}
	p.next()
	p.next()
	for {
		e.Except = append(e.Except, &Name{Parts: p.path("a column name")})
		if !p.accept(",") {
			p.expect(")")
			return e
		}
	}
}

// inParentheses reads a subquery, a lambda, a row or an expression.
func (p *parser) inParentheses() Expr {
	at := p.cur().pos
	switch {
	case p.queryAt(p.pos + 1):
		return &ScalarQuery{Pos: at, Query: p.parenthesized()}
	case p.peek(p.closing(p.pos)-p.pos+1).is("->") && p.peek(1).isName():
		return p.lambda()
	}
	p.next()
	list := []Expr{p.aliased()}
	for p.accept(",") {
		list = append(list, p.aliased())
	}
	p.expect(")")
	if len(list) > 1 {
		return &Row{Pos: at, Exprs: list}
	}
	if a, ok := list[0].(*Aliased); ok && !p.failed {
		p.refuse(a.Name.Pos, "PARSE_SYNTAX_ERROR", "an expression in parentheses takes no name", "name it outside of them")
	}
	return list[0]
}

// aliased reads an expression that may have a name, as in struct(a AS x).
func (p *parser) aliased() Expr {
	e := p.expr()
	if p.accept("AS") {
		return &Aliased{Expr: e, Name: p.name("a name")}
	}
	if id := p.implicitAlias(); id != nil {
		return &Aliased{Expr: e, Name: *id}
	}
	return e
}

// lambda reads x -> body or (x, y) -> body.
func (p *parser) lambda() Expr {
	e := &Lambda{Pos: p.cur().pos}
	if p.at("(") {
		e.Params = p.names("a parameter name")
	} else {
		e.Params = []Ident{p.next().ident()}
	}
	p.expect("->")
	e.Body = p.expr()
	return e
}

func (p *parser) caseWhen() Expr {
	e := &Case{Pos: p.next().pos}
	if !p.at("WHEN") {
		e.Operand = p.expr()
	}
	for p.at("WHEN") {
		p.next()
		w := When{Cond: p.expr()}
		p.expect("THEN")
		w.Result = p.expr()
		e.Whens = append(e.Whens, w)
	}
	if e.Whens == nil {
		p.fail("WHEN")
	}
	if p.accept("ELSE") {
		e.Else = p.expr()
	}
	if !p.failed && !p.accept("END") {
		p.fail("WHEN, ELSE or END")
	}
	return e
}
