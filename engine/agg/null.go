package agg

import "github.com/nagare-stream/nagare/engine/column"

// null is any aggregate of VOID whose result over nothing is NULL.
type null struct{}

func (null) Grow(int)                                   {}
func (null) Update([]uint32, []uint32, *column.Vector)  {}
func (null) Merge(uint32, Aggregate, uint32)            {}
func (null) Reset(uint32)                               {}
func (null) Clear(bool)                                 {}
func (null) AppendState(dst []byte, slot uint32) []byte { return dst }
func (null) SetState(slot uint32, src []byte) error     { return stateError("NULL", src, nil) }
func (null) Size() int64                                { return 0 }
func (null) Result(dst *column.Vector, slots []uint32) {
	for range slots {
		dst.AppendNull()
	}
}
