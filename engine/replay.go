package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/state"
)

// replay is what a start reads and computes again after a crash: what was read since the newest checkpoint. The sinks
// have some of the rows and leave them out. Until it is done no rows of open windows are handed on: they would stand
// behind the final ones of windows that were closed before the crash.
type replay struct {
	mu   sync.Mutex
	on   bool
	ends []int64 // by task: end of its partition when the replay began; -1: not known yet
}

// beginLife makes durable that rows may be with their sinks of which the newest checkpoint does not know, and from where
// on they are computed, before there are any.
func (e *Engine) beginLife(ctx context.Context) error {
	if e.opt.Ephemeral {
		return nil
	}
	e.ended.Store(false)
	found := e.kept.Load()
	if found != nil && !found.Clean {
		e.beginReplay()
		return e.actRestored()
	}
	e.committing.Lock()
	defer e.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return nil
	}
	e.changed.Store(true)
	return e.checkpointChanged(ctx)
}

// Finishes reports that this engine only finishes a run that was cut short, by what was given then: topics have more
// partitions now, or a setting is another one that rows depend on. The sinks may have rows that a new one would number
// otherwise, and a new partition begins where the others have come to, which is not where the checkpoint stands. So this engine reads to
// the ends of its partitions (CaughtUp) and stops at a checkpoint, and the next one takes what is new.
func (e *Engine) Finishes() bool { return e.finishes }

// finishRun has the engine go by what a run had that was cut short, and says what it cannot have again.
func (e *Engine) finishRun(c *cut) {
	if c.Version != "" && c.Version != e.opt.Version {
		e.log.Warn("the run before was cut short and was of another version: rows made since its last checkpoint are told apart by their numbers alone, "+
			"and if this version makes others of the same records some are missing or there twice; `nagare checkpoint reset` computes all anew from the topics",
			"was", c.Version, "is", e.opt.Version, "checkpoint", e.epoch.Load())
	}
	if was := c.FutureLimit; was != 0 && was != e.futureLimit && !e.opt.Look {
		e.log.Warn("nagare.watermark.futureLimit was changed, and the run before was cut short: what it had read is computed again with the old value, then the new one counts",
			"was", time.Duration(was)*time.Microsecond, "is", time.Duration(e.futureLimit)*time.Microsecond)
		e.futureLimit, e.finishes = was, true
	}
}

// IsClean reports a checkpoint with which a run ended: no sink has rows beyond it. So is none at all.
func IsClean(cp state.Checkpoint) bool {
	var c cut
	return cp.Epoch == 0 || json.Unmarshal(cp.Data, &c) == nil && c.Clean
}

func (e *Engine) beginReplay() {
	e.again.mu.Lock()
	defer e.again.mu.Unlock()
	e.again.on, e.again.ends = true, make([]int64, len(e.tasks))
	for i := range e.again.ends {
		e.again.ends[i] = -1
	}
}

// replays reports whether records are still read for the second time, as far as is known, and asks for the ends that are not.
func (e *Engine) replays(ctx context.Context) bool {
	if e.replayed() == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, endsWait)
	defer cancel()
	for i, t := range e.tasks {
		if e.again.end(i) >= 0 {
			continue
		}
		at, err := t.source.End(ctx, t.partition)
		if err != nil {
			return true // it is asked again
		}
		e.again.setEnd(i, at.Offset)
	}
	return e.replayed() != ""
}

func (r *replay) end(task int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ends[task]
}

// setEnd sets an end that was not known, once.
func (r *replay) setEnd(task int, end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends[task] < 0 {
		r.ends[task] = end
	}
}

// Replays reports whether a run that was cut short is still computed again: its sinks have rows of which no checkpoint
// knows.
func (e *Engine) Replays(ctx context.Context) bool { return e.replays(ctx) }

// replayed tells how far a replay is, and notes its end; "" for none.
func (e *Engine) replayed() string {
	e.again.mu.Lock()
	defer e.again.mu.Unlock()
	if !e.again.on {
		return ""
	}
	known, left := true, int64(0)
	for i, t := range e.tasks {
		known = known && e.again.ends[i] >= 0
		left += max(0, e.again.ends[i]-t.offset.Load())
	}
	if known && left == 0 {
		e.again.on = false
		return ""
	}
	return fmt.Sprintf("what was read since the last checkpoint is computed again: %d records are left", left)
}

// closeWindows closes all windows at the end of the sources. Whether a source has ended is not in the topics: records may
// come that a second run would find. So the checkpoint knows of the rows before they leave.
func (e *Engine) closeWindows() error {
	e.gate.Lock()
	defer e.gate.Unlock()
	e.hold()
	if err := e.merger.end(); err != nil {
		e.broken.Store(true)
		return err
	}
	return nil
}

// patience is how long a checkpoint waits for the sinks.
func (e *Engine) patience() time.Duration {
	if !e.delivering.Load() {
		return 0
	}
	return deliverWait
}

// checkLanes refuses logs that are without rows which the checkpoint says they have: a replay would leave a gap there.
func (e *Engine) checkLanes(ctx context.Context, epoch uint64, waiting []outgoing) error {
	type lane struct {
		to        *destination
		partition int32
	}
	from := map[lane]int64{} // the first row that is still on its way
	for _, out := range waiting {
		l := lane{out.to, out.entry.rows.Partition}
		if first, ok := from[l]; !ok || out.entry.rows.First < first {
			from[l] = out.entry.rows.First
		}
	}
	for _, w := range e.writers {
		if w.to.log == nil {
			continue
		}
		due, ok := from[lane{w.to, w.partition}]
		if !ok {
			due = w.rows.First
		}
		if due == 0 {
			continue
		}
		end, err := w.to.log.End(ctx, w.partition)
		if err != nil {
			return fmt.Errorf("find the end of %s partition %d: %w", w.to.name, w.partition, err)
		}
		if end.Offset < due {
			return fmt.Errorf("restore checkpoint %d: %s partition %d ends at row %d, and the checkpoint was made when it had %d: rows are lost; `nagare checkpoint reset` computes them anew from the topics", epoch, w.to.name, w.partition, end.Offset, due)
		}
	}
	return nil
}
