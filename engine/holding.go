package engine

import (
	"math"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/window"
)

// Watermarks is what every watermark waits for, and how far behind the rows come that it is for.
type Watermarks struct {
	IdleTimeout time.Duration // of nagare.watermark.idleTimeout; 0: no partition is taken for idle
	Groups      []WatermarkGroup
	Tables      []TableWindows
}

// A WatermarkGroup is one watermark: that of an event time and a delay, over the partitions of its topics.
type WatermarkGroup struct {
	Topics    []string
	Time      string // the event time's expression
	Delay     time.Duration
	Tables    []string // that go by it, in their order; alerts and sinks that read topics have names, too
	Watermark int64    // the least of the partitions' watermarks, µs; math.MinInt64: none
	// Partitions is in the order of their lanes. LagTime and Holds are by this watermark.
	Partitions []PartitionWatermark
	// Disorder is how far rows lay behind the newest ones of their partitions, of those that this process has read.
	Disorder window.Disorder
}

// A PartitionWatermark is what one partition has to do with a watermark.
type PartitionWatermark struct {
	PartitionStatus
	Raised bool // the partition was idle, and the watermark went on without it
}

// TableWindows is the open windows of a table that groups rows into such.
type TableWindows struct {
	Table     string
	Topics    []string // that it reads; of a table over windows those that these read
	Below     string   // the table whose windows it groups; "": it groups records
	Size      time.Duration
	Delay     time.Duration
	Watermark int64 // up to which its windows are closed, µs; math.MinInt64: none
	Open      int   // windows
	// Windows is the first MostOpenWindows of them, by their end.
	Windows []OpenWindow
}

// MostOpenWindows is how many open windows of a table are told one by one.
const MostOpenWindows = 50

// Watermarks tells of every watermark and every open window. It stops the tasks for a moment.
func (e *Engine) Watermarks() Watermarks {
	all := Watermarks{IdleTimeout: time.Duration(e.opt.Pipeline.Config.IdleTimeout) * time.Microsecond}
	e.gate.Lock()
	defer e.gate.Unlock()
	for _, f := range e.flows {
		for i := range f.Watermarks {
			all.Groups = append(all.Groups, e.watermarkGroup(f, i))
		}
	}
	for _, op := range e.ops {
		if op.Windowed() && op.IsHead() {
			all.Tables = append(all.Tables, e.tableWindows(op))
		}
	}
	return all
}

// watermarkGroup tells of the group at a place of a flow. The gate is held.
func (e *Engine) watermarkGroup(f *dataflow.Scan, i int) WatermarkGroup {
	mg := f.Watermarks[i]
	g := WatermarkGroup{Topics: mg.Topics, Delay: time.Duration(mg.Delay) * time.Microsecond, Watermark: math.MinInt64}
	if mg.Time != nil {
		g.Time = mg.Time.String()
	}
	for _, op := range mg.Operators {
		name := op.Lead().Name
		if d := op.Lead().Table; d != nil && d.Within != "" {
			name = queryOf(d)
		}
		if !slices.Contains(g.Tables, name) {
			g.Tables = append(g.Tables, name)
		}
	}
	marks := e.merger.groups[mg]
	if marks != nil && marks.global != math.MaxInt64 {
		g.Watermark = marks.global
	}
	newest := int64(math.MinInt64)
	for _, t := range e.tasksOf[f] {
		m := t.Marks[i]
		if m.Lane == dataflow.NoLane {
			continue
		}
		p := PartitionWatermark{PartitionStatus: PartitionStatus{Topic: t.topic, Partition: t.partition, Position: t.position.Offset,
			Watermark: m.Tracker.Now(), EventTime: m.Tracker.Greatest(), Idle: t.idle.Load(), LastRow: t.lastRow.Load(), Lost: t.lost}}
		p.End = max(t.end.Load(), p.Position)
		p.Lag = p.End - p.Position
		p.Raised = m.Floor != math.MinInt64 && m.Floor == p.Watermark
		newest = max(newest, p.Watermark)
		g.Partitions = append(g.Partitions, p)
		g.Disorder.Merge(&m.Tracker.Disorder)
	}
	slices.SortStableFunc(g.Partitions, func(a, b PartitionWatermark) int {
		return dataflow.LaneOf(mg.Topics, a.Topic, a.Partition) - dataflow.LaneOf(mg.Topics, b.Topic, b.Partition)
	})
	least := int64(math.MaxInt64)
	for _, p := range g.Partitions {
		least = min(least, p.Watermark)
	}
	for j := range g.Partitions {
		p := &g.Partitions[j]
		p.Holds = p.Watermark == least && (least < newest || len(g.Partitions) == 1)
		if p.Watermark != math.MinInt64 {
			p.LagTime = newest - p.Watermark
		}
	}
	return g
}

// tableWindows tells of the open windows of an operator. The gate is held.
func (e *Engine) tableWindows(op *dataflow.Operator) TableWindows {
	c := e.closerOf(op)
	t := TableWindows{Table: op.Name, Size: time.Duration(c.w.spec.Size) * time.Microsecond, Watermark: c.passed()}
	if c.below != nil {
		t.Below = op.From.Name
	}
	for _, mg := range c.group.of {
		for _, topic := range mg.Topics {
			if !slices.Contains(t.Topics, topic) {
				t.Topics = append(t.Topics, topic)
			}
		}
		t.Delay = max(t.Delay, time.Duration(mg.Delay)*time.Microsecond)
	}
	t.Open, t.Windows = c.of.openWindows(MostOpenWindows)
	for i := range t.Windows {
		t.Windows[i].Holders = c.holders(t.Windows[i].End)
	}
	return t
}

// holders is the partitions that keep a window open.
func (c *closer) holders(end int64) []Holder {
	least := slices.Min(c.group.marks)
	var all []Holder
	for lane, mark := range c.group.marks {
		if mark == math.MaxInt64 { // an empty lane
			continue
		}
		if c.below == nil && mark < end || c.below != nil && mark == least {
			topic, partition := c.group.inLane(lane)
			if h := (Holder{topic, partition}); !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	return all
}

// inLane is the partition that has a lane.
func (g *groupMarks) inLane(lane int) (topic string, partition int32) {
	return g.of[lane%len(g.of)].InLane(lane)
}
