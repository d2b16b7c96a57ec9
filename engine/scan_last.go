package engine

import (
	"context"
	"math"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
)

// scanLast is scan for the last rows of what Table can read: so many at least, if there are as many. Of a log a few blocks
// at its end are read.
func (e *Engine) scanLast(ctx context.Context, name string, most int, visit func(*column.Batch) error) error {
	var d *destination
	s := e.sources[name]
	switch {
	case len(e.byTable[name]) > 0:
		if len(e.windowed(name)) == 0 {
			d = e.destinations["table/"+name]
		}
	default:
		d = e.keptRows(name)
	}
	if d != nil {
		s = d.log
	}
	if s == nil || d == nil && e.opt.Pipeline.Dataset(name) != nil || len(e.byTable[name]) > 0 && d == nil {
		return e.scan(ctx, name, nil, visit)
	}
	reach, err := lastOf(ctx, s, most)
	switch {
	case err != nil:
		return err
	case d != nil:
		return e.scanLog(ctx, d, reach, visit)
	}
	return e.scanTopic(ctx, name, e.opt.Pipeline.SchemaOfTopic(name), s, reach, visit)
}

// lastOf is where the last records of a log lie, by partition and offset: so many at least, if there are as many. Offsets
// may have gaps, so the records are counted, from further and further back.
func lastOf(ctx context.Context, s record.Source, most int) (batch.Reach, error) {
	extents, err := extentsOf(ctx, s)
	if err != nil {
		return nil, err
	}
	reach, left := batch.Reach{}, int64(most)
	for i := len(extents) - 1; i >= 0 && left > 0; i-- {
		e := extents[i]
		for back := left; e.End > 0; back *= 4 {
			from, found := max(0, e.End-back), int64(0)
			if err := scan.From(ctx, s, e.Partition, from, e.End, func(r *record.Records) error {
				found += int64(r.Len())
				return nil
			}); err != nil {
				return nil, err
			}
			if found < left && from > 0 && back < math.MaxInt64/4 {
				continue
			}
			p := int64(e.Partition)
			reach = append(reach, batch.Span{Partition: [2]int64{p, p}, Offset: [2]int64{from, e.End - 1}, Time: [2]int64{math.MinInt64, math.MaxInt64}})
			left -= found
			break
		}
	}
	return reach, nil
}

// extentsOf is what the partitions of a log hold now. The first offsets may be gone.
func extentsOf(ctx context.Context, s record.Source) ([]batch.Extent, error) {
	n, err := s.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]batch.Extent, n)
	for p := range int32(n) {
		end, err := s.End(ctx, p)
		if err != nil {
			return nil, err
		}
		list[p] = batch.Extent{Partition: p, End: end.Offset}
	}
	return list, nil
}
