package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/engine/state"
)

// A cut ends what a life may write: by a crash, or by a disk that failed.
type cut struct {
	why  atomic.Pointer[error]
	busy sync.RWMutex // held by what is written, so that a cut comes before it or after
}

var errCut = errors.New("write: the process was killed by the test")

// now cuts the life off.
func (c *cut) now() { c.set(errCut) }

func (c *cut) set(why error) {
	c.busy.Lock()
	defer c.busy.Unlock()
	c.why.CompareAndSwap(nil, &why)
}

// reason is why the life was cut off, nil while it was not.
func (c *cut) reason() error {
	if why := c.why.Load(); why != nil {
		return *why
	}
	return nil
}

// write does a piece of work unless the life was cut off.
func (c *cut) write(do func() error) error {
	c.busy.RLock()
	defer c.busy.RUnlock()
	if why := c.reason(); why != nil {
		return why
	}
	return do()
}

// faultyStore commits until the life is cut off.
type faultyStore struct {
	state.Store
	cut  *cut
	slow *delay
}

// Commit implements state.Store.
func (s *faultyStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	s.slow.wait(ctx)
	return s.cut.write(func() error { return s.Store.Commit(ctx, cp, d) })
}

// faultySink writes until the life is cut off, and fails when its test wants it to.
type faultySink struct {
	record.Sink
	cut   *cut
	fault *sinkFault // nil: of a log
}

// Write implements record.Sink.
func (s *faultySink) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	return s.cut.write(func() error {
		return s.fault.around(func() error { return s.Sink.Write(ctx, epoch, out) })
	})
}

// Flush implements record.Sink.
func (s *faultySink) Flush(ctx context.Context) error {
	return s.cut.write(func() error { return s.Sink.Flush(ctx) })
}

// A faultyLog is a log whose writing can be cut off.
type faultyLog struct {
	record.Log
	sink faultySink
}

// Write implements record.Sink.
func (l *faultyLog) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	return l.sink.Write(ctx, epoch, out)
}

// Flush implements record.Sink.
func (l *faultyLog) Flush(ctx context.Context) error { return l.sink.Flush(ctx) }

// faults is what a test has made fail.
type faults struct {
	sinks map[string]*sinkFault // by name; all that there are
	full  *atomic.Bool          // the disk is full
	kafka *atomic.Bool          // the cluster takes no rows
}

func newFaults(p *plan.Pipeline, onKafka bool) faults {
	f := faults{sinks: map[string]*sinkFault{}, full: &atomic.Bool{}, kafka: &atomic.Bool{}}
	for _, def := range p.Sinks {
		f.sinks[def.Name] = &sinkFault{}
		if def.Format == "kafka" {
			f.sinks[def.Name].down = f.full // its topic lies on the disk
			if onKafka {
				f.sinks[def.Name].down = f.kafka
			}
		}
	}
	return f
}

// A sinkFault makes writes of one sink fail.
type sinkFault struct {
	down   *atomic.Bool // what it writes to takes nothing; nil: that cannot be
	mu     sync.Mutex
	err    error         // nil: none
	writes bool          // what was written is there, and only the answer is lost
	met    chan struct{} // closed by the first write that fails
	failed bool          // it is closed
}

// around does a write, or fails before or after it.
func (f *sinkFault) around(do func() error) error {
	if f == nil {
		return do()
	}
	f.mu.Lock()
	err, writes := f.err, f.writes
	if err != nil && !f.failed {
		f.failed = true
		close(f.met)
	}
	f.mu.Unlock()
	if err != nil && !writes {
		return err
	}
	if done := do(); done != nil {
		return done
	}
	return err
}

// stuck reports a destination that takes nothing now.
func (f *faults) stuck(destination string) bool {
	name, is := strings.CutPrefix(destination, "sink/")
	if s := f.sinks[name]; is && s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err != nil || s.down != nil && s.down.Load()
	}
	return f.full.Load()
}

// errSink is what a sink that is made to fail says.
var errSink = errors.New("reach the sink, which the test made fail: nothing answers")

// failing names a sink that takes nothing now, "" if there is none.
func (f *faults) failing() string {
	for _, name := range slices.Sorted(maps.Keys(f.sinks)) {
		if f.stuck("sink/" + name) {
			return name
		}
	}
	return ""
}

// heal ends all faults of sinks.
func (f *faults) heal() {
	for _, s := range f.sinks {
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
	}
}

// FailSink makes every write of a sink fail until HealSink. With written the rows are written all the
// same and only the answer is lost, so that they are delivered again.
func (s *Stack) FailSink(name string, written bool) error {
	f, err := s.sinkFault(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.writes, f.met, f.failed = errSink, written, make(chan struct{}), false
	return nil
}

// HealSink waits until a write has failed and lets the sink work again.
func (s *Stack) HealSink(ctx context.Context, name string) error {
	f, err := s.sinkFault(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	failing, met := f.err != nil, f.met
	f.mu.Unlock()
	if !failing {
		return fmt.Errorf("heal sink %s: it does not fail; call FailSink before", name)
	}
	select {
	case <-met:
	case <-ctx.Done():
		return fmt.Errorf("heal sink %s: no row was on its way to it, so nothing has met the fault", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
	return nil
}

func (s *Stack) sinkFault(name string) (*sinkFault, error) {
	if f := s.faults.sinks[name]; f != nil {
		return f, nil
	}
	var known []string
	for _, def := range s.Project.Pipeline.Sinks {
		known = append(known, def.Name)
	}
	slices.Sort(known)
	text := fmt.Sprintf("find sink %q: the project has no such sink", name)
	if near := sql.Nearest(name, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	} else if len(known) > 0 {
		text += "; it has " + strings.Join(known, ", ")
	}
	return nil, errors.New(text)
}

// SkipKafka says whether the cluster takes no rows for now, so that what reads does not wait for the sinks
// that write to it.
func (s *Stack) SkipKafka(skip bool) { s.faults.kafka.Store(skip) }

// FailDisk makes the next checkpoint fail for good, as a disk does that cannot write any more: the
// pipeline stops.
func (s *Stack) FailDisk() error {
	l, err := s.now()
	if err != nil {
		return err
	}
	l.cut.set(fmt.Errorf("write to the disk, which the test made fail: %w", syscall.EIO))
	return nil
}

// FillDisk makes every append to a topic that is not on Kafka fail until FreeDisk, as a full disk does:
// records are not taken, and rows wait.
func (s *Stack) FillDisk() error {
	if s.memory == nil {
		return errors.New("fill the disk: a durable stack lies on a real one; leave Durable out")
	}
	s.faults.full.Store(true)
	s.memory.Refuse(&broker.FullError{Reason: "the disk is full, because the test filled it"})
	return nil
}

// FreeDisk ends a FillDisk.
func (s *Stack) FreeDisk() error {
	if s.memory == nil {
		return errors.New("free the disk: a durable stack lies on a real one; leave Durable out")
	}
	s.memory.Refuse(nil)
	s.faults.full.Store(false)
	return nil
}
