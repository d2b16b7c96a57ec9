package session

import (
	"cmp"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// A Session is one of a key, valid during the visit.
type Session struct {
	Start, End int64
	Parts      []part // in the order of lanes, and in which each of them sealed them
}

// A part is a piece of a session.
type part struct {
	set        *Set
	slot       uint32
	lane       uint32
	span       int32
	start, end int64
	after      int64
	seq        uint64
}

// Key is where the session's key stands.
func (s *Session) Key() (cols []*column.Vector, row uint32) {
	p := &s.Parts[0]
	return p.set.columns(), p.set.pieces[p.slot].key
}

// MergeInto folds the session into the group of a slot.
func (s *Session) MergeInto(h *agg.Hash, slot uint32) {
	for i := range s.Parts {
		h.MergeSlot(slot, s.Parts[i].set.values, s.Parts[i].slot)
	}
}

// A sweep finds the sessions of the pieces of one key.
type sweep struct {
	parts    []part
	spans    []span
	sessions []Session
}

type span struct {
	start, end   int64
	closed, gone bool
}

func (w *sweep) begin() { w.parts = w.parts[:0] }

// add takes the pieces of a set that can have to do with sessions which end at or before a mark.
func (w *sweep) add(lane uint32, s *Set, key uint32, mark int64) {
	k := &s.byKey[key]
	for slot := k.first; slot != none && s.pieces[slot].start <= mark; slot = s.pieces[slot].next {
		w.addPiece(lane, s, slot)
	}
	for slot := k.deferred; slot != none; slot = s.pieces[slot].next {
		if s.pieces[slot].after < mark {
			w.addPiece(lane, s, slot)
		}
	}
}

func (w *sweep) addPiece(lane uint32, s *Set, slot uint32) {
	p := &s.pieces[slot]
	seq := p.seq
	if seq == 0 { // of a lane: behind all that is sealed
		seq = math.MaxUint64
	}
	w.parts = append(w.parts, part{set: s, slot: slot, lane: lane, start: p.start, end: p.end, after: p.after, seq: seq})
}

// closed is the sessions that a watermark which rises to mark closes.
func (w *sweep) closed(mark int64) []Session {
	slices.SortFunc(w.parts, func(a, b part) int { return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.start, b.start)) })
	w.spans = w.spans[:0]
	for i := range w.parts {
		p := &w.parts[i]
		if last := len(w.spans) - 1; p.after != always {
			w.join(p)
		} else if last >= 0 && p.start <= w.spans[last].end {
			w.spans[last].end, p.span = max(w.spans[last].end, p.end), int32(last)
		} else {
			p.span = w.open(p)
		}
	}
	slices.SortFunc(w.parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.span, b.span), cmp.Compare(a.lane, b.lane), cmp.Compare(a.seq, b.seq), cmp.Compare(a.start, b.start))
	})
	w.sessions = w.sessions[:0]
	for from := 0; from < len(w.parts); {
		n, s := from+1, &w.spans[w.parts[from].span]
		for n < len(w.parts) && w.parts[n].span == w.parts[from].span {
			n++
		}
		if s.end <= mark {
			w.sessions = append(w.sessions, Session{Start: s.start, End: s.end, Parts: w.parts[from:n]})
		}
		from = n
	}
	return w.sessions
}

func (w *sweep) open(p *part) int32 {
	w.spans = append(w.spans, span{start: p.start, end: p.end})
	return int32(len(w.spans) - 1)
}

// join brings a row that was deferred to the sessions that it touches and that its mark has not closed.
func (w *sweep) join(p *part) {
	p.span = -1
	for i := range w.spans {
		s := &w.spans[i]
		switch {
		case s.gone || s.closed:
		case s.end <= p.after:
			s.closed = true
		case s.start > p.end || s.end < p.start:
		case p.span < 0:
			p.span = int32(i)
		default: // it joins two
			to := &w.spans[p.span]
			to.start, to.end, s.gone = min(to.start, s.start), max(to.end, s.end), true
			for k := range w.parts {
				if q := &w.parts[k]; q != p && q.span == int32(i) {
					q.span = p.span
				}
			}
		}
	}
	if p.span < 0 {
		p.span = w.open(p)
		return
	}
	to := &w.spans[p.span]
	to.start, to.end = min(to.start, p.start), max(to.end, p.end)
}
