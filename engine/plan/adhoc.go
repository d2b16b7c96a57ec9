package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
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

// A Question is a statement of a session of queries.
type Question struct {
	sql.Piece
	// Before is the statements of the session that came before and were good: SET, RESET, CREATE TEMPORARY VIEW, DROP VIEW.
	Before []sql.Piece
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

// FileRef is json.`path`, csv.`path` or text.`path`, with the options behind it.
type FileRef struct {
	Format, Path string
	Options      map[string]string
	Zone         *time.Location // of the session
}

// OpenFile looks into a file and gives the dataset that it is. Errors that are *sql.Fault keep their class.
type OpenFile func(FileRef) (*Dataset, error)

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

// zoneDiffers refuses a view that was made under another time zone: its expressions would mean something else here.
func (b *binder) zoneDiffers(d *Dataset, pos sql.Pos) *sql.Fault {
	def := b.r.byName[d.Name]
	if def == nil || def.session.zone == nil || def.session.zone.String() == b.session.zone.String() {
		return nil
	}
	return &sql.Fault{Pos: pos, Message: fmt.Sprintf("view %q belongs to time zone %s, and the query to %s", d.Name, def.session.zone, b.session.zone),
		Hint: fmt.Sprintf("write SET TIME ZONE '%s' before the query, or read what the view reads", def.session.zone)}
}

func isFileFormat(name string) bool {
	switch strings.ToLower(name) {
	case "json", "csv", "text", "parquet", "orc", "avro", "xml", "binaryfile":
		return true
	}
	return false
}

// file binds json.`path` and its like.
func (b *binder) file(ref *sql.TableRef) (bound, bool) {
	pos := ref.Parts[0].Pos
	f := FileRef{Format: strings.ToLower(ref.Parts[0].Name), Path: ref.Parts[1].Name, Options: map[string]string{}, Zone: b.session.zone}
	fault := sql.Fault{Pos: pos}
	switch {
	case f.Format != "json" && f.Format != "csv" && f.Format != "text":
		fault.Message, fault.Hint = fmt.Sprintf("files of format %s are not read", f.Format), "json, csv and text are"
	case b.r.files == nil:
		fault.Class = "UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY"
		fault.Message = fmt.Sprintf("%s.`%s`: a query reads files only where its command line allows it", f.Format, f.Path)
		fault.Hint = "run nagare query --files FOLDER, which names the folder that they lie in"
	case ref.Stream:
		fault.Message, fault.Hint = "a file is no stream", "leave STREAM out"
	default:
		for _, o := range ref.Options {
			f.Options[strings.ToLower(o.Key)] = o.Value
		}
		d, err := b.r.files(f)
		if err == nil {
			return b.finish(scanOf(d, false, pos), "", ref.Watermark, ref.Alias, ref.Columns)
		}
		if known, is := err.(*sql.Fault); is {
			fault = *known
			fault.Pos = pos
		} else {
			fault.Message = err.Error()
		}
	}
	b.fault(fault)
	return bound{}, false
}

// textRows is rows of texts.
func textRows(names []string, rows [][]string) Node {
	v := &Values{}
	for _, name := range names {
		v.Cols = append(v.Cols, Column{Name: name, Type: column.Of(column.String)})
	}
	for _, row := range rows {
		nodes := make([]*expr.Node, len(row))
		for i, text := range row {
			c := &column.Vector{Type: column.Of(column.String)}
			c.AppendBytes([]byte(text))
			c.EnsureNull(1)
			nodes[i] = &expr.Node{Op: expr.OpConst, Type: c.Type, Const: c}
		}
		v.Rows = append(v.Rows, nodes)
	}
	return v
}
