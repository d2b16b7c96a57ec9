package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// sinkBuffer is how many bytes of rows are kept back before they are written.
const sinkBuffer = 1 << 20

// lane of a sink: rows of one Sink and Partition are numbered from 0.
type rowLane struct {
	Sink      string
	Partition int32
}

// A LineSink writes each row's value as a line to the end of a file. Rows are in the file once each,
// over crashes too: beside FILE lies FILE.progress, which says after each Flush how long the file
// was and which rows were in it. Opening cuts off what was written behind that; the engine sends
// those rows again.
//
// The order on disk is: the lines, synced; then the progress, synced. It is safe for concurrent use.
type LineSink struct {
	path string
	null string // the line of a NULL value

	mu       sync.Mutex
	file     *os.File
	size     int64 // of the file, buf left out
	buf      []byte
	next     map[rowLane]int64
	progress *progress
	changed  bool  // since the last Flush
	broken   error // of a sync: what is on disk is not known any more
}

// NewJSONSink opens or makes a file for rows that are JSON values. A NULL value becomes null.
func NewJSONSink(path string) (*LineSink, error) { return openLines(path, "", "null") }

// NewCSVSink opens or makes a file for rows that are lines of CSV. A new file begins with header,
// unless that is empty; one that exists must begin with it.
func NewCSVSink(path, header string) (*LineSink, error) { return openLines(path, header, "") }

func openLines(path, header, null string) (*LineSink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, writeFault(path, err)
	}
	s := &LineSink{path: path, null: null, file: f, next: map[rowLane]int64{}}
	if err := s.recover(header); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// recover brings the file back to where it was at the last Flush.
func (s *LineSink) recover(header string) error {
	info, err := s.file.Stat()
	if err != nil {
		return writeFault(s.path, err)
	}
	if info.IsDir() {
		return fmt.Errorf("write %s: it is a folder: name a file in it", s.path)
	}
	p, size, next, err := openProgress(s.path + ".progress")
	if err != nil {
		return err
	}
	s.progress, s.size = p, info.Size()
	if next != nil {
		if info.Size() < size {
			p.close()
			return fmt.Errorf("write %s: it has %d bytes and had %d after the last run: it was changed by another program; move it away together with %s.progress to begin anew", s.path, info.Size(), size, s.path)
		}
		s.next, s.size = next, size
		err = s.file.Truncate(size)
	}
	if err == nil {
		err = s.begin(header)
	}
	if err == nil {
		err = s.flush()
	}
	if err != nil {
		p.close()
		return writeFault(s.path, err)
	}
	return nil
}

// A ColumnsError says that a CSV file has other columns than the rows that are to be written to it.
type ColumnsError struct{ Path, First, Header string }

func (e *ColumnsError) Error() string {
	return fmt.Sprintf("its first line is %q and the rows have the columns %q; move the file away to begin a new one", e.First, e.Header)
}

// Generation is the name of the file beside it that rows of such columns go to, of a generation of them: out@2.csv of out.csv.
func (e *ColumnsError) Generation(n int) string {
	end := filepath.Ext(e.Path)
	return fmt.Sprintf("%s@%d%s", strings.TrimSuffix(e.Path, end), n, end)
}

// begin writes the header into an empty file and compares it with that of any other.
func (s *LineSink) begin(header string) error {
	s.changed = true
	if header == "" {
		return nil
	}
	line := []byte(header + "\n")
	if s.size == 0 {
		s.buf = append(s.buf, line...)
		return nil
	}
	have := make([]byte, len(line))
	n, err := s.file.ReadAt(have, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(have[:n], line) && !bytes.Equal(have[:n], []byte(header+"\r")) {
		first, _, _ := bytes.Cut(have[:n], []byte("\n"))
		return &ColumnsError{Path: s.path, First: string(first), Header: header}
	}
	return nil
}

// Write takes the rows that the file does not have yet. After an error the same rows may be written
// again, to the same effect.
func (s *LineSink) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return writeFault(s.path, s.broken)
	}
	lane := rowLane{out.Sink, out.Partition}
	skip, err := newRows(s.next, lane, out)
	if err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if skip < out.Len() {
		s.next[lane], s.changed = out.First+int64(out.Len()), true
	}
	return s.take(out, skip)
}

// Update takes rows of open windows. They have no numbers: after a crash some may be in the file twice,
// before the final ones.
func (s *LineSink) Update(ctx context.Context, out *record.Rows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return writeFault(s.path, s.broken)
	}
	s.changed = true
	return s.take(out, 0)
}

// take appends lines to the buffer.
func (s *LineSink) take(out *record.Rows, skip int) error {
	for i := skip; i < out.Len(); i++ {
		if v := out.Values.At(i); v != nil {
			s.buf = append(s.buf, v...)
		} else {
			s.buf = append(s.buf, s.null...)
		}
		s.buf = append(s.buf, '\n')
	}
	if len(s.buf) < sinkBuffer {
		return nil
	}
	return writeFault(s.path, s.write())
}

// newRows returns how many of the rows are not new.
func newRows(next map[rowLane]int64, lane rowLane, out *record.Rows) (skip int, err error) {
	want, ok := next[lane]
	switch {
	case ok && out.First > want:
		return 0, fmt.Errorf("row %d of sink %s, partition %d comes where row %d is due", out.First, lane.Sink, lane.Partition, want)
	case ok && out.First < want:
		return int(min(want-out.First, int64(out.Len()))), nil
	}
	return 0, nil
}

// write writes the buffer behind the file's end. What a failed write has left there is written over.
func (s *LineSink) write() error {
	if _, err := s.file.WriteAt(s.buf, s.size); err != nil {
		return err
	}
	s.size += int64(len(s.buf))
	s.buf = s.buf[:0]
	if cap(s.buf) > 4*sinkBuffer {
		s.buf = nil
	}
	return nil
}

// Flush returns once all rows are on disk and known to be. An error of syncing is final: the sink has
// to be opened anew.
func (s *LineSink) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return writeFault(s.path, s.flush())
}

func (s *LineSink) flush() error {
	if s.broken != nil || !s.changed {
		return s.broken
	}
	if err := s.write(); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		s.broken = fmt.Errorf("sync: %w; start again to find what is on disk", err)
		return s.broken
	}
	if err := s.progress.append(s.size, s.next); err != nil {
		var failed *syncError
		if errors.As(err, &failed) {
			s.broken = err
		}
		return err
	}
	s.changed = false
	return nil
}

// Close lets the file go. Rows that were not flushed are not in it for good.
func (s *LineSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.file.Close(), s.progress.close())
}
