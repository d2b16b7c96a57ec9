package agg

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// distinct hands each value of a slot to another aggregate once, the first time it comes: with
// count it is count(DISTINCT x), with sum sum(DISTINCT x). The state is the set alone, in the order
// in which the values came; that of the other aggregate follows from it.
//
// Values that are one word (integers, times, doubles) lie in the set as they are, strings as their
// bytes, and the others, several arguments among them, as codec.AppendKey writes them, which is the
// same for equal values. A row counts if no argument is NULL.
type distinct struct {
	set   set
	inner Aggregate
	typ   column.Type // of the input
	parts bool        // the input is a struct of several arguments

	hashes []uint64 // of a chunk
	fresh  []uint32 // slots and rows of values that are new
	rows   []uint32
	coded  []byte
	values column.Vector // values taken from a set
}

func newDistinct(inner Aggregate, input column.Type) *distinct {
	d := &distinct{inner: inner, typ: input}
	if c, ok := inner.(*count); ok {
		d.parts = c.parts
	}
	d.set.words = isWord(input)
	return d
}

func (d *distinct) Grow(slots int) {
	d.set.grow(slots)
	d.inner.Grow(slots)
}

func (d *distinct) Update(slots, rows []uint32, in *column.Vector) {
	if d.typ.Kind == column.Void || in == nil {
		return
	}
	for at := 0; at < len(rows); at += chunk {
		to := min(at+chunk, len(rows))
		d.fresh, d.rows = d.fresh[:0], d.rows[:0]
		switch {
		case d.set.words:
			d.updateWords(slots[at:to], rows[at:to], in)
		case d.typ.UsesBytes():
			d.updateBytes(slots[at:to], rows[at:to], in)
		default:
			d.updateCoded(slots[at:to], rows[at:to], in)
		}
		if len(d.fresh) > 0 {
			d.inner.Update(d.fresh, d.rows, in)
		}
	}
}

func (d *distinct) updateWords(slots, rows []uint32, in *column.Vector) {
	for i, r := range rows {
		if in.Null != nil && isNull(in.Null, r) {
			continue
		}
		x, s := word(in, r), slots[i]
		if d.set.addInt(s, x, wordHash(x, s)) {
			d.fresh, d.rows = append(d.fresh, s), append(d.rows, r)
		}
	}
}

func (d *distinct) updateBytes(slots, rows []uint32, in *column.Vector) {
	d.hashes = resize(d.hashes, len(rows))
	hs := d.hashes
	for i := range hs {
		hs[i] = hashSeed
	}
	hashColumn(hs, in, rows)
	for i := range hs {
		hs[i] = slotHash(hs[i], slots[i])
	}
	d.set.fetch(hs)
	for i, r := range rows {
		if in.Null != nil && isNull(in.Null, r) {
			continue
		}
		if s := slots[i]; d.set.addBytes(s, in.Bytes(int(r)), hs[i]) {
			d.fresh, d.rows = append(d.fresh, s), append(d.rows, r)
		}
	}
}

func (d *distinct) updateCoded(slots, rows []uint32, in *column.Vector) {
	for i, r := range rows {
		if isNull(in.Null, r) || d.parts && anyNull(in, r) {
			continue
		}
		d.coded = codec.AppendKey(d.coded[:0], in, int(r))
		if s := slots[i]; d.addOther(s, d.coded) {
			d.fresh, d.rows = append(d.fresh, s), append(d.rows, r)
		}
	}
}

// Merge adds the values of from's slot in the order in which they came there.
func (d *distinct) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*distinct)
	first := d.set.len()
	for _, e := range f.set.of(src, 0) {
		d.take(dst, f, e)
	}
	if f.set.overflowed(src) {
		d.set.overflow(dst)
	}
	d.mustTell(first)
}

// mergeAll adds the values of all slots in the order in which they came, which keeps the order
// within each slot and reads from's memory from one end to the other.
func (d *distinct) mergeAll(slots []uint32, from Aggregate) {
	f := from.(*distinct)
	first := d.set.len()
	if d.set.words {
		for e := range f.set.list {
			if src := f.set.list[e].slot; src != none {
				d.addWord(slots[src], f.set.ints[e])
			}
		}
	} else {
		for at := uint32(0); at < f.set.len(); at += chunk {
			d.mergeBytes(slots, &f.set, at, min(at+chunk, f.set.len()))
		}
	}
	d.overflowAll(slots, f)
	d.mustTell(first)
}

// overflowAll takes which slots met a limit, and no values.
func (d *distinct) overflowAll(slots []uint32, from *distinct) {
	for _, src := range from.set.over {
		d.set.overflow(slots[src])
	}
}

