package sql

import (
	"fmt"
	"strings"
)

func (f *formatter) query(q *Query) {
	for i, c := range q.With {
		f.write(map[bool]string{true: "WITH ", false: ", "}[i == 0], firstName(c.Name))
		if c.Columns != nil {
			f.names(c.Columns)
		}
		f.write(" AS ")
		f.parenthesized(c.Query)
	}
	if q.With != nil {
		f.write(" ")
	}
	f.body(q.Body)
	f.arrangement(q)
	if q.Limit != nil {
		f.write(" LIMIT ")
		f.expr(q.Limit, bindAny)
	}
	if q.Offset != nil {
		f.write(" OFFSET ")
		f.expr(q.Offset, bindAny)
	}
}

func (f *formatter) arrangement(q *Query) {
	if q.OrderBy != nil {
		f.write(" ORDER BY ")
		f.orderItems(q.OrderBy)
	}
	if q.ClusterBy != nil {
		f.write(" CLUSTER BY ")
		f.exprs(q.ClusterBy)
	}
	if q.DistributeBy != nil {
		f.write(" DISTRIBUTE BY ")
		f.exprs(q.DistributeBy)
	}
	if q.SortBy != nil {
		f.write(" SORT BY ")
		f.orderItems(q.SortBy)
	}
}

func (f *formatter) body(body SetExpr) {
	switch b := body.(type) {
	case *SelectBody:
		f.selectBody(b)
	case *SetOp:
		f.setOperand(b.Left, b.Op == "INTERSECT", false)
		f.write(" ", b.Op, map[bool]string{false: " ", true: " ALL "}[b.All])
		f.setOperand(b.Right, b.Op == "INTERSECT", true)
	case *Values:
		f.values(b)
	case *SubQuery:
		f.parenthesized(b.Query)
	default:
		panic(fmt.Sprintf("BUG: format %T", b))
	}
}

// setOperand writes one side of a set operation, in parentheses if the tree demands them.
func (f *formatter) setOperand(body SetExpr, inIntersect, right bool) {
	op, ok := body.(*SetOp)
	if ok && (right && (inIntersect || op.Op != "INTERSECT") || inIntersect && op.Op != "INTERSECT") {
		f.write("(")
		f.body(body)
		f.write(")")
		return
	}
	f.body(body)
}

func (f *formatter) values(v *Values) {
	f.write("VALUES ")
	for i, row := range v.Rows {
		if i > 0 {
			f.write(", ")
		}
		f.write("(")
		f.exprs(row)
		f.write(")")
	}
}

func (f *formatter) selectBody(s *SelectBody) {
	f.write("SELECT ")
	if s.Distinct {
		f.write("DISTINCT ")
	}
	for i, item := range s.Items {
		if i > 0 {
			f.write(", ")
		}
		f.expr(item.Expr, bindAny)
		switch {
		case item.Alias != nil:
			f.write(" AS ", name(*item.Alias))
		case item.Aliases != nil:
			f.write(" AS ")
			f.names(item.Aliases)
		}
	}
	for i, r := range s.From {
		f.write(map[bool]string{true: " FROM ", false: ", "}[i == 0])
		f.relation(r)
	}
	for _, v := range s.Lateral {
		f.lateralView(v)
	}
	f.clause(" WHERE ", s.Where)
	if s.GroupBy != nil {
		f.groupBy(s.GroupBy)
	}
	f.clause(" HAVING ", s.Having)
	f.clause(" QUALIFY ", s.Qualify)
}

func (f *formatter) clause(word string, e Expr) {
	if e != nil {
		f.write(word)
		f.expr(e, bindAny)
	}
}

func (f *formatter) groupBy(g *GroupBy) {
	f.write(" GROUP BY ")
	switch {
	case g.All:
		f.write("ALL")
	case g.Kind == "SETS":
		f.exprs(g.Exprs)
		f.write(map[bool]string{true: "GROUPING SETS (", false: " GROUPING SETS ("}[len(g.Exprs) == 0])
		for i, set := range g.Sets {
			f.write(map[bool]string{true: "(", false: ", ("}[i == 0])
			for k, e := range set {
				if k > 0 {
					f.write(", ")
				}
				f.expr(g.Exprs[e], bindAny)
			}
			f.write(")")
		}
		f.write(")")
	case g.Kind != "":
		f.write(g.Kind, "(")
		f.exprs(g.Exprs)
		f.write(")")
	default:
		for i, e := range g.Exprs {
			if i > 0 {
				f.write(", ")
			}
			call, ok := e.(*Call)
			if ok && (strings.EqualFold(call.Name.Name, "rollup") || strings.EqualFold(call.Name.Name, "cube")) {
				f.write("(") // a function of that name, not the clause
				f.call(call)
				f.write(")")
				continue
			}
			f.expr(e, bindAny)
		}
	}
}

func (f *formatter) lateralView(v LateralView) {
	f.write(" LATERAL VIEW ")
	if v.Outer {
		f.write("OUTER ")
	}
	f.call(v.Generator)
	if v.Table.Name != "" {
		f.write(" ", firstName(v.Table))
	}
	for i, c := range v.Columns {
		f.write(map[bool]string{true: " AS ", false: ", "}[i == 0], name(c))
	}
}

