package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Spool is a log on temporary files, for a run that leaves nothing behind: one file a partition,
// one block a Write. Rows are not encoded again; what was written is read back as it was.
//
//	4 rows │ 4 bytes of data │ 8 number of the first │ rows × 8 times │ rows × 4 ends │ data
//
// It holds no rows in memory. Keys are not kept: rows of a log have none.
type Spool struct {
	dir   string
	name  string
	parts []spoolPart
}

type spoolPart struct {
	mu     sync.Mutex
	file   *os.File
	size   int64
	next   int64 // number of the next row
	header []byte
}

const spoolHeader = 16

// NewSpool makes a log whose files lie in dir under number.
func NewSpool(dir string, number int, name string, partitions int) *Spool {
	return &Spool{dir: filepath.Join(dir, strconv.Itoa(number)), name: name, parts: make([]spoolPart, partitions)}
}

// Write appends rows at once; those whose number was written before are left out.
func (s *Spool) Write(_ context.Context, _ uint64, out *record.Rows) error {
	if int(out.Partition) >= len(s.parts) {
		return fmt.Errorf("write rows of %s: partition %d: there are %d", s.name, out.Partition, len(s.parts))
	}
	p := &s.parts[out.Partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	if out.First < p.next {
		return fmt.Errorf("write rows of %s: row %d was written before", s.name, out.First)
	}
	if p.file == nil {
		f, err := os.OpenFile(s.dir+"."+strconv.Itoa(int(out.Partition)), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write rows of %s to a temporary file: %w", s.name, err)
		}
		p.file = f
	}
	h := append(p.header[:0], make([]byte, spoolHeader)...)
	binary.LittleEndian.PutUint32(h, uint32(out.Len()))
	binary.LittleEndian.PutUint32(h[4:], uint32(len(out.Values.Data)))
	binary.LittleEndian.PutUint64(h[8:], uint64(out.First))
	for _, t := range out.Times {
		h = binary.LittleEndian.AppendUint64(h, uint64(t))
	}
	for _, e := range out.Values.Ends {
		h = binary.LittleEndian.AppendUint32(h, e)
	}
	p.header = h
	for _, part := range [][]byte{h, out.Values.Data} {
		n, err := p.file.WriteAt(part, p.size)
		if err != nil {
			return fmt.Errorf("write rows of %s to a temporary file: %w; set TMPDIR to a folder with more room", s.name, err)
		}
		p.size += int64(n)
	}
	p.next = out.First + int64(out.Len())
	return nil
}

// Flush does nothing: rows that are written can be read.
func (s *Spool) Flush(context.Context) error { return nil }

// Close closes the files; they go with their folder.
func (s *Spool) Close() error {
	var all error
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		if p.file != nil {
			all = errors.Join(all, p.file.Close())
			p.file = nil
		}
		p.mu.Unlock()
	}
	return all
}

// Partitions is how many the log was made with.
func (s *Spool) Partitions(context.Context) (int, error) { return len(s.parts), nil }

// End is the number of rows of a partition.
func (s *Spool) End(_ context.Context, partition int32) (record.Position, error) {
	p := &s.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	return record.Position{Offset: p.next}, nil
}

// Open reads the rows that there are now, and then io.EOF.
func (s *Spool) Open(_ context.Context, partition int32, from record.Position) (record.Reader, error) {
	p := &s.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &spoolReader{partition: partition, from: from.Offset, name: s.name}
	if p.file != nil {
		r.in = bufio.NewReaderSize(io.NewSectionReader(p.file, 0, p.size), 256<<10)
	}
	return r, nil
}

type spoolReader struct {
	name      string
	partition int32
	from      int64
	in        *bufio.Reader
	header    []byte
}

// Read returns a block.
func (r *spoolReader) Read(ctx context.Context, dst *record.Records) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dst.Reset()
	dst.Partition = r.partition
	for r.in != nil && dst.Len() == 0 {
		err := r.block(dst)
		if err == io.EOF {
			return err
		}
		if err != nil {
			return fmt.Errorf("read rows of %s from a temporary file: %w", r.name, err)
		}
	}
	if dst.Len() == 0 {
		return io.EOF
	}
	dst.Next = record.Position{Offset: dst.Offsets[dst.Len()-1] + 1}
	return nil
}

func (r *spoolReader) block(dst *record.Records) error {
	h, err := r.take(spoolHeader)
	if err != nil {
		return err
	}
	rows, size := int(binary.LittleEndian.Uint32(h)), int(binary.LittleEndian.Uint32(h[4:]))
	first := int64(binary.LittleEndian.Uint64(h[8:]))
	if h, err = r.take(rows * 12); err != nil {
		return io.ErrUnexpectedEOF
	}
	if first+int64(rows) <= r.from {
		_, err := r.in.Discard(size)
		return err
	}
	for i := range rows {
		dst.Offsets = append(dst.Offsets, first+int64(i))
		dst.Times = append(dst.Times, int64(binary.LittleEndian.Uint64(h[8*i:])))
		dst.Keys.AppendNull()
		dst.Values.Ends = append(dst.Values.Ends, binary.LittleEndian.Uint32(h[8*rows+4*i:]))
	}
	if cap(dst.Values.Data) < size {
		dst.Values.Data = make([]byte, 0, size)
	}
	dst.Values.Data = dst.Values.Data[:size]
	_, err = io.ReadFull(r.in, dst.Values.Data)
	if skip := int(r.from - first); skip > 0 && err == nil {
		dropFirst(dst, skip)
	}
	return err
}

// dropFirst leaves out the first n records of a block.
func dropFirst(r *record.Records, n int) {
	r.Offsets, r.Times = r.Offsets[n:], r.Times[n:]
	var values record.Bytes
	for i := n; i < r.Values.Len(); i++ {
		values.Append(r.Values.At(i))
	}
	r.Values = values
	r.Keys.Reset()
	for range r.Offsets {
		r.Keys.AppendNull()
	}
}

func (r *spoolReader) take(n int) ([]byte, error) {
	if cap(r.header) < n {
		r.header = make([]byte, n)
	}
	h := r.header[:n]
	_, err := io.ReadFull(r.in, h)
	return h, err
}

// Close lets go of nothing: the file is the spool's.
func (r *spoolReader) Close() error { return nil }
