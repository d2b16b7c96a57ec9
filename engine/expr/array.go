package expr

import (
	"sort"

	"github.com/nagare-stream/nagare/engine/column"
)

func arrays() []function {
	return []function{
		{name: "size", also: "cardinality", check: checkSize, kernel: same(sizeKernel)},
		{name: "array_size", check: checkArraySize, kernel: same(sizeKernel)},
		{name: "array_contains", check: checkElement(boolean, widest), kernel: same(arrayContains)},
		{name: "array_position", check: checkElement(column.Of(column.Int64), tightest), kernel: eachInt(arrayPosition)},
		{name: "array_remove", check: checkElement(column.Type{}, tightest), kernel: same(arrayRemove)},
		{name: "array_append", check: checkElement(column.Type{}, tightest), kernel: same(arrayAppend(false)), nulls: true},
		{name: "array_prepend", check: checkElement(column.Type{}, tightest), kernel: same(arrayAppend(true)), nulls: true},
		{name: "array_compact", check: checkArrayOf, kernel: same(arrayCompact)},
		{name: "array_distinct", check: ordered(checkArrayOf), kernel: setKernel("union")},
		{name: "array_union", check: checkArrays(false), kernel: setKernel("union")},
		{name: "array_intersect", check: checkArrays(false), kernel: setKernel("intersect")},
		{name: "array_except", check: checkArrays(false), kernel: setKernel("except")},
		{name: "arrays_overlap", check: checkArrays(true), kernel: same(arraysOverlap)},
		{name: "array_max", check: ordered(checkArrayElem), kernel: arrayExtreme(1)},
		{name: "array_min", check: ordered(checkArrayElem), kernel: arrayExtreme(-1)},
		{name: "array_sort", check: ordered(checkArrayOf), kernel: sortKernel},
		{name: "sort_array", check: ordered(checkSortArray), kernel: sortKernel},
		{name: "array_join", check: checkArrayJoin, kernel: eachText(arrayJoin)},
		{name: "array_repeat", check: checkArrayRepeat, kernel: same(arrayRepeat), nulls: true},
		{name: "flatten", check: checkFlatten, kernel: same(flatten)},
		{name: "slice", check: checkSlice, kernel: same(slice)},
	}
}

// arrayArg checks that argument k is an array.
func (c *call) arrayArg(k int) bool {
	if c.args[k].Type.Kind == column.Void {
		elem := column.Type{}
		c.args[k] = castTo(c.args[k], column.Type{Kind: column.Array, Elem: &elem})
	}
	if c.args[k].Type.Kind != column.Array {
		c.mismatch(k, "an array")
		return false
	}
	return true
}

func checkSize(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if t := c.args[0].Type; t.Kind != column.Map && !c.arrayArg(0) {
		return nil
	}
	return c.node(column.Of(column.Int32))
}

func checkArraySize(c *call) *Node {
	if !c.arity(1, 1) || !c.arrayArg(0) {
		return nil
	}
	return c.node(column.Of(column.Int32))
}

func sizeKernel(f *frame, rows []uint32) {
	for _, i := range rows {
		from, to := f.args[0].Span(int(i))
		f.out.Int[i] = int64(to - from)
	}
}

func checkArrayElem(c *call) *Node {
	if !c.arity(1, 1) || !c.arrayArg(0) {
		return nil
	}
	return c.node(*c.args[0].Type.Elem)
}

// arrayContains is NULL where a NULL in the array leaves it open.
func arrayContains(f *frame, rows []uint32) {
	elems := &f.args[0].Kids[0]
	for _, i := range rows {
		found, null := false, false
		for from, to := f.args[0].Span(int(i)); from < to && !found; from++ {
			if elems.IsNull(int(from)) {
				null = true
				continue
			}
			found = compareValues(elems, int(from), f.args[1], int(i)) == 0
		}
		f.out.Int[i] = bit(found)
		if null && !found {
			f.null(i)
		}
	}
}

func arrayPosition(f *frame, i uint32) int64 {
	elems := &f.args[0].Kids[0]
	from, to := f.args[0].Span(int(i))
	for k := from; k < to; k++ {
		if compareNullable(elems, int(k), f.args[1], int(i)) == 0 {
			return int64(k-from) + 1
		}
	}
	return 0
}

func arrayRemove(f *frame, rows []uint32) {
	f.grow()
	elems := &f.args[0].Kids[0]
	for _, i := range rows {
		f.openRow(i)
		for from, to := f.args[0].Span(int(i)); from < to; from++ {
			if compareNullable(elems, int(from), f.args[1], int(i)) != 0 {
				f.out.Kids[0].AppendFrom(elems, int(from))
			}
		}
		f.shutRow()
	}
}

