package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
)

// madeRows is the scratch of an operator for rows that explosions made.
type madeRows struct {
	bad   []bool // by row: an expression failed
	kept  []uint32
	times []int64 // by row
	marks []int64 // by row
	late  []bool  // by record: it is kept as late already
}

// dropFailed returns the rows whose expressions did not fail, and tells lose the origins of the others.
func (m *madeRows) dropFailed(n int, sel, origins []uint32, failed *expr.RowErrors, lose func(origin uint32, class string)) []uint32 {
	if len(failed.Rows) == 0 {
		return sel
	}
	m.bad = column.Sized(m.bad, n)
	clear(m.bad)
	for i, r := range failed.Rows {
		m.bad[r] = true
		lose(origins[r], failed.Classes[i])
	}
	m.kept = m.kept[:0]
	for _, r := range sel {
		if !m.bad[r] {
			m.kept = append(m.kept, r)
		}
	}
	return m.kept
}

// begin has an exploder of a task book what is lost, and find the watermark that stands above explosions.
func (x *exploder) begin(t *scan.Step, op *dataflow.Operator, j *judged) {
	x.lose = func(record uint32, outcome uint8, verdict, reason string) {
		j.lose(t, record, outcome, verdict, reason)
	}
	if op.Watermark >= 0 && t.Scan.Flow.Watermarks[op.Watermark].Made {
		x.marks, x.records, x.from = t.Marks[op.Watermark], &t.Records, t.From
	}
}

// originsOf is the rows of the scan that the operator's explosions begin with.
func originsOf(op *dataflow.Operator, t *scan.Step) []uint32 {
	switch {
	case op.Watermark < 0:
		return t.Scan.All
	case !t.Scan.Flow.Watermarks[op.Watermark].Made:
		return t.Marks[op.Watermark].Rows
	case t.Scan.Flow.Watermarks[op.Watermark].JSON:
		return t.Scan.Valid
	}
	return t.Scan.All
}

// stepMade is step for an operator with explosions.
func (r *rowTask) stepMade(t *scan.Step, b *column.Batch) error {
	x := r.exploder
	x.begin(t, r.op, &r.judged)
	x.visit = func(b *column.Batch, rows, origins []uint32) error {
		r.failed.Reset()
		sel := r.where.Run(b, rows, &r.failed)
		for i, ev := range r.out {
			r.cols[i] = ev.Run(b, sel, &r.failed)
		}
		sel = r.made.dropFailed(b.Len, sel, origins, &r.failed, func(record uint32, class string) { x.lose(record, ledger.Invalid, "invalid", class) })
		r.made.times = column.Sized(r.made.times, b.Len)
		for _, row := range sel {
			r.judged.worse(origins[row], ledger.Counted)
			r.made.times[row] = x.appended[origins[row]]
		}
		return r.to.append(r.cols, sel, r.made.times)
	}
	err := x.run(b, originsOf(r.op, t), t.Scan.Appended)
	r.judged.end(t)
	return err
}

// stepMade is step for an operator with explosions.
func (w *windowTask) stepMade(t *scan.Step, m *scan.Marks, b *column.Batch) error {
	x := w.exploder
	x.begin(t, w.op, &w.judged)
	w.late.begin(&lateSchema)
	w.made.late = column.Sized(w.made.late, b.Len)
	clear(w.made.late)
	x.visit = func(b *column.Batch, rows, origins []uint32) error {
		w.failed.Reset()
		sel := w.evaluate(b, rows)
		times := x.time.Run(b, sel, &w.failed)
		sel = w.made.dropFailed(b.Len, sel, origins, &w.failed, func(record uint32, class string) { x.lose(record, ledger.Invalid, "invalid", class) })
		w.made.marks = column.Sized(w.made.marks, b.Len)
		for _, row := range sel {
			w.made.marks[row] = x.mark(origins[row], m)
		}
		w.placeMade(b, times.Int, sel, func(row uint32, reason string) { x.lose(origins[row], ledger.Invalid, "invalid", reason) })
		for _, row := range w.placed.Late {
			record := origins[row]
			w.judged.worse(record, ledger.Late)
			if !w.made.late[record] {
				w.made.late[record] = true
				w.keepLate(t, record, times.Int[row], w.made.marks[row], m.Floor)
			}
		}
		for i := range w.placed.Parts {
			part := &w.placed.Parts[i]
			for _, row := range part.Rows {
				w.judged.worse(origins[row], ledger.Counted)
			}
			if w.pieces != nil {
				w.pieces.Step(w.keyCols, part.Rows, times.Int, w.ends, w.made.marks, w.folded)
				continue
			}
			w.fold(w.partial(part.Slice, part.MinEnd), part.Rows)
		}
		return nil
	}
	if err := x.run(b, originsOf(w.op, t), t.Scan.Appended); err != nil {
		return err
	}
	w.judged.end(t)
	if w.late.batch.Len == 0 {
		return nil
	}
	return w.late.end()
}

// runMade is run for an operator with explosions: what they make is gathered in one batch.
func (d *derived) runMade(rows []uint32, times []int64) (counted, bad int64) {
	x := d.exploder
	d.bad, d.used = column.Sized(d.bad, len(times)), column.Sized(d.used, len(times))
	clear(d.bad)
	clear(d.used)
	for i, o := range d.op.Out {
		d.rows[i].Reset(o.Type)
	}
	d.kept, d.made.times = d.kept[:0], d.made.times[:0]
	x.lose = func(origin uint32, _ uint8, _, _ string) { d.bad[origin] = true }
	x.visit = func(b *column.Batch, rows, origins []uint32) error {
		d.failed.Reset()
		sel := d.where.Run(b, rows, &d.failed)
		for i, ev := range d.out {
			d.cols[i] = ev.Run(b, sel, &d.failed)
		}
		sel = d.made.dropFailed(b.Len, sel, origins, &d.failed, func(origin uint32, _ string) { d.bad[origin] = true })
		for _, row := range sel {
			for i, c := range d.cols {
				d.rows[i].AppendFrom(c, int(row))
			}
			d.kept = append(d.kept, uint32(len(d.kept)))
			d.made.times = append(d.made.times, times[origins[row]])
			d.used[origins[row]] = true
		}
		return nil
	}
	if err := x.run(&d.in, rows, nil); err != nil {
		panic("BUG: rows that are gathered in memory cannot fail: " + err.Error())
	}
	for _, r := range rows {
		switch {
		case d.bad[r]:
			bad++
		case d.used[r]:
			counted++
		}
	}
	for i := range d.rows {
		d.rows[i].EnsureNull(len(d.kept))
		d.cols[i] = &d.rows[i]
	}
	d.times = d.made.times
	return counted, bad
}
