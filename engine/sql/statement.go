package sql

import "strings"

// statement reads one statement; nil after a fault that left nothing to keep.
func (p *parser) statement() Statement {
	t := p.cur()
	var s Statement
	switch {
	case t.is("CREATE"):
		s = p.create()
	case t.is("SET"):
		s = p.set()
	case t.is("USE"):
		s = p.use()
	case p.queryAt(p.pos), t.is("SELECT"), t.is("WITH"), t.is("VALUES"), t.is("("):
		s = &Select{Query: p.query()}
	default:
		p.refuseStatement()
	}
	switch end := p.cur(); {
	case p.failed:
		return nil
	case end.is("CREATE") && end.pos.Col == 1: // only the ';' is missing
		p.note(end.pos, "PARSE_SYNTAX_ERROR", `found "CREATE", expected the end of the statement (;)`, "end the statement before it with ;")
	case end.kind != tokenEnd:
		p.failHint("the end of the statement (;)", p.tailHint())
		return nil
	}
	return s
}

// set reads SET key = value. The value is what stands up to the end of the statement, as written.
func (p *parser) set() Statement {
	s := &Set{Pos: p.next().pos}
	s.Prop.Pos = p.cur().pos
	if p.at("CATALOG") && p.peek(1).isName() {
		p.next()
		return &Use{Pos: s.Pos, Name: joined(p.path("the name of a catalog"))}
	}
	if p.accept("TIME", "ZONE") {
		const expected = "a time zone in quotes, as 'Asia/Tokyo'"
		if p.cur().kind == tokenString && p.cur().text == "" {
			p.fail(expected)
		}
		s.Prop.Key, s.Prop.Value = "spark.sql.session.timeZone", p.text(expected)
		return s
	}
	first := p.pos
	for !p.at("=") {
		if p.cur().kind == tokenEnd {
			p.failHint("SET key = value", "write the value after an =")
			return s
		}
		p.next()
	}
	if s.Prop.Key = p.raw(first, p.pos); s.Prop.Key == "" {
		p.fail("a key")
	}
	p.next()
	first = p.pos
	p.pos = first - 1 + nextCreate(p.toks[first-1:])
	if s.Prop.Value = p.raw(first, p.pos); s.Prop.Value == "" {
		p.fail("a value")
	}
	return s
}

// raw is the text of the tokens from one index to before another, or the name of a single quoted one.
func (p *parser) raw(from, to int) string {
	switch {
	case from >= to:
		return ""
	case to == from+1 && p.toks[from].kind == tokenQuoted:
		return p.toks[from].text
	}
	return p.src[p.toks[from].start:p.toks[to-1].end]
}

func (p *parser) use() Statement {
	u := &Use{Pos: p.next().pos}
	if p.peek(1).isName() {
		p.acceptAny("DATABASE", "SCHEMA", "NAMESPACE", "CATALOG")
	}
	u.Name = joined(p.path("the name of a database"))
	return u
}

// joined makes one identifier of a path.
func joined(parts []Ident) Ident {
	id := parts[0]
	if len(parts) > 1 {
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = part.Name
		}
		id.Name = strings.Join(texts, ".")
	}
	return id
}

// create reads a statement that begins with CREATE.
func (p *parser) create() Statement {
	at := p.next().pos
	or := p.cur()
	orWord := ""
	if p.accept("OR") {
		if orWord = p.acceptAny("REPLACE", "REFRESH"); orWord == "" {
			p.fail("REPLACE")
			return nil
		}
	}
	switch {
	case p.accept("STREAMING", "TABLE"):
		p.noteOr(or.pos, orWord, "STREAMING TABLE")
		return p.dataset(at, true)
	case p.accept("MATERIALIZED", "VIEW"):
		p.noteOr(or.pos, orWord, "MATERIALIZED VIEW")
		return p.dataset(at, false)
	case p.accept("TEMPORARY", "VIEW"), p.accept("TEMP", "VIEW"):
		return p.view(&CreateView{Pos: at, Temporary: true, OrReplace: orWord == "REPLACE"})
	case p.accept("VIEW"):
		return p.view(&CreateView{Pos: at, OrReplace: orWord == "REPLACE"})
	case orWord == "" && p.accept("FLOW"):
		return p.flow(at)
	}
	p.refuseCreate(at)
	return nil
}

// noteOr refuses OR REPLACE and OR REFRESH, which a table that lives on between runs cannot have.
func (p *parser) noteOr(at Pos, word, kind string) {
	if word != "" {
		p.note(at, "PARSE_SYNTAX_ERROR", "found OR "+word+", expected "+kind, "write CREATE "+kind+": each run goes on with what is there, and a changed query takes effect by itself")
	}
}

// ifNotExists reads IF NOT EXISTS.
func (p *parser) ifNotExists() bool {
	if !p.at("IF") || !p.peek(1).isName() && !p.peek(1).is("!") {
		return false
	}
	p.next()
	if !p.accept("!") {
		p.expect("NOT")
	}
	return p.expect("EXISTS")
}

