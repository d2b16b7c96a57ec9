package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// cutFormat is raised when an older checkpoint can no longer be read.
const cutFormat = 1

// A cut is what Checkpoint.Data holds, as JSON, so that `nagare checkpoint show` needs no engine.
type cut struct {
	Format  int                       `json:"format"`
	Plan    string                    `json:"plan"` // fingerprint of the operators
	Events  int64                     `json:"events"`
	Topics  map[string][]partitionCut `json:"topics"`
	Windows map[string]windowCut      `json:"windows"`
	Derived map[string]Count          `json:"derived,omitempty"`
	Writers map[string][]int64        `json:"writers"` // by destination and partition: number of the next row
	Entry   uint64                    `json:"entry"`   // next outbox entry
}

type partitionCut struct {
	Offset int64            `json:"offset"`
	Log    uint64           `json:"log,omitempty"`
	Marks  []markCut        `json:"marks,omitempty"`
	Topic  Count            `json:"topic"`
	Tables map[string]Count `json:"tables,omitempty"`
}

type markCut struct {
	Watermark int64  `json:"watermark"` // for readers; the state has it too
	Floor     int64  `json:"floor"`
	State     []byte `json:"state"`
}

type windowCut struct {
	Closed int64 `json:"closed"`
	Rows   int64 `json:"rows"`
}

// checkpoint makes everything so far durable:
//
//  1. The gate stops the tasks between two batches: a consistent cut.
//  2. Positions, watermarks, counters, changed slots and new rows are copied; the tasks go on.
//  3. The store commits all of it in one transaction.
//  4. Only now do the rows go to their sinks.
//
// An error is final: the state in memory is ahead of the store and must be thrown away.
func (e *Engine) checkpoint(ctx context.Context) error {
	e.committing.Lock()
	defer e.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	done := e.outbox.takeDone()
	if !e.changed.Swap(false) && len(done) == 0 {
		return nil
	}
	// What is begun is brought to its end: half a checkpoint would lose the rows that it has taken.
	ctx = context.WithoutCancel(ctx)
	err := e.checkpointNow(ctx, done)
	if err != nil {
		e.broken.Store(true)
	}
	return err
}

func (e *Engine) checkpointNow(ctx context.Context, done []uint64) error {
	if err := e.trim(ctx); err != nil {
		return err
	}
	begin := e.opt.Now()
	taken, err := e.take()
	if err != nil {
		return err
	}
	paused := e.opt.Now() - begin
	d := taken.delta
	var packed []byte                // scratch
	for _, out := range taken.rows { // compressing is work for outside the gate
		packed = e.outbox.encodeRows(packed[:0], out.entry.rows)
		d.Put(outboxOp, binary.BigEndian.AppendUint64(nil, out.entry.id), packed)
	}
	for _, id := range done {
		d.Delete(outboxOp, binary.BigEndian.AppendUint64(nil, id))
	}
	cp := Checkpoint{Epoch: e.epoch.Load() + 1}
	if cp.Data, err = json.Marshal(taken.cut); err != nil {
		return fmt.Errorf("encode checkpoint %d: %w", cp.Epoch, err)
	}
	if err := e.commit(ctx, &cp, d); err != nil {
		return fmt.Errorf("commit checkpoint %d: %w", cp.Epoch, err)
	}
	e.epoch.Store(cp.Epoch)
	e.committed(d)
	for _, out := range taken.rows {
		out.entry.epoch = cp.Epoch
		e.outbox.push(out.to, out.entry)
	}
	now := e.opt.Now()
	e.noteCheckpoint(now, paused, now-begin-paused)
	e.notify()
	return nil
}

// errBroken keeps state that is not whole out of the store. Whoever meets it is stopped by the error
// that broke the state.
var errBroken = errors.New("take a checkpoint: the state in memory is not whole since an earlier error")

// A taking is what a checkpoint takes away while the tasks stand still.
type taking struct {
	cut   *cut
	delta *Delta
	rows  []outgoing
}

// take stops the tasks between two batches and takes what is new.
func (e *Engine) take() (taking, error) {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.broken.Load() {
		return taking{}, errBroken
	}
	if most := e.opt.Pipeline.Config.StateMaxRows; most > 0 {
		if held := e.stateRows(); held > most {
			return taking{}, &StateFullError{Rows: held, Most: most}
		}
	}
	d := e.finals
	e.finals, e.underway = e.spareDelta, d.Ops[:len(d.Ops):len(d.Ops)]
	t := taking{delta: d, rows: e.cutOutbox()}
	if !e.opt.Ephemeral {
		e.cutState(d)
	}
	t.cut = e.cut()
	return t, nil
}

// committed ends what take has begun: from now on readers find those rows in the store.
func (e *Engine) committed(d *Delta) {
	e.reading.Lock()
	e.underway = nil
	e.reading.Unlock()
	d.Reset()
	e.spareDelta = d
}

type outgoing struct {
	to    *destination
	entry entry
}

