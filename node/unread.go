package node

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// unread is the offset from which a partition of the embedded broker has to stay: what the pipeline reads
// again after a crash, math.MaxInt64 for topics that it does not read, or whose records may be lost.
func (n *Node) unread(topic string, partition int32) int64 {
	if n.cluster != nil {
		return math.MaxInt64
	}
	n.mu.RLock()
	e, p, r, f := n.engine, n.cfg.Pipeline, n.roles, n.filling
	n.mu.RUnlock()
	if f != nil {
		if at, reads := f.unread(topic, partition); reads {
			return min(at, n.unreadBy(e, p, r, topic, partition))
		}
	}
	return n.unreadBy(e, p, r, topic, partition)
}

// unreadBy is unread for the pipeline.
func (n *Node) unreadBy(e *engine.Engine, p *plan.Pipeline, r roles, topic string, partition int32) int64 {
	if !slices.Contains(r.sources, topic) || toleratesLoss(p, topic) {
		return math.MaxInt64
	}
	if e == nil {
		return 0
	}
	return e.Durable(topic, partition)
}

// toleratesLoss reports a topic whose source says failOnDataLoss=false.
func toleratesLoss(p *plan.Pipeline, topic string) bool {
	return slices.ContainsFunc(p.Datasets, func(d *plan.Dataset) bool { return d.TolerateLoss && slices.Contains(d.Topics, topic) })
}

// A tolerantSource passes over records that retention has removed before they were read, and counts them.
type tolerantSource struct{ record.Source }

// Ends passes on what the source knows.
func (s tolerantSource) Ends(ctx context.Context) ([]int64, error) { return ends(ctx, s.Source) }

// Open starts a reader; see record.Source.
func (s tolerantSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	r := &tolerantReader{source: s.Source, partition: partition}
	return r, r.open(ctx, from)
}

type tolerantReader struct {
	source    record.Source
	partition int32
	reader    record.Reader
	passed    *broker.ExpiredError // not told yet
}

// open opens the log at a position, or where it begins now.
func (r *tolerantReader) open(ctx context.Context, from record.Position) (err error) {
	for {
		var gone *broker.ExpiredError
		if r.reader, err = r.source.Open(ctx, r.partition, from); !errors.As(err, &gone) {
			return err
		}
		if r.passed == nil {
			r.passed = gone
		}
		r.passed.First = gone.First
		from = record.Position{Offset: gone.First}
	}
}

// Read returns what has arrived, or, without records, how many were passed over; see record.Reader.
func (r *tolerantReader) Read(ctx context.Context, dst *record.Records) error {
	if r.passed == nil {
		err := r.reader.Read(ctx, dst)
		var gone *broker.ExpiredError
		if !errors.As(err, &gone) {
			return err
		}
		if err := errors.Join(r.reader.Close(), r.open(ctx, record.Position{Offset: gone.Offset})); err != nil {
			return err
		}
		if r.passed == nil {
			return r.reader.Read(ctx, dst)
		}
	}
	dst.Reset()
	dst.Partition = r.partition
	dst.Lost, dst.Next = r.passed.First-r.passed.Offset, record.Position{Offset: r.passed.First}
	r.passed = nil
	return nil
}

// Close ends the reader.
func (r *tolerantReader) Close() error {
	if r.reader == nil {
		return nil
	}
	return r.reader.Close()
}
