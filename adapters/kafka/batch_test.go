package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nagare-stream/nagare/engine/record"
)

// compressors is one of each codec, by the number that it has in a batch.
var compressors = sync.OnceValue(func() []kgo.Compressor {
	list := []kgo.Compressor{nil}
	for _, c := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		compressor, err := kgo.DefaultCompressor(c)
		if err != nil {
			panic(err)
		}
		list = append(list, compressor)
	}
	return list
})

// log writes the bytes of a partition.
type log struct {
	r     *rand.Rand
	bytes []byte
	next  int64
	epoch int32
}

// batch appends a batch of n records with gaps between them, as a compacted log has them.
func (l *log) batch(n int, attrs int16, producer int64, record func(i int) (key, value []byte)) {
	b := kmsg.RecordBatch{FirstOffset: l.next, PartitionLeaderEpoch: l.epoch, Magic: currentMagic, Attributes: attrs,
		FirstTimestamp: 1_770_000_000_000 + l.r.Int64N(1000), MaxTimestamp: 1_770_000_009_999, ProducerID: producer, NumRecords: int32(n)}
	var records []byte
	at := int32(l.r.IntN(2))
	for i := range n {
		k, v := record(i)
		rec := kmsg.Record{TimestampDelta64: l.r.Int64N(5000) - 1000, OffsetDelta: at, Key: k, Value: v}
		if l.r.IntN(4) == 0 {
			rec.Headers = []kmsg.Header{{Key: "h", Value: []byte("x")}, {Key: "none"}}
		}
		at += 1 + int32(l.r.IntN(3))
		rec.Length = int32(len(rec.AppendTo(nil)) - 1) // a length of 0 takes one byte
		records = rec.AppendTo(records)
	}
	b.LastOffsetDelta = max(at-1, 0) + int32(l.r.IntN(2))
	if c := attrs & codecBits; c != 0 {
		packed, _ := compressors()[c].Compress(new(bytes.Buffer), records)
		records = bytes.Clone(packed)
	}
	b.Records = records
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-beforeLength))
	sign(out)
	l.bytes = append(l.bytes, out...)
	l.next += int64(b.LastOffsetDelta) + 1
}

func sign(batch []byte) {
	binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttrs:], castagnoli))
}

// mark ends a producer's transaction.
func (l *log) mark(producer int64, commit bool) {
	key := []byte{0, 0, 0, abortMarker}
	if commit {
		key[3] = 1
	}
	l.batch(1, transactionalBit|controlBit, producer, func(int) ([]byte, []byte) { return key, []byte("marker") })
}

// some is n bytes, or nil.
func (l *log) some(n int) []byte {
	if l.r.IntN(5) == 0 {
		return nil
	}
	b := make([]byte, l.r.IntN(n))
	for i := range b {
		b[i] = byte('a' + l.r.IntN(4))
	}
	return b
}

// answer is a random answer to a fetch: open, committed and aborted transactions beside each other,
// between records of none, the last batch perhaps cut off.
func randomAnswer(r *rand.Rand) *kmsg.FetchResponseTopicPartition {
	l := &log{r: r, next: r.Int64N(1000), epoch: 3}
	part := kmsg.NewFetchResponseTopicPartition()
	open := map[int64]int64{} // first offset by producer
	for range 2 + r.IntN(20) {
		producer := 1 + r.Int64N(3)
		first, is := open[producer]
		switch {
		case is && r.IntN(3) == 0:
			commit := r.IntN(2) == 0
			if !commit {
				part.AbortedTransactions = append(part.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: producer, FirstOffset: first})
			}
			l.mark(producer, commit)
			delete(open, producer)
			continue
		case is || r.IntN(2) == 0:
			if !is {
				open[producer] = l.next
			}
		default:
			producer = -1
		}
		attrs := int16(r.IntN(len(compressors())))
		if producer >= 0 {
			attrs |= transactionalBit
		}
		if r.IntN(3) == 0 {
			attrs |= appendTimeBit
		}
		l.batch(r.IntN(6), attrs, producer, func(int) ([]byte, []byte) { return l.some(20), l.some(300) })
	}
	r.Shuffle(len(part.AbortedTransactions), func(i, j int) {
		a := part.AbortedTransactions
		a[i], a[j] = a[j], a[i]
	})
	part.RecordBatches = l.bytes
	if r.IntN(2) == 0 {
		part.RecordBatches = l.bytes[:len(l.bytes)-r.IntN(len(l.bytes)/2)]
	}
	return &part
}

