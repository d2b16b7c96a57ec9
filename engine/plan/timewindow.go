package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/engine/window"
)

// A call of window or session_window is kept as an OpCall while a SELECT is bound: its arguments are
// the time, then the durations as BIGINT constants in microseconds. Its Func is no function of
// package expr, or it would be folded there: build turns it into an Aggregate's Window or an
// AssignWindows.
const (
	callWindow  = "time window"
	callSession = "session window"
)

// windowName is the name by which a key can be referred to, or "".
func windowName(n *expr.Node) string {
	if isWindowCall(n) {
		return n.Name
	}
	return ""
}

func isWindowCall(n *expr.Node) bool {
	return n.Op == expr.OpCall && (n.Func == callWindow || n.Func == callSession)
}

// windowCallIn finds the first call of window or session_window in an expression.
func (s *selecting) windowCallIn(n *expr.Node) *expr.Node {
	var found *expr.Node
	if n != nil {
		n.Walk(func(m *expr.Node) {
			if found == nil && isWindowCall(m) {
				found = m
			}
		})
	}
	return found
}

// windowType is struct<start,end> of a time's type.
func windowType(t column.Type) column.Type {
	return column.StructOf(column.Field{Name: "start", Type: t}, column.Field{Name: "end", Type: t})
}

func isWindowType(t column.Type) bool {
	return t.Kind == column.Struct && len(t.Fields) == 2 && t.Fields[0].Name == "start" && t.Fields[1].Name == "end" &&
		t.Fields[1].Type.Kind == column.Timestamp
}

// timeWindow binds window(time, size[, slide[, offset]]) and session_window(time, gap).
func (s *selecting) timeWindow(eb *expr.Binder, c *sql.Call, name string) (*expr.Node, *sql.Fault) {
	most := 4
	fn := callWindow
	if name == "session_window" {
		most, fn = 2, callSession
	}
	if len(c.Args) < 2 || len(c.Args) > most {
		return nil, &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
			Message: fmt.Sprintf("%s takes 2 to %d arguments, not %d", name, most, len(c.Args)), Hint: name + "(ts, '1 minute')"}
	}
	time, fault := s.windowInput(eb, c.Args[0], name)
	if fault != nil {
		return nil, fault
	}
	node := &expr.Node{Op: expr.OpCall, Func: fn, Name: name, Type: windowType(time.Type), Args: []*expr.Node{time}, Pos: c.Pos}
	if gap := rowGap(c, name); gap != nil {
		n, faults := eb.Bind(gap)
		if len(faults) > 0 {
			return nil, &faults[0]
		}
		if n.Type.Kind != column.String {
			return nil, notText(gap, name)
		}
		node.Args = append(node.Args, n)
		return node, nil
	}
	durations := make([]int64, 0, 3)
	for _, a := range c.Args[1:] {
		d, fault := s.windowDuration(eb, a, name)
		if fault != nil {
			return nil, fault
		}
		durations = append(durations, d)
	}
	if fn == callWindow {
		if len(durations) == 1 {
			durations = append(durations, durations[0])
		}
		if len(durations) == 2 {
			durations = append(durations, 0)
		}
		if fault := checkWindow(durations[0], durations[1], durations[2], c); fault != nil {
			return nil, fault
		}
	}
	for _, d := range durations {
		node.Args = append(node.Args, microseconds(d))
	}
	return node, nil
}

// rowGap is the gap of a session_window where it is no literal.
func rowGap(c *sql.Call, name string) sql.Expr {
	if name != "session_window" {
		return nil
	}
	switch c.Args[1].(type) {
	case *sql.Literal, *sql.Interval:
		return nil
	}
	return c.Args[1]
}

// windowInput binds the time of a window: a TIMESTAMP, what is cast to one, or another window, which
// stands for its last microsecond.
func (s *selecting) windowInput(eb *expr.Binder, e sql.Expr, name string) (*expr.Node, *sql.Fault) {
	n, faults := eb.Bind(e)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	switch n.Type.Kind {
	case column.Timestamp, column.TimestampNTZ:
		return n, nil
	case column.Date, column.String, column.Void:
		return castTo(n, column.Of(column.Timestamp)), nil
	case column.Struct:
		if isWindowType(n.Type) {
			return lastMicrosecond(n, e.Position())
		}
	}
	return nil, &sql.Fault{Pos: e.Position(), Class: "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
		Message: fmt.Sprintf("%s takes a TIMESTAMP, and %s is %s", name, sql.Format(e), strings.ToUpper(n.Type.String()))}
}

