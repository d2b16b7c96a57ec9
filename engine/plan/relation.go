package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A binder binds one query: FROM, SELECT and what stands around them.
type binder struct {
	r       *resolver
	session session
	ctes    []boundCTE // innermost last
	depth   int
	around  *correlation // what the query that is bound may refer to outside
	// persisted is the query of a CREATE VIEW without TEMPORARY, which may read no temporary view.
	persisted bool
}

// boundCTE is a WITH item; each reference gets a copy of its tree.
type boundCTE struct {
	name string
	root Node // nil: it has a fault
}

// maxDepth bounds subqueries in subqueries.
const maxDepth = 64

func (r *resolver) binder(now session) *binder { return &binder{r: r, session: now} }

func (b *binder) fault(f sql.Fault) { b.r.fault(f) }

// bound is a relation of FROM: an operator and the names of its columns.
type bound struct {
	node Node
	cols []scopeColumn
}

// from binds the FROM clause; without one there is one row without columns.
func (b *binder) from(body *sql.SelectBody) (bound, bool) {
	out, ok := bound{node: &Values{Rows: [][]*expr.Node{{}}}}, true
	for i, rel := range body.From {
		if f, isCall := rel.(*sql.FunctionRelation); isCall && f.Lateral && i > 0 {
			if ok {
				out, ok = b.lateral(out, f, false)
			}
			continue
		}
		if sub, isQuery := rel.(*sql.SubRelation); isQuery && sub.Lateral {
			if ok {
				out, ok = b.lateralQuery(out, sub, "CROSS")
			}
			continue
		}
		next, relOK := b.relation(rel)
		if !relOK || !ok {
			ok = false
			continue
		}
		if i == 0 {
			out = next
			continue
		}
		j := &Join{Kind: "CROSS", Left: out.node, Right: next.node, Cols: joinColumns("CROSS", out.node, next.node), Pos: body.Pos}
		if fault := b.streamJoin(&sql.Join{Kind: "CROSS", Pos: body.Pos}, out.node, next.node); fault != nil {
			b.fault(*fault)
			ok = false
		}
		for _, c := range next.cols {
			c.node = shifted(c.node, len(out.node.Columns()))
			out.cols = append(out.cols, c)
		}
		out.node = j
	}
	for _, v := range body.Lateral {
		if ok {
			out, ok = b.lateralView(out, v)
		}
	}
	return out, ok
}

// relation binds what stands in FROM.
func (b *binder) relation(rel sql.Relation) (bound, bool) {
	switch rel := rel.(type) {
	case *sql.TableRef:
		return b.table(rel)
	case *sql.SubRelation:
		node, ok := b.query(rel.Query, b.around)
		if !ok {
			return bound{}, false
		}
		return b.finish(node, "", rel.Watermark, rel.Alias, rel.Columns)
	case *sql.ValuesRelation:
		node, ok := b.values(rel.Values)
		if !ok {
			return bound{}, false
		}
		return b.finish(node, "", nil, rel.Alias, rel.Columns)
	case *sql.FunctionRelation:
		return b.function(rel)
	case *sql.Join:
		return b.join(rel)
	case *sql.Pivot:
		return b.pivot(rel)
	case *sql.Unpivot:
		return b.unpivot(rel)
	case ready:
		return rel.bound, true
	}
	return bound{}, false
}

// table binds a name in FROM: a WITH item, or a dataset.
func (b *binder) table(ref *sql.TableRef) (bound, bool) {
	if len(ref.Parts) == 0 {
		return bound{}, false
	}
	name, pos := ref.Parts[len(ref.Parts)-1].Name, ref.Parts[0].Pos
	if b.r.adhoc && len(ref.Parts) == 2 && isFileFormat(ref.Parts[0].Name) {
		d, fault := b.r.file(ref, b.session)
		if fault != nil {
			b.fault(*fault)
			return bound{}, false
		}
		return b.finish(scanOf(d, false, pos), "", ref.Watermark, ref.Alias, ref.Columns)
	}
	if d := b.r.byName[name]; len(ref.Parts) > 1 && (d == nil || d.dataset.Kind != StreamingTable && d.dataset.Kind != MaterializedView) {
		b.fault(qualified(ref))
		return bound{}, false
	}
	if len(ref.Options) > 0 {
		b.fault(*notYet(ref.Options[0].Pos, "WITH (options) behind a relation"))
		return bound{}, false
	}
	for i := len(b.ctes) - 1; i >= 0 && !ref.Stream && len(ref.Parts) == 1; i-- {
		if strings.EqualFold(b.ctes[i].name, name) {
			if b.ctes[i].root == nil {
				return bound{}, false
			}
			if fault := tooManyOperators(b.ctes[i].root, pos); fault != nil {
				b.fault(*fault)
				return bound{}, false
			}
			return b.finish(clone(b.ctes[i].root), b.ctes[i].name, ref.Watermark, ref.Alias, ref.Columns)
		}
	}
	d := b.r.byName[name]
	if d == nil {
		b.fault(b.r.noDataset(name, pos, append(b.r.names(SourceTopic, StreamingTable, MaterializedView, TemporaryView, System), b.cteNames()...)))
		return bound{}, false
	}
	if f := b.r.cycle(d, pos); f != nil {
		b.fault(*f)
		return bound{}, false
	}
	if !b.r.resolve(d) {
		return bound{}, false
	}
	node, fault := b.read(d.dataset, ref.Stream, pos)
	if fault == nil {
		fault = tooManyOperators(node, pos)
	}
	if fault != nil {
		b.fault(*fault)
		return bound{}, false
	}
	return b.finish(node, name, ref.Watermark, ref.Alias, ref.Columns)
}

