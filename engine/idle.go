package engine

import (
	"context"
	"fmt"
	"math"
)

// CheckIdle lets watermarks pass partitions that are idle: caught up, and silent for the idle
// timeout. A partition that is behind, or whose log cannot be asked, is not idle. Rows that such a
// partition brings later for windows closed meanwhile are late, with that reason: the one place where
// the wall clock can be seen in a result.
func (e *Engine) CheckIdle(ctx context.Context) error {
	timeout := e.opt.Pipeline.Config.IdleTimeout
	if timeout <= 0 || e.opt.Ephemeral {
		return nil
	}
	now := e.opt.Now()
	idle := map[*task]bool{}
	for _, t := range e.tasks {
		if last := t.lastRow.Load(); last == 0 {
			t.lastRow.CompareAndSwap(0, now) // silent since the start
		} else if now-last >= timeout {
			end, err := t.source.End(ctx, t.partition)
			idle[t] = err == nil && end.Offset <= t.offset.Load()
		}
	}
	for _, t := range e.tasks {
		t.idle.Store(idle[t])
	}
	if len(idle) == 0 || len(idle) == len(e.tasks) {
		return nil
	}
	e.gate.Lock()
	defer e.gate.Unlock()
	for _, f := range e.flows {
		for i := range f.groups {
			if err := e.raiseGroup(f, i, idle); err != nil {
				return err
			}
		}
	}
	return nil
}

// raiseGroup lifts one watermark of the idle partitions to the minimum of the others.
func (e *Engine) raiseGroup(f *topicFlow, group int, idle map[*task]bool) error {
	low := int64(math.MaxInt64)
	var silent []*task
	for _, t := range e.tasks {
		if t.flow != f {
			continue
		}
		if idle[t] {
			silent = append(silent, t)
			continue
		}
		low = min(low, t.marks[group].tracker.Now())
	}
	if low == math.MaxInt64 || low == math.MinInt64 {
		return nil
	}
	for _, t := range silent {
		m := t.marks[group]
		if m.tracker.Now() >= low {
			continue
		}
		m.tracker.Raise(low)
		m.floor = low
		e.changed.Store(true)
		if err := e.merger.report(t); err != nil {
			return fmt.Errorf("close windows past idle partition %d of %s: %w", t.partition, f.topic, err)
		}
	}
	return nil
}
