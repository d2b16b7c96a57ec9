package agg

import "encoding/binary"

// A set is the distinct values of all slots of one aggregate: entries, with one index from the hash
// of value and slot to the entry.
type set struct {
	entries
	index   index
	fetched uint32 // of fetch, which would be left out if nobody took what it reads
}

// slotHash mixes a slot into the hash of a value.
func slotHash(h uint64, slot uint32) uint64 { return stir(h, uint64(slot)*hashLow) }

// wordHash is the hash of a value of one word in a slot.
func wordHash(x int64, slot uint32) uint64 { return slotHash(stir(hashSeed, uint64(x)), slot) }

// addInt adds a value of one word to a slot; it reports whether the value is new there. h is
// wordHash(x, slot).
func (t *set) addInt(slot uint32, x int64, h uint64) bool {
	if t.index.full() {
		t.index.grow()
	}
	cells, tag := t.index.cells, uint32(h>>32)
	mask, pos := uint32(len(cells)-1), tag>>t.index.shift
	for ; cells[pos] != 0; pos = (pos + 1) & mask {
		c := cells[pos]
		if e := uint32(c) - 1; uint32(c>>32) == tag && t.ints[e] == x && t.list[e].slot == slot {
			return false
		}
	}
	if !t.pushInt(slot, x) {
		return false
	}
	t.index.put(pos, h, t.len()-1)
	return true
}

// addBytes adds a value that is not one word to a slot; it reports whether the value is new there.
// h is slotHash(hashBytes(hashSeed, b), slot).
func (t *set) addBytes(slot uint32, b []byte, h uint64) bool {
	if t.index.full() {
		t.index.grow()
	}
	cells, tag := t.index.cells, uint32(h>>32)
	mask, pos := uint32(len(cells)-1), tag>>t.index.shift
	for ; cells[pos] != 0; pos = (pos + 1) & mask {
		c := cells[pos]
		if e := uint32(c) - 1; uint32(c>>32) == tag && t.list[e].slot == slot && same(t.bytes(e), b) {
			return false
		}
	}
	if !t.pushBytes(slot, b) {
		return false
	}
	t.index.put(pos, h, t.len()-1)
	return true
}

// fetch reads what look-ups of hashes will read first. The reads wait for memory side by side, those of
// the look-ups one after the other.
func (t *set) fetch(hashes []uint64) {
	cells := t.index.cells
	if len(cells) < cachedCells {
		return
	}
	sum := uint32(0)
	for _, h := range hashes {
		if c := cells[uint32(h>>32)>>t.index.shift]; c != 0 {
			sum += t.list[uint32(c)-1].slot
		}
	}
	t.fetched = sum
}

// cachedCells is the size of an index which the processor's nearest memory holds anyway.
const cachedCells = 1 << 12

// same compares two values, those of 8 to 16 bytes by words.
func same(a, b []byte) bool {
	n := len(a)
	if n != len(b) {
		return false
	}
	if n < 8 || n > shortLen {
		return string(a) == string(b)
	}
	return binary.LittleEndian.Uint64(a) == binary.LittleEndian.Uint64(b) && binary.LittleEndian.Uint64(a[n-8:]) == binary.LittleEndian.Uint64(b[n-8:])
}

// reset removes the values of a slot.
func (t *set) reset(slot uint32) {
	if !t.remove(slot) {
		return
	}
	number := t.compact()
	old := t.index.cells
	t.index.alloc(len(old))
	t.index.used = len(t.list)
	for _, c := range old { // tags stay: they come from value and slot
		if c != 0 && number[uint32(c)-1] != none {
			t.index.place(c>>32<<32 | uint64(number[uint32(c)-1]+1))
		}
	}
}

func (t *set) clear(release bool) {
	t.entries.clear(release)
	t.index.clear(release)
}

func (t *set) size() int64 { return t.entries.size() + t.index.size() }
