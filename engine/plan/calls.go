package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// call is the expression binder's hook: it takes aggregates, window functions and window(…), and
// leaves every other function alone.
func (s *selecting) call(eb *expr.Binder, c *sql.Call) (*expr.Node, *sql.Fault) {
	name := strings.ToLower(c.Name.Name)
	switch {
	case isGenerator(name):
		return nil, s.strayGenerator(c)
	case c.Over != nil:
		return s.windowFunction(eb, c, name)
	case name == "window" || name == "session_window":
		return s.timeWindow(eb, c, name)
	case name == "window_time":
		return s.windowTime(eb, c)
	case name == "grouping" || name == "grouping_id":
		return s.grouping(eb, c, name)
	case agg.IsAggregate(name):
		return s.aggregate(eb, c, name)
	case laterAggregate(name):
		return nil, &sql.Fault{Pos: c.Pos, Class: "UNRESOLVED_ROUTINE", Message: "aggregate " + name + " is not in this version yet"}
	case expr.IsModelFunction(name):
		return s.modelByName(eb, c, name)
	case isRanking(name):
		return nil, &sql.Fault{Pos: c.Pos, Class: "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", Message: name + " needs OVER (…)"}
	}
	return nil, nil
}

// laterAggregate reports Spark's aggregates that are not here.
func laterAggregate(name string) bool {
	switch name {
	case "histogram_numeric", "count_min_sketch", "bitmap_or_agg", "bitmap_and_agg", "bitmap_construct_agg", "hll_sketch_agg", "hll_union_agg":
		return true
	}
	return false
}

// aggregate enters an aggregate call in the list, unless it is there already, and returns its
// placeholder.
func (s *selecting) aggregate(eb *expr.Binder, c *sql.Call, name string) (*expr.Node, *sql.Fault) {
	if fault := s.mayAggregate(c); fault != nil {
		return nil, fault
	}
	spec, arg, fault := s.aggregateArgs(eb, c, name)
	if fault != nil {
		return nil, fault
	}
	call := AggCall{Spec: spec, Arg: arg, Text: sql.Format(c)}
	if c.Filter != nil {
		s.enter()
		pred, faults := eb.BindPredicate(c.Filter)
		s.leave()
		if len(faults) > 0 {
			return nil, &faults[0]
		}
		call.Filter = pred
	}
	if spec.Distinct && streams(s.in) {
		s.b.r.portable(c.Pos, "", "DISTINCT in an aggregate on a stream is refused by Spark", "write size(collect_set(x)) there")
	}
	key := call.key()
	i, ok := s.aggBy[key]
	if !ok {
		i = len(s.aggs)
		s.aggBy[key] = i
		s.aggs = append(s.aggs, call)
	}
	return &expr.Node{Op: expr.OpColumn, Index: aggBase + i, Name: call.Text, Type: spec.Type, Pos: c.Pos}, nil
}

func (a *AggCall) key() string {
	text := fmt.Sprintf("%s %v %d %s", a.Spec.Name, a.Spec.Distinct, a.Spec.Limit, a.Spec.Key())
	for _, n := range []*expr.Node{a.Arg, a.Filter} {
		text += "\x00"
		if n != nil {
			text += n.Key()
		}
	}
	return text
}

// mayAggregate checks the place of an aggregate.
func (s *selecting) mayAggregate(c *sql.Call) *sql.Fault {
	switch {
	case s.inAgg > 0:
		return &sql.Fault{Pos: c.Pos, Class: "NESTED_AGGREGATE_FUNCTION", Message: "an aggregate cannot be the argument of an aggregate",
			Hint: "compute the inner one in a subquery"}
	case s.phase == inWhere:
		return &sql.Fault{Pos: c.Pos, Class: "INVALID_WHERE_CONDITION", Message: "an aggregate cannot stand in WHERE", Hint: "write it in HAVING"}
	case s.phase == inGroupBy:
		return &sql.Fault{Pos: c.Pos, Class: "GROUP_BY_AGGREGATE", Message: "an aggregate cannot stand in GROUP BY"}
	case s.phase == inClusterBy || s.phase == inDistributeBy:
		return s.notArranged(c)
	}
	return nil
}

