package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// EventsBehind is a SELECT of the records of which a row of a window was made, by the filters and keys of the table's
// own query: topic, partition, offset, timestamp and value. The row is one of an alert's, as JSON, of the window that
// ends at a time in microseconds. The note says what else the SELECT finds, or, without a SELECT, why there is none.
func (p *Pipeline) EventsBehind(alert string, end int64, row json.RawMessage) (query, note string) {
	a := p.alert(alert)
	if a == nil {
		return "", fmt.Sprintf("the project has no alert %q any more", alert)
	}
	t := &tracer{pipe: p, queries: map[string][]*tracedQuery{}}
	t.read()
	if why := t.find(a.From); why != "" {
		return "", why
	}
	window := t.window(a.From)
	if window == nil {
		return "", "its rows come from no window of one size"
	}
	if why := t.choose(end-window.Size, end, row, t.types(a.From)); why != "" {
		return "", why
	}
	return sql.Format(t.out), strings.Join(t.notes, "; ")
}

// A tracer follows the query of an alert's table down to the aggregate over windows, and from there down to a topic.
type tracer struct {
	pipe    *Pipeline
	queries map[string][]*tracedQuery
	notes   []string

	// What find has found: the aggregate, the table whose rows it makes ("" for a view's), and under which name a
	// column of the aggregate stands in the alert's rows.
	aggregate *sql.SelectBody
	with      []sql.CTE
	table     string
	shown     func(name string) (string, bool)

	out *sql.Query

	whole bool // late and refused records stay in the SELECT
}

type tracedQuery struct {
	query   *sql.Query
	columns []sql.Ident // that the statement declares
	table   bool
}

func (t *tracer) read() {
	for _, file := range t.pipe.Input.Files {
		statements, _ := sql.ParseFile(file.Path, file.Text)
		for _, s := range statements {
			switch s := s.(type) {
			case *sql.CreateTable:
				if s.Query != nil {
					t.queries[s.Name.Name] = append(t.queries[s.Name.Name], &tracedQuery{query: s.Query, table: true})
				}
			case *sql.CreateView:
				t.queries[s.Name.Name] = append(t.queries[s.Name.Name], &tracedQuery{query: s.Query, columns: s.Columns})
			case *sql.CreateFlow:
				t.queries[s.Target.Name] = append(t.queries[s.Target.Name], &tracedQuery{query: s.Query, table: true})
			}
		}
	}
}

// one is the one query that makes a dataset.
func (t *tracer) one(name string) (*tracedQuery, string) {
	switch of := t.queries[name]; {
	case len(of) == 1 && of[0].query != nil:
		return of[0], ""
	case len(of) > 1:
		return nil, fmt.Sprintf("several flows write %s", name)
	}
	return nil, fmt.Sprintf("%s has no query", name)
}

// find goes down from a dataset to the aggregate.
func (t *tracer) find(name string) (why string) {
	t.shown = func(name string) (string, bool) { return name, true }
	q, why := t.one(name)
	for depth := 0; why == "" && depth < maxDepth; depth++ {
		if q.table {
			t.table = name
		}
		t.rename(q.columns, q.query)
		body, with, simple := plainBody(q.query)
		if !simple {
			return fmt.Sprintf("the query of %s is more than one SELECT of one relation", name)
		}
		if body.GroupBy != nil {
			t.aggregate, t.with = body, with
			return ""
		}
		t.passed(body.Items)
		switch r := body.From[0].(type) {
		case *sql.SubRelation:
			q = &tracedQuery{query: r.Query, columns: r.Columns}
			q.query.With = append(with[:len(with):len(with)], q.query.With...)
		case *sql.TableRef:
			name = r.Parts[len(r.Parts)-1].Name
			if c, before := cteOf(with, r); c != nil {
				q = &tracedQuery{query: c.Query, columns: c.Columns}
				q.query.With = append(before[:len(before):len(before)], q.query.With...)
				continue
			}
			q, why = t.one(name)
		default:
			return fmt.Sprintf("the query of %s reads more than one relation", name)
		}
	}
	if why == "" {
		why = "its query is too deep"
	}
	return why
}

// plainBody is the SELECT of a query that is one, of one relation.
func plainBody(q *sql.Query) (*sql.SelectBody, []sql.CTE, bool) {
	body, ok := q.Body.(*sql.SelectBody)
	return body, q.With, ok && len(body.From) == 1 && !body.Distinct && q.Limit == nil && q.Offset == nil
}

