package bench

import (
	"context"
	"os"
	"path/filepath"
)

// keyEvents is how many events the runs over different numbers of keys have.
const keyEvents = 2_000_000

// measureEvents runs the three queries over 10^5 to 10^7 events.
func (b *bench) measureEvents(ctx context.Context) error {
	sizes := []int64{100_000, 1_000_000, 10_000_000}
	switch {
	case b.Events < quickEvents: // a try of the measurements themselves
		sizes = []int64{b.Events / 10, b.Events}
	case b.Quick:
		sizes = []int64{100_000, 1_000_000}
	}
	for _, n := range sizes {
		c, err := b.cost(ctx, "three", n, 10_000)
		if err != nil {
			return err
		}
		b.r.ByEvents = append(b.r.ByEvents, Cost{n, c})
	}
	return nil
}

// measureKeys runs a query grouped by user over 10 to 10^6 users.
func (b *bench) measureKeys(ctx context.Context) error {
	n := int64(keyEvents)
	if b.Quick || b.Events < quickEvents {
		n = min(b.Events, quickEvents)
	}
	for _, keys := range []int{10, 1000, 100_000, 1_000_000} {
		c, err := b.cost(ctx, "keys", n, keys)
		if err != nil {
			return err
		}
		b.r.ByKeys = append(b.r.ByKeys, Cost{int64(keys), c})
	}
	return nil
}

// cost is the nanoseconds an event of a run over n events of a number of users, the best of two.
func (b *bench) cost(ctx context.Context, project string, n int64, users int) (float64, error) {
	path := filepath.Join(b.dir, "cost.ndjson")
	if err := writeEvents(path, n, users); err != nil {
		return 0, err
	}
	defer os.Remove(path)
	best := 0.0
	for range 2 {
		took, err := b.once(ctx, project, path, n)
		if err != nil {
			return 0, err
		}
		if ns := float64(took.Nanoseconds()) / float64(n); best == 0 || ns < best {
			best = ns
		}
	}
	return best, nil
}
