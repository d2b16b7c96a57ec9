package agg

import "github.com/nagare-stream/nagare/engine/column"

// keepBytes is how much memory a Hash keeps through Reset.
const keepBytes = 64 << 20

// A Hash is a GROUP BY: keys numbered as slots, and an Aggregate a Spec with an accumulator a slot.
// It has one owner; nothing in it may be called from two goroutines at once.
//
// A batch goes through it either by Update, or, where aggregates have a FILTER, by Locate followed
// by one Fold an aggregate.
type Hash struct {
	groups  *Groups
	specs   []Spec
	aggs    []Aggregate
	slots   []uint32 // of the rows of the last Locate
	rows    []uint32
	picked  []uint32 // scratch: slots of a filter's rows
	dirty   []uint32 // slots touched since ClearDirty, in the order of the first touch
	fresh   []uint32 // of a Hash that is watched: slots touched since ClearFresh, in the order of the first touch
	touched []uint8  // by slot: in which of both it is
	marks   uint8    // what touched is for a slot that is in all
	old     int      // slots that were there at ClearDirty

	parsed []column.Vector // scratch: a key of one row
	parts  []*column.Vector
	others []*column.Vector // scratch: the keys of another Hash
	all    []uint32         // 0, 1, 2, …
	state  []byte           // scratch
	asks   column.Grow      // see Ask; nil: memory is taken as it is needed
}

// Where a slot stands, in Hash.touched.
const (
	inDirty uint8 = 1 << iota
	inFresh
)

// NewHash returns an empty Hash. No keys means one group, which is there once a row was.
func NewHash(keys []column.Type, specs []Spec) (*Hash, error) {
	h := &Hash{marks: inDirty, groups: NewGroups(keys), specs: specs, aggs: make([]Aggregate, len(specs))}
	for i, s := range specs {
		a, err := New(s)
		if err != nil {
			return nil, err
		}
		h.aggs[i] = a
	}
	h.parsed = make([]column.Vector, len(keys))
	h.parts, h.others = make([]*column.Vector, len(keys)), make([]*column.Vector, len(keys))
	for i := range h.parsed {
		h.parts[i] = &h.parsed[i]
	}
	return h, nil
}

// Len is the number of groups.
func (h *Hash) Len() int { return h.groups.n }

// Keys returns the key columns, row i the key of slot i, valid until the Hash changes.
func (h *Hash) Keys() []column.Vector { return h.groups.keys }

// Update folds rows into all aggregates: keys are the key columns, inputs the argument of each
// aggregate (nil: count(*)), all indexed by rows, which ascend.
func (h *Hash) Update(keys, inputs []*column.Vector, rows []uint32) {
	h.Locate(keys, rows)
	for i := range h.aggs {
		h.aggs[i].Update(h.slots, rows, inputs[i])
	}
}

// UpdateFiltered is Update where aggregate i takes the rows filters[i] alone, ascending and all
// among rows; a nil entry takes all. Every row makes its group, whatever the filters say.
func (h *Hash) UpdateFiltered(keys, inputs []*column.Vector, rows []uint32, filters [][]uint32) {
	h.Locate(keys, rows)
	for i := range h.aggs {
		if filters[i] == nil {
			h.Fold(i, inputs[i], rows)
		} else {
			h.Fold(i, inputs[i], filters[i])
		}
	}
}

// Locate finds or adds the groups of rows, for the calls of Fold that follow. The slots returned are
// those of the rows in order, valid until the next call.
func (h *Hash) Locate(keys []*column.Vector, rows []uint32) []uint32 {
	h.slots, h.rows = h.groups.Slots(keys, rows, h.slots), rows
	h.grow()
	h.touch(h.slots)
	return h.slots
}

// Fold folds rows into aggregate i: the rows of the last Locate, or an ascending part of them.
func (h *Hash) Fold(i int, input *column.Vector, rows []uint32) {
	slots := h.slots
	if len(rows) != len(h.rows) {
		slots = h.pick(rows)
	}
	h.aggs[i].Update(slots, rows, input)
}

// pick returns the slots of an ascending part of the located rows.
func (h *Hash) pick(rows []uint32) []uint32 {
	h.picked = h.picked[:0]
	at := 0
	for _, r := range rows {
		for h.rows[at] != r {
			at++
		}
		h.picked = append(h.picked, h.slots[at])
	}
	return h.picked
}

// Ensure makes the one group of a Hash without keys be there although no row was: a global
// aggregate over nothing has a row.
func (h *Hash) Ensure() {
	if len(h.groups.types) == 0 && h.groups.n == 0 {
		h.groups.n = 1
		h.grow()
		h.touchOne(0)
	}
}

// grow makes room for all slots.
func (h *Hash) grow() {
	n := h.groups.n
	if n <= len(h.touched) {
		return
	}
	if h.asks != nil {
		h.reserve(n)
	}
	h.touched = extend(h.touched, n)
	for _, a := range h.aggs {
		a.Grow(n)
	}
}

