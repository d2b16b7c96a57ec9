package agg

import (
	"bytes"
	"cmp"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// cells holds one value of any type a slot, which may be NULL.
type cells struct {
	typ  column.Type
	fill []byte // what the slot has: nothing, a NULL or a value

	// Where the value lies: integers and the bits of doubles in lo, decimals in hi and lo; strings
	// as they are and nested values as bytes in buf, a buffer a slot that is reused when the value
	// changes.
	lo, hi []int64
	buf    [][]byte
	held   int64 // bytes in the buffers

	parsed column.Vector // scratch: a value
	nested nested
}

const (
	cellEmpty byte = iota
	cellNull
	cellValue
)

func (c *cells) grow(slots int) {
	c.fill = extend(c.fill, slots)
	switch {
	case isWord(c.typ):
		c.lo = extend(c.lo, slots)
	case c.typ.Kind == column.Decimal:
		c.lo, c.hi = extend(c.lo, slots), extend(c.hi, slots)
	case c.typ.Kind != column.Void:
		c.buf = extendBuffers(c.buf, slots)
	}
}

// extendBuffers gives s the length n at least. Buffers behind the length are of slots that were
// cleared, and serve again.
func extendBuffers(s [][]byte, n int) [][]byte {
	if n <= len(s) {
		return s
	}
	if n > cap(s) {
		grown := make([][]byte, max(n, 2*cap(s)))
		copy(grown, s[:cap(s)])
		s = grown
	}
	return s[:n]
}

// set makes v[row] the value of a slot.
func (c *cells) set(slot uint32, v *column.Vector, row uint32) {
	if c.typ.Kind == column.Void || isNull(v.Null, row) {
		c.fill[slot] = cellNull
		return
	}
	c.fill[slot] = cellValue
	switch {
	case c.typ.UsesFloat():
		c.lo[slot] = int64(math.Float64bits(v.Float[row]))
	case c.typ.Kind == column.Decimal:
		c.lo[slot], c.hi[slot] = v.Int[row], v.Hi[row]
	case c.typ.UsesInt():
		c.lo[slot] = v.Int[row]
	case c.typ.UsesBytes():
		c.setBuffer(slot, v.Bytes(int(row)))
	default:
		c.setBuffer(slot, c.nested.bytes(v, row))
	}
}

func (c *cells) setBuffer(slot uint32, b []byte) {
	before := cap(c.buf[slot])
	c.buf[slot] = append(c.buf[slot][:0], b...)
	c.held += int64(cap(c.buf[slot]) - before)
}

// take makes the value of another slot, which is not empty, that of dst.
func (c *cells) take(dst uint32, from *cells, src uint32) {
	c.fill[dst] = from.fill[src]
	if c.fill[dst] != cellValue {
		return
	}
	switch {
	case c.buf != nil:
		c.setBuffer(dst, from.buf[src])
	case c.hi != nil:
		c.lo[dst], c.hi[dst] = from.lo[src], from.hi[src]
	default:
		c.lo[dst] = from.lo[src]
	}
}

// appendTo appends the value of a slot; NULL where it is empty.
func (c *cells) appendTo(dst *column.Vector, slot uint32) {
	if c.fill[slot] != cellValue {
		dst.AppendNull()
		return
	}
	switch {
	case c.typ.UsesFloat():
		dst.AppendFloat(math.Float64frombits(uint64(c.lo[slot])))
	case c.typ.Kind == column.Decimal:
		dst.AppendDecimal(c.hi[slot], c.lo[slot])
	case c.typ.UsesInt():
		dst.AppendInt(c.lo[slot])
	case c.typ.UsesBytes():
		dst.AppendBytes(c.buf[slot])
	default:
		if err := c.nested.read(dst, c.buf[slot]); err != nil {
			panic("BUG: a cell holds what is no value: " + err.Error())
		}
	}
}

// compare orders v[row], which is not NULL, and the value of a slot, which is one.
func (c *cells) compare(v *column.Vector, row, slot uint32) int {
	switch {
	case c.typ.UsesFloat():
		return compareFloat(v.Float[row], math.Float64frombits(uint64(c.lo[slot])))
	case c.typ.Kind == column.Decimal:
		return compareDecimal(v.Hi[row], v.Int[row], c.hi[slot], c.lo[slot])
	case c.typ.UsesInt():
		return cmp.Compare(v.Int[row], c.lo[slot])
	case c.typ.UsesBytes():
		return bytes.Compare(v.Bytes(int(row)), c.buf[slot])
	}
	c.load(slot)
	return compareAt(v, row, &c.parsed, 0)
}

// load puts the value of a slot into parsed.
func (c *cells) load(slot uint32) {
	c.parsed.Reset(c.typ)
	c.appendTo(&c.parsed, slot)
}

func (c *cells) clear(release bool) {
	if release {
		c.held = 0
	}
	c.fill, c.lo, c.hi, c.buf = cleared(c.fill, release), cleared(c.lo, release), cleared(c.hi, release), cleared(c.buf, release)
}

func (c *cells) size() int64 {
	return int64(cap(c.fill)) + int64(cap(c.lo)+cap(c.hi))*8 + int64(cap(c.buf))*24 + c.held
}

// appendState writes what a slot has; nothing where it is empty.
func (c *cells) appendState(dst []byte, slot uint32) []byte {
	if c.fill[slot] == cellEmpty {
		return dst
	}
	c.load(slot)
	return append(dst, c.nested.bytes(&c.parsed, 0)...)
}

// setState reads what appendState wrote, which takes all of src.
func (c *cells) setState(slot uint32, src []byte) error {
	c.fill[slot] = cellEmpty
	if len(src) == 0 {
		return nil
	}
	c.parsed.Reset(c.typ)
	err := c.nested.read(&c.parsed, src)
	if err == nil {
		c.set(slot, &c.parsed, 0)
	}
	return err
}
