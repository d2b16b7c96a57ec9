package batch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// sort orders all rows; equal ones keep their order.
func (r *runner) sort(n *plan.Sort, emit func(*column.Batch) error) error {
	held, err := r.collect(n.In)
	if err != nil {
		return err
	}
	defer r.release(held)
	keys, err := r.sortKeys(n.Keys, &held.Batch)
	if err != nil {
		return err
	}
	return emitRows(&held.Batch, keys.order(held.Sel), emit)
}

// rowKeys is a byte string a row, such that rows compare as their strings do.
type rowKeys struct{ column.Bytes }

// sortKeys encodes ORDER BY for all rows of a batch. A key is a byte for NULL, then the value as
// codec.AppendKey writes it, every bit of it turned for DESC.
func (r *runner) sortKeys(keys []plan.SortKey, b *column.Batch) (*rowKeys, error) {
	vectors := make([]*column.Vector, len(keys))
	for i, k := range keys {
		v, err := r.eval(k.Expr, b)
		if err != nil {
			return nil, err
		}
		vectors[i] = v
	}
	out := &rowKeys{}
	for row := 0; row < b.Len; row++ {
		for i, k := range keys {
			out.Data = appendSortKey(out.Data, vectors[i], row, k)
		}
		out.Close()
	}
	return out, nil
}

func appendSortKey(dst []byte, v *column.Vector, row int, k plan.SortKey) []byte {
	null := v.Type.Kind == column.Void || v.IsNull(row)
	if null == k.NullsFirst {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
	}
	if null {
		return dst
	}
	from := len(dst)
	dst = codec.AppendKey(dst, v, row)
	if k.Desc {
		for i := from; i < len(dst); i++ {
			dst[i] ^= 0xff
		}
	}
	return dst
}

// sortRow is a row with the first bytes of its key, which decide most comparisons.
type sortRow struct {
	prefix uint64
	row    uint32
}

// order returns rows, which ascend, sorted by their keys; equal ones stay in order.
func (k *rowKeys) order(rows []uint32) []uint32 {
	list := make([]sortRow, len(rows))
	for i, row := range rows {
		key := k.At(int(row))
		var head [8]byte
		copy(head[:], key)
		list[i] = sortRow{binary.BigEndian.Uint64(head[:]), row}
	}
	slices.SortFunc(list, func(a, b sortRow) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		if c := bytes.Compare(k.At(int(a.row)), k.At(int(b.row))); c != 0 {
			return c
		}
		return cmp.Compare(a.row, b.row)
	})
	out := make([]uint32, len(rows))
	for i := range list {
		out[i] = list[i].row
	}
	return out
}

// same reports that two rows have equal keys.
func (k *rowKeys) same(a, b uint32) bool { return bytes.Equal(k.At(int(a)), k.At(int(b))) }
