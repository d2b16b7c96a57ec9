package monitor

import (
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// A lagWatch judges the lag of a topic's partitions.
//
// A partition is behind while more waits than is read in behindSeconds, and behindRecords at least; it keeps up
// again once half of that waits. Behind, it falls behind or recovers as its lag was greater or smaller lagWindow
// samples ago; a lag that stays about what it was changes neither, so that a state does not flicker where lags do.
type lagWatch struct {
	parts map[int32]*partitionWatch
}

type partitionWatch struct {
	lags   []int64 // of the last samples, the oldest first
	reads  []int64 // positions, the same
	state  State
	since  time.Time // of the state
	moved  time.Time // when its position last changed, or nothing waited
	events time.Time // when something last came or was read
}

const (
	lagWindow     = 5    // samples
	lagBand       = 0.02 // a lag that differs by less than this part is the same
	behindSeconds = 2
	behindRecords = 100
	stuckReading  = 10 * time.Second // something waits and nothing is read
)

// source judges a topic by its worst partition.
func (h *health) source(s *Sample, topic string) (State, string) {
	w := h.sources[topic]
	if w == nil {
		w = &lagWatch{parts: map[int32]*partitionWatch{}}
		h.sources[topic] = w
	}
	var worst *partitionWatch
	var at engine.PartitionStatus
	for _, p := range s.partitions(topic) {
		part := w.parts[p.Partition]
		if part == nil {
			part = &partitionWatch{state: Starting, since: s.At, moved: s.At}
			w.parts[p.Partition] = part
		}
		part.observe(s.At, &p)
		if worst == nil || rank(part.state) > rank(worst.state) || part.state == worst.state && p.Lag > at.Lag {
			worst, at = part, p
		}
	}
	switch {
	case s.Failure != "":
		return Failed, s.Failure
	case s.Silent >= silentAfter:
		return Stuck, fmt.Sprintf("the pipeline has not come to rest between two batches for %s", seconds(s.Silent))
	case worst == nil:
		return Starting, "its partitions are not known yet"
	case worst.state == KeepingUp || worst.state == Idle || worst.state == Starting:
		return worst.state, ""
	}
	return worst.state, worst.reason(s, &at)
}

// observe takes a partition's measures.
func (w *partitionWatch) observe(now time.Time, p *engine.PartitionStatus) {
	moved := len(w.reads) == 0 || w.reads[len(w.reads)-1] != p.Position
	if moved || p.Lag == 0 {
		w.moved = now
	}
	if moved || p.Lag > 0 {
		w.events = now
	}
	w.lags, w.reads = push(w.lags, p.Lag), push(w.reads, p.Position)
	next := w.next(now, p.Lag)
	if next != w.state {
		w.state, w.since = next, now
	}
}

// push appends to what is kept of the last samples.
func push(list []int64, x int64) []int64 {
	list = append(list, x)
	if n := len(list); n > lagWindow+1 {
		list = append(list[:0], list[n-lagWindow-1:]...)
	}
	return list
}

func (w *partitionWatch) next(now time.Time, lag int64) State {
	if lag > 0 && now.Sub(w.moved) >= stuckReading {
		return Stuck
	}
	seen := len(w.lags) - 1 // pairs of samples
	if seen == 0 {
		return Starting
	}
	speed := float64(w.reads[seen]-w.reads[0]) / float64(seen)
	limit := max(behindRecords, behindSeconds*speed)
	was := w.state == FallingBehind || w.state == Recovering || w.state == Stuck
	switch behind := float64(lag) > limit || was && float64(lag) > limit/2; {
	case !behind && now.Sub(w.events) >= idleAfter:
		return Idle
	case !behind && w.state == Idle && lag == 0 && w.reads[seen] == w.reads[seen-1]:
		return Idle
	case !behind:
		return KeepingUp
	case seen < lagWindow:
		return w.state // not seen for long enough
	}
	change := float64(lag - w.lags[0])
	band := lagBand * float64(max(lag, w.lags[0]))
	switch {
	case change > band:
		return FallingBehind
	case change < -band:
		return Recovering
	case was && w.state != Stuck:
		return w.state
	}
	return FallingBehind
}

// reason says by how much a partition is behind, since when, and what its lag does.
func (w *partitionWatch) reason(s *Sample, p *engine.PartitionStatus) string {
	text := fmt.Sprintf("partition %d has %s to read", p.Partition, plural(p.Lag, "record"))
	if behind := s.lagSeconds(p); behind > 0 {
		text += fmt.Sprintf(", %s of event time", seconds(time.Duration(behind*float64(time.Second))))
	}
	seen := len(w.lags) - 1
	switch w.state {
	case Stuck:
		text += fmt.Sprintf(" and has read nothing for %s", seconds(s.At.Sub(w.moved)))
		for i := range s.Measures.Sinks {
			if m := &s.Measures.Sinks[i]; m.Trouble != "" {
				text += fmt.Sprintf("; sink %s does not take rows", m.Name)
				break
			}
		}
		return text
	case FallingBehind:
		if grown := w.lags[seen] - w.lags[0]; grown > 0 {
			text += fmt.Sprintf(", %s more a second", grouped(grown/int64(seen)))
		}
	case Recovering:
		if less := w.lags[0] - w.lags[seen]; less > 0 {
			text += fmt.Sprintf(", done in about %s", seconds(time.Duration(float64(p.Lag)/float64(less)*float64(seen)*float64(time.Second))))
		}
	}
	return text + ", since " + w.since.UTC().Format("15:04:05Z")
}
