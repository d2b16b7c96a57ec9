package plan

import (
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

const needsWatermark = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"

// checkStream refuses what a SELECT over a stream cannot do: what would need rows to come, and what
// would keep every key for ever.
func (s *selecting) checkStream() bool {
	if !streams(s.in) {
		return true
	}
	ok := true
	if len(s.order) > 0 {
		s.fault(sortedStream(s.order[0]))
		ok = false
	}
	if s.grouped {
		ok = s.checkGrouping() && ok
	}
	if s.gen != nil {
		s.fault(sql.Fault{Pos: s.gen.syn.Pos, Message: "a generator over an aggregate on a stream is not in this version yet",
			Hint: "write the aggregate into a streaming table, and read that one as a stream"})
		ok = false
	}
	if s.body.Distinct {
		ok = s.checkDistinct() && ok
	}
	return ok
}

func sortedStream(key orderKey) sql.Fault {
	if key.clause != inOrderBy {
		return sql.Fault{Pos: key.pos, Message: key.clause.String() + " is not supported on a stream, whose rows go to their tables as they come",
			Hint: "leave it out; partitions are those of the topic, and order is that of a MATERIALIZED VIEW"}
	}
	return sql.Fault{Pos: key.pos, Message: "sorting is not supported on a stream, which has no last row",
		Hint: "write the stream into a streaming table and order it in a MATERIALIZED VIEW"}
}

// checkGrouping checks that groups of a stream come to an end: by a window of the event time.
func (s *selecting) checkGrouping() bool {
	pos := s.body.Pos
	if s.body.GroupBy != nil {
		pos = s.body.GroupBy.Pos
	}
	hasTime := false
	for _, c := range s.in.Columns() {
		hasTime = hasTime || c.EventTime
	}
	if !hasTime {
		s.fault(sql.Fault{Pos: pos, Class: needsWatermark, Message: "an aggregate of a stream without a watermark never comes to an end",
			Hint: "add WATERMARK ts DELAY OF INTERVAL 10 SECONDS behind the relation, and GROUP BY window(ts, '1 minute')"})
		return false
	}
	var window, session, time *expr.Node
	for _, k := range s.keys {
		switch {
		case isWindowCall(k) && k.Func == callSession:
			session = k
		case isWindowCall(k), isWindowType(k.Type) && k.Op == expr.OpColumn:
			window = k
		case s.isEventTime(k):
			time = k
		}
	}
	switch {
	case session != nil && len(s.keys) == 1:
		s.fault(sql.Fault{Pos: session.Pos, Class: "STREAM_FAILED", Message: "session_window on a stream needs another key beside it", Hint: "add the key whose sessions these are to GROUP BY"})
	case session != nil && !s.isEventTime(session.Args[0]):
		s.fault(sql.Fault{Pos: session.Pos, Class: needsWatermark, Message: "the sessions are of another time than the watermark",
			Hint: "use the column of the WATERMARK clause in session_window(…)"})
	case session == nil && window == nil && time == nil:
		s.fault(sql.Fault{Pos: pos, Class: needsWatermark, Message: "the keys hold no window of the event time: the groups never come to an end",
			Hint: "add window(ts, '1 minute') to GROUP BY"})
	case window != nil && isWindowCall(window) && !s.isEventTime(window.Args[0]), window != nil && window.Op == expr.OpColumn && !s.isEventTime(window):
		s.fault(sql.Fault{Pos: window.Pos, Class: needsWatermark, Message: "the window is over another time than the watermark",
			Hint: "use the column of the WATERMARK clause in window(…)"})
	default:
		return s.checkInherited(pos)
	}
	return false
}

// checkInherited notes for Spark's users a watermark that comes with a table: there it never closes
// a window.
func (s *selecting) checkInherited(pos sql.Pos) bool {
	if inherits(s.in) {
		s.b.r.portable(pos, "", "the watermark is inherited from a table: Spark accepts it and never emits a row", "add a WATERMARK clause")
	}
	return true
}

// inherits reports that the event time of n comes from a table.
func inherits(n Node) bool {
	switch n := n.(type) {
	case *Watermark:
		return false
	case *Scan:
		return n.Stream && n.Dataset.Kind == StreamingTable
	}
	for _, in := range n.Inputs() {
		if inherits(in) {
			return true
		}
	}
	return false
}

// checkDistinct: DISTINCT is a grouping by all columns.
func (s *selecting) checkDistinct() bool {
	for _, it := range s.items {
		if s.isEventTime(it.node) {
			return true
		}
	}
	s.fault(sql.Fault{Pos: s.body.Pos, Class: needsWatermark, Message: "DISTINCT without the column of the watermark keeps every row for ever",
		Hint: "add the event time to the columns, or GROUP BY a window"})
	return false
}

// streamJoin checks a join where a side is a stream.
func (b *binder) streamJoin(j *sql.Join, left, right Node) *sql.Fault {
	l, r := streams(left), streams(right)
	switch {
	case !l && !r:
		return nil
	case !l && (j.Kind == "LEFT" || j.Kind == "FULL" || j.Kind == "LEFT SEMI" || j.Kind == "LEFT ANTI"),
		!r && (j.Kind == "RIGHT" || j.Kind == "FULL"):
		return &sql.Fault{Pos: j.Pos, Class: "_LEGACY_ERROR_TEMP_3102", Message: j.Kind + " JOIN cannot keep the rows of a table beside a stream: it never knows that none will match",
			Hint: "let the stream be the side whose rows are kept"}
	case l && r:
		return nil // foldJoin looks at the whole of it
	}
	if !r {
		return notConstant(right, j.Pos)
	}
	return notConstant(left, j.Pos)
}
