package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Where a generator stands: in the SELECT list, in LATERAL VIEW, and in FROM as a function of a table.

// generators takes the generators out of the SELECT list. Without groups they make rows of those of FROM, one
// after another, and everything else of the SELECT is over what they make; with groups the one that there may
// be makes rows of the groups.
func (s *selecting) generators() {
	var at []int
	for i := range s.items {
		if c, ok := s.items[i].syn.(*sql.Call); ok && !s.items[i].done && isGenerator(c.Name.Name) {
			s.items[i].generator = true
			at = append(at, i)
			continue
		}
		if aliases := s.items[i].aliases; len(aliases) > 0 {
			s.fault(sql.Fault{Pos: aliases[0].Pos, Class: "MULTI_ALIAS_WITHOUT_GENERATOR", Message: "several names go with a generator only, as explode or inline", Hint: "write AS " + aliases[0].Name})
		}
	}
	grouped := len(at) > 0 && s.groups()
	if grouped && len(at) > 1 {
		s.fault(sql.Fault{Pos: s.items[at[1]].syn.Position(), Class: "UNSUPPORTED_GENERATOR.MULTI_GENERATOR", Message: fmt.Sprintf("beside groups there is one generator, not %d", len(at)),
			Hint: "write the others in a query around this one"})
		return
	}
	for i := 0; i < len(s.items); i++ {
		if s.items[i].generator {
			i += s.generate(i, grouped)
		}
	}
}

// groups reports, by what is written, whether the SELECT makes groups.
func (s *selecting) groups() bool {
	grouped := s.body.GroupBy != nil
	for _, it := range s.body.Items {
		sql.Walk(it.Expr, func(e sql.Expr) {
			c, ok := e.(*sql.Call)
			grouped = grouped || ok && c.Over == nil && (c.Star || agg.IsAggregate(strings.ToLower(c.Name.Name)))
		})
	}
	return grouped
}

// generate puts the columns of a generator in the place of item i, and returns by how many the list grew.
func (s *selecting) generate(i int, grouped bool) int {
	it := s.items[i]
	call := it.syn.(*sql.Call)
	s.phase = inGenerator
	g := s.b.generator(s.binder(), call)
	s.phase = inWhere
	names := it.aliases
	if it.alias != nil {
		names = []sql.Ident{*it.alias}
	}
	switch {
	case g == nil:
		s.failed, s.items[i].done, s.items[i].generator = true, true, false
		return 0
	case len(names) > 0 && len(names) != len(g.cols):
		s.fault(aliasMismatch(call.Pos, call, g, len(names)))
	}
	if at := s.windowCallIn(g.rows); at != nil && !grouped {
		s.fault(*notYet(at.Pos, "window(…) in a generator"))
	}
	if uses(g.rows, winBase, genBase) && !grouped {
		s.fault(*notYet(call.Pos, "a window function in a generator"))
	}
	if s.failed {
		s.items[i].done, s.items[i].generator = true, false
		return 0
	}
	first := genBase
	if grouped {
		s.gen = g
	} else {
		first = len(s.in.Columns())
		s.in = g.over(s.in, "", nil)
	}
	made := make([]item, len(g.cols))
	for k, c := range g.cols {
		made[k] = item{syn: it.syn, name: c.Name, node: at2(&expr.Node{Name: c.Name, Type: c.Type, Pos: call.Pos}, first+k), done: true}
		if len(names) > 0 {
			made[k].alias, made[k].name = &names[k], names[k].Name
			made[k].node.Name = names[k].Name
		}
	}
	s.items = append(s.items[:i:i], append(made, s.items[i+1:]...)...)
	return len(made) - 1
}

func aliasMismatch(pos sql.Pos, c *sql.Call, g *generator, names int) sql.Fault {
	var cols []string
	for _, col := range g.cols {
		cols = append(cols, col.Name)
	}
	return sql.Fault{Pos: pos, Class: "UDTF_ALIAS_NUMBER_MISMATCH",
		Message: fmt.Sprintf("%s makes the columns %s: %d, and there are %d names", strings.ToLower(c.Name.Name), strings.Join(cols, ", "), len(cols), names)}
}

