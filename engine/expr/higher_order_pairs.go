package expr

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// bindZip binds zip_with(a, b, (x, y) -> …).
func bindZip(c *call, args []sql.Expr) *Node {
	l := c.firstOf(args, 3, 3, column.Array, "an array")
	if l == nil {
		return nil
	}
	r := c.b.expr(args[1])
	if r == nil {
		return nil
	}
	if r.Type.Kind != column.Array {
		c.args[1] = r
		return c.mismatch(1, "an array")
	}
	f := c.lambdaOf(args[2], 2, *l.Type.Elem, *r.Type.Elem)
	if f == nil {
		return nil
	}
	elem := f.Type
	c.args = []*Node{l, r, f}
	return c.node(column.Type{Kind: column.Array, Elem: &elem})
}

// zipStep pairs the elements of two arrays; the shorter one is filled up with NULLs.
type zipStep struct {
	args   []step
	body   step
	vars   []*variable
	elems  elements
	pairs  [2]column.Vector
	slots  [2]slot
	result *callStep
}

func compileZip(c *compiler, n *Node) (step, error) {
	args, err := c.steps(n.Args[:2])
	if err != nil {
		return nil, err
	}
	s := &zipStep{args: args}
	if s.body, s.vars, err = c.lambda(n.Args[2], *n.Args[0].Type.Elem, *n.Args[1].Type.Elem); err != nil {
		return nil, err
	}
	s.result = newCall(n.Type, []step{&s.slots[0], &s.slots[1]}, s.combine, false)
	return s, nil
}

func (s *zipStep) eval(x *exec, sel []uint32) *column.Vector {
	for k := range s.slots {
		s.slots[k].v = s.args[k].eval(x, sel)
	}
	return s.result.eval(x, sel)
}

func (s *zipStep) combine(f *frame, rows []uint32) {
	s.elems.begin(f.x)
	for k, v := range f.args {
		s.pairs[k].Reset(*v.Type.Elem)
		s.vars[k].vec = &s.pairs[k]
	}
	f.out.Ends = f.out.Ends[:0]
	for _, i := range rows {
		for len(f.out.Ends) < int(i) {
			f.out.Ends = append(f.out.Ends, uint32(len(s.elems.parent)))
		}
		aFrom, aTo := f.args[0].Span(int(i))
		bFrom, bTo := f.args[1].Span(int(i))
		if f.x.use != nil {
			f.x.use.see(s.pairs[0].Size() + s.pairs[1].Size() + elementBytes*int64(len(s.elems.parent)) +
				f.args[0].SizeOf(i, i+1) + f.args[1].SizeOf(i, i+1))
		}
		for k := uint32(0); k < max(aTo-aFrom, bTo-bFrom); k++ {
			appendOrNull(&s.pairs[0], &f.args[0].Kids[0], aFrom+k, aTo)
			appendOrNull(&s.pairs[1], &f.args[1].Kids[0], bFrom+k, bTo)
			s.elems.add(i)
		}
		f.out.Ends = append(f.out.Ends, uint32(len(s.elems.parent)))
	}
	for len(f.out.Ends) < f.x.rows {
		f.out.Ends = append(f.out.Ends, uint32(len(s.elems.parent)))
	}
	x, sel := s.elems.end()
	for k := range s.pairs {
		x.use.fill(&s.pairs[k])
		s.pairs[k].EnsureNull(x.rows)
		ensureKids(&s.pairs[k], x.rows)
	}
	f.out.Kids[0] = *s.body.eval(x, sel)
}

func appendOrNull(dst, src *column.Vector, at, end uint32) {
	if at < end {
		dst.AppendFrom(src, int(at))
		return
	}
	dst.AppendNull()
}

