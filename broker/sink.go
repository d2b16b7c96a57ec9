package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nagare-stream/nagare/engine/record"
)

// The largest pieces in which rows are appended to an output topic. A piece has to fit into one batch
// of the broker: its progress says that all of it is in the log.
const (
	pieceRows  = 2048
	pieceBytes = 512 << 10
)

// A TopicSink writes rows to topics of a broker, to the partition of their key.
//
// The rows of a (sink, input partition) that fall into one output partition are not numbered without
// gaps, so a progress tells what is there: the number of the first row that was not
// considered. A row that is delivered again and lies below its partition's progress is left out.
type TopicSink struct {
	broker *Broker
	topic  string // of rows that name none
	config func(topic string) TopicConfig
	parts  map[producerKey]*outputs

	updates map[string]Writer // by topic: of rows of open windows
}

// producerKey names one producer: everything that an input partition of a sink sends to a topic.
type producerKey struct {
	sink  string
	input int32
	topic string
}

// outputs is a producer and where it stands in each partition of its topic.
type outputs struct {
	writer Writer
	parts  []output
}

type output struct {
	known    bool
	next     int64 // records of this producer in the partition
	progress int64 // rows below are in the partition, or do not belong there
	records  record.Records
}

// Sink returns a sink into a topic, and for rows that name one into that; config is how a topic is made that is not there.
func (b *Broker) Sink(topic string, config func(topic string) TopicConfig) *TopicSink {
	return &TopicSink{broker: b, topic: topic, config: config, parts: map[producerKey]*outputs{},
		updates: map[string]Writer{}}
}

