package expr

import (
	"strconv"

	"github.com/nagare-stream/nagare/engine/column"
)

// structures make and read structs, arrays and maps.
func structures() []function {
	return []function{
		{name: "named_struct", check: checkNamedStruct},
		{name: "struct", check: checkStruct, kernel: same(makeStruct), nulls: true},
		{name: eachFieldFunc, kernel: eachFieldKernel},
		{name: "array", check: checkArray, kernel: same(makeArray), nulls: true},
		{name: "map", check: checkMap, kernel: same(makeMap), nulls: true},
		{name: sortMapsFunc, sig: "any -> =0", kernel: same(sortMaps)},
		{name: "[]", check: checkIndex, kernel: same(indexArray(0, "INVALID_ARRAY_INDEX"))},
		{name: "get", check: checkIndex, kernel: same(indexArray(0, ""))},
		{name: "element_at", check: checkElementAt, kernel: elementAt("INVALID_ARRAY_INDEX_IN_ELEMENT_AT")},
		{name: "try_element_at", check: checkElementAt, kernel: elementAt("")},
	}
}

// checkStruct names the fields by the columns and fields that they are, the others col1, col2, ….
func checkStruct(c *call) *Node {
	if !c.arity(1, -1) {
		return nil
	}
	fields := make([]column.Field, len(c.args))
	for i, a := range c.args {
		name := ""
		if c.names != nil {
			name = c.names[i]
		} else if a.Op == OpColumn || a.Op == OpField {
			name = a.Name
		}
		if name == "" {
			name = "col" + strconv.Itoa(i+1)
		}
		fields[i] = column.Field{Name: name, Type: a.Type}
	}
	return c.node(column.StructOf(fields...))
}

