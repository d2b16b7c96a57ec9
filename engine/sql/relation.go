package sql

import "strings"

// from reads the relations behind FROM.
func (p *parser) from() []Relation {
	list := []Relation{p.relation()}
	for p.accept(",") {
		p.related()
		list = append(list, p.relation())
	}
	return list
}

// relation reads one relation with the joins behind it.
func (p *parser) relation() Relation {
	if !p.enter() {
		return &ValuesRelation{Values: &Values{}}
	}
	defer p.leave()
	left := p.joined()
	for {
		j := p.joinKind()
		if j == nil {
			return left
		}
		p.related()
		j.Left, j.Right = left, p.joined()
		switch {
		case p.at("ON"):
			p.next()
			j.On = p.expr()
		case p.at("USING"):
			p.next()
			j.Using = p.names("a column name")
		}
		if (j.On != nil || j.Using != nil) && j.Natural {
			p.refuse(j.Pos, "PARSE_SYNTAX_ERROR", "a NATURAL join takes no condition", "leave out NATURAL, or ON and USING")
		}
		left = j
	}
}

// joinKind reads what stands between two joined relations, or returns nil.
func (p *parser) joinKind() *Join {
	first := p.pos
	j := &Join{Pos: p.cur().pos, Kind: "INNER", Natural: p.accept("NATURAL")}
	switch word := p.acceptAny("INNER", "CROSS", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"); word {
	case "":
	case "SEMI", "ANTI":
		j.Kind = "LEFT " + word
	case "LEFT", "RIGHT", "FULL":
		j.Kind = word
		if side := ""; word == "LEFT" {
			if side = p.acceptAny("SEMI", "ANTI"); side != "" {
				j.Kind = "LEFT " + side
				break
			}
		}
		p.accept("OUTER")
	default:
		j.Kind = word
	}
	if p.accept("JOIN") {
		return j
	}
	if p.pos > first {
		p.fail("JOIN")
	}
	return nil
}

// joined reads one operand of a join.
func (p *parser) joined() Relation {
	r := p.operand()
	for !p.failed {
		switch {
		case p.at("PIVOT", "("):
			r = p.pivot(r)
		case p.at("UNPIVOT", "("), p.at("UNPIVOT", "INCLUDE"), p.at("UNPIVOT", "EXCLUDE"):
			r = p.unpivot(r)
		default:
			return r
		}
	}
	return r
}

// operand reads a relation without what is made of it by PIVOT.
func (p *parser) operand() Relation {
	t, after := p.cur(), p.peek(1)
	switch {
	case t.is("LATERAL") && after.isName() && p.peek(2).is("("):
		p.next()
		r := &FunctionRelation{Pos: t.pos, Lateral: true, Call: p.tableFunction()}
		r.Alias, r.Columns = p.tableAlias()
		return r
	case t.is("LATERAL") && p.queryAt(p.pos+2) && after.is("("):
		p.next()
		r := &SubRelation{Pos: t.pos, Lateral: true, Query: p.parenthesized()}
		r.Alias, r.Columns = p.tableAlias()
		return r
	case t.is("LATERAL"):
		p.refuse(t.pos, "", "LATERAL stands before a query in parentheses or a generator", "as in LATERAL (SELECT …) or LATERAL explode(…)")
	case t.is("STREAM") && p.streams():
		return p.stream()
	case t.is("("):
		return p.parenthesizedRelation()
	case t.is("VALUES") && p.valuesAhead():
		return p.valuesRelation()
	case t.isName() && after.is("("):
		r := &FunctionRelation{Pos: t.pos, Call: p.tableFunction()}
		r.Watermark = p.watermark()
		r.Alias, r.Columns = p.tableAlias()
		return r
	case t.kind == tokenString:
		p.failHint("a table name", "names are written in backticks, not in quotes")
	case !t.isName(), after.is("BY"), roleOf(t.upper) == roleStrong && !after.is(".") && !p.standsAloneClause():
		p.fail("a table name, STREAM, VALUES or a query in parentheses")
	default:
		return p.table(false)
	}
	return &ValuesRelation{Values: &Values{}}
}

// valuesAhead tells whether VALUES is the keyword here, and not a table of that name.
func (p *parser) valuesAhead() bool {
	t, after := p.peek(1), p.peek(2)
	switch t.kind {
	case tokenNumber, tokenString:
		return true
	case tokenOp:
		return t.text == "(" || t.text == "-"
	case tokenWord:
		return t.upper == "NULL" || t.upper == "TRUE" || t.upper == "FALSE" || t.upper != "AS" && after.is("(") || after.kind == tokenString
	}
	return false
}

