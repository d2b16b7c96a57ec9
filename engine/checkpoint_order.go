//go:build !brokencheckpoint

package engine

import (
	"context"

	"github.com/nagare-stream/nagare/engine/state"
)

// deliverFirst has the sinks take the rows from before the cut: a checkpoint that says that a lane has come to row n is
// made when the rows before n are durable. What a sink does not take goes into the checkpoint.
func (e *Engine) deliverFirst(ctx context.Context, taken *taking) {
	e.keepLeft(taken, e.outbox.settle(ctx, taken.ends, e.patience()))
}

// commitsFirst has rows leave when they are final.
const commitsFirst = false

// commit makes positions and state durable in one transaction, so that no crash comes between them.
func (e *Engine) commit(ctx context.Context, cp *state.Checkpoint, d *state.Delta) error {
	return e.opt.Store.Commit(ctx, *cp, d)
}
