package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
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
	return scan.Source(ctx, d.log, reach, func(r *record.Records) error {
		b.Reset(&d.schema)
		b.Len = r.Len()
		if dec != nil {
			status = column.Sized(status, b.Len)
			clear(status)
			dec.Decode(&r.Values, 0, b.Len, b.Cols, status)
		} else {
			for i := range b.Len {
				if _, err := codec.ReadRow(r.Values.At(i), b.Cols); err != nil {
					return fmt.Errorf("read row %d of %s: %w", r.Offsets[i], d.name, err)
				}
			}
		}
		return scan.VisitAll(&b, func(b *column.Batch) error { return visit(r, b) })
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
	err = scan.Source(ctx, d.log, nil, func(r *record.Records) error {
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
	return scan.Narrowed(ctx, s, reach, cut, note, func(r *record.Records) error {
		b.Reset(&schema)
		b.Len = r.Len()
		for i := range b.Cols {
			scan.FillSource(&b.Cols[i], i, topic, r, 0, r.Len())
		}
		return scan.VisitAll(&b, visit)
	})
}
