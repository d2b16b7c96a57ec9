package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// resolve binds the queries of a dataset, those it reads from first. It reports whether the dataset
// can be read.
func (r *resolver) resolve(d *definition) bool {
	switch d.state {
	case resolved:
		return true
	case broken:
		return false
	case resolving:
		return false
	}
	d.state = resolving
	r.path = append(r.path, d)
	ok := true
	switch {
	case d.dataset.Kind == SourceTopic || d.dataset.Kind == System:
	case d.view != nil:
		ok = r.resolveView(d)
	default:
		ok = r.resolveTable(d)
	}
	r.path = r.path[:len(r.path)-1]
	d.state = resolved
	if !ok {
		d.state = broken
	}
	return ok
}

// cycle is the fault of a dataset that reads itself, or nil when d is not being resolved.
func (r *resolver) cycle(d *definition, pos sql.Pos) *sql.Fault {
	if d.state != resolving {
		return nil
	}
	text, from := "", 0
	for i := range r.path {
		if r.path[i] == d {
			from = i
		}
	}
	for _, p := range r.path[from:] {
		text += p.dataset.Name + " → "
	}
	if r.adhoc {
		return &sql.Fault{Pos: pos, Class: "RECURSIVE_VIEW", Message: "a view reads itself: " + text + d.dataset.Name, Hint: "give the new view another name"}
	}
	return &sql.Fault{Pos: pos, Message: "circular dependencies are not supported: " + text + d.dataset.Name,
		Hint: "break the circle with a table that only one of them reads"}
}

func (r *resolver) resolveView(d *definition) bool {
	s := d.view
	if s.Query == nil {
		return false
	}
	b := r.binder(d.session)
	b.persisted = !s.Temporary
	root, ok := b.query(s.Query, nil)
	if !ok {
		return false
	}
	if b.persisted && streams(root) {
		r.fault(sql.Fault{Pos: s.Query.Pos, Class: "INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_PERSISTED_VIEW",
			Message: fmt.Sprintf("the query of view %q reads a stream", d.dataset.Name), Hint: "write CREATE TEMPORARY VIEW"})
		return false
	}
	if len(s.Columns) > 0 {
		if root, ok = b.rename(root, s.Columns, s.Name.Pos); !ok {
			return false
		}
	}
	ds := d.dataset
	ok = r.checkColumns(root, ds.Pos)
	ds.Schema, ds.Stream = schemaOf(root), streams(root)
	ds.Flows = []*Flow{{Name: ds.Name, Pos: s.Pos, Root: root}}
	return ok
}

// resolveTable binds the query and the flows of a streaming table or materialized view.
func (r *resolver) resolveTable(d *definition) bool {
	ds, ok := d.dataset, true
	declared, declaredOK := r.declared(d)
	if !declaredOK {
		ok = false
	}
	if d.table.Query != nil {
		ok = r.resolveFlow(d, ds.Name, d.table.Pos, d.table.Query, d.session, declared) && ok
	}
	for _, f := range d.flows {
		if f.stmt.Query != nil {
			ok = r.resolveFlow(d, f.stmt.Name.Name, f.stmt.Pos, f.stmt.Query, f.session, declared) && ok
		}
	}
	if len(ds.Flows) == 0 {
		return false
	}
	r.inherit(ds)
	return ok
}

// resolveFlow binds one query into a table. The first gives the table its columns, unless they are
// declared; those after it go by name.
func (r *resolver) resolveFlow(d *definition, name string, pos sql.Pos, q *sql.Query, now session, declared []Column) bool {
	b := r.binder(now)
	ds := d.dataset
	root, ok := b.query(q, nil)
	if !ok {
		return false
	}
	if fault := kindFault(ds, root, q.Pos); fault != nil {
		r.fault(*fault)
		return false
	}
	switch {
	case declared != nil:
		root, ok = b.fit(root, declared, q.Pos, ds.Name)
	case len(ds.Flows) > 0:
		root, ok = b.fit(root, ds.Flows[0].Root.Columns(), q.Pos, ds.Name)
	default:
		ok = r.checkColumns(root, q.Pos)
	}
	if !ok {
		return false
	}
	if len(ds.Flows) == 0 {
		ds.Schema = schemaOf(root)
	}
	ds.Flows = append(ds.Flows, &Flow{Name: name, Pos: pos, Root: root})
	return true
}

// kindFault checks that a streaming table streams and a materialized view does not.
func kindFault(ds *Dataset, root Node, pos sql.Pos) *sql.Fault {
	stream := streams(root)
	switch {
	case ds.Kind == StreamingTable && !stream:
		return &sql.Fault{Pos: pos, Class: "INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE",
			Message: fmt.Sprintf("the query of streaming table %q reads no stream", ds.Name),
			Hint:    "write STREAM before the relation that it follows, or make it a MATERIALIZED VIEW"}
	case ds.Kind == MaterializedView && stream:
		return &sql.Fault{Pos: pos, Class: "INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_MATERIALIZED_VIEW",
			Message: fmt.Sprintf("the query of materialized view %q reads a stream", ds.Name),
			Hint:    "read a table without STREAM, or make it a STREAMING TABLE"}
	}
	return nil
}

// checkColumns refuses two output columns of one name and columns of type VOID, which no table can
// hold.
func (r *resolver) checkColumns(root Node, pos sql.Pos) bool {
	ok := true
	cols := root.Columns()
	for i, c := range cols {
		for _, other := range cols[:i] {
			if strings.EqualFold(other.Name, c.Name) {
				r.fault(sql.Fault{Pos: pos, Class: "COLUMN_ALREADY_EXISTS",
					Message: fmt.Sprintf("two columns are called %q", c.Name), Hint: "name one of them with AS"})
				ok = false
				break
			}
		}
	}
	return ok
}