// bindAggregate binds aggregate(array, start, (acc, x) -> …[, acc -> …]).
func bindAggregate(c *call, args []sql.Expr) *Node {
	in := c.firstOf(args, 3, 4, column.Array, "an array")
	if in == nil {
		return nil
	}
	start := c.b.expr(args[1])
	if start == nil {
		return nil
	}
	merge := c.lambdaOf(args[2], 2, start.Type, *in.Type.Elem)
	if merge == nil {
		return nil
	}
	if !merge.Type.Equal(start.Type) && start.Type.Kind != column.Void {
		return c.fault("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the lambda of %s gives %s, but it starts from %s; cast the start", c.name, merge.Type, start.Type)
	}
	c.args = []*Node{in, castTo(start, merge.Type), merge}
	t := merge.Type
	if len(args) == 4 {
		finish := c.lambdaOf(args[3], 1, t)
		if finish == nil {
			return nil
		}
		c.args, t = append(c.args, finish), finish.Type
	}
	return c.node(t)
}

// aggregateStep folds arrays: the elements at one place of all arrays at once, then those at the next.
type aggregateStep struct {
	in, start step
	merge     step
	vars      []*variable
	finish    step // nil: none
	last      []*variable
	x         exec
	elem      column.Vector
	picks     [2]merger
	rows      [][]uint32
	vecs      []*column.Vector
	from      []uint32
	live      []uint32
	out       column.Vector
	bits      []uint64
}

func compileAggregate(c *compiler, n *Node) (step, error) {
	args, err := c.steps(n.Args[:2])
	if err != nil {
		return nil, err
	}
	acc := n.Args[1].Type
	s := &aggregateStep{in: args[0], start: args[1], rows: make([][]uint32, 2), vecs: make([]*column.Vector, 2)}
	if s.merge, s.vars, err = c.lambda(n.Args[2], acc, *n.Args[0].Type.Elem); err != nil {
		return nil, err
	}
	if len(n.Args) == 4 {
		if s.finish, s.last, err = c.lambda(n.Args[3], acc); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *aggregateStep) eval(x *exec, sel []uint32) *column.Vector {
	in := s.in.eval(x, sel)
	s.live = append(s.live[:0], sel...)
	if in.Null != nil {
		s.live = withoutNulls(s.live[:0], s.live, in)
	}
	acc := s.start.eval(x, s.live)
	s.x = *x
	s.x.outer, s.x.parent, s.x.level = x, nil, x.level+1
	before := int64(0) // bytes filled before the places
	for place := uint32(0); ; place++ {
		s.rows[0], s.rows[1] = s.rows[0][:0], s.rows[1][:0]
		s.from = s.from[:0]
		for len(s.from) < x.rows {
			s.from = append(s.from, 0)
		}
		for _, i := range s.live {
			from, to := in.Span(int(i))
			if from+place < to {
				s.rows[0] = append(s.rows[0], i)
				s.from[i] = from + place
			} else {
				s.rows[1] = append(s.rows[1], i)
			}
		}
		if len(s.rows[0]) == 0 {
			break
		}
		if place == 0 && x.use != nil {
			before = x.use.taken
		}
		x.gather(&s.elem, &in.Kids[0], s.rows[0], s.from)
		s.vars[0].vec, s.vars[1].vec = acc, &s.elem
		s.vecs[0], s.vecs[1] = s.merge.eval(&s.x, s.rows[0]), acc
		acc = s.picks[place&1].merge(acc.Type, x, s.rows, s.vecs)
		if x.use != nil { // the next place fills the same vectors
			x.use.taken = before
		}
	}
	x.use.fill(acc)
	if s.finish != nil {
		s.last[0].vec = acc
		acc = s.finish.eval(&s.x, s.live)
	}
	return s.nullsOf(in, acc, x.rows)
}

// nullsOf makes the rows NULL whose array is.
func (s *aggregateStep) nullsOf(in, acc *column.Vector, n int) *column.Vector {
	if in.Null == nil {
		return acc
	}
	s.out = *acc
	s.bits = orBits(s.bits[:0], in.Null, acc.Null, n)
	s.out.Null = s.bits
	return &s.out
}
