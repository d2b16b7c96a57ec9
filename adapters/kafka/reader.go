package kafka

import (
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// What a Read returns at most: so many records, and so many bytes but for the last record.
const (
	readRecords = 4096
	readBytes   = 4 << 20
)

// awayWaits is the waits between tries to reach a cluster that is away.
var awayWaits = retry.Waits{First: 100 * time.Millisecond, Most: 3 * time.Second}

// A reader reads one partition. What it fetched is unpacked by whoever reads, so that partitions are
// unpacked side by side.
type reader struct {
	s         *Source
	partition int32
	from      record.Position

	fetcher *fetcher
	batches batches
	found   bool   // the place to read from is known
	of      int    // partitions the topic has
	id      uint64 // of the topic
	offset  int64  // next
	end     int64  // of a bounded reader
	lost    int64  // not told yet
	err     error  // final
}

// Read returns what has arrived; see record.Reader. A cluster that is away is waited for.
func (r *reader) Read(ctx context.Context, dst *record.Records) error {
	dst.Reset()
	dst.Partition, dst.Next = r.partition, record.Position{}
	if r.err != nil {
		return r.err
	}
	err := r.read(ctx, dst)
	if err != nil && ctx.Err() == nil {
		r.err = err
	}
	return err
}

func (r *reader) read(ctx context.Context, dst *record.Records) error {
	if r.fetcher == nil {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	end := int64(math.MaxInt64)
	if r.s.opt.UntilEnd {
		end = r.end
	}
	for before := r.offset; r.offset == before; {
		if r.offset >= end {
			return io.EOF
		}
		err := r.fill(ctx, end)
		if err == nil {
			r.offset, err = r.batches.take(dst, r.offset, end)
		}
		if err != nil {
			return err
		}
	}
	dst.Next = record.Position{Offset: r.offset, Log: r.id}
	dst.Lost, r.lost = r.lost, 0
	return nil
}

// fill waits for records when none are left, and has the next ones fetched meanwhile.
func (r *reader) fill(ctx context.Context, end int64) error {
	if !r.batches.isEmpty() {
		return nil
	}
	part, err := r.fetcher.next(ctx, r.offset, r.batches.epoch)
	var gone *goneError
	if errors.As(err, &gone) {
		r.from, r.batches.epoch = record.Position{Offset: r.offset, Log: r.id}, -1
		return r.seek(ctx, gone)
	}
	if err != nil || part == nil {
		return err
	}
	if err := r.batches.start(part, r.offset); err != nil {
		return err
	}
	if next, epoch, ok := r.batches.end(); ok && next < end {
		r.fetcher.ask(max(next, r.offset), epoch)
	}
	return nil
}

// seek is locate, for as long as it takes to reach the cluster.
func (r *reader) seek(ctx context.Context, gone *goneError) error {
	for fails := 1; ; fails++ {
		err := r.locate(ctx, gone)
		if err == nil || !isAway(err) || ctx.Err() != nil {
			return err
		}
		if err := retry.Pause(ctx, awayWaits.After(fails)); err != nil {
			return err
		}
	}
}

// begin finds the place to read from and makes the client.
func (r *reader) begin(ctx context.Context) error {
	if !r.found {
		if err := r.seek(ctx, nil); err != nil {
			return err
		}
	}
	f, err := newFetcher(r.s, r.partition, r.of, r.id)
	if err != nil {
		return err
	}
	r.fetcher, r.batches = f, batches{topic: r.s.topic, partition: r.partition, epoch: -1, headers: r.s.opt.Headers}
	return nil
}

// locate compares the place to read from with what the partition holds. What is gone is an error, or
// counted and passed over. With gone the cluster has said that the place does not exist.
func (r *reader) locate(ctx context.Context, gone *goneError) error {
	b, err := r.s.bounds(ctx)
	if err != nil {
		return err
	}
	if r.partition < 0 || int(r.partition) >= len(b.first) || int(r.partition) >= len(b.next) {
		return errNoPartition(r.s, r.partition)
	}
	first, next, at := b.first[r.partition], b.next[r.partition], r.from.Offset
	same := next
	if gone != nil {
		if same = min(same, gone.end); gone.log != 0 {
			b.id = gone.log // newer than what was asked for, which may be some time old
		}
	}
	recreated := r.from.Log != 0 && b.id != 0 && r.from.Log != b.id
	switch {
	case at == 0 && gone == nil && !recreated: // the first record there is
		at = first
	case recreated || at < first || at > same:
		if !r.s.opt.TolerateLoss {
			return &LossError{Topic: r.s.topic, Partition: r.partition, Offset: at, First: first, End: same, Recreated: recreated}
		}
		if !recreated && at < first {
			r.lost += first - at
		}
		r.s.c.log.Warn("records were gone before they were read", "topic", r.s.topic, "partition", r.partition, "offset", at, "first", first, "end", same)
		at = first
		if !recreated && r.from.Offset > same {
			at = max(first, same)
		}
	}
	r.id, r.offset, r.end, r.found, r.of = b.id, at, next, true, len(b.first)
	return nil
}

// Close ends the reader.
func (r *reader) Close() error {
	if r.fetcher != nil {
		r.fetcher.close()
	}
	r.err = errors.New("read: the reader is closed")
	return nil
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
