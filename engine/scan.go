package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// readRows is how many rows a batch holds that is read back from a table or a topic.
const readRows = 4096

// scanLog reads a log of the engine's own to its present end, partition by partition, and hands its
// rows to visit as batches of the destination's schema; with a reach those that it names. A batch is valid during the
// call.
func (e *Engine) scanLog(ctx context.Context, d *destination, reach batch.Reach, visit func(*column.Batch) error) error {
	return e.scanRows(ctx, d, reach, func(_ *record.Records, b *column.Batch) error { return visit(b) })
}

// scanRows is scanLog for who also wants to know where the rows lie in the log.
func (e *Engine) scanRows(ctx context.Context, d *destination, reach batch.Reach, visit func(*record.Records, *column.Batch) error) error {
	if d.format == formatCSV {
		return fmt.Errorf("read %s: its rows are kept as text, to be copied out", d.name)
	}
	var b column.Batch
	var dec *codec.JSON
	var status []codec.Status
	if d.format == formatExact {
		dec = codec.NewStored(d.schema.Fields)
	}
	return scanSource(ctx, d.log, reach, func(r *record.Records) error {
		b.Reset(&d.schema)
		b.Len = r.Len()
		if dec != nil {
			status = grow(status, b.Len)
			clear(status)
			dec.Decode(&r.Values, 0, b.Len, b.Cols, status)
		} else {
			for i := range b.Len {
				if _, err := codec.ReadRow(r.Values.At(i), b.Cols); err != nil {
					return fmt.Errorf("read row %d of %s: %w", r.Offsets[i], d.name, err)
				}
			}
		}
		return visitAll(&b, func(b *column.Batch) error { return visit(r, b) })
	})
}

// CopyLog writes the rows of a table that is kept as text (see Options.TextLogs) to w as CSV lines
// without a header, and returns how many there were; false if the table is not kept so.
func (e *Engine) CopyLog(ctx context.Context, table string, w io.Writer) (rows int64, ok bool, err error) {
	d := e.destinations["table/"+table]
	if d == nil || d.format != formatCSV {
		return 0, false, nil
	}
	digits := codec.NewTimeDigits(d.schema.Fields)
	for _, w := range e.writers {
		if w.to == d {
			digits.Add(w.digits)
		}
	}
	short := map[int32]int64{} // rows to widen, by partition
	for _, w := range e.writers {
		if w.to == d && digits.Mixed() {
			short[w.partition] = max(short[w.partition], w.digits.Short(digits))
		}
	}
	var line []byte
	err = scanSource(ctx, d.log, nil, func(r *record.Records) error {
		line = line[:0]
		for i := range r.Len() {
			if short[r.Partition] > 0 {
				short[r.Partition]--
				line = append(digits.Widen(line, r.Values.At(i)), '\n')
				continue
			}
			line = append(append(line, r.Values.At(i)...), '\n')
		}
		rows += int64(r.Len())
		_, err := w.Write(line)
		return err
	})
	return rows, true, err
}

// scanTopic reads a topic to its present end as the columns of a source: what a reach names, and what lies in a block of
// the log with it.
func (e *Engine) scanTopic(ctx context.Context, topic string, schema column.Schema, s record.Source, reach batch.Reach, visit func(*column.Batch) error) error {
	var b column.Batch
	cut := func(p int32, span batch.Span) []batch.Span { return e.times.cut(topic, p, span) }
	note := func(p int32, from, end int64, r *record.Records) { e.times.note(topic, p, from, end, r) }
	return scanNarrowed(ctx, s, reach, cut, note, func(r *record.Records) error {
		b.Reset(&schema)
		b.Len = r.Len()
		for i := range b.Cols {
			fillSource(&b.Cols[i], i, topic, r, 0, r.Len())
		}
		return visitAll(&b, visit)
	})
}

func visitAll(b *column.Batch, visit func(*column.Batch) error) error {
	for i := range b.Cols {
		b.Cols[i].EnsureNull(b.Len)
	}
	b.SelectAll()
	return visit(b)
}

// scanSource hands every record that a source holds now, and that lies in the ranges of a reach, to visit, partition by
// partition.
func scanSource(ctx context.Context, s record.Source, reach batch.Reach, visit func(*record.Records) error) error {
	cut := func(_ int32, span batch.Span) []batch.Span { return []batch.Span{span} }
	return scanNarrowed(ctx, s, reach, cut, func(int32, int64, int64, *record.Records) {}, visit)
}

// scanNarrowed is scanSource of what cut leaves of each range. note is told of records that hold all between two offsets.
func scanNarrowed(ctx context.Context, s record.Source, reach batch.Reach, cut func(int32, batch.Span) []batch.Span, note func(int32, int64, int64, *record.Records), visit func(*record.Records) error) error {
	n, err := s.Partitions(ctx)
	if err != nil {
		return err
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
				if err := scanFrom(ctx, s, p, at, span.Offset[1], func(r *record.Records) error {
					next := min(r.Next.Offset, span.Offset[1])
					note(p, at, next, r)
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

// scanFrom hands the records at offsets from … end-1 to visit.
func scanFrom(ctx context.Context, s record.Source, p int32, from, end int64, visit func(*record.Records) error) (err error) {
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
