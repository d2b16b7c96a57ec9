package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/nagare-stream/nagare/engine/dedup"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/state"
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
	Derived map[string]ledger.Count   `json:"derived,omitempty"`
	Writers map[string][]int64        `json:"writers"` // by destination and partition: number of the next row
	Entry   uint64                    `json:"entry"`   // next outbox entry

	Appended int64 `json:"appended,omitempty"` // see merger.appended

	Version     string `json:"version,omitempty"`     // of who made it; "": one that made rows leave behind their checkpoint
	FutureLimit int64  `json:"futureLimit,omitempty"` // that its rows were judged by
	Clean       bool   `json:"clean,omitempty"`       // the run ended with it: no sink has rows beyond it
}

type partitionCut struct {
	Offset int64                         `json:"offset"`
	Log    uint64                        `json:"log,omitempty"`
	Lost   int64                         `json:"lost,omitempty"`
	IDs    *dedup.State                  `json:"ids,omitempty"` // where duplicates are looked for
	Marks  []markCut                     `json:"marks,omitempty"`
	Topic  ledger.Count                  `json:"topic"`
	Tables map[string]ledger.Count       `json:"tables,omitempty"`
	Unfit  map[string]ledger.UnfitValues `json:"unfit,omitempty"`
}

type markCut struct {
	Ops       []string `json:"ops,omitempty"` // operators that go by it; none: it is told by its place
	Watermark int64    `json:"watermark"`     // for readers; the state has it too
	Floor     int64    `json:"floor"`
	State     []byte   `json:"state"`

	Passed []int64 `json:"passed,omitempty"` // see passages: mark and append time, in turns
	Newest *int64  `json:"newest,omitempty"` // the same; nil: nobody looked
}

type windowCut struct {
	Closed int64 `json:"closed"`
	Rows   int64 `json:"rows"`
	LetGo  int64 `json:"letGo,omitempty"` // rows that retention has removed
}

// checkpoint makes everything so far durable:
//
//  1. The gate stops the tasks between two batches: a consistent cut.
//  2. Positions, watermarks, counters, changed slots and new rows of tables are copied; the tasks go on.
//  3. The sinks take the rows from before the cut. What one has not taken becomes part of the checkpoint.
//  4. The store commits all of it in one transaction.
//
// An error is final: the state in memory is ahead of the store and must be thrown away.
func (e *Engine) checkpoint(ctx context.Context) error {
	e.committing.Lock()
	defer e.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.checkpointChanged(ctx); err != nil {
		return err
	}
	return e.preview()
}

// checkpointChanged takes a checkpoint if there is something new. The lock committing is held.
func (e *Engine) checkpointChanged(ctx context.Context) error {
	done := e.outbox.takeDone()
	if !e.changed.Swap(false) && len(done) == 0 {
		return nil
	}
	// What is begun is brought to its end: half a checkpoint would lose the rows that it has taken.
	err := e.checkpointNow(context.WithoutCancel(ctx), done)
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
	e.cutting.Store(begin)
	defer e.cutting.Store(0)
	taken, err := e.take()
	if err != nil {
		return err
	}
	paused := e.opt.Now() - begin
	d := taken.delta
	e.deliverFirst(ctx, &taken)
	for _, id := range done {
		d.Delete(outboxOp, binary.BigEndian.AppendUint64(nil, id))
	}
	cp := state.Checkpoint{Epoch: e.epoch.Load() + 1}
	if cp.Data, err = json.Marshal(taken.cut); err != nil {
		return fmt.Errorf("encode checkpoint %d: %w", cp.Epoch, err)
	}
	if err := e.commit(ctx, &cp, d); err != nil {
		return fmt.Errorf("commit checkpoint %d: %w", cp.Epoch, err)
	}
	e.epoch.Store(cp.Epoch)
	e.kept.Store(taken.cut)
	e.keptData = cp.Data
	e.committed(d)
	now := e.opt.Now()
	for _, out := range taken.held {
		out.entry.epoch, out.entry.at = cp.Epoch, now
		e.outbox.push(out.to, out.entry)
	}
	e.noteCheckpoint(now, paused, now-begin-paused)
	e.notify()
	e.stir()
	return nil
}

// keepLeft puts rows that their sinks do not have yet into the checkpoint. Those that are held back come behind the
// others, as they leave.
func (e *Engine) keepLeft(taken *taking, left []outgoing) {
	for _, out := range taken.held {
		if out.entry.kept {
			out.entry.id = e.outbox.newID()
		}
	}
	for _, out := range append(left, taken.held...) { // compressing is work for outside the gate
		if out.entry.kept {
			taken.delta.Put(outboxOp, binary.BigEndian.AppendUint64(nil, out.entry.id), e.outbox.encodeRows(out.entry.rows))
		}
	}
	taken.cut.Entry = e.outbox.lastID()
}

