package node

import (
	"context"

	"github.com/nagare-stream/nagare/engine"
)

// Settle waits until every record that the topics held when it was called is processed, durable and,
// less the destinations that skip names, delivered, and until the cache holds it or cannot be reached: what
// is read afterwards depends on nothing but those records. Skip may be nil.
func (n *Node) Settle(ctx context.Context, skip func(destination string) bool) error {
	if skip == nil {
		skip = func(string) bool { return false }
	}
	for {
		n.mu.RLock()
		e, swapped := n.engine, n.swapped
		n.mu.RUnlock()
		err := settle(ctx, e, swapped, skip)
		if ctx.Err() != nil || n.current() == e {
			return err
		}
	}
}

// settle is Settle on one engine; it gives up when another one takes its place.
func settle(ctx context.Context, e *engine.Engine, swapped <-chan struct{}, skip func(string) bool) error {
	within, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-swapped:
			cancel()
		case <-within.Done():
		}
	}()
	defer func() { cancel(); <-watched }()
	if err := e.CaughtUp(within); err != nil {
		return err
	}
	return e.Settled(within, skip)
}

// CheckIdle looks for idle partitions now and makes what follows from them durable, for a test that
// moves the clock itself.
func (n *Node) CheckIdle(ctx context.Context) error {
	e := n.current()
	if err := e.CheckIdle(ctx); err != nil {
		return err
	}
	return e.Checkpoint(ctx)
}
