package expr

import (
	"bytes"
	"slices"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// sortMapsFunc gives a value with the entries of each map in it in the order of their keys.
const sortMapsFunc = "sort maps"

// HasMap reports whether values of the type are maps or hold some.
func HasMap(t column.Type) bool {
	switch t.Kind {
	case column.Map:
		return true
	case column.Array:
		return HasMap(*t.Elem)
	case column.Struct:
		return slices.ContainsFunc(t.Fields, func(f column.Field) bool { return HasMap(f.Type) })
	}
	return false
}

// SortMaps returns n with the entries of its maps in the order of their keys, so that maps that hold the
// same are the same group.
func SortMaps(n *Node) *Node {
	if !HasMap(n.Type) {
		return n
	}
	return &Node{Op: OpCall, Func: sortMapsFunc, Type: n.Type, Args: []*Node{n}, Pos: n.Pos, Name: n.Name}
}

func sortMaps(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		appendSorted(f.out, f.args[0], int(i))
		f.next++
	}
}

// appendSorted is AppendFrom with sorted maps.
func appendSorted(dst, v *column.Vector, i int) {
	if !HasMap(v.Type) || v.IsNull(i) {
		dst.AppendFrom(v, i)
		return
	}
	if v.Type.Kind == column.Struct {
		for k := range v.Kids {
			appendSorted(&dst.Kids[k], &v.Kids[k], i)
		}
		dst.EnsureNull(dst.Len())
		return
	}
	for _, e := range entryOrder(v, i) {
		for k := range v.Kids {
			appendSorted(&dst.Kids[k], &v.Kids[k], e)
		}
	}
	dst.Ends = append(dst.Ends, uint32(dst.Kids[0].Len()))
	dst.EnsureNull(len(dst.Ends))
}

// entryOrder lists the entries of a map by their keys, the elements of an array as they stand.
func entryOrder(v *column.Vector, i int) []int {
	from, to := v.Span(i)
	entries := make([]int, 0, to-from)
	var keys [][]byte
	for e := int(from); e < int(to); e++ {
		entries = append(entries, e)
		if v.Type.Kind == column.Map {
			keys = append(keys, codec.AppendKey(nil, &v.Kids[0], e))
		}
	}
	if v.Type.Kind == column.Map {
		slices.SortFunc(entries, func(a, b int) int { return bytes.Compare(keys[a-int(from)], keys[b-int(from)]) })
	}
	return entries
}
