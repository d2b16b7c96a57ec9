package agg

import "github.com/nagare-stream/nagare/engine/column"

// MaxSlots is the number of groups that a Groups can hold. Callers have a limit of their own, far
// below; past this one Slots panics.
const MaxSlots = 1<<32 - 2

// MaxKeyBytes is the most that one column of keys can hold in strings; past it Slots panics as well.
const MaxKeyBytes = 1<<32 - 1

// chunk is how many rows are hashed at a time: their hashes stay in the first-level cache.
const chunk = 1024

// Groups numbers the distinct tuples of keys as slots 0, 1, 2, … in the order of their first rows.
// NULL is a key like any other and differs from the empty string; NaN equals NaN and -0.0 equals 0.0.
//
// A chunk of rows goes through three passes, each a loop without interface calls:
//
//	hash    one key column at a time            rows → hashes
//	probe   the tag of the hash; adds new keys  hashes → slots, which may be wrong
//	verify  one key column at a time            the rows whose key is not that of their slot
//
// The rows left over, one in 2^32 or so, are looked up one by one.
type Groups struct {
	types  []column.Type
	keys   []column.Vector // the key of each slot
	n      int
	index  index
	hashes []uint64    // of a chunk
	wrong  []uint32    // positions in the chunk whose slot has another key
	asks   column.Grow // see Ask; nil: memory is taken as it is needed
	one    [1]uint32   // scratch
	weaken uint64      // tests only: bits of the hash that are dropped, so that keys collide
}

// NewGroups returns an empty Groups for keys of the given types; none means one group.
func NewGroups(types []column.Type) *Groups {
	g := &Groups{types: types, keys: make([]column.Vector, len(types))}
	g.Reset()
	return g
}

// Len is the number of slots.
func (g *Groups) Len() int { return g.n }

// Keys returns the key columns, row i the key of slot i, valid until the next Slots or Reset. They
// must not be changed. A column of type VOID has no rows.
func (g *Groups) Keys() []column.Vector { return g.keys }

// Size is the bytes in use, about.
func (g *Groups) Size() int64 {
	n := g.index.size() + int64(cap(g.hashes)+cap(g.wrong)/2)*8
	for i := range g.keys {
		n += g.keys[i].Capacity()
	}
	return n
}

// Reset removes all keys and keeps the memory.
func (g *Groups) Reset() { g.clear(false) }

func (g *Groups) clear(release bool) {
	g.n = 0
	g.index.clear(release)
	for i := range g.keys {
		if release {
			g.keys[i] = column.Vector{}
		}
		g.keys[i].Reset(g.types[i])
	}
}

// Slots returns the slot of each row's key in dst, whose contents are overwritten: the result has
// len(rows) entries. Keys not seen before get new slots.
func (g *Groups) Slots(keys []*column.Vector, rows []uint32, dst []uint32) []uint32 {
	dst = resize(dst, len(rows))
	if len(keys) == 0 {
		if len(rows) > 0 {
			g.n = 1
		}
		clear(dst)
		return dst
	}
	for at := 0; at < len(rows); at += chunk {
		to := min(at+chunk, len(rows))
		part, hs := rows[at:to], g.scratch(to-at)
		for i := range hs {
			hs[i] = hashSeed
		}
		for _, k := range keys {
			hashColumn(hs, k, part)
		}
		g.lookup(keys, part, hs, dst[at:to])
	}
	return dst
}

// scratch is room for n hashes: there can be very many Groups with few rows each.
func (g *Groups) scratch(n int) []uint64 {
	g.hashes = resize(g.hashes, n)
	return g.hashes
}

// lookup finds or adds the keys of a chunk.
func (g *Groups) lookup(keys []*column.Vector, rows []uint32, hs []uint64, dst []uint32) {
	if g.weaken != 0 {
		for i := range hs {
			hs[i] &^= g.weaken
		}
	}
	g.probe(keys, rows, hs, dst)
	g.wrong = g.wrong[:0]
	for k, v := range keys {
		g.wrong = verify(&g.keys[k], v, rows, dst, g.wrong)
	}
	for _, i := range g.wrong {
		dst[i] = g.lookupOne(keys, rows[i], hs[i])
	}
}

// probe fills dst with the first slot whose tag is that of the row's hash, and adds the key where
// there is none.
func (g *Groups) probe(keys []*column.Vector, rows []uint32, hs []uint64, dst []uint32) {
	if g.index.full() {
		g.index.grow()
	}
	var lastHash uint64
	last := none
	rows, dst = rows[:len(hs)], dst[:len(hs)]
	cells, shift := g.index.cells, g.index.shift
rows:
	for i, h := range hs {
		if h == lastHash && last != none {
			dst[i] = last
			continue
		}
		tag, mask := uint32(h>>32), uint32(len(cells)-1)
		for pos := tag >> shift; ; pos = (pos + 1) & mask {
			c := cells[pos&mask]
			if uint32(c>>32) == tag && c != 0 {
				last, lastHash = uint32(c)-1, h
				dst[i] = last
				continue rows
			}
			if c == 0 {
				break
			}
		}
		last, lastHash = g.add(keys, rows[i], h), h
		dst[i] = last
		cells, shift = g.index.cells, g.index.shift
	}
}

// lookupOne finds or adds one key, comparing it with every slot of the same tag.
func (g *Groups) lookupOne(keys []*column.Vector, row uint32, hash uint64) uint32 {
	slot := g.index.find(hash, func(s uint32) bool { return g.has(s, keys, row) })
	if slot == none {
		slot = g.add(keys, row, hash)
	}
	return slot
}

// has reports whether the key of a slot is that of a row.
func (g *Groups) has(slot uint32, keys []*column.Vector, row uint32) bool {
	for k, v := range keys {
		if !equalAt(&g.keys[k], slot, v, row) {
			return false
		}
	}
	return true
}

// add gives the row's key a new slot.
func (g *Groups) add(keys []*column.Vector, row uint32, hash uint64) uint32 {
	if g.n >= MaxSlots {
		panic("BUG: more groups than MaxSlots, past the limit of the caller")
	}
	slot := uint32(g.n)
	if g.asks != nil {
		g.reserve(keys, row)
	}
	for k, v := range keys {
		g.keys[k].AppendFrom(v, int(row))
		if uint64(len(g.keys[k].Data)) > MaxKeyBytes {
			panic("BUG: more bytes of keys than MaxKeyBytes, past the limit of the caller")
		}
	}
	g.n++
	g.index.insert(hash, slot)
	return slot
}