// textOf is records as text, one a line.
func textOf(r *record.Records) string {
	var b strings.Builder
	for i, at := range r.Offsets {
		fmt.Fprintf(&b, "%d %d/%d %q %v %q %v\n", at, r.Times[i], r.TimeKind(i), r.Keys.At(i), r.Keys.IsNull(i), r.Values.At(i), r.Values.IsNull(i))
	}
	return b.String()
}

// TestBatchesAsTheLibrary takes random answers apart, from any offset to any end, and compares with the
// library, which reads the same bytes in its own way.
func TestBatchesAsTheLibrary(t *testing.T) {
	unpack := kgo.DefaultDecompressor()
	var b batches // one for all, so that batches are unpacked into room that is there
	b.unpack = kgo.DefaultDecompressor(&b)
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		part := randomAnswer(r)
		from := int64(binary.BigEndian.Uint64(part.RecordBatches)) + r.Int64N(5)
		want, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: kgo.ReadCommitted()}, part, unpack, nil)
		end := int64(math.MaxInt64)
		if r.IntN(2) == 0 {
			end = from + r.Int64N(max(next-from, 1)) + 1
		}
		expected := &record.Records{}
		for _, rec := range want.Records {
			if rec.Offset < end {
				expected.Offsets, expected.Times = append(expected.Offsets, rec.Offset), append(expected.Times, rec.Timestamp.UnixMicro())
				expected.PutTimeKind(expected.Len()-1, rec.Attrs.TimestampType())
				expected.Keys.Append(rec.Key)
				expected.Values.Append(rec.Value)
			}
		}

		b = batches{epoch: -1, unpack: b.unpack, room: b.room}
		if _, whole := sizeOf(part.RecordBatches); !whole {
			continue // which has a test of its own
		}
		if err := b.start(part, from); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if behind, epoch, ok := b.end(); !ok || max(behind, from) != next || epoch != 3 {
			t.Errorf("seed %d: the answer ends at %d, epoch %d, %v; the library says %d", seed, behind, epoch, ok, next)
		}
		var got record.Records
		at := from
		at, err := b.take(&got, from, end)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if g, w := textOf(&got), textOf(expected); g != w || at != min(next, end) {
			t.Fatalf("seed %d, offsets %d to %d: on to %d\n%swant %d\n%s", seed, from, end, at, g, min(next, end), w)
		}
	}
}

// TestBatchesFill stops where a Read is full, and goes on there.
func TestBatchesFill(t *testing.T) {
	l := &log{r: rand.New(rand.NewPCG(1, 1))}
	value := make([]byte, readBytes/4)
	l.batch(9, 0, -1, func(int) ([]byte, []byte) { return nil, value })
	l.batch(3*readRecords, int16(kgo.CodecSnappy), -1, func(int) ([]byte, []byte) { return nil, nil })
	part := &kmsg.FetchResponseTopicPartition{RecordBatches: l.bytes}
	var b batches
	if err := b.start(part, 0); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for at := int64(0); at < l.next; {
		var got record.Records
		next, err := b.take(&got, at, math.MaxInt64)
		if err != nil || next <= at {
			t.Fatalf("from %d to %d: %v", at, next, err)
		}
		at, sizes = next, append(sizes, got.Len())
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int{4, 4, 1, readRecords, readRecords, readRecords}) {
		t.Errorf("it reads %v records at a time", sizes)
	}
}

// TestBatchesRoom: batches that are too large for one Read do not pile up in the room.
func TestBatchesRoom(t *testing.T) {
	l := &log{r: rand.New(rand.NewPCG(1, 1))}
	value := make([]byte, readBytes/2)
	for range 10 {
		l.batch(3, 0, -1, func(int) ([]byte, []byte) { return nil, value })
	}
	var b batches
	if err := b.start(&kmsg.FetchResponseTopicPartition{RecordBatches: l.bytes}, 0); err != nil {
		t.Fatal(err)
	}
	var got record.Records
	for at := int64(0); at < l.next; {
		got.Reset()
		next, err := b.take(&got, at, math.MaxInt64)
		if err != nil || next <= at {
			t.Fatalf("from %d to %d: %v", at, next, err)
		}
		if len(b.room) > 2*readBytes {
			t.Fatalf("%d bytes are held at offset %d", len(b.room), next)
		}
		at = next
	}
}

