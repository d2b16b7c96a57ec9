package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// streamIndex is the file beside the blocks in which the server says at a clean stop what they hold.
const streamIndex = "index.db"

// An index is what the server's file says. A start that finds it in order reads no block; else all.
type index struct {
	version                      byte
	messages, bytes, first, last uint64
	times                        [2]int64 // of the first and the last message, nanoseconds
	subjects                     map[string]indexedSubject
	blocks                       []indexed
	lastSum                      [recordHash]byte // the last bytes of the last block
}

// An indexedSubject is how many messages a subject has, and in which blocks the first and the last are.
type indexedSubject struct{ total, first, last uint64 }

type indexed struct {
	number      int
	bytes       int64
	first, last uint64
	times       [2]int64
	other       bool // it has messages that end by themselves, or are for later
}

const indexMagic = 11

// A blockFile is a file of messages.
type blockFile struct {
	number int
	size   int64
	path   string
}

// blockFiles lists the blocks of a stream in their order.
func blockFiles(stream string) ([]blockFile, error) {
	dir := filepath.Join(stream, streamBlocks)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []blockFile
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".blk")
		n, err := strconv.Atoi(name)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		files = append(files, blockFile{n, info.Size(), filepath.Join(dir, e.Name())})
	}
	slices.SortFunc(files, func(a, b blockFile) int { return a.number - b.number })
	return files, nil
}

var errIndex = errors.New("the index of the stream cannot be used")

// readIndex reads the index of a stream; errIndex when the server would not take it, or it is of a kind
// that is not met here.
func readIndex(path, stream string) (*index, error) {
	text, err := os.ReadFile(path)
	if err != nil || len(text) < 32 {
		return nil, errIndex
	}
	body := text[:len(text)-recordHash]
	if !bytes.Equal(streamHash(stream, body), text[len(body):]) || body[0] != indexMagic || body[1] < 1 || body[1] > 4 {
		return nil, errIndex
	}
	in := indexReader{b: body[2:]}
	x := &index{version: body[1], messages: in.uvarint(), bytes: in.uvarint(), first: in.uvarint(), subjects: make(map[string]indexedSubject)}
	x.times[0] = in.varint()
	x.last = in.uvarint()
	x.times[1] = in.varint()
	for range in.count() {
		name := string(in.skip(in.uvarint()))
		s := indexedSubject{total: in.uvarint(), first: in.uvarint()}
		s.last = s.first
		if s.total > 1 || x.version >= 4 {
			s.last = in.uvarint()
		}
		x.subjects[name] = s
	}
	for range in.count() {
		blk := indexed{number: int(in.uvarint()), bytes: int64(in.uvarint()), first: in.uvarint()}
		blk.times[0] = x.times[0] + in.varint()
		blk.last = in.uvarint()
		blk.times[1] = x.times[0] + in.varint()
		if in.uvarint() > 0 {
			return nil, errIndex // messages amid the block were deleted
		}
		for range min(x.version, 3) - 1 { // what the versions 2 and 3 added
			blk.other = in.uvarint() > 0 || blk.other
		}
		x.blocks = append(x.blocks, blk)
	}
	number := int(in.uvarint())
	copy(x.lastSum[:], in.skip(recordHash))
	if in.bad || len(x.blocks) == 0 || x.blocks[len(x.blocks)-1].number != number {
		return nil, errIndex
	}
	return x, nil
}

// fits reports whether the blocks are there as the index says, so that the server does not look at them.
func (x *index) fits(files []blockFile) bool {
	if len(files) == 0 {
		return false
	}
	last := files[len(files)-1]
	if last.number != x.blocks[len(x.blocks)-1].number || x.last+1-x.first != x.messages {
		return false
	}
	for _, b := range x.blocks {
		i, there := slices.BinarySearchFunc(files, b.number, func(f blockFile, n int) int { return f.number - n })
		if !there || files[i].size < b.bytes {
			return false
		}
	}
	var sum [recordHash]byte
	if last.size >= recordHash && !readSum(last, last.size, &sum) {
		return false
	}
	return sum == x.lastSum
}

// indexReader reads numbers. The first fault sticks.
type indexReader struct {
	b   []byte
	bad bool
}

func (r *indexReader) uvarint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *indexReader) varint() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return x
}

// count is a number of things of at least one byte each.
func (r *indexReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return 0
	}
	return int(n)
}

func (r *indexReader) skip(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// readBlock reads a block file into buf, which may be used again.
func readBlock(f blockFile, buf []byte) ([]byte, error) {
	if int64(cap(buf)) < f.size {
		buf = make([]byte, f.size)
	}
	buf = buf[:f.size]
	file, err := os.Open(f.path)
	if err != nil {
		return buf, err
	}
	defer file.Close()
	if _, err := io.ReadFull(file, buf); err != nil {
		return buf, fmt.Errorf("read %s: %w", f.path, err)
	}
	return buf, nil
}