// dataset reads what follows CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW.
func (p *parser) dataset(at Pos, streaming bool) Statement {
	c := &CreateTable{Pos: at, Streaming: streaming, IfNotExists: p.ifNotExists()}
	c.Qualifier, c.Name = qualified(p.path("the name of the table"))
	if p.at("(") {
		c.Columns = p.columns()
	}
	p.datasetClauses(c)
	switch {
	case p.accept("AS"):
		first := p.pos
		if !p.queryAt(p.pos) && !p.at("(") {
			p.fail("SELECT, WITH, VALUES or a query in parentheses")
		}
		c.Query = p.query()
		if !p.failed {
			c.QueryText = p.raw(first, p.pos)
		}
	case p.at("FLOW"), p.at("AUTO", "CDC"):
		p.refuseAutoCDC()
	case !streaming || p.cur().kind != tokenEnd:
		hint := ""
		if p.cur().kind == tokenEnd {
			hint = "add AS SELECT …"
		}
		p.failHint("AS and a query, or a clause as COMMENT or TBLPROPERTIES", hint)
	}
	return c
}

// qualified takes a path apart into its qualifier and its last part.
func qualified(path []Ident) ([]Ident, Ident) {
	last := len(path) - 1
	if last == 0 {
		return nil, path[0]
	}
	return path[:last], path[last]
}

// columns reads the declared columns in parentheses.
func (p *parser) columns() []ColumnDef {
	var list []ColumnDef
	p.next()
	if p.accept(")") {
		return nil
	}
	for {
		if p.at("CONSTRAINT") && p.peek(2).is("EXPECT") || p.at("CONSTRAINT") && p.peek(2).is("CHECK") {
			p.refuse(p.cur().pos, "PARSE_SYNTAX_ERROR", "constraints are not supported", "put the condition into WHERE; rows that fail it go to a second table with WHERE NOT")
		}
		list = append(list, p.column())
		for _, word := range []string{"DEFAULT", "GENERATED", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT"} {
			if p.at(word) {
				p.refuse(p.cur().pos, "", word+" is not supported for a column", "compute the value in the query")
			}
		}
		if !p.accept(",") {
			if !p.failed && !p.accept(")") {
				p.fail("a comma, ), NOT NULL or COMMENT")
			}
			return list
		}
	}
}

