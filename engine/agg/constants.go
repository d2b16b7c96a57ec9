package agg

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/column"
)

// Constants are the arguments of an aggregate that are the same for all rows.
type Constants struct {
	Points    []float64 // of percentiles, from 0 to 1
	Many      bool      // they were an array, and so is the result
	Error     float64   // of percentile_approx: points nearer than this to 0 and 1 are the ends
	Desc      bool      // percentile_cont, percentile_disc, mode: ORDER BY x DESC
	Least     bool      // mode: of values that are as frequent the first in the order, not the first that came
	Delimiter string    // of listagg
	Orders    []Order   // of listagg: of the arguments behind the first
	Precision int       // of approx_count_distinct
}

// Order is one key of WITHIN GROUP (ORDER BY …).
type Order struct{ Desc, NullsFirst bool }

// With is the call with its constants.
func (s Spec) With(c Constants) Spec {
	if s.Constants = c; c.Many {
		elem := s.Type
		s.Type = column.Type{Kind: column.Array, Elem: &elem}
	}
	return s
}

// Key is different for calls with different constants, and "" without any.
func (c Constants) Key() string {
	if key := fmt.Sprintf("%+v", c); key != fmt.Sprintf("%+v", Constants{}) {
		return key
	}
	return ""
}

// points are those of the call; one half where it has none.
func (c Constants) points() []float64 {
	if c.Points == nil && !c.Many {
		return []float64{0.5}
	}
	return c.Points
}
