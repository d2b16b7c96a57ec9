package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// identify reads the newest checkpoint and refuses one of other queries, before anything that only
// those can decode is looked at or opened.
func (e *Engine) identify(ctx context.Context) error {
	cp, err := e.opt.Store.Load(ctx, nil)
	if err != nil {
		return fmt.Errorf("load checkpoint: %w", err)
	}
	if cp.Epoch == 0 {
		return nil
	}
	c, err := cutOf(cp)
	if err != nil {
		return err
	}
	if c.Plan != e.fingerprint {
		return &ChangedError{Epoch: cp.Epoch}
	}
	e.epoch.Store(cp.Epoch)
	if !c.Clean {
		e.finishRun(c)
	}
	e.found = c
	e.kept.Store(c)
	e.keptData = cp.Data
	return nil
}

// cutOf is what a checkpoint has of the engine, before the first one nothing. Its errors are *UnreadableError and, of
// another format, *ChangedError.
func cutOf(cp state.Checkpoint) (*cut, error) {
	if cp.Epoch == 0 {
		return &cut{Format: cutFormat, Clean: true}, nil
	}
	c := &cut{}
	if err := json.Unmarshal(cp.Data, c); err != nil {
		return nil, &UnreadableError{cp.Epoch, err}
	}
	if c.Format != cutFormat {
		return nil, &ChangedError{Epoch: cp.Epoch, Format: c.Format}
	}
	return c, nil
}

// restore puts the checkpoint that identify has found into the tasks, the merger and the outbox.
func (e *Engine) restore(ctx context.Context) error {
	if e.found == nil {
		return e.begin(ctx)
	}
	c, epoch := e.found, e.epoch.Load()
	e.found = nil
	entries, err := e.restoreState(ctx)
	if err != nil && ctx.Err() == nil {
		err = &UnreadableError{epoch, err}
		if e.opt.Look {
			e.unread = err
			entries, err = nil, nil
			for _, s := range e.merger.stages {
				s.Forget()
			}
		}
	}
	if err != nil {
		return err
	}
	if err := e.resume(c); err != nil {
		return fmt.Errorf("restore checkpoint %d: %w", epoch, err)
	}
	if !e.opt.Look {
		if err := e.checkLanes(ctx, epoch, entries); err != nil {
			return err
		}
	}
	for _, out := range entries {
		out.entry.epoch, out.entry.at = epoch, e.opt.Now()
		e.outbox.push(out.to, out.entry)
	}
	return nil
}

// restoreState decodes open windows and rows that are on their way to sinks.
func (e *Engine) restoreState(ctx context.Context) (entries []outgoing, err error) {
	byAlert, byOp := map[string]*alertStage{}, map[string]state.Stateful{}
	for _, a := range e.alerts {
		byAlert[alertOp(a)] = a
	}
	for _, s := range e.merger.stages {
		for _, op := range s.Ops() {
			byOp[op] = s
		}
	}
	_, err = e.opt.Store.Load(ctx, func(op string, key, value []byte) error {
		if op == outboxOp {
			out, err := e.restoreEntry(key, value)
			entries = append(entries, out)
			return err
		}
		if op == decisionOp {
			return e.restoreDecision(key, value)
		}
		if topic, ok := strings.CutPrefix(op, idOp("")); ok {
			return e.restoreIDs(topic, key, value)
		}
		if a := byAlert[op]; a != nil {
			return a.x.Restore(key, value)
		}
		s := byOp[op]
		if s == nil {
			return fmt.Errorf("restore %s: the project has no such table any more", op)
		}
		return s.Restore(op, key, value)
	})
	for _, a := range e.alerts {
		if err == nil {
			err = a.x.Restored()
		}
	}
	return entries, err
}

// Durable is the offset from which a partition is read again after a crash; 0 before the first checkpoint.
func (e *Engine) Durable(topic string, partition int32) int64 {
	c := e.kept.Load()
	if c == nil || int(partition) >= len(c.Topics[topic]) {
		return 0
	}
	return c.Topics[topic][partition].Offset
}

// begin has tasks that know of no checkpoint start where their source says. The first checkpoint keeps
// the places, also when nothing has come by then.
func (e *Engine) begin(ctx context.Context) error {
	for _, t := range e.tasks {
		s, ok := t.source.(record.Starter)
		if !ok {
			continue
		}
		at, err := s.Start(ctx, t.partition)
		if err != nil {
			return fmt.Errorf("find where %s partition %d begins: %w", t.topic, t.partition, err)
		}
		if at != (record.Position{}) {
			t.position = at
			t.offset.Store(at.Offset)
			e.changed.Store(true)
		}
	}
	return nil
}

// A ChangedError says that the data folder belongs to other queries than the project has now, or, if
// Format is not 0, to another version of nagare.
type ChangedError struct {
	Epoch   uint64
	Format  int
	Unknown error // of other queries, why nobody can tell them, so that nothing can be compared with them; nil: they are known
}

