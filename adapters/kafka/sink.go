package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// SinkOptions says where a sink's rows go.
type SinkOptions struct {
	Name string // of the sink
	// Instance tells the rows of one data folder from those of another, or from those before a reset:
	// numbers that another instance has committed say nothing about what is to be written.
	Instance   string
	Generation int        // of the rows, which are numbered from 0 in each; 0 and 1: the first
	Topic      string     // of rows that name none
	Properties []Property // options kafka.… of the project, over those of the connection
	// Create is how a topic is made that is missing.
	Create func(topic string) broker.TopicConfig
}

// identityHeader is the header of a row that is written at least once: sink, partition of the input and
// number, by which a reader knows one that comes again.
const identityHeader = "nagare-row"

// A Sink writes rows to topics of a cluster, to the partition of their key as Kafka's own clients do.
type Sink struct {
	c   *Cluster
	opt SinkOptions
	own *client

	kc     *kgo.Client     // nil: to be made by the next Write
	marks  *marks          // nil: the sink writes at least once
	begun  bool            // a transaction is open
	proved map[string]bool // topics of which a transaction of kc is known to have been committed
	sent   *sent           // by kc
	topics map[string]*sinkTopic
}

// generationText stands behind the name of what belongs to a generation.
func generationText(n int) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf("@%d", n)
}

// sent is what became of the rows of one producer.
type sent struct {
	mu     sync.Mutex
	failed error
	ends   map[place]int64 // offsets behind the last rows that were taken
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// answer takes note of what became of a row.
func (s *sent) answer(rec *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		at := place{rec.Topic, rec.Partition}
		s.ends[at] = max(s.ends[at], rec.Offset+1)
	case s.failed == nil:
		s.failed = err
	}
}

// take returns the ends noted so far and begins anew.
func (s *sent) take() map[place]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := s.ends
	s.ends = map[place]int64{}
	return ends
}

func newSent() *sent { return &sent{ends: map[place]int64{}} }

func (s *sent) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// sinkTopic is a topic that rows go to.
type sinkTopic struct {
	partitions int
	asked      time.Time
}

// partitionsAge is how long the number of a topic's partitions is believed.
const partitionsAge = 10 * time.Second

// Sink returns a sink; nothing is asked of the cluster before its first row.
func (c *Cluster) Sink(opt SinkOptions) (*Sink, error) {
	s := &Sink{c: c, opt: opt, own: &client{}, topics: map[string]*sinkTopic{}}
	if faults := s.own.apply(opt.Properties); len(faults) > 0 {
		return nil, &SettingsError{faults}
	}
	if c.exactly {
		s.marks = newMarks(c, opt.Name, opt.Instance+generationText(opt.Generation))
	}
	return s, nil
}

var _ record.Updater = (*Sink)(nil)

// Write sends rows on their way. They are there once Flush has returned.
func (s *Sink) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	return s.write(ctx, out, true)
}

// Update sends rows of open windows on their way, which have no numbers; see record.Updater.
func (s *Sink) Update(ctx context.Context, out *record.Rows) error { return s.write(ctx, out, false) }

func (s *Sink) write(ctx context.Context, out *record.Rows, numbered bool) error {
	if err := s.begin(ctx); err != nil {
		return s.fail(err)
	}
	from := int64(0)
	if s.marks != nil && numbered {
		from = max(0, s.marks.committed(out.Partition)-out.First)
	}
	if from >= int64(out.Len()) {
		return nil // delivered before
	}
	list := make([]kgo.Record, int64(out.Len())-from)
	for i := int(from); i < out.Len(); i++ {
		rec := &list[i-int(from)]
		if err := s.fill(ctx, rec, out, i, numbered); err != nil {
			return s.fail(err)
		}
	}
	if s.marks != nil && !s.begun {
		if err := s.marks.open(ctx, s.kc); err != nil {
			return s.fail(err)
		}
		s.begun = true
	}
	for i := range list {
		s.kc.Produce(ctx, &list[i], s.sent.answer)
	}
	if s.marks != nil && numbered {
		s.marks.write(out.Partition, out.First+int64(out.Len()))
	}
	return nil
}