// TestDamagedBatches changes, in turn, each byte of a batch that its checksum covers, and cuts it anywhere.
func TestDamagedBatches(t *testing.T) {
	l := &log{r: rand.New(rand.NewPCG(1, 1)), next: 40}
	l.batch(3, 0, -1, func(int) ([]byte, []byte) { return []byte("key"), []byte("value") })
	take := func(text []byte) error {
		b := batches{topic: "t"}
		err := b.start(&kmsg.FetchResponseTopicPartition{RecordBatches: text}, 40)
		if err == nil {
			_, err = b.take(&record.Records{}, 40, math.MaxInt64)
		}
		return err
	}
	if err := take(l.bytes); err != nil {
		t.Fatal(err)
	}
	for i := atAttrs; i < len(l.bytes); i++ {
		text := bytes.Clone(l.bytes)
		text[i] ^= 0x40
		var damaged *DamagedError
		if err := take(text); !errors.As(err, &damaged) || damaged.Offset != 40 || !strings.Contains(err.Error(), "its checksum is") {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := 1; n < len(l.bytes); n++ {
		var damaged *DamagedError
		if err := take(l.bytes[:n]); !errors.As(err, &damaged) {
			t.Errorf("cut behind %d bytes: %v", n, err)
		}
	}
	for name, change := range map[string]func(b []byte){
		"is not known":       func(b []byte) { b[atMagic] = 3 },
		"-1 records":         func(b []byte) { binary.BigEndian.PutUint32(b[atCount:], math.MaxUint32) },
		"cut off":            func(b []byte) { binary.BigEndian.PutUint32(b[atCount:], 4) },
		"lengths do not fit": func(b []byte) { b[bytes.Index(b, []byte("key"))-1] = 0x7e },
		"corrupt input":      func(b []byte) { b[atAttrs+1] |= byte(kgo.CodecSnappy) },
	} {
		text := bytes.Clone(l.bytes)
		change(text)
		sign(text)
		if err := take(text); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMessageSets reads what a broker keeps from before Kafka 0.11.
func TestMessageSets(t *testing.T) {
	var text []byte
	for i := range 5 {
		m := kmsg.MessageV1{Offset: int64(10 + i), Magic: 1, Timestamp: int64(1000 + i), Key: []byte("k"), Value: []byte{byte('a' + i)}}
		out := m.AppendTo(nil)
		binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
		binary.BigEndian.PutUint32(out[12:], crc32.ChecksumIEEE(out[16:]))
		text = append(text, out...)
	}
	var b batches
	if err := b.start(&kmsg.FetchResponseTopicPartition{RecordBatches: text}, 11); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := b.end(); ok {
		t.Error("the end is known before the messages are read")
	}
	var got record.Records
	at, err := b.take(&got, 11, 14)
	if want := "11 1001000/0 \"k\" false \"b\" false\n12 1002000/0 \"k\" false \"c\" false\n13 1003000/0 \"k\" false \"d\" false\n"; err != nil || at != 14 || textOf(&got) != want {
		t.Errorf("on to %d, %v\n%s", at, err, textOf(&got))
	}
}

// FuzzBatches takes anything apart: it ends, and only goes forward.
func FuzzBatches(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomAnswer(rand.New(rand.NewPCG(seed, 1))).RecordBatches)
	}
	unpack := kgo.DefaultDecompressor()
	f.Fuzz(func(t *testing.T, text []byte) {
		for rest := text; ; { // so that more than the checksum is tested
			size, whole := sizeOf(rest)
			if !whole {
				break
			}
			sign(rest[:size])
			rest = rest[size:]
		}
		b := batches{epoch: -1, unpack: unpack}
		err := b.start(&kmsg.FetchResponseTopicPartition{RecordBatches: text, AbortedTransactions: []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 1}}}, 0)
		for at := int64(0); err == nil && at < math.MaxInt64 && !b.isEmpty(); {
			var got record.Records
			var next int64
			if next, err = b.take(&got, at, math.MaxInt64); next < at {
				t.Fatalf("from %d back to %d", at, next)
			}
			at = next
		}
	})
}

// TestBytesFor: the partitions of a topic share what they fetch, unless a setting says how much.
func TestBytesFor(t *testing.T) {
	for partitions, want := range map[int]int32{0: 2 << 20, 1: 2 << 20, 32: 2 << 20, 64: 1 << 20, 1000: 67108} {
		if got := defaultFetch.bytesFor(partitions); got != want {
			t.Errorf("%d partitions: %d bytes, want %d", partitions, got, want)
		}
	}
	if got := (&fetchSettings{perPartition: 77}).bytesFor(1000); got != 77 {
		t.Errorf("with a setting: %d bytes", got)
	}
}
