package engine

import (
	"context"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
)

// readWhole takes the records of a source that a view reads itself.
func (v *evidence) readWhole(ctx context.Context, o plan.Origin) error {
	for _, topic := range o.Table.Topics {
		if !slices.Contains(v.Topics, topic) {
			v.Topics = append(v.Topics, topic)
		}
	}
	return v.e.runBatch(ctx, plan.Chosen(o.Scan, o.Where), reading{}, func(b *column.Batch) error {
		for _, row := range b.Sel {
			i := int(row)
			rec := EvidenceRecord{Topic: string(b.Cols[plan.SourceTopicName].Bytes(i)), Partition: int32(b.Cols[plan.SourcePartition].Int[i]),
				Offset: b.Cols[plan.SourceOffset].Int[i], Appended: b.Cols[plan.SourceTimestamp].Int[i], Watermark: math.MinInt64}
			if value := &b.Cols[plan.SourceValue]; !value.IsNull(i) {
				rec.Value = slices.Clone(value.Bytes(i))
			}
			v.add(rec)
		}
		return nil
	})
}

// inside finds the groups of the aggregate in a query's own aggregate: rows of it are not kept, so that they are made
// again of what is in the topics.
func (v *evidence) inside(ctx context.Context, op *dataflow.Operator, conds []*expr.Node, h *groupHits) error {
	below := v.e.windowed(op.From.Name)[0].Lead()
	c, err := matcher{where: conds}.compile(v.e.env)
	if err != nil {
		return err
	}
	having, err := scan.CompileFilter(below.Having, v.e.env)
	if err != nil {
		return err
	}
	out, err := compileAll(below.Out, v.e.env)
	if err != nil {
		return err
	}
	time, err := expr.Compile(op.Time, v.e.env)
	if err != nil {
		return err
	}
	step := EvidenceStep{Table: op.From.Name}
	schema := schemaOf(below.Cols)
	made := &column.Batch{Schema: &schema}
	err = v.e.runCounted(ctx, aggregateOf(op.From.Flows[0].Root), below, func(b *column.Batch) error {
		h.failed.Reset()
		rows := having.Run(b, b.Sel, &h.failed)
		made.Len, made.Cols = b.Len, made.Cols[:0]
		for _, ev := range out {
			made.Cols = append(made.Cols, *ev.Run(b, rows, &h.failed))
		}
		made.Sel = slices.Clone(rows)
		c.run(made)
		for _, hit := range h.of(made, made.Sel, time.Run(made, made.Sel, &h.failed), nil) {
			cond := c.conds[hit.row]
			if cond == nil {
				cond = hit.cond
				step.Rows++
			}
			end, key := groupOf(b, int(hit.row), below.Agg)
			if v.groups[below] == nil {
				v.groups[below] = groupSet{}
				v.found(below)
			}
			v.groups[below].add(end, key, cond)
		}
		return nil
	})
	v.Steps = append(v.Steps, step)
	return err
}

// aggregateOf is the aggregate whose rows a relation filters and names anew.
func aggregateOf(n plan.Node) plan.Node {
	for {
		if _, is := n.(*plan.Aggregate); is {
			return n
		}
		n = n.Inputs()[0]
	}
}

// groupOf is the group that a row of an aggregate is: the end of its window and its encoded keys.
func groupOf(b *column.Batch, row int, a *plan.Aggregate) (end int64, key string) {
	var text []byte
	for i := range a.Keys {
		if i == a.WindowKey {
			end = b.Cols[i].Kids[1].Int[row]
			continue
		}
		text = codec.AppendKey(text, &b.Cols[i], row)
	}
	return end, string(text)
}

// runCounted runs a tree of operators over the topics of an operator without the records that did not count for it: those
// that came too late, and the refused ones.
func (e *Engine) runCounted(ctx context.Context, root plan.Node, op *dataflow.Operator, visit func(*column.Batch) error) error {
	without, err := e.uncounted(ctx, op)
	if err != nil {
		return err
	}
	env := expr.Env{Zone: e.env.Zone, Now: e.opt.Now()}
	return batch.Run(ctx, root, func(d *plan.Dataset) (batch.Input, error) {
		if d.Kind == plan.SourceTopic {
			return &countedInput{pull(ctx, e, d.Topics, reading{}), without}, nil
		}
		return pull(ctx, e, []string{d.Name}, reading{open: true}), nil
	}, env, visit)
}

// uncounted is the places of records that did not count for an operator, of all its parts.
func (e *Engine) uncounted(ctx context.Context, op *dataflow.Operator) (map[Place]bool, error) {
	without := map[Place]bool{}
	for _, part := range op.All() {
		if part.Scan == nil {
			continue
		}
		if d := e.destinations[lateOf(part)]; d != nil {
			err := e.scanRows(ctx, d, nil, func(r *record.Records, b *column.Batch) error {
				for _, row := range b.Sel {
					for _, topic := range part.From.Topics {
						at := Place{topic, int32(b.Cols[0].Int[row]), b.Cols[1].Int[row]}
						if l := part.LaneOf(topic, at.Partition); l != dataflow.NoLane && part.Lane(l) == int(r.Partition) {
							without[at] = true
						}
					}
				}
				return ctx.Err()
			})
			if err != nil {
				return nil, err
			}
		}
		for _, topic := range part.From.Topics {
			d := e.destinations["invalid/"+topic]
			if d == nil {
				continue
			}
			err := e.scanRows(ctx, d, nil, func(_ *record.Records, b *column.Batch) error {
				for _, row := range b.Sel {
					without[Place{topic, int32(b.Cols[0].Int[row]), b.Cols[1].Int[row]}] = true
				}
				return ctx.Err()
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return without, nil
}

// A countedInput is the records of topics without those of some places.
type countedInput struct {
	*pulled
	without map[Place]bool
}

// Next implements batch.Input.
func (c *countedInput) Next(ctx context.Context) (*column.Batch, error) {
	b, err := c.pulled.Next(ctx)
	if err != nil || len(c.without) == 0 {
		return b, err
	}
	counted := *b
	counted.Sel = slices.DeleteFunc(slices.Clone(b.Sel), func(row uint32) bool {
		i := int(row)
		return c.without[Place{string(b.Cols[plan.SourceTopicName].Bytes(i)), int32(b.Cols[plan.SourcePartition].Int[i]), b.Cols[plan.SourceOffset].Int[i]}]
	})
	return &counted, nil
}
