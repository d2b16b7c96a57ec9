package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// mostGarbage is how many bytes of garbage may gather before the memory is cleaned up, and leastPercent what
// may gather in any case, in percent of what is in use.
const (
	mostGarbage  = 96 << 20
	leastPercent = 25
)

// limitGarbage keeps this process smaller than Go would: without it as much garbage gathers as memory is in
// use, which doubles what a pipeline takes that catches up. Whoever sets GOGC decides alone. It works until
// stop is called.
func limitGarbage(most uint64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	g := &garbage{most: most, percent: 100}
	g.watch()
	return func() { g.stopped.Store(true) }
}

// garbage sets the percentage anew after each collection.
type garbage struct {
	most    uint64
	percent int
	stopped atomic.Bool
}

// collected is an object that nothing refers to: the next collection finds it.
type collected struct{ _ [64]byte }

func (g *garbage) watch() {
	runtime.AddCleanup(new(collected), func(g *garbage) {
		if g.stopped.Load() {
			return
		}
		g.adjust()
		g.watch()
	}, g)
}

func (g *garbage) adjust() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	if percent := garbagePercent(live[0].Value.Uint64(), g.most); percent != g.percent {
		g.percent = percent
		debug.SetGCPercent(percent)
	}
}

// garbagePercent is how much garbage may gather beside so many bytes in use, in percent of them, in steps of 5:
// to change it stops the process for a moment.
func garbagePercent(live, most uint64) int {
	percent := 100 * most / max(live, 1)
	return int(min(max(percent, leastPercent), 100)) / 5 * 5
}
