package node

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/nagare-stream/nagare/engine/record"
)

// newestPlaces returns where the newest limit records of all partitions of a topic together begin, in each
// of them; limit below 0: all. Offsets may have gaps (on Kafka markers of transactions), so the records are
// counted, from further and further back.
func (n *Node) newestPlaces(ctx context.Context, topic string, limit int) ([]record.Position, error) {
	src, err := n.hostOf(topic).Source(topic, true)
	if err != nil {
		return nil, err
	}
	parts, err := src.Partitions(ctx)
	if err != nil || limit < 0 {
		return make([]record.Position, parts), err
	}
	info, err := n.hostOf(topic).Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	places := make([]record.Position, parts)
	last := make([][]recordPlace, parts)
	var all []recordPlace
	for p := range int32(parts) {
		if places[p], err = src.End(ctx, p); err != nil {
			return nil, err
		}
		first := int64(0)
		if int(p) < len(info.Parts) {
			first = info.Parts[p].First
		}
		if last[p], err = lastRecords(ctx, src, p, first, places[p].Offset, limit); err != nil {
			return nil, err
		}
		all = append(all, last[p]...)
	}
	slices.SortStableFunc(all, func(a, b recordPlace) int { return cmp.Compare(a.time, b.time) })
	wanted := make([]int, parts)
	for _, r := range all[max(0, len(all)-limit):] {
		wanted[r.partition]++
	}
	for p, list := range last {
		if wanted[p] > 0 {
			places[p] = record.Position{Offset: list[len(list)-wanted[p]].offset}
		}
	}
	return places, nil
}

// recordPlace is where a record is and when it was appended.
type recordPlace struct {
	partition    int32
	offset, time int64
}

// lastRecords is the last limit records of a partition that has offsets first … end-1.
func lastRecords(ctx context.Context, src record.Source, p int32, first, end int64, limit int) ([]recordPlace, error) {
	for back := int64(limit); ; back *= 4 {
		from := max(first, end-back)
		if limit == 0 || from >= end {
			return nil, nil
		}
		var list []recordPlace
		err := readFrom(ctx, src, p, record.Position{Offset: from}, func(r *record.Records) error {
			for i, at := range r.Offsets {
				list = append(list, recordPlace{p, at, r.Times[i]})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(list) >= limit || from == first {
			return list[max(0, len(list)-limit):], nil
		}
	}
}

// readFrom hands the records of a partition from a place on, and those that come until the source or ctx
// ends, to visit.
func readFrom(ctx context.Context, src record.Source, p int32, from record.Position, visit func(*record.Records) error) (err error) {
	reader, err := src.Open(ctx, p, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	var rec record.Records
	for {
		err := reader.Read(ctx, &rec)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(&rec); err != nil {
			return err
		}
	}
}
