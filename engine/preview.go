package engine

import (
	"context"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/record"
)

// previewRows is how many rows of open windows a sink is given at a time: what the tasks stand still
// for. The others wait for the next tick.
const previewRows = 4096

// spareHashes is how many empty hashes a preview keeps.
const spareHashes = 64

// A preview hands rows of open windows to a sink with outputMode update: those that changed since it
// handed them on last. It is one of a windowed operator and a sink that reads its table.
//
// The rows go to the sink through the queue of its final rows, so that a final row always comes after the
// open ones of its window; they are in no checkpoint, for they can be computed again. While a sink has not taken the last ones it is given no others: what changes
// meanwhile is gathered here as marks, a bit a group.
type preview struct {
	closer *closer
	place  int // among the closer's previews, and in partial.stale
	to     *destination
	emit   *emitter // of its own
	clock  expr.Clock
	chain  []*derived
	rows   *rowWriter
	handed *handed // nil: what it hands on is let go by nothing but the ttl
	busy   bool    // rows are on their way; under outbox.mu
	next   int     // lane whose changes are taken first

	owed    *agg.Groups // of sessions: the keys of those that changed
	picked  []pick
	windows []openWindow
	free    []*agg.Hash
	ordered []*partial // scratch
	times   []int64    // scratch
}

// A pick is groups of a partial that are handed on together.
type pick struct {
	p     *partial
	slots []uint32
}

// An openWindow is the groups of an open window that changed, merged over the lanes.
type openWindow struct {
	end  int64
	age  int64
	hash *agg.Hash
}

// stale is the groups of a partial that changed since a preview handed them on.
type stale struct {
	slots []uint32
	in    []bool // by slot
}

func (s *stale) add(slot uint32) {
	for int(slot) >= len(s.in) {
		s.in = append(s.in, make([]bool, max(64, len(s.in)))...)
	}
	if !s.in[slot] {
		s.in[slot] = true
		s.slots = append(s.slots, slot)
	}
}

// take moves up to n slots to dst.
func (s *stale) take(n int, dst []uint32) []uint32 {
	n = min(n, len(s.slots))
	for _, slot := range s.slots[:n] {
		s.in[slot] = false
	}
	dst = append(dst, s.slots[:n]...)
	s.slots = append(s.slots[:0], s.slots[n:]...)
	return dst
}

// noteChangedOf marks the groups of a partial that changed since it was asked last for all previews. The gate is held.
func (c *Slices) noteChangedOf(p *partial) {
	if len(p.hash.Fresh()) == 0 {
		return
	}
	c.fitStale(p)
	for i := range p.stale {
		for _, slot := range p.hash.Fresh() {
			p.stale[i].add(slot)
		}
	}
	p.hash.ClearFresh()
}

// A previewed is windows whose open rows are handed on. The gate is held.
type previewed interface {
	watch()                  // groups that change are remembered from now on
	noteChanged()            // marks them for all previews
	markAll(v *preview)      // has the preview hand all rows on again
	isStale(v *preview) bool // some are marked
	take(v *preview)         // leaves rows of some that are in v.windows
}

// noteAllChanged marks what changed of all windows of which rows are handed on. The gate is held.
func (e *Engine) noteAllChanged() {
	for _, c := range e.merger.closer {
		if len(c.previews) > 0 {
			c.of.noteChanged()
		}
	}
}

func (c *Slices) watch() { c.w.watched = true }

func (c *Slices) noteChanged() {
	for lane, list := range c.pending {
		for _, p := range list {
			c.noteChangedOf(p)
		}
		if t := c.tasks[lane]; t != nil {
			for _, p := range t.open {
				c.noteChangedOf(p)
			}
		}
	}
}

func (c *Slices) fitStale(p *partial) {
	for len(p.stale) < len(c.previews) {
		p.stale = append(p.stale, stale{})
	}
}

func (c *Slices) markAll(v *preview) {
	for _, p := range c.partials() {
		c.fitStale(p)
		for slot := range uint32(p.hash.Len()) {
			p.stale[v.place].add(slot)
		}
	}
}

// isStale reports whether rows of open windows changed that were not handed on yet, to destinations that
// skip does not name.
func (e *Engine) isStale(skip func(destination string) bool) bool {
	e.gate.Lock()
	defer e.gate.Unlock()
	e.noteAllChanged()
	for _, v := range e.previews {
		if skip(v.to.name) {
			continue
		}
		if v.handed != nil && v.handed.owes() {
			return true
		}
		if v.closer.of.isStale(v) {
			return true
		}
	}
	return false
}