func (b *binder) cteNames() []string {
	var names []string
	for _, c := range b.ctes {
		names = append(names, c.name)
	}
	return names
}

// qualified is the fault of a.b in FROM.
func qualified(ref *sql.TableRef) sql.Fault {
	var parts []string
	for _, p := range ref.Parts {
		parts = append(parts, p.Name)
	}
	f := sql.Fault{Pos: ref.Parts[0].Pos, Message: fmt.Sprintf("%q: names of datasets have no qualifier here", strings.Join(parts, ".")),
		Hint: fmt.Sprintf("write %s", parts[len(parts)-1])}
	switch strings.ToLower(parts[0]) {
	case "kafka", "json", "csv", "parquet", "text", "orc", "delta":
		f.Class = "UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY"
		f.Message = fmt.Sprintf("SQL cannot read %s directly", strings.Join(parts, "."))
		f.Hint = "declare it under configuration: source.<name>.format and source.<name>.option.subscribe"
	}
	return f
}

// read is the operator that reads a dataset, after the checks of streams against batches.
func (b *binder) read(d *Dataset, stream bool, pos sql.Pos) (Node, *sql.Fault) {
	if b.r.adhoc {
		if d.Kind == TemporaryView {
			if f := b.r.zoneDiffers(d, b.session, pos); f != nil {
				return nil, f
			}
			return bounded(clone(d.Flows[0].Root)), nil
		}
		return scanOf(d, false, pos), nil
	}
	if b.persisted && (d.Kind == TemporaryView || d.Kind == SourceTopic) && !b.r.byName[d.Name].persisted() {
		return nil, &sql.Fault{Pos: pos, Class: "INVALID_TEMP_OBJ_REFERENCE", Message: fmt.Sprintf("a view that is no TEMPORARY VIEW cannot read %q, which is %s", d.Name, d.Kind),
			Hint: "write CREATE TEMPORARY VIEW"}
	}
	switch d.Kind {
	case SourceTopic:
		if !stream {
			return nil, &sql.Fault{Pos: pos, Class: "INCOMPATIBLE_STREAMING_VIEW_READ",
				Message: fmt.Sprintf("source %q is a stream", d.Name), Hint: "write STREAM " + d.Name}
		}
	case MaterializedView:
		if stream {
			return nil, &sql.Fault{Pos: pos, Message: fmt.Sprintf("materialized view %q changes its rows and is no stream", d.Name),
				Hint: "read it without STREAM, or read the streaming table that it reads"}
		}
	case TemporaryView:
		if d.Stream != stream {
			return nil, viewMismatch(d, pos)
		}
		return d.Flows[0].Root, nil // shared: only queries change a tree, and their own
	}
	return scanOf(d, stream, pos), nil
}

func viewMismatch(d *Dataset, pos sql.Pos) *sql.Fault {
	if d.Stream {
		return &sql.Fault{Pos: pos, Class: "INCOMPATIBLE_STREAMING_VIEW_READ",
			Message: fmt.Sprintf("view %q is a stream", d.Name), Hint: "write STREAM " + d.Name}
	}
	return &sql.Fault{Pos: pos, Class: "INCOMPATIBLE_BATCH_VIEW_READ",
		Message: fmt.Sprintf("view %q is no stream", d.Name), Hint: "leave STREAM out, or write STREAM in the view's own query"}
}

