package agg

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/codec"
)

// A slot is written as its key by codec.AppendRow, then each aggregate's state with its length in front. In a delta
// the length is followed by a mark that says whether the bytes replace the state or add to it:
//
//	slot   key  length state  length state  …
//	delta  key  length mark state  length mark delta  …
const (
	wholeState byte = 0
	addedState byte = 1
)

// AppendSlot appends the key of a slot and the states of its aggregates.
func (h *Hash) AppendSlot(dst []byte, slot uint32) []byte {
	return appendStates(codec.AppendRow(dst, h.groups.keys, int(slot)), h.aggs, slot, &h.state)
}

func appendStates(dst []byte, aggs []Aggregate, slot uint32, scratch *[]byte) []byte {
	for _, a := range aggs {
		*scratch = a.AppendState((*scratch)[:0], slot)
		dst = appendBytes(dst, *scratch)
	}
	return dst
}

// AppendSlotDelta appends what changed in a slot since ClearDirty. The slot was there then (it is
// not IsNew); what is read back with AppendSlot's bytes of then, and all deltas since in their order,
// is the slot of now.
func (h *Hash) AppendSlotDelta(dst []byte, slot uint32) []byte {
	return appendDeltas(codec.AppendRow(dst, h.groups.keys, int(slot)), h.aggs, slot, &h.state)
}

func appendDeltas(dst []byte, aggs []Aggregate, slot uint32, scratch *[]byte) []byte {
	for _, a := range aggs {
		if d, ok := a.(Delta); ok {
			*scratch = d.AppendDelta(append((*scratch)[:0], addedState), slot)
		} else {
			*scratch = a.AppendState(append((*scratch)[:0], wholeState), slot)
		}
		dst = appendBytes(dst, *scratch)
	}
	return dst
}

// SetSlot adds the group that AppendSlot wrote. The key must not be there already. The slot is not
// dirty by it. After an error the Hash is fit for Reset alone.
func (h *Hash) SetSlot(src []byte) error {
	before := h.groups.n
	slot, rest, err := h.readKey(src)
	if err != nil {
		return fmt.Errorf("read group: %w", err)
	}
	if h.groups.n == before {
		return fmt.Errorf("read group: %w", errKnown)
	}
	return readStates(h.aggs, rest, func(a Aggregate, state []byte) error { return a.SetState(slot, state) })
}

// ApplySlotDelta applies what AppendSlotDelta wrote to the group of that key, which is there. After
// an error the Hash is fit for Reset alone.
func (h *Hash) ApplySlotDelta(src []byte) error {
	before := h.groups.n
	slot, rest, err := h.readKey(src)
	if err == nil && h.groups.n != before {
		err = errUnknown
	}
	if err != nil {
		return fmt.Errorf("read group's changes: %w", err)
	}
	return readStates(h.aggs, rest, applyDelta(slot))
}

func applyDelta(slot uint32) func(a Aggregate, state []byte) error {
	return func(a Aggregate, state []byte) error {
		d, ok := a.(Delta)
		switch {
		case len(state) == 0:
			return errShort
		case state[0] == addedState && ok:
			return d.ApplyDelta(slot, state[1:])
		case state[0] == wholeState:
			return a.SetState(slot, state[1:])
		}
		return errValue
	}
}

// readStates hands the state of each aggregate to set.
func readStates(aggs []Aggregate, src []byte, set func(a Aggregate, state []byte) error) error {
	for i, a := range aggs {
		state, rest, err := readBytes(src)
		if err == nil {
			err = set(a, state)
		}
		if err != nil {
			return fmt.Errorf("read aggregate %d of group: %w", i, err)
		}
		src = rest
	}
	if len(src) > 0 {
		return fmt.Errorf("read group: %w", errLeft)
	}
	return nil
}

// readKey finds or adds the slot of the key at the start of src and returns the rest.
func (h *Hash) readKey(src []byte) (slot uint32, rest []byte, err error) {
	for i := range h.parsed {
		h.parsed[i].Reset(h.groups.types[i])
	}
	if rest, err = codec.ReadRow(src, h.parsed); err != nil {
		return 0, nil, err
	}
	h.all = ascending(h.all, 1)
	h.slots = h.groups.Slots(h.parts, h.all[:1], h.slots)
	h.rows = nil
	h.grow()
	return h.slots[0], rest, nil
}

// ascending makes s hold 0, 1, 2, … up to n-1 at least.
func ascending(s []uint32, n int) []uint32 {
	for i := len(s); i < n; i++ {
		s = append(s, uint32(i))
	}
	return s
}
