package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/record"
)

// Config is what a Notifier is made of. Store is needed, and Source where there are Receivers.
type Config struct {
	Store       Store
	Receivers   []Receiver
	ExternalURL string // of the page, for links; "": none
	Version     string
	Transport   http.RoundTripper // nil: one that checks addresses
	Logger      *slog.Logger      // nil: none

	// Source opens topic system-alerts, of which partition 0 is read. Without a receiver it is asked not to make one that is
	// not there, and returns nil; then, and where it cannot be had, nobody is told.
	Source func(ctx context.Context, make bool) (record.Source, error)
	// Known is asked now and then until it is certain what became of incidents from before the process started, and Append
	// appends the ends of those that no rule gives to the topic; nil: only the rules end incidents.
	Known  func() Known
	Append func(ctx context.Context, changes []*alert.Change) error

	// Note notes how much is kept, whenever that has changed; nil: nobody wants to know. Several goroutines call it.
	Note func(Kept)

	source record.Source
}

// A Notifier tells webhooks of changes of alerts. Its methods may be used by several goroutines.
type Notifier struct {
	cfg     Config
	journal *journal
	lanes   []*lane
	lost    *lost    // nil: the rules alone end incidents
	notices []string // for the user, about the start

	mu       sync.Mutex
	silences silences             // is replaced, not changed
	external map[string]*External // the same; by fingerprint

	notedMu sync.Mutex
	noted   *Kept
}

// Open reads what was told before. A receiver that is new begins with what fires now: the topic's records from before
// are read, and told if their incidents are not over.
func Open(ctx context.Context, cfg Config) (*Notifier, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{cfg: cfg, journal: &journal{store: cfg.Store}}
	kept, err := n.load(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	if err := n.openLanes(ctx, kept); err != nil {
		return nil, err
	}
	n.noteKept()
	return n, nil
}

// openLanes makes a lane for each receiver that is told, of what the store holds of it.
func (n *Notifier) openLanes(ctx context.Context, kept map[string]*saved) error {
	cfg := &n.cfg
	if cfg.Source == nil {
		return nil // silences and the alerts of others need no topic
	}
	unsure := map[string]*alert.Change{}
	var changed []entry
	var fresh []*lane
	for i := range cfg.Receivers {
		r := &cfg.Receivers[i]
		if slices.ContainsFunc(n.lanes, func(l *lane) bool { return l.r.Name == r.Name }) {
			return fmt.Errorf("two webhooks are called %s", r.Name)
		}
		s, known, err := restoreState(r, kept[r.Name])
		if err != nil {
			return err
		}
		delete(kept, r.Name)
		open := map[string]*alert.Change{}
		s.open(open)
		if r.Leaving && len(open) == 0 && s.waiting == 0 {
			continue
		}
		maps.Copy(unsure, open)
		l := &lane{n: n, r: r, state: s, wake: make(chan struct{}, 1), client: newClient(r, cfg.Transport, cfg.Version, false)}
		n.lanes = append(n.lanes, l)
		if !known {
			fresh = append(fresh, l)
		}
	}
	if err := n.tellGone(kept); err != nil {
		return err
	}
	source, err := cfg.Source(ctx, len(n.lanes) > 0)
	if err != nil || source == nil {
		n.lanes = nil
		return err
	}
	cfg.source = source
	end, err := source.End(ctx, 0)
	if err != nil {
		return record.At("read topic system-alerts", err)
	}
	for _, l := range n.lanes {
		s := l.state
		if slices.Contains(fresh, l) || s.Position > end.Offset { // or the topic was made anew
			s.Position, s.Horizon = 0, end.Offset
			s.noteSelf()
		}
		changed = append(changed, s.changed...)
		s.changed = nil
		l.report = ReceiverReport{Name: l.r.Name, Form: l.r.Form, Place: l.r.place(), State: ReceiverIdle}
		l.show(time.Now(), n.silences)
	}
	if cfg.Known != nil {
		n.lost = &lost{cfg: cfg, horizon: end.Offset, unsure: unsure, given: map[string]bool{}}
	}
	return n.journal.commit(changed)
}

// tellGone notes the webhooks that know of incidents, and that the project no longer has.
func (n *Notifier) tellGone(kept map[string]*saved) error {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		s, _, err := restoreState(&Receiver{Name: name}, kept[name])
		if err != nil {
			return err
		}
		open := map[string]*alert.Change{}
		if s.open(open); len(open) > 0 {
			n.notices = append(n.notices, fmt.Sprintf("webhook %s was told of incidents that are not over (%d), and is no longer in the project: nobody tells it of their end", name, len(open)))
		}
	}
	return nil
}

// Notices are sentences for the user about the start.
func (n *Notifier) Notices() []string { return n.notices }

// Run tells until ctx ends; then a request that is under way has a moment to end. Its error is one of the store.
func (n *Notifier) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	if n.lost != nil {
		all.Go(func() error { n.lost.run(ctx); return nil })
	}
	for _, l := range n.lanes {
		all.Go(func() error { return l.run(ctx) })
	}
	return all.Wait()
}

// States of receivers.
const (
	ReceiverIdle    = "idle"    // it knows everything
	ReceiverWaiting = "waiting" // changes wait for the end of an interval
	ReceiverFailing = "failing" // the last try went wrong
)

