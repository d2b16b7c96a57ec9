package batch

import (
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A firstRows is a Sort under a LIMIT, by the order of a topic's log: of each partition its first or last rows will do,
// and a few blocks of the log have them.
type firstRows struct {
	scan *plan.Scan
	desc bool
	most int64 // of a partition
}

// limitSort notes that so many rows of a sorted input will do.
func (r *runner) limitSort(n plan.Node, most int64) {
	for {
		p, is := n.(*plan.Project)
		if !is {
			break
		}
		n = p.In
	}
	s, is := n.(*plan.Sort)
	if !is || most < 0 {
		return
	}
	keys := make([]*expr.Node, len(s.Keys))
	for i, k := range s.Keys {
		keys[i] = k.Expr
	}
	for n = s.In; ; {
		switch at := n.(type) {
		case *plan.Filter:
			n = at.In
		case *plan.Watermark:
			n = at.In
		case *plan.Project:
			for i, k := range keys {
				keys[i] = k.Substitute(at.Exprs)
			}
			n = at.In
		case *plan.Scan:
			if desc, is := logOrder(s.Keys, keys); is && isTopic(at.Dataset) {
				r.first[s] = firstRows{at, desc, most}
			}
			return
		default:
			return
		}
	}
}

// logOrder reports that rows of a partition stand in the order of keys as they do in its log, or the other way round.
func logOrder(sort []plan.SortKey, keys []*expr.Node) (desc, is bool) {
	for i, k := range keys {
		switch {
		case metadata(k) == plan.SourceOffset:
			return sort[i].Desc, true
		case metadata(k) != plan.SourcePartition && !(k.Op == expr.OpColumn && k.Index == plan.SourceTopicName):
			return false, false
		}
	}
	return false, true // equal rows stay in the order of the log
}

// leastStep is how many offsets are read at a time, at least, from the end of a partition backwards.
const leastStep = 256

// collectFirst is collect for a Sort of which the first rows of each partition will do.
func (r *runner) collectFirst(n *plan.Sort, f firstRows) (*heldRows, error) {
	extents, err := r.extents(f.scan)
	if err != nil {
		return nil, err
	}
	if extents == nil {
		return r.collect(n.In)
	}
	held := &heldRows{}
	held.Reset(schemaOf(n.In))
	for _, e := range extents {
		if err := r.firstOf(n, f, e, held); err != nil {
			return nil, err
		}
	}
	if err := r.grow(&held.bytes, held.bytes+4*int64(held.Len)); err != nil {
		return nil, err
	}
	held.SelectAll()
	return held, nil
}

// firstOf keeps the first rows of a partition.
func (r *runner) firstOf(n *plan.Sort, f firstRows, e Extent, held *heldRows) error {
	whole := r.reach[f.scan]
	defer func() { r.reach[f.scan] = whole }()
	spans := whole.Offsets(e.Partition, e.First, e.End)
	if len(spans) == 0 || f.most == 0 {
		return nil
	}
	low, high := spans[0].Offset[0], spans[len(spans)-1].Offset[1]
	left := f.most
	stop := fmt.Errorf("sort: %w", errEnough)
	read := func(from, to int64) error {
		s := Span{[2]int64{int64(e.Partition), int64(e.Partition)}, [2]int64{from, to - 1}, anywhere}
		r.reach[f.scan] = whole.Both(Reach{s})
		err := r.run(n.In, func(b *column.Batch) error {
			sel := b.Sel
			if !f.desc && int64(len(sel)) > left {
				sel = sel[:left]
			}
			if err := r.keep(held, b, sel); err != nil {
				return err
			}
			if left -= int64(len(sel)); left <= 0 && !f.desc {
				return stop
			}
			return nil
		})
		if err == stop {
			return nil
		}
		return err
	}
	if !f.desc {
		return read(low, high)
	}
	for step := max(f.most, leastStep); high > low && left > 0; step *= 4 {
		from := max(low, high-step)
		if step > math.MaxInt64/8 {
			from = low
		}
		if err := read(from, high); err != nil {
			return err
		}
		high = from
	}
	return nil
}

// extents asks a scan's topic what it holds; nil: it cannot tell.
func (r *runner) extents(n *plan.Scan) (list []Extent, err error) {
	in, err := r.open(n.Dataset)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", n.Dataset.Name, err)
	}
	if t, is := in.(Topic); is {
		list, err = t.Extents(r.ctx)
	}
	if e := in.Close(); err == nil && e != nil {
		err = fmt.Errorf("close %s: %w", n.Dataset.Name, e)
	}
	return list, err
}
