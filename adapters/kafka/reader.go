package kafka

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/engine"
)

// How a partition is fetched: one request at a time of fetchBytes, which larger and smaller ones are
// slower than. A Read returns readRecords of it at most, with readBytes unless one record has more.
const (
	fetchBytes  = 2 << 20
	readRecords = 4096
	readBytes   = 4 << 20
)

// Waits between tries to reach a cluster that is away.
const (
	awayFirst = 100 * time.Millisecond
	awayMost  = 3 * time.Second
)

// A reader reads one partition with a client of its own, so that partitions are decompressed side by
// side.
type reader struct {
	s         *Source
	partition int32
	from      engine.Position

	kc     *kgo.Client
	found  bool          // the place to read from is known
	id     uint64        // of the topic
	offset int64         // next
	end    int64         // of a bounded reader
	held   []*kgo.Record // fetched
	taken  int           // of them
	lost   int64         // not told yet
	err    error         // final
}

// Read returns what has arrived; see engine.Reader. A cluster that is away is waited for.
func (r *reader) Read(ctx context.Context, dst *engine.Records) error {
	dst.Reset()
	dst.Partition, dst.Next = r.partition, engine.Position{}
	if r.err != nil {
		return r.err
	}
	err := r.read(ctx, dst)
	if err != nil && ctx.Err() == nil {
		r.err = err
	}
	return err
}

func (r *reader) read(ctx context.Context, dst *engine.Records) error {
	if r.kc == nil {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	before := r.offset
	for {
		if r.s.opt.UntilEnd && r.offset >= r.end {
			if r.offset == before {
				return io.EOF
			}
			break
		}
		if r.taken == len(r.held) {
			moved, err := r.fetch(ctx)
			if err != nil {
				return err
			}
			if moved {
				before = -1
				continue
			}
		}
		if r.take(dst); r.offset != before {
			break
		}
	}
	dst.Next = engine.Position{Offset: r.offset, Log: r.id}
	dst.Lost, r.lost = r.lost, 0
	return nil
}

// fetch waits for records; moved tells that reading goes on elsewhere.
func (r *reader) fetch(ctx context.Context) (moved bool, err error) {
	fetches := r.kc.PollFetches(ctx)
	if err := ctx.Err(); err != nil && fetches.NumRecords() == 0 {
		return false, err
	}
	if moved, err = r.faults(ctx, fetches); err != nil || moved {
		return moved, err
	}
	r.held, r.taken = nil, 0
	fetches.EachPartition(func(p kgo.FetchTopicPartition) { r.held = p.Records }) // there is one
	return false, nil
}

// take appends what was fetched. Entries that are no records only move the offset.
func (r *reader) take(dst *engine.Records) {
	for _, rec := range r.held[r.taken:] {
		if n := dst.Len(); n == readRecords || n > 0 && len(dst.Values.Data)+len(rec.Value) > readBytes {
			break
		}
		r.taken++
		switch {
		case rec.Offset < r.offset:
		case r.s.opt.UntilEnd && rec.Offset >= r.end:
			r.offset = r.end
		default:
			r.offset = rec.Offset + 1
			if !rec.Attrs.IsControl() {
				dst.Offsets = append(dst.Offsets, rec.Offset)
				dst.Times = append(dst.Times, rec.Timestamp.UnixMicro())
				dst.Keys.Append(rec.Key)
				dst.Values.Append(rec.Value)
			}
		}
		rec.Recycle()
	}
}

// begin finds the place to read from and connects, for as long as it takes.
func (r *reader) begin(ctx context.Context) error {
	wait := awayFirst
	for !r.found {
		err := r.locate(ctx, false)
		if err == nil {
			break
		}
		if !isAway(err) || ctx.Err() != nil {
			return err
		}
		if err := again(ctx, wait/2+time.Duration(rand.Int64N(int64(wait)))); err != nil {
			return err
		}
		wait = min(2*wait, awayMost)
	}
	return r.connect()
}

// locate compares the place to read from with what the partition holds. What is gone is an error, or
// counted and passed over. With gone the cluster has said that the place does not exist.
func (r *reader) locate(ctx context.Context, gone bool) error {
	b, err := r.s.bounds(ctx)
	if err != nil {
		return err
	}
	if r.partition < 0 || int(r.partition) >= len(b.first) || int(r.partition) >= len(b.next) {
		return errNoPartition(r.s, r.partition)
	}
	first, next, at := b.first[r.partition], b.next[r.partition], r.from.Offset
	recreated := r.from.Log != 0 && b.id != 0 && r.from.Log != b.id
	switch {
	case at == 0 && !gone && !recreated: // the first record there is
		at = first
	case recreated || at < first || at > next:
		if !r.s.opt.TolerateLoss {
			return &LossError{Topic: r.s.topic, Partition: r.partition, Offset: at, First: first, End: next, Recreated: recreated}
		}
		if !recreated && at < first {
			r.lost += first - at
		}
		r.s.c.log.Warn("records were gone before they were read", "topic", r.s.topic, "partition", r.partition, "offset", at, "first", first, "end", next)
		at = first
		if !recreated && r.from.Offset > next {
			at = next
		}
	}
	r.id, r.offset, r.end, r.found = b.id, at, next, true
	return nil
}

// connect makes the client that fetches.
func (r *reader) connect() error {
	isolation := kgo.ReadCommitted()
	if r.s.own.uncommitted || r.s.c.client.uncommitted {
		isolation = kgo.ReadUncommitted()
	}
	opts := []kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.s.topic: {r.partition: kgo.NewOffset().At(r.offset)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(), // so that the offset behind them is seen
		kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.MaxConcurrentFetches(1),
		kgo.WithPools(&r.s.c.pools.records, &r.s.c.pools.members, &r.s.c.pools.packed),
	}
	kc, err := r.s.c.newClient(append(append(opts, r.s.c.client.consumer...), r.s.own.consumer...)...)
	if err != nil {
		return err
	}
	r.kc, r.held, r.taken = kc, nil, 0
	return nil
}

// faults looks at what went wrong with a fetch. What passes by itself is left to the library; moved
// tells that reading goes on elsewhere.
func (r *reader) faults(ctx context.Context, fetches kgo.Fetches) (moved bool, err error) {
	for _, f := range fetches.Errors() {
		var loss *kgo.ErrDataLoss
		switch {
		case errors.Is(f.Err, kerr.OffsetOutOfRange), errors.As(f.Err, &loss), errors.Is(f.Err, kerr.UnknownTopicID):
			r.from = engine.Position{Offset: r.offset, Log: r.id}
			if err := r.locate(ctx, true); err != nil {
				return false, err
			}
			r.kc.Close()
			return true, r.connect()
		case kerr.IsRetriable(f.Err), kgo.IsRetryableBrokerErr(f.Err):
		default:
			if err := r.s.c.topicError(r.s.topic, f.Err); !isAway(err) {
				return false, err
			}
		}
		if err := again(ctx, awayFirst); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Close ends the reader.
func (r *reader) Close() error {
	if r.kc != nil {
		r.kc.Close()
	}
	r.err = errors.New("read: the reader is closed")
	return nil
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
