package window

import (
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// TestDisorderCurve compares the curve with a count of all rows, one by one, and each bound with its times.
func TestDisorderCurve(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 20_000
	times := &column.Vector{Type: column.Of(column.Timestamp)}
	appended, rows := make([]int64, n), make([]uint32, n)
	var behind []int64
	newest := int64(0)
	for i := range n {
		x := int64(1e15) + int64(i)*1000
		if i%3 == 0 {
			x -= int64(rnd.ExpFloat64() * 5e6)
		}
		times.Int = append(times.Int, x)
		appended[i], rows[i] = x, uint32(i)
		behind = append(behind, max(0, newest-x))
		newest = max(newest, x)
	}
	tr := NewTracker(10e6, 3600e6)
	tr.Mark(times, appended, rows[:n/2], make([]int64, n), make([]Verdict, n))
	tr.Mark(times, appended, rows[n/2:], make([]int64, n), make([]Verdict, n))
	further := func(delay int64) (m int64) {
		for _, b := range behind {
			if b > delay {
				m++
			}
		}
		return m
	}
	curve := tr.Disorder.Curve()
	for i, at := range curve {
		if want := further(at.Delay); at.Rows != want {
			t.Errorf("a delay of %d µs loses %d rows, the curve has %d", at.Delay, want, at.Rows)
		}
		if i > 0 && at.Delay <= curve[i-1].Delay {
			t.Errorf("delay %d comes behind %d", at.Delay, curve[i-1].Delay)
		}
	}
	if last := curve[len(curve)-1]; last.Rows != 0 || tr.Disorder.Rows != n {
		t.Errorf("the longest delay loses %d, of %d rows", last.Rows, tr.Disorder.Rows)
	}
	for _, part := range []float64{0.1, 0.01, 0.0001} {
		delay := tr.Disorder.DelayFor(part)
		if lost := float64(further(delay)) / n; lost >= part {
			t.Errorf("a delay of %d µs loses %g, not less than %g", delay, lost, part)
		}
		if short := float64(further(delay*7/8)) / n; short < part {
			t.Errorf("a delay of %d µs would do for %g, %d was told", delay*7/8, part, delay)
		}
	}
}

func TestDisorderBuckets(t *testing.T) {
	for _, us := range []uint64{1, 7, 8, 15, 16, 17, 31, 32, 1000, 999_999, 60_000_000, 1 << 40, 1<<63 - 1} {
		var d Disorder
		d.Rows = 1
		d.add(us)
		bound := d.DelayFor(1e-9)
		if bound < int64(us) || float64(bound) > 1.125*float64(us)+1 {
			t.Errorf("%d µs has the bound %d", us, bound)
		}
	}
	var none Disorder
	if c := none.Curve(); len(c) != 1 || none.DelayFor(0.5) != 0 {
		t.Errorf("no rows have the curve %v", c)
	}
}
