package expr

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// concatArrays types concat of arrays.
func (c *call) concatArrays() *Node {
	t, ok := commonOf(c.args)
	if !ok || t.Kind != column.Array {
		return c.b.diffTypes(c.pos, c.name, c.args)
	}
	for i := range c.args {
		c.args[i] = castTo(c.args[i], t)
	}
	return c.node(t)
}

func joinArrays(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		for _, v := range f.args {
			from, to := v.Span(int(i))
			f.copyElements(&v.Kids[0], from, to)
		}
		f.shutRow()
	}
}

// copyElements appends elements to the array under way.
func (f *frame) copyElements(v *column.Vector, from, to uint32) {
	if f.x.use != nil {
		f.reserve(v.SizeOf(from, to))
	}
	for ; from < to; from++ {
		f.out.Kids[0].AppendFrom(v, int(from))
	}
}

func reverseArray(f *frame, rows []uint32) {
	f.grow()
	v := f.args[0]
	for _, i := range rows {
		f.openRow(i)
		if f.x.use != nil {
			f.reserve(v.SizeOf(i, i+1))
		}
		for from, to := v.Span(int(i)); to > from; to-- {
			f.out.Kids[0].AppendFrom(&v.Kids[0], int(to-1))
		}
		f.shutRow()
	}
}

func sequences() []function {
	return []function{{name: "sequence", check: checkSequence, kernel: sequenceKernel}}
}

// checkSequence is sequence(from, to[, step]): of integers by integers, of dates and times by intervals.
func checkSequence(c *call) *Node {
	if !c.arity(2, 3) {
		return nil
	}
	t, ok := common(c.args[0].Type, c.args[1].Type)
	timed := isDatetime(t)
	if !ok || !t.IsInteger() && !timed {
		return c.fault("DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES", "%s goes from an integer, a date or a timestamp to another, not from %s to %s", c.name, c.args[0].Type, c.args[1].Type)
	}
	c.args[0], c.args[1] = castTo(c.args[0], t), castTo(c.args[1], t)
	if len(c.args) == 3 {
		step := c.args[2]
		switch {
		case timed && !isInterval(step.Type), !timed && !step.Type.IsInteger():
			return c.fault("DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES", "the step of %s over %s cannot be %s", c.name, t, step.Type)
		case !timed:
			c.args[2] = castTo(step, t)
		}
	}
	return c.node(column.Type{Kind: column.Array, Elem: &t})
}

// stepper gives the kth value of a sequence; its unit is that of the type.
type stepper func(start, step, k int64) int64

func sequenceKernel(n *Node, env *Env) (kernel, error) {
	t := *n.Type.Elem
	unit := int64(1) // what the step counts in units of the values
	months := len(n.Args) == 3 && n.Args[2].Type.Kind == column.YearMonth
	if len(n.Args) == 3 && t.Kind == column.Date && !months {
		unit = codec.MicrosPerDay
	}
	to, from := wallClock(t, env)
	plus := stepper(func(start, step, k int64) int64 { return start + step*k })
	if months {
		plus = func(start, step, k int64) int64 {
			if t.Kind == column.Date {
				return plusMonths(start, step*k)
			}
			wall := to(start)
			days := codec.FloorDiv(wall, codec.MicrosPerDay)
			return from(plusMonths(days, step*k)*codec.MicrosPerDay + wall - days*codec.MicrosPerDay)
		}
	}
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			start, end := f.int(0, i), f.int(1, i)
			step := int64(1)
			switch {
			case len(f.args) == 3:
				step = f.int(2, i) / unit
			case t.Kind == column.Timestamp, t.Kind == column.TimestampNTZ:
				step = codec.MicrosPerDay
			}
			if len(f.args) < 3 && start > end {
				step = -step
			}
			if len(f.args) == 3 && f.int(2, i)%unit != 0 {
				f.fail(i, "_LEGACY_ERROR_TEMP_3235", "the step over dates is whole days")
			} else {
				f.sequence(i, start, end, step, plus)
			}
			f.shutRow()
		}
	}, nil
}

func (f *frame) sequence(i uint32, start, end, step int64, plus stepper) {
	if step == 0 && start != end || step > 0 && start > end || step < 0 && start < end {
		f.fail(i, "IllegalArgumentException", "the step leads away from the end")
		return
	}
	last := uint64(0) // at most; a step of months is longer than its number
	switch {
	case step > 0:
		last = (uint64(end) - uint64(start)) / uint64(step)
	case step < 0:
		last = (uint64(start) - uint64(end)) / -uint64(step)
	}
	f.reserve(8 * int64(min(last, maxElements)))
	begin := f.out.Kids[0].Len()
	for k := uint64(0); k <= last; k++ {
		x := plus(start, step, int64(k))
		if step > 0 && x > end || step < 0 && x < end {
			return
		}
		if k == maxElements {
			f.fail(i, "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER", "")
			f.out.Kids[0].Int = f.out.Kids[0].Int[:begin]
			return
		}
		f.out.Kids[0].AppendInt(x)
	}
}