// arrayAppend adds a value, NULL too, at the end or in front; a NULL array stays NULL.
func arrayAppend(front bool) kernel {
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			if f.isNull(0, i) {
				f.shutRow()
				f.null(i)
				continue
			}
			if front {
				f.out.Kids[0].AppendFrom(f.args[1], int(i))
			}
			from, to := f.args[0].Span(int(i))
			f.copyElements(&f.args[0].Kids[0], from, to)
			if !front {
				f.out.Kids[0].AppendFrom(f.args[1], int(i))
			}
			f.shutRow()
		}
	}
}

func arrayCompact(f *frame, rows []uint32) {
	f.grow()
	elems := &f.args[0].Kids[0]
	for _, i := range rows {
		f.openRow(i)
		for from, to := f.args[0].Span(int(i)); from < to; from++ {
			if elems.Type.Kind != column.Void && !elems.IsNull(int(from)) {
				f.out.Kids[0].AppendFrom(elems, int(from))
			}
		}
		f.shutRow()
	}
}

// holdsElement reports that one of v's elements from … to is the same as element k of w, NULL too.
func holdsElement(v *column.Vector, from, to uint32, w *column.Vector, k uint32) bool {
	for ; from < to; from++ {
		if compareNullable(v, int(from), w, int(k)) == 0 {
			return true
		}
	}
	return false
}

// setKernel is array_union, array_intersect, array_except and, of one argument, array_distinct: each
// value once, in the order of its first place.
func setKernel(op string) maker {
	return same(func(f *frame, rows []uint32) {
		f.grow()
		out := &f.out.Kids[0]
		for _, i := range rows {
			f.openRow(i)
			begin := uint32(out.Len())
			for n, v := range f.args {
				if n == 1 && op != "union" {
					break
				}
				for from, to := v.Span(int(i)); from < to; from++ {
					f.x.use.spend(out.Len() - int(begin))
					if op != "union" {
						oFrom, oTo := f.args[1].Span(int(i))
						f.x.use.spend(int(oTo - oFrom))
						if holdsElement(&f.args[1].Kids[0], oFrom, oTo, &v.Kids[0], from) != (op == "intersect") {
							continue
						}
					}
					if !holdsElement(out, begin, uint32(out.Len()), &v.Kids[0], from) {
						out.AppendFrom(&v.Kids[0], int(from))
						out.EnsureNull(out.Len())
					}
				}
			}
			f.shutRow()
		}
	})
}

// arraysOverlap is NULL where only NULLs could be common.
func arraysOverlap(f *frame, rows []uint32) {
	a, b := &f.args[0].Kids[0], &f.args[1].Kids[0]
	for _, i := range rows {
		aFrom, aTo := f.args[0].Span(int(i))
		bFrom, bTo := f.args[1].Span(int(i))
		found, null := false, false
		for k := aFrom; k < aTo; k++ {
			f.x.use.spend(int(bTo - bFrom))
			if a.IsNull(int(k)) {
				null = true
			} else if holdsElement(b, bFrom, bTo, a, k) {
				found = true
			}
		}
		for k := bFrom; k < bTo; k++ {
			null = null || b.IsNull(int(k))
		}
		f.out.Int[i] = bit(found)
		if !found && null && aFrom < aTo && bFrom < bTo {
			f.null(i)
		}
	}
}

func arrayExtreme(sign int) maker {
	return same(func(f *frame, rows []uint32) {
		if isNested(f.out.Type) {
			f.grow()
		}
		elems := &f.args[0].Kids[0]
		for _, i := range rows {
			best := -1
			for from, to := f.args[0].Span(int(i)); from < to; from++ {
				if elems.IsNull(int(from)) {
					continue
				}
				if best < 0 || sign*compareValues(elems, int(from), elems, best) > 0 {
					best = int(from)
				}
			}
			if best < 0 {
				f.null(i)
				continue
			}
			f.take(i, elems, best)
		}
	})
}

func checkSortArray(c *call) *Node {
	if !c.arity(1, 2) || !c.arrayArg(0) || len(c.args) == 2 && !c.coerce(1, "only boolean") {
		return nil
	}
	return c.node(c.args[0].Type)
}