// streams tells whether STREAM is the keyword here, and not a table of that name.
func (p *parser) streams() bool {
	t := p.peek(1)
	switch t.kind {
	case tokenOp:
		return t.text == "("
	case tokenWord:
		return roleOf(t.upper) == roleName || p.peek(2).is(".") || t.upper != "AS" && p.peek(2).is("WATERMARK")
	}
	return t.kind != tokenEnd
}

// stream reads STREAM name, STREAM(name) and STREAM function(…).
func (p *parser) stream() Relation {
	t := p.next()
	if p.cur().isName() && p.peek(1).is("(") {
		r := &FunctionRelation{Pos: t.pos, Stream: true, Call: p.tableFunction()}
		r.Watermark = p.watermark()
		r.Alias, r.Columns = p.tableAlias()
		return r
	}
	if !p.at("(") {
		return p.table(true)
	}
	if p.queryAt(p.pos + 1) {
		p.next()
		p.failHint("a table name", "STREAM takes a name: write STREAM inside the query, before the table")
	}
	p.next()
	r := &TableRef{Pos: t.pos, Stream: true, Parts: p.path("a table name")}
	if p.at("WATERMARK") {
		p.failHint(")", "WATERMARK stands behind the parentheses: STREAM("+r.Parts[len(r.Parts)-1].Name+") WATERMARK …")
	}
	p.expect(")")
	p.afterTable(r)
	return r
}

// table reads a name with what may follow it.
func (p *parser) table(stream bool) Relation {
	at := p.cur().pos
	if stream {
		at = p.toks[p.pos-1].pos
	}
	r := &TableRef{Pos: at, Stream: stream, Parts: p.path("a table name")}
	if w := p.cur(); w.is("FOR") || (w.is("VERSION") || w.is("TIMESTAMP")) && p.peek(1).is("AS") && p.peek(2).is("OF") {
		p.refuse(w.pos, "", "tables have no versions to read", "leave it out")
	}
	p.afterTable(r)
	return r
}

// afterTable reads WITH (options), WATERMARK and the alias, in this order.
func (p *parser) afterTable(r *TableRef) {
	if p.at("WITH", "(") {
		p.next()
		r.Options = p.properties()
	}
	p.refuseSample()
	r.Watermark = p.watermark()
	r.Alias, r.Columns = p.tableAlias()
}

func (p *parser) refuseSample() {
	if p.at("TABLESAMPLE", "(") {
		p.refuse(p.cur().pos, "", "TABLESAMPLE is not supported", "leave it out")
	}
}

// tableFunction reads name(arguments) in FROM.
func (p *parser) tableFunction() *Call {
	e := &Call{Pos: p.cur().pos, Name: p.next().ident()}
	p.expect("(")
	if p.at("TABLE", "(") || p.at("TABLE") && p.peek(1).isName() {
		p.refuse(p.cur().pos, "", "functions of tables are not supported", "")
	}
	if !p.accept(")") {
		p.arguments(e)
		p.expect(")")
	}
	return e
}

// parenthesizedRelation reads (query) or (joins).
func (p *parser) parenthesizedRelation() Relation {
	at := p.cur().pos
	var inner Relation
	if p.queryAt(p.pos + 1) {
		inner = &SubRelation{Pos: at, Query: p.parenthesized()}
	} else {
		p.next()
		inner = p.relation()
		p.expect(")")
	}
	p.refuseSample()
	mark := p.watermark()
	alias, columns := p.tableAlias()
	if r, ok := inner.(*SubRelation); ok && r.Watermark == nil && r.Alias == nil {
		r.Watermark, r.Alias, r.Columns = mark, alias, columns
		return r
	}
	if mark == nil && alias == nil {
		return inner
	}
	// A name or a watermark for a whole join: as for SELECT * FROM the join.
	q := &Query{Pos: at, Body: selectAll(at, inner)}
	return &SubRelation{Pos: at, Query: q, Watermark: mark, Alias: alias, Columns: columns}
}

