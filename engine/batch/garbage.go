package batch

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// garbageShare is which part of the budget garbage may be before it is looked at at all.
const garbageShare = 8

// garbage is the bytes that queries gave back and that no collection has taken yet. The collector lets as much of it
// gather as is in use, which would be another budget: what growing leaves behind, and whole queries that have ended.
type garbage struct {
	mu    sync.Mutex
	bytes int64
	seen  uint64 // collections when some was added last
	read  [1]metrics.Sample
}

// collectedBy is after how many collections memory that was given back before is free: one may be under way.
const collectedBy = 2

func (g *garbage) collections() uint64 {
	g.read[0].Name = "/gc/cycles/total:gc-cycles"
	metrics.Read(g.read[:])
	return g.read[0].Value.Uint64()
}

// add counts bytes that were given back.
func (g *garbage) add(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.collections()
	if now >= g.seen+collectedBy {
		g.bytes = 0
	}
	g.bytes, g.seen = g.bytes+n, now
}

// keep collects the garbage if it is more than room, which is what the budget has left, and more than least.
func (g *garbage) keep(room, least int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bytes <= room || g.bytes <= least {
		return
	}
	if g.collections() < g.seen+collectedBy {
		runtime.GC()
	}
	g.bytes = 0
}
