package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// Limits of a lane: above mostWaiting changes or bytes it stops reading, and the topic keeps the rest.
const (
	mostWaiting      = 1000
	mostWaitingBytes = 8 << 20
	mostNews         = postAlerts // changes in one notification
	mostEvidence     = 64 << 10   // bytes of evidence that is sent with a change
	mostDone         = 10_000     // incidents that are over and remembered, so that none is told twice
)

// Counts is what became of the changes for a receiver.
type Counts struct {
	Delivered int64 `json:"delivered"` // changes that the receiver acknowledged
	Refused   int64 `json:"refused"`   // changes that it does not want
	Uncertain int64 `json:"uncertain"` // changes that were sent without an answer: each may be there once more
	Repeated  int64 `json:"repeated"`  // incidents that were told again because they still fire
	Skipped   int64 `json:"skipped"`   // changes that say nothing any more: over before they could be told
	Lost      int64 `json:"lost"`      // records that retention let go before they were read
	Malformed int64 `json:"malformed"` // records that are no changes
}

// told is a change as a receiver is told of it.
type told struct {
	Change   alert.Change `json:"change"`
	StartsAt time.Time    `json:"startsAt"` // the same for firing and resolved, not after the time it was noted
	EndsAt   time.Time    `json:"endsAt"`   // of one that is resolved
}

// queued is a change that waits.
type queued struct {
	told
	Offset      int64     `json:"offset"`
	Read        time.Time `json:"read"`
	fingerprint string
	size        int
}

// incident is what a receiver was told of an incident: it fires; the receiver refused that; it is over since Done.
type incident struct {
	Told    told      `json:"told,omitzero"`
	Refused bool      `json:"refused,omitempty"`
	Done    time.Time `json:"done,omitzero"`

	group       *group
	fingerprint string
}

// batch is a notification that is under way. It stays as it is until it is settled.
type batch struct {
	ID        string  `json:"id"`
	News      []int64 `json:"news"` // offsets of the changes that are told
	Alerts    []told  `json:"alerts"`
	Truncated int     `json:"truncated,omitempty"`
	UnderWay  bool    `json:"underWay"` // sent, and nothing is known of it
	repeat    bool    // in no store
}

// group is what is told together.
type group struct {
	Labels   labelSet  `json:"labels"`
	Since    time.Time `json:"since"`             // when it came to be
	SentAt   time.Time `json:"sentAt,omitzero"`   // when it was last settled
	RepeatAt time.Time `json:"repeatAt,omitzero"` // when what fires is to be sent again
	Batch    *batch    `json:"batch,omitempty"`

	key     string
	queue   []*queued // by offset
	firing  map[string]*incident
	retryAt time.Time
	fails   int
}

// laneState is what a lane knows. Its methods neither block nor ask a clock; what is to be durable they append to changed.
type laneState struct {
	r        *Receiver
	Position int64  `json:"position"` // the next record of the topic
	Horizon  int64  `json:"horizon"`  // incidents that were over before this record are not told
	Counts   Counts `json:"counts"`

	groups    map[string]*group
	incidents map[string]*incident
	done      int // of the incidents
	waiting   int
	bytes     int
	changed   []entry
}

func newState(r *Receiver) *laneState {
	return &laneState{r: r, groups: map[string]*group{}, incidents: map[string]*incident{}}
}

func (s *laneState) put(op, key string, value any) {
	if op != opReceiver {
		key = s.r.Name + "\x00" + key
	}
	s.changed = append(s.changed, entry{op, key, value})
}

func offsetKey(offset int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(offset)))
}

// noteSelf keeps position and counts.
func (s *laneState) noteSelf() {
	s.put(opReceiver, s.r.Name, struct {
		Position int64  `json:"position"`
		Horizon  int64  `json:"horizon"`
		Counts   Counts `json:"counts"`
	}{s.Position, s.Horizon, s.Counts})
}

