package plan

import (
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// arrange binds ORDER BY and what Spark has beside it for the partitions of its cluster. Here a query has one:
// DISTRIBUTE BY leaves the rows as they are, SORT BY and CLUSTER BY sort them all.
func (s *selecting) arrange(q *sql.Query) {
	if q == nil {
		return
	}
	s.phase = inDistributeBy
	for _, e := range q.DistributeBy {
		s.orderBy(sql.OrderItem{Expr: e})
	}
	s.phase = inClusterBy
	for _, e := range q.ClusterBy {
		s.orderBy(sql.OrderItem{Expr: e})
	}
	s.phase = inSortBy
	for _, o := range q.SortBy {
		s.orderBy(o)
	}
	s.phase = inOrderBy
	for _, o := range q.OrderBy {
		s.orderBy(o)
	}
}

// isArranged reports a query with one of the clauses that arrange reads.
func isArranged(q *sql.Query) bool {
	return len(q.OrderBy)+len(q.SortBy)+len(q.ClusterBy)+len(q.DistributeBy) > 0
}

// notArranged is the fault of an aggregate or window function where rows are sent to partitions by it.
func (s *selecting) notArranged(c *sql.Call) *sql.Fault {
	return &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_EXPR_FOR_OPERATOR", Message: strings.ToLower(c.Name.Name) + " cannot stand in " + s.phase.String(),
		Hint: "give it a name in the list, and write the name"}
}

// isAll reports the ALL of ORDER BY ALL, where no column is called so.
func (s *selecting) isAll(e sql.Expr) bool {
	name, ok := e.(*sql.Name)
	if !ok || len(name.Parts) != 1 || name.Parts[0].Quoted || !strings.EqualFold(name.Parts[0].Name, "all") {
		return false
	}
	n, _, fault := s.from.Resolve(name.Parts)
	return n == nil && (fault == nil || fault.Class != "AMBIGUOUS_REFERENCE")
}

func (s *selecting) orderBy(o sql.OrderItem) {
	key := orderKey{desc: o.Desc, nullsFirst: !o.Desc, pos: o.Expr.Position(), clause: s.phase}
	if o.NullsFirst != nil {
		key.nullsFirst = *o.NullsFirst
	}
	if s.phase == inOrderBy && s.isAll(o.Expr) {
		for _, it := range s.items {
			if key.node = it.node; key.node != nil {
				s.order = append(s.order, key)
			}
		}
		return
	}
	if s.phase == inOrderBy || s.phase == inSortBy { // elsewhere a number is a constant
		if i, is, ok := s.ordinal(o.Expr, "ORDER_BY_POS_OUT_OF_RANGE"); is {
			if ok && s.items[i].node != nil {
				key.node = s.items[i].node
				s.order = append(s.order, key)
			}
			return
		}
	}
	n, ok := s.b.bind(s.eb, o.Expr)
	if !ok {
		s.failed = true
		return
	}
	if fault := mayOrder(n, key.pos); fault != nil && s.phase != inDistributeBy {
		s.fault(*fault)
		return
	}
	key.node = n
	s.order = append(s.order, key)
}
