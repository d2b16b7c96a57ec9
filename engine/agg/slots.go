package agg

import "github.com/nagare-stream/nagare/engine/column"

// Slots are accumulators without keys: whoever uses them knows what each number is for. A number that is given back is
// given again.
type Slots struct {
	aggs   []Aggregate
	n      int // there were so many at once
	free   []uint32
	picked []uint32 // scratch
	state  []byte   // scratch
}

// NewSlots returns no accumulators yet.
func NewSlots(specs []Spec) (*Slots, error) {
	s := &Slots{aggs: make([]Aggregate, len(specs))}
	for i, spec := range specs {
		var err error
		if s.aggs[i], err = New(spec); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Take gives an empty accumulator.
func (s *Slots) Take() uint32 {
	if k := len(s.free); k > 0 {
		slot := s.free[k-1]
		s.free = s.free[:k-1]
		return slot
	}
	s.grow(s.n + 1)
	return uint32(s.n - 1)
}

func (s *Slots) grow(n int) {
	s.n = n
	for _, a := range s.aggs {
		a.Grow(n)
	}
}

// TakeThese has the accumulators 0 to n-1 of which used is true taken, and the others free. There was none before.
func (s *Slots) TakeThese(n int, used func(slot uint32) bool) {
	if n > s.n {
		s.grow(n)
	}
	s.free = s.free[:0]
	for slot := s.n - 1; slot >= 0; slot-- {
		if slot >= n || !used(uint32(slot)) {
			s.free = append(s.free, uint32(slot))
		}
	}
}

// Give empties an accumulator and takes it back.
func (s *Slots) Give(slot uint32) {
	for _, a := range s.aggs {
		a.Reset(slot)
	}
	s.free = append(s.free, slot)
}

// Fold folds rows of a column into aggregate i: rows[k] into slots[k].
func (s *Slots) Fold(i int, slots, rows []uint32, in *column.Vector) {
	s.aggs[i].Update(slots, rows, in)
}

// FoldSome is Fold of some of rows, which ascend as rows do.
func (s *Slots) FoldSome(i int, slots, rows, some []uint32, in *column.Vector) {
	s.picked = s.picked[:0]
	at := 0
	for _, r := range some {
		for rows[at] != r {
			at++
		}
		s.picked = append(s.picked, slots[at])
	}
	s.aggs[i].Update(s.picked, some, in)
}

// Merge folds an accumulator of from, which has the same specs, into one of s. What it holds is taken as later.
func (s *Slots) Merge(dst uint32, from *Slots, src uint32) {
	for i, a := range s.aggs {
		a.Merge(dst, from.aggs[i], src)
	}
}

// Mark has deltas count from here.
func (s *Slots) Mark() {
	for _, a := range s.aggs {
		if d, ok := a.(Delta); ok {
			d.Mark()
		}
	}
}

// AppendState appends the states of a slot's aggregates.
func (s *Slots) AppendState(dst []byte, slot uint32) []byte {
	return appendStates(dst, s.aggs, slot, &s.state)
}

// AppendDelta appends what changed in a slot since Mark. It was taken before that.
func (s *Slots) AppendDelta(dst []byte, slot uint32) []byte {
	return appendDeltas(dst, s.aggs, slot, &s.state)
}

// SetState takes what AppendState wrote.
func (s *Slots) SetState(slot uint32, src []byte) error {
	s.reach(slot)
	return readStates(s.aggs, src, func(a Aggregate, state []byte) error { return a.SetState(slot, state) })
}

// ApplyDelta takes what AppendDelta wrote, behind what was there before.
func (s *Slots) ApplyDelta(slot uint32, src []byte) error {
	s.reach(slot)
	return readStates(s.aggs, src, applyDelta(slot))
}

func (s *Slots) reach(slot uint32) {
	if int(slot) >= s.n {
		s.grow(int(slot) + 1)
	}
}

// Size is the bytes in use, about.
func (s *Slots) Size() int64 {
	n := int64(cap(s.free)+cap(s.picked))*4 + int64(cap(s.state))
	for _, a := range s.aggs {
		n += a.Size()
	}
	return n
}

// MergeSlot folds an accumulator of Slots with the same specs into the group of a slot.
func (h *Hash) MergeSlot(slot uint32, from *Slots, src uint32) {
	for i, a := range h.aggs {
		a.Merge(slot, from.aggs[i], src)
	}
}

// None is no slot: see Groups.Find.
const None = none
