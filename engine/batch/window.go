package batch

import (
	"cmp"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/window"
)

// maxWindows is how many windows one row may lie in.
const maxWindows = 100_000

// assign adds the window of each row as the last column. A row in several windows comes once for each,
// the earliest first; one without a time is left out.
func (r *runner) assign(in plan.Node, w *plan.TimeWindow, schema *column.Schema, emit func(*column.Batch) error) error {
	time, err := r.compile(w.Time)
	if err != nil {
		return err
	}
	if w.Slide == w.Size {
		return r.tumble(in, w, time, schema, emit)
	}
	if (w.Size+w.Slide-1)/w.Slide > maxWindows {
		return &Error{Class: "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", Detail: "a row lies in more than 100000 windows"}
	}
	spec := window.Spec{Size: w.Size, Slide: w.Slide, Offset: w.Offset}
	out := r.filling(schema, emit)
	last := len(schema.Fields) - 1
	p := &pieces{r: r}
	return r.run(in, func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			times, err := time.over(b)
			if err != nil {
				return err
			}
			for _, i := range b.Sel {
				if times.IsNull(int(i)) {
					continue
				}
				t := times.Int[i]
				for start := codec.FloorDiv(t-spec.Offset, spec.Slide)*spec.Slide + spec.Offset - (spec.Size-1)/spec.Slide*spec.Slide; start <= t; start += spec.Slide {
					if start+spec.Size <= t {
						continue
					}
					appendWindow(&out.Cols[last], start, start+spec.Size)
					if err := out.row(b, i); err != nil {
						return err
					}
				}
			}
			return out.flush()
		})
	})
}

// filling is a batch that is given when it is as large as batches are.
type filling struct {
	column.Batch
	r       *runner
	bytes   int64
	counted int64
	emit    func(*column.Batch) error
}

func (r *runner) filling(schema *column.Schema, emit func(*column.Batch) error) *filling {
	f := &filling{r: r, emit: emit}
	f.Reset(schema)
	return f
}

// row ends a row: its first columns are those of a row of src.
func (f *filling) row(src *column.Batch, i uint32) error {
	for c := range src.Cols {
		appendCell(&f.Cols[c], f.Len, &src.Cols[c], int(i))
	}
	f.Len++
	if f.bytes += rowSize(src, i); f.Len < batchRows && f.bytes < f.r.piece {
		return nil
	}
	return f.flush()
}

func (f *filling) flush() error {
	f.bytes = 0
	if err := f.r.grow(&f.counted, max(f.counted, capacity(&f.Batch))); err != nil {
		return err
	}
	if err := f.r.job.yield(); err != nil {
		return err
	}
	return flush(&f.Batch, f.Schema, f.emit)
}

// tumble is assign for windows one after another: a row has one, so the columns of the input are borrowed.
func (r *runner) tumble(in plan.Node, w *plan.TimeWindow, time *computed, schema *column.Schema, emit func(*column.Batch) error) error {
	last := len(schema.Fields) - 1
	out := &column.Batch{Schema: schema, Cols: make([]column.Vector, last+1)}
	var windows column.Vector
	p := &pieces{r: r}
	return r.run(in, func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			times, err := time.over(b)
			if err != nil {
				return err
			}
			t := schema.Fields[last].Type
			windows.Reset(t)
			start, end := &windows.Kids[0], &windows.Kids[1]
			start.Resize(t.Fields[0].Type, b.Len)
			end.Resize(t.Fields[1].Type, b.Len)
			out.Sel = out.Sel[:0]
			for _, i := range b.Sel {
				if !times.IsNull(int(i)) {
					start.Int[i] = times.Int[i] - codec.FloorMod(times.Int[i]-w.Offset, w.Size)
					end.Int[i] = start.Int[i] + w.Size
					out.Sel = append(out.Sel, i)
				}
			}
			copy(out.Cols, b.Cols)
			out.Cols[last], out.Len = windows, b.Len
			return emit(out)
		})
	})
}

// flush gives a batch that was filled and empties it.
func flush(b *column.Batch, schema *column.Schema, emit func(*column.Batch) error) error {
	if b.Len == 0 {
		return nil
	}
	b.SelectAll()
	err := emit(b)
	b.Reset(schema)
	return err
}

