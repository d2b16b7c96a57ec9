package engine

import (
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// A row of an open window that a cache was given can be let go again: HAVING or WHERE does not let its group
// pass any more, or its key is another. So a preview that writes to a cache remembers what it handed on, and the
// cache is told of each place that a group has left (Rows.Gone). When a window closes, its places that no final
// row is for are left, too.
//
// What was handed on is in memory only. A start finds it again by computing the rows of the windows that are
// open in its checkpoint. A crash can lose what was handed on since that; the ttl ends it.

// handed is the rows of open windows that a cache has of a preview.
type handed struct {
	windows map[int64]*handedWindow // by end
	groups  []int64                 // of the rows being handed on: the number of each one's group in its batch
	next    [][]handedRow           // scratch, by group of the batch

	// Of windows that were closed since the last preview. Tasks close them, in the gate.
	mu     sync.Mutex
	closed []closedWindow
	chain  []*derived // of the preview once more, for their final rows
	rows   *rowWriter
	times  []int64
}

type handedWindow struct {
	groups map[string][]handedRow // by encoded key
	owners map[string]string      // of places: the group that was there last
}

// A handedRow is a place and the order of the row that it was given.
type handedRow struct {
	key, field string
	order      int64
}

// place is the key and field in one.
func (r handedRow) place() string {
	return string(state.AppendOrdered(nil, int64(len(r.key)))) + r.key + r.field
}

type closedWindow struct {
	end    int64
	places map[string]bool
}

// canLetGo reports whether a group can leave a place: some operator on the way drops rows, or the place depends
// on more than the group's keys.
func (v *preview) canLetGo(path []*dataflow.Operator) bool {
	op := v.closer.w.op
	if len(op.Having) > 0 {
		return true
	}
	fixed := make([]bool, len(op.Agg.Cols)) // columns that are the same for all rows of a group
	for i := range op.Agg.Keys {
		fixed[i] = true
	}
	fixed = fixedOf(op, fixed)
	for _, next := range path {
		if next == op {
			continue
		}
		if len(next.Pre)+len(next.Post) > 0 {
			return true
		}
		fixed = fixedOf(next, fixed)
	}
	for _, at := range []int{v.to.key, v.to.field, v.to.order} {
		if at >= 0 && !fixed[at] {
			return true
		}
	}
	return false
}

// fixedOf tells of an operator's columns which depend on fixed ones alone.
func fixedOf(op *dataflow.Operator, in []bool) []bool {
	out := make([]bool, len(op.Out))
	for i, n := range op.Out {
		out[i] = true
		n.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn && (m.Index >= len(in) || !in[m.Index]) {
				out[i] = false
			}
		})
	}
	return out
}

// watchLetGo has a preview remember what it hands to a cache, if that can be let go.
func (v *preview) watchLetGo(e *Engine, path []*dataflow.Operator) error {
	if v.to.format != formatPlace || v.closer.w.session || !v.canLetGo(path) {
		return nil
	}
	h := &handed{windows: map[int64]*handedWindow{}}
	var err error
	if h.chain, err = newChain(v.closer.w.op, path, e.merger.env(), e.joined); err != nil {
		return err
	}
	h.rows = newAside(e, v.to, 0)
	h.rows.age = &v.closer.emit.age
	v.rows.groups = &h.groups
	v.handed = h
	return nil
}

// begin numbers the groups of a batch in the place of their rows' times.
func (h *handed) begin(times []int64, end int64, to *rowWriter) {
	for i := range times {
		times[i] = int64(i)
	}
	h.groups, to.end = h.groups[:0], end
}

