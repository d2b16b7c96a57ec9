package engine

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/state"
)

// A Stage is one operator over all partitions. It belongs to the merger: everything but what Stateful has is called
// under the merger's lock, inside the gate.
//
// Partitions hand it rows, or what they have made of rows, in the order in which they have read them: each report of a
// task is a Seal of its lanes, and each time that the least watermark rises is an Advance. Both come at moments that
// depend on scheduling. What a stage gives must not: it may go by the rows, their marks and their places alone, and
// waits with whatever another lane could still change.
//
// Operators that read several streams are parts of one (dataflow.Operator.Of), whose lanes are those of all parts and whose
// watermark is the least of theirs. So a stage of two scans is sealed by lanes of both, and advanced once for both.
type Stage interface {
	state.Stateful
	// Seal takes what no row of the lane can reach any more: rows that come from now on have a mark of at least this.
	Seal(lane int, mark int64)
	// Advance closes and hands on what no row of any lane can reach any more, in the order of its times.
	Advance(mark int64) error
	// Next is the least time that the end of a row can have which the stage has not handed on, once the watermark of
	// all lanes is at mark: the watermark of those who read its rows. math.MinInt64: any; math.MaxInt64: there is none.
	Next(mark int64) int64
	// Open visits the rows that closing everything now would give, by the ends of their windows, ascending. fill merges
	// those of one end.
	Open(visit func(end int64, fill func(into *agg.Hash)))
}

// A taskLane is a lane of a stage that a task reports.
type taskLane struct {
	stage     Stage
	lane      int
	watermark int // its place among the task's
}

// panes is a Stage that groups rows into windows, and what readers ask of it. The gate is held.
type panes interface {
	Stage
	addTask(lane int, w *windowTask)
	openRows() int64                                  // that closing all windows now would give, HAVING left out
	openWindows(most int) (n int, first []OpenWindow) // that have rows and are not closed, and the first by their ends
	previewed
}

// A closer is what stages have in common that group rows into windows: how far they have come, and who reads the
// rows.
type closer struct {
	w      *windowOp
	of     panes
	group  *groupMarks
	closed int64 // end of the newest window that is closed; math.MinInt64: none
	emit   *emitter
	below  Stage // whose rows these group; nil: records

	previews []*preview

	m     *merger
	lives int64 // how long rows live in the sink that keeps them longest of those that forget; 0: there is none
	ages  []age // of windows whose rows may live, in order
}

// passed is the time up to which the closer's windows are closed: those that end at it or before. mu is held.
func (c *closer) passed() int64 { return c.passedAt(c.group.global) }

// passedAt is passed for a watermark of all lanes.
func (c *closer) passedAt(global int64) int64 {
	if c.below == nil {
		return global
	}
	next := c.below.Next(global)
	if next == math.MaxInt64 || next == math.MinInt64 {
		return next
	}
	return next - c.w.op.Edge - c.w.op.Delay
}

// closerOf is what closes the windows of an operator, or of that which it is a part of.
func (e *Engine) closerOf(op *dataflow.Operator) *closer {
	i := slices.IndexFunc(e.merger.closer, func(c *closer) bool { return c.w.op.ID == op.Lead().ID })
	if i < 0 {
		panic("BUG: a windowed operator without a closer")
	}
	return e.merger.closer[i]
}

// An OpenWindow is one that has rows and is not closed.
type OpenWindow struct {
	Start, End int64 // µs
	Groups     int64 // rows that it would give now, HAVING left out
	// Holders are the partitions whose watermarks have not reached the end; of a table over windows, those that hold
	// the watermark below it.
	Holders []Holder
}

// A Holder is a partition that keeps a window open.
type Holder struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}
