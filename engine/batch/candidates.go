package batch

import (
	"errors"

	"github.com/nagare-stream/nagare/engine/column"
)

// any reports whether a condition over both sides is true for a left row and one of the right rows,
// and whether it is NULL for one. No condition is true.
func (j *join) any(b *column.Batch, left uint32, list []uint32, on *computed) (match, null bool, err error) {
	if on == nil || len(list) == 0 {
		return len(list) > 0, false, nil
	}
	both := &column.Schema{Fields: append(append([]column.Field{}, b.Schema.Fields...), j.right.Schema.Fields...)}
	pairs := &column.Batch{}
	for len(list) > 0 && !match {
		if err := j.r.job.yield(); err != nil {
			return false, false, err
		}
		n := min(len(list), batchRows)
		if j.other.most > 0 {
			n = min(n, j.other.most)
		}
		n = j.against(pairs, both, b, left, list[:n])
		v, err := on.over(pairs)
		switch {
		case errors.Is(err, errPiece):
			j.other.fewer(n)
			continue
		case err != nil:
			return false, false, err
		}
		j.other.fitted()
		for i := 0; i < pairs.Len; i++ {
			switch {
			case v.IsNull(i):
				null = true
			case v.Int[i] != 0:
				match = true
			}
		}
		list = list[n:]
	}
	return match, null, nil
}

// against puts pairs of one left row and right rows into a batch, at least one, and returns how many.
func (j *join) against(pairs *column.Batch, schema *column.Schema, b *column.Batch, left uint32, list []uint32) int {
	pairs.Reset(schema)
	each := rowSize(b, left)
	size := int64(0)
	for _, right := range list {
		if size += each + rowSize(&j.right.Batch, right); size > j.r.piece && pairs.Len > 0 {
			break
		}
		for c := range b.Cols {
			appendCell(&pairs.Cols[c], pairs.Len, &b.Cols[c], int(left))
		}
		for c := range j.right.Cols {
			appendCell(&pairs.Cols[len(b.Cols)+c], pairs.Len, &j.right.Cols[c], int(right))
		}
		pairs.Len++
	}
	pairs.SelectAll()
	return pairs.Len
}
