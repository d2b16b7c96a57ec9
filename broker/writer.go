package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Writer appends the records of one producer to a topic. It may be used by several goroutines. Two
// Writers of one producer that give numbers must not be in use at the same time.
//
// A producer that numbers its rows, for each partition from 0 without gaps, may send them again after
// a crash or an error: what is in the log already is cut away. It does so always or never.
type Writer interface {
	// Partitions returns how many partitions the topic has now.
	Partitions() int

	// Append appends keys, values and times (append times, microseconds) of r and returns the offset of
	// the first record that it wrote, -1 if all of them were in the log already. The records are durable
	// when it returns nil. Keys may be missing (all NULL), and times (the present). seq is the producer's
	// number of the first record, -1 for none. Offsets and Partition of r are not looked at.
	//
	// Errors: *SizeError, nothing was written; *FullError and *DownError, the end may be missing: send it
	// again with its number; *TopicError.
	Append(ctx context.Context, number int32, r *record.Records, seq int64) (int64, error)

	// AppendMarked is Append with a mark that LastMark returns once all records are in the log. After a
	// crash amid an append that is split (see MaxBatchBytes) Last may tell of records that the mark does
	// not yet tell of.
	AppendMarked(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) (int64, error)

	// AppendAsync is AppendMarked that does not wait: the records are durable once Flush has returned nil.
	// Up to 16 batches of a partition are on their way; then it waits for the first. An error may be that
	// of an earlier append of this writer.
	AppendAsync(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) error

	// Flush waits until everything appended is durable. After an error of an append that did not wait,
	// Last says from where on to send again.
	Flush(ctx context.Context) error

	// Last returns the producer's number of the first row that is not in the log, appends on their way
	// included; 0 for a producer that has written nothing.
	Last(ctx context.Context, number int32) (int64, error)

	// LastMark returns the mark of the producer's last batch, 0 for none.
	LastMark(ctx context.Context, number int32) (uint64, error)
}

// A streamWriter appends to the streams of the embedded server.
type streamWriter struct {
	b        *Broker
	topic    string
	producer string
	limit    int  // bytes of key and value of a record
	early    bool // what it appends is published before it is durable

	mu  sync.Mutex
	err error // of an append that is settled, until somebody is told
}

// Writer returns a writer for a producer, which is a name that lasts: "generator", "outbox/sales".
func (b *Broker) Writer(topic, producer string) (Writer, error) {
	return b.writer(topic, producer, MaxRecordBytes, false)
}

// RowWriter returns a writer for rows that a pipeline made of records: it accepts MaxRowBytes. Where Config.Remade names
// the topic, records are durable behind Broker.Sync, and can be read before.
func (b *Broker) RowWriter(topic, producer string) (Writer, error) {
	return b.writer(topic, producer, MaxRowBytes, b.cfg.Remade != nil && b.cfg.Remade(topic))
}

func (b *Broker) writer(topic, producer string, limit int, early bool) (Writer, error) {
	if producer == "" {
		return nil, fmt.Errorf("write to topic %s: the producer needs a name", topic)
	}
	return b.keeper.writer(topic, producer, limit, early)
}

func (b served) writer(topic, producer string, limit int, early bool) (Writer, error) {
	if _, err := b.topic(topic); err != nil {
		return nil, err
	}
	return &streamWriter{b: b.Broker, topic: topic, producer: producer, limit: limit, early: early}, nil
}

// Sync makes durable what RowWriters have appended. Where the server is being restarted it waits for that, for as long as
// an append does.
func (b *Broker) Sync(ctx context.Context) error {
	return b.keeper.sync(ctx)
}

func (b served) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.ackWait)
	defer cancel()
	for {
		l, err := b.current()
		if err != nil || l.journal == nil {
			return err
		}
		err = l.journal.flush()
		var down *DownError
		if !errors.As(err, &down) || down.Disk || b.relinked(ctx, l) != nil {
			return err
		}
	}
}

func (w *streamWriter) Partitions() int {
	t, err := w.b.topic(w.topic)
	if err != nil {
		return 0
	}
	w.b.mu.RLock()
	defer w.b.mu.RUnlock()
	return len(t.partitions)
}

