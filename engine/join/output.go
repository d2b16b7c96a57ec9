package join

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// outRows is how many pairs come out at a time.
const outRows = 1024

// output is pairs on their way out.
type output struct {
	batch    column.Batch
	schema   column.Schema
	left     int // columns
	pairs    [][2]int32
	appended []int64
	all      []uint32
	asked    []uint32 // pairs that Rest decides about
	sel      []uint32
	number   uint32 // of the batch, from 1
}

func (o *output) init(s *Spec) {
	o.left = len(s.Columns[Left])
	o.schema.Fields = append(append(o.schema.Fields, s.Columns[Left]...), s.Columns[Right]...)
	o.batch.Reset(&o.schema)
	o.number = 1
}

// put appends a pair; none is a side that is NULL.
func (o *output) put(rows *rows, left, right int32) error {
	sides := [2]int32{left, right}
	appended := int64(0)
	for side, cols := range [2][]column.Vector{o.batch.Cols[:o.left], o.batch.Cols[o.left:]} {
		i := sides[side]
		if i == none {
			for c := range cols {
				cols[c].AppendNull()
			}
			continue
		}
		r := rows.at(i)
		if _, err := codec.ReadRow(rows.content(r)[r.key:], cols); err != nil {
			return fmt.Errorf("read a row of a join: %w", err)
		}
		appended = max(appended, r.appended)
	}
	o.pairs = append(o.pairs, sides)
	o.appended = append(o.appended, appended)
	o.batch.Len++
	return nil
}

// close makes the batch whole and selects all of it.
func (o *output) close() []uint32 {
	for i := range o.batch.Cols {
		o.batch.Cols[i].EnsureNull(o.batch.Len)
	}
	o.all = column.Sized(o.all, o.batch.Len)
	for i := range o.all {
		o.all[i] = uint32(i)
	}
	return o.all
}

// reset begins the next batch.
func (o *output) reset() {
	o.batch.Reset(&o.schema)
	o.pairs, o.appended = o.pairs[:0], o.appended[:0]
	o.number++
}
