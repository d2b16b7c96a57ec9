package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// readRows is how many rows a batch holds that is read back from a table or a topic.
const readRows = 4096

// scanLog reads a log of the engine's own to its present end, partition by partition, and hands its
// rows to visit as batches of the destination's schema. A batch is valid during the call.
func (e *Engine) scanLog(ctx context.Context, d *destination, visit func(*column.Batch) error) error {
	if d.format == formatCSV {
		return fmt.Errorf("read %s: its rows are kept as text, to be copied out", d.name)
	}
	var b column.Batch
	var dec *codec.JSON
	var status []codec.Status
	if d.format == formatExact {
		targets := make([]codec.Target, len(d.schema.Fields))
		for i, f := range d.schema.Fields {
			targets[i] = codec.Target{Path: f.Name, Type: f.Type}
		}
		dec = codec.NewJSON(targets, codec.Options{Zone: d.zone, NonFiniteStrings: true})
	}
	return scanSource(ctx, d.log, func(r *Records) error {
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
		return visitAll(&b, visit)
	})
}

// CopyLog writes the rows of a table that is kept as text (see Options.TextLogs) to w as CSV lines
// without a header, and returns how many there were; false if the table is not kept so.
func (e *Engine) CopyLog(ctx context.Context, table string, w io.Writer) (rows int64, ok bool, err error) {
	d := e.destinations["table/"+table]
	if d == nil || d.format != formatCSV {
		return 0, false, nil
	}
	var line []byte
	err = scanSource(ctx, d.log, func(r *Records) error {
		line = line[:0]
		for i := range r.Len() {
			line = append(append(line, r.Values.At(i)...), '\n')
		}
		rows += int64(r.Len())
		_, err := w.Write(line)
		return err
	})
	return rows, true, err
}

