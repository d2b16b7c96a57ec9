package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

func compareNames(a, b string) int { return strings.Compare(a, b) }

// CreateTopic makes a topic. One that exists stays as it is, and has to have the partitions asked for.
func (b *Broker) CreateTopic(ctx context.Context, cfg TopicConfig) error {
	if err := cfg.check(); err != nil {
		return err
	}
	cfg.Name = b.present(cfg.Name)
	b.admin.Lock()
	defer b.admin.Unlock()
	return b.keeper.create(ctx, cfg)
}

func (b served) create(ctx context.Context, cfg TopicConfig) error {
	l, err := b.current()
	if err != nil {
		return err
	}
	if t, err := b.topic(cfg.Name); err == nil {
		if t.cfg.Partitions != cfg.Partitions {
			return &TopicError{cfg.Name, fmt.Sprintf("it exists with %d partitions, %d are asked for; use `nagare topics alter`", t.cfg.Partitions, cfg.Partitions)}
		}
		return nil
	}
	if err := b.disk.room(cfg.Name, MaxBatchBytes); err != nil {
		return err
	}
	// Partition 0 last: a topic exists once it does.
	for n := int32(cfg.Partitions) - 1; n >= 0; n-- {
		if err := b.createStream(ctx, l, cfg, n); err != nil {
			return fmt.Errorf("create topic %s: %w", cfg.Name, err)
		}
	}
	b.remember(cfg)
	return nil
}

// createStream makes the stream of a partition. One that is left of a creation cut short is empty
// and is used.
func (b *Broker) createStream(ctx context.Context, l *link, cfg TopicConfig, n int32) error {
	want := b.streamConfig(cfg, n)
	_, err := l.js.CreateStream(ctx, want)
	if err == nil {
		return b.know(want.Name)
	}
	if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("make partition %d: %w", n, err)
	}
	s, err := l.js.Stream(ctx, want.Name)
	if err != nil {
		return fmt.Errorf("make partition %d: %w", n, err)
	}
	if s.CachedInfo().State.LastSeq != 0 {
		return &DamageError{Topic: cfg.Name, Partition: n, Reason: "its stream holds records, and the topic's first stream is gone"}
	}
	if err := b.updateStream(ctx, l, want); err != nil {
		return fmt.Errorf("make partition %d: %w", n, err)
	}
	return nil
}

// AlterTopic gives a topic more partitions. Records that are there stay where they are.
func (b *Broker) AlterTopic(ctx context.Context, name string, partitions int) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	return b.keeper.alter(ctx, name, partitions)
}

func (b served) alter(ctx context.Context, name string, partitions int) error {
	l, err := b.current()
	if err != nil {
		return err
	}
	t, err := b.topic(name)
	if err != nil {
		return err
	}
	if partitions < t.cfg.Partitions {
		return &TopicError{name, fmt.Sprintf("it has %d partitions and cannot have fewer, %d are asked for", t.cfg.Partitions, partitions)}
	}
	cfg := t.cfg
	cfg.Partitions = partitions
	if err := cfg.check(); err != nil {
		return err
	}
	for n := t.cfg.Partitions; n < partitions; n++ {
		if err := b.createStream(ctx, l, cfg, int32(n)); err != nil {
			return fmt.Errorf("alter topic %s: %w", name, err)
		}
	}
	err = b.editMetadata(ctx, l, streamName(cfg.Name, 0), func(m map[string]string) { m[metaPartitions] = strconv.Itoa(partitions) })
	if err != nil {
		return fmt.Errorf("alter topic %s: %w", name, err)
	}
	b.remember(cfg)
	return nil
}

// editMetadata changes the metadata of a stream; it is durable when it returns.
func (b *Broker) editMetadata(ctx context.Context, l *link, stream string, edit func(map[string]string)) error {
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	cfg := s.CachedInfo().Config
	if cfg.Metadata == nil {
		cfg.Metadata = make(map[string]string)
	}
	edit(cfg.Metadata)
	return b.updateStream(ctx, l, cfg)
}

// DeleteTopic removes a topic and its records. One that does not exist is no error.
func (b *Broker) DeleteTopic(ctx context.Context, name string) error {
	return b.deleteTopic(ctx, b.present(name))
}

// deleteTopic removes the topic that has a name among all topics.
func (b *Broker) deleteTopic(ctx context.Context, name string) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	return b.keeper.remove(ctx, name)
}

func (b served) remove(ctx context.Context, name string) error {
	l, err := b.current()
	if err != nil {
		return err
	}
	b.mu.RLock()
	t := b.topics[name]
	b.mu.RUnlock()
	if t == nil {
		return nil
	}
	err = b.editMetadata(ctx, l, streamName(name, 0), func(m map[string]string) { m[metaDeleting] = "true" })
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	b.mu.Lock()
	delete(b.topics, name)
	b.mu.Unlock()
	for _, p := range t.partitions {
		p.abandon(&TopicError{name, "it was deleted"})
		p.end.close()
	}
	return b.deleteStreams(ctx, l, t.cfg)
}

// deleteStreams removes the streams of a topic, the one that stands for it last.
func (b *Broker) deleteStreams(ctx context.Context, l *link, t TopicConfig) error {
	for n := int32(t.Partitions) - 1; n >= 0; n-- {
		if err := b.forget(streamName(t.Name, n)); err != nil {
			return err
		}
		err := l.js.DeleteStream(ctx, streamName(t.Name, n))
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("delete topic %s partition %d: %w", t.Name, n, err)
		}
	}
	if l.journal != nil { // a topic of that name may come again
		return l.journal.checkpoint()
	}
	return nil
}

// HasTopic reports whether a topic exists.
func (b *Broker) HasTopic(name string) bool {
	return b.keeper.has(name)
}

func (b served) has(name string) bool {
	_, err := b.topic(name)
	return err == nil
}

// Topics returns all topics, by name.
func (b *Broker) Topics(ctx context.Context) ([]TopicInfo, error) {
	return b.keeper.all(ctx)
}

func (b served) all(ctx context.Context) ([]TopicInfo, error) {
	b.mu.RLock()
	names := make([]string, 0, len(b.topics))
	for name := range b.topics {
		if as, seen := b.shown(name); seen {
			names = append(names, as)
		}
	}
	b.mu.RUnlock()
	slices.Sort(names)
	infos := make([]TopicInfo, 0, len(names))
	for _, name := range names {
		info, err := b.Topic(ctx, name)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Config is a topic as it was made.
func (b *Broker) Config(name string) (TopicConfig, error) {
	t, err := b.topic(name)
	if err != nil {
		return TopicConfig{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	cfg := t.cfg
	cfg.Name = name
	return cfg, nil
}

// Topic returns one topic; a *TopicError when there is none of that name.
func (b *Broker) Topic(ctx context.Context, name string) (TopicInfo, error) {
	return b.keeper.info(ctx, name)
}

func (b served) info(ctx context.Context, name string) (TopicInfo, error) {
	t, err := b.topic(name)
	if err != nil {
		return TopicInfo{}, err
	}
	b.mu.RLock()
	info := TopicInfo{TopicConfig: t.cfg}
	info.Name = name
	parts := t.partitions
	b.mu.RUnlock()
	for _, p := range parts {
		pi, err := p.info(ctx)
		if err != nil {
			return TopicInfo{}, fmt.Errorf("describe topic %s partition %d: %w", name, p.number, err)
		}
		info.Parts = append(info.Parts, pi)
	}
	return info, nil
}
