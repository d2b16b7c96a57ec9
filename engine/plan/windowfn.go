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
	return []string{"cume_dist", "dense_rank", "lag", "lead", "ntile", "percent_rank", "rank", "row_number"}
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
	case s.phase == inWhere || s.phase == inGroupBy || s.phase == inHaving || s.inAgg > 0:
		return &sql.Fault{Pos: c.Pos, Class: "_LEGACY_ERROR_TEMP_1034", Message: "a window function cannot stand in " + s.phase.String(),
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
		return &sql.Fault{Pos: c.Over.Pos, Class: "_LEGACY_ERROR_TEMP_1037", Message: name + " needs ORDER BY in OVER (…)"}
	}
	args, fault := bindAll(eb, c.Args)
	if fault != nil {
		return fault
	}
	least, most := 0, 0
	w.Type = column.Of(column.Int32)
	switch name {
	case "percent_rank", "cume_dist":
		w.Type = column.Of(column.Float64)
	case "ntile":
		least, most = 1, 1
	case "lag", "lead":
		least, most = 1, 3
	}
	if len(args) < least || len(args) > most {
		return &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: fmt.Sprintf("%s takes %d to %d arguments, not %d", name, least, most, len(args))}
	}
	if c.Filter != nil {
		return notYet(c.Filter.Position(), "FILTER of a window function")
	}
	if c.IgnoreNulls {
		return notYet(c.Pos, name+" with IGNORE NULLS")
	}
	w.Args = args
	switch name {
	case "ntile":
		if n, ok := constantInt(args[0]); !ok || n < 1 {
			return &sql.Fault{Pos: c.Args[0].Position(), Class: "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", Message: "ntile takes a constant whole number above 0"}
		}
	case "lag", "lead":
		return s.neighbour(w, c)
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
		return notYet(c.Filter.Position(), "FILTER of a window function")
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

// frame reads ROWS or RANGE BETWEEN …; its offsets are constants.
func (s *selecting) frame(w *WindowCall, c *sql.Call) *sql.Fault {
	f := w.Frame
	if f == nil {
		return nil
	}
	if isRanking(strings.ToLower(c.Name.Name)) {
		return &sql.Fault{Pos: f.Pos, Class: "_LEGACY_ERROR_TEMP_1036", Message: c.Name.Name + " takes no frame"}
	}
	for _, bound := range []struct {
		b   sql.Bound
		dst *int64
	}{{f.Start, &w.Start}, {f.End, &w.End}} {
		if bound.b.Offset == nil {
			continue
		}
		if !f.Rows {
			return notYet(f.Pos, "RANGE with an offset")
		}
		n, fault := s.rowOffset(bound.b.Offset)
		if fault != nil {
			return fault
		}
		*bound.dst = n
		if bound.b.Kind == "PRECEDING" {
			*bound.dst = -n
		}
	}
	if f.Rows && f.Start.Kind == "UNBOUNDED FOLLOWING" || f.End.Kind == "UNBOUNDED PRECEDING" || f.Start.Offset != nil && f.End.Offset != nil && w.Start > w.End {
		return &sql.Fault{Pos: f.Pos, Class: "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON", Message: "the frame ends before it starts"}
	}
	return nil
}

// rowOffset is the distance of a bound of ROWS, a constant INT.
func (s *selecting) rowOffset(e sql.Expr) (int64, *sql.Fault) {
	n, faults := s.b.session.binder(&scope{}).Bind(e)
	if len(faults) > 0 {
		return 0, &faults[0]
	}
	x, ok := constantInt(n)
	if !ok || n.Type.Kind != column.Int32 {
		return 0, &sql.Fault{Pos: e.Position(), Class: "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
			Message: "an offset of ROWS is a constant INT, not " + strings.ToUpper(n.Type.String())}
	}
	return x, nil
}
