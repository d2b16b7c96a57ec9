package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata of a partition's stream that outlives what retention removes.
const (
	metaFirst    = "nagare-first"     // "seq offset": a message and the offset of its first record
	metaProducer = "nagare-producer-" // + token: "next mark" of a producer
)

// isBatch reports that a message holds a batch.
func (m *message) isBatch() bool { return m.header.Get(headerBatch) == batchFormat }

// head returns the head of the batch in m.
func (p *partition) head(m *message) (batchHead, error) {
	h, err := parseHead(m.data)
	if err != nil {
		return h, p.damage(m.seq, err.Error())
	}
	return h, nil
}

func (p *partition) damage(seq uint64, reason string) error {
	return &DamageError{Topic: p.topic, Partition: p.number, Seq: seq, Reason: reason}
}

// streamInfo asks the server for the state of the stream.
func (p *partition) streamInfo(ctx context.Context, l *link) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	s, err := l.js.Stream(ctx, p.stream)
	if err != nil {
		if down := l.down.err(); down != nil {
			return nil, down
		}
		return nil, fmt.Errorf("read topic %s partition %d: %w", p.topic, p.number, err)
	}
	return s.CachedInfo(), nil
}

// subjectInfo is streamInfo with the number of messages that a subject has, if it has any.
func (p *partition) subjectInfo(ctx context.Context, l *link, subject string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	s, err := l.js.Stream(ctx, p.stream)
	var info *jetstream.StreamInfo
	if err == nil {
		info, err = s.Info(ctx, jetstream.WithSubjectFilter(subject))
	}
	if err != nil {
		if down := l.down.err(); down != nil {
			return nil, down
		}
		return nil, fmt.Errorf("read topic %s partition %d: %w", p.topic, p.number, err)
	}
	return info, nil
}

// last returns the last message whose subject matches, errNoMessage if there is none.
func (p *partition) last(ctx context.Context, l *link, subject string) (*message, error) {
	m, err := l.get(ctx, p.stream, fmt.Sprintf(`{"last_by_subj":%q}`, subject))
	if err != nil && !errors.Is(err, errNoMessage) {
		return nil, fmt.Errorf("read topic %s partition %d: %w", p.topic, p.number, err)
	}
	return m, err
}

// readTail finds the end of the log.
func (p *partition) readTail(ctx context.Context, l *link) (tail, error) {
	for misses, last := 0, uint64(0); ; {
		m, err := p.last(ctx, l, ">")
		if err == nil {
			return p.tailAt(ctx, l, m)
		}
		if !errors.Is(err, errNoMessage) {
			return tail{}, err
		}
		info, err := p.streamInfo(ctx, l)
		if err != nil {
			return tail{}, err
		}
		if info.State.LastSeq == 0 {
			return tail{}, nil
		}
		if info.State.Msgs == 0 {
			return tail{}, p.damage(info.State.LastSeq, "all its messages are gone; retention keeps at least the last")
		}
		if info.State.LastSeq != last { // one may have come between the two questions
			misses, last = 0, info.State.LastSeq
		}
		if misses++; misses == maxMisses {
			return tail{}, p.damage(last, "its last message cannot be read")
		}
	}
}

// tailAt is the end of a log whose last message is m.
func (p *partition) tailAt(ctx context.Context, l *link, m *message) (tail, error) {
	p.stored(m.seq)
	if m.isBatch() {
		h, err := p.head(m)
		return tail{m.seq, h.next(), h.chain}, err
	}
	offset, err := p.offsetAt(ctx, l, m)
	if err != nil {
		return tail{}, err
	}
	t := tail{seq: m.seq, next: offset + 1}
	if b, err := p.lastBatch(ctx, l); err == nil {
		t.chain = b.chain
	} else if !errors.Is(err, errNoMessage) {
		return tail{}, err
	}
	return t, nil
}

// located is a batch head and where it lies.
type located struct {
	batchHead
	at uint64
}

