package engine

import (
	"log/slog"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// An emitter turns a merged window into rows of its table and hands them to whoever reads it.
type emitter struct {
	w         *windowOp
	log       *slog.Logger
	hash      *agg.Hash
	free      []*agg.Hash // empty, to be used again
	freeBytes int64
	slots     []uint32
	batch     column.Batch // the aggregate's columns: keys in order, then aggregates
	schema    column.Schema
	having    scan.Filter
	out       []*expr.Eval
	cols      []*column.Vector
	order     []sortedSlot
	keys      []byte
	all       []uint32
	sel       []uint32 // those that HAVING let pass
	times     []int64
	failed    expr.RowErrors
	rows      int64 // rows handed on so far, less letGo
	letGo     int64 // rows that retention has removed
	table     *tableWriter
	outlet
}

// spareBytes is how much memory the hashes of closed windows may hold that wait to be used again.
const spareBytes = 16 << 20

// spare keeps an empty hash to be used again, unless enough wait already: a catch-up can have very
// many windows open.
func (e *emitter) spare(h *agg.Hash) {
	if size := h.Size(); e.freeBytes+size <= spareBytes {
		e.free = append(e.free, h)
		e.freeBytes += size
	}
}

// takeSpare returns an empty hash, or nil if none waits.
func (e *emitter) takeSpare() *agg.Hash {
	n := len(e.free)
	if n == 0 {
		return nil
	}
	h := e.free[n-1]
	e.free[n-1] = nil
	e.free = e.free[:n-1]
	e.freeBytes -= h.Size()
	return h
}

func newEmitter(w *windowOp, env expr.Env, log *slog.Logger) (*emitter, error) {
	e := &emitter{w: w, log: log}
	var err error
	if e.hash, err = w.newHash(); err != nil {
		return nil, err
	}
	for i, c := range w.op.Agg.Cols {
		f := column.Field{Name: c.Name, Type: c.Type}
		if i == w.place {
			f.Type = windowType
		}
		e.schema.Fields = append(e.schema.Fields, f)
	}
	if e.having, err = scan.CompileFilter(w.op.Having, env); err != nil {
		return nil, err
	}
	e.out, err = compileAll(w.op.Out, env)
	e.cols = make([]*column.Vector, len(e.out))
	return e, err
}

var windowType = column.StructOf(
	column.Field{Name: "start", Type: column.Of(column.Timestamp)},
	column.Field{Name: "end", Type: column.Of(column.Timestamp)})

// fill turns the groups of a window into rows of e.batch, sorted by key, and leaves the encoded keys
// in e.keys and e.order.
func (e *emitter) fill(start, end int64, h *agg.Hash) {
	keys := h.Keys()
	var starts, ends []int64 // by slot, of sessions
	if n := len(e.w.keys); e.w.session {
		starts, ends, keys = keys[n].Int, keys[n+1].Int, keys[:n]
	}
	e.order, e.keys = e.order[:0], e.keys[:0]
	for slot := range h.Len() {
		if e.w.session { // they come in the order of their ends
			e.keys = state.AppendOrdered(e.keys, ends[slot])
		}
		from := len(e.keys)
		for i := range keys {
			e.keys = codec.AppendKey(e.keys, &keys[i], slot)
		}
		e.order = append(e.order, sortedSlot{slot: uint32(slot), from: from, to: len(e.keys)})
	}
	e.sortOrder()
	b := &e.batch
	b.Reset(&e.schema)
	b.Len = len(e.order)
	e.all = e.all[:0]
	e.slots = column.Sized(e.slots, len(e.order))
	slots := e.slots
	for i, o := range e.order {
		slots[i] = o.slot
		e.all = append(e.all, uint32(i))
	}
	at := 0
	for i := range keys {
		if i == e.w.place {
			at++
		}
		for _, s := range slots {
			b.Cols[at].AppendFrom(&keys[i], int(s))
		}
		at++
	}
	e.times = column.Sized(e.times, len(slots))
	for i, s := range slots {
		if e.w.session {
			start, end = starts[s], ends[s]
		}
		e.times[i] = end
		if e.w.place >= 0 {
			win := &b.Cols[e.w.place]
			win.Kids[0].AppendInt(start)
			win.Kids[1].AppendInt(end)
		}
	}
	h.Result(b.Cols[len(e.w.op.Agg.Keys):], slots)
	for i := range b.Cols {
		b.Cols[i].EnsureNull(b.Len)
	}
}

// sortOrder puts the groups in the order of their keys: those of sessions in that of their ends, which stand before
// the keys, first.
func (e *emitter) sortOrder() {
	if !e.w.session {
		sortByKey(e.order, e.keys)
		return
	}
	for i := range e.order {
		e.order[i].from -= endBytes
	}
	sortByKey(e.order, e.keys)
	for i := range e.order {
		e.order[i].from += endBytes
	}
}

// endBytes is how long an encoded end is.
const endBytes = 8

// key is the encoded key of a row of the filled batch.
func (e *emitter) key(row int) []byte { return e.keys[e.order[row].from:e.order[row].to] }

// evaluate runs HAVING and SELECT over the filled batch; the rows that stay are e.sel of e.cols.
func (e *emitter) evaluate() {
	e.failed.Reset()
	e.sel = e.having.Run(&e.batch, e.all, &e.failed)
	for i, ev := range e.out {
		e.cols[i] = ev.Run(&e.batch, e.sel, &e.failed)
	}
}

// warn tells of results that could not be computed: they are NULL, and the stream goes on.
func (e *emitter) warn(end int64, h *agg.Hash) {
	n, class := len(e.failed.Rows), ""
	if n > 0 {
		class = e.failed.Classes[0]
	}
	for slot := range uint32(h.Len()) {
		if c := h.Failed(slot); c != "" {
			n, class = n+1, c
		}
	}
	if n > 0 {
		e.log.Warn("results are NULL", "table", e.w.op.Name, "window_end", isoTime(end), "rows", n, "class", class)
	}
}

// window emits a closed window.
func (e *emitter) window(start, end int64, h *agg.Hash) error {
	e.fill(start, end, h)
	e.warn(end, h)
	return e.emit()
}

// closeEach emits sessions that were closed, in the order of their ends: those of one end at a time where each is, or
// all at once. begin is called before.
func (e *emitter) closeEach(h *agg.Hash, each bool, begin func(end int64) error) error {
	all := e.all
	e.warn(e.times[len(all)-1], h)
	for from := 0; from < len(all); {
		n := len(all)
		if each {
			for n = from + 1; n < len(all) && e.times[n] == e.times[from]; n++ {
			}
		}
		e.all = all[from:n]
		if err := begin(e.times[n-1]); err != nil {
			return err
		}
		if err := e.emit(); err != nil {
			return err
		}
		from = n
	}
	return nil
}

// emit hands the rows e.all of the filled batch on.
func (e *emitter) emit() error {
	e.evaluate()
	e.rows += int64(len(e.sel))
	if e.table != nil {
		for _, row := range e.sel {
			o := e.order[row]
			if err := e.table.put(e.times[row], e.keys[o.from:o.to], e.cols, int(row)); err != nil {
				return err
			}
		}
	}
	return e.hand(e.cols, e.sel, e.times)
}
