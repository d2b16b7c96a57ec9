package batch

import (
	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// framed is an aggregate over the frame of each row. Where a frame only grows from row to row, it is
// added to; else it is computed anew.
func (r *runner) framed(w *plan.WindowCall, p *partitions, b *column.Batch) (*column.Vector, error) {
	a, err := agg.New(*w.Agg)
	if err != nil {
		return nil, err
	}
	a.Grow(1)
	counted := int64(0)
	defer r.shrink(&counted)
	var arg *column.Vector
	if len(w.Args) > 0 {
		if arg, err = r.evalHeld(w.Args[0], b); err != nil {
			return nil, err
		}
		if arg, err = r.gathered(arg, p.rows, &counted); err != nil {
			return nil, err
		}
	}
	sorted := &column.Vector{}
	sorted.Reset(w.Type)
	f := &frame{r: r, agg: a, arg: arg, out: sorted}
	if f.edges, err = r.edges(w, p, b); err != nil {
		return nil, err
	}
	if w.Filter != nil {
		if f.counts, err = r.counting(w.Filter, p, b); err != nil {
			return nil, err
		}
	}
	agg.Ask(a, r.ask(&f.counted))
	defer func() { r.shrink(&f.counted) }()
	if err := p.each(func(from, to int) error { return f.partition(w, p, from, to) }); err != nil {
		return nil, err
	}
	places := make([]uint32, b.Len)
	for i, row := range p.rows {
		places[row] = uint32(i)
	}
	return r.gathered(sorted, places, &counted)
}

// gathered is the rows of a vector in another order.
func (r *runner) gathered(v *column.Vector, rows []uint32, counted *int64) (*column.Vector, error) {
	out := &column.Vector{}
	out.Reset(v.Type)
	if err := out.Reserve(v, rows, r.ask(counted)); err != nil {
		return nil, err
	}
	for n, i := range rows {
		appendCell(out, n, v, int(i))
	}
	return out, nil
}

// frame is the aggregate of the rows [from,to) of the sorted rows.
type frame struct {
	r        *runner
	counted  int64
	agg      agg.Aggregate
	arg, out *column.Vector
	from, to int
	slots    []uint32
	rows     []uint32
	counts   []bool // by place: the row is not left out by FILTER; nil: none is
	edges    *edges // of RANGE with offsets
}

func (f *frame) partition(w *plan.WindowCall, p *partitions, from, to int) error {
	f.agg.Reset(0)
	f.from, f.to = from, from
	f.edges.begin(from)
	peers := from // end of the peers of the row
	first := from // start of them
	for i := from; i < to; i++ {
		if err := f.count(); err != nil {
			return err
		}
		if i >= peers {
			first, peers = i, i+1
			for peers < to && p.peer(i, peers) {
				peers++
			}
		}
		lo, hi := f.edges.bounds(w, i, first, peers, from, to)
		if lo != f.from || hi < f.to {
			f.agg.Reset(0)
			f.from, f.to = lo, lo
		}
		if err := f.add(hi); err != nil {
			return err
		}
		if failer, ok := f.agg.(agg.Failer); ok {
			if class := failer.Failed(0); class != "" {
				return &Error{Class: class, Detail: "a window function has no result"}
			}
		}
		most := f.r.resultRoom(f.out)
		agg.Bound(f.agg, most)
		if err := agg.Try(func() { f.agg.Result(f.out, []uint32{0}) }); err != nil {
			return err
		}
		if f.out.Size() > most {
			return f.r.job.full()
		}
	}
	return nil
}

// count counts what the aggregate and its results hold.
func (f *frame) count() error {
	if err := f.r.grow(&f.counted, f.agg.Size()+f.out.Capacity()); err != nil {
		return err
	}
	if f.r.job.stop.Load() {
		return f.r.job.yield()
	}
	return nil
}

// add folds the rows up to hi.
func (f *frame) add(hi int) error {
	for f.to < hi {
		f.slots, f.rows = f.slots[:0], f.rows[:0]
		for ; f.to < hi && len(f.rows) < batchRows; f.to++ {
			if f.counts == nil || f.counts[f.to] {
				f.slots, f.rows = append(f.slots, 0), append(f.rows, uint32(f.to))
			}
		}
		if err := agg.Try(func() { f.agg.Update(f.slots, f.rows, f.arg) }); err != nil {
			return err
		}
		if f.to < hi {
			if err := f.count(); err != nil {
				return err
			}
			if err := f.r.job.yield(); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds is the frame [lo,hi) of the row at place i, whose peers are [first,peers), in the partition
// [from,to). Without ORDER BY all rows are peers.
func bounds(w *plan.WindowCall, i, first, peers, from, to int) (lo, hi int) {
	lo, hi = from, peers
	if w.Frame == nil {
		return lo, hi
	}
	edge := func(kind string, offset int64, isEnd int) int {
		switch kind {
		case "UNBOUNDED PRECEDING":
			return from
		case "UNBOUNDED FOLLOWING":
			return to
		case "CURRENT ROW":
			if w.Frame.Rows {
				return i + isEnd
			}
			return []int{first, peers}[isEnd]
		}
		return int(max(int64(from), min(int64(to), int64(i)+offset+int64(isEnd))))
	}
	lo, hi = edge(w.Frame.Start.Kind, w.Start, 0), edge(w.Frame.End.Kind, w.End, 1)
	return lo, max(lo, hi)
}

// counting tells by place which rows FILTER lets through.
func (r *runner) counting(filter *expr.Node, p *partitions, b *column.Batch) ([]bool, error) {
	v, err := r.evalHeld(filter, b)
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(p.rows))
	for i, row := range p.rows {
		out[i] = !v.IsNull(int(row)) && v.Int[row] != 0
	}
	return out, nil
}
