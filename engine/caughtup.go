package engine

import (
	"context"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// progress lets others wait for tasks to get on.
type progress struct {
	mu   sync.Mutex
	cond sync.Cond
}

func (p *progress) init() { p.cond.L = &p.mu }

func (p *progress) signal() {
	p.mu.Lock()
	p.cond.Broadcast()
	p.mu.Unlock()
}

// CaughtUp waits until everything that the topics held when it was called has been processed.
func (e *Engine) CaughtUp(ctx context.Context) error {
	ends := make([]int64, len(e.tasks))
	for i, t := range e.tasks {
		end, err := t.source.End(ctx, t.partition)
		if err != nil {
			return err
		}
		ends[i] = end.Offset
	}
	return e.waitFor(ctx, func() bool {
		for i, t := range e.tasks {
			if t.offset.Load() < ends[i] {
				return false
			}
		}
		return true
	})
}

// waitFor waits until the condition, which is asked after every batch, holds.
func (e *Engine) waitFor(ctx context.Context, condition func() bool) error {
	p := &e.progress
	stop := context.AfterFunc(ctx, p.signal)
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !condition() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.cond.Wait()
	}
	return nil
}

// Delivered waits until the sinks have all rows that are committed.
func (e *Engine) Delivered(ctx context.Context) error { return e.outbox.drained(ctx) }

// Settled makes everything that has been processed durable and waits until it is delivered, rows of open
// windows too, and until the caches hold it or cannot be reached. Destinations that skip names, which are
// known to take nothing now, are left out. Their names are "table/…", "late/…", "invalid/…" and "sink/…".
func (e *Engine) Settled(ctx context.Context, skip func(destination string) bool) error {
	for {
		if err := e.Checkpoint(ctx); err != nil {
			return err
		}
		if err := e.outbox.drainedBut(ctx, skip); err != nil {
			return err
		}
		for _, d := range e.destinations {
			if c, ok := d.sink.(record.Cache); ok && !skip(d.name) {
				if err := c.Settle(ctx); err != nil {
					return err
				}
			}
		}
		// A cache that was found empty, or a sink that was busy, gets rows of open windows behind the next checkpoint.
		if !e.isStale(skip) {
			return nil
		}
	}
}