// cutOutbox takes the rows that were made since the last checkpoint.
func (e *Engine) cutOutbox() []outgoing {
	var out []outgoing
	for _, w := range e.writers {
		if w.rows.Len() == 0 {
			continue
		}
		rows := w.take()
		id := e.outbox.nextID
		e.outbox.nextID++
		out = append(out, outgoing{w.to, entry{id: id, rows: rows}})
	}
	return out
}

// cutState writes the slots that changed since the last checkpoint, and removes those of windows
// that were closed.
func (e *Engine) cutState(d *Delta) {
	var value []byte // scratch
	for _, c := range e.merger.closer {
		op := stateOp(c.w)
		for _, g := range c.gone {
			d.DeletePrefix(op, partialPrefix(nil, g.partition, g.slice, g.minEnd))
		}
		c.gone = c.gone[:0]
		store := func(partition int, p *partial) {
			if len(p.hash.Dirty()) > 0 {
				value = storePartial(d, op, c.w, int32(partition), p, value)
			}
		}
		for partition := range c.pending {
			for _, p := range c.pending[partition] {
				store(partition, p)
			}
			if t := c.tasks[partition]; t != nil {
				for _, p := range t.open {
					store(partition, p)
				}
			}
		}
	}
}

// mostDeltas is how many changes of a slot stand behind its state before the state is written anew.
const mostDeltas = 64

// storePartial writes the slots of a partial that changed. A slot's key is the partial's, the slot,
// and a number: 0 for its state, 1 … mostDeltas for changes since, of aggregates that grow.
func storePartial(d *Delta, op string, w *windowOp, partition int32, p *partial, value []byte) []byte {
	prefix := partialPrefix(nil, partition, p.slice, p.minEnd)
	for len(p.deltas) < p.hash.Len() {
		p.deltas = append(p.deltas, 0)
	}
	for _, slot := range p.hash.Dirty() {
		key := binary.BigEndian.AppendUint32(prefix[:len(prefix):len(prefix)], slot)
		if w.grows && !p.hash.IsNew(slot) && p.deltas[slot] < mostDeltas {
			p.deltas[slot]++
			value = p.hash.AppendSlotDelta(value[:0], slot)
		} else {
			if p.deltas[slot] > 0 {
				d.DeletePrefix(op, key)
			}
			p.deltas[slot] = 0
			value = p.hash.AppendSlot(value[:0], slot)
		}
		d.Put(op, append(key, p.deltas[slot]), value)
	}
	p.hash.ClearDirty()
	p.stored = true
	return value
}

// stateRows is how many groups the open windows hold. The gate is held.
func (e *Engine) stateRows() int64 {
	var n int64
	for _, c := range e.merger.closer {
		for _, p := range c.partials() {
			n += int64(p.hash.Len())
		}
	}
	return n
}

// A StateFullError says that the open windows hold more groups than allowed.
type StateFullError struct{ Rows, Most int64 }

func (s *StateFullError) Error() string {
	return fmt.Sprintf("keep state: the open windows hold %d rows, and nagare.state.maxRows allows %d; "+
		"raise it, group by fewer keys, or shorten windows and delays", s.Rows, s.Most)
}

func stateOp(w *windowOp) string { return "state/" + w.op.Name }

// partialPrefix is the start of a partial's keys: partition, slice, minEnd; its slots stand behind it.
func partialPrefix(dst []byte, partition int32, slice, minEnd int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(partition))
	return appendOrdered(appendOrdered(dst, slice), minEnd)
}

// cut describes everything that is not state. The gate is held.
func (e *Engine) cut() *cut {
	c := &cut{Format: cutFormat, Plan: e.fingerprint, Events: e.events.Load(), Entry: e.outbox.nextID,
		Topics: map[string][]partitionCut{}, Windows: map[string]windowCut{}, Derived: map[string]Count{}, Writers: map[string][]int64{}}
	for _, t := range e.tasks {
		p := partitionCut{Offset: t.position.Offset, Log: t.position.Log, Topic: t.topic, Tables: t.tables()}
		for _, m := range t.marks {
			p.Marks = append(p.Marks, markCut{m.tracker.Now(), m.floor, m.tracker.AppendState(nil)})
		}
		c.Topics[t.flow.topic] = append(c.Topics[t.flow.topic], p)
	}
	for _, cl := range e.merger.closer {
		c.Windows[cl.w.op.Name] = windowCut{cl.closed, cl.emit.rows}
		for _, d := range cl.emit.derived {
			c.Derived[d.name] = d.count
		}
	}
	for _, w := range e.writers {
		list := c.Writers[w.to.name]
		for len(list) <= int(w.partition) {
			list = append(list, 0)
		}
		list[w.partition] = w.rows.First + int64(w.rows.Len())
		c.Writers[w.to.name] = list
	}
	return c
}

// tables is the task's outcomes per operator.
func (t *task) tables() map[string]Count {
	m := map[string]Count{}
	for _, w := range t.windows {
		m[w.w.op.Name] = w.judged.count
	}
	for _, r := range t.rows {
		m[r.op.Name] = r.judged.count
	}
	return m
}