// strayGenerator is the fault of a generator that is no column of the SELECT list by itself.
func (s *selecting) strayGenerator(c *sql.Call) *sql.Fault {
	f := &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", Message: fmt.Sprintf("%s cannot stand in %s", strings.ToLower(c.Name.Name), s.phase),
		Hint: "write it in a subquery, or as LATERAL VIEW"}
	switch {
	case s.phase == inSelect || s.phase == inGenerator || s.inAgg > 0 || s.inOver > 0:
		return nestedGenerator(c)
	case s.phase == inGroupBy:
		f.Class = "UNSUPPORTED_EXPR_FOR_OPERATOR"
	}
	return f
}

func nestedGenerator(c *sql.Call) *sql.Fault {
	return &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS", Message: fmt.Sprintf("%s cannot stand inside another expression", strings.ToLower(c.Name.Name)),
		Hint: "give it a column of its own in a subquery, or write LATERAL VIEW"}
}

// generated puts the generator of a grouped SELECT above its groups.
func (s *selecting) generated(node Node) Node {
	if s.gen == nil {
		return node
	}
	for _, n := range []*expr.Node{s.having, s.qualify} {
		if n != nil && uses(n, genBase, 1<<30) {
			s.fault(sql.Fault{Pos: n.Pos, Class: "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", Message: "HAVING and QUALIFY come before the generator of a query with groups", Hint: "filter in a query around this one"})
			return node
		}
	}
	s.genAt = len(node.Columns())
	g := *s.gen
	g.rows = s.lower(g.rows)
	return g.over(node, "", nil)
}

// lateralScope binds the arguments of a generator in FROM.
func (b *binder) lateralScope(cols []scopeColumn) *expr.Binder {
	eb := b.session.binder(&scope{cols: cols, outer: b.around})
	eb.Call = func(_ *expr.Binder, c *sql.Call) (*expr.Node, *sql.Fault) {
		if isGenerator(c.Name.Name) {
			return nil, nestedGenerator(c)
		}
		return nil, nil
	}
	return eb
}

// lateralView puts LATERAL VIEW [OUTER] on a relation.
func (b *binder) lateralView(in bound, v sql.LateralView) (bound, bool) {
	c := v.Generator
	if !isGenerator(c.Name.Name) {
		b.fault(notGenerator(c))
		return bound{}, false
	}
	g := b.generator(b.lateralScope(in.cols), c)
	if g == nil {
		return bound{}, false
	}
	if len(v.Columns) > 0 && len(v.Columns) != len(g.cols) {
		b.fault(aliasMismatch(v.Columns[0].Pos, c, g, len(v.Columns)))
		return bound{}, false
	}
	g.outer = g.outer || v.Outer
	return in.with(g, v.Table.Name, v.Columns), true
}

func notGenerator(c *sql.Call) sql.Fault {
	f := sql.Fault{Pos: c.Name.Pos, Class: "ROUTINE_NOT_FOUND", Message: fmt.Sprintf("there is no generator %q", c.Name.Name),
		Hint: didYouMean(strings.ToLower(c.Name.Name), []string{"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple"})}
	if expr.IsFunction(c.Name.Name) {
		f.Class, f.Message = "UNSUPPORTED_GENERATOR.NOT_GENERATOR", fmt.Sprintf("%s is no generator: LATERAL VIEW takes explode, posexplode, inline, stack and json_tuple", strings.ToLower(c.Name.Name))
		f.Hint = ""
	}
	return f
}

