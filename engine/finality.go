package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/window"
)

// A Crossing is where the watermark of a partition passed a moment: the record that moved it there.
type Crossing struct {
	Topic     string
	Partition int32
	Offset    int64 // -1: no record of the partition has done so yet
	Appended  int64 // µs
	EventTime int64 // µs
	Watermark int64 // µs, behind that record; without one where the partition stands, math.MinInt64: none
}

// Crossings tells for each partition that a table of windows reads which record moved its watermark to the end of a
// window, in microseconds, or beyond. The window is final once all partitions have passed it, but for those that the
// clock has found idle. The second result is the delay of the watermark, in microseconds.
//
// It reads the topics from their start, in Options.Queries.
func (e *Engine) Crossings(ctx context.Context, table string, end int64) ([]Crossing, int64, error) {
	ctx, leave, err := e.opt.Queries.Begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	flows := e.windowed(table)
	if len(flows) == 0 || flows[0].topic == nil || len(flows) > 1 || flows[0].Below > 0 {
		return nil, 0, fmt.Errorf("find the watermarks of %s: its windows do not come from one query over topics", table)
	}
	op := flows[0]
	all, at := e.watermarksOf(op), map[string]int{}
	trackers := make([]window.Tracker, len(all))
	for i := range all {
		at[fmt.Sprintf("%s/%d", all[i].Topic, all[i].Partition)] = i
		trackers[i] = window.NewTracker(op.Delay, e.opt.Pipeline.Config.FutureLimit)
	}
	marks, verdict := make([]int64, 1), make([]window.Verdict, 1)
	ops, _ := e.opt.Pipeline.StreamOps() // the engine's own stand over the columns of its scan
	written := slices.IndexFunc(ops, func(o *plan.StreamOp) bool { return o.Name == op.Name && o.Table == op.Table })
	if written < 0 {
		return nil, 0, fmt.Errorf("find the watermarks of %s: its query is not in the project any more", table)
	}
	err = e.runBatch(ctx, timesOf(ops[written]), reading{}, func(b *column.Batch) error {
		one := column.Vector{Type: b.Cols[4].Type, Int: make([]int64, 1)}
		for _, r := range b.Sel {
			i, known := at[fmt.Sprintf("%s/%d", b.Cols[0].Bytes(int(r)), b.Cols[1].Int[r])]
			if !known || all[i].Offset >= 0 || b.Cols[4].IsNull(int(r)) {
				continue
			}
			one.Int[0] = b.Cols[4].Int[r]
			trackers[i].Mark(&one, []int64{b.Cols[3].Int[r]}, []uint32{0}, marks, verdict)
			if now := trackers[i].Now(); now >= end && now != math.MinInt64 {
				all[i].Offset, all[i].Appended, all[i].EventTime, all[i].Watermark = b.Cols[2].Int[r], b.Cols[3].Int[r], one.Int[0], now
			}
		}
		return nil
	})
	return all, op.Delay, err
}

// watermarksOf is the partitions that an operator reads, with where they stand now.
func (e *Engine) watermarksOf(op *operator) []Crossing {
	e.gate.Lock()
	defer e.gate.Unlock()
	marks := e.closerOf(op.window).group.marks
	var all []Crossing
	for _, t := range e.tasks {
		if l := op.laneOf(t); l != noLane && l < len(marks) {
			all = append(all, Crossing{Topic: t.topic, Partition: t.partition, Offset: -1, Watermark: marks[l]})
		}
	}
	return all
}

// timesOf is a plan of topic, partition, offset, append time and event time of the records that move an operator's
// watermark.
func timesOf(op *plan.StreamOp) plan.Node {
	columns := make([]plan.Column, len(op.From.Schema.Fields))
	for i, f := range op.From.Schema.Fields {
		columns[i] = plan.Column{Name: f.Name, Type: f.Type}
	}
	var root plan.Node = &plan.Scan{Dataset: op.From, Cols: columns}
	for _, pred := range op.Pre {
		root = &plan.Filter{In: root, Pred: pred}
	}
	source := columnsOf(columns)
	p := &plan.Project{In: root}
	for _, i := range []int{plan.SourceTopicName, plan.SourcePartition, plan.SourceOffset, plan.SourceTimestamp} {
		p.Exprs, p.Cols = append(p.Exprs, source[i]), append(p.Cols, columns[i])
	}
	p.Exprs, p.Cols = append(p.Exprs, op.Time), append(p.Cols, plan.Column{Name: "event_time", Type: op.Time.Type})
	return p
}