func (s *laneState) noteGroup(g *group) {
	if len(g.queue) == 0 && len(g.firing) == 0 && g.Batch == nil {
		delete(s.groups, g.key)
		s.put(opGroup, g.key, nil)
		return
	}
	kept := *g
	if g.Batch != nil && g.Batch.repeat {
		kept.Batch = nil
	}
	s.put(opGroup, g.key, kept)
}

// full reports that no more is to be read. What silences hold back does not count: their end would never be read.
func (s *laneState) full(now time.Time, quiet silences) bool {
	if s.waiting < mostWaiting && s.bytes < mostWaitingBytes || s.folding() {
		return false
	}
	waiting, bytes := 0, 0
	for _, g := range s.groups {
		for _, q := range g.queue {
			if quiet.active(&q.Change, now) == nil {
				waiting, bytes = waiting+1, bytes+q.size
			}
		}
	}
	return waiting >= mostWaiting || bytes >= mostWaitingBytes
}

// folding reports that the topic is still read up to where it was when the receiver was new.
func (s *laneState) folding() bool { return s.Position < s.Horizon }

// groupOf finds or makes the group of an incident.
func (s *laneState) groupOf(c *alert.Change, now time.Time) *group {
	labels := labelsOf(c).only(s.r.GroupBy)
	key := groupKey(labels)
	g := s.groups[key]
	if g == nil {
		g = &group{Labels: labels, Since: now, key: key, firing: map[string]*incident{}}
		s.groups[key] = g
	}
	return g
}

// find returns the waiting change of that kind of an incident.
func (g *group) find(id string, st alert.State) *queued {
	for _, q := range g.queue {
		if q.Change.ID == id && q.Change.State == st {
			return q
		}
	}
	return nil
}

func (g *group) inBatch(q *queued) bool {
	return g.Batch != nil && slices.Contains(g.Batch.News, q.Offset)
}

// take takes the record at an offset, which is a change.
func (s *laneState) take(offset int64, c *alert.Change, now time.Time, quiet silences) {
	if c.State != alert.Firing && c.State != alert.Resolved {
		return
	}
	in := s.incidents[c.ID]
	if in != nil && (!in.Done.IsZero() || c.State == alert.Firing) {
		return // told before: the topic was made anew
	}
	g := s.groupOf(c, now)
	if in != nil && in.group != nil {
		g = in.group
	}
	defer s.noteGroup(g)
	if g.find(c.ID, c.State) != nil {
		return
	}
	firing := g.find(c.ID, alert.Firing)
	if c.State == alert.Firing && !slices.Contains(c.Notify, s.r.Name) {
		return
	}
	if c.State == alert.Resolved {
		switch {
		case in == nil && firing == nil:
			return // its start is not for this receiver, or is forgotten
		case in != nil && in.Refused:
			s.Counts.Skipped++
			s.finish(c.ID, now)
			return
		case firing != nil && !g.inBatch(firing) && (offset < s.Horizon || quiet.active(c, now) != nil):
			s.Counts.Skipped += 2
			s.remove(g, firing)
			s.finish(c.ID, now)
			return
		}
	}
	q := &queued{told: told{Change: *c}, Offset: offset, Read: now}
	s.trim(&q.Change)
	q.StartsAt = notAfter(c.FiredAt, now)
	if firing != nil {
		q.StartsAt = firing.StartsAt
	} else if in != nil {
		q.StartsAt = in.Told.StartsAt
	}
	if c.State == alert.Resolved {
		if q.EndsAt = notAfter(c.ResolvedAt, now); q.EndsAt.Before(q.StartsAt) {
			q.EndsAt = q.StartsAt
		}
	}
	s.enqueue(g, q)
	s.put(opQueue, offsetKey(offset), q)
}

// notAfter is event time as wall clock: an Alertmanager takes an alert's end for real only once it has passed.
func notAfter(t alert.Time, now time.Time) time.Time {
	at := time.UnixMicro(int64(t)).UTC()
	if t == alert.None || at.After(now) {
		return now.UTC()
	}
	return at
}

// trim leaves of a change what its form tells.
func (s *laneState) trim(c *alert.Change) {
	if s.r.Form != JSON {
		c.Evidence = nil
		return
	}
	size := 0
	for i := range c.Evidence {
		if size += len(c.Evidence[i].Row); size > mostEvidence {
			c.Evidence = c.Evidence[:i]
			return
		}
	}
}

