package batch

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// A Reach is which records of a topic can matter to a query: those that lie in one of its spans. Nil is all of them, and
// a Reach that is not nil and has no span none.
type Reach []Span

// A Span is a box of records: from the first to the second of partitions, offsets and append times (µs), both included.
type Span struct{ Partition, Offset, Time [2]int64 }

// An Extent is the offsets First … End-1 of a partition.
type Extent struct {
	Partition  int32
	First, End int64
}

// A Topic is an Input of the records of one topic, which need not all be read. Its columns are those of
// plan.SourceSchema.
type Topic interface {
	Input
	// Narrow says before the first Next which records will do; more may come.
	Narrow(Reach)
	// Extents is what the partitions hold; nil: it cannot be told.
	Extents(ctx context.Context) ([]Extent, error)
}

// Limits of a Reach: places that lie closer together than a block of a log are one span, and more spans than so many are
// one for each partition.
const (
	spanGap  = 4096
	maxSpans = 256
)

var anywhere = [2]int64{math.MinInt64, math.MaxInt64}

// Both is the records that are in two reaches.
func (r Reach) Both(o Reach) Reach {
	switch {
	case r == nil:
		return o
	case o == nil:
		return r
	}
	out := Reach{}
	for _, a := range r {
		for _, b := range o {
			s := Span{common(a.Partition, b.Partition), common(a.Offset, b.Offset), common(a.Time, b.Time)}
			if s.Partition[0] <= s.Partition[1] && s.Offset[0] <= s.Offset[1] && s.Time[0] <= s.Time[1] {
				out = append(out, s)
			}
		}
	}
	return out.joined()
}

// either is the records that are in one of two reaches.
func (r Reach) either(o Reach) Reach {
	if r == nil || o == nil {
		return nil
	}
	return append(r[:len(r):len(r)], o...).joined()
}

func common(a, b [2]int64) [2]int64 { return [2]int64{max(a[0], b[0]), min(a[1], b[1])} }

// joined puts spans together that are close to one another, and is not longer than maxSpans unless there are so many
// partitions.
func (r Reach) joined() Reach {
	slices.SortFunc(r, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Partition[0], b.Partition[0]), cmp.Compare(a.Partition[1], b.Partition[1]), cmp.Compare(a.Offset[0], b.Offset[0]))
	})
	gap := int64(spanGap)
	if len(r) > maxSpans {
		gap = math.MaxInt64
	}
	out := Reach{}
	for _, s := range r {
		if n := len(out); n > 0 && out[n-1].Partition == s.Partition && near(out[n-1].Offset[1], s.Offset[0], gap) {
			last := &out[n-1]
			last.Offset[1] = max(last.Offset[1], s.Offset[1])
			last.Time = [2]int64{min(last.Time[0], s.Time[0]), max(last.Time[1], s.Time[1])}
			continue
		}
		out = append(out, s)
	}
	return out
}

// near reports that a span which begins at from follows, in offsets, one that ends at end.
func near(end, from, gap int64) bool { return from <= end || from-end < gap || gap == math.MaxInt64 }

// Offsets is the offsets of a partition that can matter, as ranges of which the second end is not included, in order and
// apart, with the append times that can matter in each.
func (r Reach) Offsets(partition int32, first, end int64) []Span {
	if r == nil {
		return []Span{{Offset: [2]int64{first, end}, Time: anywhere}}
	}
	var list []Span
	for _, s := range r {
		if int64(partition) < s.Partition[0] || int64(partition) > s.Partition[1] {
			continue
		}
		from, to := max(first, s.Offset[0]), end
		if s.Offset[1] < end-1 {
			to = s.Offset[1] + 1
		}
		if s.Offset = [2]int64{from, to}; from < to {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Span) int { return cmp.Compare(a.Offset[0], b.Offset[0]) })
	var out []Span
	for _, s := range list {
		if n := len(out); n > 0 && s.Offset[0] <= out[n-1].Offset[1] {
			out[n-1].Offset[1] = max(out[n-1].Offset[1], s.Offset[1])
			out[n-1].Time = [2]int64{min(out[n-1].Time[0], s.Time[0]), max(out[n-1].Time[1], s.Time[1])}
			continue
		}
		out = append(out, s)
	}
	return out
}
