package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
)

// progressLimit is how large a progress file may grow before it is begun anew.
const progressLimit = 64 << 10

// progress is the file beside a sink's file that says how far it goes. It holds one line for each
// Flush; the last one counts, but for one that a crash cut off:
//
//	5c0f1b2e {"size":1234,"rows":[{"Sink":"sink/out","Partition":0,"Next":17}]}
//	└ CRC-32C of what follows the blank, in hex
//
// A new file is written under another name, synced, and renamed.
type progress struct {
	path string
	file *os.File
	size int64
	line []byte
}

type progressEntry struct {
	Size int64         `json:"size"`
	Rows []progressRow `json:"rows"`
}

type progressRow struct {
	rowLane
	Next int64
}

// syncError is a failed sync, which must not be tried again: the kernel may have dropped the pages.
type syncError struct{ err error }

func (e *syncError) Error() string {
	return fmt.Sprintf("sync: %v; start again to find what is on disk", e.err)
}
func (e *syncError) Unwrap() error { return e.err }

// openProgress reads the last whole line; next is nil where there is no file.
func openProgress(path string) (p *progress, size int64, next map[rowLane]int64, err error) {
	p = &progress{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, 0, nil, nil
	}
	if err != nil {
		return nil, 0, nil, openFault(path, err)
	}
	var last *progressEntry
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			// Nothing, or the end of a write that a crash cut off; but it may have lost no more than
			// the line feed.
			if e := parseProgress(line); e != nil {
				last = e
			} else if e := parseProgress(line[:max(len(line)-1, 0)]); e != nil {
				last = e
			}
			break
		}
		if last = parseProgress(line); last == nil {
			break
		}
		text = rest
	}
	if last == nil {
		return nil, 0, nil, fmt.Errorf("read %s: it is damaged, so that it is not known which rows the file beside it has; remove both to begin anew", path)
	}
	next = map[rowLane]int64{}
	for _, r := range last.Rows {
		next[r.rowLane] = r.Next
	}
	return p, last.Size, next, nil
}

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func parseProgress(line []byte) *progressEntry {
	sum, body, ok := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !ok || err != nil || castagnoli(body) != uint32(want) {
		return nil
	}
	e := new(progressEntry)
	if json.Unmarshal(body, e) != nil {
		return nil
	}
	return e
}

// append makes durable that the file has size bytes, with the rows before next.
func (p *progress) append(size int64, next map[rowLane]int64) error {
	e := progressEntry{Size: size}
	for lane, n := range next {
		e.Rows = append(e.Rows, progressRow{lane, n})
	}
	sort.Slice(e.Rows, func(i, j int) bool {
		a, b := e.Rows[i], e.Rows[j]
		return a.Sink < b.Sink || (a.Sink == b.Sink && a.Partition < b.Partition)
	})
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	p.line = fmt.Appendf(p.line[:0], "%08x %s\n", castagnoli(body), body)
	if p.file == nil || p.size > progressLimit {
		return p.begin()
	}
	if _, err := p.file.WriteAt(p.line, p.size); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return &syncError{err}
	}
	p.size += int64(len(p.line))
	return nil
}

// begin replaces the file by one that holds the line alone.
func (p *progress) begin() error {
	f, err := os.OpenFile(p.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(p.line)
	if err == nil {
		if err = f.Sync(); err != nil {
			err = &syncError{err}
		}
	}
	if err == nil {
		p.close() // some systems rename over no open file
		err = os.Rename(p.path+".new", p.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(p.path))
	}
	if err != nil {
		f.Close()
		return err
	}
	p.file, p.size = f, int64(len(p.line))
	return nil
}

func (p *progress) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return err
}

// syncFolder makes a rename durable. Windows has no such call and does not need it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return &syncError{err}
	}
	return nil
}