func (s *laneState) enqueue(g *group, q *queued) {
	q.fingerprint = labelsOf(&q.Change).fingerprint()
	q.size = len(encode(q))
	i, _ := slices.BinarySearchFunc(g.queue, q.Offset, func(a *queued, at int64) int { return cmp.Compare(a.Offset, at) })
	g.queue = slices.Insert(g.queue, i, q)
	s.waiting++
	s.bytes += q.size
}

// remove takes a change out of its queue.
func (s *laneState) remove(g *group, q *queued) {
	g.queue = slices.DeleteFunc(g.queue, func(o *queued) bool { return o == q })
	s.waiting--
	s.bytes -= q.size
	s.put(opQueue, offsetKey(q.Offset), nil)
}

// finish remembers that an incident is over for this receiver.
func (s *laneState) finish(id string, now time.Time) {
	if in := s.incidents[id]; in != nil && in.group != nil {
		delete(in.group.firing, id)
	}
	in := &incident{Done: now}
	s.incidents[id] = in
	s.put(opIncident, id, in)
	if s.done++; s.done > mostDone+mostDone/10 {
		s.forget()
	}
}

// forget lets go of the incidents that are over for longest.
func (s *laneState) forget() {
	var ids []string
	for id, in := range s.incidents {
		if !in.Done.IsZero() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(s.incidents[a].Done.Compare(s.incidents[b].Done), strings.Compare(a, b))
	})
	for _, id := range ids[:max(0, len(ids)-mostDone)] {
		delete(s.incidents, id)
		s.put(opIncident, id, nil)
	}
	s.done = min(len(ids), mostDone)
}

// news is what a group has to tell now: of each thing one change, in order. What a silence holds back holds back what
// comes after it for the same thing.
func (s *laneState) news(g *group, now time.Time, quiet silences) []*queued {
	var out []*queued
	taken := map[string]bool{}
	for _, q := range g.queue {
		if taken[q.fingerprint] {
			continue
		}
		taken[q.fingerprint] = true
		if quiet.active(&q.Change, now) == nil {
			if out = append(out, q); len(out) == mostNews {
				break
			}
		}
	}
	return out
}

// due is when a group is to be told of next; zero: never, as things are.
func (s *laneState) due(g *group, now time.Time, quiet silences) time.Time {
	switch {
	case g.Batch != nil && g.retryAt.IsZero():
		return g.Since // it was under way when the process ended
	case g.Batch != nil:
		return g.retryAt
	case len(s.news(g, now, quiet)) > 0:
		if g.SentAt.IsZero() {
			return g.Since.Add(s.r.GroupWait)
		}
		return g.SentAt.Add(s.r.GroupInterval)
	case s.r.RepeatInterval > 0 && len(s.audible(g, now, quiet)) > 0:
		return g.RepeatAt
	}
	return time.Time{}
}

// audible is the incidents of a group that fire, are told, and that no silence holds back; by id.
func (s *laneState) audible(g *group, now time.Time, quiet silences) []*incident {
	var out []*incident
	for _, id := range slices.Sorted(maps.Keys(g.firing)) {
		if in := g.firing[id]; quiet.active(&in.Told.Change, now) == nil {
			out = append(out, in)
		}
	}
	return out
}

