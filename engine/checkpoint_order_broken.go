//go:build brokencheckpoint

package engine

import (
	"context"
	"fmt"
	"os"

	"github.com/nagare-stream/nagare/engine/state"
)

// commitsFirst is wrong on purpose: rows leave behind a checkpoint that says already that they are where they belong.
// The kill test runs a build with it to see that its comparison notices.
//
// BROKEN_CHECKPOINT=pause in the environment makes the process stand still for good between the two, at the first
// checkpoint that has rows for sinks, after it has said so on stderr: the place to kill it.
const commitsFirst = true

// undelivered is how many batches of rows wait for the commit.
var undelivered int

func (e *Engine) deliverFirst(_ context.Context, taken *taking) {
	taken.cut.Entry, undelivered = e.outbox.lastID(), len(taken.held)
}

func (e *Engine) commit(ctx context.Context, cp *state.Checkpoint, d *state.Delta) error {
	if err := e.opt.Store.Commit(ctx, *cp, d); err != nil {
		return err
	}
	if os.Getenv("BROKEN_CHECKPOINT") == "pause" && undelivered > 0 {
		fmt.Fprintf(os.Stderr, "broken build: checkpoint %d comes before its outputs\n", cp.Epoch)
		select {}
	}
	return nil
}
