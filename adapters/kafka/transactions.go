package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// marks is up to which row of each input partition a sink's transactions have been committed. They are
// the metadata of committed offsets, in the transaction that has the rows; the offsets are those behind
// the rows.
//
//	nagare1 INSTANCE 0:1a2b 1:77 …     partition, then the number of the next row in base 36
type marks struct {
	c        *Cluster
	instance string
	id       string // transactional id
	group    string
	durable  map[int32]int64
	underway map[int32]int64
	topicIDs map[string]kadm.TopicID
	by       producer // of the open transaction
}

// producer is how the cluster knows who writes: each transaction has an epoch of its own.
type producer struct {
	id    int64
	epoch int16
}

// errAnew says that the library took another epoch amid a transaction, of which the cluster then keeps
// nothing: to commit would be to commit marks without rows.
var errAnew = errors.New("commit rows: the producer began anew amid the transaction")

// errAborted says that the library has aborted a transaction where it was asked to commit it.
var errAborted = errors.New("commit rows: the transaction was aborted")

// marksFormat begins the metadata, and marksBytes bounds it: Kafka's offset.metadata.max.bytes.
const (
	marksFormat = "nagare1"
	marksBytes  = 4096
	marksBase   = 36
)

func newMarks(c *Cluster, sink, instance string) *marks {
	name := c.group("sink-" + sink)
	return &marks{c: c, instance: instance, id: name, group: name, durable: map[int32]int64{}, underway: map[int32]int64{}, topicIDs: map[string]kadm.TopicID{}}
}

// committed is the number of the next row of an input partition.
func (m *marks) committed(partition int32) int64 {
	return max(m.durable[partition], m.underway[partition])
}

// open begins a transaction.
func (m *marks) open(ctx context.Context, kc *kgo.Client) (err error) {
	if err = kc.BeginTransaction(); err == nil {
		m.by, err = m.producer(ctx, kc)
	}
	return err
}

func (m *marks) producer(ctx context.Context, kc *kgo.Client) (producer, error) {
	return ask(ctx, m.c, askWait, func(ctx context.Context) (producer, error) {
		id, epoch, err := kc.ProducerID(ctx)
		return producer{id, epoch}, m.fault(err)
	})
}

// check reports whether the producer is still that of the open transaction.
func (m *marks) check(ctx context.Context, kc *kgo.Client) error {
	by, err := m.producer(ctx, kc)
	if err == nil && by != m.by {
		err = errAnew
	}
	return err
}

// write notes that rows below next are in the open transaction.
func (m *marks) write(partition int32, next int64) {
	m.underway[partition] = max(m.underway[partition], next)
}

// begin takes over from producers before, and reads what they have committed.
func (m *marks) begin(ctx context.Context, kc *kgo.Client) error {
	clear(m.underway)
	if _, err := m.producer(ctx, kc); err != nil {
		return err
	}
	all, err := m.read(ctx)
	if err != nil {
		return err
	}
	clear(m.durable)
	for _, o := range all.Sorted() {
		m.parse(o.Metadata)
	}
	return nil
}

// read asks for what is committed, once nothing is being committed.
func (m *marks) read(ctx context.Context) (kadm.OffsetResponses, error) {
	return ask(ctx, m.c, askWait, func(ctx context.Context) (kadm.OffsetResponses, error) {
		all, err := m.c.admin.FetchOffsets(kadm.RequireStable(ctx), m.group)
		if errors.Is(err, kerr.GroupIDNotFound) { // nothing was committed yet
			return nil, nil
		}
		if err == nil {
			err = all.Error()
		}
		return all, m.fault(err)
	})
}

// proveWait is how long a commit that was answered may take until it can be read back, and provePause the first
// pause between two looks.
const (
	proveWait  = 3 * time.Second
	provePause = 5 * time.Millisecond
)

// prove reads back that rows that end at ends were committed. Kafka answers a commit before its marks are in the
// group's offsets; and where a partition had none before, a question for all of a group's offsets does not tell of
// those that are on their way (Kafka 4.1), so that they are looked for again.
func (m *marks) prove(ctx context.Context, ends map[place]int64) error {
	for begin, pause := time.Now(), provePause; ; pause *= 2 {
		all, err := m.read(ctx)
		if err != nil || isCommitted(all, ends) {
			return err
		}
		if time.Since(begin) > proveWait {
			return errAborted
		}
		if err := retry.Pause(ctx, pause); err != nil {
			return err
		}
	}
}

