package session

import (
	"math"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// Keys adds the keys of pieces to all of into: of all pieces, lanes' own among them (a lane is nil where there is none), or
// of those that were touched since they were last asked for, see Set.Watch.
func (m *Merged) Keys(lanes []*Lane, touched bool, into ...*agg.Groups) {
	m.eachSet(lanes, func(_ int, s *Set) {
		if touched {
			s.takeFresh()
		} else {
			s.rows = s.rows[:0]
			for key := range s.byKey {
				if s.byKey[key].n > 0 {
					s.rows = append(s.rows, uint32(key))
				}
			}
		}
		for _, to := range into {
			to.Slots(s.columns(), s.rows, nil)
		}
	})
}

// Visit visits the sessions of keys that a watermark would close which rises for ever, those with lanes' own pieces
// among them.
func (m *Merged) Visit(keys *agg.Groups, lanes []*Lane, visit func(*Session)) {
	list := keys.Keys()
	cols := make([]*column.Vector, len(list))
	for i := range list {
		cols[i] = &list[i]
	}
	rows := make([]uint32, keys.Len())
	for i := range rows {
		rows[i] = uint32(i)
	}
	var found [][]uint32
	m.eachSet(lanes, func(_ int, s *Set) { found = append(found, s.keys.Find(cols, rows, nil)) })
	var w sweep
	for i := range rows {
		w.begin()
		at := 0
		m.eachSet(lanes, func(lane int, s *Set) {
			if key := found[at][i]; key != none {
				w.add(uint32(lane), s, key, math.MaxInt64)
			}
			at++
		})
		sessions := w.closed(math.MaxInt64)
		for k := range sessions {
			visit(&sessions[k])
		}
	}
}

func (m *Merged) eachSet(lanes []*Lane, visit func(lane int, s *Set)) {
	for i, s := range m.Lanes {
		visit(i, &s.Set)
		if lanes[i] != nil {
			visit(i, &lanes[i].Set)
		}
	}
}

// takeFresh leaves the keys of pieces that were touched in s.rows; they are so no more.
func (s *Set) takeFresh() {
	s.rows = s.rows[:0]
	for _, slot := range s.fresh {
		p := &s.pieces[slot]
		p.fresh = false
		if p.in != nowhere {
			s.rows = append(s.rows, p.key)
		}
	}
	s.fresh = s.fresh[:0]
}
