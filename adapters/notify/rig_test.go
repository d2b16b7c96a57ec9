package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// A rig is a Notifier in virtual time, its topic, its store, and what receivers answer.
type rig struct {
	t     *testing.T
	topic *enginetest.Log
	store Store
	cfg   Config

	n    *Notifier
	stop func() error
	at   int // of the next change

	mu       sync.Mutex
	requests []sent
	answer   func(q sent) (*http.Response, error) // nil: 200
}

// sent is a request that reached a receiver.
type sent struct {
	at     time.Time
	url    string
	header http.Header
	body   string
	ctx    context.Context
}

func newRig(t *testing.T, receivers ...Receiver) *rig {
	r := &rig{t: t, topic: enginetest.NewLog(1), store: &store.Memory{}}
	r.cfg = Config{Source: func(context.Context, bool) (record.Source, error) { return r.topic, nil }, Append: r.append, Receivers: receivers, Transport: r, Version: "test"}
	return r
}

// receiver is one from options, in which "k=v" pairs stand.
func receiver(t *testing.T, name string, pairs ...string) Receiver {
	t.Helper()
	options := map[string]string{"url": "http://" + name + ".example/hook/secret-path"}
	for i := 0; i < len(pairs); i += 2 {
		options[pairs[i]] = pairs[i+1]
	}
	r, err := NewReceiver(name, options, Lookup{
		Env: func(n string) (string, bool) { return map[string]string{"KEY": "top-secret"}[n], n == "KEY" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) open() {
	r.t.Helper()
	r.cfg.Store = r.store
	n, err := Open(r.t.Context(), r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	r.n, r.stop = n, func() error { cancel(); return <-done }
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Error(err)
	}
}

// RoundTrip is the network.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	q := sent{time.Now(), req.URL.String(), req.Header, string(body), req.Context()}
	r.mu.Lock()
	r.requests = append(r.requests, q)
	answer := r.answer
	r.mu.Unlock()
	if answer == nil {
		return respond(200, ""), nil
	}
	return answer(q)
}

func (r *rig) answers(f func(q sent) (*http.Response, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// taken is the requests since it was last asked.
func (r *rig) taken() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.requests
	r.requests = nil
	return out
}

func respond(code int, body string, headers ...string) *http.Response {
	a := &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(bytes.NewBufferString(body))}
	for i := 0; i < len(headers); i += 2 {
		a.Header.Set(headers[i], headers[i+1])
	}
	return a
}

var (
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	errReset = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
)

// change makes a change of the incident of a rule and thing that began n seconds after the start of the bubble.
func change(rule, thing string, n int, st alert.State, notify ...string) *alert.Change {
	fired := alert.Time(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() + int64(n)*1e6)
	c := &alert.Change{ID: fmt.Sprintf("%s-%s-%d", rule, thing, n), Alert: rule, State: st, Time: fired, ActiveAt: fired, FiredAt: fired,
		ResolvedAt: alert.None, Severity: "warning", Labels: map[string]string{"thing": thing}, Summary: rule + " of " + thing, Notify: notify, Breaches: 1}
	if st == alert.Resolved {
		c.ResolvedAt = fired + 1e6
		c.Time = c.ResolvedAt
	}
	return c
}

func (r *rig) publish(changes ...*alert.Change) {
	for _, c := range changes {
		text, err := json.Marshal(c)
		if err != nil {
			r.t.Fatal(err)
		}
		r.topic.Append(0, 0, []byte(c.ID), text)
	}
}

// append is publish for the Notifier.
func (r *rig) append(_ context.Context, changes []*alert.Change) error {
	r.publish(changes...)
	return nil
}

// changes is what the topic has.
func (r *rig) changes() []*alert.Change {
	r.t.Helper()
	end, err := r.topic.End(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	reader, err := r.topic.Open(r.t.Context(), 0, record.Position{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	var all []*alert.Change
	for records := (&record.Records{}); records.Next.Offset < end.Offset; {
		if err := reader.Read(r.t.Context(), records); err != nil {
			r.t.Fatal(err)
		}
		for i := range records.Len() {
			c := &alert.Change{}
			if err := json.Unmarshal(records.Values.At(i), c); err != nil {
				r.t.Fatal(err)
			}
			all = append(all, c)
		}
	}
	return all
}

// after lets virtual time pass and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) report(name string) ReceiverReport {
	r.t.Helper()
	for _, p := range r.n.Report(r.t.Context()) {
		if p.Name == name {
			return p
		}
	}
	r.t.Fatalf("no report of %s", name)
	return ReceiverReport{}
}

// told is the changes in a body of form json, as "id state".
func toldBy(t *testing.T, q sent) []string {
	t.Helper()
	var n Notification
	if err := json.Unmarshal([]byte(q.body), &n); err != nil {
		t.Error(err) // it may be asked by the goroutine of a lane
	}
	var out []string
	for _, c := range n.Changes {
		out = append(out, c.ID+" "+string(c.State))
	}
	return out
}