// finish gives a relation its watermark, alias and column names.
func (b *binder) finish(node Node, name string, w *sql.Watermark, alias *sql.Ident, columns []sql.Ident) (bound, bool) {
	out := bound{node: node, cols: columnsOf(node, name)}
	if name == "" && alias == nil {
		for i := range out.cols {
			out.cols[i].qualifier = ""
		}
	}
	plain := len(out.cols)
	if w != nil {
		var ok bool
		if out, ok = b.watermark(out, w); !ok {
			return bound{}, false
		}
	}
	if alias != nil {
		for i := range out.cols[:plain] {
			out.cols[i].qualifier = alias.Name
		}
	}
	if len(columns) == 0 {
		return out, true
	}
	if len(columns) != len(out.cols) {
		b.fault(sql.Fault{Pos: columns[0].Pos, Class: "NUM_COLUMNS_MISMATCH",
			Message: fmt.Sprintf("%d names for %d columns", len(columns), len(out.cols))})
		return bound{}, false
	}
	for i := range out.cols {
		out.cols[i].name = columns[i].Name
		out.cols[i].node = renamed(out.cols[i].node, columns[i].Name)
	}
	return out, true
}

func renamed(n *expr.Node, name string) *expr.Node {
	c := *n
	c.Name = name
	return &c
}

// values binds VALUES: each column has the type that all its rows have in common.
func (b *binder) values(v *sql.Values) (*Values, bool) {
	if len(v.Rows) == 0 {
		return nil, false
	}
	out, ok := &Values{}, true
	s := &scope{outer: b.around}
	eb := b.session.binder(s)
	for _, row := range v.Rows {
		if len(row) != len(v.Rows[0]) {
			b.fault(sql.Fault{Pos: row[0].Position(), Class: "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
				Message: fmt.Sprintf("a row of VALUES has %d columns, the first has %d", len(row), len(v.Rows[0]))})
			return nil, false
		}
		nodes := make([]*expr.Node, len(row))
		for i, e := range row {
			n, bindOK := b.bind(eb, e)
			ok = ok && bindOK
			nodes[i] = n
		}
		out.Rows = append(out.Rows, nodes)
	}
	if !ok {
		return nil, false
	}
	for c := range v.Rows[0] {
		t, fits := out.Rows[0][c].Type, true
		for _, row := range out.Rows[1:] {
			if t, fits = commonType(t, row[c].Type); !fits {
				b.fault(sql.Fault{Pos: row[c].Pos, Class: "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
					Message: fmt.Sprintf("column %d of VALUES has types that do not go together", c+1)})
				return nil, false
			}
		}
		for _, row := range out.Rows {
			row[c] = castTo(row[c], t)
		}
		out.Cols = append(out.Cols, Column{Name: fmt.Sprintf("col%d", c+1), Type: t})
	}
	return out, true
}

// function binds a table-valued function.
func (b *binder) function(rel *sql.FunctionRelation) (bound, bool) {
	name := rel.Call.Name.Name
	if isGenerator(name) && !rel.Stream {
		one := bound{node: &Values{Rows: [][]*expr.Node{{}}}}
		g, ok := b.tableGenerator(one, rel)
		if !ok {
			return bound{}, false
		}
		return b.finish(g.over(one.node, "", nil), "", rel.Watermark, rel.Alias, rel.Columns)
	}
	if strings.EqualFold(name, "range") && !rel.Stream {
		return b.rangeOf(rel)
	}
	f := sql.Fault{Pos: rel.Call.Name.Pos, Class: "UNRESOLVABLE_TABLE_VALUED_FUNCTION", Message: fmt.Sprintf("there is no table function %q", name)}
	switch strings.ToLower(name) {
	case "read_kafka", "read_files":
		f.Hint = "declare the source under configuration: source.<name>.format: kafka and source.<name>.option.subscribe"
	default:
		if expr.IsFunction(name) {
			f.Class, f.Message = "NOT_A_TABLE_FUNCTION", name+" makes a value and no table"
		}
	}
	b.fault(f)
	return bound{}, false
}

