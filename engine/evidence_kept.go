package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
)

// readLate takes what TABLE$late has of the groups' times.
func (in *inspector) readLate(ctx context.Context, op *dataflow.Operator) error {
	in.late = map[Place]lateRow{}
	d := in.v.e.destinations[lateOf(op)]
	if d == nil {
		return nil
	}
	from, to := in.groups.span(in.w.w.spec.Size)
	return in.v.e.scanRows(ctx, d, nil, func(r *record.Records, b *column.Batch) error {
		for _, row := range b.Sel {
			if t := b.Cols[3].Int[row]; t < from || t >= to {
				continue
			}
			for _, topic := range op.From.Topics {
				if l := op.LaneOf(topic, int32(b.Cols[0].Int[row])); l != dataflow.NoLane && op.Lane(l) == int(r.Partition) {
					in.late[Place{topic, int32(b.Cols[0].Int[row]), b.Cols[1].Int[row]}] = lateRow{reason: string(b.Cols[5].Bytes(int(row))), mark: b.Cols[4].Int[row]}
				}
			}
		}
		return ctx.Err()
	})
}

// readRefused takes records that were left out by others than a WHERE, and lie outside of what was read: they are kept.
func (in *inspector) readRefused(ctx context.Context, beside *task, from, to int64) error {
	e := in.v.e
	take := func(d *destination, verdict string, wants func(b *column.Batch, row int) (reason string, mark int64, is bool)) error {
		if d == nil {
			return nil
		}
		return e.scanRows(ctx, d, nil, func(_ *record.Records, b *column.Batch) error {
			for _, row := range b.Sel {
				offset := b.Cols[1].Int[row]
				if int32(b.Cols[0].Int[row]) != beside.partition || offset >= from && offset < to {
					continue
				}
				reason, mark, is := wants(b, int(row))
				if !is {
					continue
				}
				if err := in.one(beside, keptRecord(b, int(row)), verdict, reason, mark); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	late := e.destinations[lateOf(in.op)]
	if err := take(late, "late", func(b *column.Batch, row int) (string, int64, bool) {
		l, is := in.late[Place{beside.topic, beside.partition, b.Cols[1].Int[row]}]
		return l.reason, l.mark, is
	}); err != nil {
		return err
	}
	for _, verdict := range []string{"future", "duplicate"} {
		if err := take(e.destinations["invalid/"+beside.topic], verdict, func(b *column.Batch, row int) (string, int64, bool) {
			return string(b.Cols[4].Bytes(row)), math.MinInt64, string(b.Cols[3].Bytes(row)) == verdict
		}); err != nil {
			return err
		}
	}
	return nil
}

// one judges a record that was kept as left out: whether it belongs to the groups.
func (in *inspector) one(beside *task, r record.Records, verdict, reason string, mark int64) error {
	t, err := in.v.task(in.op, beside)
	if err != nil {
		return err
	}
	r.Partition = t.partition
	t.Records = r
	before := len(in.v.LeftOut)
	if err := in.step(t, 0, 1, verdict); err != nil {
		return err
	}
	for i := before; i < len(in.v.LeftOut); i++ {
		in.v.LeftOut[i].Reason, in.v.LeftOut[i].Watermark = reason+in.v.LeftOut[i].Reason, mark
	}
	return nil
}

// keptRecord is a row of TABLE$late or TOPIC$invalid as the record that it was.
func keptRecord(b *column.Batch, row int) record.Records {
	n := len(b.Cols)
	r := record.Records{Offsets: []int64{b.Cols[1].Int[row]}, Times: []int64{b.Cols[2].Int[row]}}
	if b.Cols[n-3].IsNull(row) {
		r.Keys.Append(nil)
	} else {
		r.Keys.Append(b.Cols[n-3].Bytes(row))
	}
	raw := []byte(nil)
	if !b.Cols[n-2].IsNull(row) {
		raw = b.Cols[n-2].Bytes(row)
	} else if !b.Cols[n-1].IsNull(row) {
		raw, _ = base64.StdEncoding.DecodeString(string(b.Cols[n-1].Bytes(row))) // as it was written
	}
	r.Values.Append(raw)
	return r
}

// readKept finds the record of each row that a table keeps one for one.
func (v *evidence) readKept(ctx context.Context, op, again *dataflow.Operator) error {
	match, err := scan.CompileFilter(v.match[op], v.e.env)
	if err != nil {
		return err
	}
	for _, beside := range v.e.tasksOf[op.Scan] {
		lane := op.LaneOf(beside.topic, beside.partition)
		wanted := map[int64]int{} // by append time
		from, left := int64(math.MaxInt64), 0
		for _, p := range v.rows[op] {
			if lane != dataflow.NoLane && int(p.lane) == op.Lane(lane) {
				wanted[p.time]++
				left++
				from = min(from, p.offset)
			}
		}
		if left == 0 {
			continue
		}
		if len(op.Explosions) > 0 || op.Flows > 1 {
			from = 0 // rows are not fewer than records
		}
		if err := v.readRows(ctx, again, beside, &match, wanted, left, from); err != nil {
			return err
		}
	}
	return nil
}

// readRows reads a partition until so many records are found of which rows were made.
func (v *evidence) readRows(ctx context.Context, op *dataflow.Operator, beside *task, match *scan.Filter, wanted map[int64]int, left int, from int64) error {
	t, err := v.task(op, beside)
	if err != nil {
		return err
	}
	r, err := newRowTask(op, v.env, v.e.joined)
	if err != nil {
		return err
	}
	made := column.Batch{}
	schema := schemaOf(op.Cols)
	take := func(b *column.Batch, rows, origins []uint32) error {
		r.failed.Reset()
		sel := r.where.Run(b, rows, &r.failed)
		made.Schema, made.Len, made.Cols = &schema, b.Len, made.Cols[:0]
		for _, ev := range r.out {
			made.Cols = append(made.Cols, *ev.Run(b, sel, &r.failed))
		}
		for _, row := range match.Run(&made, sel, &r.failed) {
			at := t.From + int(originOf(row, origins))
			if wanted[t.Records.Times[at]] == 0 {
				continue
			}
			wanted[t.Records.Times[at]]--
			left--
			rec := EvidenceRecord{Topic: t.topic, Partition: t.partition, Offset: t.Records.Offsets[at], Appended: t.Records.Times[at], Watermark: math.MinInt64}
			if !t.Records.Values.IsNull(at) {
				rec.Value = slices.Clone(t.Records.Values.At(at))
			}
			v.add(rec)
		}
		return nil
	}
	end, err := t.source.End(ctx, t.partition)
	if err != nil {
		return err
	}
	return passStop(scan.From(ctx, t.source, t.partition, from, end.Offset, func(rec *record.Records) error {
		t.Records = *rec
		for at := 0; at < rec.Len() && left > 0; at += refillRecords {
			t.From, t.To = at, min(at+refillRecords, rec.Len())
			if err := t.Scan.Decode(&t.Records, t.From, t.To); err != nil {
				return err
			}
			if t.Duplicates != nil {
				t.Duplicates.Step(&t.Step)
			}
			for _, m := range t.Marks {
				m.Mark(&t.Step)
			}
			t.Refused = t.Refused[:0]
			rows := originsOf(op, &t.Step)
			if r.exploder == nil {
				if err := take(&t.Scan.Batch, rows, nil); err != nil {
					return err
				}
				continue
			}
			x := r.exploder
			x.begin(&t.Step, op, &r.judged)
			x.lose = func(uint32, uint8, string, string) {}
			x.visit = take
			if err := x.run(&t.Scan.Batch, rows, t.Scan.Appended); err != nil {
				return err
			}
		}
		if left == 0 {
			return errStop
		}
		return ctx.Err()
	}))
}

func passStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// countInvalid counts the records of the topics that tell neither window nor key.
func (v *evidence) countInvalid(ctx context.Context) error {
	for _, topic := range v.Topics {
		d := v.e.destinations["invalid/"+topic]
		if d == nil {
			continue
		}
		if err := v.e.scanRows(ctx, d, nil, func(_ *record.Records, b *column.Batch) error {
			for _, row := range b.Sel {
				if string(b.Cols[3].Bytes(int(row))) == "invalid" {
					v.Invalid++
				}
			}
			return ctx.Err()
		}); err != nil {
			return err
		}
	}
	return nil
}
