package broker

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// After a kill the server's index is older than its log, or there is none yet: the server writes it every
// other minute. It then trusts none of it and reads every block, which it cuts off at a fault. What an index
// says of blocks that were full by then is still true, so the rest alone is read here, and the index is brought
// up to date: the server then finds it in order, reads no block and cuts nothing. Only a plain log is done so:
// every message in its place, nothing deleted, no end cut short. Damage in a block that is not read is met by
// whoever reads it, as after a clean stop.

// indexVersion is the form of the index that is written here.
const indexVersion = 4

// A tally is what the index says of messages, collected while blocks are read.
type tally struct {
	behind uint64 // messages up to this one are in the index
	first  uint64 // of the block; 0: none yet
	last   uint64
	times  [2]int64 // of these two
	bytes  int64
	count  uint64 // of messages behind
	sizes  int64  // of them
	counts map[string]*uint64
	plain  bool // so far each message has followed the one before it
}

// see counts a record of a block; text is the whole of it.
func (t *tally) see(r *blockRecord, text []byte) {
	nanos := int64(binary.LittleEndian.Uint64(text[12:]))
	if r.deletes || t.first > 0 && r.seq != t.last+1 {
		t.plain = false
		return
	}
	if t.first == 0 {
		t.first, t.times[0] = r.seq, nanos
	}
	t.last, t.times[1] = r.seq, nanos
	t.bytes += int64(len(text))
	if r.seq <= t.behind {
		return
	}
	t.count, t.sizes = t.count+1, t.sizes+int64(len(text))
	subject := text[recordHeader : recordHeader+int(binary.LittleEndian.Uint16(text[20:]))]
	n := t.counts[string(subject)]
	if n == nil {
		n = new(uint64)
		t.counts[string(subject)] = n
	}
	*n++
}

// covers returns how many of the files, the first ones, are full and as the index says; false when the log
// is none that can have grown out of it.
func (x *index) covers(files []blockFile) (full int, ok bool) {
	if x.version != indexVersion || x.messages == 0 || x.last+1-x.first != x.messages || len(files) < len(x.blocks) {
		return 0, false
	}
	next := x.first
	for i, b := range x.blocks {
		end := i == len(x.blocks)-1
		if files[i].number != b.number || b.first != next || b.last < b.first || b.other || files[i].size < b.bytes || !end && files[i].size != b.bytes {
			return 0, false
		}
		next = b.last + 1
	}
	full = len(x.blocks)
	if end := x.blocks[full-1]; full == len(files) || files[full-1].size != end.bytes {
		full-- // it went on
	}
	var sum [recordHash]byte
	last := len(x.blocks) - 1
	return full, next == x.last+1 && readSum(files[last], x.blocks[last].bytes, &sum) && sum == x.lastSum
}

// basis is the newest index that the log can have grown out of, and how many blocks were full by then: the
// server's, the one that was noted, or one of no message at all.
func (p *proof) basis() (x *index, full int) {
	x = &index{version: indexVersion, first: p.floor, last: p.floor - 1, subjects: make(map[string]indexedSubject)}
	if !p.synced {
		return x, 0
	}
	for _, path := range []string{p.indexPath(), filepath.Join(p.known, knownIndex)} {
		y, err := readIndex(path, p.stream)
		if err != nil || y.first != p.floor || y.last <= x.last {
			continue
		}
		if n, ok := y.covers(p.files); ok && p.mayTrust(y.blocks[:n]) {
			x, full = y, n
		}
	}
	return x, full
}

// grow reads what lies behind an index's full blocks and writes the server's index anew. It returns false when
// the log is not plain, and then what was read is of no use, unless it was all.
func (p *proof) grow(x *index, full int) (bool, error) {
	p.skip(x, full)
	if full > 0 && p.want.LastSeq > 0 && p.want.LastSeq < p.next {
		return false, nil // it lies in what is not read
	}
	plain, err := p.extend(x, full)
	return plain && p.synced && p.writeIndex(x, p.indexPath()), err
}

// skip goes to where an index's full blocks end.
func (p *proof) skip(x *index, full int) {
	if full > 0 {
		p.next, p.offset = x.blocks[full-1].last+1, -1
	}
}

// extend reads the blocks behind the full ones of an index and adds them to it, if the log is plain.
func (p *proof) extend(x *index, full int) (plain bool, err error) {
	next := p.next
	p.tallied, p.behind = []*tally{}, x.last
	err = p.readBlocks(p.files[full:])
	tallied := p.tallied
	p.tallied = nil
	if err != nil || len(tallied) == 0 || len(p.gaps) > 0 || len(p.holes) > 0 {
		return false, err
	}
	for i, t := range tallied {
		if !t.plain || t.first != next || t.bytes != p.files[full+i].size {
			return false, nil
		}
		next = t.last + 1
		x.add(p.files[full+i], t)
	}
	return x.last+1 == next, nil
}

// writeIndex writes the index of a log to its end; false if it cannot be.
func (p *proof) writeIndex(x *index, path string) bool {
	f := p.files[len(p.files)-1]
	return readSum(f, f.size, &x.lastSum) && os.WriteFile(path, x.encode(p.stream), 0o600) == nil
}

// readSum reads the hash of the record that ends at a place of a block.
func readSum(f blockFile, end int64, sum *[recordHash]byte) bool {
	if end < recordHash {
		return false
	}
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.ReadAt(sum[:], end-recordHash)
	return err == nil
}

// add brings the index up to date with a block that was read.
func (x *index) add(f blockFile, t *tally) {
	b := indexed{number: f.number, bytes: f.size, first: t.first, last: t.last, times: t.times}
	n := len(x.blocks)
	if n == 0 {
		x.times[0] = t.times[0]
	}
	if n > 0 && x.blocks[n-1].number == f.number {
		x.blocks[n-1] = b
	} else {
		x.blocks = append(x.blocks, b)
	}
	x.messages, x.bytes = x.messages+t.count, x.bytes+uint64(t.sizes)
	if t.last > x.last {
		x.last, x.times[1] = t.last, t.times[1]
	}
	for subject, n := range t.counts {
		s := x.subjects[subject]
		if s.total == 0 {
			s.first = uint64(f.number)
		}
		s.total, s.last = s.total+*n, uint64(f.number)
		x.subjects[subject] = s
	}
}

// encode writes the index as the server does.
func (x *index) encode(stream string) []byte {
	out := []byte{indexMagic, indexVersion}
	put := func(values ...uint64) {
		for _, v := range values {
			out = binary.AppendUvarint(out, v)
		}
	}
	start := x.times[0]
	put(x.messages, x.bytes, x.first)
	out = binary.AppendVarint(out, start)
	put(x.last)
	out = binary.AppendVarint(out, x.times[1])
	put(uint64(len(x.subjects)))
	for _, name := range slices.Sorted(maps.Keys(x.subjects)) {
		s := x.subjects[name]
		put(uint64(len(name)))
		out = append(out, name...)
		put(s.total, s.first, s.last)
	}
	put(uint64(len(x.blocks)))
	for _, b := range x.blocks {
		put(uint64(b.number), uint64(b.bytes), b.first)
		out = binary.AppendVarint(out, b.times[0]-start)
		put(b.last)
		out = binary.AppendVarint(out, b.times[1]-start)
		put(0, 0, 0) // nothing deleted, no message that ends by itself, none that is for later
	}
	put(uint64(x.blocks[len(x.blocks)-1].number))
	out = append(out, x.lastSum[:]...)
	return append(out, streamHash(stream, out)...)
}
