package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// groupBy binds the keys: expressions, places in the list, or aliases of it.
func (s *selecting) groupBy() {
	g := s.body.GroupBy
	if g == nil {
		return
	}
	s.grouped = true
	keys := g.Exprs
	if g.All {
		column := sql.Ident{Name: "all", Pos: g.Pos}
		if n, _, fault := match(s.from.cols, []sql.Ident{column}); n == nil && fault == nil {
			s.groupAll = true
			return
		}
		keys = []sql.Expr{&sql.Name{Parts: []sql.Ident{column}}}
	}
	if g.Kind == "CUBE" && len(g.Exprs) > maxGroupingSet || len(g.Exprs) > 60 {
		s.fault(sql.Fault{Pos: g.Pos, Class: "GROUPING_SIZE_LIMIT_EXCEEDED", Message: fmt.Sprintf("%d keys are too many", len(g.Exprs))})
		return
	}
	places := make([]int, len(keys)) // of the keys' expressions among the keys
	for i, e := range keys {
		s.phase = inGroupBy
		before := len(s.b.r.faults)
		n, ok := s.groupKey(e)
		if !ok {
			s.failed = true
			s.missWindow(e, before)
			s.forgetWindow(e)
			continue
		}
		places[i] = s.addKey(n, e)
	}
	if g.Kind == "SETS" {
		s.groupingSets(g, places)
	}
	if g.Kind != "" {
		s.from.after = append(s.from.after, scopeColumn{name: "grouping__id", node: expr.Col(aggBase+groupingColumn, "grouping__id", column.Of(column.Int64))})
	}
}

