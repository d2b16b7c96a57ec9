package expr

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/column"
)

func comparisons() []function {
	return []function{
		{name: "=", also: "==", check: checkComparison, kernel: comparisonKernel},
		{name: "<>", also: "!=", check: checkComparison, kernel: comparisonKernel},
		{name: "<", check: checkComparison, kernel: comparisonKernel},
		{name: "<=", check: checkComparison, kernel: comparisonKernel},
		{name: ">", check: checkComparison, kernel: comparisonKernel},
		{name: ">=", check: checkComparison, kernel: comparisonKernel},
		{name: "<=>", also: "equal_null", check: checkComparison, kernel: same(nullSafeEqual), nulls: true},
		{name: "in", check: checkIn, kernel: inKernel, nulls: true},
		{name: "greatest", check: checkExtreme, kernel: extreme(1), nulls: true},
		{name: "least", check: checkExtreme, kernel: extreme(-1), nulls: true},
	}
}

func checkComparison(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	t, ok := common(c.args[0].Type, c.args[1].Type)
	if !ok {
		return c.badOperands()
	}
	if HasMap(t) {
		return c.noOrder(t)
	}
	if t.Kind == column.Void {
		t = boolean
	}
	c.args[0], c.args[1] = castTo(c.args[0], t), castTo(c.args[1], t)
	return c.node(boolean)
}

func checkIn(c *call) *Node {
	t, ok := commonOf(c.args)
	if !ok {
		return c.b.diffTypes(c.pos, "IN", c.args)
	}
	if HasMap(t) {
		return c.noOrder(t)
	}
	if t.Kind == column.Void {
		t = boolean
	}
	for i := range c.args {
		c.args[i] = castTo(c.args[i], t)
	}
	return c.node(boolean)
}

func checkExtreme(c *call) *Node {
	if !c.arity(2, -1) {
		return nil
	}
	t, ok := joined(c.args, widest)
	if !ok {
		return c.b.diffTypes(c.pos, c.name, c.args)
	}
	if HasMap(t) {
		return c.noOrder(t)
	}
	for i := range c.args {
		c.args[i] = castTo(c.args[i], t)
	}
	return c.node(t)
}

// comparison is an operator as less or equal, with the sides swapped, the result negated.
type comparison struct{ less, swap, negate bool }

func comparisonOf(op string) comparison {
	switch op {
	case "=":
		return comparison{}
	case "<>":
		return comparison{negate: true}
	case "<":
		return comparison{less: true}
	case ">":
		return comparison{less: true, swap: true}
	case "<=":
		return comparison{less: true, swap: true, negate: true}
	case ">=":
		return comparison{less: true, negate: true}
	}
	panic("BUG: no comparison " + op)
}

// inverse is the operator that is true where op is false.
func inverse(op string) (string, bool) {
	switch op {
	case "=":
		return "<>", true
	case "<>":
		return "=", true
	case "<":
		return ">=", true
	case ">=":
		return "<", true
	case ">":
		return "<=", true
	case "<=":
		return ">", true
	}
	return "", false
}

func comparisonKernel(n *Node, _ *Env) (kernel, error) {
	c := comparisonOf(n.Func)
	flip := bit(c.negate)
	l, r := 0, 1
	if c.swap {
		l, r = 1, 0
	}
	t := n.Args[0].Type
	switch {
	case t.UsesFloat() && c.less:
		return func(f *frame, rows []uint32) { lessFloats(f.args[l].Float, f.args[r].Float, f.out.Int, rows, flip) }, nil
	case t.UsesFloat():
		return func(f *frame, rows []uint32) {
			equalFloats(f.args[0].Float, f.args[1].Float, f.out.Int, rows, flip)
		}, nil
	case t.UsesBytes() && c.less:
		return func(f *frame, rows []uint32) { lessBytes(f.args[l], f.args[r], f.out.Int, rows, flip) }, nil
	case t.UsesBytes():
		return func(f *frame, rows []uint32) { equalBytes(f.args[0], f.args[1], f.out.Int, rows, flip) }, nil
	case t.UsesInt() && t.Kind != column.Decimal && c.less:
		return func(f *frame, rows []uint32) { lessInts(f.args[l].Int, f.args[r].Int, f.out.Int, rows, flip) }, nil
	case t.UsesInt() && t.Kind != column.Decimal:
		return func(f *frame, rows []uint32) { equalInts(f.args[0].Int, f.args[1].Int, f.out.Int, rows, flip) }, nil
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			d := compareValues(f.args[l], int(i), f.args[r], int(i))
			f.out.Int[i] = bit(d < 0 && c.less || d == 0 && !c.less) ^ flip
		}
	}, nil
}

func lessInts(a, b, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(a[i] < b[i]) ^ flip
	}
}

func equalInts(a, b, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(a[i] == b[i]) ^ flip
	}
}

// floatLess orders doubles as Spark does: NaN equals NaN and is the greatest; -0 equals 0.
func floatLess(a, b float64) bool { return a < b || b != b && a == a }

func floatEqual(a, b float64) bool { return a == b || a != a && b != b }

func lessFloats(a, b []float64, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(floatLess(a[i], b[i])) ^ flip
	}
}

func equalFloats(a, b []float64, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(floatEqual(a[i], b[i])) ^ flip
	}
}

func lessBytes(a, b *column.Vector, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(bytes.Compare(a.Bytes(int(i)), b.Bytes(int(i))) < 0) ^ flip
	}
}

func equalBytes(a, b *column.Vector, out []int64, rows []uint32, flip int64) {
	for _, i := range rows {
		out[i] = bit(string(a.Bytes(int(i))) == string(b.Bytes(int(i)))) ^ flip
	}
}

