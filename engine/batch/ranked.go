package batch

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// windowed adds a column for each window function. Rows keep the order of the input.
func (r *runner) windowed(n *plan.Windowed, emit func(*column.Batch) error) error {
	held, err := r.collect(n.In)
	if err != nil {
		return err
	}
	defer r.release(held)
	out := &column.Batch{Schema: schemaOf(n), Len: held.Len, Sel: held.Sel, Cols: held.Cols}
	counted := int64(0)
	defer r.shrink(&counted)
	for i := range n.Funcs {
		v, err := r.windowFunction(&n.Funcs[i], &held.Batch)
		if err != nil {
			return err
		}
		if err := r.grow(&counted, counted+v.Capacity()); err != nil {
			return err
		}
		out.Cols = append(out.Cols, *v)
	}
	return emit(out)
}

// partitions is the rows of a batch sorted by PARTITION BY and ORDER BY.
type partitions struct {
	rows  []uint32 // sorted
	slots []uint32 // by row
	keys  *rowKeys // by row: ORDER BY
}

func (r *runner) partitions(w *plan.WindowCall, b *column.Batch) (*partitions, error) {
	p := &partitions{}
	var err error
	if p.slots, err = r.slotsOf(w.PartitionBy, b); err != nil {
		return nil, err
	}
	if p.keys, err = r.sortKeys(w.OrderBy, b); err != nil {
		return nil, err
	}
	working := int64(0)
	defer r.shrink(&working)
	if err := r.grow(&working, 24*int64(b.Len)); err != nil {
		return nil, err
	}
	p.place(b.Sel)
	s := rowSorter{keys: p.keys, job: r.job}
	err = p.each(func(from, to int) error {
		s.sort(p.rows[from:to])
		return nil
	})
	if r.job.stop.Load() {
		return nil, r.job.yield()
	}
	return p, err
}

// place puts the rows of each partition side by side, in their order.
func (p *partitions) place(rows []uint32) {
	var starts []uint32
	for _, slot := range p.slots {
		for int(slot)+1 >= len(starts) {
			starts = append(starts, 0)
		}
		starts[slot+1]++
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	p.rows = make([]uint32, len(rows))
	for _, row := range rows {
		at := &starts[p.slots[row]]
		p.rows[*at] = row
		*at++
	}
}

// each calls f for the place of each partition in the sorted rows.
func (p *partitions) each(f func(from, to int) error) error {
	for from := 0; from < len(p.rows); {
		to := from + 1
		for to < len(p.rows) && p.slots[p.rows[to]] == p.slots[p.rows[from]] {
			to++
		}
		if err := f(from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// peer reports that the rows at two places have the same ORDER BY values.
func (p *partitions) peer(a, b int) bool { return p.keys.same(p.rows[a], p.rows[b]) }

// windowFunction computes one function for all rows, in the order of the batch.
func (r *runner) windowFunction(w *plan.WindowCall, b *column.Batch) (*column.Vector, error) {
	p, err := r.partitions(w, b)
	if err != nil {
		return nil, err
	}
	working := int64(0) // the places of rows
	defer r.shrink(&working)
	defer r.shrink(&p.keys.counted)
	if err := r.grow(&working, 32*int64(b.Len)); err != nil {
		return nil, err
	}
	switch {
	case w.Agg != nil:
		return r.framed(w, p, b)
	case w.Func == "nth_value":
		return r.nthValue(w, p, b)
	case w.Func == "lag" || w.Func == "lead":
		return r.neighbour(w, p, b)
	}
	return r.ranked(w, p, b)
}

// ranked computes the functions of a row's place alone.
func (r *runner) ranked(w *plan.WindowCall, p *partitions, b *column.Batch) (*column.Vector, error) {
	ints, floats := make([]int64, b.Len), make([]float64, b.Len)
	buckets := int64(1)
	if w.Func == "ntile" {
		buckets = w.Args[0].Const.Int[0]
	}
	err := p.each(func(from, to int) error {
		n := int64(to - from)
		rank, dense, last := int64(0), int64(0), from-1 // last is the last peer of the row
		for i := from; i < to; i++ {
			if i&countRows == countRows {
				if err := r.job.yield(); err != nil {
					return err
				}
			}
			place := int64(i - from)
			if i == from || !p.peer(i-1, i) {
				rank, dense = place+1, dense+1
			}
			row := p.rows[i]
			switch w.Func {
			case "row_number":
				ints[row] = place + 1
			case "rank":
				ints[row] = rank
			case "dense_rank":
				ints[row] = dense
			case "ntile":
				ints[row] = bucketOf(place, n, buckets)
			case "percent_rank":
				if n > 1 {
					floats[row] = float64(rank-1) / float64(n-1)
				}
			case "cume_dist":
				if last <= i {
					for last = i; last+1 < to && p.peer(i, last+1); {
						last++
					}
				}
				floats[row] = float64(last-from+1) / float64(n)
			}
		}
		return nil
	})
	out := &column.Vector{}
	out.Reset(w.Type)
	if w.Type.UsesFloat() {
		out.Float = floats
	} else {
		out.Int = ints
	}
	return out, err
}

// bucketOf is ntile: the first n mod buckets buckets have one row more.
func bucketOf(place, n, buckets int64) int64 {
	size, more := n/buckets, n%buckets
	if place < more*(size+1) {
		return place/(size+1) + 1
	}
	return more + (place-more*(size+1))/size + 1
}

// neighbour is lag and lead: the value so many rows before or behind.
func (r *runner) neighbour(w *plan.WindowCall, p *partitions, b *column.Batch) (*column.Vector, error) {
	value, err := r.evalHeld(w.Args[0], b)
	if err != nil {
		return nil, err
	}
	distance := int64(1)
	if len(w.Args) > 1 {
		distance = w.Args[1].Const.Int[0]
	}
	if w.Func == "lag" {
		distance = -distance
	}
	var other *column.Vector
	if len(w.Args) > 2 {
		if other, err = r.evalHeld(w.Args[2], b); err != nil {
			return nil, err
		}
	}
	source := make([]int64, b.Len) // the row that a row's value comes from; -1: none
	err = p.each(func(from, to int) error {
		if w.IgnoreNulls {
			p.skipNulls(value, from, to, distance, source)
			return nil
		}
		for i := from; i < to; i++ {
			source[p.rows[i]] = -1
			if at := int64(i) + distance; at >= int64(from) && at < int64(to) {
				source[p.rows[i]] = int64(p.rows[at])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.taken(w, value, other, source)
}

// taken is the values of the rows of source, of other or NULL where it has none.
func (r *runner) taken(w *plan.WindowCall, value, other *column.Vector, source []int64) (*column.Vector, error) {
	var err error
	out := &column.Vector{}
	out.Reset(w.Type)
	counted := int64(0)
	defer r.shrink(&counted)
	ask := r.ask(&counted)
	for row, from := range source {
		switch {
		case from >= 0:
			err = r.keepCell(out, row, value, int(from), ask)
		case other != nil:
			err = r.keepCell(out, row, other, row, ask)
		default:
			appendNull(out, row)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
