package lookup

import (
	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// A Table is the side of a join that does not change. Any number of Lookups use it at once.
type Table struct {
	rows   column.Batch
	groups *agg.Groups // of the keys; nil: there are none, and every row of the table is a candidate
	starts []uint32    // by slot: where its rows begin in order; one more at the end
	order  []uint32    // rows of the table by slot, ascending within one
	all    []uint32
	unlike []uint32 // rows whose key holds a NULL that equals nothing
	unique bool     // no key has two rows
}

// NewTable indexes rows, which it keeps, by keys: the values of columns that are compared for equality, by row. Where
// nullSafe is false a NULL equals nothing.
func NewTable(rows column.Batch, keys []*column.Vector, nullSafe []bool) *Table {
	t := &Table{rows: rows, all: make([]uint32, rows.Len)}
	for i := range t.all {
		t.all[i] = uint32(i)
	}
	if len(keys) == 0 {
		return t
	}
	var keyed []uint32
	for _, r := range t.all {
		if hasNull(keys, nullSafe, r) {
			t.unlike = append(t.unlike, r)
		} else {
			keyed = append(keyed, r)
		}
	}
	types := make([]column.Type, len(keys))
	for i, k := range keys {
		types[i] = k.Type
	}
	t.groups = agg.NewGroups(types)
	slots := t.groups.Slots(keys, keyed, nil)
	t.starts = make([]uint32, t.groups.Len()+1)
	for _, s := range slots {
		t.starts[s+1]++
	}
	for s := range t.groups.Len() {
		t.starts[s+1] += t.starts[s]
	}
	t.order = make([]uint32, len(keyed))
	next := append([]uint32(nil), t.starts...)
	for i, s := range slots {
		t.order[next[s]] = keyed[i]
		next[s]++
	}
	t.unique = t.groups.Len() == len(keyed)
	return t
}

func hasNull(keys []*column.Vector, nullSafe []bool, row uint32) bool {
	for i, k := range keys {
		if !nullSafe[i] && (k.Type.Kind == column.Void || k.IsNull(int(row))) {
			return true
		}
	}
	return false
}

// Len is the number of rows.
func (t *Table) Len() int { return t.rows.Len }

// Size is the bytes in use, about.
func (t *Table) Size() int64 {
	n := 4 * int64(cap(t.starts)+cap(t.order)+cap(t.all)+cap(t.unlike))
	for i := range t.rows.Cols {
		n += t.rows.Cols[i].Capacity()
	}
	if t.groups != nil {
		n += t.groups.Size()
	}
	return n
}

// of is the rows of a slot.
func (t *Table) of(slot uint32) []uint32 { return t.order[t.starts[slot]:t.starts[slot+1]] }