// join binds two relations and their condition.
func (b *binder) join(j *sql.Join) (bound, bool) {
	if f, ok := j.Right.(*sql.FunctionRelation); ok && f.Lateral {
		return b.lateralJoin(j, f)
	}
	if sub, ok := j.Right.(*sql.SubRelation); ok && sub.Lateral {
		return b.lateralQueryJoin(j, sub)
	}
	left, ok1 := b.relation(j.Left)
	right, ok2 := b.relation(j.Right)
	if !ok1 || !ok2 {
		return bound{}, false
	}
	if fault := b.streamJoin(j, left.node, right.node); fault != nil {
		b.fault(*fault)
		return bound{}, false
	}
	node := &Join{Kind: j.Kind, Left: left.node, Right: right.node, Text: writtenJoin(j), Pos: j.Pos}
	shift := len(left.node.Columns())
	moved := make([]scopeColumn, len(right.cols))
	for i, c := range right.cols {
		c.node = shifted(c.node, shift)
		moved[i] = c
	}
	both := append(append([]scopeColumn{}, left.cols...), moved...)
	node.Cols = joinColumns(j.Kind, left.node, right.node)
	using := j.Using
	if j.Natural {
		using = sharedNames(left.cols, right.cols, j.Pos)
	}
	semi := j.Kind == "LEFT SEMI" || j.Kind == "LEFT ANTI"
	if len(using) > 0 {
		cols, on, ok := b.using(j, using, left.cols, moved)
		if !ok {
			return bound{}, false
		}
		node.On = on
		if semi {
			cols = left.cols
		}
		return bound{node, cols}, true
	}
	if j.On != nil && hasSubquery(j.On) {
		return b.joinOnSubqueries(j, left, right, both)
	}
	if j.On != nil {
		on, ok := b.condition(b.session.binder(&scope{cols: both, outer: b.around}), j.On, "JOIN ON")
		if !ok {
			return bound{}, false
		}
		node.On = on
	}
	if semi {
		both = left.cols
	}
	return bound{node, both}, true
}

// shifted moves column references up by n.
func shifted(node *expr.Node, n int) *expr.Node {
	return node.Rewrite(func(m *expr.Node) *expr.Node {
		if m.Op == expr.OpColumn {
			m.Index += n
		}
		return m
	})
}

// joinColumns is the output of a join: both sides, or the left one.
func joinColumns(kind string, left, right Node) []Column {
	cols := append([]Column{}, left.Columns()...)
	if kind == "LEFT SEMI" || kind == "LEFT ANTI" {
		return cols
	}
	if kind == JoinMark {
		return append(cols, Column{Name: "matched", Type: column.Of(column.Bool)})
	}
	return append(cols, right.Columns()...)
}

func sharedNames(left, right []scopeColumn, pos sql.Pos) []sql.Ident {
	var names []sql.Ident
	for _, l := range left {
		for _, r := range right {
			if !l.hidden && !r.hidden && strings.EqualFold(l.name, r.name) {
				names = append(names, sql.Ident{Name: l.name, Pos: pos})
				break
			}
		}
	}
	return names
}

// using makes the condition of USING (a, b) and the columns in their order: the shared ones once,
// then the others of both sides.
func (b *binder) using(j *sql.Join, names []sql.Ident, left, right []scopeColumn) ([]scopeColumn, *expr.Node, bool) {
	var first, rest []scopeColumn
	var on *expr.Node
	taken := map[string]bool{}
	for _, name := range names {
		l, _, f1 := match(left, []sql.Ident{name})
		r, _, f2 := match(right, []sql.Ident{name})
		if l == nil || r == nil || f1 != nil || f2 != nil {
			b.fault(sql.Fault{Pos: name.Pos, Class: "UNRESOLVED_USING_COLUMN_FOR_JOIN",
				Message: fmt.Sprintf("column %q of USING is not once on both sides of the join", name.Name)})
			return nil, nil, false
		}
		taken[strings.ToLower(name.Name)] = true
		pair := &scope{cols: []scopeColumn{{name: "l", node: l}, {name: "r", node: r}}}
		eb := b.session.binder(pair)
		lx, rx := hiddenName(0, "l", name.Pos), hiddenName(1, "r", name.Pos)
		equal, ok := b.bind(eb, &sql.Binary{Pos: name.Pos, Op: "=", Left: lx, Right: rx})
		if !ok {
			return nil, nil, false
		}
		value := l
		switch j.Kind {
		case "RIGHT":
			value = r
		case "FULL":
			if value, ok = b.bind(eb, &sql.Call{Pos: name.Pos, Name: sql.Ident{Name: "coalesce", Pos: name.Pos}, Args: []sql.Expr{lx, rx}}); !ok {
				return nil, nil, false
			}
		}
		on = and(on, equal)
		first = append(first, scopeColumn{name: name.Name, node: value})
	}
	for _, side := range [][]scopeColumn{left, right} {
		for _, c := range side {
			c.hidden = c.hidden || taken[strings.ToLower(c.name)]
			rest = append(rest, c)
		}
	}
	return append(first, rest...), on, true
}

// and joins two predicates; nil is none.
func and(a, b *expr.Node) *expr.Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &expr.Node{Op: expr.OpAnd, Type: column.Of(column.Bool), Args: []*expr.Node{a, b}, Pos: a.Pos}
}
