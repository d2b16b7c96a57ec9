package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// producerHeader is the header that tells whose record this is and where it stands among its own, as text:
// its number, "," and the mark at the end of an append, ":" and the producer's name. It was bytes once, and
// is read so, too: the name, then 8 bytes with the number and, at the end of an append, 8 with the mark.
const producerHeader = "nagare-producer"

// maxBatchBytes is what brokers take as one batch by default (message.max.bytes), and maxRecordBytes
// what a record has of it at most, headers and framing left out.
const (
	maxBatchBytes  = 1<<20 + 12
	maxRecordBytes = 1<<20 - 1024
)

// kept is the time that Kafka keeps of an append time: whole milliseconds, none before 1970. It refuses
// one that lies ahead of its clock, so that one is the present.
func kept(micros int64) time.Time {
	return time.UnixMilli(floorDiv(min(max(micros, 0), time.Now().UnixMicro()), 1000))
}

// A Writer appends the records of one producer to a topic. Each call returns once the records are in
// the log of all in-sync replicas. Its methods may be called for different partitions at once.
//
// With numbers, records that are there already are cut away, also over restarts: the last record of the
// producer in a partition tells them. What a process sent that was killed may still arrive a moment
// later; it is found if it does before the next one looks.
type Writer struct {
	c        *Cluster
	topic    string
	producer string

	mu    sync.Mutex
	kc    *kgo.Client    // nil: to be made
	tail  map[int32]tail // of what is known
	codec kgo.CompressionCodec
}

// deliveryWait is how long records may take to get into the log. The library's own limit counts from
// the time that a record bears, which lies in the past where events are made or copied.
const deliveryWait = 20 * time.Second

// tail is where a producer stands in a partition.
type tail struct {
	next int64 // number of its next record
	mark uint64
}

// Writer returns the writer of a producer of a topic that exists.
func (c *Cluster) Writer(topic, producer string) *Writer {
	return &Writer{c: c, topic: topic, producer: producer, tail: map[int32]tail{}, codec: kgo.NoCompression()}
}

// Compress has batches packed, in the form that every client knows. It comes before the first append.
func (w *Writer) Compress() { w.codec = kgo.GzipCompression() }

// client returns the producing client.
func (w *Writer) client() (*kgo.Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kc != nil {
		return w.kc, nil
	}
	opts := append([]kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DefaultProduceTopic(w.topic),
		kgo.ProducerLinger(0),
		kgo.UnknownTopicRetries(1),
		kgo.ProducerBatchMaxBytes(maxBatchBytes),
		kgo.ProducerBatchCompression(w.codec), // none, as Kafka's own, unless asked: some clients can unpack nothing
	}, w.c.client.producer...)
	var err error
	w.kc, err = w.c.newClient(opts...)
	return w.kc, err
}

// forget gives up a client whose records got no answer; how much of them is there is asked for.
func (w *Writer) forget(kc *kgo.Client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kc == kc {
		w.kc = nil
		clear(w.tail)
	}
	letGo(kc)
}

// Close ends the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kc != nil {
		letGo(w.kc)
	}
	w.kc = nil
	return nil
}

// Append appends records. seq is the producer's number of the first one, -1 for none.
func (w *Writer) Append(ctx context.Context, partition int32, r *record.Records, seq int64) (int64, error) {
	return w.AppendMarked(ctx, partition, r, seq, 0)
}

// AppendMarked appends records with a mark, which LastMark returns once all of them are in the log. It
// returns the offset of the first record written, -1 if all were there already. A record that is too
// large is a *broker.SizeError, and nothing was written.
func (w *Writer) AppendMarked(ctx context.Context, partition int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	for i := range r.Values.Len() {
		if size := len(r.Keys.At(i)) + len(r.Values.At(i)) + len(r.HeadersAt(i)); size > maxRecordBytes {
			return 0, &broker.SizeError{Topic: w.topic, Index: i, Bytes: size, Limit: maxRecordBytes}
		}
	}
	from := 0
	if seq >= 0 {
		at, err := w.locate(ctx, partition)
		if err != nil {
			return 0, err
		}
		if seq > at.next {
			return 0, fmt.Errorf("append to topic %s partition %d: record %d comes after record %d of producer %s", w.topic, partition, seq, at.next-1, w.producer)
		}
		from = int(min(at.next-seq, int64(r.Values.Len())))
	}
	if from == r.Values.Len() {
		return -1, nil
	}
	first, err := w.produce(ctx, partition, r, from, seq, mark)
	if errors.Is(err, errNewPartition) {
		first, err = w.produce(ctx, partition, r, from, seq, mark)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.tail, partition) // how much of it is there is asked for
		return 0, err
	}
	if seq >= 0 {
		w.tail[partition] = tail{seq + int64(r.Values.Len()), mark}
	}
	return first, nil
}

