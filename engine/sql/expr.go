package sql

// expr reads an expression: OR, AND, NOT, EXISTS, predicates, values, in Spark's order of precedence.
func (p *parser) expr() Expr {
	if p.inExpr == 0 {
		p.operators = 0
	}
	p.inExpr++
	defer func() { p.inExpr-- }()
	if !p.enter() {
		return p.nothing()
	}
	defer p.leave()
	return p.or()
}

// nothing stands for an expression after a fault, so that no caller meets nil.
func (p *parser) nothing() Expr { return &Literal{Pos: p.cur().pos} }

func (p *parser) or() Expr {
	left := p.and()
	for p.at("OR") {
		at := p.next().pos
		p.chained()
		left = &Binary{Pos: at, Op: "OR", Left: left, Right: p.and()}
	}
	return left
}

func (p *parser) and() Expr {
	left := p.not()
	for p.at("AND") {
		at := p.next().pos
		p.chained()
		left = &Binary{Pos: at, Op: "AND", Left: left, Right: p.not()}
	}
	return left
}

func (p *parser) not() Expr {
	if p.at("!") || p.at("NOT") && (!p.standsAlone() || isMatch(p.peek(1).upper) && p.peek(2).is("(")) {
		if !p.enter() {
			return p.nothing()
		}
		defer p.leave()
		at := p.next().pos
		return &Unary{Pos: at, Op: "NOT", Expr: p.not()}
	}
	if p.at("EXISTS", "(") && p.queryAt(p.pos+2) {
		at := p.next().pos
		return &Exists{Pos: at, Query: p.parenthesized()}
	}
	return p.predicate(p.value())
}

// predicate reads what may stand once behind a value. Since it binds looser than a comparison, a = b IS
// NULL is (a = b) IS NULL.
func (p *parser) predicate(left Expr) Expr {
	at := left.Position()
	if p.at("IS") {
		p.next()
		return p.is(at, left)
	}
	negated, word := false, p.cur()
	if word.is("NOT") || word.is("!") {
		negated, word = true, p.peek(1)
	}
	switch {
	case word.is("BETWEEN"), word.is("IN"), word.is("RLIKE"), word.is("REGEXP"), word.is("LIKE"), word.is("ILIKE"):
	default:
		for _, w := range []string{"BETWEEN", "IN", "RLIKE", "LIKE", "ILIKE"} {
			p.at(w) // for the suggestions of fail
		}
		return left
	}
	if negated {
		p.next()
	}
	switch p.next().upper {
	case "BETWEEN":
		low := p.value()
		p.expect("AND")
		return &Between{Pos: at, Expr: left, Low: low, High: p.value(), Not: negated}
	case "IN":
		return p.in(at, left, negated)
	case "RLIKE", "REGEXP":
		return &Like{Pos: at, Expr: left, Not: negated, Op: "RLIKE", Patterns: []Expr{p.value()}}
	case "ILIKE":
		return p.like(at, left, negated, "ILIKE")
	}
	return p.like(at, left, negated, "LIKE")
}

func (p *parser) is(at Pos, left Expr) Expr {
	e := &Is{Pos: at, Expr: left, Not: p.accept("NOT") || p.accept("!")}
	switch {
	case p.accept("DISTINCT"):
		p.expect("FROM")
		e.What, e.From = "DISTINCT FROM", p.value()
	default:
		e.What = p.acceptAny("NULL", "TRUE", "FALSE", "UNKNOWN")
		if e.What == "" {
			p.fail("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
		}
	}
	return e
}

func (p *parser) in(at Pos, left Expr, negated bool) Expr {
	e := &In{Pos: at, Expr: left, Not: negated}
	if p.at("(") && p.queryAt(p.pos+1) {
		e.Query = p.parenthesized()
		return e
	}
	p.expect("(")
	e.List = p.exprs()
	p.expect(")")
	return e
}

func (p *parser) like(at Pos, left Expr, negated bool, op string) Expr {
	e := &Like{Pos: at, Expr: left, Not: negated, Op: op}
	if quant := p.cur().upper; (quant == "ANY" || quant == "SOME" || quant == "ALL") && p.peek(1).is("(") {
		p.next()
		p.next()
		e.Quant = quant
		if quant == "SOME" {
			e.Quant = "ANY"
		}
		e.Patterns = p.exprs()
		p.expect(")")
		return e
	}
	e.Patterns = []Expr{p.value()}
	if p.accept("ESCAPE") {
		place := p.cur().pos
		e.Escape = p.text("the escape character in quotes")
		if n := len([]rune(e.Escape)); n != 1 && !p.failed {
			p.note(place, "INVALID_ESCAPE_CHAR", "the escape of LIKE must be one character", "write ESCAPE '!', say")
			e.Escape = ""
		}
	}
	return e
}

// exprs reads expressions with commas between.
func (p *parser) exprs() []Expr {
	list := []Expr{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
	}
	return list
}

// Levels of the infix operators between values; a higher one binds tighter.
const (
	levelComparison = 1 + iota
	levelBitOr
	levelBitXor
	levelBitAnd
	levelShift
	levelSum
	levelProduct
	levelUnary
	levelPrimary
)

// levelOf is the level of an infix operator, 0 for any other word or mark.
func levelOf(op string) int {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=", "<=>":
		return levelComparison
	case "|":
		return levelBitOr
	case "^":
		return levelBitXor
	case "&":
		return levelBitAnd
	case "<<", ">>", ">>>":
		return levelShift
	case "+", "-", "||":
		return levelSum
	case "*", "/", "%", "DIV":
		return levelProduct
	}
	return 0
}

