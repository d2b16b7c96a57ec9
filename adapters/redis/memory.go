package redis

import "hash/maphash"

// memoryPlaces is how many places are remembered. Behind that, those whose rows have ended are forgotten,
// and if that is not enough all: then a row that is older than what its place holds is taken for new.
const memoryPlaces = 1 << 19

// A memory knows of each place the order of its newest row and whether that came by itself or was read
// again, and of each key when it ends. It knows places by a hash of 64 bits: that two of half a million have
// the same is one chance in a hundred million, and then the older of their rows is left out until the next
// refill. It has no lock of its own.
type memory struct {
	seed   maphash.Seed
	places map[uint64]newest
	forgot bool // some that live yet
}

// newest is the newest row of a place. Round is the number of the refill during or after which it came
// by itself; 0: it was read again.
type newest struct {
	order, ends int64
	round       uint32
	covers      bool // another row was at the place before, which may live yet
}

func newMemory() *memory { return &memory{seed: maphash.MakeSeed(), places: map[uint64]newest{}} }

// admit reports whether a row is the newest of its place, and then remembers it. One that is read again in
// a round is not newer than one that came by itself since the round began.
func (m *memory) admit(place []byte, order, ends int64, again bool, round uint32, now int64) bool {
	hash := maphash.Bytes(m.seed, place)
	old, known := m.places[hash]
	if known && (order < old.order || again && old.round == round && order == old.order) {
		return false
	}
	if !known && len(m.places) >= memoryPlaces {
		m.forget(now)
	}
	if again {
		round = old.round
	}
	covers := known && (old.covers || old.order != order)
	m.places[hash] = newest{order, ends, round, covers}
	return true
}

// forgo forgets the newest row of a place, if it is the one of an order or none is known, and reports whether
// an older one may have been there before it.
func (m *memory) forgo(place []byte, order int64) (is, covers bool) {
	hash := maphash.Bytes(m.seed, place)
	old, known := m.places[hash]
	if known && old.order != order {
		return false, false
	}
	delete(m.places, hash)
	return true, known && old.covers || !known && m.forgot
}

func (m *memory) forget(now int64) {
	for hash, n := range m.places {
		if n.ends != 0 && n.ends <= now {
			delete(m.places, hash)
		}
	}
	if len(m.places) > memoryPlaces*3/4 {
		clear(m.places)
		m.forgot = true
	}
}