func (h *Hash) touch(slots []uint32) {
	touched := h.touched
	for _, s := range slots {
		if touched[s] != h.marks {
			h.touchOne(s)
		}
	}
}

func (h *Hash) touchOne(slot uint32) {
	if h.touched[slot]&inDirty == 0 {
		h.dirty = append(h.dirty, slot)
	}
	if h.touched[slot]&inFresh < h.marks&inFresh {
		h.fresh = append(h.fresh, slot)
	}
	h.touched[slot] = h.marks
}

// Watch has an empty Hash remember which slots are touched for a second reader: see Fresh.
func (h *Hash) Watch() { h.marks = inDirty | inFresh }

// Fresh returns the slots touched since ClearFresh of a Hash that is watched, valid until it changes.
func (h *Hash) Fresh() []uint32 { return h.fresh }

// ClearFresh makes no slot fresh.
func (h *Hash) ClearFresh() {
	for _, s := range h.fresh {
		h.touched[s] &^= inFresh
	}
	h.fresh = h.fresh[:0]
}

// Merge folds all groups of another Hash with the same keys and specs into h, in the order of its
// slots. What from holds is taken as later than what h holds.
func (h *Hash) Merge(from *Hash) { h.merge(from, false) }

func (h *Hash) merge(from *Hash, counted bool) {
	n := from.groups.n
	if n == 0 {
		return
	}
	if len(h.groups.types) == 0 {
		h.Ensure()
		h.slots = append(h.slots[:0], 0)
	} else {
		for i := range h.others {
			h.others[i] = &from.groups.keys[i]
		}
		h.all = ascending(h.all, n)
		h.slots = h.groups.Slots(h.others, h.all[:n], h.slots)
	}
	h.rows = nil
	h.grow()
	h.touch(h.slots)
	for i, a := range h.aggs {
		b := from.aggs[i]
		if counted && isCountDistinct(h.specs[i]) {
			a.(*distinct).overflowAll(h.slots, b.(*distinct))
			continue
		}
		if all, ok := a.(allMerger); ok {
			all.mergeAll(h.slots, b)
			continue
		}
		for src, dst := range h.slots {
			a.Merge(dst, b, uint32(src))
		}
	}
}

// An allMerger merges every slot of another aggregate at once: src goes into slots[src].
type allMerger interface {
	mergeAll(slots []uint32, from Aggregate)
}

// Result appends to dst[i] the results of aggregate i for the slots. dst has a vector an aggregate,
// of the Type of its Spec.
func (h *Hash) Result(dst []column.Vector, slots []uint32) {
	for i, a := range h.aggs {
		a.Result(&dst[i], slots)
	}
}

// ResultWithin appends to dst the results of aggregate i, within Bound.
func (h *Hash) ResultWithin(i int, most int64, dst *column.Vector, slots []uint32) {
	Bound(h.aggs[i], most)
	h.aggs[i].Result(dst, slots)
}

// Failed returns Spark's error class if an aggregate of the slot has no result, such as
// ARITHMETIC_OVERFLOW; else "".
func (h *Hash) Failed(slot uint32) string {
	for _, a := range h.aggs {
		if f, ok := a.(Failer); ok {
			if class := f.Failed(slot); class != "" {
				return class
			}
		}
	}
	return ""
}

// Dirty returns the slots touched since ClearDirty, in the order of the first touch, valid until the
// Hash changes.
func (h *Hash) Dirty() []uint32 { return h.dirty }

// IsNew reports whether a slot came into being after ClearDirty: it has no base for a delta yet.
func (h *Hash) IsNew(slot uint32) bool { return int(slot) >= h.old }

// ClearDirty makes no slot dirty and no slot new; deltas count from here. It is to be called after
// each checkpoint, and after the last SetSlot or ApplySlotDelta of a restore.
func (h *Hash) ClearDirty() {
	for _, s := range h.dirty {
		h.touched[s] &^= inDirty
	}
	h.dirty = h.dirty[:0]
	h.old = h.groups.n
	for _, a := range h.aggs {
		if d, ok := a.(Delta); ok {
			d.Mark()
		}
	}
}

// Size is the bytes in use, about.
func (h *Hash) Size() int64 {
	n := h.groups.Size() + int64(cap(h.slots)+cap(h.picked)+cap(h.dirty)+cap(h.fresh)+cap(h.all))*4 + int64(cap(h.touched)+cap(h.state))
	for _, a := range h.aggs {
		n += a.Size()
	}
	return n
}

// Reset removes all groups. The memory stays for reuse, up to a limit.
func (h *Hash) Reset() { h.reset(h.Size() > keepBytes) }

func (h *Hash) reset(release bool) {
	h.groups.clear(release)
	for _, a := range h.aggs {
		a.(Clearer).Clear(release)
	}
	h.slots, h.picked = cleared(h.slots, release), cleared(h.picked, release)
	if release {
		h.all = nil
	}
	h.dirty, h.fresh, h.touched, h.state = cleared(h.dirty, release), cleared(h.fresh, release), cleared(h.touched, release), cleared(h.state, release)
	h.rows, h.old = nil, 0
}
