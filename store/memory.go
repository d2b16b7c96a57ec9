package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/nagare-stream/nagare/engine/state"
)

// Memory is a store that is gone when the process is. The zero value is ready for use.
type Memory struct {
	mu     sync.Mutex
	cp     state.Checkpoint
	ops    map[string]*memoryOp
	closed bool
}

var _ state.Store = (*Memory)(nil)

// memoryOp is the entries of one operator. The order of keys is made when somebody asks for it:
// most commits only put.
type memoryOp struct {
	values map[string][]byte
	sorted []string // keys in order, among them some that are deleted
	fresh  []string // keys put since, in no order
}

// Commit keeps a checkpoint and applies its changes; see state.Store.
func (m *Memory) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("commit to memory: the store is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if cp.Epoch != m.cp.Epoch+1 {
		return &EpochError{m.cp.Epoch, cp.Epoch}
	}
	m.cp = state.Checkpoint{Epoch: cp.Epoch, Data: append(m.cp.Data[:0], cp.Data...)}
	if d == nil {
		return nil
	}
	for i := range d.Ops {
		c := &d.Ops[i]
		op := m.op(c.Op)
		switch c.Kind {
		case state.Put:
			op.put(c.Key, c.Value)
		case state.Delete:
			delete(op.values, string(c.Key))
		case state.DeletePrefix:
			op.deletePrefix(c.Key)
		}
	}
	return nil
}

func (m *Memory) op(name string) *memoryOp {
	if m.ops == nil {
		m.ops = make(map[string]*memoryOp)
	}
	if m.ops[name] == nil {
		m.ops[name] = &memoryOp{values: make(map[string][]byte)}
	}
	return m.ops[name]
}

func (o *memoryOp) put(key, value []byte) {
	if old, ok := o.values[string(key)]; ok && cap(old) >= len(value) {
		o.values[string(key)] = append(old[:0], value...)
		return
	} else if ok {
		o.values[string(key)] = bytes.Clone(value)
		return
	}
	k := string(key)
	o.fresh = append(o.fresh, k)
	o.values[k] = append(make([]byte, 0, len(value)), value...)
}

func (o *memoryOp) deletePrefix(prefix []byte) {
	if len(prefix) == 0 {
		*o = memoryOp{values: make(map[string][]byte)}
		return
	}
	keys := o.keys()
	at, _ := slices.BinarySearch(keys, string(prefix))
	end := at
	for end < len(keys) && strings.HasPrefix(keys[end], string(prefix)) {
		delete(o.values, keys[end])
		end++
	}
	o.sorted = slices.Delete(keys, at, end)
}

// keys returns the keys that have a value, in order.
func (o *memoryOp) keys() []string {
	if len(o.fresh) == 0 && len(o.sorted) == len(o.values) {
		return o.sorted
	}
	slices.Sort(o.fresh)
	old, fresh := o.sorted, o.fresh
	merged := make([]string, 0, len(o.values))
	for len(old) > 0 || len(fresh) > 0 {
		from := &old
		if len(old) == 0 || len(fresh) > 0 && fresh[0] < old[0] {
			from = &fresh
		}
		k := (*from)[0]
		*from = (*from)[1:]
		// A key deleted and put again stands in both lists.
		if _, ok := o.values[k]; ok && (len(merged) == 0 || merged[len(merged)-1] != k) {
			merged = append(merged, k)
		}
	}
	o.sorted, o.fresh = merged, o.fresh[:0]
	return merged
}

// Load returns the newest checkpoint and restores the state; see state.Store.
func (m *Memory) Load(ctx context.Context, restore func(op string, key, value []byte) error) (state.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.ops))
	for name := range m.ops {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if restore == nil || strings.HasPrefix(name, TablePrefix) {
			continue
		}
		for _, k := range m.ops[name].keys() {
			if err := restore(name, []byte(k), m.ops[name].values[k]); err != nil {
				return state.Checkpoint{}, err
			}
		}
	}
	return state.Checkpoint{Epoch: m.cp.Epoch, Data: bytes.Clone(m.cp.Data)}, ctx.Err()
}

// Scan hands the entries of op with from <= key < to to visit, which may use the store; see
// state.Store.
func (m *Memory) Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error {
	next, more := string(from), true
	for more {
		var part []entry
		part, more = m.copyChunk(op, next, to)
		for _, e := range part {
			if err := visit(e.key, e.value); err != nil {
				return err
			}
			next = string(e.key) + "\x00"
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) copyChunk(op, from string, to []byte) (part []entry, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.ops[op]
	if o == nil {
		return nil, false
	}
	keys := o.keys()
	at, _ := slices.BinarySearch(keys, from)
	end := len(keys)
	if to != nil {
		end, _ = slices.BinarySearch(keys, string(to))
	}
	for ; at < end && len(part) < chunkEntries; at++ {
		part = append(part, entry{[]byte(keys[at]), bytes.Clone(o.values[keys[at]])})
	}
	return part, at < end
}

// Close gives the memory back.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ops, m.closed = nil, true
	return nil
}