// cteOf is the item of WITH that a name stands for, or nil, and those before it, which it sees.
func cteOf(with []sql.CTE, r *sql.TableRef) (*sql.CTE, []sql.CTE) {
	for i := len(with) - 1; i >= 0 && !r.Stream && len(r.Parts) == 1; i-- {
		if strings.EqualFold(with[i].Name.Name, r.Parts[0].Name) {
			return &with[i], with[:i]
		}
	}
	return nil, nil
}

// rename notes that a statement or relation gives the columns of its query other names.
func (t *tracer) rename(names []sql.Ident, q *sql.Query) {
	body, ok := q.Body.(*sql.SelectBody)
	if len(names) == 0 || !ok || len(names) != len(body.Items) {
		return
	}
	above := t.shown
	t.shown = func(name string) (string, bool) {
		for i, item := range body.Items {
			if strings.EqualFold(itemName(item), name) {
				return above(names[i].Name)
			}
		}
		return "", false
	}
}

// passed notes under which names a SELECT hands columns on.
func (t *tracer) passed(items []sql.SelectItem) {
	above := t.shown
	t.shown = func(name string) (string, bool) {
		for _, item := range items {
			switch e := item.Expr.(type) {
			case *sql.Star:
				if !excepts(e, name) {
					return above(name)
				}
			case *sql.Name:
				if strings.EqualFold(e.Parts[len(e.Parts)-1].Name, name) && len(e.Parts) <= 2 {
					return above(itemName(item))
				}
			}
		}
		return "", false
	}
}

func excepts(s *sql.Star, name string) bool {
	for _, e := range s.Except {
		if n, ok := e.(*sql.Name); ok && len(n.Parts) == 1 && strings.EqualFold(n.Parts[0].Name, name) {
			return true
		}
	}
	return false
}

// itemName is the name of a SELECT's column, as far as it is written.
func itemName(item sql.SelectItem) string {
	if item.Alias != nil {
		return item.Alias.Name
	}
	if n, ok := item.Expr.(*sql.Name); ok {
		return n.Parts[len(n.Parts)-1].Name
	}
	return ""
}