// groupingSets is the sets of GROUPING SETS, by places of keys in ascending order.
func (s *selecting) groupingSets(g *sql.GroupBy, places []int) {
	for _, set := range g.Sets {
		keys := []int{}
		for _, e := range set {
			if k := places[e]; !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		s.sets = append(s.sets, keys)
	}
}

// missWindow gives the fault of a key's window the class that Spark has for it where the list names the window:
// there the column is missing, here what it is missing for is said too, as one fault.
func (s *selecting) missWindow(key sql.Expr, before int) {
	c, ok := key.(*sql.Call)
	if !ok {
		return
	}
	name := strings.ToLower(c.Name.Name)
	if name != "window" && name != "session_window" || !s.listNames(name) {
		return
	}
	for i := range s.b.r.faults[before:] {
		if f := &s.b.r.faults[before+i]; strings.HasPrefix(f.Class, "DATATYPE_MISMATCH.") {
			f.Class = "UNRESOLVED_COLUMN.WITH_SUGGESTION"
			f.Message = fmt.Sprintf("column %q does not exist, since GROUP BY cannot make it: %s", name, f.Message)
		}
	}
}

// listNames reports a name in the SELECT list that no column has.
func (s *selecting) listNames(name string) bool {
	if n, _, fault := match(s.from.cols, []sql.Ident{{Name: name}}); n != nil || fault != nil {
		return false
	}
	found := false
	for _, it := range s.body.Items {
		sql.Walk(it.Expr, func(e sql.Expr) {
			if n, ok := e.(*sql.Name); ok && strings.EqualFold(n.Parts[0].Name, name) {
				found = true
			}
		})
	}
	return found
}

// forgetWindow notes that the window of a key which has a fault is unknown, not missing.
func (s *selecting) forgetWindow(key sql.Expr) {
	note := func(e sql.Expr) {
		if c, ok := e.(*sql.Call); ok {
			switch name := strings.ToLower(c.Name.Name); name {
			case "window", "session_window":
				s.from.unknown = append(s.from.unknown, name)
			}
		}
	}
	sql.Walk(key, note)
	for _, it := range s.body.Items { // which a key may name
		sql.Walk(it.Expr, note)
	}
}

// addKey adds a key that is not there yet, and returns its place.
func (s *selecting) addKey(n *expr.Node, syn sql.Expr) int {
	for i, k := range s.keys {
		if k.Key() == n.Key() {
			return i
		}
	}
	s.keys, s.keySyn = append(s.keys, n), append(s.keySyn, syn)
	if name := windowName(n); name != "" {
		s.from.after = append(s.from.after, scopeColumn{name: name, node: n})
	}
	return len(s.keys) - 1
}

func (s *selecting) groupKey(e sql.Expr) (*expr.Node, bool) {
	if lit, ok := e.(*sql.Literal); ok && lit.Kind == sql.LitInteger && slices.ContainsFunc(s.body.Items, func(it sql.SelectItem) bool { return hasStar(it.Expr) }) {
		s.fault(sql.Fault{Pos: lit.Pos, Class: "STAR_GROUP_BY_POS", Message: "GROUP BY cannot take a place in a list that holds *", Hint: "name the keys"})
		return nil, false
	}
	if i, is, ok := s.ordinal(e, "GROUP_BY_POS_OUT_OF_RANGE"); is {
		if !ok {
			return nil, false
		}
		s.bindItem(i)
		n := s.items[i].node
		if n != nil && uses(n, aggBase, winBase) {
			s.fault(sql.Fault{Pos: e.Position(), Class: "GROUP_BY_POS_AGGREGATE", Message: fmt.Sprintf("column %d of the list is an aggregate, which cannot be grouped by", i+1)})
			return nil, false
		}
		return n, n != nil
	}
	if name, ok := e.(*sql.Name); ok && len(name.Parts) == 1 {
		if n, _, fault := match(s.from.cols, name.Parts); n == nil && fault == nil {
			for i := range s.items {
				if a := s.items[i].alias; a != nil && strings.EqualFold(a.Name, name.Parts[0].Name) {
					s.bindItem(i)
					return s.aliasKey(i, e)
				}
			}
		}
	}
	return s.b.bind(s.eb, e)
}

func hasStar(e sql.Expr) bool {
	switch e := e.(type) {
	case *sql.Star:
		return true
	case *sql.Aliased:
		return hasStar(e.Expr)
	case *sql.Call:
		return slices.ContainsFunc(e.Args, hasStar)
	}
	return false
}

func (s *selecting) aliasKey(i int, e sql.Expr) (*expr.Node, bool) {
	n := s.items[i].node
	if n != nil && uses(n, genBase, 1<<30) {
		s.fault(sql.Fault{Pos: e.Position(), Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: fmt.Sprintf("%q is made of the groups by a generator, and is no column to group by", s.items[i].name),
			Hint: "write the generator in a subquery, or as LATERAL VIEW"})
		return nil, false
	}
	if n != nil && uses(n, aggBase, winBase) {
		s.fault(sql.Fault{Pos: e.Position(), Class: "GROUP_BY_AGGREGATE", Message: fmt.Sprintf("%q is an aggregate, which cannot be grouped by", s.items[i].name)})
		return nil, false
	}
	return n, n != nil
}

// ordinal reads 1, 2, … as a place in the SELECT list.
func (s *selecting) ordinal(e sql.Expr, class string) (i int, is, ok bool) {
	lit, isLiteral := e.(*sql.Literal)
	if !isLiteral || lit.Kind != sql.LitInteger {
		return 0, false, false
	}
	var n int
	if _, err := fmt.Sscanf(lit.Text, "%d", &n); err != nil || n < 1 || n > len(s.items) {
		s.fault(sql.Fault{Pos: lit.Pos, Class: class, Message: fmt.Sprintf("there is no column %s in the list of %d", lit.Text, len(s.items))})
		return 0, true, false
	}
	return n - 1, true, true
}

// groupByAll makes keys of all columns of the list that hold no aggregate.
func (s *selecting) groupByAll() {
	if !s.groupAll || s.failed {
		return
	}
	for i := range s.items {
		if n := s.items[i].node; !uses(n, aggBase, 1<<30) {
			s.addKey(n, s.items[i].syn)
		}
	}
	if s.gen != nil && !uses(s.gen.rows, aggBase, 1<<30) {
		s.addKey(s.gen.rows, s.gen.syn)
	}
	for i := range s.items {
		if n := s.items[i].node; uses(n, aggBase, 1<<30) && s.strayColumn(n) != nil {
			s.fault(sql.Fault{Pos: s.items[i].syn.Position(), Class: "UNRESOLVED_ALL_IN_GROUP_BY",
				Message: "GROUP BY ALL cannot tell the keys of an expression that holds both columns and aggregates", Hint: "name the keys"})
			return
		}
	}
}
