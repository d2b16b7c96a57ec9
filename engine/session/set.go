package session

import (
	"math"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// none is no piece and no key.
const none = agg.None

// always is the mark of a piece of rows that lie before their marks.
const always = math.MinInt64

// A piece is rows of a key whose spans touch.
type piece struct {
	start, end int64
	after      int64  // the mark of a row that is deferred; always: it is none
	seq        uint64 // its place among those that a lane has sealed
	key        uint32
	prev, next uint32 // of the key's, by start; of those that are deferred, next alone
	deltas     uint8  // changes in the store behind its state
	in         place
	dirty      bool // touched since the last cut
	fresh      bool // touched since somebody asked for it; see Set.Watch
	old        bool // there at the last cut
	stored     bool
}

// place is where a piece stands.
type place uint8

const (
	nowhere place = iota // the number is free
	linked               // among its key's
	deferred
	leaving // sealed, to be taken
)

// A Set is pieces, each with its accumulators.
type Set struct {
	types  []column.Type
	keys   *agg.Groups
	values *agg.Slots
	pieces []piece // by slot of values
	byKey  []keyPieces
	live   int // pieces
	used   int // keys with pieces
	dirty  []uint32
	gone   []uint32 // stored pieces that are no more
	fresh  []uint32
	watch  bool
	seq    uint64
	value  []byte // scratch
	rows   []uint32
	cols   []*column.Vector
}

type keyPieces struct {
	first, last uint32 // by start; they do not touch
	deferred    uint32
	n           uint32 // wherever they stand
}

func newSet(types []column.Type, specs []agg.Spec) (Set, error) {
	values, err := agg.NewSlots(specs)
	return Set{types: types, keys: agg.NewGroups(types), values: values}, err
}

// Len is the number of pieces.
func (s *Set) Len() int { return s.live }

// Size is the bytes in use, about.
func (s *Set) Size() int64 {
	return s.keys.Size() + s.values.Size() + int64(cap(s.pieces))*64 + int64(cap(s.byKey))*16 + int64(cap(s.dirty)+cap(s.gone)+cap(s.fresh)+cap(s.rows))*4
}

// Watch has the set remember which pieces were touched, for Merged.Changed.
func (s *Set) Watch() { s.watch = true }

// columns is the keys, by number.
func (s *Set) columns() []*column.Vector {
	keys := s.keys.Keys()
	s.cols = s.cols[:0]
	for i := range keys {
		s.cols = append(s.cols, &keys[i])
	}
	return s.cols
}

// fit makes room for all keys.
func (s *Set) fit() {
	for len(s.byKey) < s.keys.Len() {
		s.byKey = append(s.byKey, keyPieces{first: none, last: none, deferred: none})
	}
}

// begin makes a piece that stands nowhere yet.
func (s *Set) begin(key uint32, start, end int64) uint32 {
	slot := s.values.Take()
	for len(s.pieces) <= int(slot) {
		s.pieces = append(s.pieces, piece{})
	}
	p := &s.pieces[slot]
	*p = piece{start: start, end: end, after: always, key: key, prev: none, next: none, in: leaving, dirty: p.dirty, fresh: p.fresh}
	s.count(key)
	s.touch(slot)
	return slot
}

func (s *Set) count(key uint32) {
	s.live++
	if s.byKey[key].n++; s.byKey[key].n == 1 {
		s.used++
	}
}

func (s *Set) touch(slot uint32) {
	p := &s.pieces[slot]
	if !p.dirty {
		p.dirty = true
		s.dirty = append(s.dirty, slot)
	}
	if s.watch && !p.fresh {
		p.fresh = true
		s.fresh = append(s.fresh, slot)
	}
}

// link puts a piece before another one of its key; none: behind all.
func (s *Set) link(slot, before uint32) {
	p := &s.pieces[slot]
	k := &s.byKey[p.key]
	p.in, p.next = linked, before
	if before == none {
		p.prev, k.last = k.last, slot
	} else {
		p.prev, s.pieces[before].prev = s.pieces[before].prev, slot
	}
	if p.prev == none {
		k.first = slot
	} else {
		s.pieces[p.prev].next = slot
	}
}

func (s *Set) unlink(slot uint32) {
	p := &s.pieces[slot]
	k := &s.byKey[p.key]
	if p.in == deferred {
		at := &k.deferred
		for *at != slot {
			at = &s.pieces[*at].next
		}
		*at = p.next
	} else {
		if p.prev == none {
			k.first = p.next
		} else {
			s.pieces[p.prev].next = p.next
		}
		if p.next == none {
			k.last = p.prev
		} else {
			s.pieces[p.next].prev = p.prev
		}
	}
	p.in = leaving
}

// drop lets go of a piece that stands in no list.
func (s *Set) drop(slot uint32) {
	p := &s.pieces[slot]
	if p.stored {
		s.gone = append(s.gone, slot)
	}
	s.live--
	if s.byKey[p.key].n--; s.byKey[p.key].n == 0 {
		s.used--
	}
	p.in, p.stored, p.old, p.deltas = nowhere, false, false, 0
	s.values.Give(slot)
}

// fewKeys is how many keys without pieces are not worth the work to let them go.
const fewKeys = 1024

// compact lets go of keys that have no pieces, once they are most.
func (s *Set) compact() {
	if n := len(s.byKey); n < fewKeys || n < 2*s.used {
		return
	}
	s.rows = s.rows[:0]
	for key := range s.byKey {
		if s.byKey[key].n > 0 {
			s.rows = append(s.rows, uint32(key))
		}
	}
	keys := agg.NewGroups(s.types)
	to := keys.Slots(s.columns(), s.rows, nil) // 0, 1, 2, …, for all are different
	for i, key := range s.rows {
		s.byKey[to[i]] = s.byKey[key]
	}
	s.keys, s.byKey = keys, s.byKey[:len(to)]
	by := make(map[uint32]uint32, len(to))
	for i, key := range s.rows {
		by[key] = to[i]
	}
	for i := range s.pieces {
		if p := &s.pieces[i]; p.in != nowhere {
			p.key = by[p.key]
		}
	}
}