// valuesRelation reads VALUES (1, 'a'), (2, 'b') AS t(n, s). A row of one value needs no parentheses.
func (p *parser) valuesRelation() *ValuesRelation {
	r := &ValuesRelation{Pos: p.next().pos}
	r.Values = &Values{Pos: r.Pos}
	for {
		r.Values.Rows = append(r.Values.Rows, rowOf(p.expr()))
		if !p.accept(",") {
			break
		}
	}
	width := len(r.Values.Rows[0])
	for _, row := range r.Values.Rows {
		if len(row) != width && !p.failed {
			p.note(row[0].Position(), "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "the rows of VALUES differ in length", "")
			break
		}
	}
	if p.at("WATERMARK") && p.watermarkAhead() {
		p.failHint("a name", "VALUES takes no WATERMARK: put it into a subquery, FROM (SELECT * FROM VALUES …) WATERMARK …")
	}
	r.Alias, r.Columns = p.tableAlias()
	return r
}

// rowOf takes a row constructor or struct(…) apart.
func rowOf(e Expr) []Expr {
	list := []Expr{e}
	switch e := e.(type) {
	case *Row:
		list = e.Exprs
	case *Call:
		if strings.EqualFold(e.Name.Name, "struct") && !e.Name.Quoted && len(e.Args) > 0 && e.Over == nil && e.Filter == nil {
			list = e.Args
		}
	}
	for i := range list {
		if a, ok := list[i].(*Aliased); ok {
			list[i] = a.Expr
		}
	}
	return list
}

// watermarkAhead tells whether WATERMARK is the keyword here, and not an alias.
func (p *parser) watermarkAhead() bool {
	t := p.peek(1)
	return t.isName() && roleOf(t.upper) == roleName || t.is("(")
}

// watermark reads WATERMARK expression [AS name] DELAY OF INTERVAL …, or returns nil.
func (p *parser) watermark() *Watermark {
	if !p.at("WATERMARK") || !p.watermarkAhead() {
		return nil
	}
	w := &Watermark{Pos: p.next().pos, Expr: p.expr()}
	switch {
	case p.accept("AS"):
		id := p.name("a name after AS")
		w.Alias = &id
	case !p.at("DELAY") || p.peek(1).is("DELAY"):
		w.Alias = p.implicitAlias()
	}
	p.expect("DELAY", "OF")
	if t := p.cur(); t.kind == tokenString || t.kind == tokenNumber {
		p.failHint("INTERVAL", "write DELAY OF INTERVAL 10 SECONDS, say")
	}
	p.expect("INTERVAL")
	if p.failed {
		return w
	}
	if p.cur().kind == tokenString && unitOf(p.peek(1).upper) == "" {
		p.failHint("a number and a unit", "write the unit outside of the quotes: DELAY OF INTERVAL 10 SECONDS")
		return w
	}
	p.pos--
	w.Delay, _ = p.interval().(*Interval)
	return w
}

// tableAlias reads [AS] name [(columns)], and tells what stands too late.
func (p *parser) tableAlias() (*Ident, []Ident) {
	var alias *Ident
	if p.at("AS") {
		p.next()
		id := p.name("a name after AS")
		alias = &id
	} else {
		alias = p.implicitAlias()
	}
	if alias == nil {
		return nil, nil
	}
	var columns []Ident
	if p.at("(") {
		columns = p.names("a column name")
	}
	switch {
	case p.at("WATERMARK") && p.watermarkAhead():
		p.failHint("the end of the relation", "the alias stands after the clause: WATERMARK … DELAY OF … AS "+alias.Name)
	case p.at("WITH", "("):
		p.failHint("the end of the relation", "the alias stands after the options: WITH (…) AS "+alias.Name)
	}
	return alias, columns
}

// lateralView reads LATERAL VIEW [OUTER] generator(…) table AS columns.
func (p *parser) lateralView() LateralView {
	v := LateralView{Pos: p.next().pos}
	p.next()
	v.Outer = p.at("OUTER") && !p.peek(1).is("(") && p.accept("OUTER")
	if !p.cur().isName() || !p.peek(1).is("(") {
		p.fail("a generator, as in explode(tags)")
	}
	v.Generator = p.tableFunction()
	if p.at("AS") { // LATERAL VIEW explode(a) AS x names the column, and no table
		p.next()
	} else if v.Table = p.name("a table name"); !p.accept("AS") && !(p.cur().isName() && roleOf(p.cur().upper) == roleName) {
		return v
	}
	for {
		v.Columns = append(v.Columns, p.name("a column name"))
		if !p.accept(",") {
			return v
		}
	}
}
