package engine

import (
	"math"
	"strings"

	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
)

// Measures is what a monitor looks at each second. Unlike a Status it asks no log for its end and merges no open
// windows, so that it costs next to nothing, however much there is.
type Measures struct {
	Epoch       uint64
	Checkpoints CheckpointStatus
	Watermark   int64 // of all sources, µs; math.MinInt64: none
	Ledger      ledger.Ledger
	Partitions  []PartitionStatus // End and Lag go by the ends that were told last
	Tables      []TableMeasures
	Sinks       []SinkMeasures
}

// TableMeasures is one streaming table.
type TableMeasures struct {
	Name       string
	Windowed   bool
	Joined     bool  // its query joins streams
	Watermark  int64 // µs; math.MinInt64: none
	StateRows  int64 // groups of open windows, by partition and slice, and rows that a join keeps
	StateBytes int64
	FinalRows  int64 // of a windowed table
}

// SinkMeasures is one sink of the configuration.
type SinkMeasures struct {
	Name      string
	Trouble   string             // why rows wait, "" while they do not
	Writing   int64              // since when it has been busy with rows, wall clock, µs; 0: it is not
	Waiting   int64              // rows that are committed and not delivered
	Oldest    int64              // since when the first of them has waited, wall clock, µs; 0: none waits
	Delivered int64              // rows, of this process
	Latency   Latency            // of the rows that were delivered, see Latency
	Cache     *record.SinkStatus // of one that tells how it is
}

// Measure takes the measures of this moment. It stops the tasks between two batches for a moment.
func (e *Engine) Measure() Measures {
	m := Measures{Epoch: e.epoch.Load(), Watermark: math.MinInt64, Checkpoints: e.checkpoints()}
	names := e.destinationNames()
	m.Sinks = make([]SinkMeasures, 0, len(names))
	for _, name := range names {
		if sink, is := strings.CutPrefix(name, "sink/"); is {
			m.Sinks = append(m.Sinks, e.measureSink(sink, e.destinations[name]))
		}
	}
	e.gate.Lock()
	defer e.gate.Unlock()
	m.Ledger = e.ledger()
	for _, f := range e.flows {
		m.Partitions = append(m.Partitions, e.partitions(f)...)
	}
	for i, t := range e.tasks {
		p := &m.Partitions[i]
		p.End = max(t.end.Load(), p.Position)
		p.Lag = p.End - p.Position
		if p.Holds {
			m.Watermark = max(m.Watermark, p.Watermark)
		}
	}
	joins := e.joins()
	for _, d := range e.opt.Pipeline.Datasets {
		if len(e.byTable[d.Name]) > 0 {
			m.Tables = append(m.Tables, e.measureTable(d.Name, joins))
		}
	}
	return m
}

// checkpoints is how they went.
func (e *Engine) checkpoints() CheckpointStatus {
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	c := e.state.last
	c.Underway = e.cutting.Load()
	return c
}

func (e *Engine) measureSink(name string, d *destination) SinkMeasures {
	s := SinkMeasures{Name: name}
	s.Waiting, s.Oldest = e.outbox.waitingFor(d)
	if r, ok := d.sink.(record.SinkReporter); ok {
		report := r.Report()
		s.Cache = &report
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Trouble, s.Writing, s.Delivered, s.Latency = d.trouble, d.writing, d.delivered, d.latency
	return s
}

// measureTable sums up the flows of a table. The gate is held.
func (e *Engine) measureTable(name string, joins []JoinStatus) TableMeasures {
	t := TableMeasures{Name: name, Watermark: math.MinInt64}
	for _, op := range e.windowed(name) {
		c := e.closerOf(op)
		if !t.Windowed || c.group.global < t.Watermark {
			t.Watermark = c.group.global
		}
		t.Windowed = true
		t.FinalRows += c.emit.rows
		rows, bytes := c.of.Held()
		t.StateRows += rows
		t.StateBytes += bytes
	}
	for _, j := range joins {
		if j.Table == name {
			if !t.Windowed && (!t.Joined || j.Watermark < t.Watermark) {
				t.Watermark = j.Watermark
			}
			t.Joined = true
			t.StateRows += j.StateRows
			t.StateBytes += j.State
		}
	}
	return t
}

// waitingFor is how many committed rows wait for a destination, and since when the first of them has.
func (o *outbox) waitingFor(d *destination) (rows, oldest int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.queues[d].entries {
		if e.preview == nil {
			if rows += int64(e.rows.Len()); oldest == 0 {
				oldest = e.at
			}
		}
	}
	return rows, oldest
}
