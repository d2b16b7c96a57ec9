package stack

import (
	"context"

	"github.com/nagare-stream/nagare/engine/record"
)

// faulty puts a test's faults before a sink, which can do what it could before.
func faulty(sink record.Sink, c *cut, fault *sinkFault) record.Sink {
	f := faultySink{sink, c, fault}
	switch s := sink.(type) {
	case record.Cache:
		return &faultyCache{faultyUpdater{f, s}, s}
	case record.Updater:
		return &faultyUpdater{f, s}
	}
	return &f
}

// faultyUpdater is a faultySink that takes rows of open windows.
type faultyUpdater struct {
	faultySink
	to record.Updater
}

// Update implements record.Updater.
func (s *faultyUpdater) Update(ctx context.Context, out *record.Rows) error {
	return s.cut.write(func() error {
		return s.fault.around(func() error { return s.to.Update(ctx, out) })
	})
}

// faultyCache is a faultyUpdater that asks for what it has lost, until the life is cut off.
type faultyCache struct {
	faultyUpdater
	cache record.Cache
}

// Lost implements record.Cache.
func (s *faultyCache) Lost() <-chan struct{} { return s.cache.Lost() }

// Refill implements record.Cache.
func (s *faultyCache) Refill(ctx context.Context, read func(take func(*record.Rows) error) error) error {
	return s.cache.Refill(ctx, func(take func(*record.Rows) error) error {
		return read(func(out *record.Rows) error { return s.cut.write(func() error { return take(out) }) })
	})
}

// Settle implements record.Cache.
func (s *faultyCache) Settle(ctx context.Context) error { return s.cache.Settle(ctx) }

// Report implements record.SinkReporter.
func (s *faultyCache) Report() record.SinkStatus {
	if r, ok := s.cache.(record.SinkReporter); ok {
		return r.Report()
	}
	return record.SinkStatus{}
}