// errBroken keeps state that is not whole out of the store. Whoever meets it is stopped by the error
// that broke the state.
var errBroken = errors.New("take a checkpoint: the state in memory is not whole since an earlier error")

// A taking is what a checkpoint takes away while the tasks stand still.
type taking struct {
	cut   *cut
	delta *state.Delta
	held  []outgoing             // rows that leave behind the checkpoint; see Engine.hold
	ends  map[*destination]int64 // of the queues of those that have left
}

// take stops the tasks between two batches and takes what is new.
func (e *Engine) take() (taking, error) {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.broken.Load() {
		return taking{}, errBroken
	}
	d := e.finals
	e.input.Store(0)
	e.finals, e.underway = e.spareDelta, d.Ops[:len(d.Ops):len(d.Ops)]
	t := taking{delta: d, held: e.cutOutbox()}
	t.ends = e.outbox.cut()
	if !e.opt.Ephemeral {
		e.cutState(d)
		e.cutDecisions(d)
	}
	t.cut = e.cut()
	return t, nil
}

// committed ends what take has begun: from now on readers find those rows in the store.
func (e *Engine) committed(d *state.Delta) {
	e.reading.Lock()
	e.underway = nil
	e.reading.Unlock()
	d.Reset()
	e.spareDelta = d
}

type outgoing struct {
	to    *destination
	entry *entry
}

// cutOutbox has the rows leave that were made since they last did, or takes them, where they are held back.
func (e *Engine) cutOutbox() []outgoing {
	if !e.holding.Swap(false) && !commitsFirst || e.opt.Ephemeral {
		handAll(e.writers)
		return nil
	}
	var out []outgoing
	for _, w := range e.writers {
		loose := w.to.isCache()
		for _, rows := range w.take() {
			out = append(out, outgoing{w.to, &entry{rows: rows, loose: loose, kept: !loose && !commitsFirst}})
		}
	}
	return out
}

// cutState writes the slots that changed since the last checkpoint, and removes those of windows
// that were closed.
func (e *Engine) cutState(d *state.Delta) {
	for _, t := range e.tasks {
		t.cutIDs(d)
	}
	e.cutAlerts(d)
	for _, stage := range e.merger.stages {
		stage.Cut(d)
	}
}

// cut describes everything that is not state. The gate is held.
func (e *Engine) cut() *cut {
	c := &cut{Format: cutFormat, Plan: e.fingerprint, Events: e.events.Load(), Appended: e.merger.appended, Clean: e.ended.Load(), Version: e.opt.Version, FutureLimit: e.futureLimit,
		Topics: map[string][]partitionCut{}, Windows: map[string]windowCut{}, Derived: map[string]ledger.Count{}, Writers: map[string][]int64{}}
	for _, t := range e.tasks {
		p := partitionCut{Offset: t.position.Offset, Log: t.position.Log, Lost: t.lost, Topic: t.count, Tables: t.tables(), Unfit: maps.Clone(t.unfit)}
		if t.Duplicates != nil {
			ids := t.Duplicates.Seen.State()
			p.IDs = &ids
		}
		for _, m := range t.Marks {
			mark := markCut{Ops: m.Watermark.Names(), Watermark: m.Tracker.Now(), Floor: m.Floor, State: m.Tracker.AppendState(nil)}
			e.merger.groups[m.Watermark].cutPassages(m, &mark)
			p.Marks = append(p.Marks, mark)
		}
		c.Topics[t.topic] = append(c.Topics[t.topic], p)
	}
	for _, cl := range e.merger.closer {
		c.Windows[cl.w.op.Name] = windowCut{cl.closed, cl.emit.rows, cl.emit.letGo}
		for _, d := range cl.emit.derived {
			c.Derived[d.name] = d.count
		}
	}
	for _, s := range e.merger.joins {
		for _, d := range s.derived {
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
func (t *task) tables() map[string]ledger.Count {
	m := map[string]ledger.Count{}
	for _, w := range t.windows {
		m[w.op.Name] = w.judged.count
	}
	for _, j := range t.joins {
		m[j.op.Name] = j.judged.count
	}
	for _, r := range t.rows {
		m[r.op.Name] = r.judged.count
	}
	return m
}
