package expr

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
)

func maps() []function {
	return []function{
		{name: "map_keys", check: checkMapPart(0), kernel: same(mapPart(0))},
		{name: "map_values", check: checkMapPart(1), kernel: same(mapPart(1))},
		{name: "map_entries", check: checkMapEntries, kernel: same(mapEntries)},
		{name: "map_contains_key", check: checkMapContains, kernel: eachBool(mapContains)},
		{name: "map_concat", check: checkMapConcat, kernel: same(mapConcat)},
		{name: "map_from_arrays", check: checkMapFromArrays, kernel: same(mapFromArrays)},
		{name: "map_from_entries", check: checkMapFromEntries, kernel: same(mapFromEntries)},
		{name: "str_to_map", sig: "only string;only string?;only string?", check: checkTextToMap, kernel: textToMap},
	}
}

func (c *call) mapArg(k int) bool {
	if c.args[k].Type.Kind != column.Map {
		c.mismatch(k, "a map")
		return false
	}
	return true
}

func checkMapPart(k int) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(1, 1) || !c.mapArg(0) {
			return nil
		}
		t := partType(c.args[0].Type, k)
		return c.node(column.Type{Kind: column.Array, Elem: &t})
	}
}

// mapPart gives the keys or the values where they lie.
func mapPart(k int) kernel {
	return func(f *frame, _ []uint32) {
		f.out.Ends = append(f.out.Ends[:0], f.args[0].Ends[:f.x.rows]...)
		f.out.Kids[0] = f.args[0].Kids[k]
	}
}

func entryType(t column.Type) column.Type {
	return column.StructOf(column.Field{Name: "key", Type: *t.Key}, column.Field{Name: "value", Type: *t.Elem})
}

func checkMapEntries(c *call) *Node {
	if !c.arity(1, 1) || !c.mapArg(0) {
		return nil
	}
	t := entryType(c.args[0].Type)
	return c.node(column.Type{Kind: column.Array, Elem: &t})
}

func mapEntries(f *frame, _ []uint32) {
	f.out.Ends = append(f.out.Ends[:0], f.args[0].Ends[:f.x.rows]...)
	entries := &f.out.Kids[0]
	entries.Type = *f.out.Type.Elem
	entries.Kids = append(entries.Kids[:0], f.args[0].Kids...)
}

func checkMapContains(c *call) *Node {
	const differ = "DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES"
	if !c.arity(2, 2) {
		return nil
	}
	m := c.args[0].Type
	switch {
	case m.Kind == column.Void || c.args[1].Type.Kind == column.Void:
		return c.fault("DATATYPE_MISMATCH.NULL_TYPE", "%s does not take NULL", c.name)
	case m.Kind != column.Map:
		return c.fault(differ, "%s takes a map, not %s", c.name, m)
	}
	t, ok := widest(*m.Key, c.args[1].Type)
	if !ok {
		return c.fault(differ, "%s has a map with keys of %s and a %s", c.name, m.Key, c.args[1].Type)
	}
	c.args[0] = castTo(c.args[0], column.Type{Kind: column.Map, Key: &t, Elem: m.Elem})
	c.args[1] = castTo(c.args[1], t)
	return c.node(boolean)
}

func mapContains(f *frame, i uint32) bool {
	keys := &f.args[0].Kids[0]
	for from, to := f.args[0].Span(int(i)); from < to; from++ {
		if compareValues(keys, int(from), f.args[1], int(i)) == 0 {
			return true
		}
	}
	return false
}

func checkMapConcat(c *call) *Node {
	if !c.arity(1, -1) {
		return nil
	}
	t, ok := commonOf(c.args)
	void := slices.ContainsFunc(c.args, func(n *Node) bool { return n.Type.Kind == column.Void })
	if !ok || t.Kind != column.Map || void {
		return c.fault("DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES", "%s takes maps of one type", c.name)
	}
	for k := range c.args {
		c.args[k] = castTo(c.args[k], t)
	}
	return c.node(t)
}

