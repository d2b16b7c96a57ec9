package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
)

// watchers is who wants to know of checkpoints, and how the last one went.
type watchers struct {
	mu   sync.Mutex
	all  map[chan struct{}]bool
	last CheckpointStatus
}

// Watch returns a channel that gets a value when something changed, once a tick at most, and a
// function that ends it. A value that nobody has taken yet is not sent twice.
func (e *Engine) Watch() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	w := &e.state
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[chan struct{}]bool{}
	}
	w.all[ch] = true
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, ch)
	}
}

func (e *Engine) notify() {
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	for ch := range e.state.all {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (e *Engine) noteCheckpoint(now, paused, commit int64) {
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	e.state.last.LastSuccess, e.state.last.LastPause, e.state.last.LastCommit = now, paused, commit
	e.state.last.Count++
}

// Events is how many records were read, all runs together.
func (e *Engine) Events() int64 { return e.events.Load() }

// Status is the engine at this moment. It stops the tasks between two batches for a moment.
func (e *Engine) Status() Status {
	s := Status{State: "running", Epoch: e.epoch.Load(), Events: e.events.Load(), Watermark: math.MinInt64, Checkpoints: e.checkpoints()}
	s.OutboxRows, _ = e.outbox.pending()
	for _, name := range e.destinationNames() {
		d := e.destinations[name]
		d.mu.Lock()
		if d.trouble != "" {
			s.State, s.Reason = "degraded", name+": "+d.trouble
		}
		d.mu.Unlock()
		if r, ok := d.sink.(record.SinkReporter); ok {
			s.Sinks = append(s.Sinks, r.Report())
		}
	}
	if s.State == "running" && e.replays(context.Background()) {
		s.State, s.Reason = "behind", e.replayed()
	}
	for _, r := range s.Sinks {
		if r.State == "degraded" {
			s.State, s.Reason = "degraded", "sink/"+r.Name+": "+r.Reason
		}
	}
	ends := e.ends()
	e.gate.Lock()
	defer e.gate.Unlock()
	s.Ledger = e.ledger()
	for _, f := range e.flows {
		s.Partitions = append(s.Partitions, e.partitions(f)...)
		for _, id := range f.IDs {
			s.Dedup = append(s.Dedup, id.Topic)
		}
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.End = max(ends[i], p.Position)
		p.Lag = p.End - p.Position
		if p.Lag > behindRows && s.State == "running" {
			s.State, s.Reason = "behind", fmt.Sprintf("%s partition %d has %d rows to read", p.Topic, p.Partition, p.Lag)
		}
	}
	for _, p := range s.Partitions {
		if p.Holds && !e.aside[p.Topic] {
			s.Watermark = max(s.Watermark, p.Watermark)
		}
	}
	s.StateRows, s.StateBytes = e.idRows()
	for _, stage := range e.merger.stages {
		rows, bytes := stage.Held()
		s.StateRows += rows
		s.StateBytes += bytes
	}
	s.Joins = e.joins()
	for _, j := range s.Joins {
		s.StateRows += j.StateRows
		s.StateBytes += j.State
	}
	for _, d := range e.opt.Pipeline.Datasets {
		switch {
		case len(e.byTable[d.Name]) > 0:
			s.Tables = append(s.Tables, e.tableStatus(d.Name, s.Ledger.Tables[d.Name]))
		case d.Kind == plan.MaterializedView:
			s.Tables = append(s.Tables, TableStatus{Name: d.Name, Kind: "view", Watermark: math.MinInt64})
		}
	}
	return s
}

// tableStatus sums up the flows of a table. The gate is held.
func (e *Engine) tableStatus(name string, ledger map[string]ledger.Count) TableStatus {
	t := TableStatus{Name: name, Kind: "rows", Watermark: math.MinInt64, Retention: e.retentionOf(name)}
	for _, op := range e.windowed(name) {
		c := e.closerOf(op)
		if t.Kind == "rows" || c.group.global < t.Watermark {
			t.Watermark = c.group.global
		}
		t.Kind = "windowed"
		t.Rows += c.emit.rows
		t.LetGo += c.emit.letGo
		t.Open += c.of.openRows()
		_, bytes := c.of.Held()
		t.StateBytes += bytes
	}
	joined := e.joinedFrom(name)
	for from, n := range ledger {
		t.LateRows += n.Late
		if t.Kind == "rows" && (joined == "" || joined == from) {
			t.Rows += n.Counted
		}
	}
	return t
}

// Reached is how many records of each topic are read, as far as offsets tell. It waits for nothing, however long a step of
// a task takes.
func (e *Engine) Reached() map[string]int64 {
	read := map[string]int64{}
	for _, t := range e.tasks {
		read[t.topic] += t.offset.Load()
	}
	return read
}

// behindRows is how many rows may wait in a partition before the engine calls itself behind.
const behindRows = 100_000

// endsWait bounds how long a status waits for the logs. It has to be there when a server hangs: that is
// when it is asked for.
const endsWait = 300 * time.Millisecond

// ends asks all partitions' logs for their ends, in the order of the tasks. One that does not answer in
// time has the end that it told last.
func (e *Engine) ends() []int64 {
	ctx, cancel := context.WithTimeout(context.Background(), endsWait)
	defer cancel()
	ends := make([]int64, len(e.tasks))
	var asked sync.WaitGroup
	for i, t := range e.tasks {
		asked.Go(func() {
			if end, err := t.source.End(ctx, t.partition); err == nil {
				t.end.Store(end.Offset)
			}
			ends[i] = t.end.Load()
		})
	}
	asked.Wait()
	return ends
}

func (e *Engine) destinationNames() []string {
	names := make([]string, 0, len(e.destinations))
	for name := range e.destinations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// partitions tells where the partitions of a topic stand. The gate is held.
func (e *Engine) partitions(f *dataflow.Scan) []PartitionStatus {
	var out []PartitionStatus
	newest, low, holder := int64(math.MinInt64), int64(math.MaxInt64), -1
	for _, t := range e.tasks {
		if t.flow != f {
			continue
		}
		p := PartitionStatus{Topic: t.topic, Partition: t.partition, Position: t.position.Offset, Watermark: math.MinInt64,
			EventTime: math.MinInt64, Idle: t.idle.Load(), LastRow: t.lastRow.Load(), Lost: t.lost}
		if m := t.firstMark(); m != nil {
			p.Watermark = m.Tracker.Now()
			if p.Watermark != math.MinInt64 {
				p.EventTime = p.Watermark + m.Watermark.Delay
			}
			newest = max(newest, p.Watermark)
			if p.Watermark < low {
				low, holder = p.Watermark, len(out)
			}
		}
		out = append(out, p)
	}
	if holder >= 0 {
		out[holder].Holds = true
	}
	for i := range out {
		if out[i].Watermark != math.MinInt64 {
			out[i].LagTime = newest - out[i].Watermark
		}
	}
	return out
}

// firstMark is the first watermark that the partition has a part in, or nil.
func (t *task) firstMark() *scan.Marks {
	for _, m := range t.Marks {
		if m.Lane != dataflow.NoLane {
			return m
		}
	}
	return nil
}

// Ledger is what became of every row that was read so far.
func (e *Engine) Ledger() ledger.Ledger {
	e.gate.Lock()
	defer e.gate.Unlock()
	return e.ledger()
}

func (e *Engine) ledger() ledger.Ledger {
	l := ledger.Ledger{Topics: map[string]ledger.Count{}, Tables: map[string]map[string]ledger.Count{}}
	book := func(table, topic string, c ledger.Count) {
		if l.Tables[table] == nil {
			l.Tables[table] = map[string]ledger.Count{}
		}
		sum := l.Tables[table][topic]
		sum.Add(c)
		l.Tables[table][topic] = sum
	}
	for _, t := range e.tasks {
		if e.aside[t.topic] {
			continue
		}
		sum := l.Topics[t.topic]
		sum.Add(t.count)
		l.Topics[t.topic] = sum
		t.bookUnfitIn(&l, nil, nil)
		for _, w := range t.windows {
			if table := booksOf(w.op); table != nil {
				book(table.Name, t.topic, w.judged.count)
			}
		}
		for _, j := range t.joins {
			if table := booksOf(j.op); table != nil {
				book(table.Name, t.topic, j.judged.count)
			}
		}
		for _, r := range t.rows {
			if r.op.Table != nil {
				book(r.op.Table.Name, t.topic, r.judged.count)
			}
		}
	}
	for _, s := range e.merger.joins {
		for _, d := range s.derived {
			if table := booksOf(d.op); table != nil {
				book(table.Name, d.op.From.Name, d.count)
			}
		}
	}
	for _, c := range e.merger.closer {
		for _, d := range c.emit.derived {
			if table := booksOf(d.op); table != nil {
				book(table.Name, d.op.From.Name, d.count)
			}
		}
	}
	return l
}

func schemaOf(cols []plan.Column) column.Schema {
	var s column.Schema
	for _, c := range cols {
		s.Fields = append(s.Fields, column.Field{Name: c.Name, Type: c.Type})
	}
	return s
}

func columnsOf(cols []plan.Column) []*expr.Node {
	out := make([]*expr.Node, len(cols))
	for i, c := range cols {
		out[i] = expr.Col(i, c.Name, c.Type)
	}
	return out
}

func isoTime(micros int64) string {
	if micros == math.MinInt64 || micros == math.MaxInt64 {
		return "-"
	}
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}

// booksOf is the table in whose books the rows stand that an operator reads; nil: in none.
func booksOf(op *dataflow.Operator) *plan.Dataset {
	if op.Table != nil && op.Table.Within != "" {
		return op.Table.Writes
	}
	return op.Table
}