// window is the window of the rows of a table or view; nil unless there is one.
func (t *tracer) window(from string) (found *TimeWindow) {
	var walk func(n Node)
	walk = func(n Node) {
		if a, ok := n.(*Aggregate); ok && a.Window != nil && !a.Window.Session {
			found = a.Window
			return
		}
		if s, ok := n.(*Scan); ok && s.Dataset.Kind == StreamingTable {
			for _, f := range s.Dataset.Flows {
				walk(f.Root)
			}
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	if d := t.pipe.Dataset(from); d != nil {
		for _, f := range d.Flows {
			walk(f.Root)
		}
	}
	return found
}

// types is the types of a dataset's columns, by lower-case name.
func (t *tracer) types(name string) map[string]column.Type {
	types := map[string]column.Type{}
	if d := t.pipe.Dataset(name); d != nil {
		for _, f := range d.Schema.Fields {
			types[strings.ToLower(f.Name)] = f.Type
		}
	}
	return types
}

// The columns of a record on their way up through the queries.
var tracedColumns = []string{"topic", "partition", "offset", "timestamp", "value"}

const tracedPrefix = "nagare_"

// choose makes the SELECT out of the aggregate's relation, filter, window and keys.
func (t *tracer) choose(start, end int64, row json.RawMessage, types map[string]column.Type) (why string) {
	g := t.aggregate
	if g.GroupBy.All || g.GroupBy.Kind != "" {
		return "its query groups by ALL, ROLLUP or CUBE"
	}
	d := json.NewDecoder(bytes.NewReader(row))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil {
		return "its row cannot be read"
	}
	var conditions []sql.Expr
	if g.Where != nil {
		conditions = append(conditions, g.Where)
	}
	for _, e := range g.GroupBy.Exprs {
		e = groupedExpr(e, g.Items)
		if c, ok := e.(*sql.Call); ok && strings.EqualFold(c.Name.Name, "window") && len(c.Args) > 0 {
			conditions = append(conditions, &sql.Binary{Op: ">=", Left: c.Args[0], Right: timeLiteral(start)}, &sql.Binary{Op: "<", Left: c.Args[0], Right: timeLiteral(end)})
			continue
		}
		if c := t.keyCondition(e, values, types); c != nil {
			conditions = append(conditions, c)
		}
	}
	from, why := t.inline(g.From[0], t.with)
	if why != "" {
		return why
	}
	body := &sql.SelectBody{From: []sql.Relation{from}, Lateral: g.Lateral}
	q := &sql.Query{Body: body}
	for _, c := range tracedColumns {
		body.Items = append(body.Items, sql.SelectItem{Expr: columnName(tracedPrefix + c), Alias: &sql.Ident{Name: c}})
	}
	for _, c := range []string{"timestamp", "topic", "partition", "offset"} {
		q.OrderBy = append(q.OrderBy, sql.OrderItem{Expr: columnName(tracedPrefix + c)})
	}
	if !t.whole {
		if c := t.notLate(); c != nil {
			conditions = append(conditions, c)
		}
	}
	body.Where = allOf(conditions)
	t.out = q
	return ""
}

// allOf joins conditions by AND.
func allOf(conditions []sql.Expr) sql.Expr {
	all := conditions[0]
	for _, c := range conditions[1:] {
		all = &sql.Binary{Op: "AND", Left: all, Right: c}
	}
	return all
}

// groupedExpr is the expression that GROUP BY names by its place or its alias.
func groupedExpr(e sql.Expr, items []sql.SelectItem) sql.Expr {
	switch n := e.(type) {
	case *sql.Literal:
		if i, err := strconv.Atoi(n.Text); err == nil && n.Kind == sql.LitInteger && i >= 1 && i <= len(items) {
			return items[i-1].Expr
		}
	case *sql.Name:
		for _, item := range items {
			if len(n.Parts) == 1 && item.Alias != nil && strings.EqualFold(item.Alias.Name, n.Parts[0].Name) {
				return item.Expr
			}
		}
	}
	return e
}

// keyCondition says that a key is what the row has; nil where the row does not tell.
func (t *tracer) keyCondition(e sql.Expr, values map[string]any, types map[string]column.Type) sql.Expr {
	text := sql.Format(e)
	for _, item := range t.aggregate.Items {
		if sql.Format(item.Expr) != text {
			continue
		}
		name, ok := t.shown(itemName(item))
		kind, known := types[strings.ToLower(name)]
		if !ok || !known {
			continue
		}
		value, there := valueOf(values, name)
		if !there || value == nil {
			return &sql.Is{Expr: e, What: "NULL"}
		}
		if c := equals(e, kind, value); c != nil {
			return c
		}
	}
	t.notes = append(t.notes, fmt.Sprintf("the row does not tell %s: these are the events of all of them", text))
	return nil
}

// equals compares an expression with a value of JSON; nil for types that have no such comparison.
func equals(e sql.Expr, kind column.Type, value any) sql.Expr {
	literal := &sql.Literal{Kind: sql.LitString, Text: fmt.Sprint(value)}
	switch kind.Kind {
	case column.String:
		return &sql.Binary{Op: "=", Left: e, Right: literal}
	case column.Struct, column.Array, column.Map, column.Binary:
		return nil
	}
	return &sql.Binary{Op: "=", Left: e, Right: &sql.Cast{Expr: literal, Type: sql.TypeName{Name: strings.ToUpper(kind.String())}}}
}

func valueOf(values map[string]any, name string) (any, bool) {
	for k, v := range values {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// notLate leaves out the records that came too late for the table.
func (t *tracer) notLate() sql.Expr {
	d := t.pipe.Dataset(t.table)
	if d == nil || len(t.topics(d)) != 1 {
		t.notes = append(t.notes, "events that came too late are among them")
		return nil
	}
	late := &sql.TableRef{Parts: []sql.Ident{{Name: t.table + "$late", Quoted: true}}, Alias: &sql.Ident{Name: tracedPrefix + "late"}}
	equal := func(name string) sql.Expr {
		return &sql.Binary{Op: "=", Left: &sql.Name{Parts: []sql.Ident{{Name: tracedPrefix + "late"}, {Name: name}}}, Right: columnName(tracedPrefix + name)}
	}
	return &sql.Unary{Op: "NOT", Expr: &sql.Exists{Query: &sql.Query{Body: &sql.SelectBody{
		Items: []sql.SelectItem{{Expr: &sql.Literal{Kind: sql.LitInteger, Text: "1"}}}, From: []sql.Relation{late},
		Where: &sql.Binary{Op: "AND", Left: equal("partition"), Right: equal("offset")}}}}}
}

// topics is the topics that the rows of a table come from.
func (t *tracer) topics(d *Dataset) []string {
	ops, _ := (&Pipeline{Datasets: []*Dataset{d}}).StreamOps()
	if len(ops) != 1 || ops[0].From.Kind != SourceTopic {
		return nil
	}
	return ops[0].From.Topics
}

// inline is a relation with everything that it reads written out, and the columns of the record with those of each.
func (t *tracer) inline(r sql.Relation, with []sql.CTE) (sql.Relation, string) {
	switch r := r.(type) {
	case *sql.SubRelation:
		why := t.carry(r.Query, with)
		r.Columns = withTraced(r.Columns)
		return r, why
	case *sql.TableRef:
		name := r.Parts[len(r.Parts)-1]
		out := &sql.SubRelation{Watermark: r.Watermark, Alias: r.Alias, Columns: withTraced(r.Columns)}
		if out.Alias == nil {
			out.Alias = &sql.Ident{Name: name.Name, Quoted: name.Quoted}
		}
		if c, before := cteOf(with, r); c != nil {
			out.Query = c.Query
			if out.Columns == nil {
				out.Columns = withTraced(c.Columns)
			}
			return out, t.carry(out.Query, before)
		}
		if d := t.pipe.Dataset(name.Name); d != nil && d.Kind == SourceTopic {
			out.Query = sourceQuery(name)
			return out, ""
		}
		q, why := t.one(name.Name)
		if why != "" {
			return nil, why
		}
		out.Query = q.query
		if out.Columns == nil {
			out.Columns = withTraced(q.columns)
		}
		return out, t.carry(out.Query, nil)
	}
	return nil, "its query reads a relation that is no table, view or SELECT"
}

func withTraced(columns []sql.Ident) []sql.Ident {
	if columns == nil {
		return nil
	}
	for _, c := range tracedColumns {
		columns = append(columns, sql.Ident{Name: tracedPrefix + c})
	}
	return columns
}

// sourceQuery is a source with the columns of its records under their own names.
func sourceQuery(name sql.Ident) *sql.Query {
	body := &sql.SelectBody{Items: []sql.SelectItem{{Expr: &sql.Star{}}}, From: []sql.Relation{&sql.TableRef{Parts: []sql.Ident{name}}}}
	for _, c := range tracedColumns {
		var e sql.Expr = columnName(c)
		if c == "value" {
			e = &sql.Cast{Expr: e, Type: sql.TypeName{Name: "STRING"}}
		}
		body.Items = append(body.Items, sql.SelectItem{Expr: e, Alias: &sql.Ident{Name: tracedPrefix + c}})
	}
	return &sql.Query{Body: body}
}

// carry has a query hand the columns of the record on.
func (t *tracer) carry(q *sql.Query, outer []sql.CTE) string {
	body, with, simple := plainBody(q)
	if !simple || body.GroupBy != nil {
		return "the rows that it groups are not those of one topic, filtered and named anew"
	}
	r, why := t.inline(body.From[0], append(outer[:len(outer):len(outer)], with...))
	if why != "" {
		return why
	}
	q.With, q.OrderBy = nil, nil
	body.From[0] = r
	name := ""
	if s, ok := r.(*sql.SubRelation); ok && s.Alias != nil {
		name = s.Alias.Name
	}
	for _, item := range body.Items {
		if s, ok := item.Expr.(*sql.Star); ok && (s.Qualifier == nil || len(s.Qualifier) == 1 && strings.EqualFold(s.Qualifier[0].Name, name)) {
			return "" // it hands them on
		}
	}
	for _, c := range tracedColumns {
		body.Items = append(body.Items, sql.SelectItem{Expr: columnName(tracedPrefix + c)})
	}
	return ""
}

func columnName(name string) *sql.Name { return &sql.Name{Parts: []sql.Ident{{Name: name}}} }

func timeLiteral(micros int64) sql.Expr {
	return &sql.Literal{Kind: sql.LitTimestamp, Text: time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.999999Z")}
}
