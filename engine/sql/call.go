package sql

import "strings"

// callOrForm reads a word with a parenthesis behind it: a function call, or one of the forms that have a
// grammar of their own. The latter but CAST and EXTRACT become plain calls:
//
//	SUBSTRING(x FROM a FOR n)      substring(x, a, n)
//	TRIM(BOTH c FROM x)            trim(c, x), LEADING ltrim(c, x), TRAILING rtrim(c, x); without c trim(x)
//	POSITION(a IN x)               locate(a, x)
//	OVERLAY(x PLACING y FROM a)    overlay(x, y, a)
//	x:a.b                          variant_get(x, '$.a.b', 'variant')
func (p *parser) callOrForm() Expr {
	t := p.cur()
	switch t.upper {
	case "CASE":
		return p.caseWhen()
	case "CAST", "TRY_CAST":
		return p.cast()
	case "EXTRACT":
		return p.extract()
	case "SUBSTRING", "SUBSTR":
		return p.substring()
	case "TRIM":
		return p.trim()
	case "POSITION":
		return p.position()
	case "OVERLAY":
		return p.overlay()
	case "EXISTS":
		if p.queryAt(p.pos + 2) {
			p.refuse(t.pos, "PARSE_SYNTAX_ERROR", "EXISTS stands inside another expression", "put parentheses around it: (EXISTS (…))")
			return p.nothing()
		}
	}
	if roleOf(t.upper) == roleStrong && !isMatch(t.upper) {
		p.failHint("an expression", p.nameHint(t))
		return p.nothing()
	}
	return p.call()
}

// isMatch reports an operator on texts that is a function too, where an operand is due: like(x, pattern).
func isMatch(upper string) bool {
	return upper == "LIKE" || upper == "ILIKE" || upper == "RLIKE" || upper == "REGEXP"
}

// call reads name(arguments) with all that may follow.
func (p *parser) call() *Call {
	e := &Call{Pos: p.cur().pos, Name: p.next().ident()}
	p.expect("(")
	if !p.accept(")") {
		p.arguments(e)
		p.expect(")")
	}
	p.afterCall(e)
	return e
}

func (p *parser) arguments(e *Call) {
	if (p.at("DISTINCT") || p.at("ALL")) && !p.standsAlone() {
		e.Distinct = p.next().upper == "DISTINCT"
	}
	isStruct := strings.EqualFold(e.Name.Name, "struct")
	for {
		switch {
		case p.cur().isName() && p.peek(1).is("=>"):
			name := p.next().ident()
			p.next()
			e.Args = append(e.Args, &NamedArg{Name: name, Expr: p.expr()})
		case isStruct:
			e.Args = append(e.Args, p.aliased())
		default:
			e.Args = append(e.Args, p.expr())
		}
		e.IgnoreNulls = p.nulls() || e.IgnoreNulls
		if !p.accept(",") {
			break
		}
	}
	if star, ok := e.Args[0].(*Star); ok && len(e.Args) == 1 && !e.Distinct && star.Qualifier == nil && star.Except == nil && strings.EqualFold(e.Name.Name, "count") {
		e.Star, e.Args = true, nil
	}
}

// nulls reads IGNORE NULLS or RESPECT NULLS and tells whether it was the first.
func (p *parser) nulls() bool {
	if p.accept("RESPECT", "NULLS") {
		return false
	}
	return p.accept("IGNORE", "NULLS")
}

// afterCall reads WITHIN GROUP, FILTER, IGNORE NULLS and OVER.
func (p *parser) afterCall(e *Call) {
	if p.accept("WITHIN", "GROUP") {
		p.expect("(", "ORDER", "BY")
		e.WithinGroup = p.orderItems()
		p.expect(")")
	}
	if p.accept("FILTER", "(") {
		p.expect("WHERE")
		e.Filter = p.expr()
		p.expect(")")
	}
	e.IgnoreNulls = p.nulls() || e.IgnoreNulls
	if !p.at("OVER") {
		return
	}
	switch after := p.peek(1); {
	case after.is("("):
		at := p.next().pos
		if p.peek(1).isName() && p.peek(2).is(")") {
			p.next()
			e.Over = p.namedOver(at)
			p.expect(")")
			return
		}
		e.Over = p.over(at)
	case after.isName() && (after.kind == tokenQuoted || roleOf(after.upper) == roleName):
		e.Over = p.namedOver(p.next().pos)
	}
}