func (c *Slices) isStale(v *preview) bool {
	return slices.ContainsFunc(c.partials(), func(p *partial) bool { return len(p.stale) > v.place && len(p.stale[v.place].slots) > 0 })
}

// buildPreviews makes a preview for each sink with outputMode update and each windowed operator whose
// rows reach it.
func (e *Engine) buildPreviews() error {
	if e.opt.Ephemeral {
		return nil // such a run hands nothing on before its end
	}
	for _, c := range e.merger.closer {
		for _, path := range e.pathsFrom(c.w.op) {
			sink := path[len(path)-1]
			if !sink.Sink.Update {
				continue
			}
			v := &preview{closer: c, place: len(c.previews), to: e.destinations[sinkOf(sink)]}
			var err error
			env := e.env
			env.Clock = &v.clock
			if v.emit, err = newEmitter(c.w, env, e.log); err != nil {
				return err
			}
			if v.chain, err = newChain(c.w.op, path, env, e.joined); err != nil {
				return err
			}
			v.rows = newAside(e, v.to, 0)
			if v.to.format == formatPlace {
				v.rows.age = &v.emit.age
			}
			if err = v.watchLetGo(e, path); err != nil {
				return err
			}
			c.previews = append(c.previews, v)
			c.of.watch()
			e.previews = append(e.previews, v)
		}
	}
	return nil
}

// pathsFrom is every way on which final rows of a windowed operator reach a sink: the operators that
// they pass, the sink's last. A windowed operator that is a sink itself is a way of its own.
func (e *Engine) pathsFrom(op *dataflow.Operator) [][]*dataflow.Operator {
	switch {
	case op.Alert != nil:
		return nil
	case op.Sink != nil:
		return [][]*dataflow.Operator{{op}}
	}
	var paths [][]*dataflow.Operator
	for _, next := range op.Consumers {
		if next.Windowed() {
			continue // its windows are a beginning of their own
		}
		if next.Sink != nil {
			paths = append(paths, []*dataflow.Operator{next})
			continue
		}
		for _, rest := range e.pathsFrom(next) {
			paths = append(paths, append([]*dataflow.Operator{next}, rest...))
		}
	}
	return paths
}

// newChain compiles the operators of a way once more, so that they can run beside the ones that final
// rows take, and count nothing.
func newChain(from *dataflow.Operator, path []*dataflow.Operator, env expr.Env, tables joinTables) ([]*derived, error) {
	var chain []*derived
	for _, op := range path {
		if op == from {
			continue // its emitter gives the sink's rows already
		}
		d, err := newDerived(op, env, tables)
		if err != nil {
			return nil, err
		}
		chain = append(chain, d)
	}
	return chain, nil
}

// runChain passes rows through the operators of a way to a writer.
func runChain(chain []*derived, cols []*column.Vector, rows []uint32, times []int64, to *rowWriter) error {
	for _, d := range chain {
		d.run(cols, rows, times)
		cols, rows, times = d.cols, d.kept, d.times
	}
	return to.append(cols, rows, times)
}

// preview hands changed rows of open windows to the sinks that want them and are ready. The lock
// committing is held, so that no window is closed and delivered before its last open rows are queued.
func (e *Engine) preview() error {
	if len(e.previews) == 0 || e.replays(context.Background()) {
		return nil
	}
	for _, v := range e.previews {
		if e.outbox.isBusy(v) {
			continue
		}
		place := e.takeChanged(v)
		if place == nil {
			continue
		}
		err := v.evaluate()
		if err == nil && v.handed != nil {
			v.handed.settle(v.rows.rows)
		}
		var rows *record.Rows
		if err == nil && v.rows.rows.Len() > 0 {
			rows = v.rows.rows
			v.rows.rows = e.outbox.spare()
			v.rows.rows.Sink, v.rows.rows.Partition, v.rows.rows.First = rows.Sink, rows.Partition, 0
		}
		e.outbox.fill(place, rows)
		if err != nil {
			return err
		}
	}
	return nil
}

// takeChanged takes the groups that changed and keeps a place for their rows in the queue of the sink: final rows of
// windows that close meanwhile come behind. nil: there is nothing to hand on.
func (e *Engine) takeChanged(v *preview) *entry {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.broken.Load() || e.holding.Load() {
		return nil // while rows are held back a window may be closed of which the sink does not know
	}
	e.noteAllChanged()
	v.closer.of.take(v)
	if len(v.windows) == 0 && (v.handed == nil || !v.handed.owes()) {
		return nil
	}
	return e.outbox.reserve(v, e.epoch.Load())
}

