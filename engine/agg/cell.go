package agg

import "github.com/nagare-stream/nagare/engine/column"

// cells holds one value of any type a slot, each in a vector of one row that is reused when the
// value changes. It is for values that have no plain array.
type cells struct {
	typ  column.Type
	x    []column.Vector
	seen []bool
}

func (c *cells) grow(slots int) {
	// Vectors behind the length are of slots that were cleared, and serve again.
	if slots > cap(c.x) {
		grown := make([]column.Vector, len(c.x), max(slots, 2*cap(c.x)))
		copy(grown[:cap(c.x)], c.x[:cap(c.x)])
		c.x = grown
	}
	if slots > len(c.x) {
		c.x = c.x[:slots]
	}
	c.seen = extend(c.seen, slots)
}

// set makes v[row] the value of a slot.
func (c *cells) set(slot uint32, v *column.Vector, row uint32) {
	x := &c.x[slot]
	x.Reset(c.typ)
	if isNull(v.Null, row) {
		x.AppendNull()
	} else {
		x.AppendFrom(v, int(row))
	}
	c.seen[slot] = true
}

func (c *cells) appendTo(dst *column.Vector, slot uint32) {
	if !c.seen[slot] {
		dst.AppendNull()
		return
	}
	dst.AppendFrom(&c.x[slot], 0)
}

func (c *cells) clear(release bool) {
	c.x, c.seen = cleared(c.x, release), cleared(c.seen, release)
}

func (c *cells) size() int64 {
	n := int64(cap(c.seen))
	for i := range c.x {
		n += 256 + vectorSize(&c.x[i]) // 256: about that of a Vector itself
	}
	return n
}

// appendState is empty for no value.
func (c *cells) appendState(dst []byte, slot uint32) []byte {
	if !c.seen[slot] {
		return dst
	}
	return appendValue(dst, &c.x[slot], 0, false)
}

// setState reads a value and returns the rest.
func (c *cells) setState(slot uint32, src []byte) (rest []byte, err error) {
	c.seen[slot] = false
	if len(src) == 0 {
		return nil, nil
	}
	c.x[slot].Reset(c.typ)
	rest, err = readValue(&c.x[slot], src)
	c.seen[slot] = err == nil
	return rest, err
}