// enter and leave surround what is bound over the rows below an aggregate.
func (s *selecting) enter() { s.inAgg++ }
func (s *selecting) leave() { s.inAgg-- }

// aggregateArgs binds the arguments of an aggregate and resolves it for their types. Several
// arguments are packed into one struct.
func (s *selecting) aggregateArgs(eb *expr.Binder, c *sql.Call, name string) (agg.Spec, *expr.Node, *sql.Fault) {
	name, args, fault := aggregateForm(c, name)
	if fault != nil {
		return agg.Spec{}, nil, fault
	}
	args, limit, fault := s.extremesLimit(name, args)
	if fault != nil {
		return agg.Spec{}, nil, fault
	}
	name, args, made, fault := s.constants(c, name, args)
	if fault != nil {
		return agg.Spec{}, nil, fault
	}
	s.enter()
	before := s.from.before
	s.from.before = nil
	nodes := make([]*expr.Node, 0, len(args))
	for _, a := range args {
		n, faults := eb.Bind(a)
		if len(faults) > 0 {
			fault = &faults[0]
			continue
		}
		nodes = append(nodes, n)
	}
	s.from.before = before
	s.leave()
	if fault != nil {
		return agg.Spec{}, nil, fault
	}
	types := make([]column.Type, len(nodes))
	for i, n := range nodes {
		types[i] = n.Type
	}
	spec, class, err := agg.Resolve(name, c.Distinct, types)
	if err != nil {
		return spec, nil, &sql.Fault{Pos: c.Pos, Class: class, Message: firstLine(err)}
	}
	if spec = spec.With(made); limit > 0 {
		spec = spec.Limited(limit)
	}
	for i := range nodes {
		nodes[i] = castTo(nodes[i], spec.Args[i])
		if spec.Distinct {
			nodes[i] = expr.SortMaps(nodes[i])
		}
	}
	switch len(nodes) {
	case 0:
		return spec, nil, nil
	case 1:
		return spec, nodes[0], nil
	}
	packed, fault := s.pack(nodes, c.Pos)
	return spec, packed, fault
}

// pack makes one struct of several nodes.
func (s *selecting) pack(nodes []*expr.Node, pos sql.Pos) (*expr.Node, *sql.Fault) {
	parts := &scope{}
	call := &sql.Call{Pos: pos, Name: sql.Ident{Name: "struct", Pos: pos}}
	for i, n := range nodes {
		name := fmt.Sprintf("col%d", i+1)
		parts.cols = append(parts.cols, scopeColumn{name: name, node: n})
		call.Args = append(call.Args, hiddenName(i, name, pos))
	}
	eb := s.b.session.binder(parts)
	n, faults := eb.Bind(call)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}

// aggregateForm checks the forms of a call that only aggregates have, and gives the name and the
// arguments as agg.Resolve takes them.
func aggregateForm(c *sql.Call, name string) (string, []sql.Expr, *sql.Fault) {
	args := c.Args
	if c.Star {
		if name != "count" {
			return "", nil, &sql.Fault{Pos: c.Pos, Class: "INVALID_USAGE_OF_STAR_OR_REGEX", Message: name + "(*) is not possible: only count takes *"}
		}
		args = nil
	}
	if name == "count" && len(args) == 0 && !c.Star && !c.Distinct {
		return "", nil, &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITH_SUGGESTION", Message: "count takes at least one argument", Hint: "write count(*) to count rows"}
	}
	ignore := c.IgnoreNulls
	base, picks := name, true
	switch name {
	case "first", "first_value":
		base = "first"
	case "last", "last_value":
		base = "last"
	case "any_value":
	default:
		picks = false
	}
	if picks && len(args) == 2 {
		lit, ok := args[1].(*sql.Literal)
		if !ok || lit.Kind != sql.LitTrue && lit.Kind != sql.LitFalse {
			return "", nil, &sql.Fault{Pos: args[1].Position(), Class: "_LEGACY_ERROR_TEMP_1210", Message: "the second argument of " + name + " is true or false"}
		}
		ignore = ignore || lit.Kind == sql.LitTrue
		args = args[:1]
	}
	switch {
	case ignore && !picks:
		return "", nil, &sql.Fault{Pos: c.Pos, Class: "FUNCTION_WITH_UNSUPPORTED_SYNTAX", Message: name + " takes no IGNORE NULLS"}
	case ignore:
		name = base + "_ignore_nulls"
	}
	return name, args, nil
}

