package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// PIVOT and UNPIVOT are written as the queries that they stand for: PIVOT as an aggregate for each value,
// filtered by it; UNPIVOT as inline of an array of the columns.

// ready is a relation that is bound already, as one of a query that is made here.
type ready struct {
	sql.Relation
	bound bound
}

// pivot binds relation PIVOT (…).
func (b *binder) pivot(p *sql.Pivot) (bound, bool) {
	in, ok := b.relation(p.In)
	if !ok {
		return bound{}, false
	}
	if streams(in.node) {
		b.fault(*notYet(p.Pos, "PIVOT of a stream"))
		return bound{}, false
	}
	used := map[int]bool{}
	mark := func(name *sql.Name) bool {
		for i, c := range in.cols {
			if n, _, _ := match([]scopeColumn{c}, name.Parts); n != nil {
				used[i] = true
				return true
			}
		}
		return false
	}
	var names []sql.Expr
	for _, id := range p.For {
		name := &sql.Name{Parts: []sql.Ident{id}}
		if !mark(name) {
			b.fault(sql.Fault{Pos: id.Pos, Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: fmt.Sprintf("column %q does not exist", id.Name), Hint: didYouMean(id.Name, columnNames(in.node.Columns()))})
			return bound{}, false
		}
		names = append(names, name)
	}
	for _, item := range p.Aggs {
		found := false
		sql.Walk(item.Expr, func(e sql.Expr) {
			switch e := e.(type) {
			case *sql.Name:
				mark(e)
			case *sql.Call:
				found = found || agg.IsAggregate(strings.ToLower(e.Name.Name)) || e.Star
			}
		})
		if !found {
			b.fault(sql.Fault{Pos: item.Expr.Position(), Class: "_LEGACY_ERROR_TEMP_1006", Message: "PIVOT takes aggregates, and " + sql.Format(item.Expr) + " is none"})
			return bound{}, false
		}
	}
	body := &sql.SelectBody{Pos: p.Pos, From: []sql.Relation{ready{bound: in}}}
	for i, c := range in.cols {
		if !used[i] && !c.hidden {
			key := hiddenName(i, c.name, p.Pos)
			if body.GroupBy == nil {
				body.GroupBy = &sql.GroupBy{Pos: p.Pos}
			}
			body.GroupBy.Exprs = append(body.GroupBy.Exprs, key)
			alias := sql.Ident{Name: c.name, Quoted: true, Pos: p.Pos}
			body.Items = append(body.Items, sql.SelectItem{Expr: key, Alias: &alias})
		}
	}
	for _, v := range p.Values {
		items, ok := b.pivotColumns(p, names, v)
		if !ok {
			return bound{}, false
		}
		body.Items = append(body.Items, items...)
	}
	node, _, ok := b.selectQuery(body, nil, b.around)
	if !ok {
		return bound{}, false
	}
	return b.finish(node, "", nil, p.Alias, p.Columns)
}

// pivotColumns is the columns of one value: the aggregates of the rows that have it, NULL where none has.
func (b *binder) pivotColumns(p *sql.Pivot, names []sql.Expr, v sql.SelectItem) ([]sql.SelectItem, bool) {
	eb := b.session.binder(&scope{})
	n, faults := eb.Bind(v.Expr)
	if len(faults) > 0 || n.Op != expr.OpConst {
		f := sql.Fault{Pos: v.Expr.Position(), Class: "NON_LITERAL_PIVOT_VALUES", Message: "the values of PIVOT are constants, and " + sql.Format(v.Expr) + " is none"}
		b.fault(f)
		return nil, false
	}
	value := "null"
	switch {
	case v.Alias != nil:
		value = v.Alias.Name
	case !n.Const.IsNull(0):
		value = string(codec.AppendValueText(nil, n.Const, 0, zoneOr(b.session.zone)))
	}
	values := []sql.Expr{v.Expr}
	if row, is := v.Expr.(*sql.Row); is && len(names) > 1 {
		values = row.Exprs
	}
	if len(values) != len(names) {
		b.fault(sql.Fault{Pos: v.Expr.Position(), Class: "PIVOT_VALUE_DATA_TYPE_MISMATCH", Message: fmt.Sprintf("PIVOT is for %d columns, and the value has %d parts", len(names), len(values))})
		return nil, false
	}
	var has sql.Expr
	for i, name := range names {
		var same sql.Expr = &sql.Binary{Pos: p.Pos, Op: "<=>", Left: name, Right: values[i]}
		if has != nil {
			same = &sql.Binary{Pos: p.Pos, Op: "AND", Left: has, Right: same}
		}
		has = same
	}
	var out []sql.SelectItem
	for _, item := range p.Aggs {
		// A copy, whose aggregates are filtered.
		e, faults := sql.ParseExpr("pivot", sql.Format(item.Expr))
		if len(faults) > 0 {
			b.report(faults)
			return nil, false
		}
		sql.Walk(e, func(e sql.Expr) {
			c, is := e.(*sql.Call)
			if !is || !c.Star && !agg.IsAggregate(strings.ToLower(c.Name.Name)) {
				return
			}
			if c.Filter == nil {
				c.Filter = has
			} else {
				c.Filter = &sql.Binary{Pos: p.Pos, Op: "AND", Left: c.Filter, Right: has}
			}
		})
		any := &sql.Call{Pos: p.Pos, Name: sql.Ident{Name: "bool_or", Pos: p.Pos}, Args: []sql.Expr{has}}
		name := value
		if len(p.Aggs) > 1 {
			name += "_"
			if item.Alias != nil {
				name += item.Alias.Name
			} else {
				name += sql.Format(item.Expr)
			}
		}
		alias := sql.Ident{Name: name, Quoted: true, Pos: p.Pos}
		out = append(out, sql.SelectItem{Expr: &sql.Case{Pos: p.Pos, Whens: []sql.When{{Cond: any, Result: e}}}, Alias: &alias})
	}
	return out, true
}

