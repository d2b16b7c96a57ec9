package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// What a bbolt file looks like, in the byte order of the machine. It is read here without bbolt, which
// panics, ends the process or never ends over some damages.
//
//	page    id (8) | kind (2) | count (2) | pages that it goes on over (4) | elements, then what they point to
//	branch  16 bytes an element: place of the key (4), its length (4), page (8)
//	leaf    16 bytes an element: 1 for a bucket (4), place (4), length of key (4) and value (4)
//	bucket  a value: page of its root (8) | sequence (8) | a page of its own, if the root is 0
//	first   after the page's head: magic (4) version (4) page size (4) flags (4) root (8) sequence (8)
//	        free list (8) pages in use (8) transaction (8) FNV-64a of these (8)
const (
	pageHead    = 16
	elementSize = 16
	branchKind  = 0x01
	leafKind    = 0x02
	freeKind    = 0x10
	bucketFlag  = 0x01
	noFreeList  = ^uint64(0)
	mostDepth   = 64
	boltMagic   = 0xED0CDAED
	metaSize    = 64
)

// A verifier reads a whole store.
type verifier struct {
	f        *os.File
	pageSize int
	high     uint64 // pages in use
	root     uint64
	free     uint64
	seen     []bool // pages that are part of the tree
	levels   [][]byte
	oneMeta  bool // one of the first two pages cannot be read

	sums map[string]*opSum
	meta map[string][]byte // entries of the bucket of that name
}

// verify reads the file from end to end and returns a *CorruptError for the first fault: of its structure,
// of an entry, or of what stands beside the checkpoint. Nobody may commit meanwhile.
func verify(path string) (*verifier, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read store %s: %w", path, err)
	}
	defer f.Close()
	v := &verifier{f: f, sums: map[string]*opSum{}, meta: map[string][]byte{}}
	if err := v.all(); err != nil {
		return v, &CorruptError{path, err.Error()}
	}
	return v, nil
}

func (v *verifier) all() error {
	if err := v.first(); err != nil {
		return err
	}
	v.seen = make([]bool, v.high)
	if err := v.tree(v.root, nil, nil, 0, v.bucket); err != nil {
		return err
	}
	if err := v.freeList(); err != nil {
		return err
	}
	for _, key := range [][]byte{keyEpoch, keyCheckpoint, keySums} {
		if text, ok := v.meta[string(key)]; ok {
			if _, err := unseal(metaBucket, key, text); err != nil {
				return fmt.Errorf("its %s: %w", key, err)
			}
		}
	}
	want, err := parseSums(v.meta[string(keySums)])
	if err != nil {
		return err
	}
	for name, got := range v.sums {
		if w := want[name]; w == nil && *got != (opSum{}) || w != nil && *w != *got {
			return fmt.Errorf("operator %q has %d entries, and they are not those of its checkpoint", name, got.entries)
		}
	}
	for name, w := range want {
		if v.sums[name] == nil {
			return fmt.Errorf("operator %q is gone with its %d entries", name, w.entries)
		}
	}
	return nil
}

// first finds out which of the first two pages is the newer one that can be read.
func (v *verifier) first() error {
	var newest uint64
	found, sizes := 0, []int64{1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16}
	try := func(at int64) {
		var b [pageHead + metaSize]byte
		if _, err := v.f.ReadAt(b[:], at); err != nil {
			return
		}
		m := b[pageHead:]
		h := fnv.New64a()
		_, _ = h.Write(m[:metaSize-8])
		if binary.NativeEndian.Uint32(m) != boltMagic || binary.NativeEndian.Uint64(m[metaSize-8:]) != h.Sum64() {
			return
		}
		found++
		if tx := binary.NativeEndian.Uint64(m[48:]); found == 1 || tx > newest {
			newest = tx
			v.pageSize = int(binary.NativeEndian.Uint32(m[8:]))
			v.root, v.free, v.high = binary.NativeEndian.Uint64(m[16:]), binary.NativeEndian.Uint64(m[32:]), binary.NativeEndian.Uint64(m[40:])
		}
	}
	try(0)
	if found == 1 {
		sizes = []int64{int64(v.pageSize)}
	}
	for _, at := range sizes {
		try(at)
	}
	info, err := v.f.Stat()
	if err != nil {
		return err
	}
	if found == 0 {
		return errors.New("both of its first pages are unreadable")
	}
	v.oneMeta = found == 1
	if v.high > uint64(info.Size())/uint64(v.pageSize) {
		return fmt.Errorf("it has %d bytes, its own count says %d", info.Size(), v.high*uint64(v.pageSize))
	}
	return nil
}

// page reads a page of the tree into the memory of its depth.
func (v *verifier) page(id uint64, depth int) ([]byte, error) {
	if id < 2 || id >= v.high || depth > mostDepth {
		return nil, fmt.Errorf("page %d is named, and there are %d", id, v.high)
	}
	for len(v.levels) <= depth {
		v.levels = append(v.levels, make([]byte, v.pageSize))
	}
	b := v.levels[depth][:v.pageSize]
	at := int64(id) * int64(v.pageSize)
	if _, err := v.f.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, err
	}
	more := uint64(binary.NativeEndian.Uint32(b[12:]))
	if binary.NativeEndian.Uint64(b) != id || id+more >= v.high {
		return nil, fmt.Errorf("page %d calls itself %d", id, binary.NativeEndian.Uint64(b))
	}
	for p := id; p <= id+more; p++ {
		if v.seen[p] {
			return nil, fmt.Errorf("page %d is named twice", p)
		}
		v.seen[p] = true
	}
	if more > 0 {
		size := (int(more) + 1) * v.pageSize
		if cap(b) < size {
			b = make([]byte, size)
			v.levels[depth] = b
		}
		b = b[:size]
		if _, err := v.f.ReadAt(b, at); err != nil && err != io.EOF {
			return nil, err
		}
	}
	return b, nil
}