// checkNamedStruct is named_struct('a', x, 'b', y).
func checkNamedStruct(c *call) *Node {
	if len(c.args)%2 != 0 || len(c.args) == 0 {
		return c.fault("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "%s takes pairs of a name and a value, not %d arguments", c.name, len(c.args))
	}
	var fields []column.Field
	var values []*Node
	for i := 0; i < len(c.args); i += 2 {
		name, ok := c.constantText(i)
		if !ok {
			return c.fault("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "argument %d of %s is the name of a field, a constant text", i+1, c.name)
		}
		fields = append(fields, column.Field{Name: name, Type: c.args[i+1].Type})
		values = append(values, c.args[i+1])
	}
	return &Node{Op: OpCall, Func: "struct", Type: column.StructOf(fields...), Args: values, Pos: c.pos}
}

// makeStruct gives a struct whose fields are the arguments' own vectors.
func makeStruct(f *frame, _ []uint32) {
	for k, v := range f.args {
		f.out.Kids[k] = *v
	}
}

func checkArray(c *call) *Node {
	elem := column.Type{}
	if len(c.args) > 0 {
		var ok bool
		if elem, ok = commonOf(c.args); !ok {
			return c.b.diffTypes(c.pos, c.name, c.args)
		}
	}
	for i := range c.args {
		c.args[i] = castTo(c.args[i], elem)
	}
	return c.node(column.Type{Kind: column.Array, Elem: &elem})
}

func makeArray(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		for _, v := range f.args {
			f.out.Kids[0].AppendFrom(v, int(i))
		}
		f.shutRow()
	}
}

func checkMap(c *call) *Node {
	if len(c.args)%2 != 0 {
		return c.fault("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "%s takes pairs of a key and a value, not %d arguments", c.name, len(c.args))
	}
	var keys, values []*Node
	for i := 0; i < len(c.args); i += 2 {
		keys, values = append(keys, c.args[i]), append(values, c.args[i+1])
	}
	key, ok1 := commonOf(keys)
	value, ok2 := commonOf(values)
	if !ok1 || !ok2 {
		return c.b.diffTypes(c.pos, c.name, c.args)
	}
	if HasMap(key) {
		return c.fault("DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE", "a key cannot be a map or hold one, as %s does", key)
	}
	for i := 0; i < len(c.args); i += 2 {
		c.args[i], c.args[i+1] = castTo(c.args[i], key), castTo(c.args[i+1], value)
	}
	return c.node(column.Type{Kind: column.Map, Key: &key, Elem: &value})
}

func makeMap(f *frame, rows []uint32) {
	f.grow()
	for _, i := range rows {
		f.openRow(i)
		from := f.out.Kids[0].Len()
		for k := 0; k < len(f.args); k += 2 {
			if !f.addKey(i, from, f.args[k], int(i)) {
				break
			}
			f.out.Kids[1].AppendFrom(f.args[k+1], int(i))
		}
		f.shutRow()
	}
}

// addKey appends a key to the map of row i, whose keys begin at from. A NULL key or one that is there
// already fails the row.
func (f *frame) addKey(i uint32, from int, v *column.Vector, j int) bool {
	keys := &f.out.Kids[0]
	if v.Type.Kind == column.Void || v.IsNull(j) {
		f.fail(i, "NULL_MAP_KEY", "")
		return false
	}
	f.x.use.spend(keys.Len() - from)
	for k := from; k < keys.Len(); k++ {
		if compareValues(keys, k, v, j) == 0 {
			f.fail(i, "DUPLICATED_MAP_KEY", "")
			return false
		}
	}
	keys.AppendFrom(v, j)
	return true
}

func checkIndex(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	if c.args[0].Type.Kind != column.Array {
		return c.mismatch(0, "an array")
	}
	if !c.coerce(1, "integer") {
		return nil
	}
	return c.node(*c.args[0].Type.Elem)
}

// indexArray is array[i], counted from first; class is of the error behind the end, "": NULL.
func indexArray(first int64, class string) kernel {
	return func(f *frame, rows []uint32) {
		if isNested(f.out.Type) {
			f.grow()
		}
		for _, i := range rows {
			from, to := f.args[0].Span(int(i))
			k, n := f.int(1, i)-first, int64(to-from)
			if first == 1 && k < 0 {
				if k == -1 {
					f.fail(i, "INVALID_INDEX_OF_ZERO", "")
					continue
				}
				k += n + 1
			}
			if k < 0 || k >= n {
				if class == "" {
					f.null(i)
				} else {
					f.fail(i, class, "")
				}
				continue
			}
			f.take(i, &f.args[0].Kids[0], int(from)+int(k))
		}
	}
}

// take makes row i of the output row j of v, whatever the type.
func (f *frame) take(i uint32, v *column.Vector, j int) {
	t := f.out.Type
	switch {
	case t.Kind == column.Void || v.IsNull(j):
		f.null(i)
	case t.UsesBytes():
		f.put(i, v.Bytes(j))
	case isNested(t):
		f.appendValue(i, v, j)
	default:
		f.copyValue(i, v, j)
	}
}

func checkElementAt(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	t := c.args[0].Type
	switch t.Kind {
	case column.Array:
		if k := c.args[1].Type.Kind; k == column.Void || k == column.Int64 || !isA(c.args[1].Type, "integer") {
			return c.mismatch(1, "int")
		}
		return c.node(*t.Elem)
	case column.Map:
		key, ok := common(*t.Key, c.args[1].Type)
		if !ok || !key.Equal(*t.Key) {
			return c.mismatch(1, t.Key.String())
		}
		c.args[1] = castTo(c.args[1], key)
		return c.node(*t.Elem)
	}
	return c.mismatch(0, "an array or a map")
}

func elementAt(class string) maker {
	return func(n *Node, _ *Env) (kernel, error) {
		if n.Args[0].Type.Kind == column.Array {
			return indexArray(1, class), nil
		}
		return lookUp, nil
	}
}

// lookUp is map[key]: NULL for a key that is not there.
func lookUp(f *frame, rows []uint32) {
	if isNested(f.out.Type) {
		f.grow()
	}
	m := f.args[0]
	for _, i := range rows {
		from, to := m.Span(int(i))
		found := false
		for k := from; k < to && !found; k++ {
			if compareValues(&m.Kids[0], int(k), f.args[1], int(i)) == 0 {
				found = true
				f.take(i, &m.Kids[1], int(k))
			}
		}
		if !found {
			f.null(i)
		}
	}
}
