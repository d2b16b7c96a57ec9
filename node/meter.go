package node

import (
	"context"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
)

// A meter looks at the topics and the engine once a second and knows how fast things go.
type meter struct {
	n *Node

	mu   sync.Mutex
	ends map[string][]int64 // by source topic and partition
	last sample
	rate web.Rates

	measured bool // rate is that of a whole second
}

type sample struct {
	at     time.Time
	ends   int64 // records in all source topics
	events int64 // records read
}

const meterPause = time.Second

func newMeter(n *Node) *meter {
	m := &meter{n: n, ends: map[string][]int64{}}
	m.look(context.Background())
	return m
}

// run looks until ctx ends.
func (m *meter) run(ctx context.Context) {
	for pause(ctx, meterPause) {
		m.look(ctx)
	}
}

// look takes a sample. A topic whose end cannot be found keeps the one known.
func (m *meter) look(ctx context.Context) {
	now := sample{at: time.Now(), events: m.n.current().Status().Events}
	found := map[string][]int64{}
	for _, topic := range m.n.roles.sources {
		src, err := m.n.host.Source(topic, false)
		if err != nil {
			continue
		}
		if list, err := ends(ctx, src); err == nil {
			found[topic] = list
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for topic := range found {
		known := m.ends[topic]
		for p := range found[topic] {
			if p < len(known) {
				found[topic][p] = max(found[topic][p], known[p])
			}
		}
		m.ends[topic] = found[topic]
	}
	for _, list := range m.ends {
		for _, end := range list {
			now.ends += end
		}
	}
	if seconds := now.at.Sub(m.last.at).Seconds(); !m.last.at.IsZero() && seconds > 0 {
		m.rate.Input = float64(now.ends-m.last.ends) / seconds
		m.rate.Processed = float64(now.events-m.last.events) / seconds
		m.rate.Rows = now.events - m.last.events
		m.measured = true
	}
	m.last = now
}

// fillEnds adds the ends of the topics to a status, and what follows from them.
func (m *meter) fillEnds(st *engine.Status) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range st.Partitions {
		p := &st.Partitions[i]
		p.End = max(p.End, p.Position)
		if ends := m.ends[p.Topic]; int(p.Partition) < len(ends) {
			p.End = max(p.End, ends[p.Partition])
		}
		p.Lag = p.End - p.Position
	}
}

// behindSeconds is the work that may wait before a pipeline is called behind.
const behindSeconds = 5

// pace is "idle" when nothing waits and nothing came in the last second, "behind" when more waits than
// is read in some seconds, else "running".
func (m *meter) pace(st *engine.Status) string {
	if m == nil {
		return st.State
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	lag := int64(0)
	for _, p := range st.Partitions {
		lag += p.Lag
	}
	switch {
	case float64(lag) > behindSeconds*max(m.rate.Processed, 1000):
		return "behind"
	case lag == 0 && m.measured && st.Events == m.last.events && m.rate.Input == 0 && m.rate.Processed == 0:
		return "idle"
	}
	return "running"
}

// Rates is how fast things went over the last second.
func (n *Node) Rates() web.Rates {
	n.meter.mu.Lock()
	defer n.meter.mu.Unlock()
	r := n.meter.rate
	if n.feed != nil {
		r.Overdue = n.feed.overdue.Load()
	}
	return r
}