// grouping is grouping(key) or grouping_id(): which keys a row of ROLLUP or CUBE left out.
func (s *selecting) grouping(eb *expr.Binder, c *sql.Call, name string) (*expr.Node, *sql.Fault) {
	if s.body.GroupBy == nil || s.body.GroupBy.Kind == "" {
		return nil, &sql.Fault{Pos: c.Pos, Class: "UNSUPPORTED_GROUPING_EXPRESSION", Message: name + " goes with ROLLUP or CUBE only"}
	}
	if name == "grouping_id" && len(c.Args) == 0 {
		return expr.Col(aggBase+groupingColumn, name, column.Of(column.Int64)), nil
	}
	if name == "grouping_id" {
		return s.wholeGroupingID(eb, c)
	}
	if len(c.Args) != 1 {
		return nil, &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: "grouping takes one key"}
	}
	n, faults := eb.Bind(c.Args[0])
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	for i, k := range s.keys {
		if k.Key() == n.Key() {
			return s.groupingBit(len(s.keys)-1-i, c.Pos)
		}
	}
	return nil, &sql.Fault{Pos: c.Args[0].Position(), Class: "GROUPING_COLUMN_MISMATCH", Message: "the argument of grouping is no key of GROUP BY"}
}

// wholeGroupingID is grouping_id of all the keys in their order.
func (s *selecting) wholeGroupingID(eb *expr.Binder, c *sql.Call) (*expr.Node, *sql.Fault) {
	nodes, fault := bindAll(eb, c.Args)
	if fault != nil {
		return nil, fault
	}
	same := len(nodes) == len(s.keys)
	for i := 0; same && i < len(nodes); i++ {
		same = nodes[i].Key() == s.keys[i].Key()
	}
	if !same {
		return nil, &sql.Fault{Pos: c.Pos, Class: "GROUPING_ID_COLUMN_MISMATCH", Message: "grouping_id takes all the keys of GROUP BY in their order, or nothing"}
	}
	return expr.Col(aggBase+groupingColumn, "grouping_id", column.Of(column.Int64)), nil
}

// groupingColumn is the place of the grouping id among the aggregates' placeholders.
const groupingColumn = 1 << 20

// groupingBit takes one bit of the grouping id; bit 0 is the last key's.
func (s *selecting) groupingBit(bit int, pos sql.Pos) (*expr.Node, *sql.Fault) {
	id := &scope{cols: []scopeColumn{{name: "id", node: expr.Col(aggBase+groupingColumn, "grouping_id", column.Of(column.Int64))}}}
	number := func(n int) sql.Expr { return &sql.Literal{Pos: pos, Kind: sql.LitLong, Text: fmt.Sprint(n)} }
	eb := expr.Binder{Scope: id}
	n, faults := eb.Bind(&sql.Cast{Pos: pos, Type: sql.TypeName{Pos: pos, Name: "TINYINT"},
		Expr: &sql.Binary{Pos: pos, Op: "%", Right: number(2),
			Left: &sql.Binary{Pos: pos, Op: "DIV", Left: hiddenName(0, "id", pos), Right: number(1 << bit)}}})
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}
