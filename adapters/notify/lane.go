package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/record"
)

// Waits of a lane.
const (
	foldWait  = 5 * time.Second // for the topic's old records, of which retention may have removed the last
	stopGrace = 2 * time.Second // that a request may still take when the process ends
	readRetry = time.Second
)

// A lane tells one receiver. Its state belongs to the goroutine of run.
type lane struct {
	n      *Notifier
	r      *Receiver
	client *client
	state  *laneState
	wake   chan struct{} // the silences have changed

	failing int       // tries in a row that went wrong
	gate    time.Time // no try before it

	mu     sync.Mutex
	report ReceiverReport
}

// A piece is records that were read; the reader waits until they are taken.
type piece struct {
	records *record.Records
	taken   chan struct{}
}

// run goes on until ctx ends or something cannot be made durable.
func (l *lane) run(ctx context.Context) error {
	pieces := make(chan piece)
	var reader sync.WaitGroup
	reading, stop := context.WithCancel(ctx)
	reader.Go(func() { l.read(reading, l.state.Position, pieces) })
	defer reader.Wait()
	defer stop()
	folded := time.After(foldWait)
	for ctx.Err() == nil {
		now, quiet := time.Now(), l.n.quiet()
		l.show(now, quiet)
		l.n.noteKept()
		g, at := l.next(now, quiet)
		if g != nil && !at.After(now) {
			if err := l.tell(ctx, g, now, quiet); err != nil {
				return err
			}
			continue
		}
		if next := quiet.next(now); !next.IsZero() && (at.IsZero() || next.Before(at)) {
			at = next
		}
		var timer <-chan time.Time
		if !at.IsZero() {
			timer = time.After(at.Sub(now))
		}
		in := pieces
		if l.state.full(now, quiet) {
			in = nil
		}
		select {
		case p := <-in:
			l.intake(p.records, time.Now(), l.n.quiet())
			if err := l.commit(); err != nil {
				return err
			}
			close(p.taken)
		case <-folded:
			l.state.Horizon = min(l.state.Horizon, l.state.Position)
		case <-timer:
		case <-l.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *lane) commit() error {
	changed := l.state.changed
	l.state.changed = nil
	return l.n.journal.commit(changed)
}

// next is the group that is to be told of first, and when; nil: none.
func (l *lane) next(now time.Time, quiet silences) (*group, time.Time) {
	var first *group
	var when time.Time
	if l.state.folding() {
		return nil, when
	}
	for _, key := range slices.Sorted(maps.Keys(l.state.groups)) {
		g := l.state.groups[key]
		at := l.state.due(g, now, quiet)
		if !at.IsZero() && (first == nil || at.Before(when)) {
			first, when = g, at
		}
	}
	if first != nil && when.Before(l.gate) {
		when = l.gate
	}
	return first, when
}

// intake takes records of the topic.
func (l *lane) intake(records *record.Records, now time.Time, quiet silences) {
	s := l.state
	s.Counts.Lost += records.Lost
	for i := range records.Len() {
		offset := records.Offsets[i]
		if offset < s.Position {
			continue
		}
		var c alert.Change
		if value := records.Values.At(i); len(value) > 0 {
			if err := json.Unmarshal(value, &c); err != nil || c.ID == "" {
				s.Counts.Malformed++
				l.n.cfg.Logger.Warn("a record of topic system-alerts is no change of an alert", "offset", offset, "error", err)
			} else {
				s.take(offset, &c, now, quiet)
			}
		}
		s.Position = offset + 1
	}
	s.Position = max(s.Position, records.Next.Offset)
	s.noteSelf()
}

// tell makes one try for a group that is due, and notes before and after what is known.
func (l *lane) tell(ctx context.Context, g *group, now time.Time, quiet silences) error {
	s := l.state
	if g.Batch == nil && !s.form(g, now, quiet) {
		return l.commit()
	}
	s.begin(g)
	if err := l.commit(); err != nil {
		return err
	}
	o, cut := l.try(ctx, g)
	if cut {
		return nil // the process ends, and it stays under way
	}
	now = time.Now()
	switch o.verdict {
	case accepted:
		l.failing, l.gate = 0, time.Time{}
		s.settle(g, now, false)
		l.worked(now)
	case refused:
		l.failing, l.gate = 0, time.Time{}
		s.settle(g, now, true)
		l.trouble(now, o.text)
		l.n.cfg.Logger.Warn("a webhook refuses what it is told", "webhook", l.r.Name, "group", g.key, "reason", o.text)
	case unsettled:
		l.failing++
		l.gate = now.Add(max(sendWaits.After(l.failing), o.after))
		s.fail(g, now.Add(max(sendWaits.After(g.fails+1), o.after)), o.uncertain)
		l.trouble(now, o.text)
		l.n.cfg.Logger.Warn("changes of alerts wait for a webhook", "webhook", l.r.Name, "group", g.key, "reason", o.text, "again", l.gate.Sub(now))
	}
	return l.commit()
}

// try sends a batch. When the process ends the request has a moment left; cut: it was not enough.
func (l *lane) try(ctx context.Context, g *group) (o outcome, cut bool) {
	note := &notification{id: g.Batch.ID, groupLabels: g.Labels, alerts: g.Batch.Alerts, truncated: g.Batch.Truncated,
		repeat: g.Batch.repeat, externalURL: l.n.cfg.ExternalURL}
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		select {
		case <-done:
		case <-time.After(stopGrace):
			cancel()
		}
	}()
	for _, q := range requests(l.r, note, time.Now()) {
		o = l.client.send(sending, q, map[string]string{deliveryHeader: note.id})
		if o.verdict != accepted {
			break
		}
	}
	return o, o.verdict == unsettled && o.uncertain && sending.Err() != nil
}

// A notification is what forms make a body of.
type notification struct {
	id          string
	groupLabels labelSet
	alerts      []told
	truncated   int
	repeat      bool
	externalURL string
}

// requests is the bodies of a notification; all but a repetition for an Alertmanager have one.
func requests(r *Receiver, n *notification, now time.Time) []request {
	switch r.Form {
	case Alertmanager:
		var out []request
		for some := range slices.Chunk(n.alerts, postAlerts) {
			part := *n
			part.alerts = some
			out = append(out, alertmanagerBody(r, &part, now))
		}
		return out
	case Webhook:
		return []request{webhookBody(r, n)}
	case Slack:
		return []request{slackBody(r, n)}
	}
	return []request{jsonBody(r, n)}
}

// read hands records to the lane until ctx ends. Faults of the topic are shown, and tried again.
func (l *lane) read(ctx context.Context, from int64, pieces chan<- piece) {
	for ctx.Err() == nil {
		next, err := l.readFrom(ctx, from, pieces)
		if from = next; ctx.Err() != nil || errors.Is(err, io.EOF) {
			return
		}
		l.trouble(time.Now(), fmt.Sprintf("read topic system-alerts at offset %d: %v", from, err))
		select {
		case <-time.After(readRetry):
		case <-ctx.Done():
		}
	}
}

func (l *lane) readFrom(ctx context.Context, from int64, pieces chan<- piece) (int64, error) {
	reader, err := l.n.cfg.source.Open(ctx, 0, record.Position{Offset: from})
	if err != nil {
		return from, err
	}
	defer reader.Close()
	records := &record.Records{}
	for {
		if err := reader.Read(ctx, records); err != nil {
			return from, err
		}
		p := piece{records, make(chan struct{})}
		select {
		case pieces <- p:
		case <-ctx.Done():
			return from, ctx.Err()
		}
		select {
		case <-p.taken:
		case <-ctx.Done():
			return from, ctx.Err()
		}
		from = max(from, records.Next.Offset)
		if k := records.Len(); k > 0 {
			from = max(from, records.Offsets[k-1]+1)
		}
	}
}

func (l *lane) worked(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.State, l.report.Since, l.report.LastSuccess = "", time.Time{}, now
}

func (l *lane) trouble(now time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report.Since.IsZero() {
		l.report.Since = now
	}
	l.report.LastError, l.report.LastErrorAt = text, now
}

// show makes what Report tells.
func (l *lane) show(now time.Time, quiet silences) {
	silenced, firing := 0, 0
	for _, g := range l.state.groups {
		for _, q := range g.queue {
			if quiet.active(&q.Change, now) != nil {
				silenced++
			}
		}
		firing += len(g.firing)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.report
	r.Counts, r.Position = l.state.Counts, l.state.Position
	r.Waiting, r.Silenced, r.Firing = int64(l.state.waiting-silenced), int64(silenced), int64(firing)
	switch {
	case !r.Since.IsZero():
		r.State = ReceiverFailing
	case r.Waiting > 0 || l.state.folding():
		r.State = ReceiverWaiting
	default:
		r.State = ReceiverIdle
	}
}
