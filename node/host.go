package node

import (
	"context"
	"io"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// A host keeps the topics that a project reads and writes, and whatever other topics there are: the
// embedded broker, or a Kafka cluster. The rows of tables, late rows and invalid ones are always kept by
// the embedded broker.
type host interface {
	HasTopic(ctx context.Context, name string) (bool, error)
	CreateTopic(ctx context.Context, cfg broker.TopicConfig) error
	AlterTopic(ctx context.Context, name string, partitions int) error
	Topics(ctx context.Context) ([]broker.TopicInfo, error)
	Topic(ctx context.Context, name string) (broker.TopicInfo, error)
	// Source opens a topic for reading; untilEnd makes its readers end where the topic ends now.
	Source(topic string, untilEnd bool) (record.Source, error)
	Writer(topic, producer string) (topicWriter, error)
	Sink(def *plan.SinkDef, create func(topic string) broker.TopicConfig) (record.Sink, error)
}

// A topicWriter appends the records of one producer; see broker.Writer.
type topicWriter interface {
	generator.Writer
	Append(ctx context.Context, partition int32, r *record.Records, seq int64) (int64, error)
}

// closeWriter ends a writer that has a connection of its own.
func closeWriter(w topicWriter) error {
	if c, ok := w.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// embedded is the embedded broker as a host.
type embedded struct{ *broker.Broker }

// HasTopic reports whether there is a topic.
func (e embedded) HasTopic(_ context.Context, name string) (bool, error) {
	return e.Broker.HasTopic(name), nil
}

// Source opens a topic.
func (e embedded) Source(topic string, untilEnd bool) (record.Source, error) {
	if untilEnd {
		return e.Broker.SourceUntilEnd(topic), nil
	}
	return e.Broker.Source(topic), nil
}

// Writer returns the writer of a producer.
func (e embedded) Writer(topic, producer string) (topicWriter, error) {
	return e.Broker.Writer(topic, producer)
}

// Sink writes rows to topics of the broker, once each.
func (e embedded) Sink(def *plan.SinkDef, create func(topic string) broker.TopicConfig) (record.Sink, error) {
	return e.Broker.Sink(def.Options["topic"], create), nil
}

// hostOf is who keeps a topic.
func (n *Node) hostOf(topic string) host {
	if n.isLog(topic) {
		return embedded{n.broker}
	}
	return n.host
}

// hasTopic reports whether there is a topic, of the project's or of tables.
func (n *Node) hasTopic(ctx context.Context, name string) (bool, error) {
	return n.hostOf(name).HasTopic(ctx, name)
}

// ends asks for the offsets behind the last records of a topic.
func ends(ctx context.Context, src record.Source) ([]int64, error) {
	if all, ok := src.(interface {
		Ends(ctx context.Context) ([]int64, error)
	}); ok {
		return all.Ends(ctx)
	}
	parts, err := src.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]int64, parts)
	for p := range list {
		end, err := src.End(ctx, int32(p))
		if err != nil {
			return nil, err
		}
		list[p] = end.Offset
	}
	return list, nil
}
