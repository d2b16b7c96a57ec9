package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/nagare-stream/nagare/engine/record"
)

// A batch is records in one message. All numbers are little endian.
//
//	 0  magic "NGB1"
//	 4  CRC-32C of everything behind it
//	 8  flags, bit 0: the body is S2-compressed; bit 1: the records are lost, and the body is empty;
//	    bit 2: some record has headers, and the body ends with those of all
//	12  count of records
//	16  offset of the first record
//	24  the producer's number of the first record, -1: none
//	32  the producer's mark
//	40  chain: CRC-32C of the batch before (its chain) and of this body
//	44  bytes of the body before compression
//	48  bytes of keys
//	52  bytes of values
//	56  time of the first record, microseconds
//	64  body:
//	      values, end to end  | keys, end to end | lengths of values | lengths of keys | times
//	      (| bytes of headers | lengths of headers | headers, end to end; see record.AppendHeader)
//
// A length is a uvarint, 0 for NULL, else length + 1. A time is a zigzag varint, the difference to
// the one before. Values come first so that a reader decompresses the body to where the values go
// and copies only the rest.
const (
	batchMagic     = "NGB1"
	batchHeader    = 64
	flagCompressed = 1 << 0
	flagLost       = 1 << 1
	flagHeaders    = 1 << 2

	atSum    = 4
	atFlags  = 8
	atCount  = 12
	atBase   = 16
	atSeq    = 24
	atMark   = 32
	atChain  = 40
	atRaw    = 44
	atKeys   = 48
	atValues = 52
	atTime   = 56
)

