package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// isRanking reports the functions that are nothing without OVER.
func isRanking(name string) bool { return slices.Contains(RankingNames(), name) }

// RankingNames lists the functions that are nothing without OVER.
func RankingNames() []string {
	return []string{"cume_dist", "dense_rank", "lag", "lead", "nth_value", "ntile", "percent_rank", "rank", "row_number"}
}

// windowFunction enters f(…) OVER (…) in the list and returns its placeholder.
func (s *selecting) windowFunction(eb *expr.Binder, c *sql.Call, name string) (*expr.Node, *sql.Fault) {
	if fault := s.mayRank(c, name); fault != nil {
		return nil, fault
	}
	s.inOver++
	defer func() { s.inOver-- }()
	w := WindowCall{Func: name, Frame: c.Over.Frame}
	var fault *sql.Fault
	if w.PartitionBy, fault = bindAll(eb, c.Over.PartitionBy); fault != nil {
		return nil, fault
	}
	for i, n := range w.PartitionBy {
		if expr.HasMap(n.Type) {
			return nil, &sql.Fault{Pos: c.Over.PartitionBy[i].Position(), Class: "EXPRESSION_TYPE_IS_NOT_ORDERABLE",
				Message: "rows cannot be partitioned by " + strings.ToUpper(n.Type.String())}
		}
	}
	for _, o := range c.Over.OrderBy {
		n, faults := eb.Bind(o.Expr)
		if len(faults) > 0 {
			return nil, &faults[0]
		}
		if fault := mayOrder(n, o.Expr.Position()); fault != nil {
			return nil, fault
		}
		key := SortKey{Expr: n, Desc: o.Desc, NullsFirst: !o.Desc}
		if o.NullsFirst != nil {
			key.NullsFirst = *o.NullsFirst
		}
		w.OrderBy = append(w.OrderBy, key)
	}
	if fault := s.frame(&w, c); fault != nil {
		return nil, fault
	}
	if isRanking(name) {
		fault = s.ranking(eb, &w, c, name)
	} else {
		fault = s.windowedAggregate(eb, &w, c, name)
	}
	if fault != nil {
		return nil, fault
	}
	s.wins = append(s.wins, w)
	return &expr.Node{Op: expr.OpColumn, Index: winBase + len(s.wins) - 1, Name: name, Type: w.Type, Pos: c.Pos}, nil
}

// mayOrder is the fault of ordering by what has no order.
func mayOrder(n *expr.Node, pos sql.Pos) *sql.Fault {
	if !expr.HasMap(n.Type) {
		return nil
	}
	return &sql.Fault{Pos: pos, Class: "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", Message: strings.ToUpper(n.Type.String()) + " has no order"}
}

// mayRank checks the place of a window function.
func (s *selecting) mayRank(c *sql.Call, name string) *sql.Fault {
	switch {
	case s.inAgg > 0:
		return &sql.Fault{Pos: c.Pos, Class: "_LEGACY_ERROR_TEMP_1031", Message: "a window function cannot stand in an aggregate", Hint: "compute it in a subquery"}
	case s.phase == inWhere || s.phase == inGroupBy || s.phase == inHaving:
		return &sql.Fault{Pos: c.Pos, Class: "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE", Message: "a window function cannot stand in " + s.phase.String(),
			Hint: "write QUALIFY, or filter in a query around this one"}
	case s.phase >= inSortBy && s.phase <= inDistributeBy:
		return s.notArranged(c)
	case s.inOver > 0:
		return &sql.Fault{Pos: c.Pos, Class: "NESTED_WINDOW_FUNCTION", Message: "a window function cannot stand in another one"}
	case c.Distinct:
		return &sql.Fault{Pos: c.Pos, Class: "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", Message: "a window function takes no DISTINCT"}
	case streams(s.in):
		return &sql.Fault{Pos: c.Pos, Class: "NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING",
			Message: name + " over a stream would have to know the rows to come",
			Hint:    "write the stream into a streaming table and rank it in a MATERIALIZED VIEW"}
	}
	return nil
}

func bindAll(eb *expr.Binder, list []sql.Expr) ([]*expr.Node, *sql.Fault) {
	var out []*expr.Node
	var fault *sql.Fault
	for _, e := range list {
		n, faults := eb.Bind(e)
		if len(faults) > 0 {
			fault = &faults[0]
			continue
		}
		out = append(out, n)
	}
	return out, fault
}

