package expr

import "github.com/nagare-stream/nagare/engine/column"

// Filter appends to dst the rows of sel for which a BOOLEAN expression is true, in order. dst may
// not share its memory with sel. A row whose evaluation fails is left out and added to errs, once.
func (e *Eval) Filter(b *column.Batch, sel, dst []uint32, errs *RowErrors) []uint32 {
	before, start := e.begin(b, errs), len(dst)
	dst = e.pred.filter(&e.exec, sel, dst)
	if errs != nil && len(errs.Rows) > before {
		errs.settle(before)
		kept := without(dst[start:start], dst[start:], errs.Rows[before:])
		dst = dst[:start+len(kept)]
	}
	return dst
}

// A predicate is a condition compiled to a selection.
type predicate interface {
	// filter appends to dst the rows of sel for which the condition is true.
	filter(x *exec, sel, dst []uint32) []uint32
}

// predicate compiles a BOOLEAN node. What has no kernel of its own is computed and then looked at.
func (c *compiler) predicate(n *Node) (predicate, error) {
	switch n.Op {
	case OpAnd, OpOr:
		l, err := c.predicate(n.Args[0])
		if err != nil {
			return nil, err
		}
		r, err := c.predicate(n.Args[1])
		if err != nil {
			return nil, err
		}
		if n.Op == OpAnd {
			return &bothPredicate{l: l, r: r}, nil
		}
		return &eitherPredicate{l: l, r: r}, nil
	case OpCall:
		if p, err := c.callPredicate(n); p != nil || err != nil {
			return p, err
		}
	}
	s, err := c.step(n)
	if err != nil {
		return nil, err
	}
	return &truePredicate{in: s}, nil
}

// callPredicate is the fused form of a call, or nil.
func (c *compiler) callPredicate(n *Node) (predicate, error) {
	switch n.Func {
	case "not":
		if in := n.Args[0]; in.Op == OpCall {
			if op, ok := inverse(in.Func); ok {
				turned := *in
				turned.Func = op
				return c.predicate(&turned)
			}
		}
	case "isnull", "isnotnull":
		s, err := c.step(n.Args[0])
		return &nullPredicate{in: s, want: n.Func == "isnull"}, err
	case "in":
		if set := constantSet(n.Args[1:]); set != nil {
			s, err := c.step(n.Args[0])
			return &inPredicate{in: s, set: set}, err
		}
	case "=", "<>", "<", "<=", ">", ">=":
		return c.constPredicate(n)
	}
	return nil, nil
}

// constPredicate is a comparison with a constant that is not NULL.
func (c *compiler) constPredicate(n *Node) (predicate, error) {
	l, r, op := n.Args[0], n.Args[1], n.Func
	if l.Op == OpConst {
		l, r, op = r, l, mirrored(op)
	}
	if r.Op != OpConst || r.Const.IsNull(0) {
		return nil, nil
	}
	t := l.Type
	if t.Kind == column.Decimal || !t.UsesInt() && !t.UsesFloat() && !t.UsesBytes() {
		return nil, nil
	}
	s, err := c.step(l)
	if err != nil {
		return nil, err
	}
	switch {
	case t.UsesFloat():
		return &floatPredicate{in: s, op: op, x: r.Const.Float[0]}, nil
	case t.UsesBytes():
		return &textPredicate{in: s, op: op, x: string(r.Const.Bytes(0))}, nil
	}
	return &intPredicate{in: s, op: op, x: r.Const.Int[0]}, nil
}

