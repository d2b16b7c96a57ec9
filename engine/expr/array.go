package expr

import "github.com/nagare-stream/nagare/engine/column"

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
	for ; from < to; from++ {
		f.out.Kids[0].AppendFrom(v, int(from))
	}
}

func reverseArray(f *frame, rows []uint32) {
	f.grow()
	v := f.args[0]
	for _, i := range rows {
		f.openRow(i)
		for from, to := v.Span(int(i)); to > from; to-- {
			f.out.Kids[0].AppendFrom(&v.Kids[0], int(to-1))
		}
		f.shutRow()
	}
}
