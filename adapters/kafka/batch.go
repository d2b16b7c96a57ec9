package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nagare-stream/nagare/engine/record"
)

// A record batch of Kafka, magic 2, big endian (Kafka's documentation, "Record Batch"):
//
//	 0 base offset i64    8 length i32 of what follows      12 partition leader epoch i32
//	16 magic i8          17 crc32c u32 of what follows      21 attributes i16
//	23 last offset delta i32                                27 base timestamp i64
//	35 max timestamp i64 43 producer id i64, epoch i16, base sequence i32
//	57 records i32       61 records, compressed as the attributes say
const (
	atLength   = 8
	atEpoch    = 12
	atMagic    = 16
	atCRC      = 17
	atAttrs    = 21
	atLastOff  = 23
	atBaseTime = 27
	atMaxTime  = 35
	atProducer = 43
	atCount    = 57
	atRecords  = 61

	beforeLength = 12 // bytes that a batch's length does not count
)

// Bits of a batch's attributes.
const (
	codecBits        = 0x07
	appendTimeBit    = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

// currentMagic is that of a record batch; what is below are message sets.
const currentMagic = 2

// The key of a control record: i16 version, i16 type.
const (
	controlKeyBytes = 4
	abortMarker     = 0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A DamagedError says that a batch of records cannot be read as it was written.
type DamagedError struct {
	Topic     string
	Partition int32
	Offset    int64 // of the batch
	Reason    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read topic %s partition %d: the batch of records at offset %d is damaged: %s; look at it with kafka-dump-log, and pass over it with startingOffsets or kafka-delete-records",
		e.Topic, e.Partition, e.Offset, e.Reason)
}

// batches takes the records out of the answers to fetches, batch by batch.
type batches struct {
	topic     string
	partition int32

	headers bool // those of the records are wanted

	rest    []byte            // batches that were not begun
	aborted map[int64][]int64 // first offsets of aborted transactions that go on, by producer
	epoch   int32             // of the newest batch that was begun; -1: there was none

	at    int   // in room, of the next record of the batch that was begun
	left  int32 // how many were not taken yet
	base  int64
	time  int64 // base timestamp, or the append time of all
	fixed bool  // all have the same time
	next  int64 // behind the batch

	room   []byte // the records of batches without their compression, where a Read leaves them
	bytes  int    // of room, that the present Read has taken
	held   bool   // the present Read goes on in a batch that an earlier one has begun
	list   []byte // scratch: headers of a record
	unpack kgo.Decompressor
	old    []*kgo.Record // records of a message set, the form before Kafka 0.11
}

// start takes an answer. Records below offset are not wanted.
func (b *batches) start(part *kmsg.FetchResponseTopicPartition, offset int64) error {
	b.rest, b.left, b.old, b.aborted = part.RecordBatches, 0, nil, nil
	for _, t := range part.AbortedTransactions {
		if b.aborted == nil {
			b.aborted = map[int64][]int64{}
		}
		b.aborted[t.ProducerID] = append(b.aborted[t.ProducerID], t.FirstOffset)
	}
	for _, first := range b.aborted {
		slices.Sort(first) // brokers need not
	}
	if b.unpack == nil {
		b.unpack = kgo.DefaultDecompressor(b)
	}
	if len(b.rest) > atMagic && b.rest[atMagic] < currentMagic {
		decoded, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: b.topic, Partition: b.partition}, part, kgo.DefaultDecompressor(), nil)
		b.rest, b.old = nil, decoded.Records
		if decoded.Err != nil && len(decoded.Records) == 0 {
			return b.damaged(offset, decoded.Err)
		}
	}
	if len(b.rest) > 0 && b.isEmpty() {
		return b.damaged(offset, errCut)
	}
	return nil
}

func (b *batches) damaged(offset int64, err error) error {
	return &DamagedError{b.topic, b.partition, offset, err.Error()}
}

// GetDecompressBytes lends what is free of the room to the library's decompressor.
func (b *batches) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte {
	return b.room[len(b.room):]
}

// PutDecompressBytes is for whoever keeps several.
func (b *batches) PutDecompressBytes([]byte) {}

// end is the offset behind the last whole batch of the answer, and that batch's epoch; ok is false when
// there is none, or the batches have to be read to tell.
func (b *batches) end() (offset int64, epoch int32, ok bool) {
	for rest := b.rest; ; {
		size, whole := sizeOf(rest)
		if !whole {
			return offset, epoch, ok
		}
		if rest[atMagic] != currentMagic {
			return 0, 0, false
		}
		offset, epoch, ok = behind(rest), int32(binary.BigEndian.Uint32(rest[atEpoch:])), true
		rest = rest[size:]
	}
}

// sizeOf is the size of the first batch in bytes; an answer may end in the middle of one.
func sizeOf(rest []byte) (size int, whole bool) {
	if len(rest) < atRecords {
		return 0, false
	}
	size = beforeLength + int(int32(binary.BigEndian.Uint32(rest[atLength:])))
	return size, size >= atRecords && size <= len(rest)
}

