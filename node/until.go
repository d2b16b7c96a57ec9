package node

import (
	"context"
	"errors"
	"io"

	"github.com/nagare-stream/nagare/engine/record"
)

// An untilSource ends where others have come to: it has as many partitions as there are ends.
type untilSource struct {
	record.Source
	ends []int64 // offsets
}

// Partitions is how many have an end.
func (s untilSource) Partitions(context.Context) (int, error) { return len(s.ends), nil }

// Start passes on where the source begins, not behind its end; see record.Starter.
func (s untilSource) Start(ctx context.Context, partition int32) (at record.Position, err error) {
	if starter, ok := s.Source.(record.Starter); ok {
		if at, err = starter.Start(ctx, partition); err == nil && at.Offset > s.ends[partition] {
			at = record.Position{Offset: s.ends[partition]}
		}
	}
	return at, err
}

// End is where the partition's readers end.
func (s untilSource) End(ctx context.Context, partition int32) (record.Position, error) {
	return record.Position{Offset: s.ends[partition]}, nil
}

// Open starts a reader; see record.Source.
func (s untilSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	if from.Offset >= s.ends[partition] {
		return &untilReader{at: from.Offset, end: from.Offset}, nil
	}
	r, err := s.Source.Open(ctx, partition, from)
	if err != nil {
		return nil, err
	}
	return &untilReader{r, from.Offset, s.ends[partition]}, nil
}

type untilReader struct {
	record.Reader // nil: there is nothing to read
	at, end       int64
}

// Read returns records before the end; see record.Reader.
func (r *untilReader) Read(ctx context.Context, dst *record.Records) error {
	if r.at >= r.end {
		return io.EOF
	}
	err := r.Reader.Read(ctx, dst)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	for n := dst.Len(); n > 0 && dst.Offsets[n-1] >= r.end; n-- {
		dst.DropLast()
	}
	if dst.Next.Offset > r.end {
		dst.Next = record.Position{Offset: r.end}
	}
	r.at = dst.Next.Offset
	return nil
}

// Close ends the reader.
func (r *untilReader) Close() error {
	if r.Reader == nil {
		return nil
	}
	return r.Reader.Close()
}
