package engine

import (
	"math"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/scan"
)

// The merger joins the partitions: it holds the partials that their tasks have sealed, knows each
// watermark's minimum over the partitions, and closes a window when that minimum passes its end.
//
// A task reports after each batch, inside the gate; what a report closes is closed by the task that
// made it, under mu. The order of windows in a table is by their ends and so the same whoever does it.
type merger struct {
	mu     sync.Mutex
	e      *Engine
	groups map[*dataflow.Watermark]*groupMarks
	stages []Stage
	closer []*closer // by windowed operator
	joins  []*streamJoin

	clock    expr.Clock // of the window in hand
	writers  []*rowWriter
	ending   bool  // the sources have ended, and nothing holds windows open any more
	appended int64 // append time of the newest record that the task of the last report has read
	cause    int64 // append time of the newest record of the report under way; 0: it has none
}

// groupMarks is one watermark over all partitions of its topics, or the least of those of the parts of an operator.
type groupMarks struct {
	of      []*dataflow.Watermark // one, or those of the parts of an operator, by part
	marks   []int64               // by lane; math.MaxInt64 where a lane is empty, which holds nothing back
	global  int64                 // minimum of marks, never falling
	closers []*closer
	stages  []Stage
	joins   []*streamJoin // among the stages
	alerts  []*alertStage

	passages []scan.Passages // by lane; nil: nobody wants to know when windows were closed
}

// env is for what is computed of the rows of windows: they are as old as their window.
func (m *merger) env() expr.Env {
	env := m.e.env
	env.Clock = &m.clock
	return env
}

func newMerger(e *Engine) *merger {
	return &merger{e: e, groups: map[*dataflow.Watermark]*groupMarks{}}
}

// addGroup makes room for a watermark over n lanes, which are empty until a task takes them.
func (m *merger) addGroup(g *dataflow.Watermark, n int) {
	var gm *groupMarks
	for of, marks := range m.groups {
		if of == g || g.Head != "" && of.Head == g.Head {
			gm = marks
		}
	}
	if gm == nil {
		gm = &groupMarks{global: math.MinInt64}
	}
	if m.groups[g] == nil {
		m.groups[g], gm.of = gm, append(gm.of, g)
	}
	for len(gm.marks) < n {
		gm.marks = append(gm.marks, math.MaxInt64)
	}
}

// add has a watermark advance a stage. A stage stands behind those whose rows it reads.
func (m *merger) add(s Stage, g *groupMarks) {
	m.stages, g.stages = append(m.stages, s), append(g.stages, s)
}

// report takes what a task has finished and closes the windows that this lets close.
func (m *merger) report(t *task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteAppended(t)
	t.ahead = false
	for _, tm := range t.Marks {
		if tm.Lane == dataflow.NoLane {
			continue
		}
		g, now := m.groups[tm.Watermark], tm.Tracker.Now()
		m.takePassages(g, tm)
		t.ahead = t.ahead || isAhead(g.marks[tm.Lane], now, g.global)
		g.marks[tm.Lane] = now
		if t.done && (m.ending || m.e.opt.Ephemeral && m.e.opt.CloseWindows) {
			g.marks[tm.Lane] = math.MaxInt64 // it can hold nothing back any more
		}
	}
	for _, l := range t.lanes {
		l.stage.Seal(l.lane, m.groups[t.Marks[l.watermark].Watermark].marks[l.lane])
	}
	for _, l := range t.alerts {
		l.report()
	}
	for _, tm := range t.Marks {
		if tm.Lane == dataflow.NoLane {
			continue
		}
		if err := m.groups[tm.Watermark].advance(); err != nil {
			return err
		}
	}
	if !m.e.broken.Load() { // it may have been broken amid the work of another task
		handAll(m.writers)
	}
	return nil
}

// end closes all windows, for the sources have ended: nothing holds them open any more. What comes later is late. The
// gate is held.
func (m *merger) end() error {
	m.ending = true
	defer func() { m.ending = false }()
	for _, t := range m.e.tasks {
		if err := m.report(t); err != nil {
			return err
		}
	}
	m.settle(m.e.flows, func(*task) bool { return false })
	return nil
}

// reportsAhead is how many reports a partition may be in front of the slowest. Fewer have the tasks take
// turns so often that the processors' caches suffer; more let the last partition run alone at the end.
const reportsAhead = 4

// isAhead tells whether a partition whose last report took its watermark from before to now is too far in
// front of the watermark of all. Keeping partitions together keeps the windows few that are open between
// them, and has the partitions of a topic end at the same time.
func isAhead(before, now, all int64) bool {
	return now > all && uint64(now-all)/reportsAhead > uint64(now-before)
}

// settle raises the watermarks of partitions that are behind windows which are closed all the same:
// rows that they bring for these are late. That is where the end of the sources closed windows, and
// where partitions were added; a partition in added starts at the watermark that the others had
// reached. The gate is held.
func (m *merger) settle(flows []*dataflow.Scan, added func(*task) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range flows {
		for i, mg := range f.Watermarks {
			g := m.groups[mg]
			closed, reached := int64(math.MinInt64), int64(math.MaxInt64)
			for _, t := range m.e.tasksOf[f] {
				if !added(t) && t.Marks[i].Lane != dataflow.NoLane {
					reached = min(reached, t.Marks[i].Tracker.Now())
				}
			}
			for _, c := range g.closers {
				if c.passedAt(reached) < c.closed { // windows of windows may be closed before the watermark is at their end
					closed = max(closed, c.closed)
				}
			}
			for _, s := range g.joins {
				if at := s.x.Closed(); reached < at {
					closed = max(closed, at)
				}
			}
			for _, t := range m.e.tasksOf[f] {
				tm := t.Marks[i]
				if tm.Lane == dataflow.NoLane {
					continue
				}
				tm.Raise(closed)
				if added(t) && reached < math.MaxInt64 {
					tm.Raise(reached)
				}
				m.takePassages(g, tm)
				g.marks[tm.Lane] = max(g.marks[tm.Lane], tm.Tracker.Now())
			}
			g.global = max(g.global, slices.Min(g.marks))
		}
	}
}

// advance moves the global watermark and all that goes by it.
func (g *groupMarks) advance() error {
	low := slices.Min(g.marks)
	if low <= g.global {
		for _, s := range g.joins { // the rows of another lane may be next all the same
			if err := s.Advance(low); err != nil {
				return err
			}
		}
		return nil
	}
	g.global = low
	for _, s := range g.stages {
		if err := s.Advance(low); err != nil {
			return err
		}
	}
	for _, a := range g.alerts {
		if err := a.advance(); err != nil {
			return err
		}
	}
	for lane := range g.passages {
		g.passages[lane].Forget(low)
	}
	return nil
}
