package broker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// bareTopics is the topics of a broker without a server. They keep every record, whatever their
// retention, and live as long as the Broker does, which Close does not end: whoever holds it can go on
// with them, as another process does with a folder.
type bareTopics struct {
	mu     sync.RWMutex
	topics map[string]*bareTopic
	refuse error // of every append, while it is not nil
}

type bareTopic struct {
	cfg TopicConfig
	log *Memory
}

func newBareTopics() *bareTopics { return &bareTopics{topics: make(map[string]*bareTopic)} }

// Refuse makes every append to a broker without a server fail with err, as a full disk does, until it
// is called with nil. It reports false for a broker with a server.
func (b *Broker) Refuse(err error) bool {
	t, is := b.keeper.(*bareTopics)
	if !is {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refuse = err
	return true
}

func (t *bareTopics) healthy() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.refuse
}

func (t *bareTopics) restart(context.Context) error { return t.healthy() }

func (t *bareTopics) close() error { return nil }

func (t *bareTopics) sync(context.Context) error { return nil }

func (t *bareTopics) ends() []LogState { return nil }

func (t *bareTopics) retainFor(context.Context, string, time.Duration) error { return nil }

func (t *bareTopics) retain(context.Context, time.Time) error { return nil }

func (t *bareTopics) source(topic string, bounded bool) record.Source {
	return &bareSource{t, topic, bounded}
}

func (t *bareTopics) has(name string) bool {
	_, err := t.find(name)
	return err == nil
}

func (t *bareTopics) find(name string) (*bareTopic, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if found := t.topics[name]; found != nil {
		return found, nil
	}
	return nil, noTopic(name)
}

func noTopic(name string) error {
	return &TopicError{name, "there is no such topic; create it with `nagare topics create`"}
}

func (t *bareTopics) create(_ context.Context, cfg TopicConfig) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.topics[cfg.Name]; known != nil {
		if known.cfg.Partitions != cfg.Partitions {
			return &TopicError{cfg.Name, fmt.Sprintf("it exists with %d partitions, %d are asked for; use `nagare topics alter`", known.cfg.Partitions, cfg.Partitions)}
		}
		return nil
	}
	t.topics[cfg.Name] = &bareTopic{cfg, NewMemory(cfg.Partitions)}
	return nil
}

func (t *bareTopics) alter(_ context.Context, name string, partitions int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.topics[name]
	if known == nil {
		return noTopic(name)
	}
	if partitions < known.cfg.Partitions {
		return &TopicError{name, fmt.Sprintf("it has %d partitions and cannot have fewer, %d are asked for", known.cfg.Partitions, partitions)}
	}
	known.cfg.Partitions = partitions
	if err := known.cfg.check(); err != nil {
		return err
	}
	known.log.Grow(partitions)
	return nil
}

func (t *bareTopics) remove(_ context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.topics, name)
	return nil
}

func (t *bareTopics) all(context.Context) ([]TopicInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	infos := make([]TopicInfo, 0, len(t.topics))
	for _, known := range t.topics {
		infos = append(infos, known.info())
	}
	slices.SortFunc(infos, func(a, b TopicInfo) int { return compareNames(a.Name, b.Name) })
	return infos, nil
}

func (t *bareTopics) info(_ context.Context, name string) (TopicInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	known := t.topics[name]
	if known == nil {
		return TopicInfo{}, noTopic(name)
	}
	return known.info(), nil
}

// info describes a topic. The lock of the topics is held.
func (t *bareTopic) info() TopicInfo {
	info := TopicInfo{TopicConfig: t.cfg}
	for n := range int32(t.cfg.Partitions) {
		p, err := t.log.part(n)
		if err != nil {
			panic("BUG: a topic has fewer partitions than its description says")
		}
		p.mu.Lock()
		info.Parts = append(info.Parts, PartitionInfo{Next: p.next, Messages: uint64(len(p.log)), Bytes: p.bytes, LastAppend: p.appended})
		p.mu.Unlock()
	}
	return info
}

func (t *bareTopics) writer(topic, producer string, limit int, _ bool) (Writer, error) {
	known, err := t.find(topic)
	if err != nil {
		return nil, err
	}
	return &bareWriter{MemoryWriter{known.log, producer, topic, limit}, t}, nil
}

// A bareWriter appends to a topic in memory: what it has appended is as durable as it gets.
type bareWriter struct {
	MemoryWriter
	topics *bareTopics
}

func (w *bareWriter) Partitions() int { return w.m.Partitions() }

func (w *bareWriter) Append(ctx context.Context, number int32, r *record.Records, seq int64) (int64, error) {
	return w.AppendMarked(ctx, number, r, seq, 0)
}

func (w *bareWriter) AppendMarked(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	if err := w.topics.healthy(); err != nil {
		return -1, err
	}
	return w.MemoryWriter.AppendMarked(ctx, number, r, seq, mark)
}

func (w *bareWriter) AppendAsync(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) error {
	_, err := w.AppendMarked(ctx, number, r, seq, mark)
	return err
}

func (w *bareWriter) Flush(context.Context) error { return w.topics.healthy() }

// A bareSource is a topic by its name, which need not exist yet.
type bareSource struct {
	topics  *bareTopics
	topic   string
	bounded bool
}

func (s *bareSource) source() (record.Source, error) {
	t, err := s.topics.find(s.topic)
	if err != nil {
		return nil, err
	}
	return &memorySource{t.log, s.bounded}, nil
}

// Partitions implements record.Source.
func (s *bareSource) Partitions(ctx context.Context) (int, error) {
	src, err := s.source()
	if err != nil {
		return 0, err
	}
	return src.Partitions(ctx)
}

// End implements record.Source.
func (s *bareSource) End(ctx context.Context, number int32) (record.Position, error) {
	src, err := s.source()
	if err != nil {
		return record.Position{}, err
	}
	return src.End(ctx, number)
}

// Open implements record.Source.
func (s *bareSource) Open(ctx context.Context, number int32, from record.Position) (record.Reader, error) {
	src, err := s.source()
	if err != nil {
		return nil, err
	}
	return src.Open(ctx, number, from)
}
