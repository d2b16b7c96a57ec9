package agg

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// naiveSummary is the aggregates that need all values, from their definitions.
func naiveSummary(s Spec, out, in *column.Vector, rows []uint32) {
	if s.Name == "approx_count_distinct" {
		out.AppendInt(naiveSketch(in, rows))
		return
	}
	x := in
	if len(s.Args) > 1 {
		x = &in.Kids[0]
		rows = slices.DeleteFunc(rows, func(r uint32) bool { return x.Type.Kind == column.Void || x.IsNull(int(r)) })
	}
	if len(rows) == 0 {
		out.AppendNull()
		return
	}
	if s.Name == "listagg" {
		text := ""
		for _, r := range rows {
			text += string(x.Bytes(int(r)))
		}
		out.AppendString(text)
		return
	}
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b uint32) int { return compareAt(x, a, x, b) })
	n := len(sorted)
	switch s.Name {
	case "mode":
		best, most := uint32(0), 0
		for _, r := range rows {
			same := 0
			for _, q := range rows {
				if compareAt(x, r, x, q) == 0 {
					same++
				}
			}
			if same > most {
				best, most = r, same
			}
		}
		out.AppendFrom(x, int(best))
	case "percentile_approx":
		out.AppendFrom(x, int(sorted[(n+1)/2-1]))
	case "percentile_disc":
		appendNumber(out, numberAt(x, sorted[(n+1)/2-1]))
	default:
		low, high := sorted[(n-1)/2], sorted[n/2]
		y := numberAt(x, low)
		if low != high && compareAt(x, low, x, high) != 0 {
			y = y*0.5 + numberAt(x, high)*0.5
		}
		appendNumber(out, y)
	}
}

// naiveSketch counts with one map of registers; the estimate is the aggregate's, which aggregates.tsv compares with Spark.
func naiveSketch(in *column.Vector, rows []uint32) int64 {
	if len(rows) == 0 {
		return 0
	}
	registers := make([]byte, 512)
	for _, r := range rows {
		h := uint64(in.Int[r])
		first := h >> 55
		registers[first] = max(registers[first], byte(min(bits.LeadingZeros64(h&(1<<55-1))-9, 55)+1))
	}
	return int64(math.Floor(estimate(registers, 9) + 0.5))
}

// TestFrequencies: percentile(x, 0.5, n), over 1 once, 2 three times, 10 twice and what does not count, as
// Spark 4.3.0 gives it; and its refusal of what is negative.
func TestFrequencies(t *testing.T) {
	s, class, err := Resolve("percentile", false, []column.Type{column.Of(column.Float64), column.Of(column.Int64)})
	if err != nil {
		t.Fatal(class, err)
	}
	for _, c := range []struct {
		times []any
		want  float64
		class string
	}{
		{times: []any{1, 3, 2, 5, nil, 0}, want: 2},
		{times: []any{1, 1, 4, 5, nil, 0}, want: 10},
		{times: []any{0, 0, 0, 5, nil, 0}, want: math.NaN()},
		{times: []any{1, -3, 2, 5, nil, 0}, class: NegativeFrequency},
	} {
		in := pair(ints(column.Float64, 1.0, 2.0, 10.0, nil, 4.0, 7.0), ints(column.Int64, c.times...))
		a, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		a.Grow(1)
		a.Update(make([]uint32, 6), []uint32{0, 1, 2, 3, 4, 5}, in)
		if got := a.(Failer).Failed(0); got != c.class {
			t.Errorf("%v: class %q, want %q", c.times, got, c.class)
		}
		var out column.Vector
		out.Reset(s.Type)
		a.Result(&out, []uint32{0})
		if null := c.class != "" || math.IsNaN(c.want); out.IsNull(0) != null || !null && out.Float[0] != c.want {
			t.Errorf("%v: %v, want %v", c.times, out.Float, c.want)
		}
	}
}