func isCommitted(all kadm.OffsetResponses, ends map[place]int64) bool {
	for at, end := range ends {
		if o, ok := all.Lookup(at.topic, at.partition); !ok || o.At < end {
			return false
		}
	}
	return true
}

// parse takes the marks of one committed offset, unless another instance's.
func (m *marks) parse(metadata string) {
	fields := strings.Fields(metadata)
	if len(fields) < 2 || fields[0] != marksFormat || fields[1] != m.instance {
		return
	}
	for _, f := range fields[2:] {
		p, number, _ := strings.Cut(f, ":")
		partition, err := strconv.ParseInt(p, marksBase, 32)
		next, nerr := strconv.ParseInt(number, marksBase, 64)
		if err == nil && nerr == nil {
			m.durable[int32(partition)] = max(m.durable[int32(partition)], next)
		}
	}
}

// text is the metadata of the open transaction.
func (m *marks) text() (string, error) {
	all := maps.Clone(m.durable)
	for p, next := range m.underway {
		all[p] = max(all[p], next)
	}
	b := append([]byte(marksFormat+" "), m.instance...)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(p), marksBase)
		b = append(b, ':')
		b = strconv.AppendInt(b, all[p], marksBase)
	}
	if len(b) > marksBytes {
		return "", fmt.Errorf("commit rows: the places of %d input partitions take %d bytes, and Kafka keeps %d with a transaction; read a topic with fewer partitions", len(all), len(b), marksBytes)
	}
	return string(b), nil
}

// commit adds the marks to the open transaction, whose rows end at ends.
func (m *marks) commit(ctx context.Context, kc *kgo.Client, ends map[place]int64) error {
	text, err := m.text()
	if err != nil {
		return err
	}
	offsets, err := m.offsets(ctx, ends, text)
	if err != nil {
		return err
	}
	add := m.joining(m.by)
	err = m.c.request(ctx, func(ctx context.Context) error { // m.by may be another one by now
		if err := m.join(ctx, kc, add); err != nil {
			return err
		}
		resp, err := offsets.RequestWith(ctx, kc)
		if err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return m.c.topicError(t.Topic, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.check(ctx, kc)
}

// joining is the request that adds the group to a producer's transaction.
func (m *marks) joining(by producer) *kmsg.AddOffsetsToTxnRequest {
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = m.id, by.id, by.epoch, m.group
	return add
}

// join adds the group to a transaction.
func (m *marks) join(ctx context.Context, kc *kgo.Client, add *kmsg.AddOffsetsToTxnRequest) error {
	added, err := add.RequestWith(ctx, kc)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	return m.fault(err)
}

// fault explains what is denied of the transactional id and the group.
func (m *marks) fault(err error) error {
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return m.c.denied(err, Grant{"Write", "transactional-id", m.id})
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return m.c.denied(err, Grant{"Read", "group", m.group})
	}
	return err
}

// offsets is the request that commits the marks as metadata of where rows end.
func (m *marks) offsets(ctx context.Context, ends map[place]int64, text string) (*kmsg.TxnOffsetCommitRequest, error) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = m.id, m.group, m.by.id, m.by.epoch, -1
	for at, end := range ends {
		topicID, err := m.topicID(ctx, at.topic)
		if err != nil {
			return nil, err
		}
		part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset, part.Metadata = at.partition, end, kmsg.StringPtr(text)
		i := slices.IndexFunc(req.Topics, func(t kmsg.TxnOffsetCommitRequestTopic) bool { return t.Topic == at.topic })
		if i < 0 {
			topic := kmsg.NewTxnOffsetCommitRequestTopic()
			topic.Topic, topic.TopicID = at.topic, topicID
			req.Topics, i = append(req.Topics, topic), len(req.Topics)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, part)
	}
	return req, nil
}

func (m *marks) topicID(ctx context.Context, topic string) (kadm.TopicID, error) {
	if id, ok := m.topicIDs[topic]; ok {
		return id, nil
	}
	d, err := m.c.detail(ctx, topic)
	if err == nil {
		m.topicIDs[topic] = d.ID
	}
	return d.ID, err
}

// done takes the transaction for committed.
func (m *marks) done() {
	for p, next := range m.underway {
		m.durable[p] = max(m.durable[p], next)
	}
	clear(m.underway)
}
