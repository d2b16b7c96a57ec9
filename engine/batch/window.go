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
	out := &column.Batch{}
	last := len(schema.Fields) - 1
	return r.run(in, func(b *column.Batch) error {
		times, err := time.over(b)
		if err != nil {
			return err
		}
		out.Reset(schema)
		for _, i := range b.Sel {
			if times.IsNull(int(i)) {
				continue
			}
			t := times.Int[i]
			for start := codec.FloorDiv(t-spec.Offset, spec.Slide)*spec.Slide + spec.Offset - (spec.Size-1)/spec.Slide*spec.Slide; start <= t; start += spec.Slide {
				if start+spec.Size <= t {
					continue
				}
				for c := range b.Cols {
					appendCell(&out.Cols[c], out.Len, &b.Cols[c], int(i))
				}
				appendWindow(&out.Cols[last], start, start+spec.Size)
				if out.Len++; out.Len == batchRows {
					if err := flush(out, schema, emit); err != nil {
						return err
					}
				}
			}
		}
		return flush(out, schema, emit)
	})
}

// tumble is assign for windows one after another: a row has one, so the columns of the input are borrowed.
func (r *runner) tumble(in plan.Node, w *plan.TimeWindow, time *computed, schema *column.Schema, emit func(*column.Batch) error) error {
	last := len(schema.Fields) - 1
	out := &column.Batch{Schema: schema, Cols: make([]column.Vector, last+1)}
	var windows column.Vector
	return r.run(in, func(b *column.Batch) error {
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
	out := &column.Batch{}
	out.Reset(schema)
	for _, row := range rows {
		for c := range held.Cols {
			appendCell(&out.Cols[c], out.Len, &held.Cols[c], int(row))
		}
		appendWindow(&out.Cols[len(held.Cols)], spans.start[row], spans.end[row])
		if out.Len++; out.Len == batchRows {
			if err := flush(out, schema, emit); err != nil {
				return err
			}
		}
	}
	return flush(out, schema, emit)
}

// rowSpans is the time of each row and the end of the gap behind it.
type rowSpans struct {
	start, end []int64
	rows       []uint32 // those with a time and a gap
}

func (r *runner) spans(w *plan.TimeWindow, b *column.Batch) (*rowSpans, error) {
	times, err := r.eval(w.Time, b)
	if err != nil {
		return nil, err
	}
	var gaps *column.Vector
	if w.Gap != nil {
		if gaps, err = r.eval(w.Gap, b); err != nil {
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
		v, err := r.eval(k, b)
		if err != nil {
			return nil, err
		}
		types[i], cols[i] = k.Type, v
	}
	return agg.NewGroups(types).Slots(cols, b.Sel, nil), nil
}
