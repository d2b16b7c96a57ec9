package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A TopicConfig describes a topic. Name is needed; the rest has defaults.
type TopicConfig struct {
	Name       string
	Partitions int           // 0: 1
	Retention  time.Duration // how long records are kept; 0: for ever
	MaxBytes   int64         // of stored bytes a partition; an append beyond it fails with *FullError; 0: no limit
	Key        string        // the field of a record's JSON that is its key; information for writers
}

// MaxPartitions is the most that a topic can have.
const MaxPartitions = 1000

func (c *TopicConfig) check() error {
	if err := checkTopicName(c.Name); err != nil {
		return err
	}
	if c.Partitions == 0 {
		c.Partitions = 1
	}
	if c.Partitions < 0 || c.Partitions > MaxPartitions {
		return fmt.Errorf("create topic %s: %d partitions are asked for, 1 to %d are possible", c.Name, c.Partitions, MaxPartitions)
	}
	if c.Retention < 0 || c.MaxBytes < 0 {
		return fmt.Errorf("create topic %s: retention and limit of bytes cannot be negative", c.Name)
	}
	return nil
}

// A TopicInfo is what a topic is and holds.
type TopicInfo struct {
	TopicConfig
	Parts []PartitionInfo // by number
}

// A PartitionInfo is what a partition holds.
type PartitionInfo struct {
	First      int64     // offset of the first record there is
	Next       int64     // offset of the next record to come
	Messages   uint64    // batches and single records
	Bytes      uint64    // stored
	LastAppend time.Time // zero: never
	Gaps       int64     // offsets from First to Next that hold no record, as far as known
	About      bool      // whether there are more of these is not known
}

// topic is a topic that exists. partitions only grows, under Broker.mu.
type topic struct {
	cfg        TopicConfig
	partitions []*partition
}

// Metadata of the stream of partition 0, which stands for the topic; a topic exists when it does.
const (
	metaTopic      = "nagare-topic"
	metaPartitions = "nagare-partitions"
	metaRetention  = "nagare-retention"
	metaKey        = "nagare-key"
	metaDeleting   = "nagare-deleting" // a deletion began and has to be finished
	metaPartition  = "nagare-partition"
)

// leastDuplicates is the shortest time for which the server remembers the ids of messages. Nobody uses them
// here, and a start reads all messages that are not older.
const leastDuplicates = 100 * time.Millisecond

// wakeSubject is where the server tells of stored messages when others may write.
const wakeSubject = "_nagare.stored."

