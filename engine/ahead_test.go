package engine

import (
	"math"
	"testing"
)

// TestIsAhead: a partition is ahead of the others when several of its reports would bring it no nearer.
func TestIsAhead(t *testing.T) {
	const never = math.MinInt64
	for _, c := range []struct {
		what             string
		before, now, all int64
		want             bool
	}{
		{"the slowest", 100, 110, 110, false},
		{"a few reports", 130, 140, 105, false},
		{"many reports", 140, 150, 105, true},
		{"no event time in the report", 150, 150, 140, true},
		{"behind what was closed", 90, 95, 100, false},
		{"the first report", never, 1000, never, false},
		{"the others have not begun", 1000, 1010, never, true},
		{"it was empty so far", math.MaxInt64, 1000, 10, false},
		{"nothing yet", never, never, never, false},
	} {
		if got := isAhead(c.before, c.now, c.all); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