// end compares what was handed on of a window with what was before, and appends the places that were left.
func (h *handed) end(end int64, em *emitter, rows *record.Rows) {
	w := h.windows[end]
	if w == nil {
		w = &handedWindow{groups: map[string][]handedRow{}, owners: map[string]string{}}
		h.windows[end] = w
	}
	h.next = slices.Grow(h.next[:0], em.batch.Len)[:em.batch.Len]
	clear(h.next)
	first := rows.Len() - len(h.groups)
	for i, group := range h.groups {
		if r, ok := handedAt(rows, first+i); ok {
			h.next[group] = append(h.next[group], r)
			w.owners[r.place()] = string(em.key(int(group)))
		}
	}
	for i, next := range h.next {
		key := em.key(i)
		for _, r := range w.groups[string(key)] {
			if place := r.place(); w.owners[place] == string(key) && !hasPlace(next, place) {
				delete(w.owners, place)
				r.appendTo(rows, h.rows.to.field >= 0)
			}
		}
		if len(next) > 0 {
			w.groups[string(key)] = next
		} else {
			delete(w.groups, string(key))
		}
	}
}

func hasPlace(list []handedRow, place string) bool {
	return slices.ContainsFunc(list, func(r handedRow) bool { return r.place() == place })
}

// handedAt is where a row of a batch belongs; false for one that no cache takes.
func handedAt(rows *record.Rows, i int) (r handedRow, ok bool) {
	hasField := rows.Fields.Len() > 0
	if rows.Keys.IsNull(i) || hasField && rows.Fields.IsNull(i) {
		return r, false
	}
	r = handedRow{key: string(rows.Keys.At(i)), order: rows.Orders[i]}
	if hasField {
		r.field = string(rows.Fields.At(i))
	}
	return r, true
}

// appendTo appends the place of a row that is no more.
func (of *handedRow) appendTo(r *record.Rows, withField bool) {
	had := r.Len()
	r.Keys.Append([]byte(of.key))
	r.Values.AppendNull()
	if withField {
		r.Fields.Append([]byte(of.field))
	}
	r.Times = append(r.Times, math.MaxInt64) // it never ends before its turn
	r.Orders = append(r.Orders, of.order)
	r.Gone = append(append(r.Gone, make([]bool, had-len(r.Gone))...), true)
}

// noteClosed keeps the places of the final rows of a window that closes. The gate is held.
func (c *closer) noteClosed(end int64) error {
	for _, v := range c.previews {
		if v.handed == nil {
			continue
		}
		if err := v.handed.close(end, c.emit.cols, c.emit.sel, c.emit.times); err != nil {
			return err
		}
	}
	return nil
}

func (h *handed) close(end int64, cols []*column.Vector, rows []uint32, times []int64) error {
	h.times = append(h.times[:0], times...)
	if err := runChain(h.chain, cols, rows, h.times, h.rows); err != nil {
		return err
	}
	places := map[string]bool{}
	for i := range h.rows.rows.Len() {
		if r, ok := handedAt(h.rows.rows, i); ok {
			places[r.place()] = true
		}
	}
	h.rows.rows.Reset()
	h.mu.Lock()
	h.closed = append(h.closed, closedWindow{end, places})
	h.mu.Unlock()
	return nil
}

// owes reports whether windows were closed whose places have not been compared yet.
func (h *handed) owes() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.closed) > 0
}

// settle appends the places of closed windows that no final row is for, and forgets the windows.
func (h *handed) settle(rows *record.Rows) {
	h.mu.Lock()
	closed := h.closed
	h.closed = nil
	h.mu.Unlock()
	for _, c := range closed {
		w := h.windows[c.end]
		if w == nil {
			continue
		}
		delete(h.windows, c.end)
		for _, key := range slices.Sorted(maps.Keys(w.groups)) {
			for _, r := range w.groups[key] {
				if place := r.place(); w.owners[place] == key && !c.places[place] {
					r.appendTo(rows, h.rows.to.field >= 0)
				}
			}
		}
	}
}

// recall computes what a process before this one handed on of the windows that are open, as far as its last
// checkpoint tells.
func (v *preview) recall() error {
	if v.handed == nil {
		return nil
	}
	v.closer.of.markAll(v)
	for {
		v.closer.of.take(v)
		if len(v.windows) == 0 {
			return nil
		}
		if err := v.evaluate(); err != nil {
			return err
		}
		v.rows.rows.Reset()
	}
}