// lastMicrosecond is the greatest time in a window.
func lastMicrosecond(w *expr.Node, pos sql.Pos) (*expr.Node, *sql.Fault) {
	one := &scope{cols: []scopeColumn{{name: "w", node: w}}}
	name := hiddenName(0, "w", pos)
	name.Parts = append(name.Parts, sql.Ident{Name: "end", Quoted: true, Pos: pos})
	eb := expr.Binder{Scope: one}
	n, faults := eb.Bind(&sql.Binary{Pos: pos, Op: "-", Left: name,
		Right: &sql.Interval{Pos: pos, Parts: []sql.IntervalPart{{Value: "0.000001", Quoted: true, Unit: "SECOND", Pos: pos}}}})
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}

// lastOf is the window of which an expression is the greatest time, as lastMicrosecond makes it; nil: it is none.
func lastOf(n *expr.Node) *expr.Node {
	if n.Op != expr.OpCall || n.Func != "time plus micros" || n.Args[0].Op != expr.OpField || n.Args[0].Index != 1 || !isWindowType(n.Args[0].Args[0].Type) {
		return nil
	}
	if by := n.Args[1]; by.Op != expr.OpConst || len(by.Const.Int) != 1 || by.Const.Int[0] != -1 {
		return nil
	}
	return n.Args[0].Args[0]
}

// windowTime is window_time(w) of a window that a subquery made.
func (s *selecting) windowTime(eb *expr.Binder, c *sql.Call) (*expr.Node, *sql.Fault) {
	if len(c.Args) != 1 {
		return nil, &sql.Fault{Pos: c.Pos, Class: "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", Message: fmt.Sprintf("window_time takes 1 argument, not %d", len(c.Args))}
	}
	n, faults := eb.Bind(c.Args[0])
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	if isWindowCall(n) {
		return nil, &sql.Fault{Pos: c.Pos, Class: "MISSING_AGGREGATION", Message: "window_time takes no window of the same SELECT",
			Hint: "write window.end - INTERVAL 1 MICROSECOND, or take it in a query around this one"}
	}
	if !isWindowType(n.Type) {
		return nil, &sql.Fault{Pos: c.Pos, Class: "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", Message: "window_time takes a window, not " + strings.ToUpper(n.Type.String())}
	}
	return lastMicrosecond(n, c.Pos)
}

// notText is the fault of a duration that is no text, or no constant one where it has to be, under the
// class that Spark has for it.
func notText(e sql.Expr, name string) *sql.Fault {
	f := &sql.Fault{Pos: e.Position(), Class: "_LEGACY_ERROR_TEMP_1207", Message: "the durations of " + name + " are constant texts", Hint: "write '1 minute'"}
	if name == "session_window" {
		f.Class, f.Message = "_LEGACY_ERROR_TEMP_1040", "the gap of session_window is a text"
	}
	return f
}

// windowDuration reads a duration, which is a constant text.
func (s *selecting) windowDuration(eb *expr.Binder, e sql.Expr, name string) (int64, *sql.Fault) {
	lit, ok := e.(*sql.Literal)
	if !ok || lit.Kind != sql.LitString {
		return 0, notText(e, name)
	}
	d, class, err := window.ParseDuration(lit.Text)
	if err != nil {
		return 0, &sql.Fault{Pos: lit.Pos, Class: class, Message: firstLine(err)}
	}
	return d, nil
}

// checkWindow checks size, slide and offset against each other.
func checkWindow(size, slide, offset int64, c *sql.Call) *sql.Fault {
	class, err := window.Spec{Size: size, Slide: slide, Offset: offset}.Validate()
	if err != nil {
		return &sql.Fault{Pos: c.Args[1].Position(), Class: class, Message: firstLine(err)}
	}
	return nil
}

// microseconds is a BIGINT constant.
func microseconds(d int64) *expr.Node {
	v := &column.Vector{}
	v.Reset(column.Of(column.Int64))
	v.AppendInt(d)
	return &expr.Node{Op: expr.OpConst, Type: v.Type, Const: v}
}

// windowOf reads the call back.
func windowOf(n *expr.Node) *TimeWindow {
	w := &TimeWindow{Time: n.Args[0], Session: n.Func == callSession}
	switch {
	case n.Args[1].Type.Kind == column.String:
		w.Gap = n.Args[1]
	case w.Session:
		w.Size = n.Args[1].Const.Int[0]
	default:
		w.Size, w.Slide, w.Offset = n.Args[1].Const.Int[0], n.Args[2].Const.Int[0], n.Args[3].Const.Int[0]
	}
	return w
}
