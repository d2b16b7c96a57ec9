package engine

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestLatencyQuantiles: a quantile is that of the sorted durations, at most a bucket too great; merging and taking
// away are as if what came was counted at once.
func TestLatencyQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(63, 4_000_000_000), 1, 50).Draw(t, "durations")
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		var whole, first, rest Latency
		for i, us := range all {
			whole.Add(us, 1)
			if i < cut {
				first.Add(us, 1)
			} else {
				rest.Add(us, 1)
			}
		}
		if since := whole.Since(&first); since != rest {
			t.Fatal("what came since is not what was counted since")
		}
		first.Merge(&rest)
		if first != whole {
			t.Fatal("two parts are not the whole")
		}
		q := rapid.Float64Range(0.01, 1).Draw(t, "q")
		rank := max(int(math.Ceil(q*float64(len(all)))), 1)
		smaller := 0
		got := whole.Quantile(q)
		for _, us := range all {
			if float64(us)/1e6 <= got*(1+1e-9) {
				smaller++
			}
		}
		if smaller < rank {
			t.Fatalf("%d of %d durations are at most %v, the quantile %v", smaller, len(all), got, q)
		}
		at := 0
		for _, us := range all {
			if float64(us)/1e6 <= got/math.Exp2(1.0/8)*(1-1e-9) {
				at++
			}
		}
		if at >= rank {
			t.Fatalf("the quantile %v is more than a bucket too great: %v of %v", q, got, all)
		}
	})
	var none Latency
	if !math.IsNaN(none.Quantile(0.5)) {
		t.Error("nothing has a median")
	}
	none.Add(-5, 3)
	if none.Count != 3 || none.Sum != 0 || none.Buckets[0] != 3 {
		t.Errorf("clocks that differ: %d %d", none.Count, none.Sum)
	}
	for i := range octaves {
		var l Latency
		l.Add(int64(1000*math.Exp2(float64(i-lowestOctave))), 1)
		if i >= lowestOctave && l.Buckets[i*LatencyBucketsPerOctave] != 1 {
			t.Errorf("2^%d ms is not the greatest of its bucket", i-lowestOctave)
		}
	}
}