func (c *ChangedError) Error() string {
	if c.Format != 0 {
		return fmt.Sprintf("checkpoint %d has the format %d, and this version reads %d; "+
			"run `nagare checkpoint reset` to compute all tables anew from the topics", c.Epoch, c.Format, cutFormat)
	}
	if c.Unknown != nil {
		return fmt.Sprintf("checkpoint %d was made by other queries than the project has now, and what they were cannot be told: %v; "+
			"run `nagare checkpoint reset` to compute all tables anew from the topics", c.Epoch, c.Unknown)
	}
	return fmt.Sprintf("checkpoint %d was made by other queries than the project has now; "+
		"`nagare run --apply` fills what changed from the topics, beside the rest (`nagare plan` shows what that is), "+
		"or `nagare checkpoint reset` has all tables computed anew", c.Epoch)
}

// An UnreadableError says that a checkpoint of these very queries cannot be decoded.
type UnreadableError struct {
	Epoch uint64
	Err   error
}

func (u *UnreadableError) Error() string {
	return fmt.Sprintf("load checkpoint %d: %v; keep a copy of the data folder, then run `nagare checkpoint reset` to compute all tables anew from the topics", u.Epoch, u.Err)
}

func (u *UnreadableError) Unwrap() error { return u.Err }

// Unread tells why open windows, and rows on their way to sinks, were left out; see Options.Look.
func (e *Engine) Unread() error { return e.unread }

func (e *Engine) restoreEntry(key, value []byte) (outgoing, error) {
	rows, err := decodeRows(value)
	if err != nil {
		return outgoing{}, err
	}
	d := e.destinations[rows.Sink]
	if d == nil {
		return outgoing{}, fmt.Errorf("restore rows for %s: the project has no such sink any more", rows.Sink)
	}
	return outgoing{d, &entry{id: binary.BigEndian.Uint64(key), rows: rows, kept: true}}, nil
}

// resume puts a cut's numbers back where they were taken from.
func (e *Engine) resume(c *cut) error {
	e.events.Store(c.Events)
	e.outbox.nextID = c.Entry
	e.merger.appended = c.Appended
	added := func(t *task) bool { return int(t.partition) >= len(c.Topics[t.topic]) }
	for _, t := range e.tasks {
		if added(t) {
			continue
		}
		if err := t.resume(&c.Topics[t.topic][t.partition]); err != nil {
			return err
		}
	}
	for _, cl := range e.merger.closer {
		w := c.Windows[cl.w.op.Name]
		cl.closed, cl.emit.rows, cl.emit.letGo = w.Closed, w.Rows, w.LetGo
		for _, d := range cl.emit.derived {
			d.count = c.Derived[d.name]
		}
	}
	for _, s := range e.merger.joins {
		for _, d := range s.derived {
			d.count = c.Derived[d.name]
		}
	}
	e.merger.settle(e.flows, added)
	for _, s := range e.merger.stages {
		s.Restored()
	}
	for _, t := range e.tasks {
		t.noteHeld()
	}
	for _, v := range e.previews { // what was on its way when the process ended is not known
		if err := v.recall(); err != nil {
			return err
		}
		v.closer.of.markAll(v)
	}
	for _, w := range e.writers {
		if list := c.Writers[w.to.name]; int(w.partition) < len(list) {
			w.rows.First = list[w.partition]
		}
	}
	return nil
}

// resume puts the numbers of a partition back.
func (t *task) resume(p *partitionCut) error {
	t.position = record.Position{Offset: p.Offset, Log: p.Log}
	t.offset.Store(p.Offset)
	t.count, t.lost, t.unfit = p.Topic, p.Lost, p.Unfit
	if t.Duplicates != nil && p.IDs != nil {
		if err := t.Duplicates.Seen.SetState(*p.IDs); err != nil {
			return fmt.Errorf("restore ids of %s partition %d: %w", t.topic, t.partition, err)
		}
	}
	for i, m := range t.Marks {
		kept := p.markOf(i, m.Watermark)
		if kept == nil {
			return fmt.Errorf("%s partition %d has %d watermarks, and %d are needed", t.topic, t.partition, len(p.Marks), len(t.Marks))
		}
		if err := m.Tracker.SetState(kept.State); err != nil {
			return err
		}
		m.Floor = kept.Floor
		t.e.merger.groups[m.Watermark].restorePassages(m, kept, t.e.merger.appended)
	}
	for _, w := range t.windows {
		w.judged.count = p.Tables[w.op.Name]
	}
	for _, j := range t.joins {
		j.judged.count = p.Tables[j.op.Name]
	}
	for _, r := range t.rows {
		r.judged.count = p.Tables[r.op.Name]
	}
	return nil
}

// markOf is the watermark that a group had: that of its operators, and of several, where other queries had them apart,
// the one that came farthest; nil: it had none.
func (p *partitionCut) markOf(place int, g *dataflow.Watermark) (m *markCut) {
	for i := range p.Marks {
		of := &p.Marks[i]
		if len(of.Ops) == 0 { // of a version before
			if i == place {
				return of
			}
			continue
		}
		has := slices.ContainsFunc(of.Ops, func(name string) bool { return slices.Contains(g.Names(), name) })
		if has && (m == nil || of.Watermark > m.Watermark) {
			m = of
		}
	}
	return m
}
