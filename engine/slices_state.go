package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/nagare-stream/nagare/engine/state"
)

// Ops is the name of the windows' state, and that of their ages.
func (c *closer) Ops() []string { return []string{stateOp(c.w), ageOp(c.w)} }

// Cut writes the slots that changed since the last checkpoint, and removes those of windows that were closed.
func (c *Slices) Cut(d *state.Delta) {
	w := &c.state
	w.delta, w.op, w.grows = d, stateOp(c.w), c.w.grows
	for _, g := range c.gone {
		w.key = partialPrefix(w.key[:0], g.lane, g.slice, g.minEnd)
		d.DeletePrefix(w.op, w.key)
	}
	c.gone = c.gone[:0]
	c.forgetUnasked()
	for lane := range c.pending {
		for _, p := range c.pending[lane] {
			w.write(int32(lane), p)
		}
		if t := c.tasks[lane]; t != nil {
			for _, p := range t.open {
				w.write(int32(lane), p)
			}
		}
	}
}

// Restore takes a slot of a partial, or the age of a window.
func (c *Slices) Restore(op string, key, value []byte) error {
	if op == ageOp(c.w) {
		return c.restoreAge(key, value)
	}
	if len(key) != stateKeyBytes {
		return fmt.Errorf("restore %s: a key of %d bytes", c.w.op.Name, len(key))
	}
	id := partialKey{int32(binary.BigEndian.Uint32(key)), state.Ordered(key[4:]), state.Ordered(key[12:])}
	if int(id.lane) >= len(c.pending) {
		return fmt.Errorf("restore %s: partition %d of %d", c.w.op.Name, id.lane, len(c.pending))
	}
	p := c.loose[id]
	if p == nil {
		h, err := c.w.newHash()
		if err != nil {
			return err
		}
		p = c.w.newPartial(id.slice, id.minEnd, h)
		p.stored = true
		if c.loose == nil {
			c.loose = map[partialKey]*partial{}
		}
		c.loose[id] = p
	}
	for len(p.deltas) <= p.hash.Len() {
		p.deltas = append(p.deltas, 0)
	}
	if delta := key[24]; delta > 0 {
		p.deltas[binary.BigEndian.Uint32(key[20:])] = delta
		return p.hash.ApplySlotDelta(value)
	}
	return p.hash.SetSlot(value)
}

// Restored puts the partials where their rows' watermarks say.
func (c *Slices) Restored() {
	for id, p := range c.loose {
		lane := int(id.lane)
		p.hash.ClearDirty()
		if t := c.tasks[lane]; t != nil && p.minEnd > c.group.marks[lane] {
			t.open = append(t.open, p)
		} else {
			p.held = int64(p.hash.Len())
			c.m.e.held.Add(p.held)
			c.insert(lane, p)
		}
	}
	c.loose = nil
	for _, t := range c.tasks {
		if t != nil {
			t.sortOpen()
		}
	}
}

// Forget lets go of what was restored.
func (c *Slices) Forget() { c.loose = nil }

// Held is the groups of all partials, and their memory.
func (c *Slices) Held() (rows, bytes int64) {
	for _, p := range c.partials() {
		rows += int64(p.hash.Len())
		bytes += p.hash.Size()
	}
	return rows, bytes
}

// partials is all that an operator holds, sealed or not. The gate is held.
func (c *Slices) partials() []*partial {
	var all []*partial
	for lane, list := range c.pending {
		all = append(all, list...)
		if t := c.tasks[lane]; t != nil {
			all = append(all, t.open...)
		}
	}
	return all
}

// mostDeltas is how many changes of a slot stand behind its state before the state is written anew.
const mostDeltas = 64

// A stateWriter writes partials into a delta.
type stateWriter struct {
	delta      *state.Delta
	op         string
	grows      bool   // some aggregate writes changes instead of its whole state
	key, value []byte // scratch
}

// write writes the slots of a partial that changed. A slot's key is the partial's, the slot, and a
// number: 0 for its state, 1 … mostDeltas for changes since, of aggregates that grow.
func (w *stateWriter) write(lane int32, p *partial) {
	if len(p.hash.Dirty()) == 0 {
		return
	}
	w.key = partialPrefix(w.key[:0], lane, p.slice, p.minEnd)
	head := len(w.key)
	if n := p.hash.Len(); n > len(p.deltas) {
		p.deltas = append(p.deltas, make([]uint8, n-len(p.deltas))...)
	}
	for _, slot := range p.hash.Dirty() {
		w.key = binary.BigEndian.AppendUint32(w.key[:head], slot)
		if w.grows && !p.hash.IsNew(slot) && p.deltas[slot] < mostDeltas {
			p.deltas[slot]++
			w.value = p.hash.AppendSlotDelta(w.value[:0], slot)
		} else {
			if p.deltas[slot] > 0 {
				w.delta.DeletePrefix(w.op, w.key)
			}
			p.deltas[slot] = 0
			w.value = p.hash.AppendSlot(w.value[:0], slot)
		}
		w.key = append(w.key, p.deltas[slot])
		w.delta.Put(w.op, w.key, w.value)
	}
	p.hash.ClearDirty()
	p.stored = true
}

// Operators of state begin with statePrefix; their keys are partialPrefix, the slot, and a number.
const (
	statePrefix   = "state/"
	stateKeyBytes = 4 + 8 + 8 + 4 + 1
)

func stateOp(w *windowOp) string { return statePrefix + w.op.Name }

// partialPrefix is the start of a partial's keys: lane, slice, minEnd; its slots stand behind it.
func partialPrefix(dst []byte, lane int32, slice, minEnd int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(lane))
	return state.AppendOrdered(state.AppendOrdered(dst, slice), minEnd)
}
