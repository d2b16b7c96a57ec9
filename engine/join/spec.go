package join

import (
	"math"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// The sides of a join.
const (
	Left  = 0
	Right = 1
)

// A Spec is what a join makes of its rows.
type Spec struct {
	// Single tells by side whether a row without a partner comes out alone, the other side NULL.
	Single [2]bool
	// Semi has a left row come out once, with its first partner.
	Semi bool
	// Least and Most bound the right time less the left one, in microseconds; math.MinInt64 and math.MaxInt64: nothing does.
	Least, Most int64
	// Window is the size of the windows of which one has to hold both times, and Offset where they begin; 0: none.
	Window, Offset int64
	Columns        [2][]column.Field // of the rows of each side
	Keys           []column.Type
	Sides          []int // by lane
	// Rest chooses among pairs those that match, in their order, and may return rows itself; nil: all do.
	Rest func(b *column.Batch, rows []uint32, appended []int64) []uint32
	// Emit takes rows of the columns of both sides, in order; all is valid during the call. appended is, by row, when the
	// younger record of the pair was appended.
	Emit func(b *column.Batch, rows []uint32, appended []int64) error
}

// A Count is what became of the rows of one side. Rows = Joined + Unmatched + Waiting.
type Count struct {
	Rows      int64 `json:"rows"`
	Joined    int64 `json:"joined"`    // with one partner at least
	Unmatched int64 `json:"unmatched"` // no partner can come any more
	Waiting   int64 `json:"waiting"`   // for a partner, or with one and for more
}

// deadline is the last time at which a partner of a row may lie.
func (s *Spec) deadline(side int, time int64) int64 {
	d := int64(math.MaxInt64)
	if side == Left {
		if s.Most != math.MaxInt64 {
			d = add(time, s.Most)
		}
	} else if s.Least != math.MinInt64 {
		d = add(time, -s.Least)
	}
	if s.Window > 0 {
		d = min(d, s.windowOf(time)+s.Window-1)
	}
	return d
}

// windowOf is the start of the window that holds a time.
func (s *Spec) windowOf(time int64) int64 { return time - codec.FloorMod(time-s.Offset, s.Window) }

// near reports whether the times of a left and a right row are.
func (s *Spec) near(left, right int64) bool {
	by := right - left // times are of the years 1 to 9999: the difference fits
	return by >= s.Least && by <= s.Most && (s.Window == 0 || s.windowOf(left) == s.windowOf(right))
}

// add is a + b, bounded.
func add(a, b int64) int64 {
	switch s := a + b; {
	case b > 0 && s < a:
		return math.MaxInt64
	case b < 0 && s > a:
		return math.MinInt64
	default:
		return s
	}
}