// streamConfig is the stream of a partition.
func (b *Broker) streamConfig(t TopicConfig, partition int32) jetstream.StreamConfig {
	subject := subjectOf(t.Name, partition)
	cfg := jetstream.StreamConfig{
		Name:        streamName(t.Name, partition),
		Subjects:    []string{subject, subject + ".>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    -1,
		MaxMsgSize:  maxPayload,
		Duplicates:  leastDuplicates,
		AllowDirect: true,
		Metadata:    map[string]string{metaTopic: t.Name, metaPartition: strconv.Itoa(int(partition))},
	}
	if b.cfg.MemoryOnly {
		cfg.Storage = jetstream.MemoryStorage
	}
	if t.MaxBytes > 0 {
		cfg.MaxBytes = t.MaxBytes
	}
	if b.cfg.Shared {
		cfg.RePublish = &jetstream.RePublish{Source: ">", Destination: wakeSubject + cfg.Name + ".>", HeadersOnly: true}
	}
	if partition == 0 {
		cfg.Metadata[metaPartitions] = strconv.Itoa(t.Partitions)
		cfg.Metadata[metaRetention] = t.Retention.String()
		if t.Key != "" {
			cfg.Metadata[metaKey] = t.Key
		}
	}
	return cfg
}

// topicOf reads the topic that the stream of partition 0 stands for; ok is false for other streams.
func topicOf(info *jetstream.StreamInfo) (t TopicConfig, ok bool, err error) {
	m := info.Config.Metadata
	if m[metaTopic] == "" || m[metaPartition] != "0" {
		return t, false, nil
	}
	t.Name, t.Key = m[metaTopic], m[metaKey]
	if t.Partitions, err = strconv.Atoi(m[metaPartitions]); err != nil || t.Partitions < 1 {
		return t, false, &DamageError{Topic: t.Name, Reason: fmt.Sprintf("its number of partitions is %q", m[metaPartitions])}
	}
	if t.Retention, err = time.ParseDuration(m[metaRetention]); err != nil {
		return t, false, &DamageError{Topic: t.Name, Reason: fmt.Sprintf("its retention is %q", m[metaRetention])}
	}
	t.MaxBytes = max(info.Config.MaxBytes, 0)
	return t, true, nil
}

// loadTopics finds the topics of a server that has just started, and finishes what a crash left
// half done: deletions, and partitions that were being added.
func (b *Broker) loadTopics(ctx context.Context, l *link, proofs map[string]*proof) error {
	streams := make(map[string]*jetstream.StreamInfo)
	list := l.js.ListStreams(ctx)
	for info := range list.Info() {
		streams[info.Config.Name] = info
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	if err := b.checkFolders(func(stream string) bool { return streams[stream] != nil }); err != nil {
		return err
	}
	var found []TopicConfig
	for _, info := range streams {
		t, ok, err := topicOf(info)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if info.Config.Metadata[metaDeleting] != "" {
			if err := b.deleteStreams(ctx, l, t); err != nil {
				return err
			}
			continue
		}
		found = append(found, t)
	}
	slices.SortFunc(found, func(a, b TopicConfig) int { return compareNames(a.Name, b.Name) })
	for _, t := range found {
		for n := range int32(t.Partitions) {
			info := streams[streamName(t.Name, n)]
			if info == nil {
				return &DamageError{Topic: t.Name, Partition: n, Reason: "its stream is gone"}
			}
			if err := proven(info, proofs[info.Config.Name]); err != nil {
				return err
			}
			if err := b.adopt(ctx, l, t, n, info); err != nil {
				return err
			}
		}
		for n, p := range b.remember(t).partitions {
			_, first, err := firstOf(streams[streamName(t.Name, int32(n))])
			if err != nil {
				return &DamageError{Topic: t.Name, Partition: int32(n), Reason: err.Error()}
			}
			p.removed.Store(first)
		}
	}
	return b.adoptProofs(proofs)
}

// adopt brings the settings of an existing stream up to date.
func (b *Broker) adopt(ctx context.Context, l *link, t TopicConfig, n int32, info *jetstream.StreamInfo) error {
	if (info.Config.RePublish != nil) == b.cfg.Shared {
		return nil
	}
	cfg := info.Config
	cfg.RePublish = b.streamConfig(t, n).RePublish
	if err := b.updateStream(ctx, l, cfg); err != nil {
		return fmt.Errorf("open topic %s partition %d: %w", t.Name, n, err)
	}
	return nil
}

// remember makes the topic known, or its new partitions.
func (b *Broker) remember(t TopicConfig) *topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.topics[t.Name]
	if known == nil {
		known = &topic{}
		b.topics[t.Name] = known
	}
	known.cfg = t
	for n := len(known.partitions); n < t.Partitions; n++ {
		p := newPartition(b, t.Name, int32(n))
		known.partitions = append(known.partitions, p)
		b.byName[p.stream] = p
	}
	return known
}

func (b *Broker) topic(name string) (*topic, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if t := b.topics[b.present(name)]; t != nil {
		return t, nil
	}
	return nil, &TopicError{name, "there is no such topic; create it with `nagare topics create`"}
}

func (b *Broker) partition(name string, number int32) (*partition, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := b.topics[b.present(name)]
	if t == nil {
		return nil, &TopicError{name, "there is no such topic; create it with `nagare topics create`"}
	}
	if number < 0 || int(number) >= len(t.partitions) {
		return nil, &TopicError{name, fmt.Sprintf("it has %d partitions, and no partition %d", len(t.partitions), number)}
	}
	return t.partitions[number], nil
}
