package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// A keptRow is a final row of a windowed table: its key in the store and its encoded columns.
type keptRow struct{ key, row []byte }

// A windowsView is the windowed flows of a table at one moment: what the store may not hold yet, what
// it may hold of later, and the open rows.
type windowsView struct {
	flows   []*dataflow.Operator
	closed  []int64 // by flow: end of the newest window that was closed; later ones are left out
	pending []keptRow
	from    []byte       // key of the first row that is wanted; nil: all
	open    column.Batch // empty unless it was asked for
}

// viewWindows takes the view.
func (e *Engine) viewWindows(flows []*dataflow.Operator, open bool) *windowsView {
	v := &windowsView{flows: flows, closed: make([]int64, flows[0].Flows)}
	schema := schemaOf(flows[0].Cols)
	v.open.Reset(&schema)
	name := "table/" + flows[0].Table.Name
	e.gate.Lock()
	defer e.gate.Unlock()
	e.reading.Lock()
	defer e.reading.Unlock()
	for _, op := range flows {
		c := e.closerOf(op)
		v.closed[op.Flow] = c.closed
		if open {
			c.appendOpen(&v.open)
		}
	}
	for _, ops := range [][]state.DeltaOp{e.underway, e.finals.Ops} {
		for _, o := range ops {
			if o.Kind == state.Put && o.Op == name {
				v.pending = append(v.pending, keptRow{bytes.Clone(o.Key), bytes.Clone(o.Value)})
			}
		}
	}
	slices.SortFunc(v.pending, func(a, b keptRow) int { return bytes.Compare(a.key, b.key) })
	return v
}

// scanWindows hands the final rows of a table's windowed flows to visit, flow by flow in the order of
// its grouping columns, and then, if open is not nil, the open rows to open.
func (e *Engine) scanWindows(ctx context.Context, flows []*dataflow.Operator, visit, open func(*column.Batch) error) error {
	v := e.viewWindows(flows, open != nil)
	out := newBatchWriter(flows[0], visit)
	if len(flows) == 1 && e.closerOf(flows[0]).w.place == 0 { // as the store has them
		if err := e.scanKept(ctx, v, func(k keptRow) error { return out.add(k.row) }); err != nil {
			return err
		}
	} else {
		rows := make([][]keptRow, len(v.closed))
		err := e.scanKept(ctx, v, func(k keptRow) error {
			flow := k.key[8]
			rows[flow] = append(rows[flow], keptRow{bytes.Clone(k.key), bytes.Clone(k.row)})
			return nil
		})
		if err != nil {
			return err
		}
		for _, op := range flows {
			if err := sortByGrouping(rows[op.Flow], e.closerOf(op).w); err != nil {
				return err
			}
			for _, r := range rows[op.Flow] {
				if err := out.add(r.row); err != nil {
					return err
				}
			}
		}
	}
	if err := out.flush(); err != nil || open == nil {
		return err
	}
	return scan.VisitAll(&v.open, open)
}

// scanKept hands the final rows of a view to visit in the order of their keys; they are valid during
// the call.
func (e *Engine) scanKept(ctx context.Context, v *windowsView, visit func(keptRow) error) error {
	rest := v.pending
	for len(rest) > 0 && v.isBefore(rest[0].key) {
		rest = rest[1:]
	}
	err := e.opt.Store.Scan(ctx, "table/"+v.flows[0].Table.Name, v.from, nil, func(key, value []byte) error {
		for len(rest) > 0 {
			c := bytes.Compare(rest[0].key, key)
			if c > 0 {
				break
			}
			if c < 0 {
				if err := visit(rest[0]); err != nil {
					return err
				}
			}
			rest = rest[1:] // one that is in both was committed in between
		}
		if flow := int(key[8]); flow >= len(v.closed) || state.Ordered(key) > v.closed[flow] {
			return nil // closed since
		}
		return visit(keptRow{key, value})
	})
	if err != nil {
		return fmt.Errorf("scan table %s: %w", v.flows[0].Table.Name, err)
	}
	for _, r := range rest {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// A batchWriter gathers encoded rows in batches.
type batchWriter struct {
	op     *dataflow.Operator
	schema column.Schema
	batch  column.Batch
	visit  func(*column.Batch) error
}

func newBatchWriter(op *dataflow.Operator, visit func(*column.Batch) error) *batchWriter {
	w := &batchWriter{op: op, schema: schemaOf(op.Cols), visit: visit}
	w.batch.Reset(&w.schema)
	return w
}

func (w *batchWriter) add(row []byte) error {
	if _, err := codec.ReadRow(row, w.batch.Cols); err != nil {
		return fmt.Errorf("read a row of %s: %w", w.op.Name, err)
	}
	if w.batch.Len++; w.batch.Len == readRows {
		return w.flush()
	}
	return nil
}

func (w *batchWriter) flush() error {
	if w.batch.Len == 0 {
		return nil
	}
	err := scan.VisitAll(&w.batch, w.visit)
	w.batch.Reset(&w.schema)
	return err
}

// sortByGrouping orders rows, which are in the order of window end and then key, by the grouping
// columns as the query has them, the window where it stands among them.
func sortByGrouping(rows []keptRow, w *windowOp) error {
	place := w.place
	if place == 0 {
		return nil
	}
	type sortable struct {
		by  []byte
		row keptRow
	}
	list := make([]sortable, len(rows))
	if place < 0 { // the window is none of them
		slices.SortStableFunc(rows, func(a, b keptRow) int { return bytes.Compare(a.key[9:], b.key[9:]) })
		return nil
	}
	scratch := make([]column.Vector, place)
	for i, r := range rows {
		rest := r.key[9:] // behind the window's end and the flow
		for k := range scratch {
			scratch[k].Reset(w.keys[k])
			var err error
			if rest, err = codec.ReadKey(rest, &scratch[k]); err != nil {
				return fmt.Errorf("read a key of %s: %w", w.op.Name, err)
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

// appendOpen appends the rows of windows that are still open, as they are now. The gate is held.
func (c *closer) appendOpen(out *column.Batch) { c.appendOpenKeyed(out, func(int64, []byte) {}) }

// appendOpenKeyed is appendOpen, and tells the window's end and the encoded keys of each row.
func (c *closer) appendOpenKeyed(out *column.Batch, tell func(end int64, key []byte)) {
	em := c.emit
	c.of.Open(func(end int64, fill func(into *agg.Hash)) {
		fill(em.hash)
		em.fill(end-c.w.spec.Size, end, em.hash)
		c.m.clock.Now = c.m.ageOpen(end)
		em.evaluate()
		for _, row := range em.sel {
			tell(em.times[row], em.key(int(row)))
			for i, v := range em.cols {
				out.Cols[i].AppendFrom(v, int(row))
			}
			out.Len++
		}
	})
}
