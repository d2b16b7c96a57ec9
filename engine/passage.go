package engine

import (
	"math"
	"sort"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
)

// When a window became final is when the last of the records was appended that took a partition's watermark past its
// end. That depends on the topics alone: so each lane remembers which record took its watermark past the end of a window
// that is still open, where somebody wants to know.

// passages are those of one lane.
type passages struct {
	list   []passage // by mark; none is at or below the watermark of all lanes
	newest int64     // append time of the newest record that passed the filters below the watermark; 0: there is none
}

// A passage is a watermark that lies behind the end of a window as the one before does not, and when the record was
// appended that made it so.
type passage struct{ mark, at int64 }

// when is the append time of the record that took the watermark to where a window is closed; of the newest one where
// something else closes it.
func (p *passages) when(closes func(mark int64) bool) int64 {
	i := sort.Search(len(p.list), func(i int) bool { return closes(p.list[i].mark) })
	if i == len(p.list) {
		return p.newest
	}
	return p.list[i].at
}

// forget drops what lies behind no window that is open.
func (p *passages) forget(global int64) {
	n := 0
	for n < len(p.list) && p.list[n].mark <= global {
		n++
	}
	p.list = append(p.list[:0], p.list[n:]...)
}

// A passing watches the watermark of a task pass the ends of windows. What it finds is the merger's with the task's next
// report.
type passing struct {
	closers []*closer
	next    int64 // the first end that is not passed
	found   passages
}

// note takes rows that were marked, where now is the watermark behind them.
func (p *passing) note(marks []int64, rows []uint32, now int64, appended []int64) {
	if n := len(rows); n > 0 {
		p.found.newest = appended[rows[n-1]]
	}
	if now < p.next {
		return
	}
	for i, r := range rows {
		after := now
		if i+1 < len(rows) {
			after = marks[rows[i+1]]
		}
		if after >= p.next && after > math.MinInt64 {
			p.add(after, appended[r])
		}
	}
}

// add notes that the watermark has come to a mark.
func (p *passing) add(mark, at int64) {
	p.found.list = append(p.found.list, passage{mark, at})
	p.begin(mark)
}

// begin looks for the first end behind a mark.
func (p *passing) begin(mark int64) {
	p.next = math.MaxInt64
	for _, c := range p.closers {
		if c.below == nil {
			p.next = min(p.next, c.w.spec.NextEnd(mark))
		}
	}
}

// takePassages takes what a task has found. mu is held.
func (m *merger) takePassages(g *groupMarks, tm *taskMarks) {
	if tm.passing == nil {
		return
	}
	p, found := &g.passages[tm.lane], &tm.passing.found
	p.list, p.newest = append(p.list, found.list...), found.newest
	found.list = found.list[:0]
}

// cutPassages writes those of a lane. The gate is held, so a task has reported what it has found.
func (g *groupMarks) cutPassages(tm *taskMarks, to *markCut) {
	if tm.passing == nil {
		return
	}
	p := &g.passages[tm.lane]
	newest := p.newest
	to.Newest = &newest
	for _, x := range p.list {
		to.Passed = append(to.Passed, x.mark, x.at)
	}
}

// restorePassages reads what cutPassages wrote. A checkpoint that has nothing of it tells when any record was appended last.
func (g *groupMarks) restorePassages(tm *taskMarks, from *markCut, appended int64) {
	if tm.passing == nil {
		return
	}
	p := &g.passages[tm.lane]
	p.newest = appended
	if from.Newest != nil {
		p.newest = *from.Newest
	}
	for i := 0; i+1 < len(from.Passed); i += 2 {
		p.list = append(p.list, passage{from.Passed[i], from.Passed[i+1]})
	}
	tm.passing.found.newest = p.newest
	tm.passing.begin(tm.tracker.Now())
}

// buildPassages has tasks watch the watermarks behind which somebody wants to know when windows closed.
func (e *Engine) buildPassages() {
	for _, t := range e.tasks {
		for _, tm := range t.marks {
			g := e.merger.groups[tm.group]
			if tm.lane == dataflow.NoLane || !g.wantsAge() {
				continue
			}
			g.passages = grow(g.passages, len(g.marks))
			tm.passing = &passing{closers: g.closers}
			tm.passing.begin(tm.tracker.Now())
		}
	}
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
		for _, x := range d.op.Explosions {
			if reads(x.Where, []*expr.Node{x.Rows}) {
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
