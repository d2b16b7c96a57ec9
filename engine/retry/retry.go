package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Waits is the bounds of a wait that doubles with each failure.
type Waits struct{ First, Most time.Duration }

// After returns how long to wait after so many failures in a row: First after one, doubled by each
// that follows, at most Most; of that at random between a half and one and a half, so that those
// that failed together do not come back together.
func (w Waits) After(fails int) time.Duration {
	wait := w.First
	for n := 1; n < fails && wait < w.Most; n++ {
		wait *= 2
	}
	wait = min(wait, w.Most)
	return wait/2 + rand.N(wait)
}

// Pause waits for a time; it returns the error of ctx where that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
