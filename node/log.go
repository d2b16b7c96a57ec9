package node

import (
	"cmp"
	"context"
	"slices"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// A logDecoder makes rows of the records of a log. A batch is valid until the next one.
type logDecoder struct {
	schema *column.Schema
	json   *codec.JSON
	status []codec.Status
	b      column.Batch
}

func newLogDecoder(schema *column.Schema) *logDecoder {
	return &logDecoder{schema: schema, json: codec.NewStored(schema.Fields)}
}

func (d *logDecoder) decode(r *record.Records) *column.Batch {
	d.b.Reset(d.schema)
	d.b.Len = r.Len()
	d.status = append(d.status[:0], make([]codec.Status, d.b.Len)...)
	d.json.Decode(&r.Values, 0, d.b.Len, d.b.Cols, d.status)
	return complete(&d.b)
}

// rows reads a table, view or kept rows; of a log with a limit the newest rows of all partitions, in
// the order in which they came.
func (n *Node) rows(ctx context.Context, r web.TableRequest) (*engine.RowSet, error) {
	if r.Limit >= 0 && n.isLog(r.Name) && n.broker.HasTopic(r.Name) {
		return n.newestRows(ctx, r.Name, r.Limit)
	}
	return n.current().Table(ctx, r.Name, r.Open, r.Limit)
}

func (n *Node) newestRows(ctx context.Context, name string, limit int) (*engine.RowSet, error) {
	schema, err := n.current().SchemaOf(name)
	if err != nil {
		return nil, err
	}
	src := n.broker.SourceUntilEnd(name)
	parts, err := src.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	type place struct {
		time int64
		row  int
	}
	var all column.Batch
	var places []place
	all.Reset(&schema)
	d := newLogDecoder(&schema)
	for p := range int32(parts) {
		err := n.readPartition(ctx, src, p, limit, func(rec *record.Records) error {
			b := d.decode(rec)
			for i := range b.Len {
				places = append(places, place{rec.Times[i], all.Len})
				all.AppendRow(b, i)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	complete(&all)
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.time, b.time) })
	set := &engine.RowSet{Schema: &schema, Batch: &column.Batch{}}
	set.Batch.Reset(&schema)
	for _, at := range places[max(0, len(places)-limit):] {
		set.Batch.AppendRow(&all, at.row)
	}
	complete(set.Batch)
	return set, nil
}
