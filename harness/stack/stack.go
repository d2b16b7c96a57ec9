package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

// Config is what a Stack is made of. Project is needed.
type Config struct {
	Project    string
	Settings   []Setting   // in the place of the project's own
	Partitions int         // of every topic that is read; 0: what the project says
	Dir        string      // an empty folder: of the data, or, in memory, of what sinks write to files
	Durable    bool        // the data lies in Dir, kept by the broker and the store of a real run
	Kafka      *node.Kafka // keeps the topics; nil: the embedded broker
	Cache      node.Cache  // of redis sinks; the zero value is the embedded one
	Monitored  bool        // the pipeline watches itself, on a machine that has nothing else to do
	Prefix     string      // of the names of topics and of the project, where others use the same cluster
	// Now is the wall clock of the engine, microseconds; nil: the process's. It is asked by several
	// goroutines.
	Now    func() int64
	Logger *slog.Logger // nil: nothing is logged
}

// A Stack is a pipeline to be tested. Its methods may be used by several goroutines, but for Crash,
// Restart, CloseWindows and Close, which come alone.
type Stack struct {
	Project *Project

	cfg     Config
	memory  *node.Memory // nil: Durable
	scratch string       // a folder that Close removes
	faults  faults
	machine machine

	slowDisk  delay
	slowReads delays

	mu   sync.Mutex
	life *life
	gone error // why there is no life now
	last int   // lives so far
}

// A life is the time between two starts.
type life struct {
	node   *node.Node
	cut    *cut
	stop   context.CancelFunc
	caches []record.Cache  // the redis sinks; under Stack.mu
	over   context.Context // ends when the pipeline has stopped
	err    error           // why it did; once over has ended
}

// Open reads the project and starts it.
func Open(ctx context.Context, cfg Config) (*Stack, error) {
	p, err := LoadProject(cfg.Project, cfg.Settings, cfg.Prefix)
	if err != nil {
		return nil, err
	}
	if cfg.Partitions > 0 {
		p.setPartitions(cfg.Partitions)
	}
	s := &Stack{Project: p, cfg: cfg, faults: newFaults(p.Pipeline, cfg.Kafka != nil)}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) open(ctx context.Context) (err error) {
	switch {
	case s.cfg.Durable:
		s.cfg.Dir = filepath.Join(s.cfg.Dir, "0")
	case s.cfg.Dir == "" && writesFiles(s.Project.Pipeline):
		if s.scratch, err = os.MkdirTemp("", "nagare-stack-*"); err != nil {
			return fmt.Errorf("make a folder for the sinks that write files: %w", err)
		}
		s.cfg.Dir = s.scratch
	}
	if !s.cfg.Durable {
		if s.memory, err = node.NewMemory(ctx); err != nil {
			return err
		}
	}
	return s.start(ctx)
}

// writesFiles reports sinks that write to files.
func writesFiles(p *plan.Pipeline) bool {
	return slices.ContainsFunc(p.Sinks, func(d *plan.SinkDef) bool { return d.Format == "json" || d.Format == "csv" })
}

