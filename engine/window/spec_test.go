package window

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomSpec is a valid spec of small numbers, or of sizes as they are in use.
func randomSpec(r *rand.Rand) Spec {
	unit := []int64{1, 1, 60e6}[r.IntN(3)]
	s := Spec{Size: 1 + r.Int64N(30)}
	s.Slide = 1 + r.Int64N(s.Size)
	if r.IntN(4) == 0 {
		s.Slide = s.Size
	}
	s.Offset = r.Int64N(2*s.Slide-1) - (s.Slide - 1)
	return Spec{s.Size * unit, s.Slide * unit, s.Offset * unit}
}

// naiveEnds are the ends of all windows that hold a time, ascending, straight from the definition:
// windows start at offset + k·slide.
func naiveEnds(s Spec, t int64) []int64 {
	var ends []int64
	k := (t-s.Offset)/s.Slide + 2
	for start := s.Offset + k*s.Slide; start+s.Size > t; start -= s.Slide {
		if start <= t {
			ends = append(ends, start+s.Size)
		}
	}
	slices.Sort(ends)
	return ends
}

func TestSlicesAgainstDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		s := randomSpec(r)
		if _, err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		w := s.Width()
		if s.Size%w != 0 || s.Slide%w != 0 {
			t.Fatalf("%+v: width %d", s, w)
		}
		at := r.Int64N(8*s.Size+1) - 4*s.Size
		slice := s.Slice(at)
		if slice > at || at >= slice+w || (slice-s.Offset)%w != 0 {
			t.Fatalf("%+v: slice of %d is %d", s, at, slice)
		}
		want := naiveEnds(s, at)
		for _, edge := range []int64{slice, slice + w - 1} { // every time of a slice is in the same windows
			if got := naiveEnds(s, edge); !slices.Equal(got, want) {
				t.Fatalf("%+v: windows of %d %v, of %d in the same slice %v", s, at, want, edge, got)
			}
		}
		var got []int64
		for start, end := range s.Windows(slice) {
			if end != start+s.Size {
				t.Fatalf("%+v: window %d to %d", s, start, end)
			}
			got = append(got, end)
		}
		if !slices.Equal(got, want) || s.FirstEnd(slice) != want[0] || s.LastEnd(slice) != want[len(want)-1] {
			t.Fatalf("%+v: windows of slice %d end at %v, want %v", s, slice, got, want)
		}
		mark := at + r.Int64N(4*s.Size+1) - 2*s.Size
		next := s.NextEnd(mark)
		if next <= mark || next-s.Slide > mark || (next-s.Offset-s.Size)%s.Slide != 0 {
			t.Fatalf("%+v: next end after %d is %d", s, mark, next)
		}
	}
}

// TestWidthIsGreatest checks that no wider slice would do.
func TestWidthIsGreatest(t *testing.T) {
	for size := int64(1); size <= 40; size++ {
		for slide := int64(1); slide <= size; slide++ {
			w := Spec{Size: size, Slide: slide}.Width()
			for wider := w + 1; wider <= slide; wider++ {
				if size%wider == 0 && slide%wider == 0 {
					t.Fatalf("size %d slide %d: width %d, but %d divides both", size, slide, w, wider)
				}
			}
		}
	}
}

// TestPlaceAgainstDefinition folds random rows into partials and takes the windows out of them; the
// naive way asks for each row and window whether the end is greater than the mark.
func TestPlaceAgainstDefinition(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := randomSpec(r)
		n := 1 + r.IntN(300)
		times, marks := make([]int64, n), make([]int64, n)
		at := r.Int64N(10*s.Size) - 5*s.Size
		for i := range times {
			at += r.Int64N(s.Size/3 + 2)
			times[i] = at - r.Int64N(3*s.Size)*int64(r.IntN(2))
			marks[i] = at - r.Int64N(2*s.Size+1)
			if r.IntN(20) == 0 {
				marks[i] = []int64{None, None + 1, End, End - 1}[r.IntN(4)]
			}
		}
		var rows []uint32
		for i := range times {
			if r.IntN(5) > 0 {
				rows = append(rows, uint32(i))
			}
		}
		want := map[int64][]uint32{} // by window end
		var wantLate []uint32
		for _, row := range rows {
			late := true
			for _, end := range naiveEnds(s, times[row]) {
				if end > marks[row] {
					want[end], late = append(want[end], row), false
				}
			}
			if late {
				wantLate = append(wantLate, row)
			}
		}
		var p Placement
		for range 2 {
			s.PlaceAll(times, marks, rows, &p)
			checkPlacement(t, s, &p, times, marks, want, wantLate)
		}
	}
}