func (f *formatter) relation(r Relation) {
	switch r := r.(type) {
	case *TableRef:
		if r.Stream {
			f.write("STREAM ")
		}
		f.path(r.Parts)
		if r.Options != nil {
			f.write(" WITH ")
			f.properties(r.Options)
		}
		f.watermark(r.Watermark)
		f.alias(r.Alias, r.Columns)
	case *SubRelation:
		if r.Lateral {
			f.write("LATERAL ")
		}
		f.parenthesized(r.Query)
		f.watermark(r.Watermark)
		f.alias(r.Alias, r.Columns)
	case *ValuesRelation:
		f.values(r.Values)
		f.alias(r.Alias, r.Columns)
	case *FunctionRelation:
		if r.Lateral {
			f.write("LATERAL ")
		}
		if r.Stream {
			f.write("STREAM ")
		}
		f.write(firstName(r.Call.Name), "(")
		f.exprs(r.Call.Args)
		f.write(")")
		f.watermark(r.Watermark)
		f.alias(r.Alias, r.Columns)
	case *Join:
		f.join(r)
	case *Pivot:
		f.pivot(r)
	case *Unpivot:
		f.unpivot(r)
	default:
		panic(fmt.Sprintf("BUG: format %T", r))
	}
}

func (f *formatter) join(r *Join) {
	f.relation(r.Left)
	if r.Natural {
		f.write(" NATURAL")
	}
	if r.Kind != "INNER" {
		f.write(" ", r.Kind)
	}
	f.write(" JOIN ")
	if _, ok := r.Right.(*Join); ok {
		f.write("(")
		f.relation(r.Right)
		f.write(")")
	} else {
		f.relation(r.Right)
	}
	f.clause(" ON ", r.On)
	if r.Using != nil {
		f.write(" USING ")
		f.names(r.Using)
	}
}

func (f *formatter) watermark(w *Watermark) {
	if w == nil {
		return
	}
	f.write(" WATERMARK ")
	switch w.Expr.(type) {
	case *Name, *Call, *Cast, *Case, *Extract:
		f.expr(w.Expr, bindAny)
	default:
		f.write("(")
		f.expr(w.Expr, bindAny)
		f.write(")")
	}
	if w.Alias != nil {
		f.write(" AS ", name(*w.Alias))
	}
	f.write(" DELAY OF ")
	f.interval(w.Delay)
}

func (f *formatter) alias(alias *Ident, columns []Ident) {
	if alias == nil {
		return
	}
	f.write(" AS ", name(*alias))
	if columns != nil {
		f.names(columns)
	}
}

// properties writes ('key' = 'value', …).
func (f *formatter) properties(list []Property) {
	f.write("(")
	for i, p := range list {
		if i > 0 {
			f.write(", ")
		}
		f.write(quoteString(p.Key), " = ", quoteString(p.Value))
	}
	f.write(")")
}

func (f *formatter) statement(s Statement) {
	switch s := s.(type) {
	case *CreateTable:
		f.createTable(s)
	case *CreateView:
		f.createView(s)
	case *CreateFlow:
		f.write("CREATE FLOW ", name(s.Name))
		f.comment(s.Comment)
		f.write(" AS INSERT INTO ")
		f.qualified(s.TargetQualifier, s.Target)
		f.write(" BY NAME ")
		f.query(s.Query)
	case *Set:
		f.write("SET ", settingText(s.Prop.Key, false), " = ", settingText(s.Prop.Value, true))
	case *Use:
		f.write("USE ", firstName(s.Name))
	case *Select:
		f.query(s.Query)
	default:
		panic(fmt.Sprintf("BUG: format %T", s))
	}
}

func (f *formatter) createTable(s *CreateTable) {
	f.write("CREATE ", map[bool]string{false: "MATERIALIZED VIEW ", true: "STREAMING TABLE "}[s.Streaming])
	if s.IfNotExists {
		f.write("IF NOT EXISTS ")
	}
	f.qualified(s.Qualifier, s.Name)
	if s.Columns != nil {
		f.write(" (")
		f.columns(s.Columns, " ")
		f.write(")")
	}
	if s.Using != "" {
		f.write(" USING ", name(Ident{Name: s.Using}))
	}
	if s.PartitionBy != nil {
		f.write(" PARTITIONED BY ")
		f.names(s.PartitionBy)
	}
	if s.ClusterBy != nil {
		f.write(" CLUSTER BY ")
		f.names(s.ClusterBy)
	}
	f.comment(s.Comment)
	if s.Properties != nil {
		f.write(" TBLPROPERTIES ")
		f.properties(s.Properties)
	}
	if s.Query != nil {
		f.write(" AS ")
		f.query(s.Query)
	}
}

func (f *formatter) createView(s *CreateView) {
	f.write("CREATE ")
	if s.OrReplace {
		f.write("OR REPLACE ")
	}
	if s.Temporary {
		f.write("TEMPORARY ")
	}
	f.write("VIEW ")
	if s.IfNotExists {
		f.write("IF NOT EXISTS ")
	}
	f.qualified(s.Qualifier, s.Name)
	if s.Columns != nil {
		f.write(" ")
		f.names(s.Columns)
	}
	f.comment(s.Comment)
	if s.Properties != nil {
		f.write(" TBLPROPERTIES ")
		f.properties(s.Properties)
	}
	f.write(" AS ")
	f.query(s.Query)
}

func (f *formatter) comment(text string) {
	if text != "" {
		f.write(" COMMENT ", quoteString(text))
	}
}

func (f *formatter) qualified(qualifier []Ident, last Ident) {
	for _, q := range qualifier {
		f.write(name(q), ".")
	}
	f.write(name(last))
}

// settingText writes the key or the value of SET: bare where it reads back, else in backticks.
func settingText(s string, blanks bool) string {
	bare := s != "" && !strings.Contains(s, "--") && !strings.Contains(s, "  ")
	for i := range len(s) {
		c := s[i]
		inside := i > 0 && i < len(s)-1
		if !isWordByte(c) && c != '.' && c != ':' && !(inside && (c == '-' || c == '/' || c == '+' || c == ' ' && blanks)) {
			bare = false
		}
	}
	if bare {
		return s
	}
	return quoteName(s)
}