// with adds the columns that a generator makes of the relation's rows.
func (in bound) with(g *generator, qualifier string, names []sql.Ident) bound {
	x := g.over(in.node, qualifier, names)
	out := bound{node: x, cols: append([]scopeColumn{}, in.cols...)}
	for i := len(in.node.Columns()); i < len(x.Cols); i++ {
		c := x.Cols[i]
		out.cols = append(out.cols, scopeColumn{name: c.Name, qualifier: qualifier, node: expr.Col(i, c.Name, c.Type)})
	}
	return out
}

// tableGenerator binds a generator that stands in FROM as a table, over in: one row without columns, or what
// stands before LATERAL.
func (b *binder) tableGenerator(in bound, rel *sql.FunctionRelation) (*generator, bool) {
	g := b.generator(b.lateralScope(in.cols), rel.Call)
	if g == nil {
		return nil, false
	}
	if n := len(rel.Columns); n > 0 && n != len(g.cols) {
		f := aliasMismatch(rel.Columns[0].Pos, rel.Call, g, n)
		f.Class = "NUM_TABLE_VALUE_ALIASES_MISMATCH"
		b.fault(f)
		return nil, false
	}
	return g, true
}

// lateral puts LATERAL generator(…) behind a relation.
func (b *binder) lateral(in bound, rel *sql.FunctionRelation, outer bool) (bound, bool) {
	if !isGenerator(rel.Call.Name.Name) {
		return b.function(rel)
	}
	g, ok := b.tableGenerator(in, rel)
	if !ok {
		return bound{}, false
	}
	g.outer = g.outer || outer
	return in.with(g, aliasOf(rel.Alias), rel.Columns), true
}

func aliasOf(alias *sql.Ident) string {
	if alias == nil {
		return ""
	}
	return alias.Name
}

// lateralJoin binds left JOIN LATERAL generator(…) [ON condition].
func (b *binder) lateralJoin(j *sql.Join, rel *sql.FunctionRelation) (bound, bool) {
	left, ok := b.relation(j.Left)
	if !ok {
		return bound{}, false
	}
	if fault := lateralKind(j); fault != nil {
		b.fault(*fault)
		return bound{}, false
	}
	out, ok := b.lateral(left, rel, j.Kind == "LEFT")
	if !ok || j.On == nil || j.Kind == "LEFT" {
		return out, ok
	}
	on, ok := b.condition(b.session.binder(&scope{cols: out.cols}), j.On, "JOIN ON")
	if !ok {
		return bound{}, false
	}
	out.node = &Filter{In: out.node, Pred: on}
	return out, true
}

// lateralKind is the fault of a join that LATERAL cannot be the right side of.
func lateralKind(j *sql.Join) *sql.Fault {
	switch {
	case j.Natural:
		return &sql.Fault{Pos: j.Pos, Class: "INCOMPATIBLE_JOIN_TYPES", Message: "a NATURAL join takes no LATERAL", Hint: "leave NATURAL out"}
	case len(j.Using) > 0:
		return &sql.Fault{Pos: j.Using[0].Pos, Class: "UNSUPPORTED_FEATURE.LATERAL_JOIN_USING", Message: "a join with LATERAL takes no USING", Hint: "write ON"}
	case j.Kind == "INNER", j.Kind == "CROSS":
		return nil
	case j.Kind != "LEFT":
		return &sql.Fault{Pos: j.Pos, Class: "INVALID_LATERAL_JOIN_TYPE", Message: j.Kind + " JOIN takes no LATERAL", Hint: "JOIN, CROSS JOIN and LEFT JOIN do"}
	case j.On == nil:
		return &sql.Fault{Pos: j.Pos, Message: "LEFT JOIN LATERAL without ON drops rows without elements on Spark", Hint: "write ON true to keep them, or JOIN to drop them"}
	}
	if lit, is := j.On.(*sql.Literal); is && lit.Kind == sql.LitTrue {
		return nil
	}
	return &sql.Fault{Pos: j.On.Position(), Message: "LEFT JOIN LATERAL … ON with a condition is not in this version yet", Hint: "write ON true, and filter the array: explode(filter(a, x -> …))"}
}
