package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// The pace of /api/events.
const (
	livePause = time.Second      // between two updates
	stallLook = 10 * time.Second // a browser that takes nothing for so long is let go, and comes again by itself
)

// A live makes what /api/events sends: once a second for all who look, and not at all while nobody does. Each of them
// has room for one update. One that is too slow for that finds the newest there and misses those between.
type live struct {
	make func(context.Context, *liveState) []byte

	mu      sync.Mutex
	lookers map[chan []byte]bool
	newest  []byte // nil while nobody looks
	stop    context.CancelFunc
}

// liveState is what one update leaves for the next.
type liveState struct {
	id      int64
	latency map[string]engine.Latency // by sink
}

// join gives a channel of updates, the first of which is there at once; nil if too many look already.
func (l *live) join() chan []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lookers) >= maxLookers {
		return nil
	}
	if l.lookers == nil {
		l.lookers = map[chan []byte]bool{}
	}
	ch := make(chan []byte, 1)
	l.lookers[ch] = true
	if len(l.lookers) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		l.stop = stop
		go l.run(ctx)
	} else if l.newest != nil {
		ch <- l.newest
	}
	return ch
}

// leave ends what join began.
func (l *live) leave(ch chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lookers, ch)
	if len(l.lookers) == 0 {
		l.stop()
		l.newest = nil
	}
}

// run makes updates until nobody looks any more.
func (l *live) run(ctx context.Context) {
	pulse := time.NewTicker(livePause)
	defer pulse.Stop()
	var state liveState
	for {
		l.hand(ctx, l.make(ctx, &state))
		select {
		case <-pulse.C:
		case <-ctx.Done():
			return
		}
	}
}

// hand gives an update to all. A run that was stopped while another one began gives none.
func (l *live) hand(ctx context.Context, update []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil || update == nil {
		return
	}
	l.newest = update
	for ch := range l.lookers {
		select {
		case <-ch: // it has not taken the one before
		default:
		}
		ch <- update
	}
}

// LiveAnswer is the data of the events called status.
type LiveAnswer struct {
	Time time.Time `json:"time"` // the server's
	StatusAnswer
	Imbalance int64                 `json:"imbalance"` // rows without an outcome, or with two
	LeftOut   []ledger.Loss         `json:"leftOut"`   // what tables are without
	Sinks     []LiveSink            `json:"sinks"`
	Alerts    []*alert.Change       `json:"alerts"` // incidents that are pending or firing, without evidence
	Machine   *monitor.SystemRecord `json:"machine"`
}

// LiveSink is how a sink did since the update before.
type LiveSink struct {
	Name      string   `json:"name"`
	Trouble   string   `json:"trouble,omitempty"`
	Waiting   int64    `json:"waiting"`
	Oldest    float64  `json:"oldestSeconds"`
	Delivered int64    `json:"delivered"`
	P50       *float64 `json:"p50"` // seconds from a record to its row in the sink; null: no row came
	P99       *float64 `json:"p99"`
}

// update is one update as it goes over the wire: an event with the status and one with the progress.
func (s *Server) update(ctx context.Context, state *liveState) []byte {
	st, info, rates, now := s.backend.Status(), s.backend.Info(), s.backend.Rates(), time.Now()
	a := LiveAnswer{Time: now, StatusAnswer: s.statusAnswer(ctx, st, info, rates), Imbalance: Imbalance(st.Ledger),
		LeftOut: append([]ledger.Loss{}, st.Ledger.Losses()...), Sinks: []LiveSink{}, Alerts: []*alert.Change{}}
	if reading := s.backend.Machine(ctx); reading != nil {
		record := reading.Record()
		a.Machine = &record
	}
	for _, of := range s.backend.Alerts() {
		for _, incident := range of.Incidents {
			bare := *incident
			bare.Evidence = nil
			a.Alerts = append(a.Alerts, &bare)
		}
	}
	m := s.backend.Measures()
	for i := range m.Sinks {
		a.Sinks = append(a.Sinks, state.sink(&m.Sinks[i], now))
	}
	state.id++
	var out bytes.Buffer
	for _, event := range []struct {
		name string
		data any
	}{{"status", a}, {"progress", makeProgress(info, st, rates, now)}} {
		body, err := json.Marshal(event.data)
		if err != nil {
			return nil
		}
		fmt.Fprintf(&out, "id: %d\nevent: %s\ndata: %s\n\n", state.id, event.name, body)
	}
	return out.Bytes()
}

// sink compares a sink with how it was at the update before.
func (l *liveState) sink(m *engine.SinkMeasures, now time.Time) LiveSink {
	load := sinkLoad(m, now)
	out := LiveSink{Name: load.Name, Trouble: load.Trouble, Waiting: load.Waiting, Oldest: load.Oldest, Delivered: load.Delivered}
	if before, ok := l.latency[m.Name]; ok {
		since := m.Latency.Since(&before)
		out.P50, out.P99 = quantile(&since, 0.5), quantile(&since, 0.99)
	}
	if l.latency == nil {
		l.latency = map[string]engine.Latency{}
	}
	l.latency[m.Name] = m.Latency
	return out
}

func quantile(l *engine.Latency, q float64) *float64 {
	v := l.Quantile(q)
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// events sends updates, as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	updates := s.live.join()
	if updates == nil {
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("follow events: %d clients do so already, which is the limit", maxLookers), 1)
		return
	}
	defer s.live.leave(updates)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for {
		select {
		case update := <-updates:
			_ = control.SetWriteDeadline(time.Now().Add(stallLook))
			if _, err := w.Write(update); err != nil || control.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
