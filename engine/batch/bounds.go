package batch

import (
	"context"
	"time"
)

const limitTimeout = "nagare.query.timeout"

// Bounds are limits of one query, beside those of all queries: the smaller ones hold.
type Bounds struct {
	Memory  int64         // bytes that it may hold, about; 0: as many as all together
	Timeout time.Duration // with its waiting; 0: that of every query
	// By is where the memory was said, TimeoutBy the time: "--memory", "nagare.query.memory". They stand in errors.
	By, TimeoutBy string
}

type boundsKey struct{}

// Within gives a context in which the next query that begins has the bounds.
func Within(ctx context.Context, b Bounds) context.Context {
	return context.WithValue(ctx, boundsKey{}, b)
}

// timeout is the shorter of a time for every query (0: none) and the query's own, and who has set it.
func (b Bounds) timeout(all time.Duration) (time.Duration, string) {
	if b.Timeout > 0 && (all == 0 || b.Timeout <= all) {
		return b.Timeout, b.TimeoutBy
	}
	return all, limitTimeout
}