// Write sends rows on their way. They are durable once Flush has returned.
func (s *TopicSink) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	named := out.Topics.Len() > 0
	for from := 0; from < out.Len(); {
		topic, to := s.topic, out.Len()
		if named {
			if text := out.Topics.At(from); text != nil {
				topic = string(text)
			}
			for to = from + 1; to < out.Len() && string(out.Topics.At(to)) == string(out.Topics.At(from)); {
				to++
			}
		}
		if err := s.send(ctx, topic, out, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// send appends rows [from, to), which belong to one topic.
func (s *TopicSink) send(ctx context.Context, topic string, out *record.Rows, from, to int) error {
	key := producerKey{out.Sink, out.Partition, topic}
	o, err := s.outputs(ctx, key)
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		number := out.First + int64(i)
		p := record.PartitionOf(out.Keys.At(i), len(o.parts))
		if out.Keys.IsNull(i) {
			p = int32(number % int64(len(o.parts)))
		}
		part := &o.parts[p]
		if err := s.locate(ctx, o, p); err != nil {
			return err
		}
		if number < part.progress {
			continue // delivered before
		}
		r := &part.records
		if r.Values.Len() >= pieceRows || len(r.Values.Data)+len(r.Keys.Data)+len(r.Headers.Data) >= pieceBytes {
			if err := s.push(ctx, o, p, number); err != nil {
				s.forget(o)
				return err
			}
		}
		r.Keys.Append(out.Keys.At(i))
		r.Values.Append(out.Values.At(i))
		r.Times = append(r.Times, out.Times[i])
		r.PutHeaders(r.Values.Len()-1, out.HeadersAt(i))
	}
	for p := range o.parts {
		if err := s.push(ctx, o, int32(p), out.First+int64(to)); err != nil {
			s.forget(o)
			return err
		}
	}
	return nil
}

// push appends what was gathered for a partition; rows below progress are then considered.
func (s *TopicSink) push(ctx context.Context, o *outputs, p int32, progress int64) error {
	part := &o.parts[p]
	n := part.records.Values.Len()
	if n == 0 {
		return nil
	}
	if err := o.writer.AppendAsync(ctx, p, &part.records, part.next, uint64(progress)); err != nil {
		return fmt.Errorf("write to partition %d: %w", p, err)
	}
	part.next += int64(n)
	part.progress = progress
	resetRecords(&part.records)
	return nil
}

// outputs finds the producer of rows, and makes their topic if need be.
func (s *TopicSink) outputs(ctx context.Context, key producerKey) (*outputs, error) {
	if o := s.parts[key]; o != nil {
		return o, nil
	}
	if err := s.ensure(ctx, key.topic); err != nil {
		return nil, err
	}
	w, err := s.broker.RowWriter(key.topic, fmt.Sprintf("sink/%s/%d", key.sink, key.input))
	if err != nil {
		return nil, err
	}
	o := &outputs{writer: w, parts: make([]output, w.Partitions())}
	s.parts[key] = o
	return o, nil
}

// locate asks the log where the producer stands in a partition.
func (s *TopicSink) locate(ctx context.Context, o *outputs, p int32) error {
	part := &o.parts[p]
	if part.known {
		return nil
	}
	next, err := o.writer.Last(ctx, p)
	if err != nil {
		return err
	}
	progress, err := o.writer.LastMark(ctx, p)
	if err != nil {
		return err
	}
	part.next, part.progress, part.known = next, int64(progress), true
	return nil
}

// forget drops what is believed about a producer after an error: the log is asked again.
func (s *TopicSink) forget(o *outputs) {
	for p := range o.parts {
		resetRecords(&o.parts[p].records)
		o.parts[p].known = false
	}
}

func resetRecords(r *record.Records) {
	r.Times = r.Times[:0]
	r.Keys.Reset()
	r.Values.Reset()
	r.Headers.Reset()
}

// Update appends rows of open windows. They have no numbers: what a crash or an error leaves open is
// appended again, before the final row.
func (s *TopicSink) Update(ctx context.Context, out *record.Rows) error {
	parts := map[partitionKey]*record.Records{}
	var order []partitionKey
	for i := range out.Len() {
		topic := s.topic
		if out.Topics.Len() > 0 {
			if text := out.Topics.At(i); text != nil {
				topic = string(text)
			}
		}
		w, err := s.updater(ctx, topic)
		if err != nil {
			return err
		}
		at := partitionKey{topic, int32(i % w.Partitions())}
		if !out.Keys.IsNull(i) {
			at.partition = record.PartitionOf(out.Keys.At(i), w.Partitions())
		}
		r := parts[at]
		if r == nil {
			r = &record.Records{}
			parts[at], order = r, append(order, at)
		}
		r.Keys.Append(out.Keys.At(i))
		r.Values.Append(out.Values.At(i))
		r.Times = append(r.Times, out.Times[i])
		r.PutHeaders(r.Values.Len()-1, out.HeadersAt(i))
	}
	for _, at := range order {
		if _, err := s.updates[at.topic].Append(ctx, at.partition, parts[at], -1); err != nil {
			return fmt.Errorf("write to partition %d: %w", at.partition, err)
		}
	}
	return nil
}

// partitionKey names a partition of an output topic.
type partitionKey struct {
	topic     string
	partition int32
}

// updater is the producer of rows of open windows.
func (s *TopicSink) updater(ctx context.Context, topic string) (Writer, error) {
	if w := s.updates[topic]; w != nil {
		return w, nil
	}
	if err := s.ensure(ctx, topic); err != nil {
		return nil, err
	}
	w, err := s.broker.RowWriter(topic, "open windows")
	if err == nil {
		s.updates[topic] = w
	}
	return w, err
}

// ensure makes a topic if need be.
func (s *TopicSink) ensure(ctx context.Context, topic string) error {
	if topic == "" {
		return errors.New("write rows: they name no topic, and the sink has no option.topic")
	}
	if s.broker.HasTopic(topic) {
		return nil
	}
	return s.broker.CreateTopic(ctx, s.config(topic))
}

// Flush waits until all rows are durable.
func (s *TopicSink) Flush(ctx context.Context) error {
	for _, o := range s.parts {
		if err := o.writer.Flush(ctx); err != nil {
			s.forget(o)
			return err
		}
	}
	return nil
}

// Close does nothing: the topics are the broker's.
func (s *TopicSink) Close() error { return nil }
