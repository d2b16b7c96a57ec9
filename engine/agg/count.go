package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// count is count(*), count(x) and count(x, y, …): the rows in which no argument is NULL.
type count struct {
	n     []int64
	parts bool // the input is a struct of several arguments
}

func (a *count) Grow(slots int) { a.n = extend(a.n, slots) }

func (a *count) Update(slots, rows []uint32, in *column.Vector) {
	n := a.n
	switch {
	case in == nil || !a.parts && in.Null == nil && in.Type.Kind != column.Void:
		for _, s := range slots {
			n[s]++
		}
	case a.parts:
		for i, s := range slots {
			if !anyNull(in, rows[i]) {
				n[s]++
			}
		}
	case in.Type.Kind != column.Void:
		for i, s := range slots {
			if !isNull(in.Null, rows[i]) {
				n[s]++
			}
		}
	}
}

// anyNull reports whether a field of a struct's row, or the row itself, is NULL.
func anyNull(in *column.Vector, row uint32) bool {
	if isNull(in.Null, row) {
		return true
	}
	for k := range in.Kids {
		if kid := &in.Kids[k]; kid.Type.Kind == column.Void || isNull(kid.Null, row) {
			return true
		}
	}
	return false
}

func (a *count) Merge(dst uint32, from Aggregate, src uint32) { a.n[dst] += from.(*count).n[src] }

func (a *count) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		dst.AppendInt(a.n[s])
	}
}

func (a *count) Reset(slot uint32)  { a.n[slot] = 0 }
func (a *count) Clear(release bool) { a.n = cleared(a.n, release) }
func (a *count) Size() int64        { return int64(cap(a.n)) * 8 }

func (a *count) AppendState(dst []byte, slot uint32) []byte {
	return binary.AppendUvarint(dst, uint64(a.n[slot]))
}

func (a *count) SetState(slot uint32, src []byte) error {
	x, rest, err := readUvarint(src)
	a.n[slot] = int64(x)
	return stateError("count", rest, err)
}

// cleared is s without entries, with its memory unless release is set.
func cleared[T any](s []T, release bool) []T {
	if release {
		return nil
	}
	return s[:0]
}