// datasetClauses reads USING, PARTITIONED BY, CLUSTER BY, COMMENT and TBLPROPERTIES in any order, each once.
func (p *parser) datasetClauses(c *CreateTable) {
	seen := map[string]bool{}
	for !p.failed {
		t := p.cur()
		switch {
		case p.accept("USING"):
			c.Using = joined(p.path("the name of a format")).Name
		case p.accept("PARTITIONED", "BY"):
			c.PartitionBy = p.partitionColumns()
		case p.accept("CLUSTER", "BY"):
			c.ClusterBy = p.names("a column name")
		case p.at("COMMENT"):
			p.next()
			c.Comment = p.text("the comment in quotes")
		case p.accept("TBLPROPERTIES"):
			c.Properties = p.properties()
		case p.refusedClause():
		default:
			p.at("AS")
			return
		}
		if seen[t.upper] {
			p.note(t.pos, "DUPLICATE_CLAUSES", t.upper+" stands twice", "leave one of them out")
		}
		seen[t.upper] = true
		if seen["CLUSTER"] && seen["PARTITIONED"] {
			p.note(t.pos, "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "CLUSTER BY and PARTITIONED BY stand together", "leave one of them out")
		}
	}
}

// refusedClause reads over a clause of CREATE TABLE that a pipeline's dataset cannot have, and reports it.
func (p *parser) refusedClause() bool {
	t := p.cur()
	switch {
	case p.accept("OPTIONS"):
		p.note(t.pos, "_LEGACY_ERROR_TEMP_0035", "options are not supported for a dataset", "a source or a sink is declared in spark-pipeline.yml: source.<name>.format, source.<name>.option.<key>")
		p.properties()
	case p.accept("LOCATION"):
		p.note(t.pos, "_LEGACY_ERROR_TEMP_0035", "a location is not supported for a dataset", "leave it out: tables live in the data folder")
		p.text("the location in quotes")
	case t.is("STORED"), t.is("CLUSTERED"), t.is("SKEWED"), t.is("ROW") && p.peek(1).is("FORMAT"):
		p.refuse(t.pos, "_LEGACY_ERROR_TEMP_0035", t.upper+" is not supported for a dataset", "leave it out")
	case t.is("DEFAULT") && p.peek(1).is("COLLATION"):
		p.refuse(t.pos, "", "COLLATION is not supported", "leave it out: strings compare byte by byte")
	default:
		return false
	}
	return true
}

// partitionColumns reads (a, b) and refuses transforms as days(ts).
func (p *parser) partitionColumns() []Ident {
	var list []Ident
	p.expect("(")
	for {
		at := p.cur().pos
		list = append(list, joined(p.path("a column name")))
		if p.at("(") {
			p.refuse(at, "", "PARTITIONED BY takes columns, no functions (Invalid partitioning transform)", "compute the value as a column of the query")
		}
		if !p.accept(",") {
			p.expect(")")
			return list
		}
	}
}

// properties reads (key = value, …), as behind TBLPROPERTIES, OPTIONS and WITH.
func (p *parser) properties() []Property {
	var list []Property
	seen := map[string]bool{}
	p.expect("(")
	for {
		prop := Property{Pos: p.cur().pos}
		if p.cur().kind == tokenString {
			prop.Key = p.next().text
		} else {
			prop.Key = joined(p.path("a key")).Name
		}
		p.accept("=")
		prop.Value = p.propertyValue(prop.Key)
		if seen[prop.Key] {
			p.note(prop.Pos, "DUPLICATE_KEY", "the key "+prop.Key+" stands twice", "leave one of them out")
		}
		seen[prop.Key] = true
		list = append(list, prop)
		if !p.accept(",") {
			p.expect(")")
			return list
		}
	}
}

func (p *parser) propertyValue(key string) string {
	t := p.cur()
	switch {
	case t.kind == tokenString:
		return p.text("a value")
	case t.kind == tokenNumber && (t.lit == LitInteger || t.lit == LitDecimal):
		return p.next().text
	case t.is("TRUE"), t.is("FALSE"):
		return strings.ToLower(p.next().text)
	}
	hint := ""
	if t.isName() {
		hint = "write it in quotes: '" + t.text + "'"
	}
	p.failHint("a value for "+key+" in quotes", hint)
	return ""
}

// view reads what follows CREATE VIEW.
func (p *parser) view(c *CreateView) Statement {
	at := p.cur().pos
	if c.IfNotExists = p.ifNotExists(); c.IfNotExists && c.Temporary {
		p.note(at, "", "a temporary view takes no IF NOT EXISTS", "leave it out")
		c.IfNotExists = false
	}
	c.Qualifier, c.Name = qualified(p.path("the name of the view"))
	if c.Temporary && c.Qualifier != nil {
		p.note(c.Qualifier[0].Pos, "INVALID_TEMP_OBJ_QUALIFIER", "a temporary view takes no qualifier", "write "+c.Name.Name)
		c.Qualifier = nil
	}
	if p.at("(") {
		c.Columns = p.viewColumns()
	}
	for !p.failed {
		switch {
		case p.at("COMMENT"):
			p.next()
			c.Comment = p.text("the comment in quotes")
			continue
		case p.accept("TBLPROPERTIES"):
			c.Properties = p.properties()
			continue
		case p.at("USING"):
			p.refuseUsing("a view")
		}
		break
	}
	if !p.accept("AS") {
		p.fail("AS and a query")
	}
	c.Query = p.query()
	return c
}

// viewColumns reads (a COMMENT '…', b); the comments of a view's columns are dropped.
func (p *parser) viewColumns() []Ident {
	var list []Ident
	p.next()
	for {
		list = append(list, p.datasetName("a column name"))
		if p.at("COMMENT") {
			p.next()
			p.text("the comment in quotes")
		}
		if !p.accept(",") {
			if !p.failed && !p.accept(")") {
				p.failHint("a comma or )", "the columns of a view are names without types")
			}
			return list
		}
	}
}

// flow reads what follows CREATE FLOW.
func (p *parser) flow(at Pos) Statement {
	f := &CreateFlow{Pos: at, Name: joined(p.path("the name of the flow"))}
	if p.at("COMMENT") {
		p.next()
		f.Comment = p.text("the comment in quotes")
	}
	p.expect("AS")
	switch {
	case p.at("AUTO"), p.at("APPLY"):
		p.refuseAutoCDC()
		return f
	case p.at("INSERT", "OVERWRITE"):
		p.refuse(p.cur().pos, "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR", "a flow only appends", "write INSERT INTO … BY NAME")
		return f
	}
	if p.queryAt(p.pos) {
		p.failHint("INSERT INTO", "a flow writes into a table: AS INSERT INTO table BY NAME SELECT …")
	}
	p.expect("INSERT", "INTO")
	if p.at("ONCE") && p.peek(1).isName() && !p.peek(1).is("BY") {
		p.failHint("the name of a table", "Spark's SQL has no ONCE: leave it out, a flow reads each row once anyway")
	}
	if p.peek(1).isName() && !p.peek(1).is("BY") {
		p.accept("TABLE")
	}
	f.TargetQualifier, f.Target = qualified(p.path("the name of a streaming table"))
	place := p.cur().pos
	if !p.accept("BY", "NAME") {
		if p.at("BY") {
			p.next()
			p.expect("NAME")
		}
		if p.at("(") && !p.queryAt(p.pos+1) {
			p.names("a column name")
		}
		p.note(place, "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR", "Only INSERT INTO by name flows supported", "write INSERT INTO "+f.Target.Name+" BY NAME SELECT …")
	}
	f.Query = p.query()
	return f
}