// sortKernel is array_sort (NULLs last) and sort_array (NULLs first, or descending and last).
func sortKernel(n *Node, _ *Env) (kernel, error) {
	nullsFirst := n.Func == "sort_array"
	var places []int
	return func(f *frame, rows []uint32) {
		f.grow()
		elems := &f.args[0].Kids[0]
		for _, i := range rows {
			f.openRow(i)
			places = places[:0]
			for from, to := f.args[0].Span(int(i)); from < to; from++ {
				places = append(places, int(from))
			}
			descending := len(f.args) == 2 && !f.bool(1, i)
			sort.SliceStable(places, func(x, y int) bool {
				a, b := places[x], places[y]
				if descending {
					a, b = b, a
				}
				an, bn := elems.IsNull(a), elems.IsNull(b)
				if an || bn {
					return an != bn && an == nullsFirst
				}
				return compareValues(elems, a, elems, b) < 0
			})
			for _, k := range places {
				f.out.Kids[0].AppendFrom(elems, k)
			}
			f.shutRow()
		}
	}, nil
}

func checkArrayJoin(c *call) *Node {
	if !c.arity(2, 3) || !c.arrayArg(0) {
		return nil
	}
	text := column.Of(column.String)
	c.args[0] = castTo(c.args[0], column.Type{Kind: column.Array, Elem: &text})
	for k := 1; k < len(c.args); k++ {
		if !c.coerce(k, "only string") {
			return nil
		}
	}
	return c.node(text)
}

// arrayJoin leaves NULLs out, or writes the third argument for them.
func arrayJoin(f *frame, i uint32, dst []byte) []byte {
	elems, first := &f.args[0].Kids[0], true
	for from, to := f.args[0].Span(int(i)); from < to; from++ {
		null := elems.IsNull(int(from))
		if null && len(f.args) < 3 {
			continue
		}
		if !first {
			dst = f.extend(dst, f.text(1, i))
		}
		first = false
		if null {
			dst = f.extend(dst, f.text(2, i))
		} else {
			dst = f.extend(dst, elems.Bytes(int(from)))
		}
	}
	return dst
}

// maxElements bounds the arrays that one call makes of one row.
const maxElements = 1 << 20

func checkArrayRepeat(c *call) *Node {
	if !c.arity(2, 2) || !c.coerce(1, "only int") {
		return nil
	}
	elem := c.args[0].Type
	return c.node(column.Type{Kind: column.Array, Elem: &elem})
}

func arrayRepeat(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		n := int64(0)
		if !f.isNull(1, i) {
			n = f.int(1, i)
		}
		if n > maxElements {
			f.fail(i, "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION", "")
			n = 0
		}
		if n > 0 && f.x.use != nil {
			f.reserve(n * f.args[0].SizeOf(i, i+1))
		}
		for ; n > 0; n-- {
			f.out.Kids[0].AppendFrom(f.args[0], int(i))
		}
		f.shutRow()
		if f.isNull(1, i) {
			f.null(i)
		}
	}
}

func checkFlatten(c *call) *Node {
	if !c.arity(1, 1) || !c.arrayArg(0) {
		return nil
	}
	if c.args[0].Type.Elem.Kind != column.Array {
		return c.mismatch(0, "an array of arrays")
	}
	return c.node(*c.args[0].Type.Elem)
}

// flatten is NULL where one of the inner arrays is.
func flatten(f *frame, rows []uint32) {
	f.grow()
	inner := &f.args[0].Kids[0]
	for _, i := range rows {
		f.openRow(i)
		null := false
		for from, to := f.args[0].Span(int(i)); from < to; from++ {
			if inner.IsNull(int(from)) {
				null = true
				continue
			}
			eFrom, eTo := inner.Span(int(from))
			f.copyElements(&inner.Kids[0], eFrom, eTo)
		}
		f.shutRow()
		if null {
			f.null(i)
		}
	}
}

func checkSlice(c *call) *Node {
	if !c.arity(3, 3) || !c.arrayArg(0) || !c.coerce(1, "int") || !c.coerce(2, "int") {
		return nil
	}
	return c.node(c.args[0].Type)
}

func slice(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		from, to := f.args[0].Span(int(i))
		start, length, n := f.int(1, i), f.int(2, i), int64(to-from)
		switch {
		case start == 0:
			f.fail(i, "INVALID_PARAMETER_VALUE.START", "")
		case length < 0:
			f.fail(i, "INVALID_PARAMETER_VALUE.LENGTH", "")
		default:
			if start < 0 {
				start += n + 1
			}
			if start >= 1 && start <= n {
				end := min(start-1+length, n)
				f.copyElements(&f.args[0].Kids[0], from+uint32(start-1), from+uint32(end))
			}
		}
		f.shutRow()
	}
}
