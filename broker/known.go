package broker

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/minio/highwayhash"
)

// What a start compares the files of the server with, beside what the caller knows: for each stream, from
// its creation to its deletion, a folder
//
//	known/STREAM/meta.inf, meta.sum   its description
//	known/STREAM/end                  what was acknowledged last
//	known/STREAM/index                what its full blocks hold (see noted.go)
//
// The end is written after an acknowledgement and before anybody is told, and is never synced: it survives
// a kill, and after a power cut it is an older one. So the log never has less.
const (
	knownFolder = "known"
	knownEnd    = "end"
	endMagic    = "NGE1"
	endSize     = 4 + 8 + 8 + 4 + 4
)

func (b *Broker) knownPath(stream string) string { return filepath.Join(b.dir, knownFolder, stream) }

// know keeps the description of a stream that was made or changed.
func (b *Broker) know(stream string) error {
	if b.cfg.MemoryOnly {
		return nil
	}
	to, from := b.knownPath(stream), b.streamFolder(stream)
	if sameFile(filepath.Join(to, streamMeta), filepath.Join(from, streamMeta)) && sameFile(filepath.Join(to, streamSum), filepath.Join(from, streamSum)) {
		return nil
	}
	err := b.syncDescription(stream)
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	if err == nil {
		err = copyDescription(to, from)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(to))
	}
	if err != nil {
		return fmt.Errorf("note the description of %s: %w", placeOf(stream), err)
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err := os.ReadFile(a)
	if err != nil {
		return false
	}
	y, err := os.ReadFile(b)
	return err == nil && bytes.Equal(x, y)
}

// forget ends what is known of a stream, before it is deleted.
func (b *Broker) forget(stream string) error {
	if b.cfg.MemoryOnly {
		return nil
	}
	if err := os.RemoveAll(b.knownPath(stream)); err != nil {
		return fmt.Errorf("forget %s: %w", placeOf(stream), err)
	}
	err := syncFolder(filepath.Join(b.dir, knownFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// knownStreams lists the streams that were made and not deleted.
func (b *Broker) knownStreams() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(b.dir, knownFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// restoreDescriptions puts the descriptions of streams back that are gone or damaged: the server would not
// know such a stream, and nobody would know of its records.
func (b *Broker) restoreDescriptions() error {
	names, err := b.knownStreams()
	if err != nil {
		return err
	}
	for _, stream := range names {
		folder, known := b.streamFolder(stream), b.knownPath(stream)
		if isSummed(folder, stream) || !isSummed(known, stream) {
			continue
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := copyDescription(folder, known); err != nil {
			return fmt.Errorf("put back the description of %s: %w", placeOf(stream), err)
		}
		b.notice(fmt.Sprintf("the description of %s was damaged or gone, and was put back from its copy", placeOf(stream)))
	}
	return nil
}

// isSummed reports whether the description in a folder has the checksum that the server asks for.
func isSummed(folder, stream string) bool {
	text, err := os.ReadFile(filepath.Join(folder, streamMeta))
	if err != nil {
		return false
	}
	sum, err := os.ReadFile(filepath.Join(folder, streamSum))
	if err != nil {
		return false
	}
	return hex.EncodeToString(streamHash(stream, text)) == string(sum)
}

// streamHash is the hash that the server keeps beside what it writes about a stream.
func streamHash(stream string, text []byte) []byte {
	key := blockKey(stream)
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	_, _ = h.Write(text)
	return h.Sum(nil)
}

// An endFile keeps what was acknowledged last in a stream.
type endFile struct {
	path string

	mu sync.Mutex
	f  *os.File
}

// read returns the end that was noted; ok is false when there is none that can be read.
func (e *endFile) read() (s PartitionState, ok bool, err error) {
	text, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	if len(text) != endSize || string(text[:4]) != endMagic || crc32.Checksum(text[:endSize-4], castagnoli) != binary.LittleEndian.Uint32(text[endSize-4:]) {
		return s, false, nil
	}
	return PartitionState{binary.LittleEndian.Uint64(text[4:]), int64(binary.LittleEndian.Uint64(text[12:])), binary.LittleEndian.Uint32(text[20:])}, true, nil
}

// write notes an end.
func (e *endFile) write(s PartitionState) error {
	var text [endSize]byte
	copy(text[:], endMagic)
	binary.LittleEndian.PutUint64(text[4:], s.LastSeq)
	binary.LittleEndian.PutUint64(text[12:], uint64(s.Count))
	binary.LittleEndian.PutUint32(text[20:], s.Chain)
	binary.LittleEndian.PutUint32(text[endSize-4:], crc32.Checksum(text[:endSize-4], castagnoli))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.f == nil {
		f, err := os.OpenFile(e.path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		e.f = f
	}
	_, err := e.f.WriteAt(text[:], 0)
	return err
}

func (e *endFile) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.f != nil {
		_ = e.f.Close()
		e.f = nil
	}
}
