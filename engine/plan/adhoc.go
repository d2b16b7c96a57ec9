package plan

import (
	"time"

	"github.com/nagare-stream/nagare/engine/sql"
)

// BindQuery binds one query, as `nagare query` runs it: over the tables, views and sources of a
// pipeline and extra datasets, all of them as they are at the moment. STREAM and WATERMARK mean
// nothing there: everything is bounded. p may be nil.
func BindQuery(p *Pipeline, text string, extra []*Dataset) (Node, sql.Faults) {
	q, faults := sql.ParseQuery("query", text)
	if len(faults) > 0 {
		return nil, faults
	}
	r := newAdhoc(p, extra, nil)
	return r.query(q, r.session())
}

// Ask is the question of a query that stands for itself.
func Ask(text string) Question {
	return Question{Piece: sql.Piece{Text: text, Pos: sql.Pos{File: "query", Line: 1, Col: 1}}}
}

// An Answer is how a question is answered.
type Answer struct {
	Root Node           // gives its rows; nil: it has none
	Zone *time.Location // of the session
}

// BindQuestion is BindQuery of a statement of a session. files may be nil: then the query may read none.
func BindQuestion(p *Pipeline, q Question, extra []*Dataset, files OpenFile) (Answer, sql.Faults) {
	r := newAdhoc(p, extra, files)
	s := &querySession{r: r, now: r.session(), set: map[string]string{}, views: map[string]*definition{}}
	for _, piece := range q.Before {
		stmt, faults := sql.ParseSession(piece)
		if len(faults) > 0 {
			return Answer{}, faults
		}
		if s.apply(stmt, false); len(r.faults) > 0 {
			return Answer{}, once(r.faults)
		}
	}
	var stmt sql.Statement
	var faults sql.Faults
	if q.Text == "" && q.Pos == (sql.Pos{}) {
		return Answer{Zone: s.now.zone}, nil
	}
	if stmt, faults = sql.ParseSession(q.Piece); len(faults) > 0 {
		return Answer{}, faults
	}
	if sel, isQuery := stmt.(*sql.Select); isQuery {
		root, faults := r.query(sel.Query, s.now)
		return Answer{Root: root, Zone: s.now.zone}, faults
	}
	root := s.apply(stmt, true)
	return Answer{Root: root, Zone: s.now.zone}, once(r.faults)
}

func newAdhoc(p *Pipeline, extra []*Dataset, files OpenFile) *resolver {
	if p == nil {
		p = &Pipeline{Config: DefaultConfig()}
	}
	r := &resolver{pipe: &Pipeline{Name: p.Name, Config: p.Config}, byName: map[string]*definition{}, adhoc: true, files: files}
	for _, list := range [][]*Dataset{p.Datasets, extra} {
		for _, d := range list {
			def := &definition{dataset: d, state: resolved, session: r.session()}
			if d.Kind == TemporaryView && len(d.Flows) == 0 {
				def.state = broken
			}
			if r.byName[d.Name] == nil {
				r.defs = append(r.defs, def)
				r.byName[d.Name] = def
			}
		}
	}
	return r
}

func (r *resolver) query(q *sql.Query, now session) (Node, sql.Faults) {
	b := r.binder(now)
	node, ok := b.query(q, nil)
	if !ok || len(r.faults) > 0 {
		if r.faults = once(r.faults); len(r.faults) == 0 {
			r.faults = sql.Faults{{Pos: q.Pos, Message: "the query reads a dataset that has a fault of its own", Hint: "run `nagare check`"}}
		}
		return nil, r.faults
	}
	return node, nil
}