// form makes the batch of a group that is due; false: there is nothing to tell after all.
func (s *laneState) form(g *group, now time.Time, quiet silences) bool {
	news := s.news(g, now, quiet)
	if s.r.Form == Alertmanager {
		news = slices.DeleteFunc(news, func(q *queued) bool { return s.superseded(g, q, now) })
	}
	b := &batch{repeat: len(news) == 0}
	taken := map[string]bool{}
	for _, q := range news {
		b.News = append(b.News, q.Offset)
		b.Alerts = append(b.Alerts, q.told)
		taken[q.fingerprint] = true
	}
	if b.repeat && s.r.RepeatInterval == 0 {
		s.noteGroup(g)
		return false
	}
	if b.repeat || s.r.Form == Webhook {
		for _, in := range s.audible(g, now, quiet) {
			switch {
			case taken[in.fingerprint]:
			case s.r.Form == Webhook && len(b.Alerts) == mostAlerts:
				b.Truncated++
			default:
				b.Alerts = append(b.Alerts, in.Told)
			}
		}
	}
	if len(b.Alerts) == 0 {
		s.noteGroup(g)
		return false
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", s.r.Name, g.key)
	for i := range b.Alerts {
		fmt.Fprintf(h, "%s\x00%s\x00", b.Alerts[i].Change.ID, b.Alerts[i].Change.State)
	}
	if b.repeat {
		fmt.Fprint(h, now.UnixMicro())
	}
	b.ID = hex.EncodeToString(h.Sum(nil)[:8])
	g.Batch, g.retryAt, g.fails = b, now, 0
	return true
}

// superseded drops the end of an incident whose thing has a later one that fires by now: an Alertmanager would take
// it for the end of that.
func (s *laneState) superseded(g *group, q *queued, now time.Time) bool {
	if q.Change.State != alert.Resolved {
		return false
	}
	for id, in := range g.firing {
		if id != q.Change.ID && in.fingerprint == q.fingerprint && in.Told.Change.FiredAt > q.Change.FiredAt {
			s.Counts.Skipped++
			s.remove(g, q)
			s.finish(q.Change.ID, now)
			s.noteSelf()
			return true
		}
	}
	return false
}

// begin notes that a try is under way.
func (s *laneState) begin(g *group) {
	if g.Batch.repeat {
		return
	}
	g.Batch.UnderWay = true
	s.noteGroup(g)
}

// settle ends a batch: the receiver has acknowledged or refused it.
func (s *laneState) settle(g *group, now time.Time, refused bool) {
	b := g.Batch
	for i := range b.Alerts {
		id := b.Alerts[i].Change.ID
		if in := g.firing[id]; in != nil && in.Refused && !refused {
			in.Refused = false // it had another chance
			s.put(opIncident, id, in)
		}
	}
	for _, offset := range b.News {
		i, ok := slices.BinarySearchFunc(g.queue, offset, func(a *queued, at int64) int { return cmp.Compare(a.Offset, at) })
		if !ok {
			continue
		}
		q := g.queue[i]
		s.remove(g, q)
		if refused {
			s.Counts.Refused++
		} else {
			s.Counts.Delivered++
		}
		s.tell(g, q, now, refused)
	}
	if b.repeat && !refused {
		s.Counts.Repeated += int64(len(b.Alerts))
	}
	g.Batch, g.SentAt, g.fails = nil, now, 0
	if b.repeat || s.r.Form == Webhook || g.RepeatAt.IsZero() || len(g.firing) == 0 {
		g.RepeatAt = now.Add(s.r.RepeatInterval)
	}
	s.noteGroup(g)
	s.noteSelf()
}

// tell keeps what the receiver knows of an incident now.
func (s *laneState) tell(g *group, q *queued, now time.Time, refused bool) {
	id := q.Change.ID
	if q.Change.State == alert.Resolved {
		s.finish(id, now)
		return
	}
	in := &incident{Told: q.told, Refused: refused, group: g, fingerprint: q.fingerprint}
	in.Told.Change.Evidence = nil
	s.incidents[id], g.firing[id] = in, in
	s.put(opIncident, id, in)
	if end := g.find(id, alert.Resolved); refused && end != nil {
		s.Counts.Skipped++
		s.remove(g, end)
		s.finish(id, now)
	}
}

// fail ends a try that settled nothing. The batch waits; if the receiver may have got it, that is counted.
func (s *laneState) fail(g *group, retry time.Time, uncertain bool) {
	g.fails++
	g.retryAt = retry
	if g.Batch.repeat {
		return
	}
	g.Batch.UnderWay = false
	if uncertain {
		s.Counts.Uncertain += int64(len(g.Batch.News))
		s.noteSelf()
	}
	s.noteGroup(g)
}
