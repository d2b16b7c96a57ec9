package window

import "math/bits"

// disorderBuckets is enough for times up to 2^63 µs, and a power of 2.
const disorderBuckets = 512

// A Disorder counts how far rows lie behind the newest event time before them in their partition, in buckets that
// are at most an eighth too wide. Its zero value is empty. Rows that are no older than all before them are counted
// in Rows alone.
type Disorder struct {
	Rows    int64 // with a time that can be used
	buckets [disorderBuckets]int64
}

// add counts a row that lies behind, by more than 0 µs.
func (d *Disorder) add(us uint64) {
	i := us
	if us >= 16 {
		shift := uint(bits.Len64(us)) - 4
		i = uint64(shift)<<3 + us>>shift
	}
	d.buckets[i&(disorderBuckets-1)]++
}

// disorderBound is the greatest time of a bucket, µs.
func disorderBound(i int) int64 {
	if i < 16 {
		return int64(i)
	}
	shift := i>>3 - 1
	return int64(uint64(i&7+9)<<shift - 1)
}

// Merge adds what another one has counted.
func (d *Disorder) Merge(other *Disorder) {
	d.Rows += other.Rows
	for i, n := range other.buckets {
		d.buckets[i] += n
	}
}

// A Lost tells how many rows lie further behind than Delay, µs: those that come behind the watermark if that is the
// delay. A window loses fewer of them, since it takes rows until the watermark has passed its end.
type Lost struct{ Delay, Rows int64 }

// Curve is how many rows each delay would lose, the shortest delay first, from 0 to the first that loses none.
func (d *Disorder) Curve() []Lost {
	behind := int64(0)
	for _, n := range d.buckets {
		behind += n
	}
	curve := []Lost{{0, behind}}
	for i, n := range d.buckets {
		if n > 0 {
			behind -= n
			curve = append(curve, Lost{disorderBound(i), behind})
		}
	}
	return curve
}

// DelayFor is the shortest delay that loses less than this part of the rows, µs; 0 if none lies behind.
func (d *Disorder) DelayFor(part float64) int64 {
	for _, at := range d.Curve() {
		if at.Rows == 0 || float64(at.Rows) < part*float64(d.Rows) {
			return at.Delay
		}
	}
	return 0
}
