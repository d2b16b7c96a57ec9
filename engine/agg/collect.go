package agg

import (
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// collect is collect_list(x): the values that are not NULL, in the order in which they came. Over
// distinct it is collect_set(x).
type collect struct {
	list   entries
	typ    column.Type // of the elements
	nested nested
	most   int64         // bytes of a result at which Result gives up; 0: none
	one    column.Vector // scratch: a nested value
}

// bounded is an aggregate whose results can be much larger than its state.
type bounded interface{ bound(most int64) }

// Bound makes Result give up when what it has appended to is larger than most bytes. The result is worth
// nothing then: whoever sets a bound looks at the size.
func Bound(a Aggregate, most int64) {
	if b, ok := a.(bounded); ok {
		b.bound(most)
	}
}

func (a *collect) bound(most int64) { a.most = most }

func newCollect(elem column.Type) *collect {
	return &collect{typ: elem, list: entries{words: isWord(elem)}}
}

func (a *collect) Grow(slots int) { a.list.grow(slots) }

func (a *collect) Update(slots, rows []uint32, in *column.Vector) {
	if a.typ.Kind == column.Void {
		return
	}
	for i, s := range slots {
		r := rows[i]
		switch {
		case isNull(in.Null, r):
		case a.typ.UsesFloat():
			a.list.pushInt(s, int64(math.Float64bits(in.Float[r])))
		case a.list.words:
			a.list.pushInt(s, in.Int[r])
		case a.typ.UsesBytes():
			a.list.pushBytes(s, in.Bytes(int(r)))
		default:
			a.list.pushBytes(s, a.nested.bytes(in, r))
		}
	}
}

func (a *collect) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*collect)
	for _, e := range f.list.of(src, 0) {
		a.take(dst, f, e)
	}
	if f.list.overflowed(src) {
		a.list.overflow(dst)
	}
}

// mergeAll is as that of distinct.
func (a *collect) mergeAll(slots []uint32, from Aggregate) {
	f := from.(*collect)
	for e := range f.list.list {
		if src := f.list.list[e].slot; src != none {
			a.take(slots[src], f, uint32(e))
		}
	}
	for _, src := range f.list.over {
		a.list.overflow(slots[src])
	}
}

// take adds an entry of another list to a slot.
func (a *collect) take(slot uint32, from *collect, e uint32) {
	if a.list.words {
		a.list.pushInt(slot, from.list.ints[e])
	} else {
		a.list.pushBytes(slot, from.list.bytes(e))
	}
}

func (a *collect) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if a.list.overflowed(s) {
			dst.AppendNull()
			continue
		}
		list := a.list.of(s, 0)
		if a.list.asks != nil {
			a.reserveResult(&dst.Kids[0], list)
		}
		for _, e := range list {
			if err := a.result(&dst.Kids[0], e); err != nil {
				panic("BUG: a list holds what is no value: " + err.Error())
			}
			if a.most > 0 && dst.Size() > a.most {
				break
			}
		}
		dst.Ends = append(dst.Ends, uint32(dst.Kids[0].Len()))
		dst.EnsureNull(len(dst.Ends))
	}
}

// read appends the value of an entry to v.
func (a *collect) read(v *column.Vector, e uint32) error {
	switch {
	case !a.list.words && a.typ.UsesBytes():
		v.AppendBytes(a.list.bytes(e))
	case !a.list.words:
		return a.nested.read(v, a.list.bytes(e))
	case !appendWord(v, a.list.ints[e]):
		return errValue
	}
	return nil
}

func (a *collect) Failed(slot uint32) string {
	if a.list.overflowed(slot) {
		return StateLimit
	}
	return ""
}

func (a *collect) Reset(slot uint32) {
	if a.list.remove(slot) {
		a.list.compact()
	}
}

func (a *collect) Clear(release bool) { a.list.clear(release) }
func (a *collect) Size() int64        { return a.list.size() }

func (a *collect) AppendState(dst []byte, slot uint32) []byte {
	return a.list.appendState(dst, slot, 0)
}

func (a *collect) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	return a.ApplyDelta(slot, src)
}

// Mark makes the next deltas start behind the values that are there.
func (a *collect) Mark() { a.list.mark = a.list.len() }

// AppendDelta writes the values that came since Mark.
func (a *collect) AppendDelta(dst []byte, slot uint32) []byte {
	return a.list.appendState(dst, slot, a.list.mark)
}

// ApplyDelta adds the values that AppendDelta or AppendState wrote.
func (a *collect) ApplyDelta(slot uint32, src []byte) error {
	first := a.list.len()
	err := a.list.readState(slot, src,
		func(x int64) { a.list.pushInt(slot, x) }, func(b []byte) { a.list.pushBytes(slot, b) })
	var check column.Vector
	for e := first; e < a.list.len() && err == nil; e++ {
		check.Reset(a.typ)
		err = a.read(&check, e)
	}
	return stateError("collect_list", nil, err)
}