// Limits of a batch, in keys and values. An append up to MaxBatchRecords and MaxBatchBytes is one
// batch, and is in the log whole or not at all; a larger one is split. A record above MaxRecordBytes
// is refused. A row that a pipeline makes of a record may be larger than it: text in JSON takes up to six
// bytes for one, so what a RowWriter accepts leaves room for that.
const (
	MaxRecordBytes  = 1 << 20
	MaxRowBytes     = 7 << 20
	MaxBatchRecords = 4096
	MaxBatchBytes   = 2 << 20
	maxRawBytes     = maxPayload - batchHeader // what a reader accepts
	minCompress     = 128                      // bytes of body below which compression is not tried
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBatch = errors.New("the batch is malformed")

// batchHead is the fixed part of a batch.
type batchHead struct {
	flags  uint32
	count  int
	base   int64
	seq    int64
	mark   uint64
	chain  uint32
	raw    int
	keys   int
	values int
	time   int64
}

// next is the offset behind the batch.
func (h *batchHead) next() int64 { return h.base + int64(h.count) }

// parseHead checks the sum and the sizes of a batch.
func parseHead(b []byte) (batchHead, error) {
	if len(b) < batchHeader || string(b[:4]) != batchMagic {
		return batchHead{}, errBatch
	}
	if got, want := crc32.Checksum(b[atFlags:], castagnoli), binary.LittleEndian.Uint32(b[atSum:]); got != want {
		return batchHead{}, fmt.Errorf("the checksum of the batch is %08x, its bytes have %08x", want, got)
	}
	h := batchHead{
		flags:  binary.LittleEndian.Uint32(b[atFlags:]),
		count:  int(binary.LittleEndian.Uint32(b[atCount:])),
		base:   int64(binary.LittleEndian.Uint64(b[atBase:])),
		seq:    int64(binary.LittleEndian.Uint64(b[atSeq:])),
		mark:   binary.LittleEndian.Uint64(b[atMark:]),
		chain:  binary.LittleEndian.Uint32(b[atChain:]),
		raw:    int(binary.LittleEndian.Uint32(b[atRaw:])),
		keys:   int(binary.LittleEndian.Uint32(b[atKeys:])),
		values: int(binary.LittleEndian.Uint32(b[atValues:])),
		time:   int64(binary.LittleEndian.Uint64(b[atTime:])),
	}
	if h.flags&^(flagCompressed|flagLost|flagHeaders) != 0 {
		return batchHead{}, fmt.Errorf("the batch has flags %#x, which a newer nagare may know", h.flags)
	}
	if h.flags&flagLost != 0 {
		if h.base < 0 || h.raw != 0 || len(b) != batchHeader {
			return batchHead{}, errBatch
		}
		return h, nil
	}
	// Each record has at least one byte for each of its two lengths and its time.
	if h.count == 0 || h.base < 0 || h.raw > maxRawBytes || h.keys > h.raw || h.values > h.raw || h.count > (h.raw-h.keys-h.values)/3 {
		return batchHead{}, errBatch
	}
	return h, nil
}

// An encoder makes batches. Its memory, a few times the largest batch, is used again by the next one who needs an
// encoder: one each for all partitions would keep what the largest backlog took.
type encoder struct{ body, rest []byte }

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// encode appends the batch of records [from, to) of r to dst, which gets no more room than the batch needs. Offset and
// chain are set by stamp.
func (e *encoder) encode(dst []byte, r *record.Records, from, to int, seq int64, mark uint64) []byte {
	values, keys := part(&r.Values, from, to), part(&r.Keys, from, to)
	packed := packedOf(r, values)
	body := e.body[:0]
	if packed == nil {
		body = append(body, values...)
	}
	body = append(body, keys...)
	body = appendLengths(body, &r.Values, from, to)
	body = appendLengths(body, &r.Keys, from, to)
	last := r.Times[from]
	for _, t := range r.Times[from:to] {
		body = binary.AppendVarint(body, t-last)
		last = t
	}
	body, headers := appendHeaders(body, r, from, to)
	e.body = body

	at := len(dst)
	dst = append(dst, make([]byte, batchHeader)...)
	raw, flags := len(body), uint32(0)
	if packed != nil {
		raw += len(values)
		e.rest = s2.Encode(e.rest[:cap(e.rest)], body)
		both, err := s2.ConcatBlocks(grow(dst, len(packed)+len(e.rest)+binary.MaxVarintLen64), packed, e.rest)
		if err != nil {
			panic("BUG: blocks that were just made cannot be read: " + err.Error())
		}
		dst, flags = both, flagCompressed
	} else {
		if len(body) >= minCompress {
			e.rest = s2.Encode(e.rest[:cap(e.rest)], body)
			if len(e.rest) < len(body)-len(body)/8 {
				body, flags = e.rest, flagCompressed
			}
		}
		dst = append(grow(dst, len(body)), body...)
	}
	if headers {
		flags |= flagHeaders
	}
	h := dst[at:]
	copy(h, batchMagic)
	binary.LittleEndian.PutUint32(h[atFlags:], flags)
	binary.LittleEndian.PutUint32(h[atCount:], uint32(to-from))
	binary.LittleEndian.PutUint64(h[atSeq:], uint64(seq))
	binary.LittleEndian.PutUint64(h[atMark:], mark)
	binary.LittleEndian.PutUint32(h[atRaw:], uint32(raw))
	binary.LittleEndian.PutUint32(h[atKeys:], uint32(len(keys)))
	binary.LittleEndian.PutUint32(h[atValues:], uint32(len(values)))
	binary.LittleEndian.PutUint64(h[atTime:], uint64(r.Times[from]))
	return dst
}

// appendHeaders appends the headers of records [from, to), if there are any.
func appendHeaders(dst []byte, r *record.Records, from, to int) ([]byte, bool) {
	size := 0
	for i := from; i < min(to, r.Headers.Len()); i++ {
		size += len(r.HeadersAt(i))
	}
	if size == 0 {
		return dst, false
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	for i := from; i < to; i++ {
		if h := r.HeadersAt(i); h == nil {
			dst = append(dst, 0)
		} else {
			dst = binary.AppendUvarint(dst, uint64(len(h))+1)
		}
	}
	for i := from; i < to; i++ {
		dst = append(dst, r.HeadersAt(i)...)
	}
	return dst, true
}

// packedOf is the records' values as they come compressed, if these are all of them.
func packedOf(r *record.Records, values []byte) []byte {
	if n, err := s2.DecodedLen(r.Packed); len(r.Packed) > 0 && len(values) == len(r.Values.Data) && err == nil && n == len(values) {
		return r.Packed
	}
	return nil
}

// stamp gives a batch its place in the log: the offset of its first record, and the chain of the
// batch before. It returns the chain of this one.
func stamp(b []byte, base int64, before uint32) uint32 {
	chain := chainOf(b, base, before)
	binary.LittleEndian.PutUint64(b[atBase:], uint64(base))
	binary.LittleEndian.PutUint32(b[atChain:], chain)
	binary.LittleEndian.PutUint32(b[atSum:], crc32.Checksum(b[atFlags:], castagnoli))
	return chain
}

// lostBatch stands for count records that are lost; 0 where another one counts them.
func lostBatch(base int64, count int, chain uint32) []byte {
	b := make([]byte, batchHeader)
	copy(b, batchMagic)
	binary.LittleEndian.PutUint32(b[atFlags:], flagLost)
	binary.LittleEndian.PutUint32(b[atCount:], uint32(count))
	binary.LittleEndian.PutUint64(b[atSeq:], ^uint64(0))
	binary.LittleEndian.PutUint64(b[atBase:], uint64(base))
	binary.LittleEndian.PutUint32(b[atChain:], chain)
	binary.LittleEndian.PutUint32(b[atSum:], crc32.Checksum(b[atFlags:], castagnoli))
	return b
}

// appendBatch decodes a batch, whose head is h, behind the records of dst. On an error dst is as
// before. Records below the offset skip are left out.
func appendBatch(dst *record.Records, h *batchHead, b []byte, skip int64) error {
	keep := *dst
	if err := decodeBatch(dst, h, b[batchHeader:]); err != nil {
		*dst = keep
		clearNulls(&dst.Keys)
		clearNulls(&dst.Values)
		clearNulls(&dst.Headers)
		return err
	}
	if skip > h.base {
		dropFront(dst, len(keep.Offsets), int(min(skip-h.base, int64(h.count))))
	}
	return nil
}

func decodeBatch(dst *record.Records, h *batchHead, packed []byte) error {
	start := len(dst.Values.Data)
	if uint64(start)+uint64(h.raw) > 1<<32-1 {
		return errors.New("the records of one read exceed 4 GiB")
	}
	data := grow(dst.Values.Data, h.raw)
	body := data[start : start+h.raw : start+h.raw]
	if h.flags&flagCompressed != 0 {
		if n, err := s2.DecodedLen(packed); err != nil || n != h.raw {
			return errBatch
		}
		if _, err := s2.Decode(body, packed); err != nil {
			return fmt.Errorf("decompress the batch: %w", err)
		}
	} else if copy(body, packed) != h.raw || len(packed) != h.raw {
		return errBatch
	}
	keys, rest := body[h.values:h.values+h.keys], body[h.values+h.keys:]
	var ok bool
	if rest, ok = appendEnds(&dst.Values, rest, h.count, start, h.values); !ok {
		return errBatch
	}
	at := len(dst.Keys.Data)
	dst.Keys.Data = append(dst.Keys.Data, keys...)
	if rest, ok = appendEnds(&dst.Keys, rest, h.count, at, h.keys); !ok {
		return errBatch
	}
	t := h.time
	for i := range h.count {
		d, n := binary.Varint(rest)
		if n <= 0 {
			return errBatch
		}
		rest = rest[n:]
		t += d
		dst.Times = append(dst.Times, t)
		dst.Offsets = append(dst.Offsets, h.base+int64(i))
	}
	if h.flags&flagHeaders != 0 {
		if rest, ok = decodeHeaders(dst, rest, h.count); !ok {
			return errBatch
		}
	}
	if len(rest) != 0 {
		return errBatch
	}
	dst.Values.Data = data[:start+h.values]
	return nil
}

// decodeHeaders reads the headers of the last count records.
func decodeHeaders(dst *record.Records, b []byte, count int) (rest []byte, ok bool) {
	size, w := binary.Uvarint(b)
	if w <= 0 || size > uint64(len(b)-w) {
		return nil, false
	}
	for dst.Headers.Len() < len(dst.Offsets)-count {
		dst.Headers.AppendNull()
	}
	b, ok = appendEnds(&dst.Headers, b[w:], count, len(dst.Headers.Data), int(size))
	if !ok || size > uint64(len(b)) {
		return nil, false
	}
	dst.Headers.Data = append(dst.Headers.Data, b[:size]...)
	return b[size:], true
}

// appendEnds reads count lengths, whose sum has to be size, and appends where the strings end.
func appendEnds(dst *record.Bytes, b []byte, count, at, size int) (rest []byte, ok bool) {
	end, limit := uint64(at), uint64(at+size)
	for range count {
		var n uint64
		if len(b) >= 2 && b[1] < 0x80 && b[0] >= 0x80 { // two bytes: most lengths
			n, b = uint64(b[0]&0x7f)|uint64(b[1])<<7, b[2:]
		} else {
			var w int
			if n, w = binary.Uvarint(b); w <= 0 {
				return nil, false
			}
			b = b[w:]
		}
		if n == 0 {
			dst.SetNull(len(dst.Ends))
			dst.Ends = append(dst.Ends, uint32(end))
			continue
		}
		if n-1 > limit-end {
			return nil, false
		}
		end += n - 1
		dst.Ends = append(dst.Ends, uint32(end))
	}
	return b, end == limit
}

// part returns the bytes of strings [from, to).
func part(b *record.Bytes, from, to int) []byte {
	if len(b.Starts) == 0 {
		return b.Data[b.Start(from):b.Ends[to-1]]
	}
	var out []byte
	for i := from; i < to; i++ {
		out = append(out, b.At(i)...)
	}
	return out
}

func appendLengths(dst []byte, b *record.Bytes, from, to int) []byte {
	for i := from; i < to; i++ {
		if b.IsNull(i) {
			dst = append(dst, 0)
		} else {
			dst = binary.AppendUvarint(dst, uint64(b.Ends[i]-b.Start(i))+1)
		}
	}
	return dst
}

// grow returns b with room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	bigger := make([]byte, len(b), max(2*cap(b), len(b)+n))
	copy(bigger, b)
	return bigger
}

// dropFront removes n records from place at on: those of a batch that come before a position.
func dropFront(r *record.Records, at, n int) {
	r.Offsets = append(r.Offsets[:at], r.Offsets[at+n:]...)
	r.Times = append(r.Times[:at], r.Times[at+n:]...)
	dropStrings(&r.Keys, at, n)
	dropStrings(&r.Values, at, n)
	if n := min(n, r.Headers.Len()-at); n > 0 {
		dropStrings(&r.Headers, at, n)
	}
}

func dropStrings(b *record.Bytes, at, n int) {
	from, to := uint32(0), b.Ends[at+n-1]
	if at > 0 {
		from = b.Ends[at-1]
	}
	b.Data = append(b.Data[:from], b.Data[to:]...)
	total := len(b.Ends)
	for i := at + n; i < total; i++ {
		b.Ends[i-n] = b.Ends[i] - (to - from)
		if len(b.Null) > 0 {
			moveNull(b, i-n, b.IsNull(i))
		}
	}
	b.Ends = b.Ends[:total-n]
	for i := total - n; i < total && i>>6 < len(b.Null); i++ {
		moveNull(b, i, false)
	}
}

// clearNulls clears the marks behind the last string.
func clearNulls(b *record.Bytes) {
	for i := len(b.Ends); i>>6 < len(b.Null) && i <= len(b.Ends)|63; i++ {
		moveNull(b, i, false)
	}
}

func moveNull(b *record.Bytes, i int, null bool) {
	if i>>6 >= len(b.Null) {
		return
	}
	if null {
		b.Null[i>>6] |= 1 << (uint(i) & 63)
	} else {
		b.Null[i>>6] &^= 1 << (uint(i) & 63)
	}
}