// start begins a life.
func (s *Stack) start(ctx context.Context) error {
	l := &life{cut: &cut{}}
	var err error
	if l.node, err = node.Open(ctx, s.config(l)); err != nil {
		return err
	}
	var over, work context.Context
	var ended context.CancelFunc
	over, ended = context.WithCancel(context.Background())
	work, l.stop = context.WithCancel(context.Background())
	l.over = over
	go func() {
		defer ended()
		l.err = l.node.Run(work)
		if why := l.cut.reason(); why != nil && !errors.Is(l.err, why) {
			l.err = fmt.Errorf("%w; then: %v", why, l.err)
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life, s.gone = l, nil
	s.last++
	return nil
}

// config is what the node of a life is made of.
func (s *Stack) config(l *life) node.Config {
	return node.Config{
		Unmonitored: !s.cfg.Monitored, Collect: s.machine.collectors(),
		Pipeline: s.Project.Pipeline, Project: s.Project.id, Data: s.cfg.Dir, HTTP: node.HTTPOff, Memory: s.memory, Kafka: s.cfg.Kafka, Cache: s.cfg.Cache,
		Version: "under test", Logger: s.cfg.Logger,
		Tune: func(opt *engine.Options) { s.tune(opt, l) },
	}
}

// tune puts the faults between the engine and what it writes to.
func (s *Stack) tune(opt *engine.Options, l *life) {
	c := l.cut
	s.mu.Lock()
	l.caches = nil
	s.mu.Unlock()
	if s.cfg.Now != nil {
		opt.Now = s.cfg.Now
	}
	opt.Store = &faultyStore{opt.Store, c, &s.slowDisk}
	openSink, openLog, openSource := opt.Sink, opt.Log, opt.Source
	opt.Source = func(topic string) (record.Source, error) {
		src, err := openSource(topic)
		if err != nil {
			return nil, err
		}
		return slowSource{src, s.slowReads.topic(topic)}, nil
	}
	opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
		if def.Format == "console" { // the output of a test is no place for it
			return file.NoopSink{}, nil
		}
		sink, err := openSink(def)
		if sink == nil || err != nil {
			return sink, err
		}
		if cache, is := sink.(record.Cache); is {
			s.mu.Lock()
			l.caches = append(l.caches, cache)
			s.mu.Unlock()
		}
		return faulty(sink, c, s.faults.sinks[def.Name]), nil
	}
	opt.Log = func(topic string, partitions int) (record.Log, error) {
		log, err := openLog(topic, partitions)
		if err != nil {
			return nil, err
		}
		return &faultyLog{log, faultySink{log, c, nil}}, nil
	}
}

// now is the life that goes on, or why there is none.
func (s *Stack) now() (*life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		return nil, s.gone
	}
	return s.life, nil
}

// within runs do until ctx ends or the pipeline stops, which is then the error.
func (s *Stack) within(ctx context.Context, do func(ctx context.Context, l *life) error) error {
	l, err := s.now()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.over, cancel)()
	if err = do(ctx, l); err == nil {
		return nil
	}
	if l.cut.reason() != nil {
		l.stop() // whoever meets a fault of the disk first has the engine end: its state is not whole
		<-l.over.Done()
	}
	if l.over.Err() != nil {
		return l.failure()
	}
	return err
}

// failure is why a life that is over ended. Only a test ends one without an error.
func (l *life) failure() error {
	<-l.over.Done()
	if l.err == nil {
		return errors.New("use the pipeline: it was stopped")
	}
	return fmt.Errorf("use the pipeline: it has stopped, and only Restart brings it back: %w", l.err)
}

// failed reports a life that cannot end in order.
func (l *life) failed() bool { return l.over.Err() != nil || l.cut.reason() != nil }

// end ends the life, in order or by cutting it off, and closes the node. Between the two, before is run.
func (s *Stack) end(why error, before func() error) error {
	s.mu.Lock()
	l := s.life
	s.life, s.gone = nil, why
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	l.stop()
	<-l.over.Done()
	err := l.err
	if before != nil {
		err = before()
	}
	return errors.Join(err, l.node.Close())
}

var errCrashed = errors.New("use the pipeline: it has crashed; call Restart")

// Crash drops everything that is not durable, as a kill does: from now on no checkpoint is committed
// and no row delivered.
func (s *Stack) Crash() error {
	l, err := s.now()
	if err != nil {
		return err
	}
	l.cut.now()
	return s.end(errCrashed, s.asKilled)
}

// asKilled goes on with a copy of the folder from before it is closed: closing writes what a kill
// does not.
func (s *Stack) asKilled() error {
	if !s.cfg.Durable {
		return nil
	}
	next := filepath.Join(filepath.Dir(s.cfg.Dir), strconv.Itoa(s.last))
	if err := copyFolder(next, s.cfg.Dir); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	s.cfg.Dir = next
	return nil
}

