package agg

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/column"
)

// extremeBytes is min and max of STRING and BINARY, by their bytes. Each slot has a buffer of its
// own, reused when the extreme changes.
type extremeBytes struct {
	x    [][]byte
	seen []bool
	held int64 // bytes in the buffers
	sign int   // 1: min; -1: max
}

func (a *extremeBytes) Grow(slots int) {
	a.x = extendBuffers(a.x, slots)
	a.seen = extend(a.seen, slots)
}

func (a *extremeBytes) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		r := rows[i]
		if in.Null != nil && isNull(in.Null, r) {
			continue
		}
		a.offer(s, in.Bytes(int(r)))
	}
}

// offer takes y as the extreme of a slot where it is more extreme.
func (a *extremeBytes) offer(slot uint32, y []byte) {
	if !a.seen[slot] || bytes.Compare(y, a.x[slot]) == -a.sign {
		a.set(slot, y)
	}
}

func (a *extremeBytes) set(slot uint32, y []byte) {
	before := cap(a.x[slot])
	a.x[slot] = append(a.x[slot][:0], y...)
	a.held += int64(cap(a.x[slot]) - before)
	a.seen[slot] = true
}

func (a *extremeBytes) Merge(dst uint32, from Aggregate, src uint32) {
	if f := from.(*extremeBytes); f.seen[src] {
		a.offer(dst, f.x[src])
	}
}

func (a *extremeBytes) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendBytes(a.x[s])
	}
}

func (a *extremeBytes) Reset(slot uint32) { a.seen[slot] = false }

func (a *extremeBytes) Clear(release bool) {
	if release {
		a.held = 0
	}
	a.x, a.seen = cleared(a.x, release), cleared(a.seen, release)
}

func (a *extremeBytes) Size() int64 { return int64(cap(a.x))*24 + int64(cap(a.seen)) + a.held }

func (a *extremeBytes) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendBytes(dst, a.x[slot])
}

func (a *extremeBytes) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, rest, err := readBytes(src)
	a.set(slot, x)
	return stateError("min or max", rest, err)
}
