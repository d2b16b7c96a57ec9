package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// generationMark stands between the name of a sink and the generation of its rows, where others see it.
const generationMark = "@"

// rowsTopic is the topic of the embedded broker in which the rows of a sink wait that was filled: they leave when what
// fills has taken its place. A lane of the sink is a partition, a row's number its offset.
func rowsTopic(sink string) string { return sink + "$rows" }

// A renewedSink is a sink of which an earlier generation had other rows: those of this one have a name of their own,
// under which they are numbered. The rows that were made while it was filled come first.
type renewedSink struct {
	record.Sink
	as string

	mu   sync.Mutex
	owed *owedRows // nil: it has them
}

// owedRows is the rows that wait for a sink.
type owedRows struct {
	source record.Source
	done   func(ctx context.Context) error // they are with the sink for good
}

// renew has a sink go on with the generation of its rows that counts.
func (n *Node) renew(def *plan.SinkDef, sink record.Sink) record.Sink {
	g := n.generations.of("sink", def.Name)
	if _, cache := sink.(record.Cache); sink == nil || cache || g <= 1 {
		return sink // a cache knows no numbers, and is filled by every start
	}
	s := &renewedSink{Sink: sink, as: fmt.Sprintf("sink/%s%s%d", def.Name, generationMark, g)}
	topic := broker.GenerationName(rowsTopic(def.Name), g)
	if !n.cfg.Look && n.broker.HasTopic(topic) {
		s.owed = &owedRows{n.broker.SourceUntilEnd(topic), func(ctx context.Context) error {
			return n.broker.DeleteGeneration(ctx, rowsTopic(def.Name), g)
		}}
		n.owing = append(n.owing, s)
	}
	updater, updates := sink.(record.Updater)
	reporter, reports := sink.(record.SinkReporter)
	switch {
	case updates && reports:
		return &renewedReporter{renewedUpdater{s, updater}, reporter}
	case updates:
		return &renewedUpdater{s, updater}
	}
	return s
}

// openGeneration opens a sink of a file. A CSV file has one header: rows of a generation with other columns go to a file
// beside it.
func (n *Node) openGeneration(def *plan.SinkDef, out *os.File) (record.Sink, error) {
	sink, err := openFileSink(def, n.cfg.Data, out)
	var other *file.ColumnsError
	if !errors.As(err, &other) {
		return sink, err
	}
	g := n.generations.of("sink", def.Name)
	for k := 2; k <= g; k++ {
		beside := *def
		beside.Options = maps.Clone(def.Options)
		path := other.Generation(k)
		beside.Options["path"] = path
		if _, serr := os.Stat(path); serr != nil && k < g {
			continue
		}
		var again *file.ColumnsError
		if sink, err = openFileSink(&beside, n.cfg.Data, out); errors.As(err, &again) {
			continue
		}
		if text := fmt.Sprintf("sink %s: %s has the columns of before (%s); rows go to %s", def.Name, other.Path, other.First, path); err == nil && !slices.Contains(n.notices, text) {
			n.notices = append(n.notices, text)
		}
		return sink, err
	}
	return nil, err
}

// Write gives the sink rows, behind those that wait for it; see record.Sink.
func (s *renewedSink) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	renamed := *out // it may be kept until Flush
	renamed.Sink = s.as
	return s.Sink.Write(ctx, epoch, &renamed)
}

// Flush returns once all writes are durable; see record.Sink.
func (s *renewedSink) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Sink.Flush(ctx)
}

// deliver gives the sink what waits for it. An error is for another try.
func (s *renewedSink) deliver(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settle(ctx)
}

// owedPiece is how many rows are given to a sink before they are made durable.
const owedPiece = 4096

func (s *renewedSink) settle(ctx context.Context) error {
	if s.owed == nil {
		return nil
	}
	lanes, err := s.owed.source.Partitions(ctx)
	if err != nil {
		return err
	}
	for lane := range int32(lanes) {
		if err := s.settleLane(ctx, lane); err != nil {
			return fmt.Errorf("deliver rows of before to %s: %w", s.as, err)
		}
	}
	if err := s.owed.done(ctx); err != nil {
		return err
	}
	s.owed = nil
	return nil
}

func (s *renewedSink) settleLane(ctx context.Context, lane int32) (err error) {
	r, err := s.owed.source.Open(ctx, lane, record.Position{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var batch record.Records
	waits := 0
	for {
		err := r.Read(ctx, &batch)
		if errors.Is(err, io.EOF) {
			return s.Sink.Flush(ctx)
		}
		if err != nil {
			return err
		}
		if batch.Len() == 0 {
			continue
		}
		rows := waited(&batch)
		rows.Sink, rows.Partition = s.as, lane
		if err := s.Sink.Write(ctx, 0, rows); err != nil {
			return err
		}
		if waits += rows.Len(); waits >= owedPiece {
			if err := s.Sink.Flush(ctx); err != nil {
				return err
			}
			waits = 0
		}
	}
}

// A renewedUpdater is one that takes rows of open windows.
type renewedUpdater struct {
	*renewedSink
	updater record.Updater
}

// Update gives the sink rows of open windows, behind those that wait for it; see record.Updater.
func (s *renewedUpdater) Update(ctx context.Context, out *record.Rows) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	renamed := *out
	renamed.Sink = s.as
	return s.updater.Update(ctx, &renamed)
}

// A renewedReporter is one that tells how it is.
type renewedReporter struct {
	renewedUpdater
	reporter record.SinkReporter
}

// Report is how the sink is; see record.SinkReporter.
func (s *renewedReporter) Report() record.SinkStatus { return s.reporter.Report() }

// deliverOwed gives sinks the rows that wait for them, until ctx ends. What hinders it is shown and tried again.
func (n *Node) deliverOwed(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range n.owing {
		all.Go(func() {
			for ctx.Err() == nil {
				err := s.deliver(ctx)
				if ctx.Err() != nil {
					return
				}
				if err == nil {
					return
				}
				n.log.Warn("rows of before wait", "sink", s.as, "error", err)
				_ = retry.Pause(ctx, retryPause) // the loop asks ctx
			}
		})
	}
	all.Wait()
}