// Restart stops the pipeline in order, unless it has crashed or failed, and starts it again. Faults of
// the disk end with it; those of sinks go on.
func (s *Stack) Restart(ctx context.Context) error {
	l, err := s.now()
	if err == nil {
		failed := l.failed()
		err = s.end(errors.New("use the pipeline: it could not be started again"), nil)
		if err != nil && !failed {
			return fmt.Errorf("stop the pipeline: %w", err)
		}
	} else if !errors.Is(err, errCrashed) {
		return err
	}
	if err := s.FreeDisk(); err != nil && !s.cfg.Durable {
		return err
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("start the pipeline again: %w", err)
	}
	return nil
}

// CloseWindows ends all topics: what is in them is processed, and every window closes. The pipeline
// goes on; rows that come later for those windows are late.
func (s *Stack) CloseWindows(ctx context.Context) error {
	if name := s.faults.failing(); name != "" {
		return fmt.Errorf("close all windows: sink %s is made to fail, and the end of the topics waits for it; heal it before", name)
	}
	if err := s.Settle(ctx); err != nil {
		return err
	}
	if err := s.end(errors.New("use the pipeline: closing its windows failed"), nil); err != nil {
		return fmt.Errorf("stop the pipeline: %w", err)
	}
	cfg := s.config(&life{cut: &cut{}})
	cfg.Once, cfg.Close = true, true
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("close all windows: %w", err)
	}
	if err := errors.Join(n.Run(ctx), n.Close(), ctx.Err()); err != nil {
		return fmt.Errorf("close all windows: %w", err)
	}
	return s.start(ctx)
}

// Close ends the stack. What was made to fail works again, so that its end waits for nothing.
func (s *Stack) Close() error {
	s.heal()
	var err error
	if l, down := s.now(); down == nil && l != nil {
		failed := l.failed()
		if err = s.end(errors.New("use the pipeline: it is closed"), nil); failed {
			err = nil // whoever used it was told
		}
	}
	if s.scratch != "" {
		err = errors.Join(err, os.RemoveAll(s.scratch))
	}
	return err
}

// Publish appends records to a topic and returns once they are durable.
func (s *Stack) Publish(ctx context.Context, topic string, records []node.Record) error {
	return s.within(ctx, func(ctx context.Context, l *life) error { return l.node.Append(ctx, s.Project.topic(topic), records) })
}

// Settle waits until everything that is in the topics is processed, durable and, but for sinks that are
// made to fail, delivered. Its error says what waits.
func (s *Stack) Settle(ctx context.Context) error {
	err := s.within(ctx, func(ctx context.Context, l *life) error { return l.node.Settle(ctx, s.faults.stuck) })
	if err == nil || ctx.Err() == nil {
		return err
	}
	return s.unsettled(ctx)
}

// unsettled says what a pipeline still has to do that had no more time.
func (s *Stack) unsettled(ctx context.Context) error {
	st, err := s.Status(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	lag := int64(0)
	for _, p := range st.Partitions {
		lag += p.Lag
	}
	state := st.State
	if st.Reason != "" {
		state += " (" + st.Reason + ")"
	}
	return fmt.Errorf("wait for the pipeline to settle: it is %s, with %d records to read and %d rows to deliver: %w", state, lag, st.OutboxRows, ctx.Err())
}

// CheckIdle settles, then looks for idle partitions, for a test with a clock of its own.
func (s *Stack) CheckIdle(ctx context.Context) error {
	if err := s.Settle(ctx); err != nil {
		return err
	}
	err := s.within(ctx, func(ctx context.Context, l *life) error { return l.node.CheckIdle(ctx) })
	if err != nil {
		return err
	}
	return s.Settle(ctx)
}

// Status is where the pipeline stands.
func (s *Stack) Status(ctx context.Context) (st engine.Status, err error) {
	err = s.within(ctx, func(_ context.Context, l *life) error { st = l.node.Status(); return nil })
	return st, err
}

// Failure waits until the pipeline has stopped by itself and returns why.
func (s *Stack) Failure(ctx context.Context) (why, err error) {
	l, err := s.now()
	if err != nil {
		return nil, err
	}
	select {
	case <-l.over.Done():
		return l.err, nil
	case <-ctx.Done():
		return nil, errors.New("wait for the pipeline to stop: it goes on; it meets a fault of the disk with its next checkpoint, which needs a record to have come")
	}
}
