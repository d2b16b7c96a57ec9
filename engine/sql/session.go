package sql

// The statements that only a session of queries has.
type (
	// Reset is RESET key, or RESET of all keys ("").
	Reset struct {
		Pos Pos
		Key string
	}
	// ShowSettings is SET key, or SET of all keys ("").
	ShowSettings struct {
		Pos Pos
		Key string
	}
	// DropView is DROP VIEW [IF EXISTS] name, of a session's temporary view.
	DropView struct {
		Pos      Pos
		Name     Ident
		IfExists bool
	}
)

func (*Reset) statement()        {}
func (*ShowSettings) statement() {}
func (*DropView) statement()     {}

// A Piece is one statement of a text, without the ';' that ends it.
type Piece struct {
	Text string
	Pos  Pos // of its first character
}

// Split cuts a text into its statements: at each ';' that stands in no string, name or comment. Empty ones are left
// out. rest is where a last statement begins that no ';' ends, len(text) if there is none.
func Split(name, text string) (list []Piece, rest int) {
	l := newLexer(name, text)
	for {
		toks, faults := l.statement()
		if toks == nil {
			return list, rest
		}
		end := toks[len(toks)-1]
		closed := end.end > end.start
		from, at := end.start, end.pos
		if len(toks) > 1 {
			from, at = toks[0].start, toks[0].pos
		} else if len(faults) > 0 {
			at = faults[0].Pos
			from = offsetOf(text, at)
		}
		if rest = len(text); !closed && (len(toks) > 1 || len(faults) > 0) {
			rest = from
		}
		if from < end.start {
			list = append(list, Piece{text[from:end.start], at})
		}
	}
}

// offsetOf is where a place lies in a text, in bytes.
func offsetOf(text string, at Pos) int {
	l := newLexer("", text)
	for l.off < len(text) && (l.line < at.Line || l.line == at.Line && l.col < at.Col) {
		l.step()
	}
	return l.off
}

// ParseSession reads a statement of a session of queries: a query, SET, RESET, CREATE TEMPORARY VIEW, DROP VIEW.
func ParseSession(p Piece) (Statement, Faults) {
	var s Statement
	err := parsePiece(p, func(p *parser) { s = p.sessionStatement() })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p *parser) sessionStatement() Statement {
	t := p.cur()
	switch {
	case t.is("CREATE"):
		return p.sessionView()
	case t.is("DROP"):
		return p.drop()
	case t.is("SET"):
		return p.setOrShow()
	case t.is("RESET"):
		p.next()
		r := &Reset{Pos: t.pos, Key: p.raw(p.pos, len(p.toks)-1)}
		p.pos = len(p.toks) - 1
		return r
	case p.queryAt(p.pos), t.is("SELECT"), t.is("WITH"), t.is("VALUES"), t.is("("):
		return &Select{Query: p.query()}
	}
	switch t.upper {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "ALTER", "REFRESH", "CACHE", "ANALYZE", "OPTIMIZE", "VACUUM", "COMMENT":
		p.refuse(t.pos, "", "queries only read, and there is no "+t.upper, "tables are what a project's statements say; `nagare publish` appends to a topic")
	case "USE":
		p.refuse(t.pos, "", "there are no catalogs and no databases here", "leave the statement out")
	case "SHOW", "DESCRIBE", "DESC":
		p.refuse(t.pos, "", "there is no "+t.upper, `\d lists tables and \d TABLE its columns, in the prompt that nagare query opens`)
	case "EXPLAIN":
		p.refuse(t.pos, "", "there is no EXPLAIN of a query", "`nagare explain TABLE` shows the plan of a table")
	default:
		p.fail("SELECT, WITH, VALUES, SET, RESET, CREATE TEMPORARY VIEW or DROP VIEW")
	}
	return nil
}

// sessionView reads CREATE [OR REPLACE] TEMPORARY VIEW, of all that CREATE makes.
func (p *parser) sessionView() Statement {
	at := p.cur().pos
	if v := p.peek(1); v.is("TABLE") || v.is("STREAMING") || v.is("MATERIALIZED") || v.is("FLOW") || v.is("VIEW") {
		p.refuse(at, "", "queries only read, and CREATE "+v.upper+" makes what stays", "write CREATE TEMPORARY VIEW, which lives as long as the session, or put the statement into a project")
		return nil
	}
	s := p.create()
	if v, isView := s.(*CreateView); isView && !v.Temporary && !p.failed {
		p.refuse(at, "", "a view of queries lives as long as their session", "write CREATE OR REPLACE TEMPORARY VIEW "+v.Name.Name)
	}
	return s
}

func (p *parser) drop() Statement {
	d := &DropView{Pos: p.next().pos}
	p.accept("TEMPORARY")
	if !p.accept("VIEW") {
		p.failHint("VIEW", "queries only read: what can be dropped is a temporary view of the session")
		return d
	}
	if p.accept("IF") {
		d.IfExists = p.expect("EXISTS")
	}
	_, d.Name = qualified(p.path("the name of the view"))
	return d
}

// setOrShow reads SET key = value, and SET and SET key, which show what is set.
func (p *parser) setOrShow() Statement {
	for i := p.pos; i < len(p.toks); i++ {
		if p.toks[i].is("=") {
			return p.set()
		}
	}
	if p.peek(1).is("TIME") && p.peek(2).is("ZONE") || p.peek(1).is("CATALOG") {
		return p.set()
	}
	s := &ShowSettings{Pos: p.next().pos}
	if p.at("-") { // SET -v
		p.next()
		p.accept("v")
		return s
	}
	s.Key = p.raw(p.pos, len(p.toks)-1)
	if n := len(p.toks) - 1 - p.pos; n > 0 && p.toks[len(p.toks)-2].kind == tokenString {
		p.failHint("SET key = value", "write the value after an =")
	}
	p.pos = len(p.toks) - 1
	return s
}

// parsePiece is parseAll for one statement that stands in a larger text.
func parsePiece(piece Piece, read func(*parser)) Faults {
	l := newLexer(piece.Pos.File, piece.Text)
	l.line, l.col = max(piece.Pos.Line, 1), max(piece.Pos.Col, 1)
	return parseFrom(l, read)
}
