package notify

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// saved is what the store holds of one receiver.
type saved struct {
	self      []byte
	groups    map[string]*group
	queue     []*queued
	incidents map[string]*incident
}

// load reads the store whole.
func (n *Notifier) load(ctx context.Context, store Store) (map[string]*saved, error) {
	all, quiet := map[string]*saved{}, silences{}
	n.external = map[string]*External{}
	cp, err := store.Load(ctx, func(op string, key, value []byte) error {
		if op == opSilence {
			s := &Silence{}
			quiet[string(key)] = s
			return decode(op, key, value, s)
		}
		if op == opExternal {
			e := &External{}
			n.external[string(key)] = e
			return decode(op, key, value, e)
		}
		name, rest, _ := strings.Cut(string(key), "\x00")
		of := all[name]
		if of == nil {
			of = &saved{groups: map[string]*group{}, incidents: map[string]*incident{}}
			all[name] = of
		}
		return of.restore(op, rest, key, value)
	})
	if err != nil {
		return nil, fmt.Errorf("read what webhooks were told: %w", err)
	}
	for id, s := range quiet {
		for i := range s.Matchers {
			if err := s.Matchers[i].compile(); err != nil {
				return nil, fmt.Errorf("read silence %s: %w", id, err)
			}
		}
	}
	n.silences, n.journal.epoch = quiet, cp.Epoch
	return all, nil
}

func (of *saved) restore(op, rest string, key, value []byte) error {
	switch op {
	case opReceiver:
		of.self = slices.Clone(value)
	case opQueue:
		q := &queued{}
		if err := decode(op, key, value, q); err != nil {
			return err
		}
		if len(rest) != 8 || int64(binary.BigEndian.Uint64([]byte(rest))) != q.Offset {
			return fmt.Errorf("read %s %q: it is of offset %d", op, key, q.Offset)
		}
		of.queue = append(of.queue, q)
	case opGroup:
		g := &group{key: rest, firing: map[string]*incident{}}
		of.groups[rest] = g
		return decode(op, key, value, g)
	case opIncident:
		in := &incident{}
		of.incidents[rest] = in
		return decode(op, key, value, in)
	}
	return nil
}

func decode(op string, key, value []byte, into any) error {
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("read %s %q: %w", op, key, err)
	}
	return nil
}

// restoreState puts together what the store holds of a receiver; false: nothing. A batch that was under way when the
// process ended is sent again and counted.
func restoreState(r *Receiver, of *saved) (*laneState, bool, error) {
	s := newState(r)
	if of == nil || of.self == nil {
		return s, false, nil
	}
	if err := decode(opReceiver, []byte(r.Name), of.self, s); err != nil {
		return nil, false, err
	}
	batches := map[int64]*group{}
	for _, g := range of.groups {
		s.groups[g.key] = g
		if g.Batch == nil {
			continue
		}
		if g.Batch.UnderWay {
			g.Batch.UnderWay = false
			s.Counts.Uncertain += int64(len(g.Batch.News))
			s.noteSelf()
			s.noteGroup(g)
		}
		for _, offset := range g.Batch.News {
			batches[offset] = g
		}
	}
	slices.SortFunc(of.queue, func(a, b *queued) int { return cmp.Compare(a.Offset, b.Offset) })
	homes := map[string]*group{}
	for _, q := range of.queue {
		g := batches[q.Offset]
		if g == nil {
			g = homes[q.Change.ID]
		}
		if g == nil {
			g = s.groupOf(&q.Change, q.Read)
		}
		homes[q.Change.ID] = g
		s.enqueue(g, q)
	}
	for id, in := range of.incidents {
		s.incidents[id] = in
		if !in.Done.IsZero() {
			s.done++
			continue
		}
		in.fingerprint = labelsOf(&in.Told.Change).fingerprint()
		if in.group = homes[id]; in.group == nil {
			in.group = s.groupOf(&in.Told.Change, in.Told.StartsAt)
		}
		in.group.firing[id] = in
	}
	for _, g := range s.groups { // less those that other options of grouping have emptied
		if len(g.queue) == 0 && len(g.firing) == 0 && g.Batch == nil {
			s.noteGroup(g)
		}
	}
	return s, true, nil
}
