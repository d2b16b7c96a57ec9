package agg

import "github.com/nagare-stream/nagare/engine/column"

// extremeBy is max_by(x, y) and min_by(x, y): the x, which may be NULL, of the row with the most
// extreme y. Rows whose y is NULL are left out; of equal ones the last counts, as in Spark.
type extremeBy struct {
	x, y  cells
	sign  int    // 1: min_by; -1: max_by
	state []byte // scratch
}

func (a *extremeBy) Grow(slots int) {
	a.x.grow(slots)
	a.y.grow(slots)
}

func (a *extremeBy) Update(slots, rows []uint32, in *column.Vector) {
	x, y := &in.Kids[0], &in.Kids[1]
	if y.Type.Kind == column.Void {
		return
	}
	for i, s := range slots {
		r := rows[i]
		if isNull(in.Null, r) || isNull(y.Null, r) || !a.better(s, y, r) {
			continue
		}
		a.x.set(s, x, r)
		a.y.set(s, y, r)
	}
}

// better reports whether y[row] takes the place of what a slot has.
func (a *extremeBy) better(slot uint32, y *column.Vector, row uint32) bool {
	return a.y.fill[slot] == cellEmpty || a.y.compare(y, row, slot) != a.sign
}

func (a *extremeBy) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*extremeBy)
	if f.y.fill[src] == cellEmpty {
		return
	}
	f.y.load(src)
	if a.better(dst, &f.y.parsed, 0) {
		a.x.take(dst, &f.x, src)
		a.y.take(dst, &f.y, src)
	}
}

func (a *extremeBy) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		a.x.appendTo(dst, s)
	}
}

func (a *extremeBy) Reset(slot uint32) { a.x.fill[slot], a.y.fill[slot] = cellEmpty, cellEmpty }

func (a *extremeBy) Clear(release bool) {
	a.x.clear(release)
	a.y.clear(release)
}

func (a *extremeBy) Size() int64 { return a.x.size() + a.y.size() }

// The state is empty, or y with its length in front and then x.
func (a *extremeBy) AppendState(dst []byte, slot uint32) []byte {
	if a.y.fill[slot] == cellEmpty {
		return dst
	}
	a.state = a.y.appendState(a.state[:0], slot)
	return a.x.appendState(appendBytes(dst, a.state), slot)
}

func (a *extremeBy) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	y, x, err := readBytes(src)
	if err == nil {
		err = a.y.setState(slot, y)
	}
	if err == nil && (len(x) == 0 || a.y.fill[slot] != cellValue) {
		err = errShort
	}
	if err == nil {
		err = a.x.setState(slot, x)
	}
	return stateError("max_by or min_by", nil, err)
}
