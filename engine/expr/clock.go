package expr

import "github.com/nagare-stream/nagare/engine/column"

// A Clock is current_timestamp() of rows of a stream: it stands in the log with them, so that they come out the same
// whenever they are computed. It belongs to one goroutine.
type Clock struct {
	At      []int64  // by row of the batch in hand, microseconds; nil: Now is that of all
	Origins []uint32 // by row of the batch in hand: its row in At; nil: the same
	Now     int64
}

// now is current_timestamp() of a row.
func (x *exec) now(row uint32) int64 {
	c := x.env.Clock
	switch {
	case c == nil:
		return x.env.Now
	case c.At == nil:
		return c.Now
	}
	if x.owner != nil {
		row = x.owner[row]
	}
	if c.Origins != nil {
		row = c.Origins[row]
	}
	return c.At[row]
}

// AsksClock reports whether current_timestamp() or one of its like is called in the expression.
func (n *Node) AsksClock() (asks bool) {
	n.Walk(func(m *Node) {
		fn := lookup(m.Func)
		asks = asks || m.Op == OpCall && fn != nil && fn.perQuery
	})
	return asks
}

// ReadsClock reports whether the expression's value can depend on current_timestamp(): it calls it, or reads a text as a
// timestamp, which may be a time of the day.
func (n *Node) ReadsClock() (reads bool) {
	if n.AsksClock() {
		return true
	}
	n.Walk(func(m *Node) {
		reads = reads || len(m.Args) > 0 && m.Type.Kind == column.Timestamp && m.Args[0].Type.Kind == column.String
	})
	return reads
}
