package batch

import (
	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// rowSet numbers distinct rows; NULL equals NULL.
type rowSet struct {
	groups  *agg.Groups
	cols    []*column.Vector
	slots   []uint32
	counted int64
	more    int64 // bytes that the owner keeps for the rows
}

func newRowSet(schema *column.Schema) *rowSet {
	types := make([]column.Type, len(schema.Fields))
	for i, f := range schema.Fields {
		types[i] = f.Type
	}
	return &rowSet{groups: agg.NewGroups(types), cols: make([]*column.Vector, len(types))}
}

// add returns the number of each row of the batch, new ones numbered on.
func (s *rowSet) add(r *runner, b *column.Batch) ([]uint32, error) {
	for i := range b.Cols {
		s.cols[i] = &b.Cols[i]
	}
	s.groups.Ask(r.ask(&s.counted))
	if err := agg.Try(func() { s.slots = s.groups.Slots(s.cols, b.Sel, s.slots) }); err != nil {
		return nil, err
	}
	return s.slots, r.grow(&s.counted, s.groups.Size()+s.more)
}

func (s *rowSet) release(r *runner) { r.shrink(&s.counted) }

// distinct keeps the first of equal rows.
func (r *runner) distinct(in plan.Node, emit func(*column.Batch) error) error {
	set := newRowSet(schemaOf(in))
	defer set.release(r)
	var out column.Batch
	var sel []uint32
	return r.run(in, func(b *column.Batch) error {
		if err := r.job.yield(); err != nil {
			return err
		}
		known := uint32(set.groups.Len())
		slots, err := set.add(r, b)
		if err != nil {
			return err
		}
		sel = sel[:0]
		for i, slot := range slots {
			if slot == known { // new rows are numbered in their order
				sel = append(sel, b.Sel[i])
				known++
			}
		}
		out = *b
		out.Sel = sel
		return emit(&out)
	})
}

// setOp is UNION, EXCEPT or INTERSECT.
func (r *runner) setOp(n *plan.SetOp, emit func(*column.Batch) error) error {
	if n.Op == "UNION" {
		all := func(emit func(*column.Batch) error) error {
			if err := r.run(n.Left, emit); err != nil {
				return err
			}
			return r.run(n.Right, emit)
		}
		if n.All {
			return all(emit)
		}
		return r.distinct(&plan.SetOp{Op: "UNION", All: true, Left: n.Left, Right: n.Right, Cols: n.Cols}, emit)
	}
	return r.compareSets(n, emit)
}

// compareSets is EXCEPT and INTERSECT: it counts the rows of the right side and looks the left ones up.
func (r *runner) compareSets(n *plan.SetOp, emit func(*column.Batch) error) error {
	set := newRowSet(schemaOf(n))
	defer set.release(r)
	var counts []int64
	count := func(slot uint32) *int64 {
		for int(slot) >= len(counts) {
			counts = append(counts, 0)
		}
		set.more = 8 * int64(cap(counts))
		return &counts[slot]
	}
	err := r.run(n.Right, func(b *column.Batch) error {
		slots, err := set.add(r, b)
		if err != nil {
			return err
		}
		for _, slot := range slots {
			*count(slot)++
		}
		return nil
	})
	if err != nil {
		return err
	}
	intersect := n.Op == "INTERSECT"
	const given = -1 // the row came out: once is enough unless ALL
	var out column.Batch
	var sel []uint32
	return r.run(n.Left, func(b *column.Batch) error {
		slots, err := set.add(r, b)
		if err != nil {
			return err
		}
		sel = sel[:0]
		for i, slot := range slots {
			c := count(slot)
			keep := *c == given
			switch {
			case n.All:
				if keep = *c > 0; keep {
					*c--
				}
				keep = keep == intersect
			case keep:
				keep = false
			default:
				if keep = (*c > 0) == intersect; keep {
					*c = given
				}
			}
			if keep {
				sel = append(sel, b.Sel[i])
			}
		}
		out = *b
		out.Sel = sel
		return emit(&out)
	})
}
