package window

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// stream is n rows, 500 µs apart, a few of them out of order, with marks 10 s behind.
func stream(n int) (times, marks, appended []int64, rows []uint32) {
	for i := range n {
		at := int64(1767323045e6) + int64(i)*500
		times = append(times, at-int64(i%7)*100)
		marks = append(marks, at-10e6)
		appended = append(appended, at+1000)
		rows = append(rows, uint32(i))
	}
	return
}

func benchmarkPlaceAll(b *testing.B, s Spec, step int64) {
	times, marks, _, rows := stream(4096)
	for i := range times {
		times[i] += int64(i) * step
		marks[i] += int64(i) * step
	}
	var p Placement
	b.ReportAllocs()
	for b.Loop() {
		s.PlaceAll(times, marks, rows, &p)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}

func BenchmarkPlaceAllOneSlice(b *testing.B)   { benchmarkPlaceAll(b, Tumbling(3600e6), 0) }
func BenchmarkPlaceAllRuns(b *testing.B)       { benchmarkPlaceAll(b, Tumbling(1e6), 0) }
func BenchmarkPlaceAllSliding(b *testing.B)    { benchmarkPlaceAll(b, Spec{10e6, 1e6, 0}, 0) }
func BenchmarkPlaceAllManySlices(b *testing.B) { benchmarkPlaceAll(b, Tumbling(60e6), 20e6) }

func BenchmarkTracker(b *testing.B) {
	values, marks, appended, rows := stream(4096)
	times := &column.Vector{Type: column.Of(column.Timestamp), Int: values}
	verdict := make([]Verdict, len(values))
	tr := NewTracker(10e6, 3600e6)
	b.ReportAllocs()
	for b.Loop() {
		tr.Mark(times, appended, rows, marks, verdict)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}

// TestNoAllocations: in steady state neither placing nor marking allocates.
func TestNoAllocations(t *testing.T) {
	values, marks, appended, rows := stream(4096)
	times := &column.Vector{Type: column.Of(column.Timestamp), Int: values}
	verdict := make([]Verdict, len(values))
	tr := NewTracker(10e6, 3600e6)
	var p Placement
	for _, s := range []Spec{Tumbling(3600e6), Tumbling(100e3), {10e6, 1e6, 5}} {
		run := func() {
			tr.Mark(times, appended, rows, marks, verdict)
			s.PlaceAll(values, marks, rows, &p)
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%+v: %v allocations a batch", s, n)
		}
	}
}

// BenchmarkTrackerInOrder has newer and newer times, as most streams do.
func BenchmarkTrackerInOrder(b *testing.B) {
	values, marks, appended, rows := stream(4096)
	times := &column.Vector{Type: column.Of(column.Timestamp), Int: values}
	verdict := make([]Verdict, len(values))
	b.ReportAllocs()
	for b.Loop() {
		tr := NewTracker(10e6, 3600e6)
		tr.Mark(times, appended, rows, marks, verdict)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}
