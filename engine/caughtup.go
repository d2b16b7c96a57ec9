package engine

import (
	"context"
	"sync"
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

// DeliveredBut is Delivered less the destinations that skip names: those that are known to take nothing
// now. Their names are "table/…", "late/…", "invalid/…" and "sink/…".
func (e *Engine) DeliveredBut(ctx context.Context, skip func(destination string) bool) error {
	return e.outbox.drainedBut(ctx, skip)
}