// namedWindow is one item of WINDOW name AS (…).
type namedWindow struct {
	name Ident
	over *Over
}

// pendingOver is an OVER name whose WINDOW clause comes later.
type pendingOver struct {
	name Ident
	over *Over
}

func (p *parser) namedOver(at Pos) *Over {
	over := &Over{Pos: at}
	p.pending = append(p.pending, pendingOver{name: p.name("the name of a window"), over: over})
	return over
}

// resolveWindows fills each OVER name with what the WINDOW clause of the same SELECT says.
func (p *parser) resolveWindows() {
	if len(p.pending) == 0 {
		return
	}
	byName := make(map[string]*Over, len(p.windows))
	names := make([]string, 0, len(p.windows))
	for _, w := range p.windows {
		byName[strings.ToUpper(w.name.Name)] = w.over
		names = append(names, w.name.Name)
	}
	for _, use := range p.pending {
		if o := byName[strings.ToUpper(use.name.Name)]; o != nil {
			at := use.over.Pos
			*use.over = *o
			use.over.Pos = at
			continue
		}
		if len(p.faults) >= maxFaults {
			return
		}
		hint := "define it: WINDOW " + use.name.Name + " AS (…)"
		if near := Nearest(use.name.Name, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		p.note(use.name.Pos, "MISSING_WINDOW_SPECIFICATION", "there is no window "+use.name.Name, hint)
	}
}

// windowClause reads WINDOW name AS (…), ….
func (p *parser) windowClause() {
	for {
		w := namedWindow{name: p.name("the name of a window")}
		p.expect("AS")
		w.over = p.over(p.cur().pos)
		p.windows = append(p.windows, w)
		if !p.accept(",") {
			return
		}
	}
}

// over reads (PARTITION BY … ORDER BY … frame).
func (p *parser) over(at Pos) *Over {
	o := &Over{Pos: at}
	p.expect("(")
	if p.accept("PARTITION", "BY") || p.accept("DISTRIBUTE", "BY") || p.accept("CLUSTER", "BY") {
		o.PartitionBy = p.exprs()
	}
	if p.accept("ORDER", "BY") || p.accept("SORT", "BY") {
		o.OrderBy = p.orderItems()
	}
	if p.at("ROWS") || p.at("RANGE") {
		o.Frame = p.frame()
	}
	if !p.failed && !p.accept(")") {
		p.fail("PARTITION BY, ORDER BY, ROWS, RANGE or )")
	}
	return o
}

func (p *parser) frame() *Frame {
	t := p.next()
	f := &Frame{Pos: t.pos, Rows: t.upper == "ROWS"}
	if p.accept("BETWEEN") {
		f.Start = p.bound()
		p.expect("AND")
		f.End = p.bound()
		return f
	}
	f.Start, f.End = p.bound(), Bound{Kind: "CURRENT ROW"}
	return f
}

func (p *parser) bound() Bound {
	switch {
	case p.accept("UNBOUNDED"):
		if side := p.acceptAny("PRECEDING", "FOLLOWING"); side != "" {
			return Bound{Kind: "UNBOUNDED " + side}
		}
	case p.accept("CURRENT"):
		p.expect("ROW")
		return Bound{Kind: "CURRENT ROW"}
	default:
		b := Bound{Offset: p.value()}
		b.Kind = p.acceptAny("PRECEDING", "FOLLOWING")
		if b.Kind != "" {
			return b
		}
	}
	p.fail("PRECEDING or FOLLOWING")
	return Bound{}
}

func (p *parser) cast() Expr {
	t := p.next()
	e := &Cast{Pos: t.pos, Try: t.upper == "TRY_CAST"}
	p.expect("(")
	e.Expr = p.expr()
	p.expect("AS")
	e.Type = p.typeName()
	p.expect(")")
	return e
}

func (p *parser) extract() Expr {
	e := &Extract{Pos: p.next().pos}
	p.expect("(")
	e.Written = p.name("a field, as in EXTRACT(HOUR FROM ts)").Name
	e.Field = strings.ToUpper(e.Written)
	p.expect("FROM")
	e.Expr = p.value()
	p.expect(")")
	return e
}

// form begins a call that a form stands for.
func (p *parser) form() *Call {
	e := &Call{Pos: p.cur().pos, Name: p.next().ident()}
	p.expect("(")
	return e
}

func (p *parser) substring() Expr {
	e := p.form()
	e.Args = []Expr{p.value()}
	if p.accept(")") {
		return e
	}
	switch {
	case p.accept("FROM"):
		e.Name.Name = "substring"
	case !p.accept(","):
		p.fail("FROM or a comma")
	}
	e.Args = append(e.Args, p.value())
	if p.accept("FOR") || p.accept(",") {
		e.Args = append(e.Args, p.value())
	}
	p.expect(")")
	return e
}

func (p *parser) trim() Expr {
	e := p.form()
	switch p.acceptAny("BOTH", "LEADING", "TRAILING") {
	case "LEADING":
		e.Name.Name = "ltrim"
	case "TRAILING":
		e.Name.Name = "rtrim"
	}
	if p.accept("FROM") {
		e.Args = []Expr{p.value()}
		p.expect(")")
		return e
	}
	e.Args = []Expr{p.expr()}
	switch {
	case p.accept("FROM"):
		e.Args = append(e.Args, p.value())
	case p.accept(","):
		e.Args = append(e.Args, p.exprs()...)
	}
	p.expect(")")
	return e
}

func (p *parser) position() Expr {
	e := p.form()
	e.Args = []Expr{p.value()}
	if p.at("IN") || !p.at(",") {
		e.Name.Name = "locate"
		p.expect("IN")
		e.Args = append(e.Args, p.value())
	} else {
		p.next()
		e.Args = append(e.Args, p.exprs()...)
	}
	p.expect(")")
	return e
}

func (p *parser) overlay() Expr {
	e := p.form()
	e.Args = []Expr{p.value()}
	if p.accept(",") {
		e.Args = append(e.Args, p.exprs()...)
		p.expect(")")
		return e
	}
	p.expect("PLACING")
	e.Args = append(e.Args, p.value())
	p.expect("FROM")
	e.Args = append(e.Args, p.value())
	if p.accept("FOR") {
		e.Args = append(e.Args, p.value())
	}
	p.expect(")")
	return e
}

// extraction reads the path behind a colon: x:a.b[0]['c'].
func (p *parser) extraction(left Expr) Expr {
	at, path := p.cur().pos, "$"
	switch t := p.cur(); {
	case t.isName():
		path += pathStep(p.next().text)
	case !t.is("["):
		p.fail("the name of a field of the variant")
	}
	for {
		switch {
		case p.at(".") && p.peek(1).isName():
			p.next()
			path += pathStep(p.next().text)
		case p.accept("["):
			t := p.next()
			switch {
			case t.kind == tokenString:
				path += pathStep(t.text)
			case t.kind == tokenNumber && t.lit == LitInteger:
				path += "[" + t.text + "]"
			case t.isName():
				path += pathStep(t.text)
			default:
				p.pos--
				p.fail("a number or a name")
			}
			p.expect("]")
		default:
			return &Call{Pos: left.Position(), Name: Ident{Name: "variant_get", Pos: at}, Args: []Expr{
				left, &Literal{Pos: at, Kind: LitString, Text: path}, &Literal{Pos: at, Kind: LitString, Text: "variant"}}}
		}
	}
}

// pathStep writes a field of a JSON path.
func pathStep(name string) string {
	if plainName(name) {
		return "." + name
	}
	return "['" + name + "']"
}
