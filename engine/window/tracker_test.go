package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

func timestamps(values ...int64) *column.Vector {
	v := &column.Vector{}
	v.Reset(column.Of(column.Timestamp))
	for _, x := range values {
		if x == None {
			v.AppendNull()
		} else {
			v.AppendInt(x)
		}
	}
	v.EnsureNull(len(values))
	return v
}

func TestTracker(t *testing.T) {
	const now = int64(1000)
	times := timestamps(100, 90, None, 1100, 1101, MaxTime+1, MinTime-1, MinTime, 1050, 5)
	rows := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	tr := NewTracker(10, 100)
	if tr.Now() != None {
		t.Errorf("watermark %d before the first row", tr.Now())
	}
	marks, verdict := make([]int64, 10), make([]Verdict, 10)
	tr.Mark(times, slices.Repeat([]int64{now}, 10), rows, marks, verdict)
	if want := []int64{None, 90, 90, 90, 1090, 1090, 1090, 1090, 1090, 1090}; !slices.Equal(marks, want) {
		t.Errorf("marks %v, want %v", marks, want)
	}
	if want := []Verdict{OK, OK, Invalid, OK, Future, Invalid, Invalid, OK, OK, OK}; !slices.Equal(verdict, want) {
		t.Errorf("verdicts %v, want %v", verdict, want)
	}
	if tr.Now() != 1090 {
		t.Errorf("watermark %d, want 1090", tr.Now())
	}
	tr.Raise(1080)
	if tr.Now() != 1090 {
		t.Errorf("watermark %d after a raise to less", tr.Now())
	}
	tr.Raise(2000)
	if tr.Now() != 2000 {
		t.Errorf("watermark %d after a raise to 2000", tr.Now())
	}
	tr.Mark(timestamps(1095, 2500), []int64{2600, 2600}, []uint32{0, 1}, marks, verdict)
	if marks[0] != 2000 || marks[1] != 2000 || tr.Now() != 2490 {
		t.Errorf("after the raise: marks %v, watermark %d", marks[:2], tr.Now())
	}
	tr.Raise(End)
	if tr.Now() != End {
		t.Errorf("watermark %d at the end of time", tr.Now())
	}
}

// TestTrackerInPieces takes random rows at once, and in pieces with the state carried over by its
// bytes, and compares both with the definition.
func TestTrackerInPieces(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		delay, limit := r.Int64N(50), r.Int64N(50)
		n := 1 + r.IntN(60)
		values, appended := make([]int64, n), make([]int64, n)
		var rows []uint32
		for i := range values {
			appended[i] = int64(i) * 10
			values[i] = appended[i] + r.Int64N(150) - 80
			if r.IntN(8) == 0 {
				values[i] = []int64{None, MinTime - 1, MaxTime + 1}[r.IntN(3)]
			}
			if r.IntN(4) > 0 {
				rows = append(rows, uint32(i))
			}
		}
		wantMarks, wantVerdict := make([]int64, n), make([]Verdict, n)
		greatest := None
		for _, row := range rows {
			wantMarks[row] = None
			if greatest != None {
				wantMarks[row] = greatest - delay
			}
			switch x := values[row]; {
			case x == None || x < MinTime || x > MaxTime:
				wantVerdict[row] = Invalid
			case x > appended[row]+limit:
				wantVerdict[row] = Future
			default:
				greatest = max(greatest, x)
			}
		}
		times := timestamps(values...)
		marks, verdict := make([]int64, n), make([]Verdict, n)
		tr := NewTracker(delay, limit)
		for at := 0; at < len(rows); {
			to := min(len(rows), at+1+r.IntN(10))
			tr.Mark(times, appended, rows[at:to], marks, verdict)
			at = to
			next := NewTracker(delay, limit)
			if err := next.SetState(tr.AppendState(nil)); err != nil {
				t.Fatal(err)
			}
			tr = next
		}
		if !slices.Equal(marks, wantMarks) || !slices.Equal(verdict, wantVerdict) {
			t.Fatalf("seed %d: marks %v %v, want %v %v", seed, marks, verdict, wantMarks, wantVerdict)
		}
	}
}

func TestTrackerExtremes(t *testing.T) {
	tr := NewTracker(math.MaxInt64, math.MaxInt64)
	marks, verdict := make([]int64, 2), make([]Verdict, 2)
	tr.Mark(timestamps(MinTime, MaxTime), []int64{math.MaxInt64, 0}, []uint32{0, 1}, marks, verdict)
	if verdict[0] != OK || verdict[1] != OK || marks[1] == None || marks[1] > MinTime {
		t.Errorf("marks %v, verdicts %v", marks, verdict)
	}
	if err := tr.SetState(make([]byte, 15)); err == nil {
		t.Error("15 bytes are taken as a state")
	}
}
