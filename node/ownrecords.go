package node

import (
	"context"
	"encoding/json"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/record"
)

// isShared reports a topic to which each pipeline of a cluster writes what it tells of itself.
func (n *Node) isShared(topic string) bool {
	return n.cluster != nil && (topic == monitor.SystemMetrics || topic == monitor.PipelineMetrics || topic == engine.AlertTopic)
}

// ownSource opens a topic for tables, rules, webhooks and questions: of one that pipelines share it has the records that
// name this one. Whoever tails a topic sees all of it.
func (n *Node) ownSource(topic string, untilEnd bool) (record.Source, error) {
	src, err := n.hostOf(topic).Source(topic, untilEnd)
	if err != nil || !n.isShared(topic) {
		return src, err
	}
	return ownSource{src, n.cfg.Project.Name}, nil
}

// An ownSource leaves out the records of other pipelines, which are told by their projects' names.
type ownSource struct {
	record.Source
	pipeline string
}

// Ends passes on what the source knows.
func (s ownSource) Ends(ctx context.Context) ([]int64, error) { return ends(ctx, s.Source) }

// Start passes on where the source begins; see record.Starter.
func (s ownSource) Start(ctx context.Context, partition int32) (record.Position, error) {
	if first, ok := s.Source.(record.Starter); ok {
		return first.Start(ctx, partition)
	}
	return record.Position{}, nil
}

// After passes on where the records of a time begin.
func (s ownSource) After(ctx context.Context, partition int32, micros int64) (record.Position, error) {
	return after(ctx, s.Source, partition, micros)
}

// Open starts a reader; see record.Source.
func (s ownSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	r, err := s.Source.Open(ctx, partition, from)
	if err != nil {
		return nil, err
	}
	return ownReader{r, s.pipeline}, nil
}

type ownReader struct {
	record.Reader
	pipeline string
}

// Read returns what has arrived of this pipeline, perhaps no record; see record.Reader.
func (r ownReader) Read(ctx context.Context, dst *record.Records) error {
	if err := r.Reader.Read(ctx, dst); err != nil {
		return err
	}
	rows := make([]int, 0, dst.Len())
	for i := range dst.Len() {
		if r.owns(dst.Values.At(i)) {
			rows = append(rows, i)
		}
	}
	if len(rows) < dst.Len() {
		*dst = *pick(dst, rows)
	}
	return nil
}

// owns reports a record of this pipeline: one that names it. Where anybody may append, what names nobody is not its own.
func (r ownReader) owns(value []byte) bool {
	var of struct {
		ID       string `json:"id"` // of metrics
		Alert    string `json:"alert"`
		Pipeline string `json:"pipeline"` // of alerts, whose id is the incident's
	}
	if json.Unmarshal(value, &of) != nil {
		return false
	}
	if of.Alert != "" {
		return of.Pipeline == r.pipeline
	}
	return of.ID == r.pipeline
}

// pick copies some records of a batch.
func pick(all *record.Records, rows []int) *record.Records {
	c := &record.Records{Partition: all.Partition, Next: all.Next, Lost: all.Lost}
	for at, i := range rows {
		c.Offsets, c.Times = append(c.Offsets, all.Offsets[i]), append(c.Times, all.Times[i])
		c.Keys.Append(all.Keys.At(i))
		c.Values.Append(all.Values.At(i))
		c.PutHeaders(at, all.HeadersAt(i))
		c.PutTimeKind(at, all.TimeKind(i))
	}
	return c
}
