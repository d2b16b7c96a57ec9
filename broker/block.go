package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/minio/highwayhash"
)

// The server keeps the messages of a stream in files msgs/N.blk, one record behind the other. It cuts a
// file off at the first record that it cannot read, so the files are read here before it sees them. All
// numbers are little endian.
//
//	 0  length of the record, bit 31: it has headers
//	 4  sequence, bit 63: the message was erased, bit 62: the record only notes a deletion
//	12  time, nanoseconds
//	20  length of the subject
//	22  subject | length of the headers (4 bytes) and headers, if it has any | data
//	    hash of 4 … 20, subject, headers and data: HighwayHash-64 under a key of the stream and the block
//
// The hash covers neither the lengths of subject and headers nor the bit for headers: what they lead to
// is looked at instead.
const (
	recordHeader  = 22
	recordHash    = 8
	recordMost    = 32 << 20
	recordHeaders = 1 << 31
	recordErased  = 1 << 63
	recordDeletes = 1 << 62
	natsHeaders   = "NATS/1.0\r\n"
	batchHeaders  = headerBatch + ": " + batchFormat + "\r\n"
)

// A blockRecord is a whole record of a block.
type blockRecord struct {
	at, end int // where it lies in the block
	seq     uint64
	count   int   // of records of the topic in it
	base    int64 // offset of the first of them, -1: it does not say
	chain   uint32
	deletes bool // it is no message
	lost    bool // it stands for records that are lost
}

// A blockHole is bytes of a block that are no record.
type blockHole struct {
	at, end int
	reason  string
	cut     bool // the block ends before the record does
}

// A block reads the file of one block.
type block struct {
	subject string // of the partition
	hash    *highwayhash.Digest64
	sum     [recordHash]byte
	chained uint64 // messages behind this one have to continue the chain of the one before
	tally   *tally // nil: nobody asks for it

	records []blockRecord
	holes   []blockHole
}

func blockKey(name string) [32]byte { return sha256.Sum256([]byte(name)) }

func newBlock(stream, subject string, index int) *block {
	key := blockKey(fmt.Sprintf("%s-%d", stream, index))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return &block{subject: subject, hash: h}
}

// read finds the records of a block and what lies between them.
func (b *block) read(buf []byte) {
	b.records, b.holes = b.records[:0], b.holes[:0]
	for at := 0; at < len(buf); {
		r, reason, cut := b.record(buf, at)
		if reason == "" {
			b.records = append(b.records, r)
			if b.tally != nil {
				b.tally.see(&r, buf[at:r.end])
			}
			at = r.end
			continue
		}
		next := b.resync(buf, at+1)
		b.holes = append(b.holes, blockHole{at, next, reason, cut && next == len(buf)})
		at = next
	}
}

// resync returns where the next whole record begins: its subject begins with the partition's.
func (b *block) resync(buf []byte, at int) int {
	for from := at + recordHeader; from < len(buf); {
		i := bytes.Index(buf[from:], []byte(b.subject))
		if i < 0 {
			break
		}
		if start := from + i - recordHeader; start >= at {
			if _, reason, _ := b.record(buf, start); reason == "" {
				return start
			}
		}
		from += i + 1
	}
	return len(buf)
}

// record reads the record at a place of a block, or says why there is none; cut means that it is
// longer than what is left.
func (b *block) record(buf []byte, at int) (r blockRecord, reason string, cut bool) {
	rest := buf[at:]
	if len(rest) < recordHeader {
		return r, "the record is cut off", true
	}
	length := binary.LittleEndian.Uint32(rest)
	hasHeaders := length&recordHeaders != 0
	n, subject := int(length&^recordHeaders), int(binary.LittleEndian.Uint16(rest[20:]))
	head := recordHeader + subject
	if hasHeaders {
		head += 4
	}
	if n < head+recordHash || n > recordMost {
		return r, fmt.Sprintf("the length of the record is %d", n), false
	}
	if n > len(rest) {
		return r, "the record is cut off", true
	}
	rest = rest[:n]
	data := rest[head : n-recordHash]
	b.hash.Reset()
	_, _ = b.hash.Write(rest[4:20])
	_, _ = b.hash.Write(rest[recordHeader : recordHeader+subject])
	_, _ = b.hash.Write(data)
	if !bytes.Equal(b.hash.Sum(b.sum[:0]), rest[n-recordHash:]) {
		return r, "the hash of the record is wrong", false
	}
	seq := binary.LittleEndian.Uint64(rest[4:])
	r = blockRecord{at: at, end: at + n, seq: seq &^ (recordErased | recordDeletes), count: 1, base: -1, deletes: seq&(recordErased|recordDeletes) != 0}
	if r.deletes {
		return r, "", false
	}
	name := rest[recordHeader : recordHeader+subject]
	if behind, ok := bytes.CutPrefix(name, []byte(b.subject)); !ok || len(behind) > 0 && behind[0] != '.' {
		return r, fmt.Sprintf("the subject of the record is %q", name), false
	}
	if !hasHeaders {
		return r, "", false
	}
	size := int(binary.LittleEndian.Uint32(rest[head-4:]))
	if size > len(data) || !bytes.HasPrefix(data, []byte(natsHeaders)) || !bytes.HasSuffix(data[:size], []byte("\r\n\r\n")) {
		return r, "the headers of the record are damaged", false
	}
	if bytes.Contains(data[:size], []byte(batchHeaders)) {
		return b.batch(r, data[size:])
	}
	return r, "", false
}

// batch adds to a record what its batch says.
func (b *block) batch(r blockRecord, data []byte) (blockRecord, string, bool) {
	if len(data) < batchHeader || string(data[:4]) != batchMagic {
		return r, errBatch.Error(), false
	}
	r.count = int(binary.LittleEndian.Uint32(data[atCount:]))
	r.base = int64(binary.LittleEndian.Uint64(data[atBase:]))
	r.chain = binary.LittleEndian.Uint32(data[atChain:])
	r.lost = binary.LittleEndian.Uint32(data[atFlags:])&flagLost != 0
	if n := len(b.records); b.chained > 0 && r.seq > b.chained && n > 0 {
		before := b.records[n-1]
		linked := before.base >= 0 && before.seq+1 == r.seq && before.base+int64(before.count) == r.base
		if linked && !before.lost && !r.lost && chainOf(data, r.base, before.chain) != r.chain {
			return r, "it does not continue the batch before it", false
		}
	}
	return r, "", false
}

// chainOf is the chain of a batch at an offset, behind a batch with the chain before.
func chainOf(b []byte, base int64, before uint32) uint32 {
	var link [12]byte
	binary.LittleEndian.PutUint32(link[:], before)
	binary.LittleEndian.PutUint64(link[4:], uint64(base))
	return crc32.Update(crc32.Checksum(link[:], castagnoli), castagnoli, b[batchHeader:])
}

// appendRecord appends the record of a message to a block.
func (b *block) appendRecord(dst []byte, seq uint64, nanos int64, subject, headers string, data []byte) []byte {
	at := len(dst)
	n := recordHeader + len(subject) + 4 + len(headers) + len(data) + recordHash
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n)|recordHeaders)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(nanos))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(subject)))
	dst = append(dst, subject...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(headers)))
	dst = append(append(dst, headers...), data...)
	b.hash.Reset()
	_, _ = b.hash.Write(dst[at+4 : at+20])
	_, _ = b.hash.Write([]byte(subject))
	_, _ = b.hash.Write([]byte(headers))
	_, _ = b.hash.Write(data)
	return b.hash.Sum(dst)
}
