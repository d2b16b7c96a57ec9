package sql

// queryAt tells whether the token at index i begins a query, looking through parentheses.
func (p *parser) queryAt(i int) bool {
	for opened := 0; opened <= maxNesting; opened++ {
		t, after := p.toks[min(i, len(p.toks)-1)], p.toks[min(i+1, len(p.toks)-1)]
		switch {
		case t.is("SELECT"):
			return !after.is(",") && !after.is(")") && !after.is(".") && after.kind != tokenEnd
		case t.is("WITH"):
			return after.isName() && !after.is("FROM")
		case t.is("VALUES"):
			return after.is("(") || after.kind == tokenNumber || after.kind == tokenString || after.is("NULL") || after.is("TRUE") || after.is("FALSE")
		case t.is("TABLE"), t.is("FROM"):
			return after.isName()
		case !t.is("("):
			return false
		}
		// In ((SELECT 1) + 2) the outer parentheses hold an expression, in ((SELECT 1) UNION …) a query.
		behind := min(p.closing(i)+1, len(p.toks)-1)
		if !p.continuesQuery(&p.toks[behind], &p.toks[min(behind+1, len(p.toks)-1)]) {
			return false
		}
		i++
	}
	return false
}

// continuesQuery tells whether the tokens may stand behind a query in parentheses that is part of one.
func (p *parser) continuesQuery(t, after *token) bool {
	switch t.upper {
	case "CLUSTER", "DISTRIBUTE", "SORT":
		return after.is("BY")
	case "UNION", "EXCEPT", "MINUS", "INTERSECT", "ORDER", "LIMIT", "OFFSET":
		return true
	}
	return t.is(")") || t.kind == tokenEnd
}

// parenthesized reads (query).
func (p *parser) parenthesized() *Query {
	windows, pending := p.windows, p.pending
	p.windows, p.pending = nil, nil
	p.expect("(")
	q := p.query()
	p.expect(")")
	p.windows, p.pending = windows, pending
	return q
}

// query reads WITH … body ORDER BY … LIMIT … OFFSET ….
func (p *parser) query() *Query {
	q := &Query{Pos: p.cur().pos}
	if !p.enter() {
		q.Body = &Values{}
		return q
	}
	defer p.leave()
	if p.at("WITH") {
		q.With = p.ctes()
	}
	q.Body = p.setTerm(0)
	p.organization(q)
	p.resolveWindows()
	p.windows, p.pending = nil, nil
	if inner, ok := q.Body.(*SubQuery); ok && q.isBody() {
		return inner.Query
	}
	q.Body = unwrapped(q.Body)
	return q
}

// unwrapped takes a query that is only a body out of its parentheses.
func unwrapped(body SetExpr) SetExpr {
	for {
		sub, ok := body.(*SubQuery)
		if !ok || !sub.Query.isBody() {
			return body
		}
		body = sub.Query.Body
	}
}

func (p *parser) ctes() []CTE {
	p.next()
	if p.at("RECURSIVE") && p.peek(1).isName() {
		p.refuse(p.cur().pos, "", "recursive queries are not supported", "")
	}
	var list []CTE
	for {
		c := CTE{Name: p.datasetName("the name of a common table expression")}
		if p.at("(") && !p.queryAt(p.pos+1) {
			c.Columns = p.names("a column name")
		}
		p.accept("AS")
		if !p.at("(") {
			p.fail("a query in parentheses")
		}
		c.Query = p.parenthesized()
		list = append(list, c)
		if !p.accept(",") {
			return list
		}
	}
}

