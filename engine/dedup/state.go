package dedup

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
)

// State is what a checkpoint keeps beside the ids.
type State struct {
	Clock int64  `json:"clock"` // microseconds
	First uint64 `json:"first"` // number of the oldest segment
}

// State returns the present state.
func (s *Set) State() State { return State{s.clock, s.first} }

// SetState puts a state back, after the ids were restored.
func (s *Set) SetState(state State) error {
	if len(s.segments) > 0 && s.first != state.First {
		return errState
	}
	s.clock, s.first = state.Clock, state.First
	s.cut = s.next()
	return nil
}

// Cut hands what has changed since the last Cut to put and drop: new ids, and prefixes of the keys of
// ids that were forgotten. The bytes are valid during the call.
//
// A key is the segment's number and the first id's place in it, eight and four bytes, big-endian; its
// value is ids: for each the time, as the difference to the one before, its length, its bytes.
func (s *Set) Cut(put func(key, value []byte), drop func(prefix []byte)) {
	var key [12]byte
	for _, n := range s.dropped {
		binary.BigEndian.PutUint64(key[:], n)
		drop(key[:8])
	}
	s.dropped = s.dropped[:0]
	var value []byte
	for end := s.next(); s.cut < end; {
		number, from := s.cut/segmentIDs, int(s.cut%segmentIDs)
		g := s.segments[number-s.first]
		binary.BigEndian.PutUint64(key[:], number)
		binary.BigEndian.PutUint32(key[8:], uint32(from))
		value = g.appendIDs(value[:0], from)
		put(key[:], value)
		s.cut += uint64(len(g.anchors) - from)
	}
}

func (g *segment) appendIDs(dst []byte, from int) []byte {
	var before int64
	for i := from; i < len(g.anchors); i++ {
		id := g.at(i)
		dst = binary.AppendVarint(dst, g.anchors[i]-before)
		dst = binary.AppendUvarint(dst, uint64(len(id)))
		dst = append(dst, id...)
		before = g.anchors[i]
	}
	return dst
}

var errState = errors.New("read ids of records: what was kept of them is not whole")

// Restore takes what Cut has put, in the order of the keys.
func (s *Set) Restore(key, value []byte) error {
	if len(key) != 12 {
		return errState
	}
	number, from := binary.BigEndian.Uint64(key), uint64(binary.BigEndian.Uint32(key[8:]))
	if len(s.segments) == 0 {
		s.first = number
	}
	if number*segmentIDs+from != s.next() {
		return errState
	}
	for clock := int64(0); len(value) > 0; {
		step, n := binary.Varint(value)
		if n <= 0 {
			return errState
		}
		size, m := binary.Uvarint(value[n:])
		if m <= 0 || size > uint64(len(value)-n-m) {
			return errState
		}
		id := value[n+m:][:size]
		value = value[n+m+int(size):]
		clock += step
		hash := uint32(maphash.Bytes(s.seed, id))
		at, found := s.find(id, hash) // the newest place counts
		s.put(at, found, id, hash, clock)
	}
	return nil
}