// A leafVisit gets an entry of a leaf; bytes are valid during the call.
type leafVisit func(isBucket bool, k, val []byte, depth int) error

// tree goes over the tree below a page: keys are in order, from low on and below high, if there is one.
func (v *verifier) tree(id uint64, low, high []byte, depth int, visit leafVisit) error {
	b, err := v.page(id, depth)
	if err != nil {
		return err
	}
	return v.elements(b, id, low, high, depth, visit)
}

func (v *verifier) elements(b []byte, id uint64, low, high []byte, depth int, visit leafVisit) error {
	kind, count := binary.NativeEndian.Uint16(b[8:]), int(binary.NativeEndian.Uint16(b[10:]))
	if kind != branchKind && kind != leafKind || kind == branchKind && count == 0 || pageHead+count*elementSize > len(b) {
		return fmt.Errorf("page %d has the kind %d and %d elements", id, kind, count)
	}
	var last []byte
	for i := range count {
		at := pageHead + i*elementSize
		e := b[at:]
		f := [4]uint64{}
		for j := range f {
			f[j] = uint64(binary.NativeEndian.Uint32(e[4*j:]))
		}
		from, size, val := f[1], f[2], f[3]
		if kind == branchKind {
			from, size, val = f[0], f[1], 0
		}
		if uint64(at)+from+size+val > uint64(len(b)) || from < uint64(count-i)*elementSize {
			return fmt.Errorf("element %d of page %d lies outside of it", i, id)
		}
		k := b[uint64(at)+from:][:size]
		if i > 0 && bytes.Compare(k, last) <= 0 || i == 0 && low != nil && bytes.Compare(k, low) < 0 || high != nil && bytes.Compare(k, high) >= 0 {
			return fmt.Errorf("element %d of page %d is out of order", i, id)
		}
		last = k
		if kind == leafKind {
			if err := visit(f[0]&bucketFlag != 0, k, b[uint64(at)+from+size:][:val], depth+1); err != nil {
				return err
			}
			continue
		}
		next := high
		if i+1 < count {
			n := at + elementSize
			pos, size := uint64(binary.NativeEndian.Uint32(b[n:])), uint64(binary.NativeEndian.Uint32(b[n+4:]))
			if uint64(n)+pos+size > uint64(len(b)) {
				return fmt.Errorf("element %d of page %d lies outside of it", i+1, id)
			}
			next = b[uint64(n)+pos:][:size]
		}
		if err := v.tree(binary.NativeEndian.Uint64(e[8:]), k, next, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// bucket goes over a bucket of the file.
func (v *verifier) bucket(isBucket bool, name, val []byte, depth int) error {
	if !isBucket || len(val) < 16 {
		return fmt.Errorf("%q is no bucket", name)
	}
	visit := v.metaEntry
	if op, ok := opOf(name); ok {
		sum := &opSum{}
		v.sums[op] = sum
		owned := bytes.Clone(name)
		visit = func(isBucket bool, k, val []byte, _ int) error {
			if _, err := unseal(owned, k, val); err != nil || isBucket {
				return fmt.Errorf("operator %q: %w", op, errSum)
			}
			sum.add(storedSum(val))
			return nil
		}
	} else if !bytes.Equal(name, metaBucket) {
		return fmt.Errorf("it has a bucket %q", name)
	}
	root := binary.NativeEndian.Uint64(val)
	if root != 0 {
		return v.tree(root, nil, nil, depth, visit)
	}
	if len(val) < 16+pageHead {
		return fmt.Errorf("bucket %q is cut off", name)
	}
	return v.elements(val[16:], 0, nil, nil, depth, func(isBucket bool, k, val []byte, depth int) error {
		return visit(isBucket, k, val, depth)
	})
}

func (v *verifier) metaEntry(_ bool, k, val []byte, _ int) error {
	v.meta[string(k)] = bytes.Clone(val)
	return nil
}

// freeList makes sure that no page is both free and in use: the next commit would write over it.
func (v *verifier) freeList() error {
	if v.free == noFreeList {
		return nil
	}
	b, err := v.page(v.free, 0)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	ids, count := b[pageHead:], uint64(binary.NativeEndian.Uint16(b[10:]))
	if count == 0xFFFF {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if binary.NativeEndian.Uint16(b[8:]) != freeKind || count > uint64(len(ids)/8) {
		return fmt.Errorf("the list of free pages has the kind %d and %d entries", binary.NativeEndian.Uint16(b[8:]), count)
	}
	for i := range count {
		id := binary.NativeEndian.Uint64(ids[8*i:])
		if id < 2 || id >= v.high || v.seen[id] {
			return fmt.Errorf("page %d is in use and in the list of free pages", id)
		}
		v.seen[id] = true
	}
	return nil
}
