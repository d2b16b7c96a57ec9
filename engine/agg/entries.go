package agg

import (
	"encoding/binary"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// MaxEntries and MaxEntryBytes are what the lists or sets of one aggregate can hold, over all slots.
// A slot that is to take a value beyond fails with StateLimit; nothing is left out silently.
const (
	MaxEntries    = 1<<32 - 2
	MaxEntryBytes = 1<<32 - 1 // of values that are not one word
)

// StateLimit is the class of a slot that met MaxEntries or MaxEntryBytes.
const StateLimit = "STATE_LIMIT_EXCEEDED"

// entries are values that belong to slots, several to each, numbered in the order in which they
// came. Those of a slot are chained from the newest to the oldest:
//
//	number   0     1     2     3     4
//	slot     7     7     2     7     2
//	value    a     b     a     c     d
//	prev     -     0     -     1     2        head: slot 2 → 4, slot 7 → 3
//
// So the newest of a slot are found without touching the others, which is what a delta since the
// last checkpoint needs: they are those with a number of mark or more.
//
// A value of one word lies in ints: an integer, or the bits of a double. Any other lies in data, a
// string as it is, the rest in an encoding of the owner's.
type entries struct {
	list  []entry
	head  []uint32 // by slot: its newest, plus 1
	ints  []int64
	data  []byte
	words bool        // values are one word
	mark  uint32      // the first entry of the next delta
	dead  int         // entries removed
	most  int         // tests only: a limit in place of MaxEntries and MaxEntryBytes
	over  []uint32    // slots that met a limit
	order []uint32    // scratch
	asks  column.Grow // see Ask; nil: memory is taken as it is needed
}

// An entry is all but the value, together because a look-up needs it together.
type entry struct {
	slot uint32 // none: removed
	end  uint32 // of the value in data; it starts at the end of the entry before
	prev uint32 // the slot's entry before, plus 1; 0: none
}

// isWord reports whether values of the type are one word.
func isWord(t column.Type) bool {
	return t.Kind != column.Decimal && (t.UsesInt() || t.UsesFloat())
}

func (t *entries) len() uint32    { return uint32(len(t.list)) }
func (t *entries) grow(slots int) { t.head = extend(t.head, slots) }

// pushInt adds a value of one word; it reports false at the limit.
func (t *entries) pushInt(slot uint32, x int64) bool {
	if t.asks != nil {
		t.reserve(0)
	}
	if !t.push(slot) {
		return false
	}
	t.ints = append(t.ints, x)
	return true
}

// pushBytes adds a value that is not one word; it reports false at the limit.
func (t *entries) pushBytes(slot uint32, b []byte) bool {
	if len(t.data)+len(b) > t.limit(MaxEntryBytes) {
		t.overflow(slot)
		return false
	}
	if t.asks != nil {
		t.reserve(len(b))
	}
	if !t.push(slot) {
		return false
	}
	t.data = append(t.data, b...)
	t.list[len(t.list)-1].end = uint32(len(t.data))
	return true
}

func (t *entries) push(slot uint32) bool {
	if len(t.list) >= t.limit(MaxEntries) {
		t.overflow(slot)
		return false
	}
	t.list = append(t.list, entry{slot: slot, prev: t.head[slot]})
	t.head[slot] = uint32(len(t.list))
	return true
}

func (t *entries) limit(usual int) int {
	if t.most > 0 {
		return t.most
	}
	return usual
}

// bytes is the value of an entry that is not one word.
func (t *entries) bytes(e uint32) []byte {
	from := uint32(0)
	if e > 0 {
		from = t.list[e-1].end
	}
	return t.data[from:t.list[e].end]
}

// of returns the entries of a slot from number first on, oldest first, valid until the next call.
func (t *entries) of(slot, first uint32) []uint32 {
	t.order = t.order[:0]
	for e := t.head[slot]; e > first; e = t.list[e-1].prev {
		t.order = append(t.order, e-1)
	}
	for i, j := 0, len(t.order)-1; i < j; i, j = i+1, j-1 {
		t.order[i], t.order[j] = t.order[j], t.order[i]
	}
	return t.order
}

func (t *entries) overflow(slot uint32) {
	if !t.overflowed(slot) {
		t.over = append(t.over, slot)
	}
}

func (t *entries) overflowed(slot uint32) bool {
	for _, s := range t.over {
		if s == slot {
			return true
		}
	}
	return false
}

// remove takes the entries of a slot away. They keep their numbers, without a slot, until half of
// all are such; then it reports that the owner is to call compact.
func (t *entries) remove(slot uint32) (compact bool) {
	for e := t.head[slot]; e != 0; e = t.list[e-1].prev {
		t.list[e-1].slot = none
		t.dead++
	}
	t.head[slot] = 0
	for i, s := range t.over {
		if s == slot {
			t.over = append(t.over[:i], t.over[i+1:]...)
			break
		}
	}
	return t.dead > 64 && t.dead*2 > len(t.list)
}

// compact drops the removed entries and numbers the others anew, in their order. It returns the new
// number of each old entry; none: removed.
func (t *entries) compact() []uint32 {
	number := make([]uint32, len(t.list))
	clear(t.head)
	var n, from, at, mark uint32
	for e, old := range t.list {
		if old.slot == none {
			number[e], from = none, old.end
			continue
		}
		if uint32(e) < t.mark {
			mark++
		}
		if t.words {
			t.ints[n] = t.ints[e]
		} else {
			at += uint32(copy(t.data[at:], t.data[from:old.end]))
			from = old.end
		}
		t.list[n] = entry{slot: old.slot, end: at, prev: t.head[old.slot]}
		number[e] = n
		n++
		t.head[old.slot] = n
	}
	t.list, t.data = t.list[:n], t.data[:at]
	if t.words {
		t.ints = t.ints[:n]
	}
	t.mark, t.dead = mark, 0
	return number
}

// clear removes all entries and slots.
func (t *entries) clear(release bool) {
	t.list, t.head = cleared(t.list, release), cleared(t.head, release)
	t.ints, t.data = cleared(t.ints, release), cleared(t.data, release)
	t.mark, t.dead, t.over = 0, 0, t.over[:0]
}

func (t *entries) size() int64 {
	return int64(cap(t.list))*12 + int64(cap(t.head)+cap(t.order))*4 + int64(cap(t.ints))*8 + int64(cap(t.data))
}

// appendState writes the entries of a slot from number first on: a flag that says whether a limit
// was met, then each as a varint, or as a length and bytes.
func (t *entries) appendState(dst []byte, slot, first uint32) []byte {
	flag := byte(0)
	if len(t.over) > 0 && t.overflowed(slot) {
		flag = 1
	}
	dst = append(dst, flag)
	for _, e := range t.of(slot, first) {
		if t.words {
			dst = binary.AppendVarint(dst, t.ints[e])
		} else {
			dst = appendBytes(dst, t.bytes(e))
		}
	}
	return dst
}

// readState hands what appendState wrote to one of the functions, entry by entry.
func (t *entries) readState(slot uint32, src []byte, word func(x int64), other func(b []byte)) error {
	if len(src) == 0 {
		return errShort
	}
	switch src[0] {
	case 0:
	case 1:
		t.overflow(slot)
	default:
		return errValue
	}
	for src = src[1:]; len(src) > 0; {
		if t.words {
			x, rest, err := readVarint(src)
			if err != nil {
				return err
			}
			word(x)
			src = rest
			continue
		}
		b, rest, err := readBytes(src)
		if err != nil {
			return err
		}
		other(b)
		src = rest
	}
	return nil
}

// appendWord appends a value of one word to a vector of the values' type; it reports false for what
// is no value of the type.
func appendWord(v *column.Vector, x int64) bool {
	if v.Type.UsesFloat() {
		v.AppendFloat(math.Float64frombits(uint64(x)))
		return true
	}
	v.AppendInt(x)
	return inRange(v.Type.Kind, x)
}

// word is the value of one word of row r, doubles with one NaN and one zero.
func word(v *column.Vector, r uint32) int64 {
	if v.Type.UsesFloat() {
		return int64(floatBits(v.Float[r]))
	}
	return v.Int[r]
}
