package window

// Global is the watermark of several partitions together: the least of those that are not idle. It
// never goes back. It says when windows close; which rows count is the business of each
// partition's own watermark.
type Global struct {
	marks []int64
	idle  []bool
	mark  int64
}

// NewGlobal returns the watermark of n partitions of which nothing is known.
func NewGlobal(n int) *Global {
	g := &Global{mark: None}
	g.Grow(n)
	return g
}

// Grow makes the partitions 0 … n-1 be there. New ones hold the watermark until they have one.
func (g *Global) Grow(n int) {
	for len(g.marks) < n {
		g.marks, g.idle = append(g.marks, None), append(g.idle, false)
	}
}

// Set takes the watermark of a partition, which is not idle by it. It does not go back.
func (g *Global) Set(partition int, mark int64) {
	g.marks[partition] = max(g.marks[partition], mark)
	g.idle[partition] = false
	g.advance()
}

// SetIdle makes a partition hold nothing back until its next Set.
func (g *Global) SetIdle(partition int) {
	g.idle[partition] = true
	g.advance()
}

// Idle reports whether a partition holds nothing back.
func (g *Global) Idle(partition int) bool { return g.idle[partition] }

// Mark is the watermark; None if there is none yet.
func (g *Global) Mark() int64 { return g.mark }

// Restore sets the watermark that a checkpoint holds.
func (g *Global) Restore(mark int64) { g.mark = max(g.mark, mark) }

// advance moves the watermark to the least of the partitions that are not idle. Where all are idle
// none holds back, and the greatest counts: it is what would have come out had that partition been
// the last to fall idle, so that the order in which they do does not matter.
func (g *Global) advance() {
	least, greatest, any := End, None, false
	for p, m := range g.marks {
		greatest = max(greatest, m)
		if !g.idle[p] {
			least, any = min(least, m), true
		}
	}
	if !any {
		least = greatest
	}
	g.mark = max(g.mark, least)
}

// Holder returns the partition whose watermark is the least among those that are not idle, which is
// why a window is still open; -1 where there is none.
func (g *Global) Holder() int {
	holder := -1
	for p, m := range g.marks {
		if !g.idle[p] && (holder < 0 || m < g.marks[holder]) {
			holder = p
		}
	}
	return holder
}
