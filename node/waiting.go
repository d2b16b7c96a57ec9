package node

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// A waitingRows is in the place of a sink that is filled: it keeps the rows in a topic; see rowsTopic.
type waitingRows struct {
	broker *broker.Broker
	topic  string                 // with its generation
	lane   func(lane int32) int32 // in which the sink will have them; nil: the same

	log   *broker.TopicLog
	lanes int32
}

// waitingTopic marks rows that name their topic: it is the first of their headers.
var waitingTopic = []byte("\x00topic")

// Write keeps rows, each once; see record.Sink.
func (w *waitingRows) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	kept := *out
	if w.lane != nil {
		kept.Partition = w.lane(kept.Partition)
	}
	if err := w.reach(ctx, kept.Partition); err != nil {
		return err
	}
	if out.Topics.Len() > 0 {
		kept.Headers = record.Bytes{}
		for i := range out.Len() {
			var topic []byte
			if !out.Topics.IsNull(i) {
				topic = append([]byte{}, out.Topics.At(i)...)
			}
			kept.PutHeaders(i, append(record.AppendHeader(nil, waitingTopic, topic), out.HeadersAt(i)...))
		}
	}
	return w.log.Write(ctx, epoch, &kept)
}

// reach makes the topic, or gives it the partitions that it is short of.
func (w *waitingRows) reach(ctx context.Context, lane int32) (err error) {
	if lane < w.lanes {
		return nil
	}
	if err := w.Flush(ctx); err != nil {
		return err
	}
	if w.log, err = w.broker.Log(ctx, broker.TopicConfig{Name: w.topic, Partitions: int(lane) + 1}); err == nil {
		w.lanes = lane + 1
	}
	return err
}

// Update leaves rows of open windows out: they come again; see record.Updater.
func (w *waitingRows) Update(context.Context, *record.Rows) error { return nil }

// Flush returns once all rows are durable; see record.Sink.
func (w *waitingRows) Flush(ctx context.Context) error {
	if w.log == nil {
		return nil
	}
	return w.log.Flush(ctx)
}

// Close does nothing: the topic is the broker's.
func (w *waitingRows) Close() error { return nil }

// waited makes rows of the records in which they waited.
func waited(r *record.Records) *record.Rows {
	rows := &record.Rows{First: r.Offsets[0], Times: slices.Clone(r.Times)}
	for i := range r.Len() {
		rows.Keys.Append(r.Keys.At(i))
		rows.Values.Append(r.Values.At(i))
		headers := r.HeadersAt(i)
		var first, topic []byte
		record.EachHeader(headers, func(key, value []byte) {
			if first == nil && bytes.Equal(key, waitingTopic) {
				topic = value
			}
			first = key
		})
		if rest, marked := bytes.CutPrefix(headers, record.AppendHeader(nil, waitingTopic, topic)); marked {
			headers = rest
			rows.Topics.Append(topic)
		}
		rows.PutHeaders(i, bytes.Clone(headers))
	}
	return rows
}

// A forgotten is in the place of a log, or of a cache, whose rows nobody needs from who fills.
type forgotten struct{ partitions int }

// Write takes rows.
func (forgotten) Write(context.Context, uint64, *record.Rows) error { return nil }

// Update takes rows.
func (forgotten) Update(context.Context, *record.Rows) error { return nil }

// Flush does nothing.
func (forgotten) Flush(context.Context) error { return nil }

// Close does nothing.
func (forgotten) Close() error { return nil }

// Partitions is how many the log is to have.
func (f forgotten) Partitions(context.Context) (int, error) { return f.partitions, nil }

// End says that all rows are there.
func (forgotten) End(context.Context, int32) (record.Position, error) {
	return record.Position{Offset: math.MaxInt64}, nil
}

// Open fails: the rows are not kept.
func (forgotten) Open(context.Context, int32, record.Position) (record.Reader, error) {
	return nil, errors.New("read rows that are not kept while a table is filled")
}

// A forgottenCache is a cache that every start fills.
type forgottenCache struct{ forgotten }

// Lost never has a value.
func (forgottenCache) Lost() <-chan struct{} { return nil }

// Refill reads nothing.
func (forgottenCache) Refill(context.Context, func(take func(*record.Rows) error) error) error {
	return nil
}

// Settle does nothing.
func (forgottenCache) Settle(context.Context) error { return nil }
