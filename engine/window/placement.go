package window

// A Part is rows of a batch that go into one partial aggregate.
type Part struct {
	Slice, MinEnd int64
	Rows          []uint32 // ascending
}

// A Placement is the rows of one batch, sorted into partial aggregates. It is reused from batch to
// batch; what it holds, which may be the rows given, is valid until the next PlaceAll.
type Placement struct {
	Parts []Part   // in the order of their first rows
	Late  []uint32 // rows that count in no window, ascending

	spots    []spot
	index    []uint32 // by hash of (slice, minEnd): spot number + 1; 0: empty
	of       []uint32 // the number of each row's spot
	rows     []uint32 // the rows, part by part
	lateRows []uint32
}

// A spot is the set of times and marks that lead to one part, or to lateness: a rectangle.
type spot struct {
	from, to         int64 // from <= time < to
	markFrom, markTo int64 // markFrom <= mark <= markTo
	minEnd           int64
	late             bool
	count, at        uint32
}

// PlaceAll sorts rows by Place(times[row], marks[row]). Batches whose rows lie in one slice, or in
// runs of one slice, cost a few comparisons a row.
func (s Spec) PlaceAll(times, marks []int64, rows []uint32, dst *Placement) {
	dst.reset()
	if len(rows) == 0 {
		return
	}
	if cap(dst.of) < len(rows) {
		dst.of = make([]uint32, len(rows)+len(rows)/4)
		dst.rows = make([]uint32, len(rows)+len(rows)/4)
	}
	of := dst.of[:len(rows)]
	width := s.Width()
	var now spot // a copy of the one in hand: it stays in registers
	number, run := uint32(0), 0
	for i, r := range rows {
		t, mark := times[r], marks[r]
		if t < now.from || t >= now.to || mark < now.markFrom || mark > now.markTo {
			if run < i {
				dst.spots[number].count += uint32(i - run)
			}
			number, run = dst.find(s, t, mark, width), i
			now = dst.spots[number]
		}
		of[i] = number
	}
	dst.spots[number].count += uint32(len(rows) - run)
	dst.fill(rows, of)
}

func (p *Placement) reset() {
	p.Parts, p.Late, p.spots = p.Parts[:0], nil, p.spots[:0]
	clear(p.index)
}

// find returns the number of the spot that holds a time and a mark, a new one if need be.
func (p *Placement) find(s Spec, t, mark, width int64) uint32 {
	slice, minEnd, late := s.Place(t, mark)
	if len(p.spots)*2 >= len(p.index) {
		p.growIndex()
	}
	mask := uint64(len(p.index) - 1)
	at := spotHash(slice, minEnd) & mask
	for ; p.index[at] != 0; at = (at + 1) & mask {
		if q := &p.spots[p.index[at]-1]; q.from == slice && q.minEnd == minEnd {
			return p.index[at] - 1
		}
	}
	q := spot{from: slice, to: slice + width, minEnd: minEnd, late: late}
	switch first := s.FirstEnd(slice); {
	case late:
		q.markFrom, q.markTo = s.LastEnd(slice), End
	case minEnd == first:
		q.markFrom, q.markTo = None, first-1
	default:
		q.markFrom, q.markTo = minEnd-s.Slide, minEnd-1
	}
	p.spots = append(p.spots, q)
	p.index[at] = uint32(len(p.spots))
	return uint32(len(p.spots) - 1)
}

func spotHash(slice, minEnd int64) uint64 {
	h := (uint64(slice) ^ uint64(minEnd)*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

func (p *Placement) growIndex() {
	p.index = make([]uint32, max(16, 2*len(p.index)))
	mask := uint64(len(p.index) - 1)
	for i := range p.spots {
		at := spotHash(p.spots[i].from, p.spots[i].minEnd) & mask
		for p.index[at] != 0 {
			at = (at + 1) & mask
		}
		p.index[at] = uint32(i + 1)
	}
}

// fill lays the rows out part by part.
func (p *Placement) fill(rows, of []uint32) {
	if len(p.spots) == 1 {
		if q := &p.spots[0]; q.late {
			p.Late = rows
		} else {
			p.Parts = append(p.Parts, Part{Slice: q.from, MinEnd: q.minEnd, Rows: rows})
		}
		return
	}
	at := uint32(0)
	for i := range p.spots {
		p.spots[i].at = at
		at += p.spots[i].count
	}
	out, spots := p.rows[:len(rows)], p.spots
	late := p.lateRows[:0]
	for i, r := range rows {
		q := &spots[of[i]]
		out[q.at] = r
		q.at++
		if q.late {
			late = append(late, r)
		}
	}
	p.lateRows, p.Late = late, late
	for i := range p.spots {
		if q := &p.spots[i]; !q.late {
			p.Parts = append(p.Parts, Part{Slice: q.from, MinEnd: q.minEnd, Rows: out[q.at-q.count : q.at : q.at]})
		}
	}
}
