package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Limits of what is published and not acknowledged yet, for a partition.
const (
	maxInflight = 16
	ackWait     = 10 * time.Second
	maxResends  = 100 // of a batch that other clients get ahead of
)

const (
	headerBatch  = "Nagare-Batch" // marks a message that holds a batch; its value is the format
	batchFormat  = "1"
	headerKey    = "Nagare-Key" // of a record of another client
	noIdentity   = -1
	headerExpect = server.JSExpectedLastSeq
)

// A pending batch is published and not settled yet.
type pending struct {
	partition *partition
	writer    *streamWriter
	subject   string
	frame     []byte
	seq       uint64 // in the stream, if it is stored where it is meant to
	base      int64  // offset of its first record
	count     int
	chain     uint32
	before    uint32        // chain of the batch before it
	message   *nats.Msg     // that the journal has to publish
	durable   chan struct{} // closed once it has; nil: it was published at once
	early     bool          // before it is durable
	id        string
	replies   chan reply // of the last publish; room for it
	result    *reply     // taken from replies
	sent      time.Time
	async     bool  // nobody waits for it: a fault is kept for the writer
	err       error // why it is not in the log; set once it is settled
}

// end is the end of the log behind m.
func (m *pending) end() PartitionState {
	return PartitionState{m.seq, m.base + int64(m.count), m.chain}
}

func (m *pending) fail(err error) {
	m.err = err
	if m.async {
		m.writer.fault(err)
	}
}

// An appendJob is one append.
type appendJob struct {
	writer  *streamWriter
	records *record.Records
	seq     int64  // the producer's number of the first record; noIdentity: none
	mark    uint64 // of the last batch
	async   bool
	sent    []*pending
}

