package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A StreamJoin is what the parts of an operator make of their rows together: pairs of a left and a right row with equal
// keys and near times, for which Rest is true, and by its kind the rows that have no partner.
type StreamJoin struct {
	Kind string // INNER, LEFT, RIGHT, FULL, LEFT SEMI

	// Least and Most bound the right row's event time less the left one's, in microseconds; math.MinInt64 and
	// math.MaxInt64: nothing does.
	Least, Most int64
	Window      *TimeWindow // the one in which both times are; nil: none
	Rest        *expr.Node  // over the columns of both sides; nil: true
	NullSafe    []bool      // by key: NULL equals NULL

	Left, Right []Column // what is kept of the rows of each side

	unbounded *sql.Fault // of an inner join whose state never ends; nil: it does
}

// Joined reports a part of a join of streams.
func (o *StreamOp) Joined() bool { return o.Join != nil }

// legacyClass is Spark's class of refusals of streams that have none of their own.
const legacyClass = "_LEGACY_ERROR_TEMP_3102"

// joinBound is the hint of a join without a bound in time.
const joinBound = "bound the times: AND r.ts BETWEEN l.ts AND l.ts + INTERVAL 10 SECONDS"

// foldStreamJoin makes the operators of both sides the parts of one, and an operator over the rows that it gives.
func foldStreamJoin(n *Join, on *expr.Node, at sql.Pos) ([]*StreamOp, *sql.Fault) {
	if n.Pos != (sql.Pos{}) {
		at = n.Pos
	}
	left, fault := fold(n.Left, at)
	if fault != nil {
		return nil, fault
	}
	right, fault := fold(n.Right, at)
	if fault != nil {
		return nil, fault
	}
	s := &joinSplit{node: n, at: at, sides: [2][]*StreamOp{left, right}}
	for side := range s.sides {
		if fault := s.checkSide(side); fault != nil {
			return nil, fault
		}
	}
	if fault := s.split(on); fault != nil {
		return nil, fault
	}
	if fault := s.checkBounds(); fault != nil {
		return nil, fault
	}
	return []*StreamOp{s.operator()}, nil
}

// A joinSplit takes the condition of a join of streams apart.
type joinSplit struct {
	node  *Join
	at    sql.Pos
	sides [2][]*StreamOp
	join  StreamJoin
	keys  [2][]*expr.Node // over the columns of each side
}

// checkSide refuses a side whose rows cannot be joined here.
func (s *joinSplit) checkSide(side int) *sql.Fault {
	for _, op := range s.sides[side] {
		switch {
		case op.Agg != nil, op.From.Kind == StreamingTable && op.From.readsJoin():
			f := notYet(s.at, "a join with a stream of windows or of joined rows")
			f.Hint = "join the streams below first, and group what comes out"
			return f
		case op.From.Kind == StreamingTable:
			f := notYet(s.at, "a join with a stream of the rows of windows")
			f.Hint = "join the streams first and group what comes out, or join tables in a MATERIALIZED VIEW"
			return f
		case len(op.Explosions) > 0:
			f := notYet(s.at, "a join of two streams with the rows that a generator or a join with a table makes")
			f.Hint = "explode what the join of the streams gives, or look it up in the table"
			return f
		case !op.HasTime:
			return &sql.Fault{Pos: s.at, Class: s.class(),
				Message: "a join of two streams needs a watermark on both: without one its state never ends",
				Hint:    "add WATERMARK ts DELAY OF INTERVAL 10 SECONDS to both sides, and " + joinBound}
		}
	}
	return nil
}

// class is Spark's for a join whose state never ends; an inner one Spark takes.
func (s *joinSplit) class() string {
	if s.node.Kind == "INNER" || s.node.Kind == "CROSS" {
		return ""
	}
	return legacyClass
}

