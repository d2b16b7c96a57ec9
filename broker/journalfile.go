package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// A journalFile is one of the journal's two.
type journalFile struct {
	f    *os.File
	at   int64
	size int64
}

func sealChunk(chunk []byte) {
	binary.LittleEndian.PutUint32(chunk[4:], uint32(len(chunk)-chunkHeader))
	binary.LittleEndian.PutUint32(chunk, crc32.Checksum(chunk[4:], castagnoli))
}

// open opens a file of the journal, if it is not open yet.
func (j *journal) open(n int) (err error) {
	if j.files[n] == nil {
		j.files[n], err = openJournalFile(j.dir, n)
	}
	return err
}

func openJournalFile(dir string, n int) (*journalFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := journalPath(dir, n)
	isNew := !exists(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journalFile{f: f}
	info, err := f.Stat()
	if err == nil {
		j.size = info.Size()
		err = j.grow(journalStep)
	}
	if err == nil && isNew {
		err = errors.Join(syncFolder(dir), syncFolder(filepath.Dir(dir)))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func journalPath(dir string, n int) string { return filepath.Join(dir, fmt.Sprint(n)) }

// append writes a chunk and makes it durable.
func (f *journalFile) append(chunk []byte) error {
	end := f.at + int64(len(chunk))
	end += -end & (chunkAlign - 1)
	if end > f.size && len(chunk) >= journalStep/8 { // zeros before it would be bytes and a sync more, for one sync less
		chunk = append(chunk, make([]byte, end-f.at-int64(len(chunk)))...)
		f.size = end
	} else if err := f.grow(end); err != nil {
		return err
	}
	if _, err := f.f.WriteAt(chunk, f.at); err != nil {
		return err
	}
	f.at = end
	return syncData(f.f)
}

// zeros is what a file grows by at once. A system may keep what one write gave in one piece, and count all of it as
// written again for each chunk in it.
var zeros [16 << 10]byte

// grow fills the file with zeros up to size bytes or more.
func (f *journalFile) grow(size int64) error {
	if size <= f.size {
		return nil
	}
	grown := size + -size&(journalStep-1)
	for at := f.size; at < grown; at += int64(len(zeros)) {
		if _, err := f.f.WriteAt(zeros[:min(grown-at, int64(len(zeros)))], at); err != nil {
			return err
		}
	}
	f.size = grown
	return f.f.Sync()
}

// entryMost is about what an entry takes beside its batch.
const entryMost = 256

// An entry is a message in the journal.
type entry struct {
	stream  string
	seq     uint64
	base    int64  // offset of its first record
	before  uint32 // chain of the batch before it
	subject string
	frame   []byte // empty: it was refused
}

func entryOf(m *pending) *entry {
	return &entry{stream: m.partition.stream, seq: m.seq, base: m.base, before: m.before, subject: m.subject, frame: m.frame}
}

func appendEntry(dst []byte, e *entry) []byte {
	dst = appendSized(dst, []byte(e.stream))
	dst = binary.AppendUvarint(dst, e.seq)
	dst = binary.AppendUvarint(dst, uint64(e.base))
	dst = binary.LittleEndian.AppendUint32(dst, e.before)
	dst = appendSized(dst, []byte(e.subject))
	return appendSized(dst, e.frame)
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