// arrangement reads ORDER BY, CLUSTER BY, DISTRIBUTE BY and SORT BY, in this order.
func (p *parser) arrangement(q *Query) {
	if p.accept("ORDER", "BY") {
		q.OrderBy = p.orderItems()
	} else if p.at("ORDER") {
		p.next()
		p.expect("BY")
	}
	at := p.cur().pos
	if p.accept("CLUSTER", "BY") {
		q.ClusterBy = p.exprs()
	}
	if p.accept("DISTRIBUTE", "BY") {
		q.DistributeBy = p.exprs()
	}
	if p.accept("SORT", "BY") {
		q.SortBy = p.orderItems()
	}
	parts := q.DistributeBy != nil || q.SortBy != nil
	if q.OrderBy != nil && (q.ClusterBy != nil || parts) || q.ClusterBy != nil && parts {
		p.note(at, "UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES", "a query has one of ORDER BY, CLUSTER BY, and DISTRIBUTE BY with SORT BY",
			"ORDER BY alone puts the rows in order")
	}
}

// organization reads what stands behind a query: its order, WINDOW, LIMIT and OFFSET.
func (p *parser) organization(q *Query) {
	p.arrangement(q)
	if p.accept("WINDOW") {
		p.windowClause()
	}
	if p.accept("LIMIT") && !(p.at("ALL") && p.standsAloneClause() && p.accept("ALL")) {
		q.Limit = p.expr()
	}
	if p.accept("OFFSET") {
		q.Offset = p.expr()
	}
	if p.at("LIMIT") && q.Offset != nil {
		p.failHint("the end of the query", "LIMIT stands before OFFSET")
	}
}

// standsAloneClause tells whether the clause ends behind the word here.
func (p *parser) standsAloneClause() bool {
	t := p.peek(1)
	return t.kind == tokenEnd || t.is(")") || roleOf(t.upper) != roleName
}

func (p *parser) orderItems() []OrderItem {
	var list []OrderItem
	for {
		item := OrderItem{Expr: p.expr()}
		if p.acceptAny("ASC", "DESC") == "DESC" {
			item.Desc = true
		}
		if p.accept("NULLS") {
			first := p.acceptAny("FIRST", "LAST")
			if first == "" {
				p.fail("FIRST or LAST")
			}
			isFirst := first == "FIRST"
			item.NullsFirst = &isFirst
		}
		list = append(list, item)
		if !p.accept(",") {
			return list
		}
	}
}

// setTerm reads bodies joined by set operations; INTERSECT (level 1) binds tighter than the others.
func (p *parser) setTerm(level int) SetExpr {
	left := p.setOperand()
	for {
		at, op := p.cur().pos, ""
		switch t := p.cur(); {
		case t.is("INTERSECT"), level == 0 && (t.is("UNION") || t.is("EXCEPT")):
			op = t.upper
		case level == 0 && t.is("MINUS"):
			op = "EXCEPT"
		default:
			p.at("UNION")
			p.at("EXCEPT")
			p.at("INTERSECT")
			return left
		}
		p.next()
		p.related()
		s := &SetOp{Pos: at, Op: op, Left: unwrapped(left)}
		if word := p.acceptAny("ALL", "DISTINCT"); word == "ALL" {
			s.All = true
		}
		if p.at("BY", "NAME") {
			p.failHint("a query", "Spark SQL has no BY NAME here: write the columns in the same order on both sides")
		}
		if op == "INTERSECT" {
			s.Right = unwrapped(p.setOperand())
		} else {
			s.Right = unwrapped(p.setTerm(1))
		}
		left = s
	}
}

// setOperand reads SELECT, VALUES, TABLE name or a query in parentheses.
func (p *parser) setOperand() SetExpr {
	t := p.cur()
	switch {
	case p.at("SELECT"):
		return p.selectBody()
	case p.at("VALUES"):
		return p.valuesBody()
	case p.at("("):
		return &SubQuery{Query: p.parenthesized()}
	case t.is("TABLE") && p.peek(1).isName():
		p.next()
		return selectAll(t.pos, &TableRef{Pos: p.cur().pos, Parts: p.path("a table name")})
	case t.is("FROM"):
		p.failHint("SELECT", "write SELECT … before FROM")
	default:
		p.fail("SELECT, VALUES, WITH or a query in parentheses")
	}
	return &Values{Pos: t.pos}
}