// take merges the groups that changed, up to previewRows of them, and leaves them in v.windows. The
// gate is held: nothing is computed here that can be computed later.
func (c *Slices) take(v *preview) {
	c.pick(v)
	for i := range v.picked {
		pick := &v.picked[i]
		c.eachWindow(pick.p, func(end int64) {
			w := v.window(end)
			keys := pick.p.hash.Keys()
			parts := make([]*column.Vector, len(keys))
			for k := range keys {
				parts[k] = &keys[k]
			}
			w.hash.Locate(parts, pick.slots)
		})
	}
	slices.SortFunc(v.windows, func(a, b openWindow) int { return int(min(1, max(-1, a.end-b.end))) })
	for lane := range c.pending {
		v.ordered = c.inOrder(v.ordered[:0], lane)
		for _, w := range v.windows {
			for _, p := range v.ordered {
				if c.isIn(p, w.end) {
					w.hash.MergeCounted(p.hash)
				}
			}
		}
	}
	if c.countsOpen() {
		for _, w := range v.windows {
			w.hash.TakeCounts(c.openGroups(w.end))
		}
	}
}

// pick takes groups that changed, from one lane after another, beginning where it ended last.
func (c *Slices) pick(v *preview) {
	v.picked = v.picked[:0]
	left := previewRows
	n := len(c.pending)
	first := v.next
	for i := range n {
		lane := (first + i) % n
		for _, p := range c.inOrder(v.ordered[:0], lane) {
			if len(p.stale) <= v.place || len(p.stale[v.place].slots) == 0 {
				continue
			}
			windows := 0
			c.eachWindow(p, func(int64) { windows++ })
			if left <= 0 {
				v.next = lane
				return
			}
			take := max(1, left/max(windows, 1))
			slots := p.stale[v.place].take(take, nil)
			left -= len(slots) * max(windows, 1)
			if windows > 0 {
				v.picked = append(v.picked, pick{p, slots})
			}
		}
	}
}

// eachWindow visits the ends of the open windows that a partial counts in.
func (c *Slices) eachWindow(p *partial, visit func(end int64)) {
	spec := &c.w.spec
	for end := p.minEnd; end <= spec.LastEnd(p.slice); end += spec.Slide {
		if end > c.closed {
			visit(end)
		}
	}
}

// window finds or begins the window that ends at end.
func (v *preview) window(end int64) *openWindow {
	for i := range v.windows {
		if v.windows[i].end == end {
			return &v.windows[i]
		}
	}
	var h *agg.Hash
	if n := len(v.free); n > 0 {
		h, v.free = v.free[n-1], v.free[:n-1]
	} else {
		var err error
		if h, err = v.closer.w.newHash(); err != nil {
			panic("BUG: an aggregate that could be made before cannot be made now: " + err.Error())
		}
	}
	v.windows = append(v.windows, openWindow{end, v.closer.m.ageOpen(end), h})
	return &v.windows[len(v.windows)-1]
}

// evaluate turns the windows that take left into rows of the sink. It runs beside the tasks.
func (v *preview) evaluate() error {
	em := v.emit
	for _, w := range v.windows {
		em.fill(w.end-v.closer.w.spec.Size, w.end, w.hash)
		em.age, v.clock.Now = w.age, w.age
		em.evaluate()
		v.times = append(v.times[:0], em.times...)
		if v.handed != nil {
			v.handed.begin(v.times, w.end, v.rows)
		}
		if err := runChain(v.chain, em.cols, em.sel, v.times, v.rows); err != nil {
			return err
		}
		if v.handed != nil {
			v.handed.end(w.end, em, v.rows.rows)
		}
		w.hash.Reset()
		if len(v.free) < spareHashes {
			v.free = append(v.free, w.hash)
		}
	}
	clear(v.windows)
	v.windows = v.windows[:0]
	return nil
}

// inOrder appends the partials of a lane to dst in the order in which they are merged. The gate
// is held.
func (c *Slices) inOrder(dst []*partial, lane int) []*partial {
	dst = append(dst, c.pending[lane]...)
	if t := c.tasks[lane]; t != nil {
		dst = append(dst, t.open...)
	}
	slices.SortFunc(dst, comparePartials)
	return dst
}