// produce sends records from … and waits for them.
func (w *Writer) produce(ctx context.Context, partition int32, r *record.Records, from int, seq int64, mark uint64) (int64, error) {
	n := r.Values.Len()
	list := make([]kgo.Record, n-from)
	for i := from; i < n; i++ {
		rec := &list[i-from]
		rec.Key, rec.Value, rec.Partition = r.Keys.At(i), r.Values.At(i), partition
		rec.Timestamp = kept(r.Times[i])
		rec.Headers = slices.DeleteFunc(headersOf(r.HeadersAt(i)), func(h kgo.RecordHeader) bool { return h.Key == producerHeader }) // of a copied topic
		if seq >= 0 {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: producerHeader, Value: w.identity(seq+int64(i), i == n-1, mark)})
		}
	}
	kc, err := w.client()
	if err != nil {
		return 0, err
	}
	out := newSent()
	for i := range list {
		kc.Produce(ctx, &list[i], out.answer)
	}
	waiting, cancel := context.WithTimeout(ctx, w.c.client.deliveryWait())
	defer cancel()
	if err := kc.Flush(waiting); err != nil {
		w.forget(kc)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, w.c.explain(err)
	}
	failed := out.err()
	if failed == nil {
		return list[0].Offset, nil
	}
	if strings.Contains(failed.Error(), "invalid record partitioning choice") {
		w.forget(kc)
		return 0, fmt.Errorf("append to topic %s: %w", w.topic, errNewPartition)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if errors.Is(failed, kerr.MessageTooLarge) {
		return 0, fmt.Errorf("append to topic %s partition %d: the brokers refuse a record of this batch as too large; raise the topic's max.message.bytes: %w", w.topic, partition, failed)
	}
	return 0, w.c.topicFault("Write", w.topic, failed)
}

// headersOf is headers in the engine's form, which have to stay as they are, for the library.
func headersOf(b []byte) []kgo.RecordHeader {
	var list []kgo.RecordHeader
	record.EachHeader(b, func(key, value []byte) { list = append(list, kgo.RecordHeader{Key: string(key), Value: value}) })
	return list
}

// errNewPartition says that a client does not know of a partition: it looks for new ones every few
// minutes, and another client knows at once.
var errNewPartition = errors.New("there is no such partition")

func (w *Writer) identity(number int64, last bool, mark uint64) []byte {
	b := strconv.AppendInt(make([]byte, 0, len(w.producer)+42), number, 10)
	if last {
		b = strconv.AppendUint(append(b, ','), mark, 10)
	}
	return append(append(b, ':'), w.producer...)
}

// parse reads an identity; ok is false for one of another producer.
func (w *Writer) parse(identity []byte) (number int64, marked bool, mark uint64, ok bool) {
	if where, name, text := strings.Cut(string(identity), ":"); text && name == w.producer {
		digits, markDigits, marked := strings.Cut(where, ",")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err == nil && marked {
			mark, err = strconv.ParseUint(markDigits, 10, 64)
		}
		if err == nil {
			return number, marked, mark, true
		}
	}
	rest, mine := bytes.CutPrefix(identity, []byte(w.producer))
	switch {
	case mine && len(rest) == 8:
		return int64(binary.BigEndian.Uint64(rest)), false, 0, true
	case mine && len(rest) == 16:
		return int64(binary.BigEndian.Uint64(rest)), true, binary.BigEndian.Uint64(rest[8:]), true
	}
	return 0, false, 0, false
}

// Last returns the number of the producer's next record in a partition.
func (w *Writer) Last(ctx context.Context, partition int32) (int64, error) {
	at, err := w.locate(ctx, partition)
	return at.next, err
}

// LastMark returns the mark of the last append that is in the partition as a whole, 0 for none.
func (w *Writer) LastMark(ctx context.Context, partition int32) (uint64, error) {
	at, err := w.locate(ctx, partition)
	return at.mark, err
}

// tailRecords is how far behind the end of a partition a producer's last record is looked for first;
// each further look goes four times as far back.
const tailRecords = 4096

// locate finds where the producer stands in a partition.
func (w *Writer) locate(ctx context.Context, partition int32) (tail, error) {
	w.mu.Lock()
	at, known := w.tail[partition]
	w.mu.Unlock()
	if known {
		return at, nil
	}
	s, err := w.c.Source(w.topic, SourceOptions{UntilEnd: true})
	if err != nil {
		return at, err
	}
	b, err := s.bounds(ctx)
	if err != nil {
		return at, err
	}
	if int(partition) >= len(b.next) {
		return at, errNoPartition(s, partition)
	}
	first, end := b.first[partition], b.next[partition]
	for back := int64(tailRecords); ; back *= 4 {
		from := max(first, end-back)
		found, err := w.search(ctx, partition, from, end, &at)
		if err != nil {
			return at, err
		}
		if found || from == first {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tail[partition] = at
	return at, nil
}

// search reads [from, end) and keeps the producer's last number and its last mark; found tells that
// both were there.
func (w *Writer) search(ctx context.Context, partition int32, from, end int64, at *tail) (found bool, err error) {
	if from >= end {
		return false, nil
	}
	kc, err := w.c.newClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{w.topic: {partition: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return false, err
	}
	defer letGo(kc)
	numbered, marked := false, false
	for next := from; next < end; {
		fetches := kc.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return false, err
		}
		for _, f := range fetches.Errors() {
			return false, w.c.topicError(w.topic, f.Err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			next = rec.Offset + 1
			i := slices.IndexFunc(rec.Headers, func(h kgo.RecordHeader) bool { return h.Key == producerHeader })
			if i < 0 {
				return
			}
			number, hasMark, mark, mine := w.parse(rec.Headers[i].Value)
			if !mine {
				return
			}
			at.next, numbered = number+1, true
			if hasMark {
				at.mark, marked = mark, true
			}
		})
	}
	return numbered && marked, nil
}

func (c *client) deliveryWait() time.Duration {
	if c.delivery > 0 {
		return c.delivery
	}
	return deliveryWait
}
