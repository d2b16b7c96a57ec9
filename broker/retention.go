package broker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nats-io/nats.go/jetstream"
)

// DefaultRetainEvery is how often old records are looked for.
const DefaultRetainEvery = 10 * time.Second

// retainLoop forgets old records until the broker is closed.
//
// The server could do it by the age of a message, but would forget the last one too, and with it the
// offset of the next record and where the producers stand.
func (b *Broker) retainLoop() {
	ticker := time.NewTicker(b.cfg.RetainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case now := <-ticker.C:
			ctx, cancel := context.WithTimeout(context.Background(), DefaultRetainEvery)
			if err := b.lookForOld(ctx, now); err != nil {
				b.cfg.Logger.Warn("remove old records", "error", err)
			}
			cancel()
		}
	}
}

// retain removes the batches that are older than their topic's retention, but never the last one.
func (b *Broker) retain(ctx context.Context, now time.Time) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	return b.removeOld(ctx, now)
}

// lookForOld is retain where nothing else changes topics: whoever closes the broker does so and waits for the loop.
func (b *Broker) lookForOld(ctx context.Context, now time.Time) error {
	if !b.admin.TryLock() {
		return nil // the next look comes
	}
	defer b.admin.Unlock()
	return b.removeOld(ctx, now)
}

// removeOld does what retain says. The lock admin is held.
func (b *Broker) removeOld(ctx context.Context, now time.Time) error {
	l, err := b.current()
	if err != nil || l.unwritable.err() != nil {
		return nil // nothing to do while it is down
	}
	for _, p := range b.partitions() {
		t, err := b.topic(p.topic)
		if err != nil {
			continue
		}
		oldest, most := time.Time{}, b.limitOf(t)
		if t.cfg.Retention > 0 {
			oldest = now.Add(-t.cfg.Retention)
		}
		if oldest.IsZero() && most == 0 {
			continue
		}
		if err := p.retain(ctx, l, oldest, most); err != nil {
			return fmt.Errorf("remove old records of topic %s partition %d: %w", p.topic, p.number, err)
		}
	}
	return nil
}

// A nothingOld is what a look for old batches found where there was none: that holds while nothing comes, and as long as the
// first batch is not old, so that a stream at rest is not asked again.
type nothingOld struct {
	is    bool
	seen  uint64 // the partition's lastSeen at that time
	msgs  uint64
	first time.Time // of the first of them
}

// holds reports that there is still nothing to remove.
func (k *nothingOld) holds(p *partition, oldest time.Time, most int64) bool {
	if !k.is || p.b.cfg.Shared {
		return false
	}
	if k.msgs <= 1 || most > 0 {
		return k.seen == p.lastSeen.Load() && (k.msgs <= 1 || !k.first.Before(oldest))
	}
	return !k.first.Before(oldest)
}

// retain removes the batches that are older than a time, unless it is zero, and the oldest ones of more than
// most bytes, unless that is 0.
func (p *partition) retain(ctx context.Context, l *link, oldest time.Time, most int64) error {
	if p.nothing.holds(p, oldest, most) {
		return nil
	}
	seen := p.lastSeen.Load()
	s, err := l.js.Stream(ctx, p.stream)
	if err != nil {
		return err
	}
	st := s.CachedInfo().State
	keep := st.FirstSeq
	if st.Msgs > 1 && st.FirstTime.Before(oldest) {
		keep = st.LastSeq
		m, err := l.get(ctx, p.stream, fmt.Sprintf(`{"start_time":%q}`, oldest.UTC().Format(time.RFC3339Nano)))
		if err == nil {
			keep = min(keep, m.seq)
		} else if !errors.Is(err, errNoMessage) {
			return err
		}
	}
	if st.Msgs > 1 && most > 0 && st.Bytes > uint64(most) { // messages are taken to be of one size; the next look takes the rest
		share := 1 - keptShare*float64(most)/float64(st.Bytes)
		keep = max(keep, min(st.FirstSeq+uint64(math.Ceil(share*float64(st.Msgs))), st.LastSeq))
	}
	if keep <= st.FirstSeq {
		p.overdue.Store(nil)
		p.nothing = nothingOld{true, seen, st.Msgs, st.FirstTime}
		return nil
	}
	p.nothing = nothingOld{}
	first, err := p.startAt(ctx, l, keep)
	if err == nil {
		first, err = p.keepUnread(ctx, l, st.FirstSeq, first)
	}
	if err != nil {
		return err
	}
	if keep = first.seq; keep <= st.FirstSeq {
		return nil
	}
	gone, err := p.producersBefore(ctx, l, s, keep)
	if err != nil {
		return err
	}
	err = p.b.editMetadata(ctx, l, p.stream, func(m map[string]string) {
		m[metaFirst] = fmt.Sprintf("%d %d", keep, first.offset)
		for token, at := range gone {
			m[metaProducer+token] = fmt.Sprintf("%d %d", at.next, at.mark)
		}
	})
	if err != nil {
		return err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return err
	}
	if l.journal != nil { // what stays of a block is written anew
		if err := p.b.syncStreams(map[string]bool{p.stream: true}); err != nil {
			return err
		}
	}
	p.removed.Store(first.offset)
	return nil
}