func behind(batch []byte) int64 {
	return int64(binary.BigEndian.Uint64(batch)) + int64(int32(binary.BigEndian.Uint32(batch[atLastOff:]))) + 1
}

// isEmpty reports that nothing is left to take.
func (b *batches) isEmpty() bool {
	_, whole := sizeOf(b.rest)
	return b.left == 0 && len(b.old) == 0 && !whole
}

// take appends records from offset on to dst and returns the offset to go on with. It stops at end, which is
// the same in all calls, and where dst is full. Keys and values lie in memory of the batches' own, until take
// is called with an empty dst again.
func (b *batches) take(dst *record.Records, offset, end int64) (int64, error) {
	if len(b.old) > 0 && offset < end {
		return b.takeOld(dst, offset, end), nil
	}
	if dst.Len() == 0 {
		if b.bytes, b.held = 0, b.left > 0; !b.held {
			b.room = b.room[:0]
		}
	}
	offset, err := b.takeBatches(dst, offset, end)
	if dst.Len() > 0 {
		dst.Keys.Data, dst.Values.Data = b.room, b.room
	}
	return offset, err
}

func (b *batches) takeBatches(dst *record.Records, offset, end int64) (int64, error) {
	for offset < end {
		if b.left == 0 {
			size, whole := sizeOf(b.rest)
			if !whole || dst.Len() > 0 && b.isFullWith(dst, b.rest) {
				return offset, nil
			}
			batch := b.rest[:size]
			b.rest = b.rest[size:]
			if err := b.begin(batch, offset); err != nil {
				return offset, b.damaged(int64(binary.BigEndian.Uint64(batch)), err)
			}
		}
		for b.left > 0 {
			if dst.Len() >= readRecords || b.bytes >= readBytes {
				return offset, nil
			}
			at, err := b.record(dst, offset, end)
			if err != nil {
				return offset, b.damaged(b.base, err)
			}
			if offset = max(offset, min(at+1, end)); offset == end {
				return offset, nil
			}
		}
		offset = max(offset, min(b.next, end))
	}
	return offset, nil
}

// isFullWith tells that a Read leaves a batch to the next one. Behind a batch that was too large for one
// Read another never begins, so that the room is empty again.
func (b *batches) isFullWith(dst *record.Records, batch []byte) bool {
	return b.held || b.bytes >= readBytes || dst.Len()+int(int32(binary.BigEndian.Uint32(batch[atCount:]))) > readRecords
}

// begin checks a batch and unpacks its records. Of one that is not to be read, none are left.
func (b *batches) begin(batch []byte, offset int64) error {
	if batch[atMagic] != currentMagic {
		return fmt.Errorf("its form, magic %d, is not known", batch[atMagic])
	}
	if got, want := crc32.Checksum(batch[atAttrs:], castagnoli), binary.BigEndian.Uint32(batch[atCRC:]); got != want {
		return fmt.Errorf("its checksum is %08x and it says %08x", got, want)
	}
	b.base, b.next, b.left = int64(binary.BigEndian.Uint64(batch)), behind(batch), 0
	b.epoch = int32(binary.BigEndian.Uint32(batch[atEpoch:]))
	attrs := binary.BigEndian.Uint16(batch[atAttrs:])
	producer := int64(binary.BigEndian.Uint64(batch[atProducer:]))
	abort := attrs&transactionalBit != 0 && b.isAborted(producer)
	if b.next <= offset || abort && attrs&controlBit == 0 {
		return nil
	}
	count := int32(binary.BigEndian.Uint32(batch[atCount:]))
	if count < 0 {
		return fmt.Errorf("it says that it has %d records", count)
	}
	b.at = len(b.room)
	if err := b.unpackInto(batch[atRecords:], kgo.CompressionCodecType(attrs&codecBits)); err != nil {
		return err
	}
	if attrs&controlBit != 0 {
		if abort && isAbortMarker(b.room[b.at:]) {
			b.endAborted(producer)
		}
		return nil
	}
	b.left = count
	b.time, b.fixed = int64(binary.BigEndian.Uint64(batch[atBaseTime:])), attrs&appendTimeBit != 0
	if b.fixed {
		b.time = int64(binary.BigEndian.Uint64(batch[atMaxTime:]))
	}
	return nil
}

// unpackInto appends a batch's records to the room.
func (b *batches) unpackInto(records []byte, codec kgo.CompressionCodecType) error {
	if codec == kgo.CodecNone {
		b.room = append(b.room, records...)
		return nil
	}
	unpacked, err := b.unpack.Decompress(records, codec)
	if err != nil {
		return err
	}
	n := len(b.room)
	if len(unpacked) > 0 && n < cap(b.room) && &unpacked[0] == &b.room[:n+1][n] { // there was room for them
		b.room = b.room[:n+len(unpacked)]
	} else if n == 0 {
		b.room = unpacked
	} else {
		b.room = append(b.room, unpacked...)
	}
	return nil
}