func mapConcat(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		begin, good := f.out.Kids[0].Len(), true
		for _, v := range f.args {
			for from, to := v.Span(int(i)); from < to && good; from++ {
				good = f.addEntry(i, begin, &v.Kids[0], &v.Kids[1], int(from), int(from))
			}
		}
		f.shutRow()
	}
}

// addEntry appends a key and its value to the map of row i, or fails the row.
func (f *frame) addEntry(i uint32, begin int, keys, values *column.Vector, k, v int) bool {
	if !f.addKey(i, begin, keys, k) {
		return false
	}
	f.out.Kids[1].AppendFrom(values, v)
	return true
}

func checkMapFromArrays(c *call) *Node {
	if !c.arity(2, 2) || !c.arrayArg(0) || !c.arrayArg(1) {
		return nil
	}
	return c.node(column.Type{Kind: column.Map, Key: c.args[0].Type.Elem, Elem: c.args[1].Type.Elem})
}

func mapFromArrays(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		from, to := f.args[0].Span(int(i))
		vFrom, vTo := f.args[1].Span(int(i))
		if to-from != vTo-vFrom {
			f.fail(i, "_LEGACY_ERROR_TEMP_2068", "there are not as many keys as values")
			to = from
		}
		begin := f.out.Kids[0].Len()
		for k := uint32(0); k < to-from; k++ {
			if !f.addEntry(i, begin, &f.args[0].Kids[0], &f.args[1].Kids[0], int(from+k), int(vFrom+k)) {
				break
			}
		}
		f.shutRow()
	}
}

func checkMapFromEntries(c *call) *Node {
	if !c.arity(1, 1) || !c.arrayArg(0) {
		return nil
	}
	t := c.args[0].Type.Elem
	if t.Kind != column.Struct || len(t.Fields) != 2 {
		return c.mismatch(0, "an array of structs of two fields")
	}
	return c.node(column.Type{Kind: column.Map, Key: &t.Fields[0].Type, Elem: &t.Fields[1].Type})
}

// mapFromEntries is NULL where an entry is.
func mapFromEntries(f *frame, rows []uint32) {
	f.grow()
	entries := &f.args[0].Kids[0]
	for _, i := range rows {
		f.openRow(i)
		begin, null := f.out.Kids[0].Len(), false
		for from, to := f.args[0].Span(int(i)); from < to && !null; from++ {
			if entries.IsNull(int(from)) {
				null = true
			} else if !f.addEntry(i, begin, &entries.Kids[0], &entries.Kids[1], int(from), int(from)) {
				break
			}
		}
		f.shutRow()
		if null {
			f.null(i)
		}
	}
}

// checkTextToMap is str_to_map(text, between pairs, between key and value); both are regular expressions.
func checkTextToMap(c *call) *Node {
	for _, separator := range []string{",", ":"}[len(c.args)-1:] {
		c.args = append(c.args, textConst(separator, c.pos))
	}
	text := column.Of(column.String)
	return c.node(column.Type{Kind: column.Map, Key: &text, Elem: &text})
}

func textToMap(*Node, *Env) (kernel, error) {
	pairs, parts := &expressions{}, &expressions{}
	var fields, entry column.Vector
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			between, inside := pairs.of(f, i, f.text(1, i)), parts.of(f, i, f.text(2, i))
			if between != nil && inside != nil {
				fields.Reset(column.Of(column.String))
				f.splitText(&fields, f.text(0, i), between, -1)
				begin := f.out.Kids[0].Len()
				for k := 0; k < fields.Len(); k++ {
					entry.Reset(column.Of(column.String))
					f.splitText(&entry, fields.Bytes(k), inside, 2)
					if entry.Len() < 2 {
						entry.AppendNull()
					}
					if !f.addEntry(i, begin, &entry, &entry, 0, 1) {
						break
					}
				}
			}
			f.shutRow()
		}
	}, nil
}
