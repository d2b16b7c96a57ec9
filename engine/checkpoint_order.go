//go:build !brokencheckpoint

package engine

import "context"

// commit makes positions and state durable in one transaction, so that no crash comes between them.
func (e *Engine) commit(ctx context.Context, cp *Checkpoint, d *Delta) error {
	return e.opt.Store.Commit(ctx, *cp, d)
}
