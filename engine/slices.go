package engine

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
)

// Slices is the stage of windows of a fixed size: partials of their slices, by lane, which are merged when a window
// closes. See package window.
type Slices struct {
	*closer
	tasks   []*windowTask
	pending [][]*partial          // by lane, sealed, by slice and minEnd
	gone    []partialKey          // stored partials to be removed at the next checkpoint
	open    map[int64]*openGroups // by end of window
	looks   openLooks
	loose   map[partialKey]*partial // that are being restored
	state   stateWriter
}

type partialKey struct {
	lane          int32
	slice, minEnd int64
}

func newSlices(c *closer, n int) *Slices {
	return &Slices{closer: c, pending: make([][]*partial, n), tasks: make([]*windowTask, n)}
}

func (c *Slices) addTask(lane int, w *windowTask) { c.tasks[lane] = w }

// Advance closes the windows that the watermark has passed.
func (c *Slices) Advance(mark int64) error {
	for {
		end, ok := c.next()
		if !ok || end > c.passedAt(mark) {
			return nil
		}
		if err := c.close(end); err != nil {
			return err
		}
	}
}

// Next is the end of the first window that may still give rows.
func (c *Slices) Next(mark int64) int64 {
	return c.w.spec.NextEnd(c.passedAt(mark)) // window.None and window.End are the least and the greatest time
}

// Open visits the open windows. The gate must be held.
func (c *Slices) Open(visit func(end int64, fill func(into *agg.Hash))) {
	c.noteLook()
	for _, end := range c.openEnds() {
		visit(end, func(into *agg.Hash) { c.openWindow(end, into) })
	}
}

// Seal takes the partials that no row can reach any more: those whose minEnd the task's own
// watermark has passed.
func (c *Slices) Seal(lane int, mark int64) {
	w := c.tasks[lane]
	if w == nil {
		return
	}
	kept := w.open[:0]
	for _, p := range w.open {
		if p.minEnd > mark {
			kept = append(kept, p)
			continue
		}
		p.seal(w)
		c.insert(lane, p)
		if h := c.emit.takeSpare(); h != nil { // in return
			w.free = append(w.free, h)
		}
	}
	clear(w.open[len(kept):])
	w.open = kept
}

func (c *Slices) insert(lane int, p *partial) {
	list := c.pending[lane]
	at, _ := slices.BinarySearchFunc(list, p, comparePartials)
	c.pending[lane] = slices.Insert(list, at, p)
}

// next is the end of the first window that has rows and is not closed.
func (c *Slices) next() (end int64, ok bool) {
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
func (c *Slices) close(end int64) error {
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
func (c *Slices) drop(end int64) {
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
func (c *Slices) openWindow(end int64, into *agg.Hash) {
	into.Reset()
	counted := c.countsOpen()
	for lane := range c.pending {
		parts := append([]*partial(nil), c.pending[lane]...)
		if t := c.tasks[lane]; t != nil {
			parts = append(parts, t.open...)
		}
		slices.SortFunc(parts, comparePartials)
		for _, p := range parts {
			switch {
			case !c.isIn(p, end):
			case counted:
				into.MergeAllCounted(p.hash)
			default:
				into.Merge(p.hash)
			}
		}
	}
	if counted {
		into.TakeCounts(c.openGroups(end))
	}
}

// openEnds is the ends of all windows that have rows and are not closed, ascending.
func (c *Slices) openEnds() []int64 {
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