// mergeBytes adds entries at … to-1 of another set, whose values are not one word.
func (d *distinct) mergeBytes(slots []uint32, from *set, at, to uint32) {
	d.hashes = d.hashes[:0]
	for e := at; e < to; e++ {
		if src := from.list[e].slot; src != none {
			d.hashes = append(d.hashes, slotHash(hashBytes(hashSeed, from.bytes(e)), slots[src]))
		}
	}
	d.set.fetch(d.hashes)
	hs := d.hashes
	for e := at; e < to; e++ {
		if src := from.list[e].slot; src != none {
			d.set.addBytes(slots[src], from.bytes(e), hs[0])
			hs = hs[1:]
		}
	}
}

// take adds an entry of another set to a slot.
func (d *distinct) take(slot uint32, from *distinct, e uint32) {
	if d.set.words {
		d.addWord(slot, from.set.ints[e])
	} else {
		d.addOther(slot, from.set.bytes(e))
	}
}

func (d *distinct) mustTell(first uint32) {
	if err := d.tell(first); err != nil {
		panic("BUG: a set holds what is no value: " + err.Error())
	}
}

func (d *distinct) addWord(slot uint32, x int64) bool {
	return d.set.addInt(slot, x, wordHash(x, slot))
}

func (d *distinct) addOther(slot uint32, b []byte) bool {
	return d.set.addBytes(slot, b, slotHash(hashBytes(hashSeed, b), slot))
}

// read appends the value of an entry to v.
func (d *distinct) read(v *column.Vector, e uint32) error {
	switch {
	case !d.set.words && d.typ.UsesBytes():
		v.AppendBytes(d.set.bytes(e))
	case !d.set.words:
		rest, err := codec.ReadKey(d.set.bytes(e), v)
		if err == nil && len(rest) > 0 {
			err = errLeft
		}
		return err
	case !appendWord(v, d.set.ints[e]):
		return errValue
	}
	return nil
}

// tell hands the values from entry first on to the inner aggregate.
func (d *distinct) tell(first uint32) error {
	added := d.set.list[first:]
	if c, ok := d.inner.(*count); ok {
		for i := range added {
			c.n[added[i].slot]++
		}
		return nil
	}
	d.values.Reset(d.typ)
	d.fresh, d.rows = d.fresh[:0], d.rows[:0]
	for i := range added {
		if err := d.read(&d.values, first+uint32(i)); err != nil {
			return err
		}
		d.fresh, d.rows = append(d.fresh, added[i].slot), append(d.rows, uint32(i))
	}
	d.inner.Update(d.fresh, d.rows, &d.values)
	return nil
}

func (d *distinct) Result(dst *column.Vector, slots []uint32) { d.inner.Result(dst, slots) }

func (d *distinct) Failed(slot uint32) string {
	if len(d.set.over) > 0 && d.set.overflowed(slot) {
		return StateLimit
	}
	if f, ok := d.inner.(Failer); ok {
		return f.Failed(slot)
	}
	return ""
}

func (d *distinct) bound(most int64) { Bound(d.inner, most) }

func (d *distinct) Reset(slot uint32) {
	d.set.reset(slot)
	d.inner.Reset(slot)
}

func (d *distinct) Clear(release bool) {
	d.set.clear(release)
	d.inner.(Clearer).Clear(release)
}

func (d *distinct) Size() int64 {
	return d.set.size() + d.inner.Size() + int64(cap(d.hashes)+cap(d.fresh)/2+cap(d.rows)/2)*8
}

// The state is the values.
func (d *distinct) AppendState(dst []byte, slot uint32) []byte {
	return d.set.appendState(dst, slot, 0)
}

func (d *distinct) SetState(slot uint32, src []byte) error {
	d.Reset(slot)
	return d.ApplyDelta(slot, src)
}

// Mark makes the next deltas start behind the values that are there.
func (d *distinct) Mark() { d.set.mark = d.set.len() }

// AppendDelta writes the values that came since Mark.
func (d *distinct) AppendDelta(dst []byte, slot uint32) []byte {
	return d.set.appendState(dst, slot, d.set.mark)
}

// ApplyDelta adds the values that AppendDelta or AppendState wrote.
func (d *distinct) ApplyDelta(slot uint32, src []byte) error {
	first := d.set.len()
	err := d.set.readState(slot, src,
		func(x int64) { d.addWord(slot, x) }, func(b []byte) { d.addOther(slot, b) })
	if err == nil {
		err = d.tell(first)
	}
	return stateError("distinct values", nil, err)
}