// mirrored is the operator with its sides swapped.
func mirrored(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

// bothPredicate is AND: the right side sees what the left one let through.
type bothPredicate struct {
	l, r predicate
	mid  []uint32
}

func (p *bothPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	p.mid = p.l.filter(x, sel, p.mid[:0])
	if len(p.mid) == 0 {
		return dst
	}
	return p.r.filter(x, p.mid, dst)
}

// eitherPredicate is OR: the right side sees what the left one left out.
type eitherPredicate struct {
	l, r              predicate
	first, rest, more []uint32
}

func (p *eitherPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	p.first = p.l.filter(x, sel, p.first[:0])
	if len(p.first) == len(sel) {
		return append(dst, p.first...)
	}
	p.rest = without(p.rest[:0], sel, p.first)
	p.more = p.r.filter(x, p.rest, p.more[:0])
	return union(dst, p.first, p.more)
}

// union appends two ascending lists without common rows, in order.
func union(dst, a, b []uint32) []uint32 {
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			dst, a = append(dst, a[0]), a[1:]
		} else {
			dst, b = append(dst, b[0]), b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

type truePredicate struct{ in step }

func (p *truePredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	from := len(dst)
	for _, i := range sel {
		if v.Int[i] != 0 {
			dst = append(dst, i)
		}
	}
	return dropNulls(dst, from, v)
}

// dropNulls takes the rows behind from in which v is NULL out of dst.
func dropNulls(dst []uint32, from int, v *column.Vector) []uint32 {
	if v.Null == nil {
		return dst
	}
	kept := withoutNulls(dst[from:from], dst[from:], v)
	return dst[:from+len(kept)]
}

type nullPredicate struct {
	in   step
	want bool
}

func (p *nullPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	if v.Null == nil {
		if p.want {
			return dst
		}
		return append(dst, sel...)
	}
	for _, i := range sel {
		if v.IsNull(int(i)) == p.want {
			dst = append(dst, i)
		}
	}
	return dst
}

type inPredicate struct {
	in  step
	set *valueSet
}

func (p *inPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	from := len(dst)
	for _, i := range sel {
		if p.set.holds(v, int(i)) {
			dst = append(dst, i)
		}
	}
	return dropNulls(dst, from, v)
}

// spread makes room for n more rows and returns dst at its full new length.
func spread(dst []uint32, n int) []uint32 {
	if cap(dst)-len(dst) < n {
		grown := make([]uint32, len(dst), len(dst)+n)
		copy(grown, dst)
		dst = grown
	}
	return dst[:len(dst)+n]
}

type intPredicate struct {
	in step
	op string
	x  int64
}

func (p *intPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	from := len(dst)
	dst = spread(dst, len(sel))
	n := from + filterInts(dst[from:], v.Int, sel, p.op, p.x)
	return dropNulls(dst[:n], from, v)
}

// filterInts writes the matching rows without branches and returns how many there are.
func filterInts(dst []uint32, in []int64, sel []uint32, op string, x int64) int {
	n := 0
	switch op {
	case "=", "<>":
		want := bit(op == "=")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(in[i] == x) ^ want)
		}
	case "<", ">=":
		want := bit(op == "<")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(in[i] < x) ^ want)
		}
	default:
		want := bit(op == ">")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(in[i] > x) ^ want)
		}
	}
	return n
}

type floatPredicate struct {
	in step
	op string
	x  float64
}

func (p *floatPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	from := len(dst)
	dst = spread(dst, len(sel))
	n := from + filterFloats(dst[from:], v.Float, sel, p.op, p.x)
	return dropNulls(dst[:n], from, v)
}

func filterFloats(dst []uint32, in []float64, sel []uint32, op string, x float64) int {
	n := 0
	switch op {
	case "=", "<>":
		want := bit(op == "=")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(floatEqual(in[i], x)) ^ want)
		}
	case "<", ">=":
		want := bit(op == "<")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(floatLess(in[i], x)) ^ want)
		}
	default:
		want := bit(op == ">")
		for _, i := range sel {
			dst[n] = i
			n += int(1 ^ bit(floatLess(x, in[i])) ^ want)
		}
	}
	return n
}

type textPredicate struct {
	in step
	op string
	x  string
}

func (p *textPredicate) filter(x *exec, sel, dst []uint32) []uint32 {
	v := p.in.eval(x, sel)
	from := len(dst)
	for _, i := range sel {
		if textMatches(v.Bytes(int(i)), p.op, p.x) {
			dst = append(dst, i)
		}
	}
	return dropNulls(dst, from, v)
}

func textMatches(b []byte, op, x string) bool {
	switch op {
	case "=":
		return string(b) == x
	case "<>":
		return string(b) != x
	case "<":
		return string(b) < x
	case "<=":
		return string(b) <= x
	case ">":
		return string(b) > x
	}
	return string(b) >= x
}
