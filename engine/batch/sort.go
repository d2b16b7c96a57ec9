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
	var held *heldRows
	var err error
	if f, is := r.first[n]; is {
		held, err = r.collectFirst(n, f)
	} else {
		held, err = r.collect(n.In)
	}
	if err != nil {
		return err
	}
	defer r.release(held)
	keys, err := r.sortKeys(n.Keys, &held.Batch)
	if err != nil {
		return err
	}
	defer r.shrink(&keys.counted)
	order, err := r.order(keys, held.Sel)
	if err != nil {
		return err
	}
	return r.emitRows(&held.Batch, order, emit)
}

// rowKeys is a byte string a row, such that rows compare as their strings do.
type rowKeys struct {
	column.Bytes
	counted int64
}

// count counts the keys that there are.
func (r *runner) count(k *rowKeys) error {
	return r.grow(&k.counted, int64(cap(k.Data))+4*int64(cap(k.Ends)))
}

// reserve makes room for the key of a row of so many.
func (k *rowKeys) reserve(values []*column.Vector, row, rows int, ask column.Grow) (err error) {
	if k.Ends == nil {
		if k.Ends, err = column.Extend(k.Ends, rows, 4, ask); err != nil {
			return err
		}
	}
	n := int64(0)
	for _, v := range values {
		size := v.SizeOf(uint32(row), uint32(row)+1)
		n += keyBytes + size + size/4 // elements of arrays have a byte each
	}
	if int64(cap(k.Data)-len(k.Data)) >= n {
		return nil
	}
	k.Data, err = column.Extend(k.Data, int(n), 1, ask)
	return err
}

// keyBytes is what a value's key has beside the value, about: a byte for NULL, and what ends a text.
const keyBytes = 8

// sortKeys encodes ORDER BY for all rows of a batch. A key is a byte for NULL, then the value as
// codec.AppendKey writes it, every bit of it turned for DESC.
func (r *runner) sortKeys(keys []plan.SortKey, b *column.Batch) (*rowKeys, error) {
	vectors := make([]*column.Vector, len(keys))
	for i, k := range keys {
		v, err := r.evalHeld(k.Expr, b)
		if err != nil {
			return nil, err
		}
		vectors[i] = v
	}
	out := &rowKeys{}
	ask := r.ask(&out.counted)
	for row := 0; row < b.Len; row++ {
		if err := out.reserve(vectors, row, b.Len, ask); err != nil {
			return nil, err
		}
		for i, k := range keys {
			out.Data = appendSortKey(out.Data, vectors[i], row, k)
		}
		out.Close()
		if row&countRows == countRows {
			if err := r.check(out); err != nil {
				return nil, err
			}
		}
	}
	return out, r.count(out)
}

// countRows is after how many rows, in bits, an operator counts what it holds and lets others have their turn.
const countRows = 1<<8 - 1

func (r *runner) check(k *rowKeys) error {
	if err := r.count(k); err != nil {
		return err
	}
	return r.job.yield()
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

// order returns rows, which ascend, sorted by their keys; equal ones stay in order.
func (r *runner) order(k *rowKeys, rows []uint32) ([]uint32, error) {
	working := int64(0)
	if err := r.grow(&working, 20*int64(len(rows))); err != nil {
		return nil, err
	}
	out := slices.Clone(rows)
	s := rowSorter{keys: k, job: r.job}
	if s.sort(out); r.job.stop.Load() {
		return nil, r.job.yield()
	}
	return out, r.grow(&working, 4*int64(len(rows)))
}

// A rowSorter sorts rows by their keys.
type rowSorter struct {
	keys     *rowKeys
	job      *Job
	list     []sortRow
	compared int
}

// sortRow is a row with the first bytes of its key that not all have, which decide most comparisons.
type sortRow struct {
	prefix uint64
	row    uint32
}

// sort sorts rows, which ascend, in place; equal ones stay in order. With a query that is over they come out in any order.
func (s *rowSorter) sort(rows []uint32) {
	if len(rows) < 2 {
		return
	}
	k := s.keys
	shared := k.At(int(rows[0]))
	for _, row := range rows[1:] {
		key := k.At(int(row))
		n := 0
		for n < min(len(shared), len(key)) && shared[n] == key[n] {
			n++
		}
		shared = shared[:n]
	}
	s.list = column.Sized(s.list, len(rows))
	for i, row := range rows {
		var head [8]byte
		copy(head[:], k.At(int(row))[len(shared):])
		s.list[i] = sortRow{binary.BigEndian.Uint64(head[:]), row}
	}
	slices.SortFunc(s.list, s.compare)
	for i := range s.list {
		rows[i] = s.list[i].row
	}
}

func (s *rowSorter) compare(a, b sortRow) int {
	if s.compared++; s.compared&(1<<15-1) == 0 && s.job.yield() != nil {
		return 0
	}
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	if c := bytes.Compare(s.keys.At(int(a.row)), s.keys.At(int(b.row))); c != 0 {
		return c
	}
	return cmp.Compare(a.row, b.row)
}

// same reports that two rows have equal keys.
func (k *rowKeys) same(a, b uint32) bool { return bytes.Equal(k.At(int(a)), k.At(int(b))) }
