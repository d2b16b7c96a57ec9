package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/state"
)

// A piece is in the store under the prefix of its set, its number, and 0, as
//
//	start  end  after  seq  key  states of the aggregates
//
// and of aggregates that grow, under 1 … mostDeltas, as the same with what came since for the states.
const (
	headBytes  = 4 * 8
	keyBytes   = 4 + 1
	mostDeltas = 64
)

// Cut writes the pieces that changed since the last cut, and removes those that are no more.
func (s *Set) Cut(d *state.Delta, op string, prefix []byte, grows bool) {
	key := append([]byte(nil), prefix...)
	for _, slot := range s.gone {
		d.DeletePrefix(op, binary.BigEndian.AppendUint32(key[:len(prefix)], slot))
	}
	s.gone = s.gone[:0]
	keys := s.keys.Keys()
	for _, slot := range s.dirty {
		p := &s.pieces[slot]
		p.dirty = false
		if p.in == nowhere {
			continue
		}
		key = binary.BigEndian.AppendUint32(key[:len(prefix)], slot)
		v := s.value[:0]
		for _, x := range [4]uint64{uint64(p.start), uint64(p.end), uint64(p.after), p.seq} {
			v = binary.LittleEndian.AppendUint64(v, x)
		}
		v = codec.AppendRow(v, keys, int(p.key))
		if grows && p.old && p.deltas < mostDeltas {
			p.deltas++
			v = s.values.AppendDelta(v, slot)
		} else {
			if p.deltas > 0 {
				d.DeletePrefix(op, key)
			}
			p.deltas = 0
			v = s.values.AppendState(v, slot)
		}
		d.Put(op, append(key, p.deltas), v)
		p.old, p.stored, s.value = true, true, v
	}
	s.dirty = s.dirty[:0]
	s.values.Mark()
}

// Restore takes an entry: its key without the prefix of the set.
func (s *Set) Restore(key, value []byte) error {
	if len(key) != keyBytes || len(value) < headBytes {
		return fmt.Errorf("restore a session: %d and %d bytes", len(key), len(value))
	}
	slot, delta := binary.BigEndian.Uint32(key), key[4]
	rest := value[headBytes:]
	row := make([]column.Vector, len(s.types))
	cols := make([]*column.Vector, len(s.types))
	for i := range row {
		row[i].Reset(s.types[i])
		cols[i] = &row[i]
	}
	rest, err := codec.ReadRow(rest, row)
	if err != nil {
		return err
	}
	for len(s.pieces) <= int(slot) {
		s.pieces = append(s.pieces, piece{})
	}
	p := &s.pieces[slot]
	if delta > 0 && p.in == nowhere {
		return errors.New("restore a session: a change without what was changed")
	}
	at := s.keys.Slots(cols, []uint32{0}, nil)[0]
	s.fit()
	if p.in == nowhere {
		*p = piece{key: at, in: leaving, old: true, stored: true}
		s.count(at)
	}
	num := func(i int) int64 { return int64(binary.LittleEndian.Uint64(value[8*i:])) }
	p.start, p.end, p.after, p.seq, p.deltas = num(0), num(1), num(2), uint64(num(3)), delta
	s.seq = max(s.seq, p.seq)
	if delta > 0 {
		return s.values.ApplyDelta(slot, rest)
	}
	return s.values.SetState(slot, rest)
}

// Restored puts the pieces in their places.
func (l *Lane) Restored() {
	l.restored()
	for slot := range l.pieces {
		if p := &l.pieces[slot]; p.in == linked {
			l.starts.push(ref{at: p.start, slot: uint32(slot)})
		}
	}
}

// Restored puts the pieces in their places.
func (m *Merged) Restored() {
	for i, s := range m.Lanes {
		s.restored()
		for slot := range s.pieces {
			if p := &s.pieces[slot]; p.in != nowhere {
				m.ends.push(ref{at: p.end, lane: uint32(i), slot: uint32(slot)})
			}
		}
	}
}

func (s *Set) restored() {
	s.values.TakeThese(len(s.pieces), func(slot uint32) bool { return s.pieces[slot].in != nowhere })
	s.values.Mark()
	var order refs
	for slot := range s.pieces {
		if p := &s.pieces[slot]; p.in != nowhere {
			order.push(ref{at: p.start, slot: uint32(slot)})
		}
	}
	for len(order) > 0 {
		slot := order.pop().slot
		if p := &s.pieces[slot]; p.after == math.MinInt64 {
			s.link(slot, none)
			continue
		}
		k := &s.byKey[s.pieces[slot].key]
		s.pieces[slot].in, s.pieces[slot].next, k.deferred = deferred, k.deferred, slot
	}
}

// Forget lets go of everything.
func (s *Set) Forget() {
	for slot := range s.pieces {
		if p := &s.pieces[slot]; p.in != nowhere {
			s.drop(uint32(slot))
		}
	}
	s.gone, s.pieces, s.byKey = nil, nil, nil
	s.keys.Reset()
}
