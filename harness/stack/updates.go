package stack

import (
	"context"

	"github.com/nagare-stream/nagare/engine"
)

// faulty puts a test's faults before a sink, which can do what it could before.
func faulty(sink engine.Sink, c *cut, fault *sinkFault) engine.Sink {
	f := faultySink{sink, c, fault}
	switch s := sink.(type) {
	case engine.Cache:
		return &faultyCache{faultyUpdater{f, s}, s}
	case engine.Updater:
		return &faultyUpdater{f, s}
	}
	return &f
}

// faultyUpdater is a faultySink that takes rows of open windows.
type faultyUpdater struct {
	faultySink
	to engine.Updater
}

// Update implements engine.Updater.
func (s *faultyUpdater) Update(ctx context.Context, out *engine.Rows) error {
	return s.cut.write(func() error {
		return s.fault.around(func() error { return s.to.Update(ctx, out) })
	})
}

// faultyCache is a faultyUpdater that asks for what it has lost, until the life is cut off.
type faultyCache struct {
	faultyUpdater
	cache engine.Cache
}

// Lost implements engine.Cache.
func (s *faultyCache) Lost() <-chan struct{} { return s.cache.Lost() }

// Refill implements engine.Cache.
func (s *faultyCache) Refill(ctx context.Context, read func(take func(*engine.Rows) error) error) error {
	return s.cache.Refill(ctx, func(take func(*engine.Rows) error) error {
		return read(func(out *engine.Rows) error { return s.cut.write(func() error { return take(out) }) })
	})
}

// Settle implements engine.Cache.
func (s *faultyCache) Settle(ctx context.Context) error { return s.cache.Settle(ctx) }

// Report implements engine.SinkReporter.
func (s *faultyCache) Report() engine.SinkStatus {
	if r, ok := s.cache.(engine.SinkReporter); ok {
		return r.Report()
	}
	return engine.SinkStatus{}
}
