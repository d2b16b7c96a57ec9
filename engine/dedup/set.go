package dedup

import (
	"bytes"
	"crypto/sha256"
	"hash/maphash"
	"math"
)

// segmentIDs is how many ids a segment holds. What is forgotten is forgotten by segments, so this many
// may stay for longer than they are needed.
const segmentIDs = 4096

// A Set is the ids of one partition. The zero value is not of use; see New.
type Set struct {
	horizon  int64
	clock    int64 // greatest append time so far; math.MinInt64: none
	segments []*segment
	first    uint64 // number of the oldest segment
	table    []uint32
	held     int // entries of the table that are in use
	seed     maphash.Seed

	cut     uint64   // number of the first id that no checkpoint has
	dropped []uint64 // segments that checkpoints have, and that were forgotten since
	spare   *segment // of a segment that was forgotten
}

// A segment is ids in the order in which they came.
type segment struct {
	anchors []int64 // clock when the id came
	hashes  []uint32
	ends    []uint32 // in data
	data    []byte
}

// none marks a place of the table that holds nothing. Others hold the low bits of an id's number.
const (
	none       = math.MaxUint32
	numberBits = math.MaxUint32 >> 1
	leastTable = 64
)

// New returns a set that has seen nothing and takes an id for a duplicate within horizon, in
// microseconds of append time, of the first record that had it.
func New(horizon int64) *Set {
	s := &Set{horizon: horizon, clock: math.MinInt64, seed: maphash.MakeSeed()}
	s.resize(leastTable)
	return s
}

// Len is how many ids are held, some of which may be older than the horizon.
func (s *Set) Len() int64 {
	var n int64
	for _, g := range s.segments {
		n += int64(len(g.anchors))
	}
	return n
}

// Size is the memory that the set takes, in bytes.
func (s *Set) Size() int64 {
	n := int64(4 * cap(s.table))
	for _, g := range s.segments {
		n += int64(8*cap(g.anchors) + 4*cap(g.hashes) + 4*cap(g.ends) + cap(g.data))
	}
	return n
}

// Advance takes the append time of the next record, in microseconds. The set's clock is the greatest so
// far, so that times a little out of order change nothing. A time that lies behind it by more than the
// horizon sets it back: one record that was stamped in the far future would stop it for good otherwise.
func (s *Set) Advance(appended int64) {
	if appended <= s.clock && s.clock-appended <= s.horizon {
		return
	}
	s.clock = appended
	for len(s.segments) > 0 && len(s.segments[0].anchors) == segmentIDs && !s.lives(s.segments[0].anchors[segmentIDs-1]) {
		s.forget()
	}
}

// mostBytes is how long an id may be that is remembered as it is.
const mostBytes = 1024

// Add notes the id of the record whose time Advance has taken. It reports whether that is a duplicate:
// whether a record had the same id within the horizon. A duplicate does not make the id younger. Ids of
// more than 1,024 bytes are compared by their SHA-256.
func (s *Set) Add(id []byte) (duplicate bool) {
	if len(id) > mostBytes {
		sum := sha256.Sum256(id)
		id = sum[:]
	}
	hash := uint32(maphash.Bytes(s.seed, id))
	at, found := s.find(id, hash)
	if found {
		if g, i := s.entry(s.table[at]); s.lives(g.anchors[i]) {
			return true
		}
	}
	s.put(at, found, id, hash, s.clock)
	return false
}

// find returns the place of an id in the table, or where it is to be put.
func (s *Set) find(id []byte, hash uint32) (at uint32, found bool) {
	mask := uint32(len(s.table) - 1)
	for at = hash & mask; s.table[at] != none; at = (at + 1) & mask {
		if g, i := s.entry(s.table[at]); g.hashes[i] == hash && bytes.Equal(g.at(i), id) {
			return at, true
		}
	}
	return at, false
}

// put appends an id and lets its place in the table say so.
func (s *Set) put(at uint32, found bool, id []byte, hash uint32, anchor int64) {
	number := s.next()
	if number == (s.first+uint64(len(s.segments)))*segmentIDs {
		s.segments = append(s.segments, s.empty())
	}
	g := s.segments[len(s.segments)-1]
	g.anchors = append(g.anchors, anchor)
	g.hashes = append(g.hashes, hash)
	g.data = append(g.data, id...)
	g.ends = append(g.ends, uint32(len(g.data)))
	s.table[at] = uint32(number & numberBits)
	if found {
		return
	}
	if s.held++; 4*s.held > 3*len(s.table) {
		s.resize(2 * len(s.table))
	}
}

// lives reports whether an id that came when the clock said anchor is within the horizon.
func (s *Set) lives(anchor int64) bool {
	d := s.clock - anchor
	return max(d, -d) <= s.horizon
}

// next is the number of the id that comes next, since the first of all.
func (s *Set) next() uint64 {
	n := s.first * segmentIDs
	if k := len(s.segments); k > 0 {
		n += uint64(k-1)*segmentIDs + uint64(len(s.segments[k-1].anchors))
	}
	return n
}

func (s *Set) empty() *segment {
	g := s.spare
	if s.spare = nil; g == nil {
		return &segment{}
	}
	g.anchors, g.hashes, g.ends, g.data = g.anchors[:0], g.hashes[:0], g.ends[:0], g.data[:0]
	return g
}

// entry finds what the table means.
func (s *Set) entry(low uint32) (*segment, int) {
	n := (low - uint32(s.first*segmentIDs&numberBits)) & numberBits
	return s.segments[n/segmentIDs], int(n % segmentIDs)
}

func (g *segment) at(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = g.ends[i-1]
	}
	return g.data[from:g.ends[i]]
}

// forget drops the oldest segment. An id that came again since has another place in the table.
func (s *Set) forget() {
	g := s.segments[0]
	for i, hash := range g.hashes {
		low := uint32((s.first*segmentIDs + uint64(i)) & numberBits)
		mask := uint32(len(s.table) - 1)
		for at := hash & mask; s.table[at] != none; at = (at + 1) & mask {
			if s.table[at] == low {
				s.remove(at)
				break
			}
		}
	}
	if s.first*segmentIDs < s.cut {
		s.dropped = append(s.dropped, s.first)
	}
	s.segments[0] = nil
	s.segments, s.first, s.spare = s.segments[1:], s.first+1, g
	s.cut = max(s.cut, s.first*segmentIDs)
	if len(s.table) > leastTable && 8*s.held < len(s.table) {
		s.resize(len(s.table) / 2)
	}
}

// remove empties a place of the table and moves up what was put behind it for lack of room.
func (s *Set) remove(at uint32) {
	s.held--
	mask := uint32(len(s.table) - 1)
	for next := (at + 1) & mask; s.table[next] != none; next = (next + 1) & mask {
		g, i := s.entry(s.table[next])
		home := g.hashes[i] & mask
		if (next-home)&mask >= (next-at)&mask {
			s.table[at], at = s.table[next], next
		}
	}
	s.table[at] = none
}

// resize makes the table anew.
func (s *Set) resize(n int) {
	old := s.table
	s.table = make([]uint32, n)
	for i := range s.table {
		s.table[i] = none
	}
	mask := uint32(n - 1)
	for _, low := range old {
		if low == none {
			continue
		}
		g, i := s.entry(low)
		at := g.hashes[i] & mask
		for s.table[at] != none {
			at = (at + 1) & mask
		}
		s.table[at] = low
	}
}