// restore loads the newest checkpoint into the tasks, the merger and the outbox.
func (e *Engine) restore(ctx context.Context) error {
	var entries []outgoing
	byOp := map[string]*closer{}
	for _, c := range e.merger.closer {
		byOp[stateOp(c.w)] = c
	}
	loose := map[partialID]*partial{}
	cp, err := e.opt.Store.Load(ctx, func(op string, key, value []byte) error {
		if op == outboxOp {
			out, err := e.restoreEntry(key, value)
			entries = append(entries, out)
			return err
		}
		c := byOp[op]
		if c == nil {
			return fmt.Errorf("restore %s: the project has no such table any more", op)
		}
		return restoreSlot(c, loose, key, value)
	})
	if err != nil {
		return fmt.Errorf("load checkpoint: %w", err)
	}
	if cp.Epoch == 0 {
		return nil
	}
	c := &cut{}
	if err := json.Unmarshal(cp.Data, c); err != nil || c.Format != cutFormat {
		return fmt.Errorf("read checkpoint %d (format %d, this version reads %d): %w", cp.Epoch, c.Format, cutFormat, err)
	}
	if c.Plan != e.fingerprint {
		return &ChangedError{Epoch: cp.Epoch}
	}
	e.epoch.Store(cp.Epoch)
	if err := e.resume(c, loose); err != nil {
		return fmt.Errorf("restore checkpoint %d: %w", cp.Epoch, err)
	}
	for _, out := range entries {
		e.outbox.push(out.to, out.entry)
	}
	return nil
}

// A ChangedError says that the data folder belongs to other queries than the project has now.
type ChangedError struct{ Epoch uint64 }

func (c *ChangedError) Error() string {
	return fmt.Sprintf("checkpoint %d was made by other queries than the project has now; "+
		"run `nagare checkpoint reset` to compute all tables anew from the topics", c.Epoch)
}

type partialID struct {
	c             *closer
	partition     int32
	slice, minEnd int64
}

func restoreSlot(c *closer, loose map[partialID]*partial, key, value []byte) error {
	if len(key) != 25 {
		return fmt.Errorf("restore %s: a key of %d bytes", c.w.op.Name, len(key))
	}
	id := partialID{c, int32(binary.BigEndian.Uint32(key)), ordered(key[4:]), ordered(key[12:])}
	if int(id.partition) >= len(c.pending) {
		return fmt.Errorf("restore %s: partition %d of %d", c.w.op.Name, id.partition, len(c.pending))
	}
	p := loose[id]
	if p == nil {
		h, err := c.w.newHash()
		if err != nil {
			return err
		}
		p = &partial{slice: id.slice, minEnd: id.minEnd, hash: h, stored: true}
		loose[id] = p
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

func (e *Engine) restoreEntry(key, value []byte) (outgoing, error) {
	rows, err := decodeRows(value)
	if err != nil {
		return outgoing{}, err
	}
	d := e.destinations[rows.Sink]
	if d == nil {
		return outgoing{}, fmt.Errorf("restore rows for %s: the project has no such sink any more", rows.Sink)
	}
	return outgoing{d, entry{id: binary.BigEndian.Uint64(key), rows: rows}}, nil
}

// resume puts a cut's numbers back where they were taken from.
func (e *Engine) resume(c *cut, loose map[partialID]*partial) error {
	e.events.Store(c.Events)
	e.outbox.nextID = c.Entry
	for _, t := range e.tasks {
		parts := c.Topics[t.flow.topic]
		if int(t.partition) >= len(parts) {
			continue // a partition that was added since
		}
		p := parts[t.partition]
		t.position = Position{Offset: p.Offset, Log: p.Log}
		t.offset.Store(p.Offset)
		t.topic = p.Topic
		for i, m := range t.marks {
			if err := m.tracker.SetState(p.Marks[i].State); err != nil {
				return err
			}
			m.floor = p.Marks[i].Floor
			e.merger.groups[m.group].marks[t.partition] = m.tracker.Now()
		}
		for _, w := range t.windows {
			w.judged.count = p.Tables[w.w.op.Name]
		}
		for _, r := range t.rows {
			r.judged.count = p.Tables[r.op.Name]
		}
	}
	for _, cl := range e.merger.closer {
		w := c.Windows[cl.w.op.Name]
		cl.closed, cl.emit.rows = w.Closed, w.Rows
		cl.group.global = lowest(cl.group.marks)
		for _, d := range cl.emit.derived {
			d.count = c.Derived[d.name]
		}
	}
	for id, p := range loose {
		p.hash.ClearDirty()
		if t := id.c.tasks[id.partition]; t != nil && p.minEnd > id.c.group.marks[id.partition] {
			t.open = append(t.open, p)
		} else {
			id.c.insert(id.partition, p)
		}
	}
	for _, t := range e.tasks {
		for _, w := range t.windows {
			w.sortOpen()
		}
	}
	for _, w := range e.writers {
		if list := c.Writers[w.to.name]; int(w.partition) < len(list) {
			w.rows.First = list[w.partition]
		}
	}
	return nil
}

func lowest(marks []int64) int64 {
	low := int64(math.MaxInt64)
	for _, m := range marks {
		low = min(low, m)
	}
	return low
}