// fill makes a record of row i.
func (s *Sink) fill(ctx context.Context, rec *kgo.Record, out *record.Rows, i int, numbered bool) error {
	rec.Topic = s.opt.Topic
	if out.Topics.Len() > 0 {
		if named := out.Topics.At(i); named != nil {
			rec.Topic = string(named)
		}
	}
	if rec.Topic == "" {
		return errors.New("write rows: they name no topic, and the sink has no option.topic")
	}
	n, err := s.partitions(ctx, rec.Topic)
	if err != nil {
		return err
	}
	number := out.First + int64(i)
	rec.Key, rec.Value, rec.Timestamp = out.Keys.At(i), out.Values.At(i), kept(out.Times[i])
	rec.Partition = int32(number % int64(n))
	if rec.Key != nil {
		rec.Partition = record.PartitionOf(rec.Key, n)
	}
	rec.Headers = headersOf(out.HeadersAt(i))
	if s.marks == nil && numbered {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: identityHeader, Value: fmt.Appendf(nil, "%s%s/%d/%d", s.opt.Name, generationText(s.opt.Generation), out.Partition, number)})
	}
	return nil
}

// partitions is how many a topic has; one that is missing is made.
func (s *Sink) partitions(ctx context.Context, topic string) (int, error) {
	t := s.topics[topic]
	if t != nil && time.Since(t.asked) < partitionsAge {
		return t.partitions, nil
	}
	d, err := s.c.detail(ctx, topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if err = s.c.CreateTopic(ctx, s.opt.Create(topic)); err == nil {
			d, err = s.c.detail(ctx, topic)
		}
	}
	if err != nil {
		return 0, err
	}
	s.topics[topic] = &sinkTopic{len(d.Partitions), time.Now()}
	return len(d.Partitions), nil
}

// begin makes the producer. One of the same transactional id that a process before left behind is ended
// by it; then what was committed by that one is known.
func (s *Sink) begin(ctx context.Context) error {
	if s.kc != nil {
		return nil
	}
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.UnknownTopicRetries(1),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // as Kafka's own: some clients can unpack nothing
	}
	if s.marks != nil {
		opts = append(opts, kgo.TransactionalID(s.marks.id))
	}
	kc, err := s.c.newClient(append(append(opts, s.c.client.producer...), s.own.producer...)...)
	if err != nil {
		return err
	}
	s.kc, s.sent, s.proved = kc, newSent(), map[string]bool{}
	if s.marks == nil {
		return nil
	}
	return s.marks.begin(ctx, kc)
}

// Flush returns once all rows are there, in one transaction where the cluster can.
func (s *Sink) Flush(ctx context.Context) error {
	if s.kc == nil {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, s.c.client.deliveryWait())
	defer cancel()
	if err := s.kc.Flush(waiting); err != nil {
		if ctx.Err() == nil {
			err = s.c.explain(err)
		}
		return s.fail(err)
	}
	if err := s.sent.err(); err != nil {
		return s.fail(err)
	}
	if !s.begun {
		return nil
	}
	if err := s.commit(ctx, s.kc, s.sent.take()); err != nil {
		return s.fail(err) // it may have been committed: the next producer finds out
	}
	s.begun = false
	s.marks.done()
	return nil
}

// commit ends the open transaction, whose rows end at ends. The library lets go of a topic's first records
// before it keeps the topic itself. Where all of them are answered in between, it finds none in the
// transaction: it aborts it, and returns no error. So the topic is waited for, and its first transaction is
// read back.
func (s *Sink) commit(ctx context.Context, kc *kgo.Client, ends map[place]int64) error {
	if err := s.marks.commit(ctx, kc, ends); err != nil {
		return err
	}
	end := func(ctx context.Context) error {
		if err := kc.AbortBufferedRecords(ctx); err != nil { // there are none: it takes the lock under which topics are kept
			return err
		}
		return kc.EndTransaction(ctx, kgo.TryCommit)
	}
	if err := s.c.within(ctx, s.c.client.deliveryWait(), end); err != nil {
		return err
	}
	fresh := false
	for at := range ends {
		fresh = fresh || !s.proved[at.topic]
	}
	if !fresh {
		return nil
	}
	if err := s.marks.prove(ctx, ends); err != nil {
		return err
	}
	for at := range ends {
		s.proved[at.topic] = true
	}
	return nil
}

// fail throws the producer away: what became of its rows is found out by the next one.
func (s *Sink) fail(err error) error {
	if s.kc != nil {
		letGo(s.kc)
	}
	s.kc, s.begun = nil, false
	clear(s.topics)
	if errors.Is(err, context.Canceled) || isOurs(err) {
		return err
	}
	return s.c.topicFault("Write", s.opt.Topic, err)
}

// Close ends the sink. An open transaction is aborted by the next producer, or by its timeout.
func (s *Sink) Close() error {
	if s.kc != nil {
		letGo(s.kc)
		s.kc = nil
	}
	return nil
}