// unpivot binds relation UNPIVOT (…).
func (b *binder) unpivot(u *sql.Unpivot) (bound, bool) {
	in, ok := b.relation(u.In)
	if !ok {
		return bound{}, false
	}
	used := map[int]bool{}
	var rows []sql.Expr
	for _, set := range u.Sets {
		if len(set.Columns) != len(u.Values) {
			b.fault(sql.Fault{Pos: u.Pos, Class: "UNPIVOT_VALUE_SIZE_MISMATCH", Message: fmt.Sprintf("UNPIVOT makes %d values of %d columns", len(u.Values), len(set.Columns))})
			return bound{}, false
		}
		var parts []string
		row := []sql.Expr{text(u.Name.Name, u.Pos), nil}
		for _, c := range set.Columns {
			at := -1
			for i, col := range in.cols {
				if n, _, _ := match([]scopeColumn{col}, c.Parts); n != nil && at < 0 {
					at = i
				}
			}
			last := c.Parts[len(c.Parts)-1]
			if at < 0 {
				b.fault(sql.Fault{Pos: last.Pos, Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: fmt.Sprintf("column %q does not exist", last.Name), Hint: didYouMean(last.Name, columnNames(in.node.Columns()))})
				return bound{}, false
			}
			used[at] = true
			parts = append(parts, in.cols[at].name)
			row = append(row, text(u.Values[len(parts)-1].Name, u.Pos), hiddenName(at, in.cols[at].name, u.Pos))
		}
		label := strings.Join(parts, "_")
		if set.Alias != nil {
			label = set.Alias.Name
		}
		row[1] = text(label, u.Pos)
		rows = append(rows, &sql.Call{Pos: u.Pos, Name: sql.Ident{Name: "named_struct", Pos: u.Pos}, Args: row})
	}
	if f := b.unpivotTypes(in, u, rows); f != nil {
		b.fault(*f)
		return bound{}, false
	}
	body := &sql.SelectBody{Pos: u.Pos, From: []sql.Relation{ready{bound: in}}}
	for i, c := range in.cols {
		if !used[i] && !c.hidden {
			alias := sql.Ident{Name: c.name, Quoted: true, Pos: u.Pos}
			body.Items = append(body.Items, sql.SelectItem{Expr: hiddenName(i, c.name, u.Pos), Alias: &alias})
		}
	}
	made := append([]sql.Ident{u.Name}, u.Values...)
	body.Items = append(body.Items, sql.SelectItem{Aliases: made,
		Expr: &sql.Call{Pos: u.Pos, Name: sql.Ident{Name: "inline", Pos: u.Pos}, Args: []sql.Expr{
			&sql.Call{Pos: u.Pos, Name: sql.Ident{Name: "array", Pos: u.Pos}, Args: rows}}}})
	node, _, ok := b.selectQuery(body, nil, b.around)
	if !ok {
		return bound{}, false
	}
	out, ok := b.finish(node, "", nil, u.Alias, u.Columns)
	if !ok || u.IncludeNulls {
		return out, ok
	}
	var some sql.Expr
	first := len(out.cols) - len(u.Values)
	for i := range u.Values {
		var has sql.Expr = &sql.Is{Pos: u.Pos, Expr: hiddenName(first+i, u.Values[i].Name, u.Pos), Not: true, What: "NULL"}
		if some != nil {
			has = &sql.Binary{Pos: u.Pos, Op: "OR", Left: some, Right: has}
		}
		some = has
	}
	pred, ok := b.condition(b.session.binder(&scope{cols: out.cols}), some, "UNPIVOT")
	if !ok {
		return bound{}, false
	}
	out.node = &Filter{In: out.node, Pred: pred}
	return out, true
}

func text(s string, pos sql.Pos) sql.Expr {
	return &sql.Literal{Pos: pos, Kind: sql.LitString, Text: s}
}

// unpivotTypes is the fault of columns that have no type in common.
func (b *binder) unpivotTypes(in bound, u *sql.Unpivot, rows []sql.Expr) *sql.Fault {
	eb := b.session.binder(&scope{cols: in.cols})
	for v := range u.Values {
		var first *expr.Node
		for _, row := range rows {
			n, faults := eb.Bind(row.(*sql.Call).Args[2*v+3])
			if len(faults) > 0 {
				return &faults[0]
			}
			if first == nil {
				first = n
				continue
			}
			if t, ok := expr.Widest(first.Type, n.Type); !ok {
				return &sql.Fault{Pos: u.Pos, Class: "UNPIVOT_VALUE_DATA_TYPE_MISMATCH",
					Message: fmt.Sprintf("the columns of UNPIVOT are %s and %s, which have no type in common", strings.ToUpper(first.Type.String()), strings.ToUpper(n.Type.String()))}
			} else {
				first = castTo(first, t)
			}
		}
	}
	return nil
}

func zoneOr(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}