// value reads an expression without AND, OR, NOT and predicates.
func (p *parser) value() Expr {
	if !p.enter() {
		return p.nothing()
	}
	defer p.leave()
	return p.infix(levelComparison)
}

// infix reads operands joined by operators of at least the level. All associate to the left.
func (p *parser) infix(level int) Expr {
	left := p.unary()
	for {
		op, n := p.infixOperator()
		of := levelOf(op)
		if of < level || of == 0 {
			return left
		}
		at := p.cur().pos
		for range n {
			p.next()
		}
		p.chained()
		left = &Binary{Pos: at, Op: op, Left: left, Right: p.infix(of + 1)}
	}
}

// infixOperator is the operator here and its number of tokens; >> and >>> are put together from
// neighbouring marks.
func (p *parser) infixOperator() (string, int) {
	t := p.cur()
	switch t.kind {
	case tokenWord:
		if t.upper == "DIV" {
			return t.upper, 1
		}
		return "", 0
	case tokenOp:
		if t.text != ">" {
			return t.text, 1
		}
		n := 1
		for n < 3 && p.peek(n).is(">") && p.peek(n).start == p.peek(n-1).end {
			n++
		}
		return ">>>"[:n], n
	}
	return "", 0
}

func (p *parser) unary() Expr {
	t := p.cur()
	if !t.is("-") && !t.is("+") && !t.is("~") || t.is("-") && p.peek(1).kind == tokenNumber {
		return p.postfix(p.primary())
	}
	if !p.enter() {
		return p.nothing()
	}
	defer p.leave()
	p.next()
	return &Unary{Pos: t.pos, Op: t.text, Expr: p.unary()}
}

// postfix reads [index], .field, ::type, :path and COLLATE behind a primary expression.
func (p *parser) postfix(left Expr) Expr {
	for !p.failed {
		at := p.cur().pos
		switch {
		case p.accept("["):
			p.chained()
			left = &Index{Pos: left.Position(), Expr: left, Index: p.value()}
			p.expect("]")
		case p.accept("::"):
			p.chained()
			left = &Cast{Pos: left.Position(), Expr: left, Type: p.typeName()}
		case p.accept(":"):
			p.chained()
			left = p.extraction(left)
		case p.at(".") && p.peek(1).isName():
			p.next()
			p.chained()
			field := p.next().ident()
			if n, ok := left.(*Name); ok {
				n.Parts = append(n.Parts, field)
			} else {
				left = &Dot{Pos: left.Position(), Expr: left, Field: field}
			}
		case p.at("COLLATE") && p.peek(1).isName():
			p.refuse(at, "", "COLLATE is not supported", "leave it out: strings compare byte by byte")
		default:
			return left
		}
	}
	return left
}

// standsAlone tells whether the keyword here can only be a name, because nothing follows that would
// make sense behind the keyword.
func (p *parser) standsAlone() bool {
	t := p.peek(1)
	switch t.kind {
	case tokenEnd:
		return true
	case tokenOp:
		return t.text != "(" && t.text != "+" && t.text != "-" && t.text != "~" && t.text != "!" && t.text != "*"
	case tokenWord:
		return t.upper != "NOT" && roleOf(t.upper) == roleStrong || t.upper == "ASC" || t.upper == "DESC"
	}
	return false
}