// split sorts the parts of the condition: equalities, bounds of the times, and the rest.
func (s *joinSplit) split(on *expr.Node) *sql.Fault {
	j := &s.join
	j.Kind, j.Least, j.Most = s.node.Kind, math.MinInt64, math.MaxInt64
	if j.Kind == "CROSS" {
		j.Kind = "INNER"
	}
	if on != nil {
		for _, c := range Conjuncts(on) {
			bound, equal := s.bound(c), s.equality(c)
			if !bound && !equal {
				j.Rest = and(j.Rest, c)
			}
		}
	}
	switch {
	case s.node.Kind == "LEFT ANTI":
		return &sql.Fault{Pos: s.at, Class: legacyClass, Message: "LEFT ANTI JOIN of two streams is not supported",
			Hint: "write LEFT JOIN, and WHERE r.id IS NULL around it"}
	case j.Kind == JoinMark || !slices.Contains([]string{"INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI"}, j.Kind):
		f := notYet(s.at, "a subquery over a stream in the condition of another")
		f.Hint = "write LEFT SEMI JOIN"
		return f
	case len(s.keys[0]) == 0:
		return &sql.Fault{Pos: s.at, Class: "_LEGACY_ERROR_TEMP_1181", Message: "a join of two streams needs an equality between them",
			Hint: "add one: ON l.id = r.id AND …"}
	}
	return nil
}

// sideOf tells whose columns an expression reads: bit 0 the left ones, bit 1 the right ones.
func (s *joinSplit) sideOf(n *expr.Node) (sides int) {
	width := len(s.node.Left.Columns())
	n.Walk(func(m *expr.Node) {
		switch {
		case m.Op != expr.OpColumn:
		case m.Index < width:
			sides |= 1
		default:
			sides |= 2
		}
	})
	return sides
}

// own is an expression over the columns of one side, numbered as that side has them.
func (s *joinSplit) own(n *expr.Node, side int) *expr.Node {
	if side == 0 {
		return n
	}
	return shifted(n, -len(s.node.Left.Columns()))
}

// equality takes l = r in as a key.
func (s *joinSplit) equality(n *expr.Node) bool {
	if n.Op != expr.OpCall || n.Func != "=" && n.Func != "<=>" || len(n.Args) != 2 {
		return false
	}
	l, r := n.Args[0], n.Args[1]
	if s.sideOf(l) == 2 && s.sideOf(r) == 1 {
		l, r = r, l
	}
	if s.sideOf(l) != 1 || s.sideOf(r) != 2 || !l.Type.Equal(r.Type) {
		return false
	}
	l, r = s.own(l, 0), s.own(r, 1)
	s.keys[0], s.keys[1] = append(s.keys[0], l), append(s.keys[1], r)
	s.join.NullSafe = append(s.join.NullSafe, n.Func == "<=>")
	if w := s.windowOf(l, 0); w != nil {
		if other := s.windowOf(r, 1); other != nil && w.Size == other.Size && w.Offset == other.Offset {
			s.join.Window = w
			s.within(-(w.Size - 1), w.Size-1)
		}
	}
	return true
}

// windowOf is the window of its event time that a column of a side is, or of which it is the start or the end; nil: it is none.
func (s *joinSplit) windowOf(n *expr.Node, side int) (w *TimeWindow) {
	for _, op := range s.sides[side] {
		m := n.Substitute(op.Out)
		if m.Op == expr.OpField && isWindowType(m.Args[0].Type) {
			m = m.Args[0]
		}
		if m.Op != expr.OpCall || m.Func != "window" || m.Args[0].Key() != op.Time.Key() {
			return nil
		}
		size, offset := m.Args[1].Const.Int[0], m.Args[2].Const.Int[0]
		if w != nil && (w.Size != size || w.Offset != offset) {
			return nil
		}
		w = &TimeWindow{Size: size, Slide: size, Offset: offset}
	}
	return w
}

// within takes bounds in of the right time less the left one.
func (s *joinSplit) within(least, most int64) {
	s.join.Least, s.join.Most = max(s.join.Least, least), min(s.join.Most, most)
}

// bound takes a comparison of the two event times in.
func (s *joinSplit) bound(n *expr.Node) bool {
	if n.Op != expr.OpCall || len(n.Args) != 2 {
		return false
	}
	a, plusA, okA := s.timeOf(n.Args[0])
	b, plusB, okB := s.timeOf(n.Args[1])
	if !okA || !okB || a == b {
		return false
	}
	// a + plusA ? b + plusB, so a - b ? plusB - plusA; turned, where a is the left one, into right - left
	by, op := plusB-plusA, n.Func
	if a == 0 {
		by = -by
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[op]
	}
	switch op {
	case "<":
		s.within(math.MinInt64, by-1)
	case "<=":
		s.within(math.MinInt64, by)
	case ">":
		s.within(by+1, math.MaxInt64)
	case ">=":
		s.within(by, math.MaxInt64)
	case "=":
		s.within(by, by)
	default:
		return false
	}
	return true
}

