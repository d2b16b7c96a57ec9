package stack

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/node"
)

// recordWait is how long a watermark is waited for that only new records can move: another goroutine may
// be about to publish some.
const recordWait = 5 * time.Second

// WaitWatermark settles, and waits until the watermark of every topic that has had a record has reached
// a moment: by records that others publish, or by partitions that become idle. Its error says which
// partition holds the watermark back, and what would move it.
func (s *Stack) WaitWatermark(ctx context.Context, at Moment) error {
	begin := time.Now()
	reached := false
	err := s.within(ctx, func(ctx context.Context, l *life) (err error) {
		reached, err = s.awaitMark(ctx, l.node, at)
		return err
	})
	if reached || err != nil && ctx.Err() == nil {
		return err
	}
	st, serr := s.Status(context.WithoutCancel(ctx))
	if serr != nil {
		return serr
	}
	if holder(&st, at) == nil {
		return fmt.Errorf("wait for the watermark %v: it is reached, but its rows are not where they belong: %w", at, s.unsettled(ctx))
	}
	return fmt.Errorf("wait for the watermark %v: after %v %s", at, time.Since(begin).Round(time.Millisecond), s.heldBack(&st, at))
}

// awaitMark is WaitWatermark on one life; false when nothing more can be expected.
func (s *Stack) awaitMark(ctx context.Context, n *node.Node, at Moment) (bool, error) {
	changed, end := n.Watch()
	defer end()
	for {
		if err := n.Settle(ctx, s.faults.stuck); err != nil {
			return false, err
		}
		st := n.Status()
		behind := holder(&st, at)
		if behind == nil {
			return true, nil
		}
		var enough <-chan time.Time // never
		if !s.idleHelps(&st, behind.Topic, at) {
			enough = time.After(recordWait)
		}
		select {
		case <-changed:
		case <-enough:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// idleHelps reports whether the watermark of a topic would reach a moment if its other partitions became
// idle: one of them has reached it.
func (s *Stack) idleHelps(st *engine.Status, topic string, at Moment) bool {
	if s.Project.Pipeline.Config.IdleTimeout <= 0 {
		return false
	}
	ahead := furthest(st, topic)
	return ahead != nil && ahead.Watermark >= at.At(newestEvent(st))
}

// newestEvent is the time of the newest event of all topics.
func newestEvent(st *engine.Status) int64 {
	newest := int64(math.MinInt64)
	for i := range st.Partitions {
		newest = max(newest, st.Partitions[i].EventTime)
	}
	return newest
}

// holder is the partition whose watermark is furthest behind a moment; nil when it is reached.
func holder(st *engine.Status, at Moment) *engine.PartitionStatus {
	read, any := map[string]bool{}, false // topics that have had a record
	for i := range st.Partitions {
		if p := &st.Partitions[i]; p.End > 0 {
			read[p.Topic], any = true, true
		}
	}
	moment := at.At(newestEvent(st))
	var behind *engine.PartitionStatus
	for i := range st.Partitions {
		p := &st.Partitions[i]
		if !p.Holds || any && !read[p.Topic] || p.Watermark >= moment {
			continue
		}
		if behind == nil || p.Watermark < behind.Watermark {
			behind = p
		}
	}
	return behind
}

// heldBack says where the watermark is and why it is not further.
func (s *Stack) heldBack(st *engine.Status, at Moment) string {
	p := holder(st, at)
	where := "nowhere yet"
	if p.Watermark != math.MinInt64 {
		where = "at " + clock(p.Watermark)
	}
	text := fmt.Sprintf("it is %s: partition %d of %s holds it back", where, p.Partition, p.Topic)
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
	switch ahead := furthest(st, p.Topic); {
	case p.Lag > 0:
	case ahead != nil && ahead.Watermark < at.At(newestEvent(st)):
		delay := ahead.EventTime - ahead.Watermark
		text += fmt.Sprintf("; no partition has reached it yet: publish an event of %s or later", clock(at.At(newestEvent(st))+delay))
	case p.End == 0 && idle > 0:
		text += fmt.Sprintf("; publish a record to it, have fewer partitions (harness.Partitions(1)), or let it be idle for %v (nagare.watermark.idleTimeout), which takes no time in harness.Synctest", idle)
	case ahead != nil:
		text += fmt.Sprintf("; partition %d has reached %s: publish an event to this one too", ahead.Partition, clock(ahead.Watermark))
	}
	return text + refusals(st, p.Topic)
}

// furthest is the partition of a topic with the greatest watermark, nil while there is none.
func furthest(st *engine.Status, topic string) *engine.PartitionStatus {
	var ahead *engine.PartitionStatus
	for i := range st.Partitions {
		p := &st.Partitions[i]
		if p.Topic == topic && p.Watermark != math.MinInt64 && (ahead == nil || p.Watermark > ahead.Watermark) {
			ahead = p
		}
	}
	return ahead
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
