package expr

import (
	"sort"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// eachFieldFunc is array.name where the elements are structs: the array of that field. Index: the field.
const eachFieldFunc = "field of each"

func (b *binding) fieldOfEach(n *Node, name sql.Ident) *Node {
	i, fault := fieldIndex(*n.Type.Elem, name)
	if fault != nil {
		return b.fail(*fault)
	}
	f := n.Type.Elem.Fields[i]
	elem := f.Type
	return &Node{Op: OpCall, Func: eachFieldFunc, Index: i, Name: f.Name, Type: column.Type{Kind: column.Array, Elem: &elem}, Args: []*Node{n}, Pos: n.Pos}
}

func eachFieldKernel(n *Node, _ *Env) (kernel, error) {
	var bits []uint64
	return func(f *frame, _ []uint32) {
		in := f.args[0]
		elems := &in.Kids[0]
		f.out.Ends = append(f.out.Ends[:0], in.Ends[:f.x.rows]...)
		f.out.Kids[0] = elems.Kids[n.Index]
		if elems.Null != nil {
			bits = orBits(bits[:0], elems.Null, f.out.Kids[0].Null, elems.Len())
			f.out.Kids[0].Null = bits
		}
	}, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