// keptShare is how much of a limit in bytes stays once it is exceeded, so that not each look removes some.
const keptShare = 0.9

// LimitBytes bounds what a topic keeps: the oldest records of more bytes than that are removed every few
// seconds. It is for as long as the broker is open.
func (b *Broker) LimitBytes(topic string, most int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limits[b.present(topic)] = most
}

// limitOf is the share of a partition of its topic's limit; 0: none.
func (b *Broker) limitOf(t *topic) int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	most := b.limits[t.cfg.Name]
	if most == 0 {
		return 0
	}
	return max(1, most/int64(len(t.partitions)))
}

// Removed is how many records of a topic retention has removed.
func (b *Broker) Removed(topic string) (n int64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if t := b.topics[b.present(topic)]; t != nil {
		for _, p := range t.partitions {
			n += p.removed.Load()
		}
	}
	return n
}

// SetRetention changes how long a topic keeps records; 0: for good.
func (b *Broker) SetRetention(ctx context.Context, name string, keep time.Duration) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	return b.keeper.retainFor(ctx, name, keep)
}

func (b served) retainFor(ctx context.Context, name string, keep time.Duration) error {
	t, err := b.topic(name)
	if err != nil || t.cfg.Retention == keep {
		return err
	}
	l, err := b.current()
	if err != nil {
		return err
	}
	err = b.editMetadata(ctx, l, streamName(t.cfg.Name, 0), func(m map[string]string) { m[metaRetention] = keep.String() })
	if err != nil {
		return fmt.Errorf("set the retention of topic %s: %w", name, err)
	}
	cfg := t.cfg
	cfg.Retention = keep
	b.remember(cfg)
	return nil
}

// An overdue is records that are older than their retention and stay, for they are not read yet.
type overdue struct {
	behind  int64 // offset of the first record that is not that old
	records int64
}

// keepUnread is where records that stay begin: at first, or before it where they are not read yet.
func (p *partition) keepUnread(ctx context.Context, l *link, firstSeq uint64, first start) (start, error) {
	next := p.unread()
	if next >= first.offset {
		p.overdue.Store(nil)
		return first, nil
	}
	begin, err := p.startAt(ctx, l, firstSeq)
	if err != nil {
		return first, err
	}
	at := begin
	if next > begin.offset {
		if at, err = p.locate(ctx, l, record.Position{Offset: next}); err != nil {
			return first, err
		}
	}
	p.overdue.Store(&overdue{first.offset, first.offset - max(next, begin.offset)})
	return at, nil
}

// unread is the offset that the topic's reader has to read next.
func (p *partition) unread() int64 {
	if next := p.b.unread.Load(); next != nil {
		return (*next)(p.topic, p.number)
	}
	return math.MaxInt64
}

// refusal is why nothing is appended: the records that came before are not read, and are too old to stay.
func (p *partition) refusal() error {
	late := p.overdue.Load()
	if late == nil {
		return nil
	}
	if p.unread() >= late.behind {
		p.overdue.CompareAndSwap(late, nil)
		return nil
	}
	t, err := p.b.topic(p.topic)
	if err != nil {
		return err
	}
	return &FullError{p.topic, fmt.Sprintf("partition %d holds %d records that are older than the topic keeps them (%v) and that no pipeline has read yet, so nothing more is taken; "+
		"run the pipeline, which reads them, or set nagare.topic.%s.retention to more, or option failOnDataLoss of the source to false: what is too old then goes unread", p.number, late.records, t.cfg.Retention, p.topic)}
}

// KeepUnread has retention keep records until they are read: next returns the offset that is to be read
// next from a partition, math.MaxInt64 where nobody has to.
func (b *Broker) KeepUnread(next func(topic string, partition int32) int64) { b.unread.Store(&next) }

// Retain removes what is too old now, as is done every few seconds.
func (b *Broker) Retain(ctx context.Context) error {
	return b.keeper.retain(ctx, time.Now())
}

// producersBefore returns where those producers stand whose last batch lies before message keep.
func (p *partition) producersBefore(ctx context.Context, l *link, s jetstream.Stream, keep uint64) (map[string]producer, error) {
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(batchSubjects(p.subject)))
	if err != nil {
		return nil, err
	}
	gone := make(map[string]producer)
	for subject := range info.State.Subjects {
		m, err := p.last(ctx, l, subject)
		if err != nil {
			return nil, err
		}
		if m.seq >= keep || !m.isBatch() {
			continue
		}
		h, err := p.head(m)
		if err != nil {
			return nil, err
		}
		gone[strings.TrimPrefix(subject, p.subject+".by.")] = h.stand()
	}
	return gone, nil
}
