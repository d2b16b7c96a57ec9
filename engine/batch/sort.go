package batch

import (
	"bytes"
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

// order returns rows sorted by their keys, equal ones as they stand.
func (k *rowKeys) order(rows []uint32) []uint32 {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b uint32) int { return bytes.Compare(k.At(int(a)), k.At(int(b))) })
	return out
}

// same reports that two rows have equal keys.
func (k *rowKeys) same(a, b uint32) bool { return bytes.Equal(k.At(int(a)), k.At(int(b))) }
