package expr

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// WindowSpec is window(time, size[, slide[, offset]]), bound: lengths in microseconds.
type WindowSpec struct {
	Time                *Node // TIMESTAMP or TIMESTAMP_NTZ
	Size, Slide, Offset int64
}

// Duration reads the length of a window ('1 minute 30 seconds') in microseconds. class is Spark's
// class of the fault, "" for none: a month has no fixed length.
func Duration(text string) (micros int64, class string) {
	s, ok := parseSpan(text)
	switch {
	case !ok:
		return 0, "CANNOT_PARSE_INTERVAL"
	case s.hasMonths:
		return 0, "_LEGACY_ERROR_TEMP_3231"
	}
	return s.micros, ""
}

func windows() []function {
	return []function{
		{name: "window", check: checkWindow, kernel: windowKernel},
		{name: "window_time", check: checkWindowTime},
	}
}

// windowSpec reads the arguments of window(…).
func (c *call) windowSpec() (WindowSpec, bool) {
	var s WindowSpec
	if !c.arity(2, 4) {
		return s, false
	}
	if t := c.args[0].Type; t.Kind != column.String && t.Kind != column.Void && !isDatetime(t) {
		c.mismatch(0, "timestamp")
		return s, false
	}
	if !c.coerce(0, "time") {
		return s, false
	}
	s.Time = c.args[0]
	lengths := [3]int64{}
	for k := 1; k < len(c.args); k++ {
		text, ok := c.constantText(k)
		if !ok {
			c.b.fault(c.args[k].Pos, "_LEGACY_ERROR_TEMP_1207", "argument %d of %s is a constant text, such as '5 minutes'", k+1, c.name)
			return s, false
		}
		micros, class := Duration(text)
		if class != "" {
			c.b.fault(c.args[k].Pos, class, "%q is no length of a window, such as '5 minutes' (months have no fixed length)", text)
			return s, false
		}
		lengths[k-1] = micros
	}
	s.Size, s.Slide, s.Offset = lengths[0], lengths[1], lengths[2]
	if len(c.args) == 2 {
		s.Slide = s.Size
	}
	return s, c.windowLengths(s)
}

func (c *call) windowLengths(s WindowSpec) bool {
	const beyond, against = "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"
	offset := s.Offset
	if offset < 0 {
		offset = -offset
	}
	switch {
	case s.Size <= 0:
		c.fault(beyond, "the length of a window is more than 0")
	case s.Slide <= 0:
		c.fault(beyond, "the slide of a window is more than 0")
	case s.Slide > s.Size:
		c.fault(against, "the slide of a window is at most its length")
	case offset >= s.Slide:
		c.fault(against, "the start of windows is less than their slide")
	default:
		return true
	}
	return false
}

// checkWindow is window(…) as a value: the one window that holds the time.
func checkWindow(c *call) *Node {
	s, ok := c.windowSpec()
	if !ok {
		return nil
	}
	if s.Slide != s.Size {
		return c.fault("UNSUPPORTED_EXPR_FOR_OPERATOR", "a sliding window stands only in GROUP BY or as a column of SELECT: a row has several")
	}
	t := s.Time.Type
	c.args = []*Node{s.Time, intConst(column.Of(column.Int64), s.Size, c.pos), intConst(column.Of(column.Int64), s.Offset, c.pos)}
	return c.node(WindowType(t))
}

// WindowType is the type of a window over times of type t.
func WindowType(t column.Type) column.Type {
	return column.StructOf(column.Field{Name: "start", Type: t}, column.Field{Name: "end", Type: t})
}

func windowKernel(n *Node, _ *Env) (kernel, error) {
	if n.Args[1].Op != OpConst || n.Args[2].Op != OpConst {
		return nil, fmt.Errorf("the length of a window is not constant")
	}
	size, offset := n.Args[1].Const.Int[0], n.Args[2].Const.Int[0]
	t := n.Type.Fields[0].Type
	return func(f *frame, rows []uint32) {
		start, end := &f.out.Kids[0], &f.out.Kids[1]
		start.Resize(t, f.x.rows)
		end.Resize(t, f.x.rows)
		in := f.args[0].Int
		for _, i := range rows {
			from := in[i] - codec.FloorMod(in[i]-offset, size)
			start.Int[i], end.Int[i] = from, from+size
		}
	}, nil
}

// checkWindowTime is window_time(window): the last microsecond of a window.
func checkWindowTime(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	w := c.args[0]
	end := fieldNamed(w.Type, "end")
	if w.Type.Kind != column.Struct || end < 0 || !isDatetime(w.Type.Fields[end].Type) {
		return c.mismatch(0, "a window")
	}
	field := &Node{Op: OpField, Type: w.Type.Fields[end].Type, Index: end, Name: "end", Args: []*Node{w}, Pos: c.pos}
	return c.other("time plus micros", field, intConst(column.Of(column.Int64), -1, c.pos))
}