// lastBatch returns the last batch of the log, errNoMessage if there is none.
func (p *partition) lastBatch(ctx context.Context, l *link) (located, error) {
	m, err := p.last(ctx, l, batchSubjects(p.subject))
	for err == nil && !m.isBatch() { // another client used our subjects
		if m.seq <= 1 {
			return located{}, errNoMessage
		}
		m, err = l.get(ctx, p.stream, fmt.Sprintf(`{"seq":%d}`, m.seq-1))
	}
	if err != nil {
		return located{}, err
	}
	h, err := p.head(m)
	return located{h, m.seq}, err
}

// offsetAt returns the offset of the first record of m. A message of another client does not say it,
// but it is one record, so the distance to the batch behind it, or before it, does.
func (p *partition) offsetAt(ctx context.Context, l *link, m *message) (int64, error) {
	seq, batches := m.seq, batchSubjects(p.subject)
	for {
		if m.isBatch() {
			h, err := p.head(m)
			return h.base - int64(m.seq-seq), err
		}
		next, err := l.get(ctx, p.stream, fmt.Sprintf(`{"seq":%d,"next_by_subj":%q}`, m.seq+1, batches))
		if errors.Is(err, errNoMessage) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read topic %s partition %d: %w", p.topic, p.number, err)
		}
		m = next
	}
	b, err := p.lastBatch(ctx, l)
	if err == nil && b.at > seq { // it came meanwhile
		return b.base - int64(b.at-seq), nil
	}
	if err == nil {
		return b.next() + int64(seq-b.at) - 1, nil
	}
	if !errors.Is(err, errNoMessage) {
		return 0, err
	}
	info, err := p.streamInfo(ctx, l)
	if err != nil {
		return 0, err
	}
	at, offset, err := firstOf(info)
	return offset + int64(seq-at), err
}

// firstOf returns a message and the offset of its first record that hold without looking at messages.
func firstOf(info *jetstream.StreamInfo) (seq uint64, offset int64, err error) {
	text := info.Config.Metadata[metaFirst]
	if text == "" {
		return 1, 0, nil
	}
	if _, err := fmt.Sscan(text, &seq, &offset); err != nil {
		return 0, 0, fmt.Errorf("read the first offset %q of %s: %w", text, placeOf(info.Config.Name), err)
	}
	return seq, offset, nil
}

// producer returns where a producer stands. The partition is locked and ready.
func (p *partition) producer(ctx context.Context, l *link, name string) (*producer, error) {
	if at := p.producers[name]; at != nil {
		return at, nil
	}
	at := &producer{}
	m, err := p.last(ctx, l, producerSubject(p.subject, name))
	switch {
	case errors.Is(err, errNoMessage):
		info, err := p.subjectInfo(ctx, l, producerSubject(p.subject, name))
		if err != nil {
			return nil, err
		}
		if len(info.State.Subjects) > 0 { // taken for none, its rows would come once more
			return nil, p.damage(0, fmt.Sprintf("the last message of producer %s cannot be read", name))
		}
		if text := info.Config.Metadata[metaProducer+token(name)]; text != "" {
			if _, err := fmt.Sscan(text, &at.next, &at.mark); err != nil {
				return nil, p.damage(0, fmt.Sprintf("where producer %s stands is %q", name, text))
			}
		}
	case err != nil:
		return nil, err
	default:
		h, err := p.head(m)
		if err != nil {
			return nil, err
		}
		*at = h.stand()
	}
	p.producers[name] = at
	return at, nil
}

// stand is where the producer of a batch stands after it.
func (h *batchHead) stand() producer {
	if h.seq < 0 {
		return producer{0, h.mark}
	}
	return producer{h.seq + int64(h.count), h.mark}
}

// start is where a reader begins.
type start struct {
	seq    uint64 // the message
	offset int64  // of its first record
	skip   int64  // records below are left out
}

