package agg

import (
	"encoding/binary"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// MaxSetBytes and MaxSetEntries are what one set can hold. A slot that is to take a value beyond
// fails with StateLimit; nothing is counted wrongly.
const (
	MaxSetBytes   = 1<<32 - 1 // of strings
	MaxSetEntries = 1<<32 - 2
)

// StateLimit is the class of a slot that met one of this package's own limits.
const StateLimit = "STATE_LIMIT_EXCEEDED"

// A set holds the distinct values of all slots of one aggregate in one table. An entry is a value of
// a slot; entries are numbered in the order in which they came, and those of a slot are chained:
//
//	entry    0     1     2     3     4
//	slot     7     7     2     7     2
//	value    a     b     a     c     d
//	prev     -     0     -     1     2        head: slot 2 → 4, slot 7 → 3
//
// So the newest entries of a slot are found without touching the others, which is what a delta
// since the last checkpoint needs: they are those with a number of mark or more.
type set struct {
	index index
	slot  []uint32 // of each entry; none: removed
	prev  []uint32 // the slot's entry before, plus 1; 0: none
	head  []uint32 // by slot: its newest entry, plus 1
	ints  []int64  // values that are one word
	data  []byte   // the others, end to end
	ends  []uint32
	words bool     // values are one word
	mark  uint32   // the first entry of the next delta
	dead  int      // entries removed
	over  []uint32 // slots that met a limit
	order []uint32 // scratch
}

// slotHash mixes a slot into the hash of a value.
func slotHash(h uint64, slot uint32) uint64 { return stir(h, uint64(slot)*hashLow) }

// addInt adds a value of one word to a slot; it reports whether the value is new there.
func (t *set) addInt(slot uint32, x int64, h uint64) bool {
	if t.index.full() {
		t.index.grow()
	}
	cells, tag := t.index.cells, uint32(h>>32)
	mask := uint32(len(cells) - 1)
	for pos := tag >> t.index.shift; ; pos = (pos + 1) & mask {
		c := cells[pos]
		if c == 0 {
			break
		}
		if e := uint32(c) - 1; uint32(c>>32) == tag && t.ints[e] == x && t.slot[e] == slot {
			return false
		}
	}
	if !t.append(slot, h) {
		return false
	}
	t.ints = append(t.ints, x)
	return true
}

// addBytes adds a value of bytes to a slot; it reports whether the value is new there.
func (t *set) addBytes(slot uint32, b []byte, h uint64) bool {
	if t.index.full() {
		t.index.grow()
	}
	cells, tag := t.index.cells, uint32(h>>32)
	mask := uint32(len(cells) - 1)
	for pos := tag >> t.index.shift; ; pos = (pos + 1) & mask {
		c := cells[pos]
		if c == 0 {
			break
		}
		if e := uint32(c) - 1; uint32(c>>32) == tag && t.slot[e] == slot && string(t.bytes(e)) == string(b) {
			return false
		}
	}
	if len(t.data)+len(b) > MaxSetBytes {
		t.overflow(slot)
		return false
	}
	if !t.append(slot, h) {
		return false
	}
	t.data = append(t.data, b...)
	t.ends = append(t.ends, uint32(len(t.data)))
	return true
}

// append adds an entry, all but its value.
func (t *set) append(slot uint32, h uint64) bool {
	e := uint32(len(t.slot))
	if e >= MaxSetEntries {
		t.overflow(slot)
		return false
	}
	t.slot = append(t.slot, slot)
	t.prev = append(t.prev, t.head[slot])
	t.head[slot] = e + 1
	t.index.insert(h, e)
	return true
}

// bytes is the value of an entry that is not one word.
func (t *set) bytes(e uint32) []byte {
	from := uint32(0)
	if e > 0 {
		from = t.ends[e-1]
	}
	return t.data[from:t.ends[e]]
}

func (t *set) overflow(slot uint32) {
	if !t.overflowed(slot) {
		t.over = append(t.over, slot)
	}
}

func (t *set) overflowed(slot uint32) bool {
	for _, s := range t.over {
		if s == slot {
			return true
		}
	}
	return false
}

// entries returns the entries of a slot from number first on, oldest first, valid until the next call.
func (t *set) entries(slot, first uint32) []uint32 {
	t.order = t.order[:0]
	for e := t.head[slot]; e > first; e = t.prev[e-1] {
		t.order = append(t.order, e-1)
	}
	for i, j := 0, len(t.order)-1; i < j; i, j = i+1, j-1 {
		t.order[i], t.order[j] = t.order[j], t.order[i]
	}
	return t.order
}

func (t *set) grow(slots int) { t.head = extend(t.head, slots) }

// reset removes the entries of a slot. They stay in the table, without a slot, until half of all
// are such.
func (t *set) reset(slot uint32) {
	for e := t.head[slot]; e != 0; e = t.prev[e-1] {
		t.slot[e-1] = none
		t.dead++
	}
	t.head[slot] = 0
	for i, s := range t.over {
		if s == slot {
			t.over = append(t.over[:i], t.over[i+1:]...)
			break
		}
	}
	if t.dead > 64 && t.dead*2 > len(t.slot) {
		t.compact()
	}
}

// compact drops the removed entries and numbers the others anew, in their order. The tags of the
// cells stay right, for they come from slot and value.
func (t *set) compact() {
	number := make([]uint32, len(t.slot)) // old → new
	clear(t.head)
	var n, from, at, mark uint32
	for e, s := range t.slot {
		if uint32(e) < t.mark && s != none {
			mark++
		}
		var to uint32
		if !t.words {
			to = t.ends[e]
		}
		if s == none {
			number[e], from = none, to
			continue
		}
		if t.words {
			t.ints[n] = t.ints[e]
		} else {
			at += uint32(copy(t.data[at:], t.data[from:to]))
			t.ends[n], from = at, to
		}
		number[e], t.slot[n], t.prev[n] = n, s, t.head[s]
		n++
		t.head[s] = n
	}
	t.slot, t.prev, t.data = t.slot[:n], t.prev[:n], t.data[:at]
	if t.words {
		t.ints = t.ints[:n]
	} else {
		t.ends = t.ends[:n]
	}
	t.mark, t.dead, t.index.used = mark, 0, int(n)
	old := t.index.cells
	t.index.alloc(len(old))
	for _, c := range old {
		if c != 0 && number[uint32(c)-1] != none {
			t.index.place(c>>32<<32 | uint64(number[uint32(c)-1]+1))
		}
	}
}

// clear removes all entries and slots.
func (t *set) clear(release bool) {
	t.index.clear(release)
	t.slot, t.prev, t.head = cleared(t.slot, release), cleared(t.prev, release), cleared(t.head, release)
	t.ints, t.data, t.ends = cleared(t.ints, release), cleared(t.data, release), cleared(t.ends, release)
	t.mark, t.dead, t.over = 0, 0, t.over[:0]
}

func (t *set) size() int64 {
	return t.index.size() + int64(cap(t.slot)+cap(t.prev)+cap(t.head)+cap(t.ends)+cap(t.order))*4 +
		int64(cap(t.ints))*8 + int64(cap(t.data))
}

// appendEntry writes the value of an entry: a varint, or a length and bytes.
func (t *set) appendEntry(dst []byte, e uint32) []byte {
	if t.words {
		return binary.AppendVarint(dst, t.ints[e])
	}
	return appendBytes(dst, t.bytes(e))
}

// word is the value of one word of row r: an integer, or the bits of a double.
func word(v *column.Vector, r uint32) int64 {
	if v.Type.UsesFloat() {
		return int64(floatBits(v.Float[r]))
	}
	return v.Int[r]
}

// appendTo appends the value of an entry to a vector of the set's type.
func (t *set) appendTo(v *column.Vector, e uint32) error {
	switch {
	case v.Type.UsesFloat():
		v.AppendFloat(math.Float64frombits(uint64(t.ints[e])))
	case t.words:
		v.AppendInt(t.ints[e])
	case v.Type.UsesBytes():
		v.AppendBytes(t.bytes(e))
	default:
		rest, err := readValue(v, t.bytes(e))
		return stateError("distinct value", rest, err)
	}
	return nil
}
