package engine

import (
	"math"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/record"
)

// Limits of what is remembered of append times: the least and the greatest of each piece of a log, and so many pieces of
// all logs together; of those above it nothing is known, and they are read.
const (
	timePiece     = 8192 // offsets
	maxTimePieces = 1 << 17
)

// appendTimes remembers between which append times the records of logs lie, as they are read. Times need not ascend (a
// producer may give its own), so only what was read whole is known; what lies in a log does not change.
type appendTimes struct {
	mu     sync.Mutex
	pieces map[timePlace]timeBounds
}

var everTime = [2]int64{math.MinInt64, math.MaxInt64}

// A timePlace is a piece of a partition: offsets from number*timePiece on.
type timePlace struct {
	topic     string
	partition int32
	number    int64
}

// timeBounds is what was read of a piece, the offsets from … end-1, and the times in it. Without a record least is above
// most.
type timeBounds struct{ from, end, least, most int64 }

// note learns from the records of a partition, which are all that lies at offsets from … end-1.
func (a *appendTimes) note(topic string, partition int32, from, end int64, r *record.Records) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := 0
	for from < end {
		number := from / timePiece
		b := timeBounds{from, min(end, (number+1)*timePiece), math.MaxInt64, math.MinInt64}
		n, _ := slices.BinarySearch(r.Offsets[i:], b.end)
		for _, t := range r.Times[i : i+n] {
			b.least, b.most = min(b.least, t), max(b.most, t)
		}
		i += n
		a.add(timePlace{topic, partition, number}, b)
		from = b.end
	}
}

func (a *appendTimes) add(at timePlace, b timeBounds) {
	before, is := a.pieces[at]
	switch {
	case !is && len(a.pieces) >= maxTimePieces:
		return
	case !is:
	case b.from <= before.end && before.from <= b.end: // they touch: together they are one range
		b = timeBounds{min(b.from, before.from), max(b.end, before.end), min(b.least, before.least), max(b.most, before.most)}
	case before.end-before.from >= b.end-b.from:
		return
	}
	if a.pieces == nil {
		a.pieces = map[timePlace]timeBounds{}
	}
	a.pieces[at] = b
}

// cut leaves out of a span's offsets the pieces in which no record has a time that the span names.
func (a *appendTimes) cut(topic string, partition int32, s batch.Span) []batch.Span {
	if s.Time == everTime {
		return []batch.Span{s}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []batch.Span
	for from := s.Offset[0]; from < s.Offset[1]; {
		number := from / timePiece
		end := min(s.Offset[1], (number+1)*timePiece)
		b, is := a.pieces[timePlace{topic, partition, number}]
		known := is && b.from <= from && b.end >= end
		switch n := len(out); {
		case known && (b.most < s.Time[0] || b.least > s.Time[1]):
		case n > 0 && out[n-1].Offset[1] == from:
			out[n-1].Offset[1] = end
		default:
			out = append(out, batch.Span{Partition: s.Partition, Offset: [2]int64{from, end}, Time: s.Time})
		}
		from = end
	}
	return out
}