func (w *streamWriter) Append(ctx context.Context, number int32, r *record.Records, seq int64) (int64, error) {
	return w.AppendMarked(ctx, number, r, seq, 0)
}

func (w *streamWriter) AppendMarked(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	var first int64 = -1
	err := w.with(ctx, number, func(p *partition) error {
		j := appendJob{writer: w, records: r, seq: seq, mark: mark}
		err := w.append(ctx, p, &j)
		if err == nil {
			err = p.settleAll(ctx)
		}
		if failed := j.failed(); failed != nil {
			return failed
		}
		if err == nil && len(j.sent) > 0 {
			first = j.sent[0].base
		}
		return err
	})
	return first, err
}

func (w *streamWriter) AppendAsync(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) error {
	return w.with(ctx, number, func(p *partition) error {
		if err := w.takeFault(); err != nil {
			return err
		}
		return w.append(ctx, p, &appendJob{writer: w, records: r, seq: seq, mark: mark, async: true})
	})
}

func (w *streamWriter) Flush(ctx context.Context) error {
	for n := range int32(w.Partitions()) {
		if err := w.with(ctx, n, func(p *partition) error { return p.settleAll(ctx) }); err != nil {
			return err
		}
	}
	if err := w.takeFault(); err != nil {
		return fmt.Errorf("flush topic %s: %w", w.topic, err)
	}
	return nil
}

func (w *streamWriter) Last(ctx context.Context, number int32) (int64, error) {
	at, err := w.stand(ctx, number)
	return at.next, err
}

func (w *streamWriter) LastMark(ctx context.Context, number int32) (uint64, error) {
	at, err := w.stand(ctx, number)
	return at.mark, err
}

func (w *streamWriter) stand(ctx context.Context, number int32) (at producer, err error) {
	err = w.with(ctx, number, func(p *partition) error {
		if err := p.settleAll(ctx); err != nil {
			return err
		}
		l, err := p.ready(ctx)
		if err != nil {
			return err
		}
		known, err := p.producer(ctx, l, w.producer)
		if err == nil {
			at = *known
		}
		return err
	})
	return at, err
}

// with runs do with the partition locked.
func (w *streamWriter) with(ctx context.Context, number int32, do func(p *partition) error) error {
	p, err := w.b.partition(w.topic, number)
	if err != nil {
		return err
	}
	if err := p.lock(ctx); err != nil {
		return err
	}
	defer p.unlock()
	return do(p)
}

// append checks the records and publishes them.
func (w *streamWriter) append(ctx context.Context, p *partition, j *appendJob) error {
	n, err := checkRecords(w.topic, w.limit, j.records)
	if err != nil || n == 0 {
		return err
	}
	if j.records.Keys.Len() == 0 || len(j.records.Times) == 0 {
		j.records = complete(&p.scratch, j.records, n)
	}
	return p.append(ctx, j)
}

// complete returns r with keys and times, in the memory of s where r has none.
func complete(s, r *record.Records, n int) *record.Records {
	s.Keys.Reset()
	keys, times := s.Keys, s.Times[:0]
	*s = *r
	if r.Keys.Len() == 0 {
		for range n {
			keys.AppendNull()
		}
		s.Keys = keys
	}
	if len(r.Times) == 0 {
		now := time.Now().UnixMicro()
		for range n {
			times = append(times, now)
		}
		s.Times = times
	}
	return s
}

// checkRecords returns the number of records to append and a *SizeError for one that is too large.
func checkRecords(topic string, limit int, r *record.Records) (int, error) {
	n := r.Values.Len()
	if r.Keys.Len() != n && r.Keys.Len() != 0 || len(r.Times) != n && len(r.Times) != 0 {
		return 0, fmt.Errorf("append to topic %s: %d values come with %d keys and %d times", topic, n, r.Keys.Len(), len(r.Times))
	}
	for i := range n {
		size := stringBytes(&r.Values, i)
		if r.Keys.Len() > 0 {
			size += stringBytes(&r.Keys, i)
		}
		size += len(r.HeadersAt(i))
		if size > limit {
			return 0, &SizeError{topic, i, size, limit}
		}
	}
	return n, nil
}

// fault remembers an error until somebody is told.
func (w *streamWriter) fault(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *streamWriter) takeFault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	w.err = nil
	return err
}
