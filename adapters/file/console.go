package file

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// A ConsoleSink prints each row's value as a line. Rows that come again within the process are not
// printed again; what another process printed is not known. It is safe for concurrent use.
type ConsoleSink struct {
	w     io.Writer
	limit int // rows of one Flush that are printed; 0: all

	mu   sync.Mutex
	next map[rowLane]int64
	buf  []byte
	rows int // since the last Flush
}

// NewConsoleSink prints to w.
func NewConsoleSink(w io.Writer) *ConsoleSink {
	return &ConsoleSink{w: w, next: map[rowLane]int64{}}
}

// Write takes rows; they are printed by Flush, or before it when they are many.
func (s *ConsoleSink) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lane := rowLane{out.Sink, out.Partition}
	skip, err := newRows(s.next, lane, out)
	if err != nil {
		return fmt.Errorf("print rows: %w", err)
	}
	if skip < out.Len() {
		s.next[lane] = out.First + int64(out.Len())
	}
	return s.take(out, skip)
}

// Update takes rows of open windows, which are printed as often as they come.
func (s *ConsoleSink) Update(ctx context.Context, out *record.Rows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(out, 0)
}

func (s *ConsoleSink) take(out *record.Rows, skip int) error {
	for i := skip; i < out.Len(); i++ {
		if s.rows++; s.limit > 0 && s.rows > s.limit {
			continue
		}
		if v := out.Values.At(i); v != nil {
			s.buf = append(s.buf, v...)
		} else {
			s.buf = append(s.buf, "null"...)
		}
		s.buf = append(s.buf, '\n')
	}
	if len(s.buf) < sinkBuffer {
		return nil
	}
	return s.print()
}

// print writes whole lines, so that a retry repeats none.
func (s *ConsoleSink) print() error {
	n, err := s.w.Write(s.buf)
	if err == nil {
		s.buf = s.buf[:0]
		return nil
	}
	if n > 0 { // the rest of a torn line is printed by the next try
		s.buf = append(s.buf[:0], s.buf[n:]...)
	}
	return fmt.Errorf("print rows: %w", err)
}

// Flush prints what was kept back, and how many rows were left out.
func (s *ConsoleSink) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit > 0 && s.rows > s.limit {
		s.buf = fmt.Appendf(s.buf, "… %d more\n", s.rows-s.limit)
	}
	s.rows = 0
	if len(s.buf) == 0 {
		return nil
	}
	return s.print()
}

// Close leaves the writer open.
func (s *ConsoleSink) Close() error { return nil }

// A NoopSink takes rows and does nothing with them.
type NoopSink struct{}

// Write takes rows.
func (NoopSink) Write(ctx context.Context, _ uint64, _ *record.Rows) error { return ctx.Err() }

// Update takes rows.
func (NoopSink) Update(ctx context.Context, _ *record.Rows) error { return ctx.Err() }

// Flush has nothing to do.
func (NoopSink) Flush(ctx context.Context) error { return ctx.Err() }

// Close has nothing to do.
func (NoopSink) Close() error { return nil }
