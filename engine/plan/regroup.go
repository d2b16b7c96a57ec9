package plan

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// regroup checks that an aggregate can group the rows of a table of windows once more, by a window of a time that follows
// from theirs: then a watermark passes from the one to the other.
func (o *StreamOp) regroup(time *expr.Node, at sql.Pos) *sql.Fault {
	if len(o.From.Flows) != 1 {
		return notYet(at, "grouping the rows of a table with several flows on a stream")
	}
	if len(o.Explosions) > 0 {
		return notYet(at, "grouping the rows that explode makes of a table of windows on a stream")
	}
	if !o.HasTime { // it comes with the table
		o.Pre, o.Post = nil, append(o.Pre, o.Post...)
		o.HasTime, o.Time = true, time
	}
	edge, ok := edgeOf(o.Time, o.From.Flows[0].Root)
	if o.From.readsJoin() {
		if edge, ok = joinLag(o.Time, o.From.Flows[0].Root); !ok {
			f := notYet(at, "grouping the rows of a join by another time than the event time of one of its sides")
			f.Hint = "use the column of a side's WATERMARK clause in window(…)"
			return f
		}
	}
	if !ok {
		f := notYet(at, "grouping the rows of a table of windows by another time than their window's")
		f.Hint = "use a column that is window.start, window.end or window_time(window) of the table's own query"
		return f
	}
	o.Edge = edge
	return nil
}

// edgeOf finds by how much a time over the columns of n lies before the end of the window that the row is of, in
// microseconds: the size of the window for its start, 0 for its end, 1 for window_time.
func edgeOf(time *expr.Node, n Node) (edge int64, ok bool) {
	switch {
	case time.Op == expr.OpColumn:
		switch n := n.(type) {
		case *Project:
			return edgeOf(n.Exprs[time.Index], n.In)
		case *Filter:
			return edgeOf(time, n.In)
		case *Watermark:
			return edgeOf(time, n.In)
		case *Scan:
			if d := n.Dataset; d.Kind == StreamingTable && len(d.Flows) == 1 {
				return edgeOf(time, d.Flows[0].Root)
			}
		case *Aggregate: // a group by the event time itself is as old as its time
			return 0, n.Window == nil && time.Index < len(n.Keys) && isTimeOf(n.Keys[time.Index], n)
		case *Distinct:
			return 0, n.In.Columns()[time.Index].EventTime && time.Type.Kind == column.Timestamp
		}
	case time.Op == expr.OpField && time.Args[0].Op == expr.OpColumn:
		w := windowAt(time.Args[0].Index, n)
		switch {
		case w == nil || w.Session && time.Index == 0: // a session may begin at any time
			return 0, false
		case time.Index == 1:
			return 0, true
		}
		return w.Size, true
	case time.Op == expr.OpCall && time.Func == "time plus micros" && time.Args[1].Op == expr.OpConst && len(time.Args[1].Const.Int) == 1 && !time.Args[1].Const.IsNull(0):
		edge, ok := edgeOf(time.Args[0], n)
		return edge - time.Args[1].Const.Int[0], ok
	}
	return 0, false
}

// windowAt is the window that a column of n is; nil: it is none.
func windowAt(col int, n Node) *TimeWindow {
	switch n := n.(type) {
	case *Project:
		if e := n.Exprs[col]; e.Op == expr.OpColumn {
			return windowAt(e.Index, n.In)
		}
	case *Filter:
		return windowAt(col, n.In)
	case *Watermark:
		return windowAt(col, n.In)
	case *Scan:
		if d := n.Dataset; d.Kind == StreamingTable && len(d.Flows) == 1 {
			return windowAt(col, d.Flows[0].Root)
		}
	case *Aggregate:
		if n.Window != nil && col == n.WindowKey {
			return n.Window
		}
	}
	return nil
}

// grouping is the window of an aggregate on a stream over the columns below, whose event time is time; nil: it comes with
// a table. Groups by the event time itself are like sessions without a gap, each of one time.
func (n *Aggregate) grouping(below []*expr.Node, time *expr.Node) (w TimeWindow, ok bool) {
	if n.Window != nil {
		return *n.Window, true
	}
	for _, k := range n.Keys {
		if time != nil && k.Substitute(below).Key() == time.Key() || time == nil && isTimeOf(k, n) {
			return TimeWindow{Time: k, Session: true}, true
		}
	}
	return w, false
}

// isTimeOf reports a key of an aggregate over a table that is the event time which comes with the table.
func isTimeOf(k *expr.Node, n *Aggregate) bool {
	cols := n.In.Columns()
	return k.Op == expr.OpColumn && k.Index < len(cols) && cols[k.Index].EventTime && k.Type.Kind == column.Timestamp
}

// aggregate groups by all columns.
func (n *Distinct) aggregate() *Aggregate {
	a := &Aggregate{In: n.In, WindowKey: -1, Cols: n.Columns()}
	for i, c := range a.Cols {
		a.Keys = append(a.Keys, expr.SortMaps(expr.Col(i, c.Name, c.Type)))
	}
	return a
}

// groups reports an operator whose rows come out of windows.
func groups(n Node) bool {
	switch n.(type) {
	case *Aggregate, *Distinct:
		return true
	}
	return false
}
