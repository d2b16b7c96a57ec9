//go:build brokencheckpoint

package engine

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// commit is wrong on purpose: it makes positions durable before state. The kill test runs a build
// with it to see that its comparison notices.
//
// BROKEN_CHECKPOINT=pause in the environment makes the process stand still for good between the two,
// at the first checkpoint that has rows in windows, after it has said so on stderr: the place to kill
// it. Every run has one, its last checkpoint at the latest.
func (e *Engine) commit(ctx context.Context, cp *Checkpoint, d *Delta) error {
	if err := e.opt.Store.Commit(ctx, *cp, &Delta{}); err != nil {
		return err
	}
	if os.Getenv("BROKEN_CHECKPOINT") == "pause" && hasState(d) {
		fmt.Fprintf(os.Stderr, "broken build: checkpoint %d has positions and no state\n", cp.Epoch)
		select {}
	}
	cp.Epoch++
	return e.opt.Store.Commit(ctx, *cp, d)
}

// hasState reports a change of the slots of windows.
func hasState(d *Delta) bool {
	return slices.ContainsFunc(d.Ops, func(op DeltaOp) bool { return op.Kind == Put && strings.HasPrefix(op.Op, "state/") })
}