// selectAll is SELECT * FROM relation.
func selectAll(at Pos, from Relation) *SelectBody {
	return &SelectBody{Pos: at, Items: []SelectItem{{Expr: &Star{Pos: at}}}, From: []Relation{from}}
}

// valuesBody reads VALUES …; with an alias behind it, it becomes SELECT * FROM VALUES … AS alias.
func (p *parser) valuesBody() SetExpr {
	r := p.valuesRelation()
	if r.Alias == nil {
		return r.Values
	}
	return selectAll(r.Pos, r)
}

func (p *parser) selectBody() SetExpr {
	s := &SelectBody{Pos: p.next().pos}
	if (p.at("DISTINCT") || p.at("ALL")) && !p.peek(1).is(",") && !p.peek(1).is("FROM") && !p.peek(1).is(".") && p.peek(1).kind != tokenEnd {
		s.Distinct = p.next().upper == "DISTINCT"
	}
	if p.at("FROM") || p.cur().kind == tokenEnd {
		p.failHint("what to select", "write SELECT * for all columns")
	}
	s.Items = p.selectItems()
	p.refuseLoose("a comma, an operator or FROM")
	if p.accept("FROM") {
		s.From = p.from()
		p.refuseLoose("a comma, JOIN, WHERE, GROUP BY, ORDER BY or the end of the query")
	}
	for p.at("LATERAL", "VIEW") {
		s.Lateral = append(s.Lateral, p.lateralView())
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.at("GROUP") {
		s.GroupBy = p.groupBy()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.at("WINDOW") && p.peek(1).isName() && p.peek(2).is("AS") {
		p.next()
		p.windowClause()
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	p.lateClause()
	return s
}

// lateClause refuses a clause of SELECT that comes after one that it has to precede.
func (p *parser) lateClause() {
	hint := ""
	switch t, after := p.cur(), p.peek(1); {
	case t.is("FROM"), t.is("SELECT") && after.isName():
		return
	case t.is("WHERE"):
		hint = "WHERE stands after FROM and before GROUP BY, HAVING and QUALIFY"
	case t.is("GROUP") && after.is("BY"):
		hint = "GROUP BY stands after WHERE and before HAVING and QUALIFY"
	case t.is("HAVING"):
		hint = "HAVING stands after GROUP BY and before QUALIFY"
	case t.is("LATERAL") && after.is("VIEW"):
		hint = "LATERAL VIEW stands after FROM and before WHERE"
	case t.is("JOIN"), t.is("ON"):
		hint = "JOIN … ON stands inside FROM, before WHERE"
	default:
		return
	}
	p.failHint("the end of the query", hint)
}

func (p *parser) selectItems() []SelectItem {
	var list []SelectItem
	for {
		item := SelectItem{Expr: p.expr()}
		switch {
		case p.accept("AS"):
			if p.at("(") {
				item.Aliases = p.names("a column name")
			} else {
				id := p.name("a name after AS")
				item.Alias = &id
			}
		case p.at("(") && p.peek(1).isName():
			item.Aliases = p.names("a column name")
		default:
			item.Alias = p.implicitAlias()
		}
		list = append(list, item)
		if !p.accept(",") {
			p.at("FROM")
			return list
		}
	}
}

// refuseGroupAlias explains what most often goes wrong in GROUP BY.
func (p *parser) refuseGroupAlias() {
	t := p.cur()
	named := t.is("AS") || t.kind == tokenQuoted || t.kind == tokenWord && roleOf(t.upper) == roleName
	if !named || p.failed {
		return
	}
	p.failHint("a comma or the end of GROUP BY", p.groupAliasHint())
}

func (p *parser) groupAliasHint() string {
	if near := p.misspelt("HAVING ORDER LIMIT QUALIFY"); near != "" && !p.at("AS") {
		return "did you mean " + near + "?"
	}
	return "GROUP BY takes no names: use window.start and window.end, or name the window in a subquery: " +
		"SELECT w.start FROM (SELECT window(ts, '1 minute') AS w, * FROM …) GROUP BY w"
}
