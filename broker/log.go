package broker

import (
	"context"

	"github.com/nagare-stream/nagare/engine/record"
)

// A TopicLog is a topic that one producer writes and reads: partition for partition, row number for
// offset.
type TopicLog struct {
	record.Source
	writer Writer
}

// Log opens the log of that name, making it if need be, or giving it the partitions that it is short of.
func (b *Broker) Log(ctx context.Context, cfg TopicConfig) (*TopicLog, error) {
	if !b.HasTopic(cfg.Name) {
		if err := b.CreateTopic(ctx, cfg); err != nil {
			return nil, err
		}
	} else if info, err := b.Topic(ctx, cfg.Name); err != nil {
		return nil, err
	} else if info.Partitions < cfg.Partitions {
		if err := b.AlterTopic(ctx, cfg.Name, cfg.Partitions); err != nil {
			return nil, err
		}
	}
	w, err := b.RowWriter(cfg.Name, "engine")
	if err != nil {
		return nil, err
	}
	return &TopicLog{Source: b.SourceUntilEnd(cfg.Name), writer: w}, nil
}

// Write sends rows on their way; what is in the log already is cut away by their numbers.
func (l *TopicLog) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	r := record.Records{Times: out.Times, Keys: out.Keys, Values: out.Values, Headers: out.Headers, Packed: out.Packed}
	return l.writer.AppendAsync(ctx, out.Partition, &r, out.First, 0)
}

// Flush waits until all rows are durable.
func (l *TopicLog) Flush(ctx context.Context) error { return l.writer.Flush(ctx) }

// Close does nothing: the topic is the broker's.
func (l *TopicLog) Close() error { return nil }