// locate finds the message that holds the record of a position. Position.Log only makes it quick.
func (p *partition) locate(ctx context.Context, l *link, from record.Position) (start, error) {
	info, err := p.streamInfo(ctx, l)
	if err != nil {
		return start{}, err
	}
	end, err := p.readTail(ctx, l)
	if err != nil {
		return start{}, err
	}
	if from.Offset > end.next || from.Log > end.seq+1 {
		return start{}, p.damage(end.seq, fmt.Sprintf("it ends before offset %d, and offset %d was read from message %d before", end.next, from.Offset, from.Log))
	}
	if end.seq == 0 || from.Offset == end.next && from.Offset > 0 {
		return start{end.seq + 1, end.next, end.next}, nil
	}
	// A stream that was empty when it was asked, and is not any more, told no first message.
	lo, err := p.begin(ctx, l, max(info.State.FirstSeq, 1))
	if err != nil {
		return start{}, err
	}
	if from == (record.Position{}) {
		lo.skip = lo.offset
		return lo, nil
	}
	if from.Offset < lo.offset {
		return start{}, &ExpiredError{p.topic, p.number, from.Offset, lo.offset}
	}
	hi := end.seq + 1                                          // the record lies in [lo.seq, hi)
	for guess := from.Log; from.Offset >= lo.skip; guess = 0 { // skip is the offset behind the message
		if guess <= lo.seq || guess >= hi {
			guess = lo.seq + (hi-lo.seq)/2
		}
		if guess == lo.seq {
			return start{}, p.damage(lo.seq, fmt.Sprintf("no message holds offset %d", from.Offset))
		}
		at, err := p.startAt(ctx, l, guess)
		if lost := (*DamageError)(nil); errors.As(err, &lost) && p.removedUpTo(ctx, l, guess) {
			return p.locate(ctx, l, from)
		}
		if err != nil {
			return start{}, err
		}
		if at.offset > from.Offset {
			hi = guess
		} else {
			lo = at
		}
	}
	lo.skip = from.Offset
	return lo, nil
}

// begin returns where the partition begins, given the first message that the stream had when it was asked. Retention may
// have removed that one since: then it is the first that there is now.
func (p *partition) begin(ctx context.Context, l *link, first uint64) (start, error) {
	for {
		at, err := p.startAt(ctx, l, first)
		if lost := (*DamageError)(nil); !errors.As(err, &lost) {
			return at, err
		}
		info, infoErr := p.streamInfo(ctx, l)
		if infoErr != nil {
			return start{}, infoErr
		}
		if info.State.FirstSeq <= first {
			return start{}, err
		}
		first = info.State.FirstSeq
	}
}

// removedUpTo reports that a message lies before the first that the stream has now.
func (p *partition) removedUpTo(ctx context.Context, l *link, seq uint64) bool {
	info, err := p.streamInfo(ctx, l)
	return err == nil && seq < info.State.FirstSeq
}

// startAt returns where message seq begins; skip is the offset behind it.
func (p *partition) startAt(ctx context.Context, l *link, seq uint64) (start, error) {
	m, err := l.get(ctx, p.stream, fmt.Sprintf(`{"seq":%d}`, seq))
	if errors.Is(err, errNoMessage) {
		return start{}, p.damage(seq, "the message is gone")
	}
	if err != nil {
		return start{}, err
	}
	if m.isBatch() {
		h, err := p.head(m)
		return start{seq, h.base, h.next()}, err
	}
	offset, err := p.offsetAt(ctx, l, m)
	return start{seq, offset, offset + 1}, err
}

// info describes the partition.
func (p *partition) info(ctx context.Context) (PartitionInfo, error) {
	l, err := p.b.current()
	if err != nil {
		return PartitionInfo{}, err
	}
	s, err := p.streamInfo(ctx, l)
	if err != nil {
		return PartitionInfo{}, err
	}
	info := PartitionInfo{Messages: s.State.Msgs, Bytes: s.State.Bytes}
	if s.State.LastSeq == 0 {
		return info, nil
	}
	end, err := p.readTail(ctx, l)
	if err != nil {
		return PartitionInfo{}, err
	}
	info.Next = end.next
	first, err := p.begin(ctx, l, s.State.FirstSeq)
	if err != nil {
		return PartitionInfo{}, err
	}
	info.First = first.offset
	if s.State.Msgs > 0 {
		info.LastAppend = s.State.LastTime.Round(0)
	}
	return info, nil
}
