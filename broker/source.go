package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How much one Read returns, unless a single batch is larger.
const (
	readRecords = 4096
	readBytes   = 4 << 20
)

// Source returns a topic as a source; readers wait at its end.
func (b *Broker) Source(topic string) record.Source {
	return b.keeper.source(topic, false)
}

// SourceUntilEnd returns a topic as a source whose readers end with io.EOF at the end that the
// partition had when they were opened.
func (b *Broker) SourceUntilEnd(topic string) record.Source {
	return b.keeper.source(topic, true)
}

func (b served) source(topic string, bounded bool) record.Source {
	return &source{b: b.Broker, topic: topic, bounded: bounded}
}

type source struct {
	b       *Broker
	topic   string
	bounded bool
}

// Partitions returns how many partitions the topic has now.
func (s *source) Partitions(context.Context) (int, error) {
	t, err := s.b.topic(s.topic)
	if err != nil {
		return 0, err
	}
	s.b.mu.RLock()
	defer s.b.mu.RUnlock()
	return len(t.partitions), nil
}

// End returns the position behind the last record that is in the log.
func (s *source) End(ctx context.Context, number int32) (record.Position, error) {
	p, err := s.b.partition(s.topic, number)
	if err != nil {
		return record.Position{}, err
	}
	l, err := s.b.current()
	if err != nil {
		return record.Position{}, err
	}
	if k := p.told.Load(); k != nil && k.l == l && k.end.seq == p.lastSeen.Load() && !s.b.cfg.Shared {
		return k.end.position(), nil // nothing has come since
	}
	t, err := p.readTail(ctx, l)
	if err != nil {
		return record.Position{}, err
	}
	p.told.Store(&told{l, t})
	return t.position(), nil
}

// A told is the end of a partition as the server told it through a link.
type told struct {
	l   *link
	end tail
}

func (t tail) position() record.Position {
	if t.seq == 0 {
		return record.Position{}
	}
	return record.Position{Offset: t.next, Log: t.seq + 1}
}

// Open starts a reader; *DamageError when the log is shorter than the position, *ExpiredError when
// retention has removed the record.
func (s *source) Open(ctx context.Context, number int32, from record.Position) (record.Reader, error) {
	p, err := s.b.partition(s.topic, number)
	if err != nil {
		return nil, err
	}
	l, err := s.b.current()
	if err != nil {
		return nil, err
	}
	at, err := p.locate(ctx, l, from)
	if err != nil {
		return nil, record.At(fmt.Sprintf("read topic %s partition %d", s.topic, number), err)
	}
	r := &reader{p: p, offset: at.offset, skip: at.skip, bounded: s.bounded}
	if s.bounded {
		if r.end, err = p.readTail(ctx, l); err != nil {
			return nil, err
		}
	}
	if r.fetch, err = newFetcher(p, l, at.seq); err != nil {
		return nil, err
	}
	return r, nil
}

// A reader reads one partition, message by message.
type reader struct {
	p       *partition
	fetch   *fetcher
	held    *nats.Msg // fetched, and too large for the last Read
	offset  int64     // of the first record of the next message
	skip    int64     // records below are left out
	bounded bool
	end     tail
	err     error // final
}

