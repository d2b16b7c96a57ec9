package session

import (
	"cmp"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// Sealed is the pieces of one partition that do not begin behind its watermark.
type Sealed struct{ Set }

// Merged is the sealed pieces of all partitions.
type Merged struct {
	Lanes []*Sealed
	ends  refs // of pieces; of some that changed since, too

	due   []ref // scratch
	rows  []uint32
	found [][]uint32
	at    []uint32 // by lane: the key in hand
	sweep sweep
}

// NewMerged returns n lanes without pieces.
func NewMerged(n int, types []column.Type, specs []agg.Spec) (*Merged, error) {
	m := &Merged{Lanes: make([]*Sealed, n), found: make([][]uint32, n), at: make([]uint32, n)}
	for i := range m.Lanes {
		set, err := newSet(types, specs)
		if err != nil {
			return nil, err
		}
		m.Lanes[i] = &Sealed{set}
	}
	return m, nil
}

// Take takes what a lane has sealed.
func (m *Merged) Take(lane int, l *Lane) {
	if len(l.out) == 0 {
		return
	}
	s := m.Lanes[lane]
	m.rows = m.rows[:0]
	for _, slot := range l.out {
		m.rows = append(m.rows, l.pieces[slot].key)
	}
	keys := s.keys.Slots(l.columns(), m.rows, m.found[lane])
	m.found[lane] = keys
	s.fit()
	for i, from := range l.out {
		to := s.take(keys[i], &l.Set, from)
		m.ends.push(ref{at: s.pieces[to].end, lane: uint32(lane), slot: to})
		l.drop(from)
	}
	l.out = l.out[:0]
	l.compact()
	s.compact()
}

// take merges a piece into that of its key which holds it, or begins one.
func (s *Sealed) take(key uint32, from *Set, slot uint32) uint32 {
	p := &from.pieces[slot]
	at := s.byKey[key].last
	if p.after != always { // a piece that it begins in and that cannot be closed before the row is there
		for at != none && s.pieces[at].start > p.start {
			at = s.pieces[at].prev
		}
	}
	if at != none && s.pieces[at].end >= p.start && s.pieces[at].end > p.after {
		s.pieces[at].end = max(s.pieces[at].end, p.end)
		s.touch(at)
	} else {
		at = s.begin(key, p.start, p.end)
		s.seq++
		s.pieces[at].seq = s.seq
		s.place(at, p.after)
	}
	s.values.Merge(at, from.values, slot)
	return at
}

// place puts a piece into the list that is its own.
func (s *Sealed) place(slot uint32, after int64) {
	if s.pieces[slot].after = after; after == always {
		s.link(slot, none)
		return
	}
	k := &s.byKey[s.pieces[slot].key]
	s.pieces[slot].in, s.pieces[slot].next, k.deferred = deferred, k.deferred, slot
}

// Close visits the sessions that end at or before a watermark, and lets go of them. All rows of the lanes whose mark is
// before it are sealed. The order of sessions is none that could be relied on.
func (m *Merged) Close(mark int64, visit func(*Session)) {
	m.due = m.due[:0]
	for len(m.ends) > 0 && m.ends[0].at <= mark {
		r := m.ends.pop()
		if p := &m.Lanes[r.lane].pieces[r.slot]; p.end == r.at && (p.in == linked || p.in == deferred) {
			m.due = append(m.due, r)
		}
	}
	if len(m.due) == 0 {
		return
	}
	slices.SortFunc(m.due, func(a, b ref) int { return cmp.Compare(a.lane, b.lane) })
	for rest := m.due; len(rest) > 0; {
		lane, n := rest[0].lane, 1
		for n < len(rest) && rest[n].lane == lane {
			n++
		}
		m.closeDue(rest[:n], mark, visit)
		rest = rest[n:]
	}
	for _, s := range m.Lanes {
		s.compact()
	}
}

// closeDue does it for the keys of pieces of one lane.
func (m *Merged) closeDue(due []ref, mark int64, visit func(*Session)) {
	lane := due[0].lane
	own := m.Lanes[lane]
	m.rows = m.rows[:0]
	for _, r := range due {
		m.rows = append(m.rows, own.pieces[r.slot].key)
	}
	for i, s := range m.Lanes {
		if i != int(lane) {
			m.found[i] = s.keys.Find(own.columns(), m.rows, m.found[i])
		}
	}
	for i, r := range due {
		if p := &own.pieces[r.slot]; p.in == nowhere || p.end != r.at {
			continue // closed with another one
		}
		m.sweep.begin()
		for k, s := range m.Lanes {
			key := m.rows[i]
			if k != int(lane) {
				key = m.found[k][i]
			}
			if key != none {
				m.sweep.add(uint32(k), &s.Set, key, mark)
			}
		}
		list := m.sweep.closed(mark)
		for k := range list {
			session := &list[k]
			visit(session)
			for _, part := range session.Parts {
				part.set.unlink(part.slot)
				part.set.drop(part.slot)
			}
		}
	}
}
