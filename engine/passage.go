package engine

import (
	"math"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/scan"
)

// takePassages takes what a task has found. mu is held.
func (m *merger) takePassages(g *groupMarks, tm *scan.Marks) {
	if tm.Passing == nil {
		return
	}
	p, found := &g.passages[tm.Lane], &tm.Passing.Found
	p.List, p.Newest = append(p.List, found.List...), found.Newest
	found.List = found.List[:0]
}

// cutPassages writes those of a lane. The gate is held, so a task has reported what it has found.
func (g *groupMarks) cutPassages(tm *scan.Marks, to *markCut) {
	if tm.Passing == nil {
		return
	}
	p := &g.passages[tm.Lane]
	newest := p.Newest
	to.Newest = &newest
	for _, x := range p.List {
		to.Passed = append(to.Passed, x.Mark, x.At)
	}
}

// restorePassages reads what cutPassages wrote. A checkpoint that has nothing of it tells when any record was appended last.
func (g *groupMarks) restorePassages(tm *scan.Marks, from *markCut, appended int64) {
	if tm.Passing == nil {
		return
	}
	p := &g.passages[tm.Lane]
	p.Newest = appended
	if from.Newest != nil {
		p.Newest = *from.Newest
	}
	for i := 0; i+1 < len(from.Passed); i += 2 {
		p.List = append(p.List, scan.Passage{Mark: from.Passed[i], At: from.Passed[i+1]})
	}
	tm.Passing.Found.Newest = p.Newest
	tm.Passing.Begin(tm.Tracker.Now())
}

// buildPassages has tasks watch the watermarks behind which somebody wants to know when windows closed.
func (e *Engine) buildPassages() {
	for _, t := range e.tasks {
		for _, tm := range t.Marks {
			g := e.merger.groups[tm.Watermark]
			if tm.Lane == dataflow.NoLane || !g.wantsAge() {
				continue
			}
			g.passages = column.Sized(g.passages, len(g.marks))
			tm.Passing = &scan.Passing{NextEnd: g.nextEnd}
			tm.Passing.Begin(tm.Tracker.Now())
		}
	}
}

// nextEnd is the first end behind a mark of windows of records.
func (g *groupMarks) nextEnd(mark int64) int64 {
	next := int64(math.MaxInt64)
	for _, c := range g.closers {
		if c.below == nil {
			next = min(next, c.of.Next(mark))
		}
	}
	return next
}

// wantsAge reports whether rows of some window are as old as the window.
func (g *groupMarks) wantsAge() bool {
	for _, c := range g.closers {
		if c.lives > 0 || c.emit.readsClock() {
			return true
		}
	}
	return false
}

// readsClock reports whether current_timestamp() is in what is computed of a window's rows.
func (e *emitter) readsClock() bool {
	reads := func(lists ...[]*expr.Node) bool {
		for _, list := range lists {
			for _, n := range list {
				if n != nil && n.ReadsClock() {
					return true
				}
			}
		}
		return false
	}
	if reads(e.w.op.Having, e.w.op.Out) {
		return true
	}
	for _, d := range e.derived {
		if reads(d.op.Pre, d.op.Post, d.op.Out) {
			return true
		}
		for i := range d.op.Explosions {
			if reads(d.op.Explosions[i].Exprs()) {
				return true
			}
		}
		if d.op.HasTime && d.op.Time.ReadsClock() {
			return true
		}
		if a := d.op.Agg; a != nil {
			if reads(a.Keys) {
				return true
			}
			for _, call := range a.Aggs {
				if reads([]*expr.Node{call.Arg, call.Filter}) {
					return true
				}
			}
		}
	}
	return false
}
