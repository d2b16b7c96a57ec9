package expr

import (
	"strconv"

	"github.com/nagare-stream/nagare/engine/column"
)

// arrayPlaces are the functions that put arrays together by the places of their elements.
func arrayPlaces() []function {
	return []function{
		{name: "array_insert", check: checkArrayInsert, kernel: same(arrayInsert), nulls: true},
		{name: "arrays_zip", check: checkArraysZip, kernel: same(arraysZip)},
	}
}

func checkArrayInsert(c *call) *Node {
	if !c.arity(3, 3) {
		return nil
	}
	list, place := c.args[0].Type, c.args[1].Type
	const differ = "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES"
	switch {
	case list.Kind != column.Array:
		return c.fault(differ, "%s takes an array, not %s", c.name, list)
	case !place.IsInteger() || place.Kind == column.Int64:
		return c.mismatch(1, "int")
	}
	elem, ok := tightest(*list.Elem, c.args[2].Type)
	if !ok {
		return c.fault(differ, "%s has an array of %s and a %s", c.name, list.Elem, c.args[2].Type)
	}
	list = column.Type{Kind: column.Array, Elem: &elem}
	c.args[0], c.args[1], c.args[2] = castTo(c.args[0], list), castTo(c.args[1], column.Of(column.Int32)), castTo(c.args[2], elem)
	return c.node(list)
}

// maxArray is the largest array that Spark makes.
const maxArray = 1<<31 - 1 - 15

// arrayInsert puts an element at a place from 1 on, or from the end from -1 on, with NULLs up to it.
func arrayInsert(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		if f.isNull(0, i) || f.isNull(1, i) {
			f.shutRow()
			f.null(i)
			continue
		}
		from, to := f.args[0].Span(int(i))
		n, place := int64(to-from), f.int(1, i)
		before, gap, behind := place-1, int64(0), false // of the array's elements, then NULLs
		if place < 0 {
			before, behind = n+place+1, true
		}
		switch {
		case place == 0:
			f.shutRow()
			f.fail(i, "INVALID_INDEX_OF_ZERO", "places count from 1")
			continue
		case before > n:
			before, gap = n, before-n
		case before < 0:
			before, gap = 0, -before
		}
		if n+gap+1 > maxArray {
			f.shutRow()
			f.fail(i, "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION", strconv.FormatInt(n+gap+1, 10)+" elements")
			continue
		}
		if f.x.use != nil {
			f.reserve(8 * gap)
		}
		kid := &f.out.Kids[0]
		put := func() { kid.AppendFrom(f.args[2], int(i)) }
		f.copyElements(&f.args[0].Kids[0], from, from+uint32(before))
		if behind {
			put()
		}
		for range gap {
			kid.AppendNull()
		}
		if !behind {
			put()
		}
		f.copyElements(&f.args[0].Kids[0], from+uint32(before), to)
		f.shutRow()
	}
}

// checkArraysZip names the fields by the columns and fields that the arrays are, the others by their places.
func checkArraysZip(c *call) *Node {
	fields := make([]column.Field, len(c.args))
	for k, a := range c.args {
		name := ""
		if c.names != nil {
			name = c.names[k]
		} else if a.Op == OpColumn || a.Op == OpField {
			name = a.Name
		}
		if name == "" {
			name = strconv.Itoa(k)
		}
		elem := column.Type{}
		switch {
		case a.Type.Kind == column.Array:
			elem = *a.Type.Elem
		case a.Type.Kind != column.Void:
			return c.mismatch(k, "an array")
		}
		c.args[k] = castTo(a, column.Type{Kind: column.Array, Elem: &elem})
		fields[k] = column.Field{Name: name, Type: elem}
	}
	elem := column.StructOf(fields...)
	return c.node(column.Type{Kind: column.Array, Elem: &elem})
}

// arraysZip makes structs of the elements at the same place, NULL where an array is shorter.
func arraysZip(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		longest := uint32(0)
		for _, a := range f.args {
			from, to := a.Span(int(i))
			longest = max(longest, to-from)
		}
		if f.x.use != nil {
			f.reserve(8 * int64(longest) * int64(len(f.args)))
		}
		entries := &f.out.Kids[0]
		for place := range longest {
			entries.EnsureNull(entries.Len())
			n := entries.Len()
			for k, a := range f.args {
				from, to := a.Span(int(i))
				if at := from + place; at < to {
					entries.Kids[k].AppendFrom(&a.Kids[0], int(at))
				} else {
					entries.Kids[k].AppendNull()
				}
			}
			entries.EnsureNull(n + 1)
		}
		f.shutRow()
	}
}