// append publishes the records of j that the log does not have yet, as one or more batches. The
// partition is locked. The batches are settled later.
func (p *partition) append(ctx context.Context, j *appendJob) error {
	n := j.records.Values.Len()
	for from := 0; from < n; {
		if err := p.makeRoom(ctx, j); err != nil {
			return err
		}
		l, err := p.ready(ctx)
		if err != nil {
			return err
		}
		stand, err := p.producer(ctx, l, j.writer.producer)
		if err != nil {
			return err
		}
		if j.seq >= 0 && j.seq+int64(from) < stand.next {
			from = int(min(stand.next-j.seq, int64(n)))
			continue
		}
		if err := p.refusal(); err != nil {
			return err
		}
		to, size := cut(j.records, from, n)
		if err := p.b.disk.take(p.topic, size); err != nil {
			return err
		}
		if err := p.publish(l, j, from, to, stand); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// makeRoom waits until one more batch may be in flight. A batch of j that failed ends j.
func (p *partition) makeRoom(ctx context.Context, j *appendJob) error {
	for len(p.inflight) >= p.window() {
		if err := p.settle(ctx); err != nil {
			return err
		}
	}
	return j.failed()
}

// failed returns the error of the first batch that failed.
func (j *appendJob) failed() error {
	for _, m := range j.sent {
		if m.err != nil {
			return m.err
		}
	}
	return nil
}

// window is how many batches may be in flight. When others write too, a batch that failed could be
// followed by one that did not.
func (p *partition) window() int {
	if p.b.cfg.Shared {
		return 1
	}
	return maxInflight
}

// cut returns how far a batch from record from on goes, and the bytes of its keys and values.
func cut(r *record.Records, from, n int) (to, size int) {
	for to = from; to < n && to-from < MaxBatchRecords; to++ {
		next := size + recordBytes(r, to)
		if to > from && next > MaxBatchBytes {
			break
		}
		size = next
	}
	return to, size
}

func recordBytes(r *record.Records, i int) int {
	return stringBytes(&r.Keys, i) + stringBytes(&r.Values, i) + len(r.HeadersAt(i))
}

func stringBytes(b *record.Bytes, i int) int {
	start := uint32(0)
	if i > 0 {
		start = b.Ends[i-1]
	}
	return int(b.Ends[i] - start)
}

// publish sends records [from, to) of j and moves its producer on.
func (p *partition) publish(l *link, j *appendJob, from, to int, stand *producer) error {
	var frame []byte
	if n := len(p.spare); n > 0 {
		frame, p.spare = p.spare[n-1][:0], p.spare[:n-1]
	}
	after := producer{stand.next, stand.mark}
	seq := int64(noIdentity)
	if j.seq >= 0 {
		seq = j.seq + int64(from)
		after.next = seq + int64(to-from)
	}
	if to == j.records.Values.Len() {
		after.mark = j.mark // it says that the whole append is in the log
	}
	e := encoders.Get().(*encoder)
	frame = e.encode(frame, j.records, from, to, seq, after.mark)
	encoders.Put(e)
	if p.slack.Note(len(frame), cap(frame)) {
		frame, p.spare = slices.Clone(frame), nil
	}
	m := &pending{
		partition: p, writer: j.writer, subject: producerSubject(p.subject, j.writer.producer),
		frame: frame,
		count: to - from, async: j.async, replies: make(chan reply, 1),
	}
	if err := p.send(l, m); err != nil {
		return err
	}
	p.inflight = append(p.inflight, m)
	j.sent = append(j.sent, m)
	*stand = after
	return nil
}

// send gives m the place behind the tail and publishes it.
func (p *partition) send(l *link, m *pending) error {
	m.before = p.tail.chain
	m.chain = stamp(m.frame, p.tail.next, m.before)
	m.seq, m.base = p.tail.seq+1, p.tail.next
	msg := newMessage(m.subject, m.frame, strconv.FormatUint(p.tail.seq, 10))
	m.result, m.sent = nil, time.Now()
	m.message, m.durable = nil, nil
	if m.early = l.journal != nil && m.writer.early && l.journal.addEarly(m); l.journal != nil && !m.early {
		m.message, m.durable = msg, make(chan struct{})
		l.journal.add(m)
	} else if err := l.publish(m, msg); err != nil {
		return err
	}
	p.tail = tail{m.seq, m.base + int64(m.count), m.chain}
	return nil
}

// settleAll waits for everything in flight.
func (p *partition) settleAll(ctx context.Context) error {
	for len(p.inflight) > 0 {
		if err := p.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle waits for the first batch in flight. An error is that of ctx, or of finding out what became
// of the batch: then it is still in flight. What the log refused is told to its writer.
func (p *partition) settle(ctx context.Context) error {
	head := p.inflight[0]
	if err := p.await(ctx, head); err != nil {
		return err
	}
	if head.result.code == 0 && head.result.seq == head.seq {
		p.settled(head)
		return nil
	}
	return p.recover(ctx)
}

// settled takes the first batch in flight out: it is in the log.
func (p *partition) settled(m *pending) {
	p.inflight = append(p.inflight[:0], p.inflight[1:]...)
	p.acknowledged(m.end(), !m.early)
	p.b.grew(len(m.frame))
	if len(p.spare) < maxInflight {
		p.spare = append(p.spare, m.frame)
	}
	m.frame = nil
}

// Codes of results that are no replies.
const (
	codeNoReply = -2
	codeDown    = -3
)

// await makes m.result known, within Broker.ackWait of its publish.
func (p *partition) await(ctx context.Context, m *pending) error {
	if m.result != nil {
		return nil
	}
	select { // mostly it is there
	case r := <-m.replies:
		m.result = &r
		return nil
	default:
	}
	if m.durable != nil {
		select {
		case <-m.durable:
		case <-p.link.unwritable.made:
			m.result = &reply{code: codeDown}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	timer := time.NewTimer(p.b.ackWait - time.Since(m.sent))
	defer timer.Stop()
	select {
	case r := <-m.replies:
		m.result = &r
	case <-p.link.unwritable.made:
		m.result = &reply{code: codeDown}
	case <-timer.C:
		m.result = &reply{code: codeNoReply}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// recover finds out what became of the batches in flight after one of them was not acknowledged as
// it should: what is in the log is settled, what other clients got ahead of is sent again, and the
// rest fails. A batch sent twice is stored once: both copies expect the same last message.
func (p *partition) recover(ctx context.Context) error {
	for _, m := range p.inflight {
		if err := p.await(ctx, m); err != nil {
			return err
		}
	}
	verdict := p.inflight[0].result
	if err := p.link.unwritable.err(); err != nil {
		p.fail(p.down(err))
		return nil
	}
	end, err := p.readTail(ctx, p.link)
	if err != nil {
		return fmt.Errorf("find out what became of an append: %w", err)
	}
	for len(p.inflight) > 0 {
		in, err := p.inLog(ctx, p.inflight[0], end.seq)
		if err != nil {
			return fmt.Errorf("find out what became of an append: %w", err)
		}
		if !in {
			break
		}
		p.settled(p.inflight[0])
	}
	p.tail, p.tailKnown = end, true
	if len(p.inflight) == 0 {
		return nil
	}
	if verdict.code != codeWrongLastSeq && verdict.code != codeNoReply && verdict.code != 0 {
		if err := p.withdraw(ctx); err != nil {
			return err
		}
		p.fail(p.refused(verdict))
		return nil
	}
	return p.resend(ctx)
}

// inLog reports whether m is in the stream, at its place or at the one that a reply named.
func (p *partition) inLog(ctx context.Context, m *pending, last uint64) (bool, error) {
	if m.seq > last {
		return false, nil
	}
	got, err := p.link.get(ctx, p.stream, fmt.Sprintf(`{"seq":%d}`, m.seq))
	if errors.Is(err, errNoMessage) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return got.subject == m.subject && bytes.Equal(got.data, m.frame), nil
}

// withdraw has the journal forget what is in flight: the log has refused it, and a start must not give it to it.
func (p *partition) withdraw(ctx context.Context) error {
	if p.link.journal == nil {
		return nil
	}
	m := &pending{partition: p, seq: p.inflight[0].seq, durable: make(chan struct{})}
	p.link.journal.add(m)
	select {
	case <-m.durable:
		return nil
	case <-p.link.unwritable.made:
		return p.down(p.link.unwritable.err())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refused is the error for a reply that says that a batch was not stored.
func (p *partition) refused(r *reply) error {
	switch r.code {
	case codeStoreFailed:
		return &FullError{p.topic, fmt.Sprintf("partition %d has reached its limit of bytes (%s); raise it, or shorten the retention", p.number, r.text)}
	case codeNoResources, codeAccountLimit:
		return &FullError{p.topic, fmt.Sprintf("the topics have reached the broker's limit of bytes (%s)", r.text)}
	case codeNoStream:
		return &TopicError{p.topic, fmt.Sprintf("partition %d is gone: %s", p.number, r.text)}
	}
	return fmt.Errorf("append to topic %s partition %d: the broker refused it: %s (%d)", p.topic, p.number, r.text, r.code)
}

// resend publishes the batches in flight again, one by one, at the end that the log has now.
func (p *partition) resend(ctx context.Context) error {
	waiting := p.inflight
	p.inflight = nil
	defer func() { p.inflight = append(waiting, p.inflight...) }()
	for tries := 0; len(waiting) > 0; tries++ {
		m := waiting[0]
		if tries > maxResends {
			p.inflight, waiting = waiting, nil
			p.fail(fmt.Errorf("append to topic %s partition %d: other clients were faster %d times", p.topic, p.number, tries))
			return nil
		}
		if err := p.send(p.link, m); err != nil {
			return err
		}
		if err := p.await(ctx, m); err != nil {
			return err
		}
		if m.result.code == 0 && m.result.seq == m.seq {
			p.acknowledged(m.end(), !m.early)
			m.frame, waiting, tries = nil, waiting[1:], 0
			continue
		}
		if m.result.code == codeDown || m.result.code > 0 && m.result.code != codeWrongLastSeq {
			verdict := m.result
			p.inflight, waiting = waiting, nil
			if verdict.code == codeDown {
				p.fail(p.down(p.link.unwritable.err()))
			} else if err := p.withdraw(ctx); err != nil {
				return err
			} else {
				p.fail(p.refused(verdict))
			}
			return nil
		}
		end, err := p.readTail(ctx, p.link)
		if err != nil {
			return err
		}
		in, err := p.inLog(ctx, m, end.seq)
		if err != nil {
			return err
		}
		if in {
			p.acknowledged(m.end(), !m.early)
			m.frame, waiting = nil, waiting[1:]
		}
		p.tail = end
	}
	return nil
}