// inherit finds the column of a streaming table that carries its event time.
func (r *resolver) inherit(ds *Dataset) {
	ds.EventTime = -1
	if ds.Kind != StreamingTable {
		return
	}
	root := ds.Flows[0].Root
	for i, c := range root.Columns() {
		if c.EventTime && (c.Type.Kind == column.Timestamp || c.Type.Kind == column.Struct) {
			ds.EventTime = i
			break
		}
	}
	for _, f := range ds.Flows {
		ds.Delay = max(ds.Delay, delayOf(f.Root))
	}
}

// delayOf is the largest delay of the watermarks under n, those of tables that it reads included.
func delayOf(n Node) int64 {
	delay := int64(0)
	switch n := n.(type) {
	case *Watermark:
		delay = n.Delay
	case *Scan:
		delay = n.Dataset.Delay
	}
	for _, in := range n.Inputs() {
		delay = max(delay, delayOf(in))
	}
	return delay
}

// streams reports whether n reads a stream.
func streams(n Node) bool {
	if s, ok := n.(*Scan); ok {
		return s.Stream
	}
	for _, in := range n.Inputs() {
		if streams(in) {
			return true
		}
	}
	return false
}

func schemaOf(n Node) column.Schema {
	cols := n.Columns()
	s := column.Schema{Fields: make([]column.Field, len(cols))}
	for i, c := range cols {
		s.Fields[i] = column.Field{Name: c.Name, Type: c.Type}
	}
	return s
}

// declared turns the declared columns of a table into columns; nil: none are declared.
func (r *resolver) declared(d *definition) ([]Column, bool) {
	if len(d.table.Columns) == 0 {
		return nil, true
	}
	cols, ok := make([]Column, 0, len(d.table.Columns)), true
	for _, c := range d.table.Columns {
		t, fault := expr.FromTypeName(c.Type)
		if fault != nil {
			r.fault(*fault)
			ok = false
			continue
		}
		cols = append(cols, Column{Name: c.Name.Name, Type: t})
	}
	if !ok {
		return nil, false
	}
	return cols, true
}

// fit brings a query's columns into the order of a table's, by name. The types have to be equal.
func (b *binder) fit(root Node, want []Column, pos sql.Pos, table string) (Node, bool) {
	have := root.Columns()
	const class = "USER_SPECIFIED_AND_INFERRED_SCHEMA_NOT_COMPATIBLE"
	p, ok := &Project{In: root}, true
	for _, w := range want {
		found := -1
		for i, h := range have {
			if strings.EqualFold(h.Name, w.Name) {
				found = i
			}
		}
		switch {
		case found < 0:
			p.Exprs = append(p.Exprs, &expr.Node{Op: expr.OpCast, Type: w.Type, Args: []*expr.Node{nullNode()}})
			p.Cols = append(p.Cols, Column{Name: w.Name, Type: w.Type})
			continue
		case !have[found].Type.Equal(w.Type) && have[found].Type.Kind != column.Void:
			b.fault(sql.Fault{Pos: pos, Class: class,
				Message: fmt.Sprintf("column %q of %q is %s, and the query gives %s", w.Name, table, strings.ToUpper(w.Type.String()), strings.ToUpper(have[found].Type.String())),
				Hint:    fmt.Sprintf("write CAST(… AS %s) in the query or change the declared type", strings.ToUpper(w.Type.String()))})
			ok = false
		}
		e := expr.Col(found, have[found].Name, have[found].Type)
		if have[found].Type.Kind == column.Void {
			e = &expr.Node{Op: expr.OpCast, Type: w.Type, Args: []*expr.Node{e}}
		}
		p.Exprs = append(p.Exprs, e)
		p.Cols = append(p.Cols, Column{Name: w.Name, Type: w.Type, EventTime: have[found].EventTime})
	}
	for _, h := range have {
		if !hasColumn(want, h.Name) {
			b.fault(sql.Fault{Pos: pos, Class: class, Message: fmt.Sprintf("the query gives a column %q that table %q does not have", h.Name, table),
				Hint: didYouMean(h.Name, columnNames(want))})
			ok = false
		}
	}
	if sameOrder(have, p.Cols) {
		return root, ok
	}
	return p, ok
}

func sameOrder(a, b []Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || !a[i].Type.Equal(b[i].Type) {
			return false
		}
	}
	return true
}

func hasColumn(cols []Column, name string) bool {
	for _, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

func columnNames(cols []Column) []string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	return names
}

// rename gives the columns of a view the names behind its own: CREATE VIEW v (a, b).
func (b *binder) rename(root Node, names []sql.Ident, pos sql.Pos) (Node, bool) {
	cols := root.Columns()
	if len(names) != len(cols) {
		b.fault(sql.Fault{Pos: pos, Class: "ASSIGNMENT_ARITY_MISMATCH",
			Message: fmt.Sprintf("%d names for %d columns", len(names), len(cols))})
		return nil, false
	}
	p := &Project{In: root}
	for i, c := range cols {
		p.Exprs = append(p.Exprs, expr.Col(i, c.Name, c.Type))
		c.Name, c.Qualifier = names[i].Name, ""
		p.Cols = append(p.Cols, c)
	}
	return p, true
}

func nullNode() *expr.Node {
	v := &column.Vector{}
	v.Reset(column.Type{})
	v.AppendNull()
	return &expr.Node{Op: expr.OpConst, Const: v}
}
