package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/retry"
)

// A meter looks at the topics and the engine once a second and knows how fast things go. What the process writes of
// itself does not count.
type meter struct {
	n *Node

	mu     sync.Mutex
	ends   map[string][]int64   // by source topic and partition
	newest map[string]time.Time // by source topic: when its newest record was seen to come
	last   sample
	rate   web.Rates

	measured bool           // rate is that of a whole second
	seen     []seenMeasures // of the last seconds, the oldest first

	// Of the goroutine that looks.
	measures engine.Measures
	asked    time.Time            // when the engine was asked for its measures
	answer   chan engine.Measures // of a question that is open; nil: none is
}

type seenMeasures struct {
	at       time.Time
	measures engine.Measures
}

// mostSeen is over how many looks the rates of a Flow are.
const mostSeen = 6

type sample struct {
	at   time.Time
	ends int64 // records in all source topics
	read int64 // records read
}

const (
	meterPause = time.Second
	// measureWait is how long a look waits for the engine, whose tasks have to come to rest between two batches, and
	// for the topics, whose keeper may hang.
	measureWait = 500 * time.Millisecond
)

func newMeter(n *Node) *meter {
	m := &meter{n: n, ends: map[string][]int64{}, newest: map[string]time.Time{}}
	for _, topic := range n.roles.sources {
		if n.cluster == nil { // a cluster would have to read
			if info, err := n.host.Topic(context.Background(), topic); err == nil {
				m.newest[topic] = lastAppend(info)
			}
		}
	}
	m.look(context.Background())
	return m
}

// run looks until ctx ends.
func (m *meter) run(ctx context.Context) {
	for retry.Pause(ctx, meterPause) == nil {
		m.look(ctx)
	}
}

// measure asks the engine how it is. Where it does not answer, it is as it was, and has been silent for so long.
func (m *meter) measure(now time.Time) (silent time.Duration) {
	if m.answer == nil {
		answer := make(chan engine.Measures, 1)
		m.answer, m.asked = answer, now
		e := m.n.current()
		go func() { answer <- e.Measure() }()
	}
	wait := time.NewTimer(measureWait)
	defer wait.Stop()
	select {
	case m.measures = <-m.answer:
		m.answer = nil
		return 0
	case <-wait.C:
		return now.Sub(m.asked)
	}
}

// look takes a sample, and has the monitor look at it. A topic whose end cannot be found keeps the one known.
func (m *meter) look(ctx context.Context) {
	at := time.Now()
	found := map[string][]int64{}
	asking, cancel := context.WithTimeout(ctx, measureWait)
	for _, topic := range m.n.roles.sources {
		src, err := m.n.host.Source(topic, false)
		if err != nil {
			continue
		}
		if list, err := ends(asking, src); err == nil {
			found[topic] = list
		}
	}
	cancel()
	silent := m.measure(at)
	now := sample{at: at, read: readOf(m.measures.Ledger)}
	measures := m.measures
	measures.Partitions = slices.Clone(measures.Partitions)
	newest := m.take(now, found, &measures)
	if m.n.monitor != nil && ctx.Err() == nil {
		m.n.monitor.Observe(ctx, m.n.sample(at, measures, silent, newest))
	}
}

// take keeps a sample, fills in the ends of the topics, and returns when records were last seen to come.
func (m *meter) take(now sample, found map[string][]int64, measures *engine.Measures) map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	for topic := range found {
		known := m.ends[topic]
		for p, end := range found[topic] {
			before := int64(0)
			if p < len(known) {
				before = known[p]
			}
			if end > before && known != nil {
				m.newest[topic] = now.at
			}
			found[topic][p] = max(end, before)
		}
		m.ends[topic] = found[topic]
	}
	for topic, list := range m.ends {
		if monitor.IsOwn(topic) {
			continue
		}
		for _, end := range list {
			now.ends += end
		}
	}
	if seconds := now.at.Sub(m.last.at).Seconds(); !m.last.at.IsZero() && seconds > 0 {
		m.rate.Input = float64(now.ends-m.last.ends) / seconds
		m.rate.Processed = float64(now.read-m.last.read) / seconds
		m.rate.Rows = now.read - m.last.read
		m.measured = true
	}
	m.last = now
	m.fill(measures.Partitions)
	if len(m.seen) == mostSeen {
		m.seen = m.seen[1:]
	}
	m.seen = append(m.seen, seenMeasures{now.at, *measures})
	newest := make(map[string]time.Time, len(m.newest))
	for topic, at := range m.newest {
		newest[topic] = at
	}
	return newest
}

// readOf is how many records were read of the topics that others write.
func readOf(l ledger.Ledger) (n int64) {
	for topic, c := range l.Topics {
		if !monitor.IsOwn(topic) {
			n += c.Read
		}
	}
	return n
}

// fillEnds adds the ends of the topics to a status, and what follows from them.
func (m *meter) fillEnds(st *engine.Status) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fill(st.Partitions)
}

// fill adds the ends that are known. The lock is held.
func (m *meter) fill(parts []engine.PartitionStatus) {
	for i := range parts {
		p := &parts[i]
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
		if !monitor.IsOwn(p.Topic) {
			lag += p.Lag
		}
	}
	switch {
	case float64(lag) > behindSeconds*max(m.rate.Processed, 1000):
		return "behind"
	case lag == 0 && m.measured && readOf(st.Ledger) == m.last.read && m.rate.Input == 0 && m.rate.Processed == 0:
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