func nullSafeEqual(f *frame, rows []uint32) {
	for _, i := range rows {
		an, bn := f.isNull(0, i), f.isNull(1, i)
		f.out.Int[i] = bit(an && bn || !an && !bn && compareValues(f.args[0], int(i), f.args[1], int(i)) == 0)
	}
}

// compareValues orders two values of one type that are not NULL; inside nested values NULL is the
// smallest.
func compareValues(a *column.Vector, i int, b *column.Vector, j int) int {
	switch t := a.Type; {
	case t.Kind == column.Decimal:
		return decimalAt(a, i).cmp(decimalAt(b, j))
	case t.UsesInt():
		return order(a.Int[i] < b.Int[j], a.Int[i] == b.Int[j])
	case t.UsesFloat():
		return order(floatLess(a.Float[i], b.Float[j]), floatEqual(a.Float[i], b.Float[j]))
	case t.UsesBytes():
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	case t.Kind == column.Struct:
		for k := range a.Kids {
			if d := compareNullable(&a.Kids[k], i, &b.Kids[k], j); d != 0 {
				return d
			}
		}
		return 0
	case t.Kind == column.Array:
		from, to := a.Span(i)
		bFrom, bTo := b.Span(j)
		for from < to && bFrom < bTo {
			if d := compareNullable(&a.Kids[0], int(from), &b.Kids[0], int(bFrom)); d != 0 {
				return d
			}
			from, bFrom = from+1, bFrom+1
		}
		return order(bFrom < bTo, from == to && bFrom == bTo)
	}
	return 0 // VOID
}

func compareNullable(a *column.Vector, i int, b *column.Vector, j int) int {
	an, bn := a.Type.Kind == column.Void || a.IsNull(i), b.Type.Kind == column.Void || b.IsNull(j)
	if an || bn {
		return order(an && !bn, an && bn)
	}
	return compareValues(a, i, b, j)
}

func order(less, equal bool) int {
	switch {
	case less:
		return -1
	case equal:
		return 0
	}
	return 1
}

// inKernel is x IN (…): true for a match, else NULL if the value or an element is NULL, else false.
func inKernel(n *Node, _ *Env) (kernel, error) {
	if set := constantSet(n.Args[1:]); set != nil {
		return func(f *frame, rows []uint32) {
			x := f.args[0]
			for _, i := range rows {
				switch {
				case x.IsNull(int(i)):
					f.null(i)
				case set.holds(x, int(i)):
					f.out.Int[i] = 1
				default:
					f.out.Int[i] = 0
					if set.null {
						f.null(i)
					}
				}
			}
		}, nil
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			found, null := false, f.isNull(0, i)
			for k := 1; k < len(f.args) && !found; k++ {
				if f.isNull(k, i) {
					null = true
				} else if !f.isNull(0, i) {
					found = compareValues(f.args[0], int(i), f.args[k], int(i)) == 0
				}
			}
			f.out.Int[i] = bit(found)
			if !found && null {
				f.null(i)
			}
		}
	}, nil
}

// valueSet is a constant list of integers or texts.
type valueSet struct {
	ints  map[int64]struct{}
	texts map[string]struct{}
	few   []string // the texts, where they are so few that looking at each is quicker
	null  bool
}

// fewTexts is how many texts are compared one by one.
const fewTexts = 8

// constantSet makes a set of constants of a kind that is hashed; nil where that is not so.
func constantSet(list []*Node) *valueSet {
	s := &valueSet{ints: map[int64]struct{}{}, texts: map[string]struct{}{}}
	for _, n := range list {
		switch {
		case n.Op != OpConst || n.Type.Kind == column.Decimal || !n.Type.UsesInt() && !n.Type.UsesBytes():
			return nil
		case n.Const.IsNull(0):
			s.null = true
		case n.Type.UsesBytes():
			s.texts[string(n.Const.Bytes(0))] = struct{}{}
		default:
			s.ints[n.Const.Int[0]] = struct{}{}
		}
	}
	if len(s.texts) <= fewTexts {
		for _, n := range list {
			if n.Type.UsesBytes() && !n.Const.IsNull(0) {
				s.few = append(s.few, string(n.Const.Bytes(0)))
			}
		}
	}
	return s
}

func (s *valueSet) holds(v *column.Vector, i int) bool {
	if v.Type.UsesBytes() {
		b := v.Bytes(i)
		for _, x := range s.few {
			if string(b) == x {
				return true
			}
		}
		if s.few != nil {
			return false
		}
		_, ok := s.texts[string(b)]
		return ok
	}
	_, ok := s.ints[v.Int[i]]
	return ok
}

// extreme is greatest (sign 1) or least (-1): NULLs are left out.
func extreme(sign int) maker {
	return same(func(f *frame, rows []uint32) {
		nested := !f.out.Type.UsesInt() && !f.out.Type.UsesFloat()
		if isNested(f.out.Type) {
			f.grow()
		}
		for _, i := range rows {
			best := -1
			for k, v := range f.args {
				if v.IsNull(int(i)) {
					continue
				}
				if best < 0 || sign*compareValues(v, int(i), f.args[best], int(i)) > 0 {
					best = k
				}
			}
			switch {
			case best < 0:
				f.null(i)
			case f.out.Type.UsesBytes():
				f.put(i, f.text(best, i))
			case nested:
				f.appendValue(i, f.args[best], int(i))
			default:
				f.copyValue(i, f.args[best], int(i))
			}
		}
	})
}

// copyValue sets row i of a fixed-size output to row j of v.
func (f *frame) copyValue(i uint32, v *column.Vector, j int) {
	if f.out.Type.UsesFloat() {
		f.out.Float[i] = v.Float[j]
		return
	}
	f.out.Int[i] = v.Int[j]
	if f.out.Type.Kind == column.Decimal {
		f.out.Hi[i] = v.Hi[j]
	}
}
