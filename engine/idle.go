package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/scan"
)

// CheckIdle lets watermarks pass partitions that are idle: caught up, and silent for the idle
// timeout; and those whose sources have ended, where that closes windows. A partition that is behind, or whose log cannot be asked, is not idle; nor is one that was
// silent while its log was away, until whoever writes to it has had the timeout to return. Rows that an idle
// partition brings later for windows closed meanwhile are late, with that reason: the one place where
// the wall clock can be seen in a result.
func (e *Engine) CheckIdle(ctx context.Context) error {
	timeout := e.opt.Pipeline.Config.IdleTimeout
	if timeout <= 0 && !e.opt.CloseWindows || e.opt.Ephemeral {
		return nil
	}
	now := e.opt.Now()
	e.lookedAt.Store(now)
	some := e.opt.CloseWindows
	for _, t := range e.tasks {
		if timeout <= 0 {
			break
		}
		last := t.lastRow.Load()
		if last == 0 {
			t.lastRow.CompareAndSwap(0, now) // silent since the start
		}
		idle := false
		if last != 0 && now-last >= timeout/2 { // half of it is what a log that was away leaves at least
			end, err := t.source.End(ctx, t.partition)
			if err != nil {
				t.away = now
			}
			idle = err == nil && end.Offset <= t.offset.Load() && now-max(last, t.away) >= timeout
		}
		t.idle.Store(idle)
		some = some || idle
	}
	if !some {
		return nil
	}
	raised, err := e.raiseIdle(now - timeout)
	if err != nil || !raised {
		return err
	}
	return e.checkpoint(ctx)
}

// raiseIdle lifts the watermarks of partitions that are silent since a time, and reports whether some were lower. What
// follows is held back until a checkpoint has it: the clock does not say the same twice.
func (e *Engine) raiseIdle(since int64) (raised bool, err error) {
	e.gate.Lock()
	defer e.gate.Unlock()
	held := e.holding.Swap(true)
	for _, f := range e.flows {
		for _, g := range f.Watermarks {
			if g.Part > 0 {
				continue // with its head
			}
			some, err := e.raiseGroup(e.merger.groups[g], since)
			if err != nil {
				e.broken.Store(true)
				return false, err
			}
			raised = raised || some
		}
	}
	if raised {
		e.changed.Store(true)
	} else {
		e.holding.Store(held)
	}
	return raised, nil
}

// raiseGroup lifts one watermark of the partitions that are idle, and silent since a time, to the
// minimum of the others. Where all are idle the greatest counts: it is what would have come out had
// that partition been the last to fall idle, so that the order in which they do does not matter.
func (e *Engine) raiseGroup(g *groupMarks, since int64) (raised bool, err error) {
	low, greatest := int64(math.MaxInt64), int64(math.MinInt64)
	var silent []partMarks
	others := 0
	for _, p := range e.partsOf(g) {
		mark := p.marks.Tracker.Now()
		greatest = max(greatest, mark)
		if t := p.task; t.done && e.opt.CloseWindows || t.idle.Load() && t.lastRow.Load() <= since {
			silent = append(silent, p)
		} else {
			low = min(low, mark)
			others++
		}
	}
	if others == 0 {
		low = greatest
	}
	for _, p := range silent {
		if !p.marks.Raise(low) {
			continue
		}
		raised = true
		if err := e.merger.report(p.task); err != nil {
			return raised, fmt.Errorf("close windows past idle partition %d of %s: %w", p.task.partition, p.task.topic, err)
		}
	}
	return raised, nil
}

// A partMarks is a task and its watermark among those of a group.
type partMarks struct {
	task  *task
	marks *scan.Marks
}

// partsOf is the tasks that a watermark is the least of.
func (e *Engine) partsOf(g *groupMarks) []partMarks {
	var all []partMarks
	for _, t := range e.tasks {
		for _, m := range t.Marks {
			if m.Lane != dataflow.NoLane && slices.Contains(g.of, m.Watermark) {
				all = append(all, partMarks{t, m})
			}
		}
	}
	return all
}
