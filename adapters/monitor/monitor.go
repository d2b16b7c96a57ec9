package monitor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config is what a Monitor is made of. Open, Project and Started are needed.
type Config struct {
	Project  string
	Instance string // of this start
	Started  time.Time
	Host     HostConfig
	// Open opens one of the process's topics, and makes it if there is none.
	Open func(ctx context.Context, topic string) (Writer, error)
	// Always says that the machine is read each second, because the pipeline reads its records.
	Always bool
}

// The pace of reading the machine: each second while somebody wants to know, else seldom.
const (
	seldom = 30 * time.Second
	wanted = 10 * time.Second // for so long after somebody asked
)

// A Monitor watches one process. Its methods may be used by several goroutines.
type Monitor struct {
	cfg      Config
	host     *Host
	pipeline *outlet
	system   *outlet

	mu       sync.Mutex
	health   *health
	all      []Health
	reporter reporter
	asked    time.Time // when somebody last wanted to know of the machine
	follows  int       // who do so all the time
	read     time.Time // when the machine was last read for a record
	made     int       // records of the last sample
	past     history
}

// New makes a Monitor.
func New(cfg Config) *Monitor {
	return &Monitor{
		cfg: cfg, host: NewHost(cfg.Host), health: newHealth(),
		pipeline: newOutlet(PipelineMetrics, cfg.Open), system: newOutlet(SystemMetrics, cfg.Open),
		reporter: reporter{project: cfg.Project, instance: cfg.Instance, started: cfg.Started},
	}
}

// Begin tells of the moment before anything runs, from which on the first records count. Observe comes later.
func (m *Monitor) Begin(s *Sample) { m.reporter.last = s }

// Run appends what Observe gives until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	var g errgroup.Group
	for _, o := range []*outlet{m.pipeline, m.system} {
		g.Go(func() error { o.run(ctx); return nil })
	}
	_ = g.Wait()
}

// Observe takes the sample of a second: it judges the parts, and hands records to the topics.
func (m *Monitor) Observe(ctx context.Context, s *Sample) {
	reading := m.readHost(ctx, s.At)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = m.health.observe(s, m.host.Last(), m.trouble())
	if reading != nil {
		m.keep(reading)
	}
	records := m.reporter.records(s, m.all)
	if len(records) == 0 {
		return
	}
	m.made = len(records)
	m.past.add(s.At, records)
	b := batch{at: s.At.UnixMicro()}
	for i := range records {
		b.keys = append(b.keys, records[i].Kind+"/"+records[i].Name)
		b.rows = append(b.rows, records[i].text())
	}
	m.pipeline.send(b)
}

// readHost reads the machine if that is due, else its disk alone, and returns nil: whether the disk has room again is
// to be seen at once.
func (m *Monitor) readHost(ctx context.Context, now time.Time) *Reading {
	m.mu.Lock()
	needs := m.cfg.Always || m.follows > 0 || !m.asked.IsZero() && now.Sub(m.asked) < wanted
	due := needs || m.read.IsZero() || now.Sub(m.read) >= seldom
	if due {
		m.read = now
	}
	m.mu.Unlock()
	if !due {
		m.host.ReadDisk(ctx, now)
		return nil
	}
	return m.host.Read(ctx, now)
}

// Want says that somebody asks for the machine's records now.
func (m *Monitor) Want(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = now
}

// Follow says that somebody does so until the function that it returns is called.
func (m *Monitor) Follow() (end func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.follows++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.follows--
	}
}

// Health is how the parts were at the last sample, by name.
func (m *Monitor) Health() []Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}

// Machine is a reading of the machine that is at most a second old. It is in the topic too: who is shown it may ask for
// its record.
func (m *Monitor) Machine(ctx context.Context, now time.Time) *Reading {
	if last := m.host.Last(); last != nil && now.Sub(last.At) < time.Second {
		return last
	}
	m.mu.Lock()
	m.read = now
	m.mu.Unlock()
	reading := m.host.Read(ctx, now)
	m.keep(reading)
	return reading
}

// keep hands the record of a reading to its topic.
func (m *Monitor) keep(r *Reading) {
	m.system.send(batch{r.At.UnixMicro(), []string{r.Host}, [][]byte{r.record(m.reporter.project)}})
}

// Dropped is how many records of the process's own topics were let go while those were away.
func (m *Monitor) Dropped() int64 {
	_, pipeline := m.pipeline.report()
	_, system := m.system.report()
	return pipeline + system
}

// trouble is what the monitor cannot do.
func (m *Monitor) trouble() string {
	var all []string
	for _, o := range []*outlet{m.pipeline, m.system} {
		trouble, dropped := o.report()
		if trouble == "" {
			continue
		}
		if dropped > 0 {
			trouble += fmt.Sprintf(" (%s let go)", plural(dropped, "record"))
		}
		all = append(all, trouble)
	}
	return strings.Join(all, "; ")
}
