package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		live, made uint64 // MB
		in         time.Duration
		want       int
	}{
		{0, 10, time.Second, 100}, {10, 10, time.Second, 100}, {64, 100, time.Second, 100}, {100, 10, 1, 95}, {128, 50, time.Second, 75},
		{256, 500, time.Second, 35}, {10 << 10, 500, time.Second, 25},
		{64, 5, time.Second, 50}, {64, 60, 16 * time.Second, 35}, {64, 60, time.Minute, 25}, {10, 0, time.Hour, 25}, {10, 1, 0, 100},
	} {
		if got := garbagePercent(c.live*mb, mostGarbage, c.made*mb, c.in); got != c.want {
			t.Errorf("%d MB in use, %d MB made in %v: %d %%, want %d", c.live, c.made, c.in, got, c.want)
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
