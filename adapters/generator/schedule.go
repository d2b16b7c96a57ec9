package generator

import "math"

const microsPerSecond = 1_000_000

// schedule maps the number of an event to the time it is due and back. All times are microseconds
// since 1970.
type schedule struct {
	start int64
	rate  float64

	second, first int64 // the second last asked for and the first event due in it or after it
}

// due is when event i happens. It never goes back: i <= j gives due(i) <= due(j).
func (s *schedule) due(i int64) int64 {
	return s.start + int64(float64(i)*microsPerSecond/s.rate)
}

// before is the number of events that are due at t or earlier.
func (s *schedule) before(t int64) int64 {
	if t < s.start {
		return 0
	}
	return s.firstFrom(t + 1)
}

// firstFrom is the first event that is due at t or later.
func (s *schedule) firstFrom(t int64) int64 {
	if t <= s.start {
		return 0
	}
	// The estimate is at most a rounding error away; due is what decides.
	i := int64(math.Ceil(float64(t-s.start) * s.rate / microsPerSecond))
	for i > 0 && s.due(i-1) >= t {
		i--
	}
	for s.due(i) < t {
		i++
	}
	return i
}

// numberIn returns the second in which event i is due and the event's number within it, from 0.
func (s *schedule) numberIn(i, due int64) (second, number int64) {
	second = floorDiv(due, microsPerSecond)
	if second != s.second {
		s.second, s.first = second, s.firstFrom(second*microsPerSecond)
	}
	return second, i - s.first
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