// ranking types a function of the order of rows.
func (s *selecting) ranking(eb *expr.Binder, w *WindowCall, c *sql.Call, name string) *sql.Fault {
	if len(w.OrderBy) == 0 {
		return &sql.Fault{Pos: c.Over.Pos, Class: "WINDOW_FUNCTION_FRAME_NOT_ORDERED", Message: name + " needs ORDER BY in OVER (…)"}
	}
	args, fault := bindAll(eb, c.Args)
	if fault != nil {
		return fault
	}
	least, most := 0, 0
	w.Type = column.Of(column.Int32)
	switch name {
	case "rank", "dense_rank":
		most = len(args) // which say nothing
	case "percent_rank":
		w.Type, most = column.Of(column.Float64), len(args)
	case "cume_dist":
		w.Type = column.Of(column.Float64)
	case "nth_value":
		least, most = 2, 2
	case "ntile":
		least, most = 1, 1
	case "lag", "lead":
		least, most = 1, 3
	}
	if len(args) < least || len(args) > most {
		return &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: fmt.Sprintf("%s takes %d to %d arguments, not %d", name, least, most, len(args))}
	}
	if c.Filter != nil {
		return &sql.Fault{Pos: c.Filter.Position(), Class: "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", Message: name + " takes no FILTER"}
	}
	if c.IgnoreNulls && name != "lag" && name != "lead" && name != "nth_value" {
		return &sql.Fault{Pos: c.Pos, Class: "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", Message: name + " takes no IGNORE NULLS"}
	}
	w.Args, w.IgnoreNulls = args, c.IgnoreNulls
	switch name {
	case "nth_value":
		return s.nthValue(w, c)
	case "ntile":
		if n, ok := constantInt(args[0]); !ok || n < 1 {
			return &sql.Fault{Pos: c.Args[0].Position(), Class: "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", Message: "ntile takes a constant whole number above 0"}
		}
	case "lag", "lead":
		return s.neighbour(w, c)
	}
	return nil
}

// nthValue types nth_value(value, n).
func (s *selecting) nthValue(w *WindowCall, c *sql.Call) *sql.Fault {
	w.Type = w.Args[0].Type
	if w.Args[1].Op != expr.OpConst {
		return &sql.Fault{Pos: c.Args[1].Position(), Class: "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", Message: "the place that nth_value takes is a constant whole number"}
	}
	if n, ok := constantInt(w.Args[1]); !ok || n < 1 {
		return &sql.Fault{Pos: c.Args[1].Position(), Class: "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", Message: "nth_value takes a constant whole number above 0"}
	}
	return nil
}

// neighbour types lag(value[, offset[, default]]).
func (s *selecting) neighbour(w *WindowCall, c *sql.Call) *sql.Fault {
	w.Type = w.Args[0].Type
	if len(w.Args) > 1 {
		if _, ok := constantInt(w.Args[1]); !ok {
			return &sql.Fault{Pos: c.Args[1].Position(), Class: "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", Message: "the offset of " + w.Func + " is a constant whole number"}
		}
	}
	if len(w.Args) > 2 {
		t, ok := commonType(w.Args[0].Type, w.Args[2].Type)
		if !ok {
			return &sql.Fault{Pos: c.Args[2].Position(), Class: "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
				Message: fmt.Sprintf("the default of %s is %s, and the value is %s", w.Func, strings.ToUpper(w.Args[2].Type.String()), strings.ToUpper(w.Args[0].Type.String()))}
		}
		w.Type = t
		w.Args[0], w.Args[2] = castTo(w.Args[0], t), castTo(w.Args[2], t)
	}
	return nil
}

// constantInt is the value of a constant whole number.
func constantInt(n *expr.Node) (int64, bool) {
	if n.Op != expr.OpConst || !n.Type.IsInteger() || n.Const.IsNull(0) {
		return 0, false
	}
	return n.Const.Int[0], true
}

// windowedAggregate is an aggregate over the rows of a frame. Its arguments may hold aggregates of
// the SELECT.
func (s *selecting) windowedAggregate(eb *expr.Binder, w *WindowCall, c *sql.Call, name string) *sql.Fault {
	if !agg.IsAggregate(name) {
		return &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_EXPR_FOR_WINDOW", Message: name + " is no window function"}
	}
	if c.Filter != nil {
		pred, faults := eb.BindPredicate(c.Filter)
		if len(faults) > 0 {
			return &faults[0]
		}
		w.Filter = pred
	}
	switch name {
	case "median", "percentile_cont", "percentile_disc":
		if len(c.Over.OrderBy) > 0 || c.Over.Frame != nil {
			return &sql.Fault{Pos: c.Over.Pos, Class: "INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC", Message: name + " takes PARTITION BY and no more in OVER (…)"}
		}
	}
	name, args, fault := aggregateForm(c, name)
	if fault != nil {
		return fault
	}
	args, limit, fault := s.extremesLimit(name, args)
	if fault != nil {
		return fault
	}
	name, args, made, fault := s.constants(c, name, args)
	if fault != nil {
		return fault
	}
	nodes, fault := bindAll(eb, args)
	if fault != nil {
		return fault
	}
	types := make([]column.Type, len(nodes))
	for i, n := range nodes {
		types[i] = n.Type
	}
	spec, class, err := agg.Resolve(name, false, types)
	if err != nil {
		return &sql.Fault{Pos: c.Pos, Class: class, Message: firstLine(err)}
	}
	if spec = spec.With(made); limit > 0 {
		spec = spec.Limited(limit)
	}
	for i := range nodes {
		nodes[i] = castTo(nodes[i], spec.Args[i])
	}
	if len(nodes) > 1 {
		packed, fault := s.pack(nodes, c.Pos)
		if fault != nil {
			return fault
		}
		nodes = []*expr.Node{packed}
	}
	w.Agg, w.Args, w.Type = &spec, nodes, spec.Type
	return nil
}
