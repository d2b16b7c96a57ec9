package engine

import (
	"math"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/engine/agg"
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
	closer []*closer // by windowed operator

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
	alerts  []*alertStage

	passages []scan.Passages // by lane; nil: nobody wants to know when windows were closed
}

// A closer closes the windows of one operator and hands their rows on.
type closer struct {
	w       *windowOp
	group   *groupMarks
	tasks   []*windowTask
	pending [][]*partial // by lane, sealed, by slice and minEnd
	closed  int64        // end of the newest window that is closed; math.MinInt64: none
	gone    []partialKey // stored partials to be removed at the next checkpoint
	emit    *emitter

	previews []*preview
	open     map[int64]*openGroups // by end of window
	below    *closer               // whose windows' rows these group; nil: records

	m     *merger
	lives int64 // how long rows live in the sink that keeps them longest of those that forget; 0: there is none
	ages  []age // of windows whose rows may live, in order
}

type partialKey struct {
	lane          int32
	slice, minEnd int64
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

func (m *merger) addCloser(w *windowOp, g *groupMarks, n int, emit *emitter) *closer {
	c := &closer{w: w, group: g, closed: math.MinInt64, emit: emit, m: m,
		pending: make([][]*partial, n), tasks: make([]*windowTask, n)}
	c.group.closers = append(c.group.closers, c)
	m.closer = append(m.closer, c)
	return c
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
	for _, w := range t.windows {
		m.e.closerOf(w.op).seal(t, w)
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

// seal takes the partials that no row can reach any more: those whose minEnd the task's own
// watermark has passed.
func (c *closer) seal(t *task, w *windowTask) {
	mark := c.group.marks[w.lane]
	kept := w.open[:0]
	for _, p := range w.open {
		if p.minEnd > mark {
			kept = append(kept, p)
			continue
		}
		p.seal(t)
		c.insert(w.lane, p)
		if h := c.emit.takeSpare(); h != nil { // in return
			w.free = append(w.free, h)
		}
	}
	clear(w.open[len(kept):])
	w.open = kept
}

func (c *closer) insert(lane int, p *partial) {
	list := c.pending[lane]
	at, _ := slices.BinarySearchFunc(list, p, comparePartials)
	c.pending[lane] = slices.Insert(list, at, p)
}

// advance moves the global watermark and closes what lies behind it.
func (g *groupMarks) advance() error {
	low := slices.Min(g.marks)
	if low <= g.global {
		return nil
	}
	g.global = low
	for _, c := range g.closers {
		for {
			end, ok := c.next()
			if !ok || end > c.passed() {
				break
			}
			if err := c.close(end); err != nil {
				return err
			}
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

// next is the end of the first window that has rows and is not closed.
func (c *closer) next() (end int64, ok bool) {
	spec := &c.w.spec
	end = math.MaxInt64
	after := int64(math.MinInt64)
	if c.closed != math.MinInt64 {
		after = spec.NextEnd(c.closed)
	}
	for _, list := range c.pending {
		for _, p := range list {
			if ok && spec.FirstEnd(p.slice) >= end {
				break
			}
			if e := max(p.minEnd, after); e <= spec.LastEnd(p.slice) && (!ok || e < end) {
				end, ok = e, true
			}
		}
	}
	return end, ok
}

// close merges the window that ends at end, lane by lane in order, and hands its rows on.
func (c *closer) close(end int64) error {
	c.emit.hash.Reset()
	start, first := end-c.w.spec.Size, true
	for _, list := range c.pending {
		for _, p := range list {
			if p.slice >= end {
				break
			}
			if p.slice < start || p.minEnd > end {
				continue
			}
			if first && c.w.spec.LastEnd(p.slice) == end { // it is in no other window: the others are merged into it
				c.emit.hash, p.hash = p.hash, c.emit.hash
			} else {
				c.emit.hash.Merge(p.hash)
			}
			first = false
		}
	}
	c.closed = end
	c.dropOpenGroups()
	c.drop(end)
	c.noteAge(end)
	if err := c.emit.window(start, end, c.emit.hash); err != nil {
		return err
	}
	return c.noteClosed(end)
}

// drop lets go of partials whose last window is closed.
func (c *closer) drop(end int64) {
	for lane, list := range c.pending {
		kept := list[:0]
		for _, p := range list {
			if c.w.spec.LastEnd(p.slice) > end {
				kept = append(kept, p)
				continue
			}
			if p.stored {
				c.gone = append(c.gone, partialKey{int32(lane), p.slice, p.minEnd})
			}
			c.m.e.held.Add(-p.held)
			p.hash.Reset()
			c.emit.spare(p.hash)
		}
		clear(list[len(kept):])
		c.pending[lane] = kept
	}
}

// openWindow merges what is there of the window that ends at end and is not closed, without changing
// anything. The gate must be held.
func (c *closer) openWindow(end int64, into *agg.Hash) {
	into.Reset()
	for lane := range c.pending {
		parts := append([]*partial(nil), c.pending[lane]...)
		if t := c.tasks[lane]; t != nil {
			parts = append(parts, t.open...)
		}
		slices.SortFunc(parts, comparePartials)
		for _, p := range parts {
			if c.isIn(p, end) {
				into.Merge(p.hash)
			}
		}
	}
}

// openEnds is the ends of all windows that have rows and are not closed, ascending.
func (c *closer) openEnds() []int64 {
	seen := map[int64]bool{}
	spec := &c.w.spec
	visit := func(p *partial) {
		for end := p.minEnd; end <= spec.LastEnd(p.slice); end += spec.Slide {
			if end > c.closed {
				seen[end] = true
			}
		}
	}
	for lane, list := range c.pending {
		for _, p := range list {
			visit(p)
		}
		if t := c.tasks[lane]; t != nil {
			for _, p := range t.open {
				visit(p)
			}
		}
	}
	ends := make([]int64, 0, len(seen))
	for end := range seen {
		ends = append(ends, end)
	}
	slices.Sort(ends)
	return ends
}
