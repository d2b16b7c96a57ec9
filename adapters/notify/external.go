package notify

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// MostExternal is how many alerts of others are kept, and keepExternal how long one that is over. One that fires and is
// not told again for externalTimeout is over: an Alertmanager tells again after four hours, unless its repeat_interval
// says otherwise.
const (
	externalTimeout = 5 * time.Hour

	MostExternal = 10_000
	keepExternal = 24 * time.Hour
)

// An External is an alert that an Alertmanager told: of rules that are not this project's.
type External struct {
	GroupAlert
	Receiver   string    `json:"receiver"`
	GroupKey   string    `json:"groupKey"`
	ReceivedAt time.Time `json:"receivedAt"`
	TimedOut   bool      `json:"timedOut,omitempty"` // it is over because it was not told again
}

// Change is the alert in the form of our own; its id is its fingerprint.
func (e *External) Change() *alert.Change {
	at := alert.Time(e.StartsAt.UnixMicro())
	c := &alert.Change{ID: e.Fingerprint, Alert: e.Labels[nameLabel], State: e.Status, Severity: e.Labels[severityLabel], Summary: e.Annotations["summary"],
		Description: e.Annotations["description"], ActiveAt: at, FiredAt: at, Time: at, ResolvedAt: alert.None, Labels: map[string]string{}}
	for name, value := range e.Labels {
		if name != nameLabel && name != severityLabel {
			c.Labels[name] = value
		}
	}
	if c.State == alert.Resolved {
		c.ResolvedAt = alert.Time(e.EndsAt.UnixMicro())
		c.Time = c.ResolvedAt
	}
	return c
}

// at is the alert as it is at a moment.
func (e *External) at(now time.Time) *External {
	until := e.ReceivedAt.Add(externalTimeout)
	if e.Status != alert.Firing || now.Before(until) {
		return e
	}
	over := *e
	over.Status, over.EndsAt, over.TimedOut = alert.Resolved, until, true
	return &over
}

// TakeIn keeps the alerts of a group, by fingerprint, in place of what was told of them before; an end of an episode
// before the one that is known changes nothing. It is durable when it returns. A group may come twice. Its errors are
// *BodyError where there is no room, and those of the store.
func (n *Notifier) TakeIn(g *Group) error {
	now := time.Now().UTC()
	defer n.noteKept() // without the lock
	n.mu.Lock()
	defer n.mu.Unlock()
	next := maps.Clone(n.external)
	var changed []entry
	for id, e := range next {
		if e := e.at(now); e.Status == alert.Resolved && e.EndsAt.Before(now.Add(-keepExternal)) {
			delete(next, id)
			changed = append(changed, entry{opExternal, id, nil})
		}
	}
	for i := range g.Alerts {
		a := &g.Alerts[i]
		if old := next[a.Fingerprint]; old != nil && a.StartsAt.Before(old.StartsAt) {
			continue
		}
		e := &External{GroupAlert: *a, Receiver: g.Receiver, GroupKey: g.GroupKey, ReceivedAt: now}
		next[a.Fingerprint] = e
		changed = append(changed, entry{opExternal, a.Fingerprint, e})
	}
	if len(next) > MostExternal {
		return &BodyError{http.StatusInsufficientStorage, fmt.Sprintf("%d alerts of others are kept, and no more", MostExternal)}
	}
	if err := n.journal.commit(changed); err != nil {
		return err
	}
	n.external = next
	return nil
}

// External is the alerts of others: those that fire, then those that were over in the last day; the newest first.
func (n *Notifier) External() []External {
	n.mu.Lock()
	all := n.external
	n.mu.Unlock()
	out := make([]External, 0, len(all))
	for _, e := range all {
		out = append(out, *e.at(time.Now().UTC()))
	}
	slices.SortFunc(out, func(a, b External) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), b.StartsAt.Compare(a.StartsAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out
}