// A ReceiverReport is how a receiver is.
type ReceiverReport struct {
	Name  string `json:"name"`
	Form  Form   `json:"form"`
	Place string `json:"place"` // the url without its path, which may be a secret
	State string `json:"state"`
	Counts
	Position    int64     `json:"position"` // the next record of topic system-alerts
	Unread      int64     `json:"unread"`   // records behind it
	Waiting     int64     `json:"waiting"`  // changes that were read and not delivered
	Silenced    int64     `json:"silenced"` // changes that silences hold back, beside those that wait
	Firing      int64     `json:"firing"`   // incidents that it knows to fire
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
	Since       time.Time `json:"since,omitzero"` // when it began to fail; zero: it does not
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
}

// Trouble is the receivers whose last try went wrong while changes wait for them, without a question to the topic.
func (n *Notifier) Trouble() []ReceiverReport {
	var all []ReceiverReport
	for _, l := range n.lanes {
		l.mu.Lock()
		if l.report.Waiting > 0 && !l.report.Since.IsZero() {
			all = append(all, l.report)
		}
		l.mu.Unlock()
	}
	return all
}

// Names is the receivers, in the order of Config.
func (n *Notifier) Names() []string {
	names := make([]string, len(n.lanes))
	for i, l := range n.lanes {
		names[i] = l.r.Name
	}
	return names
}

// Report is how the receivers are, in the order of Config.
func (n *Notifier) Report(ctx context.Context) []ReceiverReport {
	if len(n.lanes) == 0 {
		return nil
	}
	end, err := n.cfg.source.End(ctx, 0)
	out := make([]ReceiverReport, 0, len(n.lanes))
	for _, l := range n.lanes {
		l.mu.Lock()
		r := l.report
		l.mu.Unlock()
		if err == nil {
			r.Unread = max(0, end.Offset-r.Position)
		}
		out = append(out, r)
	}
	return out
}

func (n *Notifier) quiet() silences {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.silences
}

// Silences is those that hold, begin later or have ended within five days, in Alertmanager's order.
func (n *Notifier) Silences() []Silence { return n.quiet().list(time.Now()) }

// Silencing is the silence that is about an incident now, or about an alert of others as External.Change tells it; "":
// none is.
func (n *Notifier) Silencing(c *alert.Change) string {
	if s := n.quiet().active(c, time.Now()); s != nil {
		return s.ID
	}
	return ""
}

// Silence keeps a silence and returns its id. One without ID is new; one that has the ID of another changes it in
// place, or ends it and is new where the matchers differ or it is over. A beginning in the past is now. Its errors
// are *SilenceError, and those of the store.
func (n *Notifier) Silence(s Silence) (string, error) {
	now := time.Now().UTC()
	s.Matchers = slices.Clone(s.Matchers)
	if err := s.check(now); err != nil {
		return "", err
	}
	defer n.noteKept() // without the lock
	n.mu.Lock()
	defer n.mu.Unlock()
	next := maps.Clone(n.silences)
	var changed []entry
	if s.ID != "" {
		old := next[s.ID]
		switch {
		case old == nil:
			return "", &SilenceError{http.StatusNotFound, "silence not found"}
		case old.State(now) == SilenceExpired:
			s.ID = ""
		case !old.sameMatchers(&s):
			changed = append(changed, next.expire(old, now))
			s.ID = ""
		case old.State(now) == SilenceActive:
			s.StartsAt = old.StartsAt
		}
	}
	if s.ID == "" {
		s.ID = newID()
	}
	if old := n.silences[s.ID]; s.StartsAt.Before(now) && (old == nil || old.State(now) != SilenceActive) {
		s.StartsAt = now
	}
	s.UpdatedAt = now
	next[s.ID] = &s
	changed = append(changed, entry{opSilence, s.ID, &s})
	for id, old := range next {
		if old.EndsAt.Before(now.Add(-keepExpired)) {
			delete(next, id)
			changed = append(changed, entry{opSilence, id, nil})
		}
	}
	if len(next) > MostSilences {
		return "", &SilenceError{http.StatusBadRequest, fmt.Sprintf("Failed to create silence: there are %d already, and no more are kept", MostSilences)}
	}
	if err := n.setSilences(next, changed); err != nil {
		return "", err
	}
	return s.ID, nil
}

// Expire ends a silence now; one that is over stays as it is. Its error is a *SilenceError for an id that is unknown.
func (n *Notifier) Expire(id string) error {
	now := time.Now().UTC()
	defer n.noteKept() // without the lock
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.silences[id]
	if old == nil {
		return &SilenceError{http.StatusNotFound, "silence not found"}
	}
	if old.State(now) == SilenceExpired {
		return nil
	}
	next := maps.Clone(n.silences)
	return n.setSilences(next, []entry{next.expire(old, now)})
}

// expire puts a silence that is over in the place of another.
func (all silences) expire(old *Silence, now time.Time) entry {
	over := *old
	over.EndsAt, over.UpdatedAt = now, now
	if over.StartsAt.After(now) {
		over.StartsAt = now
	}
	all[over.ID] = &over
	return entry{opSilence, over.ID, &over}
}

// setSilences makes silences durable and has all lanes look at them. The lock is held.
func (n *Notifier) setSilences(next silences, changed []entry) error {
	if err := n.journal.commit(changed); err != nil {
		return err
	}
	n.silences = next
	for _, l := range n.lanes {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// newID is a random UUID.
func newID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(errors.Join(errors.New("BUG: no random numbers"), err))
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
