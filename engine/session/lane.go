package session

import (
	"math"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// A Lane is the pieces of one partition that begin behind its watermark.
type Lane struct {
	Set
	mark   int64
	starts refs     // of linked pieces; of some that changed since, too
	out    []uint32 // sealed, in the order in which they were
	keyOf  []uint32 // scratch, by row
	slots  []uint32 // scratch, by row
}

// NewLane returns a lane without pieces.
func NewLane(types []column.Type, specs []agg.Spec) (*Lane, error) {
	set, err := newSet(types, specs)
	return &Lane{Set: set, mark: math.MinInt64}, err
}

// Fold takes rows: rows[i] into the accumulators slots[i] of values.
type Fold func(values *agg.Slots, slots, rows []uint32)

// Step takes rows, none of them late, in their order: keys, times, ends of their spans and marks are by row.
func (l *Lane) Step(keys []*column.Vector, rows []uint32, times, ends, marks []int64, fold Fold) {
	if len(rows) == 0 {
		return
	}
	l.keyOf = l.keys.Slots(keys, rows, l.keyOf)
	l.fit()
	l.slots = column.Sized(l.slots, len(rows))
	from := 0
	for i, r := range rows {
		key, start, end, mark := l.keyOf[i], times[r], ends[r], marks[r]
		if mark > l.mark {
			l.Seal(mark)
		}
		if start <= mark {
			slot := l.begin(key, start, end)
			l.pieces[slot].after = mark
			l.out = append(l.out, slot)
			l.slots[i] = slot
			continue
		}
		before := none
		at := l.byKey[key].last
		for at != none && l.pieces[at].start > end {
			before, at = at, l.pieces[at].prev
		}
		slot := none
		for at != none && l.pieces[at].end >= start {
			if slot != none { // the row joins what it has touched to one that began before
				fold(l.values, l.slots[from:i], rows[from:i])
				from = i
				l.values.Merge(at, l.values, slot)
				l.pieces[at].end = max(l.pieces[at].end, l.pieces[slot].end)
				l.unlink(slot)
				l.drop(slot)
			}
			slot, at = at, l.pieces[at].prev
		}
		if slot == none {
			slot = l.begin(key, start, end)
			l.link(slot, before)
			l.starts.push(ref{at: start, slot: slot})
		} else {
			l.stretch(slot, start, end)
		}
		l.slots[i] = slot
	}
	fold(l.values, l.slots[from:], rows[from:])
}

// stretch has a piece hold a span.
func (l *Lane) stretch(slot uint32, start, end int64) {
	p := &l.pieces[slot]
	p.end = max(p.end, end)
	if start < p.start {
		p.start = start
		l.starts.push(ref{at: start, slot: slot})
	}
	l.touch(slot)
}

// Seal takes the pieces out that do not begin behind a watermark.
func (l *Lane) Seal(mark int64) {
	l.mark = max(l.mark, mark)
	for len(l.starts) > 0 && l.starts[0].at <= mark {
		r := l.starts.pop()
		if p := &l.pieces[r.slot]; p.in == linked && p.start == r.at {
			l.unlink(r.slot)
			l.out = append(l.out, r.slot)
		}
	}
}

// A ref is a piece by a time of its: it is out of date if the piece has another one by now.
type ref struct {
	at   int64
	lane uint32
	slot uint32
}

// refs is a heap, the least time first.
type refs []ref

func (h *refs) push(r ref) {
	*h = append(*h, r)
	list := *h
	for i := len(list) - 1; i > 0; {
		up := (i - 1) / 2
		if list[up].at <= list[i].at {
			return
		}
		list[up], list[i] = list[i], list[up]
		i = up
	}
}

func (h *refs) pop() ref {
	list := *h
	top, n := list[0], len(list)-1
	list[0] = list[n]
	list = list[:n]
	*h = list
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < n && list[down].at < list[least].at {
				least = down
			}
		}
		if least == i {
			return top
		}
		list[least], list[i] = list[i], list[least]
		i = least
	}
}
