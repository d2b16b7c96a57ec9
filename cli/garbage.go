package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// mostGarbage is how many bytes of garbage may gather before the memory is cleaned up, and leastPercent what
// may gather in any case, in percent of what is in use. Between them as much may gather as is made in
// gatherTime for each MB in use: to clean up takes about a millisecond for a MB of pointers, and is to take
// no more than a hundredth of the time.
const (
	mostGarbage  = 96 << 20
	leastPercent = 25
	gatherTime   = 100 * time.Millisecond
)

// limitGarbage keeps this process smaller than Go would: without it as much garbage gathers as memory is in
// use, which doubles what a pipeline takes, also one that has little to do. Whoever sets GOGC decides alone.
// It works until stop is called.
func limitGarbage(most uint64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	g := &garbage{most: most, percent: 100, at: time.Now()}
	g.watch()
	return func() { g.stopped.Store(true) }
}

// garbage sets the percentage again after each collection.
type garbage struct {
	most    uint64
	percent int
	stopped atomic.Bool
	at      time.Time // of the collection before
	made    uint64    // bytes, by then
}

// collected is an object that nothing refers to: the next collection finds it.
type collected struct{ _ [64]byte }

func (g *garbage) watch() {
	runtime.AddCleanup(new(collected), func(g *garbage) {
		if g.stopped.Load() {
			return
		}
		g.adjust(time.Now())
		g.watch()
	}, g)
}

func (g *garbage) adjust(now time.Time) {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(heap)
	if heap[0].Value.Kind() != metrics.KindUint64 || heap[1].Value.Kind() != metrics.KindUint64 {
		return
	}
	made := heap[1].Value.Uint64()
	percent := garbagePercent(heap[0].Value.Uint64(), g.most, made-g.made, now.Sub(g.at))
	g.at, g.made = now, made
	if percent != g.percent {
		g.percent = percent
		debug.SetGCPercent(percent)
	}
}

// garbagePercent is how much garbage may gather beside so many bytes in use, of a process that has made so many
// bytes in so much time; in percent of what is in use, in steps of 5: to change it stops the process for a moment.
func garbagePercent(live, most, made uint64, in time.Duration) int {
	byMost := 100 * most / max(live, 1)
	byRate := 100 * float64(made) / (1 << 20) * float64(gatherTime) / float64(max(in, 1))
	return int(min(max(min(float64(byMost), byRate), leastPercent), 100)) / 5 * 5
}