// timeOf takes an event time of a side apart, or one that differs from it by a constant.
func (s *joinSplit) timeOf(n *expr.Node) (side int, plus int64, ok bool) {
	switch {
	case n.Op == expr.OpColumn:
		width := len(s.node.Left.Columns())
		if n.Index < width {
			return 0, 0, s.isTime(n.Index, 0)
		}
		return 1, 0, s.isTime(n.Index-width, 1)
	case n.Op == expr.OpCall && n.Func == "time plus micros" && n.Args[1].Op == expr.OpConst && len(n.Args[1].Const.Int) == 1 && !n.Args[1].Const.IsNull(0):
		side, plus, ok = s.timeOf(n.Args[0])
		by := n.Args[1].Const.Int[0]
		const most = math.MaxInt64 / 8 // 36,000 years: what is beyond bounds nothing
		return side, plus + by, ok && by < most && by > -most && plus < most && plus > -most
	}
	return 0, 0, false
}

// isTime reports the event time among the columns of a side.
func (s *joinSplit) isTime(col, side int) bool {
	for _, op := range s.sides[side] {
		if op.Out[col].Key() != op.Time.Key() {
			return false
		}
	}
	return true
}

// checkBounds refuses a join whose state never ends: left rows wait for right ones up to Most, and right ones for left
// ones up to Least.
func (s *joinSplit) checkBounds() *sql.Fault {
	j := &s.join
	if j.Most != math.MaxInt64 && j.Least != math.MinInt64 {
		return nil
	}
	what := "the state of a join of two streams never ends without a bound on both sides of their times"
	if j.Most != j.Least && (j.Most != math.MaxInt64 || j.Least != math.MinInt64) {
		what = "the state of a join of two streams never ends: one side of their times has no bound"
	}
	f := &sql.Fault{Pos: s.at, Class: s.class(), Message: what, Hint: joinBound + " (the columns are those of the WATERMARK clauses)"}
	if s.class() != "" {
		return f
	}
	f.Hint += ", or set nagare.state.maxRows, at which the pipeline stops"
	j.unbounded = f
	return nil
}

// operator makes the parts and what stands over them.
func (s *joinSplit) operator() *StreamOp {
	n := s.node
	j := s.join
	j.Left, j.Right = n.Left.Columns(), n.Right.Columns()
	d := &Dataset{Kind: StreamingTable, Schema: schemaOf(n), EventTime: -1, Flows: []*Flow{{Root: n, Pos: s.at}}}
	parts := slices.Concat(s.sides[0], s.sides[1])
	for i, part := range parts {
		part.Table, part.Join = d, &j
		part.Head, part.Part, part.Parts = parts[0], i, len(parts)
		if i >= len(s.sides[0]) {
			part.Side = 1
		}
		for _, k := range s.keys[part.Side] {
			part.Keys = append(part.Keys, expr.SortMaps(k.Substitute(part.Out)))
		}
	}
	op := &StreamOp{From: d, Cols: n.Columns(), Inner: parts}
	for i, c := range op.Cols {
		op.Out = append(op.Out, expr.Col(i, c.Name, c.Type))
	}
	return op
}

// foldFilteredJoin folds a WHERE right over an inner join into its condition.
func foldFilteredJoin(n Node, at sql.Pos) (list []*StreamOp, fault *sql.Fault, is bool) {
	f, ok := n.(*Filter)
	if !ok {
		return nil, nil, false
	}
	j, ok := f.In.(*Join)
	if !ok || j.Kind != "INNER" && j.Kind != "CROSS" || !streams(j.Left) || !streams(j.Right) {
		return nil, nil, false
	}
	list, fault = foldStreamJoin(j, and(j.On, f.Pred), at)
	return list, fault, true
}

// joinsOf is the joins inside operators.
func joinsOf(list []*StreamOp) (joins []*StreamJoin) {
	for _, op := range list {
		if op.Joined() && op.Part == 0 {
			joins = append(joins, op.Join)
		}
		joins = append(joins, joinsOf(op.Inner)...)
	}
	return joins
}

