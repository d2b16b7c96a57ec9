package notify

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// A receiver was told that an incident fires, and then the project's rules were edited and the tables computed anew: an
// alert is gone, or a threshold is another one, and no record of topic system-alerts will ever say that it is over.
// So what fired when the process started is looked up among what the rules give now.

// Waits of the look-up.
const (
	lostLook = 5 * time.Second // between looks
	lostWait = time.Minute     // that the rules have to give nothing of it, while all that there is has been read
)

// Known is the incidents that the rules give now, by id.
type Known struct {
	States  map[string]alert.State
	Settled bool // nothing is left to be read, so an incident that is not there is not on its way
}

// unsure is what a receiver knows to fire and nobody has confirmed since the process started.
func (s *laneState) unsure() map[string]bool {
	ids := map[string]bool{}
	for id, in := range s.incidents {
		if in.Done.IsZero() {
			ids[id] = true
		}
	}
	return ids
}

// lookForLost ends the incidents that the rules do not give any more; it returns when to look again, zero: never.
func (l *lane) lookForLost(ctx context.Context, now time.Time) time.Time {
	if len(l.unsure) == 0 || l.n.cfg.Known == nil {
		return time.Time{}
	}
	if now.Before(l.lookAt) {
		return l.lookAt
	}
	l.lookAt = now.Add(lostLook)
	known := l.n.cfg.Known()
	for id := range l.unsure {
		if in := l.state.incidents[id]; in == nil || !in.Done.IsZero() || known.States[id] == alert.Firing {
			delete(l.unsure, id)
		}
	}
	end, err := l.n.cfg.Source.End(ctx, 0)
	if !known.Settled || err != nil || l.state.Position < end.Offset {
		l.settled = time.Time{}
		return l.lookAt
	}
	if l.settled.IsZero() {
		l.settled = now
	}
	if now.Sub(l.settled) < lostWait {
		return l.lookAt
	}
	for _, id := range slices.Sorted(maps.Keys(l.unsure)) {
		if known.States[id] == "" {
			l.n.cfg.Logger.Info("no rule gives an incident any more, and it is told as over", "webhook", l.r.Name, "incident", id)
			l.state.lose(id, now)
			delete(l.unsure, id)
		}
	}
	return l.lookAt
}

// lose tells that an incident is over of which there will be no record. Its place in the queue is before all records.
func (s *laneState) lose(id string, now time.Time) {
	in := s.incidents[id]
	g := in.group
	if g.find(id, alert.Resolved) != nil {
		return
	}
	defer s.noteGroup(g)
	if in.Refused {
		s.Counts.Skipped++
		s.noteSelf()
		s.finish(id, now)
		return
	}
	q := &queued{told: in.Told, Offset: -1, Read: now}
	for _, other := range s.groups {
		if len(other.queue) > 0 { // the first one has the smallest
			q.Offset = min(q.Offset, other.queue[0].Offset-1)
		}
	}
	q.Change.State, q.Change.Time, q.Change.ResolvedAt, q.EndsAt = alert.Resolved, alert.Time(now.UnixMicro()), alert.Time(now.UnixMicro()), now.UTC()
	s.enqueue(g, q)
	s.put(opQueue, offsetKey(q.Offset), q)
}
