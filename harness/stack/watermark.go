package stack

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// WaitWatermark settles, and waits until the watermark of every topic that has had a record has reached
// a moment. Its error says which partition holds the watermark back, and what would move it.
func (s *Stack) WaitWatermark(ctx context.Context, at Moment) error {
	begin := time.Now()
	err := s.within(ctx, func(ctx context.Context, l *life) error {
		changed, end := l.node.Watch()
		defer end()
		for {
			if err := l.node.Settle(ctx, s.faults.stuck); err != nil {
				return err
			}
			st := l.node.Status()
			if holder(&st, at) == nil {
				return nil
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	if err == nil || ctx.Err() == nil {
		return err
	}
	st, serr := s.Status(context.WithoutCancel(ctx))
	if serr != nil {
		return serr
	}
	return fmt.Errorf("wait for the watermark %v: after %v %s", at, time.Since(begin).Round(time.Millisecond), s.heldBack(&st, at))
}

// holder is the partition whose watermark is furthest behind a moment; nil when it is reached.
func holder(st *engine.Status, at Moment) *engine.PartitionStatus {
	read := map[string]bool{} // topics that have had a record
	newest := int64(math.MinInt64)
	for i := range st.Partitions {
		p := &st.Partitions[i]
		read[p.Topic] = read[p.Topic] || p.End > 0
		newest = max(newest, p.EventTime)
	}
	var behind *engine.PartitionStatus
	for i := range st.Partitions {
		p := &st.Partitions[i]
		if !p.Holds || len(read) > 0 && anyOf(read) && !read[p.Topic] || p.Watermark >= at.At(newest) {
			continue
		}
		if behind == nil || p.Watermark < behind.Watermark {
			behind = p
		}
	}
	return behind
}

func anyOf(m map[string]bool) bool {
	for _, is := range m {
		if is {
			return true
		}
	}
	return false
}

// heldBack says where the watermark is and why it is not further.
func (s *Stack) heldBack(st *engine.Status, at Moment) string {
	p := holder(st, at)
	if p == nil {
		return "it is reached, but not in time"
	}
	text := fmt.Sprintf("it is at %s: partition %d of %s holds it back", clock(p.Watermark), p.Partition, p.Topic)
	switch {
	case p.Lag > 0:
		text += fmt.Sprintf(", which has %d records to read", p.Lag)
	case p.End == 0:
		text += ", which has had no record"
	case p.EventTime == math.MinInt64:
		text += ", in which no record has a time that counts"
	default:
		text += fmt.Sprintf(", whose newest event is of %s", clock(p.EventTime))
	}
	idle := time.Duration(s.Project.Pipeline.Config.IdleTimeout) * time.Microsecond
	switch {
	case p.Lag > 0:
	case p.End == 0 && idle > 0:
		text += fmt.Sprintf("; publish a record to it, have fewer partitions (harness.Partitions(1)), or let it be idle for %v (nagare.watermark.idleTimeout), which takes no time in harness.Synctest", idle)
	case p.EventTime != math.MinInt64:
		delay := p.EventTime - p.Watermark
		text += fmt.Sprintf("; publish an event of %s or later to it", clock(at.At(p.EventTime)+delay))
	}
	return text + refusals(st, p.Topic)
}

// refusals says how many rows of a topic moved no watermark, and where they are.
func refusals(st *engine.Status, topic string) string {
	c := st.Ledger.Topics[topic]
	var parts []string
	if c.Invalid > 0 {
		parts = append(parts, fmt.Sprintf("%d invalid", c.Invalid))
	}
	if c.Future > 0 {
		parts = append(parts, fmt.Sprintf("%d future, which is more than nagare.watermark.futureLimit ahead of their append time (harness.Event has a Time)", c.Future))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("; of %d rows %s: they are in %s$invalid", c.Read, strings.Join(parts, " and "), topic)
}
