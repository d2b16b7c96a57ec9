package window

import (
	"errors"
	"iter"
	"math"
)

// The times that a row may have: the years 0001 to 9999, in microseconds.
const (
	MinTime int64 = -62135596800000000 // 0001-01-01T00:00:00Z
	MaxTime int64 = 253402300799999999 // 9999-12-31T23:59:59.999999Z
)

// None is the watermark of a partition of which nothing is known; no row is late by it.
const None int64 = math.MinInt64

// End is the watermark behind the last row of a bounded source: it closes every window.
const End int64 = math.MaxInt64

// MaxSize is the greatest size of a window, 10,000 years: sums of times and sizes stay far from the
// ends of int64.
const MaxSize int64 = 3652500 * 86400e6

// Spec is window(ts, size, slide, offset) in microseconds. A tumbling window has Slide == Size.
type Spec struct {
	Size, Slide, Offset int64
}

// Tumbling is the spec of windows of that size, one after another.
func Tumbling(size int64) Spec { return Spec{Size: size, Slide: size} }

// Spark's error classes for windows.
const (
	valueOutOfRange = "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"
	constraint      = "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"
)

// Validate checks Spark's rules: 0 < slide <= size and |offset| < slide. It returns Spark's error
// class with the error. The other methods are for specs that are valid.
func (s Spec) Validate() (class string, err error) {
	switch {
	case s.Size <= 0:
		return valueOutOfRange, errors.New("check window: the size must be greater than 0")
	case s.Slide <= 0:
		return valueOutOfRange, errors.New("check window: the slide must be greater than 0")
	case s.Size > MaxSize:
		return valueOutOfRange, errors.New("check window: the size must be at most 10000 years")
	case s.Slide > s.Size:
		return constraint, errors.New("check window: the slide must be at most the size")
	case s.Offset >= s.Slide || s.Offset <= -s.Slide:
		return constraint, errors.New("check window: the offset must be less than the slide, either way")
	}
	return "", nil
}

// Width is the length of a slice: the greatest of which every window is a whole number.
func (s Spec) Width() int64 {
	a, b := s.Size, s.Slide
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// floor returns the greatest origin + k·step that is at most t; step > 0.
func floor(t, origin, step int64) int64 {
	r := (t - origin) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// Slice is the start of the slice that holds a time.
func (s Spec) Slice(t int64) int64 { return floor(t, s.Offset, s.Width()) }

// FirstEnd is the least end of the windows that hold a slice.
func (s Spec) FirstEnd(slice int64) int64 {
	// The first window starts at the least grid point from which it reaches the slice's end.
	reach := slice + s.Width() - s.Size
	return floor(reach+s.Slide-1, s.Offset, s.Slide) + s.Size
}

// LastEnd is the greatest end of the windows that hold a slice.
func (s Spec) LastEnd(slice int64) int64 { return floor(slice, s.Offset, s.Slide) + s.Size }

// NextEnd is the least end of any window that is greater than the mark. It is None for None, and
// saturates at End.
func (s Spec) NextEnd(mark int64) int64 {
	switch {
	case mark < farPast:
		return None
	case mark > farFuture:
		return End
	}
	return floor(mark, s.Offset+s.Size, s.Slide) + s.Slide
}

// No window of a time that is allowed ends before farPast or after farFuture.
const (
	farPast   = MinTime - 2*MaxSize
	farFuture = MaxTime + 2*MaxSize
)

// Windows yields start and end of the windows that hold a slice, the earliest first.
func (s Spec) Windows(slice int64) iter.Seq2[int64, int64] {
	return func(yield func(start, end int64) bool) {
		last := s.LastEnd(slice)
		for end := s.FirstEnd(slice); end <= last; end += s.Slide {
			if !yield(end-s.Size, end) {
				return
			}
		}
	}
}

// Slices is the number of slices of a window: those at start, start+Width(), …
func (s Spec) Slices() int64 { return s.Size / s.Width() }

// Place says where a row belongs that has a time and a mark: to the slice, in all windows that hold
// it and end at minEnd or after. late means in none.
func (s Spec) Place(t, mark int64) (slice, minEnd int64, late bool) {
	slice = s.Slice(t)
	last := s.LastEnd(slice)
	if last <= mark {
		return slice, End, true
	}
	return slice, max(s.FirstEnd(slice), s.NextEnd(mark)), false
}
