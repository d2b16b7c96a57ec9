package agg

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// nested turns values that have no plain array, such as structs, into bytes and back.
type nested struct {
	one [1]column.Vector // codec takes columns side by side
	buf []byte
}

// bytes is the value v[row] as codec.AppendRow writes it, valid until the next call.
func (n *nested) bytes(v *column.Vector, row uint32) []byte {
	n.one[0] = *v
	n.buf = codec.AppendRow(n.buf[:0], n.one[:], int(row))
	n.one[0] = column.Vector{}
	return n.buf
}

// read appends to v the value that takes all of src.
func (n *nested) read(v *column.Vector, src []byte) error {
	n.one[0] = *v
	rest, err := codec.ReadRow(src, n.one[:])
	*v, n.one[0] = n.one[0], column.Vector{}
	if err == nil && len(rest) > 0 {
		err = errLeft
	}
	return err
}
