package batch

import (
	"bytes"
	"sort"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// edges finds where the frames of RANGE with offsets begin and end. The values at which they do rise with the
// rows, so that both ends only move on.
type edges struct {
	p          *partitions
	desc       bool
	key        *column.Vector
	start, end *column.Vector // by row; nil: that bound has no offset
	lo, hi     int
	a, b       []byte
}

// edges are those of a window function; nil: its frame has no offsets by value.
func (r *runner) edges(w *plan.WindowCall, p *partitions, b *column.Batch) (*edges, error) {
	if w.StartAt == nil && w.EndAt == nil {
		return nil, nil
	}
	e := &edges{p: p, desc: w.OrderBy[0].Desc}
	var err error
	if e.key, err = r.evalHeld(w.OrderBy[0].Expr, b); err != nil {
		return nil, err
	}
	if w.StartAt != nil {
		if e.start, err = r.evalHeld(w.StartAt, b); err != nil {
			return nil, err
		}
	}
	if w.EndAt != nil {
		if e.end, err = r.evalHeld(w.EndAt, b); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *edges) begin(from int) {
	if e != nil {
		e.lo, e.hi = from, from
	}
}

// bounds is bounds with the ends that lie at a value. A row whose key is NULL has its peers there.
func (e *edges) bounds(w *plan.WindowCall, i, first, peers, from, to int) (lo, hi int) {
	lo, hi = bounds(w, i, first, peers, from, to)
	if e == nil {
		return lo, hi
	}
	row := int(e.p.rows[i])
	null := e.key.IsNull(row)
	if e.start != nil {
		if lo = first; !null {
			for e.lo < to && e.before(e.lo, i, e.start, row, false) {
				e.lo++
			}
			lo = e.lo
		}
	}
	if e.end != nil {
		if hi = peers; !null {
			for e.hi < to && e.before(e.hi, i, e.end, row, true) {
				e.hi++
			}
			hi = e.hi
		}
	}
	return lo, max(lo, hi)
}

// before reports that the row at place k stands before a value in the order, or at it if that counts. Of the
// NULLs those do that stand before the rows with values, of which that at place i is one.
func (e *edges) before(k, i int, value *column.Vector, row int, at bool) bool {
	other := int(e.p.rows[k])
	if e.key.IsNull(other) {
		return k < i
	}
	e.a = codec.AppendKey(e.a[:0], e.key, other)
	e.b = codec.AppendKey(e.b[:0], value, row)
	c := bytes.Compare(e.a, e.b)
	if e.desc {
		c = -c
	}
	return c < 0 || at && c == 0
}

// nthValue is the value of the nth row of the frame, of those with a value if NULLs are ignored.
func (r *runner) nthValue(w *plan.WindowCall, p *partitions, b *column.Batch) (*column.Vector, error) {
	value, err := r.evalHeld(w.Args[0], b)
	if err != nil {
		return nil, err
	}
	ends, err := r.edges(w, p, b)
	if err != nil {
		return nil, err
	}
	n := w.Args[1].Const.Int[0]
	source := make([]int64, b.Len)
	err = p.each(func(from, to int) error {
		ends.begin(from)
		var places []int
		if w.IgnoreNulls {
			places = p.withValue(value, from, to)
		}
		first, peers := from, from
		for i := from; i < to; i++ {
			if i&countRows == countRows {
				if err := r.job.yield(); err != nil {
					return err
				}
			}
			if i >= peers {
				for first, peers = i, i+1; peers < to && p.peer(i, peers); {
					peers++
				}
			}
			lo, hi := ends.bounds(w, i, first, peers, from, to)
			source[p.rows[i]] = -1
			at := int64(lo) + n - 1
			if w.IgnoreNulls {
				k := int64(sort.SearchInts(places, lo)) + n - 1
				if k >= int64(len(places)) {
					continue
				}
				at = int64(places[k])
			}
			if at < int64(hi) {
				source[p.rows[i]] = int64(p.rows[at])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.taken(w, value, nil, source)
}

// withValue is the places of a partition whose value is not NULL.
func (p *partitions) withValue(value *column.Vector, from, to int) []int {
	var places []int
	for i := from; i < to; i++ {
		if row := int(p.rows[i]); value.Type.Kind != column.Void && !value.IsNull(row) {
			places = append(places, i)
		}
	}
	return places
}

// skipNulls finds the rows of lag and lead that count no NULLs.
func (p *partitions) skipNulls(value *column.Vector, from, to int, distance int64, source []int64) {
	places := p.withValue(value, from, to)
	for i := from; i < to; i++ {
		at := int64(-1)
		switch {
		case distance == 0:
			source[p.rows[i]] = int64(p.rows[i])
			continue
		case distance > 0:
			at = int64(sort.SearchInts(places, i+1)) + distance - 1
		default:
			at = int64(sort.SearchInts(places, i)) + distance
		}
		source[p.rows[i]] = -1
		if at >= 0 && at < int64(len(places)) {
			source[p.rows[i]] = int64(p.rows[places[at]])
		}
	}
}