// scanTopic reads a topic to its present end as the seven columns of a source.
func scanTopic(ctx context.Context, topic string, s Source, visit func(*column.Batch) error) error {
	var b column.Batch
	return scanSource(ctx, s, func(r *Records) error {
		b.Reset(&plan.SourceSchema)
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

// scanSource hands every record that a source holds now to visit, partition by partition.
func scanSource(ctx context.Context, s Source, visit func(*Records) error) error {
	n, err := s.Partitions(ctx)
	if err != nil {
		return err
	}
	for p := range int32(n) {
		end, err := s.End(ctx, p)
		if err != nil {
			return err
		}
		if err := scanPartition(ctx, s, p, end.Offset, visit); err != nil {
			return err
		}
	}
	return nil
}

func scanPartition(ctx context.Context, s Source, p int32, end int64, visit func(*Records) error) (err error) {
	if end == 0 {
		return nil
	}
	r, err := s.Open(ctx, p, Position{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var records Records
	for next := int64(0); next < end; {
		if err := r.Read(ctx, &records); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		next = records.Next.Offset
		for len(records.Offsets) > 0 && records.Offsets[len(records.Offsets)-1] >= end {
			records.cutLast()
		}
		if records.Len() > 0 {
			if err := visit(&records); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutLast takes the last record away.
func (r *Records) cutLast() {
	n := len(r.Offsets) - 1
	r.Offsets, r.Times = r.Offsets[:n], r.Times[:n]
	r.Keys.Ends, r.Values.Ends = r.Keys.Ends[:n], r.Values.Ends[:n]
}

// A keptRow is a final row of a windowed table: its key in the store and its encoded columns.
type keptRow struct{ key, row []byte }

// scanWindows hands a windowed table's final rows to visit, in the order of its grouping columns.
func (e *Engine) scanWindows(ctx context.Context, op *operator, visit func(*column.Batch) error) error {
	pending := e.uncommitted(op)
	schema := schemaOf(op.Cols)
	ordered := op.window.place == 0 && len(pending) == 0
	var b column.Batch
	b.Reset(&schema)
	flush := func() error {
		if b.Len == 0 {
			return nil
		}
		err := visitAll(&b, visit)
		b.Reset(&schema)
		return err
	}
	add := func(row []byte) error {
		if _, err := codec.ReadRow(row, b.Cols); err != nil {
			return fmt.Errorf("read a row of %s: %w", op.Name, err)
		}
		if b.Len++; b.Len == readRows {
			return flush()
		}
		return nil
	}
	var rows []keptRow
	err := e.opt.Store.Scan(ctx, "table/"+op.Table.Name, nil, nil, func(key, value []byte) error {
		if ordered {
			return add(value)
		}
		rows = append(rows, keptRow{bytes.Clone(key), bytes.Clone(value)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("scan table %s: %w", op.Name, err)
	}
	if !ordered {
		rows = mergeRows(rows, pending)
		if err := sortByGrouping(rows, op); err != nil {
			return err
		}
		for _, r := range rows {
			if err := add(r.row); err != nil {
				return err
			}
		}
	}
	return flush()
}

// uncommitted is the rows of windows that closed since the last checkpoint.
func (e *Engine) uncommitted(op *operator) []keptRow {
	e.gate.Lock()
	defer e.gate.Unlock()
	var rows []keptRow
	name := "table/" + op.Table.Name
	for _, o := range e.finals.Ops {
		if o.Kind == Put && o.Op == name {
			rows = append(rows, keptRow{bytes.Clone(o.Key), bytes.Clone(o.Value)})
		}
	}
	return rows
}

// mergeRows adds rows to stored ones; a key that is in both was committed in between.
func mergeRows(stored, more []keptRow) []keptRow {
	all := append(stored, more...)
	slices.SortStableFunc(all, func(a, b keptRow) int { return bytes.Compare(a.key, b.key) })
	return slices.CompactFunc(all, func(a, b keptRow) bool { return bytes.Equal(a.key, b.key) })
}

// sortByGrouping orders rows, which are in the order of window end and then key, by the grouping
// columns as the query has them, the window where it stands among them.
func sortByGrouping(rows []keptRow, op *operator) error {
	place := op.window.place
	if place == 0 {
		return nil
	}
	type sortable struct {
		by  []byte
		row keptRow
	}
	list := make([]sortable, len(rows))
	var scratch []column.Vector
	for _, t := range op.window.keys {
		var v column.Vector
		v.Reset(t)
		scratch = append(scratch, v)
	}
	for i, r := range rows {
		rest := r.key[9:] // behind the window's end and the flow
		for k := range place {
			scratch[k].Reset(op.window.keys[k])
			var err error
			if rest, err = codec.ReadKey(rest, &scratch[k]); err != nil {
				return fmt.Errorf("read a key of %s: %w", op.Name, err)
			}
		}
		head := len(r.key) - len(rest)
		by := append([]byte(nil), r.key[9:head]...)
		by = append(append(by, r.key[:8]...), rest...)
		list[i] = sortable{by, r}
	}
	slices.SortStableFunc(list, func(a, b sortable) int { return bytes.Compare(a.by, b.by) })
	for i := range list {
		rows[i] = list[i].row
	}
	return nil
}

// openRows appends the rows of windows that are still open, as they are now.
func (e *Engine) openRows(op *operator, out *column.Batch) {
	e.gate.Lock()
	defer e.gate.Unlock()
	c := e.closerOf(op.window)
	for _, end := range c.openEnds() {
		em := c.emit
		c.openWindow(end, em.hash)
		em.fill(end-c.w.spec.Size, end, em.hash)
		em.evaluate()
		for _, row := range em.sel {
			for i, v := range em.cols {
				out.Cols[i].AppendFrom(v, int(row))
			}
			out.Len++
		}
	}
}

// scanOpen hands the open rows of a windowed table to visit.
func (e *Engine) scanOpen(op *operator, visit func(*column.Batch) error) error {
	schema := schemaOf(op.Cols)
	var b column.Batch
	b.Reset(&schema)
	e.openRows(op, &b)
	return visitAll(&b, visit)
}