// Read returns what has arrived, at least one record; see record.Reader.
func (r *reader) Read(ctx context.Context, dst *record.Records) error {
	spoil(dst)
	dst.Reset()
	dst.Partition = r.p.number
	if r.err != nil {
		return r.err
	}
	for {
		m, err := r.message(ctx, dst.Len() == 0 && dst.Lost == 0)
		if err == nil && m != nil {
			var full bool
			if full, err = r.take(dst, m); err == nil && !full {
				continue
			}
		}
		if err != nil && !errors.Is(err, ctx.Err()) {
			r.err = err
		}
		if dst.Len() > 0 || dst.Lost > 0 { // the error comes with the next Read
			dst.Next = record.Position{Offset: r.offset, Log: r.seq()}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// seq is the sequence of the message that comes next.
func (r *reader) seq() uint64 {
	if r.held != nil {
		return r.fetch.next - 1
	}
	return r.fetch.next
}

// message returns the next message; without wait nil when there is none yet. io.EOF ends a bounded
// reader.
func (r *reader) message(ctx context.Context, wait bool) (*nats.Msg, error) {
	if m := r.held; m != nil {
		r.held = nil
		return m, nil
	}
	for {
		if r.bounded && r.fetch.next > r.end.seq {
			return nil, io.EOF
		}
		arrived := r.p.arrived.wait() // before looking, so that nothing slips through between
		m, err := r.fetch.message(ctx, wait)
		switch {
		case errors.Is(err, errDown):
			err = r.relink(ctx)
		case errors.Is(err, errAtEnd):
			if !wait {
				return nil, nil
			}
			err = r.sleep(ctx, arrived)
		case err == nil && (m != nil || !wait):
			return m, nil
		}
		var expired *ExpiredError
		if errors.As(err, &expired) {
			expired.Offset = r.offset
		}
		if err != nil {
			return nil, err
		}
	}
}

// sleep waits for something to arrive.
func (r *reader) sleep(ctx context.Context, arrived <-chan struct{}) error {
	if r.p.lastSeen.Load() >= r.fetch.next {
		return nil
	}
	var recheck <-chan time.Time // other clients' messages are told without a guarantee
	if r.p.b.cfg.Shared {
		timer := time.NewTimer(sharedRecheck)
		defer timer.Stop()
		recheck = timer.C
	}
	select {
	case <-arrived:
	case <-r.fetch.l.down.made:
	case <-recheck:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// relink goes on through the next link that is up, and makes sure that the log has not become shorter.
func (r *reader) relink(ctx context.Context) error {
	for old := r.fetch.l; ; {
		if err := r.p.b.relinked(ctx, old); err != nil {
			return err
		}
		l, err := r.p.b.current()
		if err != nil {
			return err
		}
		if err := r.resume(ctx, l); err == nil || l.down.err() == nil {
			return err
		}
		old = l
	}
}

func (r *reader) resume(ctx context.Context, l *link) error {
	if _, err := r.p.b.topic(r.p.topic); err != nil {
		return err
	}
	end, err := r.p.readTail(ctx, l)
	if err != nil {
		return err
	}
	if end.seq+1 < r.fetch.next {
		return r.p.damage(end.seq, fmt.Sprintf("it was restarted and ends before message %d, which was read", r.fetch.next))
	}
	next, err := newFetcher(r.p, l, r.fetch.next)
	if err != nil {
		return err
	}
	r.fetch.close()
	r.fetch = next
	return nil
}

// take appends the records of a message, unless dst is full; then the message is held.
func (r *reader) take(dst *record.Records, m *nats.Msg) (full bool, err error) {
	seq := r.fetch.next - 1
	if m.Header.Get(headerBatch) != batchFormat {
		return r.takeSingle(dst, m)
	}
	h, err := parseHead(m.Data)
	if err != nil {
		return false, r.p.damage(seq, err.Error())
	}
	if h.base != r.offset {
		return false, r.p.damage(seq, fmt.Sprintf("it begins at offset %d, and offset %d comes next", h.base, r.offset))
	}
	if h.flags&flagLost != 0 {
		dst.Lost += max(h.next()-max(h.base, r.skip), 0)
		r.offset = h.next()
		return false, nil
	}
	if dst.Len() > 0 && (dst.Len()+h.count > readRecords || len(dst.Values.Data)+h.raw > readBytes) {
		r.held = m
		return true, nil
	}
	if err := appendBatch(dst, &h, m.Data, r.skip); err != nil {
		return false, r.p.damage(seq, err.Error())
	}
	r.offset = h.next()
	return false, nil
}

// takeSingle appends the one record of a message of another client.
func (r *reader) takeSingle(dst *record.Records, m *nats.Msg) (full bool, err error) {
	if dst.Len() > 0 && (dst.Len() >= readRecords || len(dst.Values.Data)+len(m.Data) > readBytes) {
		r.held = m
		return true, nil
	}
	if r.offset >= r.skip {
		t, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
		if err != nil {
			return false, r.p.damage(r.fetch.next-1, "its time is no time")
		}
		dst.Offsets = append(dst.Offsets, r.offset)
		dst.Times = append(dst.Times, t.UnixMicro())
		if keys, ok := m.Header[headerKey]; ok && len(keys) > 0 {
			dst.Keys.Append([]byte(keys[0]))
		} else {
			dst.Keys.AppendNull()
		}
		dst.Values.Data = append(dst.Values.Data, m.Data...)
		dst.Values.Close()
	}
	r.offset++
	return false, nil
}

// Close ends the reader.
func (r *reader) Close() error {
	r.fetch.close()
	r.err = errors.New("read: the reader is closed")
	return nil
}
