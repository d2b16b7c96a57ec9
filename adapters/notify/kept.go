package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kept is how much a Notifier keeps, noted beside its store for who finds that gone.
type Kept struct {
	Silences []time.Time    `json:"silences"` // their ends
	Others   int            `json:"others"`   // alerts that others told
	Webhooks map[string]int `json:"webhooks"` // incidents that each knows to fire
}

// Lost says what is gone with the store; "": nothing of it would count now.
func (k *Kept) Lost(now time.Time) string {
	var parts []string
	count := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d)", what, n))
		}
	}
	hold := 0
	for _, end := range k.Silences {
		if end.After(now) {
			hold++
		}
	}
	count(hold, "silences")
	count(k.Others, "alerts that others told")
	for _, name := range slices.Sorted(maps.Keys(k.Webhooks)) {
		count(k.Webhooks[name], "what webhook "+name+" knows to fire")
	}
	return strings.Join(parts, ", ")
}

// noteKept notes how much is kept, if that has changed.
func (n *Notifier) noteKept() {
	if n.cfg.Note == nil {
		return
	}
	n.notedMu.Lock()
	defer n.notedMu.Unlock()
	n.mu.Lock()
	k := Kept{Others: len(n.external), Webhooks: map[string]int{}}
	for _, s := range n.silences {
		k.Silences = append(k.Silences, s.EndsAt)
	}
	n.mu.Unlock()
	slices.SortFunc(k.Silences, time.Time.Compare)
	for _, l := range n.lanes {
		l.mu.Lock()
		k.Webhooks[l.r.Name] = int(l.report.Firing)
		l.mu.Unlock()
	}
	if n.noted != nil && slices.EqualFunc(k.Silences, n.noted.Silences, time.Time.Equal) && k.Others == n.noted.Others && maps.Equal(k.Webhooks, n.noted.Webhooks) {
		return
	}
	n.noted = &k
	n.cfg.Note(k)
}
