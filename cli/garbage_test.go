package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGarbagePercent(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 100}, {10 << 20, 100}, {64 << 20, 100}, {100 << 20, 95}, {128 << 20, 75}, {256 << 20, 35}, {10 << 30, 25}} {
		if got := garbagePercent(c.live, mostGarbage); got != c.want {
			t.Errorf("%d MB in use: %d %%, want %d", c.live>>20, got, c.want)
		}
	}
}

// TestLimitGarbage: the collector's percentage follows what is in use, until stop.
func TestLimitGarbage(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set, which decides alone")
	}
	defer debug.SetGCPercent(100)
	percent := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	collect := func() { // and let cleanups run
		done := make(chan struct{})
		runtime.AddCleanup(new(collected), func(done chan struct{}) { close(done) }, done)
		for {
			runtime.GC()
			select {
			case <-done:
				return
			default:
			}
		}
	}
	limitGarbage(1)()
	for range 20 {
		collect()
	}
	if got := percent(); got != 100 {
		t.Errorf("it was stopped at once, and the percentage is %d", got)
	}
	stop := limitGarbage(1)
	defer stop()
	for percent() != leastPercent { // the program's own limit ends a test that hangs
		collect()
	}
}