// appendWindow appends a struct<start,end>.
func appendWindow(v *column.Vector, start, end int64) {
	v.Kids[0].AppendInt(start)
	v.Kids[1].AppendInt(end)
}

// sessions adds the session of each row as the last column: rows of equal keys whose times are no
// more than the gap apart are one session, from the first time to the last time and gap. Rows
// without a time or with a gap that is not positive are left out.
func (r *runner) sessions(in plan.Node, w *plan.TimeWindow, keys []*expr.Node, schema *column.Schema, emit func(*column.Batch) error) error {
	held, err := r.collect(in)
	if err != nil {
		return err
	}
	defer r.release(held)
	spans, err := r.spans(w, &held.Batch)
	if err != nil {
		return err
	}
	slots, err := r.slotsOf(keys, &held.Batch)
	if err != nil {
		return err
	}
	rows := spans.rows
	counted := int64(0)
	defer r.shrink(&counted)
	if err := r.grow(&counted, 24*int64(held.Len)); err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b uint32) int {
		if slots[a] != slots[b] {
			return cmp.Compare(slots[a], slots[b])
		}
		return cmp.Compare(spans.start[a], spans.start[b])
	})
	for i := 0; i < len(rows); {
		first, end := rows[i], spans.end[rows[i]]
		j := i + 1
		for ; j < len(rows) && slots[rows[j]] == slots[first] && spans.start[rows[j]] <= end; j++ {
			end = max(end, spans.end[rows[j]])
		}
		start := spans.start[first]
		for _, row := range rows[i:j] {
			spans.start[row], spans.end[row] = start, end
		}
		i = j
	}
	slices.Sort(rows) // the order of the input, for aggregates that depend on it
	out := r.filling(schema, emit)
	for _, row := range rows {
		appendWindow(&out.Cols[len(held.Cols)], spans.start[row], spans.end[row])
		if err := out.row(&held.Batch, row); err != nil {
			return err
		}
	}
	return out.flush()
}

// rowSpans is the time of each row and the end of the gap behind it.
type rowSpans struct {
	start, end []int64
	rows       []uint32 // those with a time and a gap
}

func (r *runner) spans(w *plan.TimeWindow, b *column.Batch) (*rowSpans, error) {
	times, err := r.evalHeld(w.Time, b)
	if err != nil {
		return nil, err
	}
	var gaps *column.Vector
	if w.Gap != nil {
		if gaps, err = r.evalHeld(w.Gap, b); err != nil {
			return nil, err
		}
	}
	s := &rowSpans{start: make([]int64, b.Len), end: make([]int64, b.Len)}
	for i := 0; i < b.Len; i++ {
		if times.IsNull(i) || gaps != nil && gaps.IsNull(i) {
			continue
		}
		gap := w.Size
		if gaps != nil {
			var class string
			if gap, class, err = window.ParseDuration(string(gaps.Bytes(i))); err != nil {
				return nil, &Error{Class: class, Detail: err.Error()}
			}
		}
		if gap <= 0 || times.Int[i] > math.MaxInt64-gap {
			continue
		}
		s.start[i], s.end[i] = times.Int[i], times.Int[i]+gap
		s.rows = append(s.rows, uint32(i))
	}
	return s, nil
}

// slotsOf numbers the distinct keys of all rows of a batch.
func (r *runner) slotsOf(keys []*expr.Node, b *column.Batch) ([]uint32, error) {
	types := make([]column.Type, len(keys))
	cols := make([]*column.Vector, len(keys))
	for i, k := range keys {
		v, err := r.evalHeld(k, b)
		if err != nil {
			return nil, err
		}
		types[i], cols[i] = k.Type, v
	}
	groups := agg.NewGroups(types)
	slots := make([]uint32, 0, len(b.Sel))
	counted := int64(0)
	defer r.shrink(&counted)
	var part []uint32
	groups.Ask(r.ask(&counted))
	for sel := b.Sel; len(sel) > 0; {
		n := min(len(sel), batchRows)
		if err := agg.Try(func() { part = groups.Slots(cols, sel[:n], part) }); err != nil {
			return nil, err
		}
		slots, sel = append(slots, part...), sel[n:]
		if err := r.grow(&counted, groups.Size()+4*int64(len(b.Sel))); err != nil {
			return nil, err
		}
		if err := r.job.yield(); err != nil {
			return nil, err
		}
	}
	return slots, nil
}
