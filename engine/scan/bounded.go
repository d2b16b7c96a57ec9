package scan

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// VisitAll hands a batch that has been filled to visit, with all its rows selected.
func VisitAll(b *column.Batch, visit func(*column.Batch) error) error {
	for i := range b.Cols {
		b.Cols[i].EnsureNull(b.Len)
	}
	b.SelectAll()
	return visit(b)
}

// Source hands every record that a source holds now, and that lies in the ranges of a reach, to visit, partition by
// partition.
func Source(ctx context.Context, s record.Source, reach batch.Reach, visit func(*record.Records) error) error {
	cut := func(_ int32, span batch.Span) []batch.Span { return []batch.Span{span} }
	return Narrowed(ctx, s, reach, cut, func(int32, int64, int64, *record.Records) {}, visit)
}

// Narrowed is Source of what cut leaves of each range. note is told of records that hold all between two offsets.
func Narrowed(ctx context.Context, s record.Source, reach batch.Reach, cut func(int32, batch.Span) []batch.Span, note func(int32, int64, int64, *record.Records), visit func(*record.Records) error) error {
	n, err := s.Partitions(ctx)
	if err != nil {
		return err
	}
	if batch.Observed(ctx) {
		if err := expect(ctx, s, int32(n), reach, cut); err != nil {
			return err
		}
	}
	for p := range int32(n) {
		if reach != nil && len(reach.Offsets(p, 0, math.MaxInt64)) == 0 {
			continue
		}
		end, err := s.End(ctx, p)
		if err != nil {
			return err
		}
		for _, whole := range reach.Offsets(p, 0, end.Offset) {
			for _, span := range cut(p, whole) {
				at := span.Offset[0]
				if err := From(ctx, s, p, at, span.Offset[1], func(r *record.Records) error {
					next := min(r.Next.Offset, span.Offset[1])
					note(p, at, next, r)
					batch.Read(ctx, next-at)
					at = next
					return visit(r)
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// expect tells whoever looks at the query how many records Narrowed is going to read.
func expect(ctx context.Context, s record.Source, partitions int32, reach batch.Reach, cut func(int32, batch.Span) []batch.Span) error {
	for p := range partitions {
		if reach != nil && len(reach.Offsets(p, 0, math.MaxInt64)) == 0 {
			continue
		}
		end, err := s.End(ctx, p)
		if err != nil {
			return err
		}
		for _, whole := range reach.Offsets(p, 0, end.Offset) {
			for _, span := range cut(p, whole) {
				batch.Expect(ctx, max(0, span.Offset[1]-span.Offset[0]))
			}
		}
	}
	return nil
}

// openAt starts a reader at an offset, or at the first record that is still there, if that lies behind it.
func openAt(ctx context.Context, s record.Source, p int32, from int64) (record.Reader, error) {
	r, err := s.Open(ctx, p, record.Position{Offset: from})
	if err == nil || from == 0 || ctx.Err() != nil {
		return r, err
	}
	first, rerr := s.Open(ctx, p, record.Position{})
	if rerr != nil {
		return nil, err
	}
	defer func() { _ = first.Close() }() // it was only looked into
	var records record.Records
	if rerr := first.Read(ctx, &records); errors.Is(rerr, io.EOF) || rerr == nil && records.Len() > 0 && records.Offsets[0] > from {
		return s.Open(ctx, p, record.Position{})
	}
	return nil, err
}

// From hands the records at offsets from … end-1 to visit.
func From(ctx context.Context, s record.Source, p int32, from, end int64, visit func(*record.Records) error) (err error) {
	if end <= from {
		return nil
	}
	r, err := openAt(ctx, s, p, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var records record.Records
	for next := from; next < end; {
		if err := r.Read(ctx, &records); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		next = records.Next.Offset
		for len(records.Offsets) > 0 && records.Offsets[len(records.Offsets)-1] >= end {
			records.DropLast()
		}
		if records.Len() > 0 {
			if err := visit(&records); err != nil {
				return err
			}
		}
	}
	return nil
}
