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
	return e.raiseIdle(ctx, now-timeout)
}

// raiseIdle lifts the watermarks of partitions that are silent since a time, once that is durable.
func (e *Engine) raiseIdle(ctx context.Context, since int64) error {
	for _, t := range e.tasks {
		if t.idle.Load() || e.opt.CloseWindows {
			t.turn.Lock() // what comes now waits
			defer t.turn.Unlock()
		}
	}
	e.committing.Lock()
	defer e.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	list := e.decide(since)
	if len(list) == 0 {
		return nil
	}
	if e.keptData == nil {
		e.changed.Store(true)
		if err := e.checkpointChanged(ctx); err != nil {
			return err
		}
	}
	if err := e.keepDecisions(ctx, list); err != nil {
		return err
	}
	if err := e.raiseAll(list); err != nil {
		return err
	}
	e.worked()
	return nil
}

// decide finds the watermarks to lift.
func (e *Engine) decide(since int64) (list []decision) {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.broken.Load() {
		return nil
	}
	for _, f := range e.flows {
		for _, g := range f.Watermarks {
			if g.Part == 0 { // the others with their head
				list = e.decideGroup(list, e.merger.groups[g], since)
			}
		}
	}
	return list
}

// decideGroup lifts one watermark of the partitions that are idle, and silent since a time, to the
// minimum of the others. Where all are idle the greatest counts: it is what would have come out had
// that partition been the last to fall idle, so that the order in which they do does not matter.
func (e *Engine) decideGroup(list []decision, g *groupMarks, since int64) []decision {
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
		if t := p.task; len(t.decided) == 0 && p.marks.Tracker.Now() < low {
			list = append(list, decision{t, slices.Index(t.Marks, p.marks), t.position.Offset, low})
		}
	}
	return list
}

// raiseAll has decisions act that are durable.
func (e *Engine) raiseAll(list []decision) error {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.broken.Load() {
		return errBroken
	}
	for _, d := range list {
		if !d.task.Marks[d.group].Raise(d.mark) {
			continue
		}
		if err := e.merger.report(d.task); err != nil {
			e.broken.Store(true)
			return fmt.Errorf("close windows past idle partition %d of %s: %w", d.task.partition, d.task.topic, err)
		}
	}
	return nil
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
