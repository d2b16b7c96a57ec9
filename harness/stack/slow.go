package stack

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine/record"
)

// A delay is how long something takes, nanoseconds.
type delay struct{ atomic.Int64 }

// wait takes its time, or as long as ctx lasts.
func (d *delay) wait(ctx context.Context) {
	if d.Load() == 0 {
		return
	}
	t := time.NewTimer(time.Duration(d.Load()))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// delays are of each batch of records that is read, by topic.
type delays struct {
	mu sync.Mutex
	of map[string]*delay
}

func (d *delays) topic(name string) *delay {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[string]*delay{}
	}
	if d.of[name] == nil {
		d.of[name] = &delay{}
	}
	return d.of[name]
}

func (d *delays) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, each := range d.of {
		each.Store(0)
	}
}

// A slowSource takes its time with each batch of records.
type slowSource struct {
	record.Source
	each *delay
}

// Start implements record.Starter.
func (s slowSource) Start(ctx context.Context, partition int32) (record.Position, error) {
	if first, ok := s.Source.(record.Starter); ok {
		return first.Start(ctx, partition)
	}
	return record.Position{}, nil
}

// Open implements record.Source.
func (s slowSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	r, err := s.Source.Open(ctx, partition, from)
	if err != nil {
		return nil, err
	}
	return slowReader{r, s.each}, nil
}

type slowReader struct {
	record.Reader
	each *delay
}

// Read implements record.Reader.
func (r slowReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if err == nil {
		r.each.wait(ctx)
	}
	return err
}

// SlowDisk has each checkpoint take so long from now on.
func (s *Stack) SlowDisk(each time.Duration) { s.slowDisk.Store(int64(each)) }

// SlowSource has each batch of records that is read from a topic take so long from now on. A batch is what one
// Publish has brought, on topics in memory.
func (s *Stack) SlowSource(topic string, each time.Duration) {
	s.slowReads.topic(s.Project.topic(topic)).Store(int64(each))
}

// A machine is what a monitored pipeline sees of the computer that it runs on: one that has nothing else to do. Its
// collectors answer unless they are silent.
type machine struct {
	mu     sync.Mutex
	silent map[string]chan struct{} // by collector, closed when it answers again
}

// collectors replace those of the computer that the test runs on.
func (m *machine) collectors() map[string]func(*monitor.Reading) error {
	const gib = 1 << 30
	all := map[string]func(*monitor.Reading) error{}
	for name, read := range map[string]func(*monitor.Reading){
		"cpu":    func(r *monitor.Reading) { r.CPU = &monitor.CPUReading{Percent: 10, Cores: 2} },
		"memory": func(r *monitor.Reading) { r.Memory = &monitor.MemoryReading{Total: 8 * gib, Available: 6 * gib} },
		"disk": func(r *monitor.Reading) {
			r.Disk = &monitor.DiskReading{Path: "/data", Total: 100 * gib, Free: 50 * gib, Percent: 50}
		},
		"load": func(r *monitor.Reading) { r.Load = &monitor.LoadReading{One: 0.1, Five: 0.1, Fifteen: 0.1} },
		"process": func(r *monitor.Reading) {
			r.Process = &monitor.ProcessReading{Percent: 5, Memory: gib / 8, OpenFiles: 20}
		},
	} {
		all[name] = func(r *monitor.Reading) error {
			m.mu.Lock()
			answers := m.silent[name]
			m.mu.Unlock()
			if answers != nil {
				<-answers
			}
			read(r)
			return nil
		}
	}
	return all
}

// SilenceCollector keeps a collector of a monitored pipeline from answering until it is called again with silent false.
func (s *Stack) SilenceCollector(name string, silent bool) error {
	if !slices.Contains(monitor.Collectors, name) {
		return fmt.Errorf("silence collector %q: there are %v", name, monitor.Collectors)
	}
	m := &s.machine
	m.wake(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if silent {
		m.silent[name] = make(chan struct{})
	}
	return nil
}

func (m *machine) wake(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silent == nil {
		m.silent = map[string]chan struct{}{}
	}
	if answers := m.silent[name]; answers != nil {
		close(answers)
		delete(m.silent, name)
	}
}

// heal ends what is slow or silent.
func (s *Stack) heal() {
	s.faults.heal()
	s.SlowDisk(0)
	s.slowReads.heal()
	for _, name := range monitor.Collectors {
		s.machine.wake(name)
	}
}