// assignWindows adds the window of each row, where it is one.
func assignWindows(list []*StreamOp, n *AssignWindows, at sql.Pos) *sql.Fault {
	if n.Window.Session || n.Window.Slide != n.Window.Size {
		return notYet(at, "a sliding or session window outside GROUP BY on a stream")
	}
	for _, op := range list {
		time := n.Window.Time.Substitute(op.Out)
		op.filter(&expr.Node{Op: expr.OpCall, Func: "isnotnull", Type: column.Of(column.Bool), Args: []*expr.Node{time}})
		w := &expr.Node{Op: expr.OpCall, Func: "window", Type: expr.WindowType(time.Type),
			Args: []*expr.Node{time, microseconds(n.Window.Size), microseconds(n.Window.Offset)}}
		op.Out, op.Cols = append(slices.Clone(op.Out), w), n.Cols
	}
	return nil
}

// readsJoin reports a table whose rows are those of a join of streams.
func (d *Dataset) readsJoin() bool {
	return slices.ContainsFunc(d.Flows, func(f *Flow) bool { return readsJoin(f.Root) })
}

func readsJoin(n Node) bool {
	switch n := n.(type) {
	case *Aggregate:
		return false
	case *Join:
		if streams(n.Left) && streams(n.Right) {
			return true
		}
	case *Scan:
		return n.Dataset.Kind == StreamingTable && n.Stream && n.Dataset.readsJoin()
	}
	return slices.ContainsFunc(n.Inputs(), readsJoin)
}

// joinLag is by how much a time over the columns of n, which gives rows of a join of streams, may lie before the join's
// watermark at most, in microseconds.
func joinLag(time *expr.Node, n Node) (lag int64, ok bool) {
	if time.Op != expr.OpColumn {
		if time.Op == expr.OpCall && time.Func == "time plus micros" && time.Args[1].Op == expr.OpConst && len(time.Args[1].Const.Int) == 1 && !time.Args[1].Const.IsNull(0) {
			lag, ok = joinLag(time.Args[0], n)
			return lag - time.Args[1].Const.Int[0], ok
		}
		return 0, false
	}
	switch n := n.(type) {
	case *Project:
		return joinLag(n.Exprs[time.Index], n.In)
	case *Filter:
		if j, is := n.In.(*Join); is {
			return lagOf(j, n.Pred, time.Index)
		}
		return joinLag(time, n.In)
	case *Watermark:
		return joinLag(time, n.In)
	case *Scan:
		if d := n.Dataset; d.Kind == StreamingTable && len(d.Flows) == 1 {
			return joinLag(time, d.Flows[0].Root)
		}
	case *Join:
		return lagOf(n, nil, time.Index)
	}
	return 0, false
}

// lagOf is joinLag of a column of a join, over which a predicate may stand.
func lagOf(n *Join, pred *expr.Node, col int) (lag int64, ok bool) {
	on := n.On
	if n.Kind == "INNER" || n.Kind == "CROSS" {
		on = and(on, pred)
	}
	list, fault := foldStreamJoin(n, on, n.Pos)
	if fault != nil {
		return 0, false
	}
	j := list[0].Inner[0].Join
	width := len(n.Left.Columns())
	s := &joinSplit{node: n}
	for _, part := range list[0].Inner {
		s.sides[part.Side] = append(s.sides[part.Side], part)
	}
	if col < width {
		return max(j.Most, 0), s.isTime(col, 0)
	}
	return max(-j.Least, 0), s.isTime(col-width, 1)
}

// String is the join's kind and what it goes by, for explain.
func (j *StreamJoin) String() string {
	text := j.Kind + " JOIN"
	switch {
	case j.Window != nil:
		text += fmt.Sprintf(", both times in one window of %s", micros(j.Window.Size))
	case j.Least == math.MinInt64 && j.Most == math.MaxInt64:
		text += ", at any times"
	case j.Least == math.MinInt64:
		text += fmt.Sprintf(", the right time less the left one at most %s", micros(j.Most))
	case j.Most == math.MaxInt64:
		text += fmt.Sprintf(", the right time less the left one at least %s", micros(j.Least))
	default:
		text += fmt.Sprintf(", the right time less the left one from %s to %s", micros(j.Least), micros(j.Most))
	}
	return text
}
