package kafka

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/nagare-stream/nagare/engine/record"
)

// SourceOptions says how a topic is read.
type SourceOptions struct {
	UntilEnd     bool       // readers end with io.EOF at the end that they find when they begin
	TolerateLoss bool       // records that are gone are counted and passed over
	Headers      bool       // the records' headers are wanted
	Properties   []Property // options kafka.… of the project, over those of the connection
}

// Source returns a topic as a source.
func (c *Cluster) Source(topic string, opt SourceOptions) (*Source, error) {
	own := &client{fetch: c.client.fetch, uncommitted: c.client.uncommitted}
	if faults := own.apply(opt.Properties); len(faults) > 0 {
		return nil, &SettingsError{faults}
	}
	return &Source{c: c, topic: topic, opt: opt, own: own}, nil
}

// A Source is a topic of a cluster as an record.Source. Positions hold the topic's id, so that another
// topic of the same name is noticed.
type Source struct {
	c     *Cluster
	topic string
	opt   SourceOptions
	own   *client
}

// Partitions returns how many the topic has now.
func (s *Source) Partitions(ctx context.Context) (int, error) {
	d, err := s.c.detail(ctx, s.topic)
	return len(d.Partitions), err
}

// bounds is what a topic's partitions hold.
type bounds struct {
	id          uint64 // of the topic, in eight bytes; 0: the brokers tell none
	first, next []int64
}

// logOf is how positions name a topic.
func logOf(id [16]byte) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// bounds asks for what the partitions hold. The end is that of what a reader may see: behind the last
// record that is committed.
func (s *Source) bounds(ctx context.Context) (b bounds, err error) {
	d, err := s.c.detail(ctx, s.topic)
	if err != nil {
		return b, err
	}
	return ask(ctx, s.c, askWait, func(ctx context.Context) (bounds, error) {
		b := bounds{id: logOf(d.ID)}
		var err error
		if b.first, err = s.list(ctx, s.c.admin.ListStartOffsets); err != nil {
			return b, err
		}
		b.next, err = s.list(ctx, s.lister())
		return b, err
	})
}

func (s *Source) lister() func(context.Context, ...string) (kadm.ListedOffsets, error) {
	if s.own.uncommitted {
		return s.c.admin.ListEndOffsets
	}
	return s.c.admin.ListCommittedOffsets
}

// list asks for an offset of each partition.
func (s *Source) list(ctx context.Context, ask func(context.Context, ...string) (kadm.ListedOffsets, error)) ([]int64, error) {
	listed, err := ask(ctx, s.topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, s.c.topicError(s.topic, err)
	}
	out := make([]int64, len(listed[s.topic]))
	for p, o := range listed[s.topic] {
		if int(p) < len(out) {
			out[p] = o.Offset
		}
	}
	return out, nil
}

// Ends returns the offset behind the last record of every partition.
func (s *Source) Ends(ctx context.Context) ([]int64, error) {
	return ask(ctx, s.c, askWait, func(ctx context.Context) ([]int64, error) { return s.list(ctx, s.lister()) })
}

// End returns the position behind the partition's last record that a reader may see.
func (s *Source) End(ctx context.Context, partition int32) (record.Position, error) {
	b, err := s.bounds(ctx)
	if err != nil {
		return record.Position{}, err
	}
	if partition < 0 || int(partition) >= len(b.next) {
		return record.Position{}, errNoPartition(s, partition)
	}
	return record.Position{Offset: b.next[partition], Log: b.id}, nil
}

// Start returns the position of the first record that there is, so that what the partition holds is what
// it is behind by before anything is read.
func (s *Source) Start(ctx context.Context, partition int32) (record.Position, error) {
	first, err := ask(ctx, s.c, askWait, func(ctx context.Context) ([]int64, error) { return s.list(ctx, s.c.admin.ListStartOffsets) })
	if err == nil && (partition < 0 || int(partition) >= len(first)) {
		err = errNoPartition(s, partition)
	}
	if err != nil {
		return record.Position{}, err
	}
	return record.Position{Offset: first[partition]}, nil
}

// After returns the position of the first record that was appended at a time, in microseconds, or later;
// the end if there is none.
func (s *Source) After(ctx context.Context, partition int32, micros int64) (record.Position, error) {
	return ask(ctx, s.c, askWait, func(ctx context.Context) (at record.Position, err error) {
		// Kafka's times are milliseconds: the first one that is not before.
		listed, err := s.c.admin.ListOffsetsAfterMilli(ctx, -floorDiv(-micros, 1000), s.topic)
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return at, s.c.topicError(s.topic, err)
		}
		o, ok := listed.Lookup(s.topic, partition)
		if !ok {
			return at, errNoPartition(s, partition)
		}
		at.Offset = o.Offset
		return at, nil
	})
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func errNoPartition(s *Source, partition int32) error {
	return &TopicError{Topic: s.topic, Hosts: s.c.Hosts(), Reason: "it has no partition " + itoa(partition) + " any more", Fix: "it was deleted and made again with fewer; run `nagare checkpoint reset`"}
}

// Open starts a reader at a position; *LossError when what is there begins behind it or ends before. A
// cluster that is away is waited for by the first Read.
func (s *Source) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	r := &reader{s: s, partition: partition, from: from}
	if err := r.locate(ctx, nil); err != nil && (!isAway(err) || ctx.Err() != nil) {
		return nil, err
	}
	return r, nil
}

// isAway reports an error that the cluster's return ends.
func isAway(err error) bool {
	var connect *ConnectError
	return errors.As(err, &connect)
}
