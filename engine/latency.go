package engine

import "math"

// How long a row takes: from the append time of the record that made it final, which for a row of a window is the
// record whose arrival let the window close, to the moment when its sink has it. Rows of windows that the clock
// closed (an idle partition, the end of an input) have no such record, and rows that an earlier process left in the
// outbox have lost it: they are not measured. Neither are rows of records from before the engine was opened, a backlog:
// how long nobody was there to read them says nothing of the path, and lag tells of them. What comes while the backlog
// is read waits behind it, and that counts.

// The buckets of a Latency: bucket i holds durations above 2^((i-1)/LatencyBucketsPerOctave-lowestOctave) ms, up to
// 2^(i/LatencyBucketsPerOctave-lowestOctave) ms. The first one holds everything below, the last one everything above.
const (
	LatencyBucketsPerOctave = 8                 // a doubling of the duration
	lowestOctave            = 4                 // of the first bucket: 2^-4 ms, 62.5 µs
	octaves                 = lowestOctave + 22 // up to 2^22 ms, 70 minutes
	latencyBuckets          = octaves*LatencyBucketsPerOctave + 2
)

// A Latency counts durations in buckets each of which is 2^(1/8) times as wide as the one before, so that a
// quantile is at most 9 % too great. Two of them add up, and the difference of two moments is what came between.
// Its zero value is empty.
type Latency struct {
	Count   int64                 // durations
	Sum     int64                 // of them, µs
	Buckets [latencyBuckets]int64 // how many are in each
}

// Add counts a duration of µs n times. One below 0, as clocks that differ give, is 0.
func (l *Latency) Add(us, n int64) {
	us = max(us, 0)
	l.Count += n
	l.Sum += us * n
	l.Buckets[latencyBucket(us)] += n
}

func latencyBucket(us int64) int {
	if us == 0 {
		return 0
	}
	i := int(math.Ceil((math.Log2(float64(us)/1000)+lowestOctave)*LatencyBucketsPerOctave - 1e-9))
	return min(max(i, 0), latencyBuckets-1)
}

// LatencyBound is the greatest duration of a bucket, in seconds; of the last one +Inf.
func LatencyBound(bucket int) float64 {
	if bucket == latencyBuckets-1 {
		return math.Inf(1)
	}
	return math.Exp2(float64(bucket)/LatencyBucketsPerOctave-lowestOctave) / 1000
}

// Since is what was counted since an earlier moment.
func (l *Latency) Since(before *Latency) Latency {
	d := Latency{Count: l.Count - before.Count, Sum: l.Sum - before.Sum}
	for i := range d.Buckets {
		d.Buckets[i] = l.Buckets[i] - before.Buckets[i]
	}
	return d
}

// Merge adds what another one has counted.
func (l *Latency) Merge(m *Latency) {
	l.Count += m.Count
	l.Sum += m.Sum
	for i := range l.Buckets {
		l.Buckets[i] += m.Buckets[i]
	}
}

// Quantile is the duration in seconds which the part q of the durations, 0 to 1, does not exceed, by its bucket's
// bound; NaN if there is none.
func (l *Latency) Quantile(q float64) float64 {
	if l.Count == 0 {
		return math.NaN()
	}
	rank := max(int64(math.Ceil(q*float64(l.Count))), 1)
	for i, n := range l.Buckets {
		if rank -= n; rank <= 0 {
			return LatencyBound(min(i, latencyBuckets-2))
		}
	}
	return LatencyBound(latencyBuckets - 2)
}
