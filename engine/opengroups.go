package engine

import "github.com/nagare-stream/nagare/engine/agg"

// openGroups is the groups of an open window, of all lanes together: how many rows it would give, and their distinct
// counts. Whoever asks has it brought up to date by what came since anybody asked last; where nobody asks nothing is
// done.
type openGroups struct {
	union *agg.Union
	asked bool // since the last checkpoint
}

// openGroups brings those of the window that ends at end up to date. The gate is held.
func (c *Slices) openGroups(end int64) *agg.Union {
	g := c.open[end]
	if g == nil {
		g = &openGroups{union: c.newUnion()}
		if c.open == nil {
			c.open = map[int64]*openGroups{}
		}
		c.open[end] = g
	}
	g.asked = true
	c.eachIn(end, func(p *partial) { g.union.Follow(p.hash) })
	return g.union
}

// openLooks is how often somebody has read the open windows.
type openLooks struct {
	now, before int  // since the last checkpoint, and between that and the one before
	again       bool // they are read again and again, so that their distinct counts are followed
}

// noteLook takes down that the open windows are read. Who reads them once has their sets merged; of those that are read
// again, by the page once a second, the distinct counts are followed, which costs what came since. The gate is held.
func (c *Slices) noteLook() {
	c.looks.now++
	if !c.looks.again && c.looks.now+c.looks.before > 1 {
		c.dropUncounted()
		c.looks.again = true
	}
}

// dropUncounted lets go what was followed without distinct counts, to be made anew with them, or the other way round.
func (c *Slices) dropUncounted() {
	if len(c.previews) == 0 && agg.CountsDistinct(c.w.aggs) {
		clear(c.open)
	}
}

// countsOpen reports whether previews, or those who look, want the distinct counts of open windows again and again.
func (c *Slices) countsOpen() bool {
	return (len(c.previews) > 0 || c.looks.again) && agg.CountsDistinct(c.w.aggs)
}

func (c *Slices) newUnion() *agg.Union {
	if c.countsOpen() {
		return agg.NewUnion(c.w.keys, c.w.aggs)
	}
	return agg.NewUnion(c.w.keys, nil)
}

// eachIn visits the partials of all lanes that count in the window that ends at end. The gate is held.
func (c *Slices) eachIn(end int64, visit func(*partial)) {
	for lane, list := range c.pending {
		for _, p := range list {
			if c.isIn(p, end) {
				visit(p)
			}
		}
		if t := c.tasks[lane]; t != nil {
			for _, p := range t.open {
				if c.isIn(p, end) {
					visit(p)
				}
			}
		}
	}
}

// isIn reports whether a partial counts in the window that ends at end.
func (c *Slices) isIn(p *partial, end int64) bool {
	return p.slice >= end-c.w.spec.Size && p.slice < end && p.minEnd <= end
}

// dropOpenGroups lets those of closed windows go, whose partials go, too.
func (c *Slices) dropOpenGroups() {
	for end := range c.open {
		if end <= c.closed {
			delete(c.open, end)
		}
	}
}

// forgetUnasked lets those go that nobody has asked for since the last checkpoint: they take memory for each group,
// and can be made again. Those that previews ask for stay as long as their windows. The gate is held.
func (c *Slices) forgetUnasked() {
	if c.looks.again && c.looks.now == 0 {
		c.looks.again = false
		c.dropUncounted()
	}
	c.looks.now, c.looks.before = 0, c.looks.now
	if c.countsOpen() {
		return
	}
	for end, g := range c.open {
		if !g.asked {
			delete(c.open, end)
		}
		g.asked = false
	}
}

// openRows counts the rows that closing all windows now would give, HAVING left out. The gate must
// be held.
func (c *Slices) openRows() int64 {
	var n int64
	for _, end := range c.openEnds() {
		n += c.openRowsOf(end)
	}
	return n
}

// openWindows is how many windows are open, and the first of them. The gate must be held.
func (c *Slices) openWindows(most int) (n int, first []OpenWindow) {
	ends := c.openEnds()
	for _, end := range ends[:min(len(ends), most)] {
		first = append(first, OpenWindow{Start: end - c.w.spec.Size, End: end, Groups: c.openRowsOf(end)})
	}
	return len(ends), first
}

// openRowsOf counts those of the window that ends at end. The gate must be held.
func (c *Slices) openRowsOf(end int64) int64 {
	var only *partial
	n := 0
	c.eachIn(end, func(p *partial) { only, n = p, n+1 })
	switch n {
	case 0:
		return 0
	case 1:
		return int64(only.hash.Len())
	}
	return int64(c.openGroups(end).Len())
}