// isAborted tells whether a batch of a transaction that begins at b.base belongs to one that was aborted.
func (b *batches) isAborted(producer int64) bool {
	first := b.aborted[producer]
	return len(first) > 0 && b.base >= first[0]
}

// endAborted is called at the mark that ends a producer's aborted transaction.
func (b *batches) endAborted(producer int64) { b.aborted[producer] = b.aborted[producer][1:] }

// isAbortMarker looks at the record of a control batch.
func isAbortMarker(records []byte) bool {
	in := varints{b: records}
	in.skipHead()
	start, end := in.span()
	return !in.bad && end >= start+controlKeyBytes && binary.BigEndian.Uint16(records[start+2:]) == abortMarker
}

var errCut = errors.New("its records are cut off or their lengths do not fit")

// record takes the next record of the batch; it appends it unless it is below offset, or at end or behind.
func (b *batches) record(dst *record.Records, offset, end int64) (at int64, err error) {
	in := varints{b: b.room, at: b.at}
	size := in.next()
	if in.bad || size < 0 || size > int64(len(in.b)-in.at) {
		return 0, errCut
	}
	begin := b.at
	b.at = in.at + int(size)
	in.b = in.b[:b.at]
	in.skip(1) // attributes, of which there are none
	time := in.next()
	at = b.base + in.next()
	keyStart, keyEnd := in.span()
	start, stop := in.span()
	if in.bad { // headers may follow
		return 0, errCut
	}
	b.left--
	b.bytes += b.at - begin
	if at < offset || at >= end {
		return at, nil
	}
	if b.fixed {
		time = 0
	}
	dst.Offsets = append(dst.Offsets, at)
	dst.Times = append(dst.Times, (b.time+time)*1000)
	if b.fixed {
		dst.PutTimeKind(dst.Len()-1, record.LogAppendTime)
	}
	dst.Keys.AppendSpan(keyStart, keyEnd)
	dst.Values.AppendSpan(start, stop)
	if b.headers && in.at < len(in.b) {
		if b.list = in.headers(b.list[:0]); in.bad {
			return 0, errCut
		}
		dst.PutHeaders(dst.Len()-1, b.list)
	}
	return at, nil
}

// headers takes the headers of a record, in the engine's form.
func (v *varints) headers(dst []byte) []byte {
	for n := v.next(); n > 0 && !v.bad; n-- {
		key, keyEnd := v.span()
		value, end := v.span()
		if v.bad || keyEnd < key {
			v.bad = true
			return dst
		}
		if end < value {
			dst = record.AppendHeader(dst, v.b[key:keyEnd], nil)
		} else {
			dst = record.AppendHeader(dst, v.b[key:keyEnd], v.b[value:end])
		}
	}
	return dst
}

// takeOld takes records that the library has decoded, which are none below offset.
func (b *batches) takeOld(dst *record.Records, offset, end int64) int64 {
	for len(b.old) > 0 && offset < end && dst.Len() < readRecords && len(dst.Values.Data) < readBytes {
		r := b.old[0]
		b.old = b.old[1:]
		if offset = min(r.Offset+1, end); r.Offset < end {
			dst.Offsets = append(dst.Offsets, r.Offset)
			dst.Times = append(dst.Times, r.Timestamp.UnixMicro())
			dst.PutTimeKind(dst.Len()-1, r.Attrs.TimestampType())
			dst.Keys.Append(r.Key)
			dst.Values.Append(r.Value)
		}
	}
	return offset
}

// varints reads the numbers of a record: zigzag varints. The first fault sticks.
type varints struct {
	b   []byte
	at  int
	bad bool
}

func (v *varints) next() int64 {
	if v.at+1 < len(v.b) { // nearly all have one byte or two
		x, y := uint64(v.b[v.at]), uint64(v.b[v.at+1])
		if x < 0x80 {
			v.at++
			return int64(x>>1) ^ -int64(x&1)
		}
		if y < 0x80 {
			v.at += 2
			x = x&0x7f | y<<7
			return int64(x>>1) ^ -int64(x&1)
		}
	}
	return v.nextLong()
}

func (v *varints) nextLong() int64 {
	x, n := binary.Varint(v.b[v.at:])
	if n <= 0 {
		v.bad = true
		return 0
	}
	v.at += n
	return x
}

// span takes a string with its size before it. It ends before it starts where the size says that it is NULL.
func (v *varints) span() (start, end uint32) {
	n := v.next()
	if n < 0 {
		return uint32(v.at), uint32(v.at) - 1
	}
	start = uint32(v.at)
	v.skip(n)
	return start, uint32(v.at)
}

func (v *varints) skip(n int64) {
	if n > int64(len(v.b)-v.at) {
		v.bad = true
		return
	}
	v.at += int(n)
}

// skipHead moves to the key of a record.
func (v *varints) skipHead() {
	v.next() // size
	v.skip(1)
	v.next() // time
	v.next() // offset
}