func checkPlacement(t *testing.T, s Spec, p *Placement, times, marks []int64, want map[int64][]uint32, wantLate []uint32) {
	t.Helper()
	if !slices.Equal(p.Late, wantLate) {
		t.Fatalf("%+v: late %v, want %v", s, p.Late, wantLate)
	}
	got := map[int64][]uint32{}
	seen := map[[2]int64]bool{}
	for _, part := range p.Parts {
		name := [2]int64{part.Slice, part.MinEnd}
		if seen[name] || !slices.IsSorted(part.Rows) || len(part.Rows) == 0 {
			t.Fatalf("%+v: part %v twice, empty or out of order", s, name)
		}
		seen[name] = true
		for _, row := range part.Rows {
			slice, minEnd, late := s.Place(times[row], marks[row])
			if slice != part.Slice || minEnd != part.MinEnd || late {
				t.Fatalf("%+v: row %d is in part %v, Place says %d %d %v", s, row, name, slice, minEnd, late)
			}
		}
		for _, end := range naiveEnds(s, part.Slice) {
			if part.MinEnd <= end {
				got[end] = append(got[end], part.Rows...)
			}
		}
	}
	for end, rows := range want {
		slices.Sort(got[end])
		if !slices.Equal(got[end], rows) {
			t.Fatalf("%+v: window ending at %d has rows %v, want %v", s, end, got[end], rows)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%+v: %d windows, want %d", s, len(got), len(want))
	}
}

// TestDrawing checks the example of the package's documentation.
func TestDrawing(t *testing.T) {
	s := Spec{Size: 10, Slide: 4}
	if s.Width() != 2 || s.Slices() != 5 {
		t.Errorf("width %d, %d slices a window", s.Width(), s.Slices())
	}
	for _, c := range []struct{ mark, minEnd int64 }{{None, 10}, {9, 10}, {10, 14}, {13, 14}, {14, 18}, {17, 18}} {
		slice, minEnd, late := s.Place(9, c.mark)
		if slice != 8 || minEnd != c.minEnd || late {
			t.Errorf("mark %d: slice %d, minEnd %d, late %v", c.mark, slice, minEnd, late)
		}
	}
	for _, mark := range []int64{18, 19, End} {
		if _, _, late := s.Place(9, mark); !late {
			t.Errorf("mark %d: not late", mark)
		}
	}
}

// TestSparkWindows takes windows from Spark 4.2's answers.
func TestSparkWindows(t *testing.T) {
	const minute = int64(60e6)
	base := int64(1767323045) * 1e6 // 2026-01-02 03:04:05
	for _, c := range []struct {
		spec Spec
		at   int64
		want []int64 // starts, in minutes from 2026-01-02 00:00:00
	}{
		{Tumbling(minute), base, []int64{3*60 + 4}},
		{Tumbling(7 * minute), base, []int64{3*60 + 4}},
		{Spec{10 * minute, 5 * minute, 0}, base, []int64{2*60 + 55, 3 * 60}},
		{Spec{60 * minute, 60 * minute, 15 * minute}, base, []int64{2*60 + 15}},
		{Spec{1440 * minute, 1440 * minute, 900 * minute}, base, []int64{-9 * 60}},
		{Tumbling(7 * 1440 * minute), base, []int64{-1440}}, // 2026-01-01
	} {
		midnight := int64(1767312000) * 1e6
		var got []int64
		for start := range c.spec.Windows(c.spec.Slice(c.at)) {
			got = append(got, (start-midnight)/minute)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: windows start at %v, want %v", c.spec, got, c.want)
		}
	}
	if s := Tumbling(minute); s.Slice(-30e6) != -60e6 || s.FirstEnd(-60e6) != 0 {
		t.Error("a time before 1970 is in the wrong window")
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		class string
	}{
		{Spec{60, 60, 0}, ""}, {Spec{60, 20, 19}, ""}, {Spec{60, 20, -19}, ""}, {Tumbling(MaxSize), ""},
		{Tumbling(0), valueOutOfRange}, {Tumbling(-60), valueOutOfRange}, {Spec{60, 0, 0}, valueOutOfRange},
		{Spec{60, -1, 0}, valueOutOfRange}, {Tumbling(MaxSize + 1), valueOutOfRange},
		{Spec{300, 600, 0}, constraint}, {Spec{60, 60, 120}, constraint}, {Spec{60, 60, -60}, constraint},
	} {
		class, err := c.spec.Validate()
		if class != c.class || (err != nil) != (class != "") {
			t.Errorf("%+v: %q, %v; want %q", c.spec, class, err, c.class)
		}
	}
}

// TestExtremes goes to the ends of what is allowed: nothing overflows.
func TestExtremes(t *testing.T) {
	for _, s := range []Spec{Tumbling(1), Tumbling(MaxSize), {MaxSize, 1, 0}, {MaxSize, MaxSize - 1, MaxSize - 2}, {MaxSize, MaxSize - 1, 2 - MaxSize}} {
		for _, at := range []int64{MinTime, -1, 0, MaxTime} {
			slice := s.Slice(at)
			first, last := s.FirstEnd(slice), s.LastEnd(slice)
			if slice > at || at-slice >= s.Width() || first <= at || last < first || last-s.Size > at {
				t.Errorf("%+v at %d: slice %d, ends %d to %d", s, at, slice, first, last)
			}
			if _, minEnd, late := s.Place(at, None); late || minEnd != first {
				t.Errorf("%+v at %d: without a mark late %v, minEnd %d", s, at, late, minEnd)
			}
			if _, minEnd, late := s.Place(at, farPast-1); late || minEnd != first {
				t.Errorf("%+v at %d: with a mark long ago late %v, minEnd %d", s, at, late, minEnd)
			}
			if s.NextEnd(None) != None || s.NextEnd(End) != End || s.NextEnd(farPast-1) != None || s.NextEnd(farFuture+1) != End {
				t.Errorf("%+v: the next end does not saturate", s)
			}
			if _, _, late := s.Place(at, End); !late {
				t.Errorf("%+v at %d: not late at the end of time", s, at)
			}
			if _, _, late := s.Place(at, farFuture+1); !late {
				t.Errorf("%+v at %d: not late long after", s, at)
			}
		}
	}
}
