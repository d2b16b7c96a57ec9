package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/window"
)

// An inspector runs one operator over records again and tells what became of each that belongs to a group.
type inspector struct {
	v      *evidence
	op     *dataflow.Operator // made anew, with a scan of its own
	groups groupSet
	hits   *groupHits
	w      *windowTask
	conds  []*expr.Node // filters below the watermark, then above
	tests  []scan.Filter
	top    bool // what its aggregates have taken is wanted
	taken  []int64
	late   map[Place]lateRow
	firsts map[string]int64 // by partition and id of the records of the groups: the offset that counts
}

// A lateRow is what TABLE$late has of a record.
type lateRow struct {
	reason string
	mark   int64
	seen   bool
}

// again makes an operator over topics once more, with a scan of its own. Filters between explosions become such behind
// them, to be told apart.
func (v *evidence) again(op *dataflow.Operator) (*dataflow.Operator, error) {
	ops, faults := v.e.opt.Pipeline.StreamOps()
	if len(faults) > 0 {
		return nil, faults
	}
	at := slices.IndexFunc(ops, func(o *plan.StreamOp) bool {
		return o.Name == op.Name && (o.Table == op.Table || op.Table != nil && op.Table.Within != "") // which each look makes anew
	})
	if at < 0 {
		return nil, fmt.Errorf("find the records behind %s: its query is not in the project any more", op.Name)
	}
	again := &dataflow.Operator{StreamOp: *ops[at], ID: op.ID, Flow: op.Flow, Flows: op.Flows}
	again.Explosions = slices.Clone(again.Explosions)
	for i := len(again.Explosions) - 1; i >= again.Below; i-- {
		x := &again.Explosions[i]
		again.Post, x.Where = slices.Concat(x.Where, again.Post), nil
	}
	dataflow.NewScan(op.From.Topics, []*dataflow.Operator{again}, v.e.opt.Pipeline.Config.Topics)
	return again, nil
}

// task makes a task that reads a partition again and books nothing.
func (v *evidence) task(op *dataflow.Operator, beside *task) (*task, error) {
	t := &task{e: v.e, flow: op.Scan, topic: beside.topic, partition: beside.partition, source: beside.source}
	if err := t.open(v.env); err != nil {
		return nil, err
	}
	if err := t.addMarks(); err != nil {
		return nil, err
	}
	t.addDuplicates()
	t.Timeless = op.Watermark < 0
	return t, nil
}

// read finds the records behind the groups or rows of an operator over topics, of all its parts.
func (v *evidence) read(ctx context.Context, op *dataflow.Operator, top bool) error {
	for _, part := range op.All() {
		if err := v.readPart(ctx, part, top); err != nil {
			return err
		}
	}
	return nil
}

func (v *evidence) readPart(ctx context.Context, op *dataflow.Operator, top bool) error {
	for _, topic := range op.From.Topics {
		if !slices.Contains(v.Topics, topic) {
			v.Topics = append(v.Topics, topic)
		}
	}
	again, err := v.again(op)
	if err != nil {
		return err
	}
	if !op.Windowed() {
		return v.readKept(ctx, op, again)
	}
	in := &inspector{v: v, op: again, groups: v.groups[op.Lead()], top: top, firsts: map[string]int64{}}
	w, err := newWindowOp(again)
	if err != nil {
		return err
	}
	if in.w, err = newWindowTask(w, again, v.env, v.e.joined, nil, 0); err != nil {
		return err
	}
	in.hits = &groupHits{groups: in.groups, spec: w.spec, keys: in.w.keys}
	if !again.Scan.Watermarks[again.Watermark].Made {
		in.conds = append(in.conds, again.Pre...)
	} else if len(again.Pre) > 0 {
		v.note("records that a WHERE between explode and WATERMARK leaves out are not told")
	}
	in.conds = append(in.conds, again.Post...)
	if in.tests, err = compileEach(in.conds, v.env); err != nil {
		return err
	}
	in.taken = make([]int64, len(again.Agg.Aggs))
	until := v.closes(op.Lead())
	v.setWindow(op.Lead(), in.groups)
	if err := in.readLate(ctx, op); err != nil {
		return err
	}
	for _, beside := range v.e.tasksOf[op.Scan] {
		if op.LaneOf(beside.topic, beside.partition) == dataflow.NoLane {
			continue
		}
		if err := in.partition(ctx, beside, until); err != nil {
			return err
		}
	}
	if top {
		for i, a := range again.Agg.Aggs {
			if op.Part > 0 {
				v.Aggregates[i].Rows += in.taken[i]
				continue
			}
			x := EvidenceAggregate{Text: a.Text, Rows: in.taken[i]}
			if a.Filter != nil {
				x.Filter, x.At = conditionText(a.Filter), a.Filter.Pos
			}
			v.Aggregates = append(v.Aggregates, x)
		}
	}
	return nil
}

func conditionText(n *expr.Node) string {
	if n.Text != "" {
		return n.Text
	}
	return n.String()
}

// closes is the watermark by which all groups of an operator are final, and so are those above that they went into.
func (v *evidence) closes(op *dataflow.Operator) int64 {
	_, until := v.groups[op].span(v.e.closerOf(op).w.spec.Size)
	for _, above := range v.order {
		if !above.Windowed() || above.Scan != nil || above.From != op.Table {
			continue
		}
		// Closed once no window below that is open can give rows for it.
		end := v.closes(above) + above.Edge + above.Delay
		until = max(until, v.e.closerOf(op).w.spec.NextEnd(end-1-v.e.closerOf(op).w.spec.Slide))
	}
	return until
}

// partition reads what one partition can hold of the groups: from the first record that was appended late enough for
// their times, up to that by which the watermark has passed until, and the rest of its block.
func (in *inspector) partition(ctx context.Context, beside *task, until int64) error {
	t, err := in.v.task(in.op, beside)
	if err != nil {
		return err
	}
	first, _ := in.groups.span(in.w.w.spec.Size)
	from, err := in.v.begins(ctx, t, first)
	if err != nil {
		return err
	}
	end, err := t.source.End(ctx, t.partition)
	if err != nil {
		return err
	}
	mark := t.Marks[in.op.Watermark]
	c := Crossing{Topic: t.topic, Partition: t.partition, Offset: -1, Watermark: math.MinInt64}
	read := from
	err = scan.From(ctx, t.source, t.partition, from, min(end.Offset, beside.offset.Load()), func(r *record.Records) error {
		t.Records = *r
		for at := 0; at < r.Len(); at += refillRecords {
			if err := in.step(t, at, min(at+refillRecords, r.Len()), ""); err != nil {
				return err
			}
			if c.Offset < 0 && mark.Tracker.Now() >= until {
				in.crossing(t, &c, until)
			}
		}
		read = r.Offsets[r.Len()-1] + 1
		if c.Offset >= 0 {
			return errStop
		}
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, errStop) {
		return record.At(fmt.Sprintf("read topic %s partition %d", t.topic, t.partition), err)
	}
	if c.Offset < 0 {
		c.Watermark = mark.Tracker.Now()
	} else if len(in.conds) > 0 && read < end.Offset {
		in.v.note("records that a WHERE leaves out were looked for up to the block of the log in which the window was closed; later ones would have been late")
	}
	in.v.Crossings = append(in.v.Crossings, c)
	return in.readRefused(ctx, t, from, read)
}

// crossing finds which record of the step moved the watermark to a moment or beyond.
func (in *inspector) crossing(t *task, c *Crossing, until int64) {
	m := t.Marks[in.op.Watermark]
	c.Watermark, c.Offset = m.Tracker.Now(), t.Records.Offsets[t.To-1]
	c.Appended, c.EventTime = t.Records.Times[t.To-1], m.Tracker.Greatest()
	if m.Watermark.Made {
		return // by the last record of the step: its rows are marked together
	}
	times := &t.Scan.Batch.Cols[m.Watermark.TimeColumn]
	for _, r := range m.Rows {
		if now := times.Int[r] - m.Watermark.Delay; now >= until {
			at := t.From + int(r)
			c.Offset, c.Appended, c.EventTime, c.Watermark = t.Records.Offsets[at], t.Records.Times[at], times.Int[r], max(now, m.Marks[r])
			return
		}
	}
}

// begins is an offset from which on all records lie whose event time is first or later: a time that is farther ahead of its
// append time than the limit does not count. Ids of duplicates are remembered from longer before.
func (v *evidence) begins(ctx context.Context, t *task, first int64) (int64, error) {
	limit := v.e.futureLimit
	asked, is := t.source.(Dated)
	if !is || limit > first-math.MinInt64-1 && first < 0 || limit == math.MaxInt64 {
		return 0, nil
	}
	at, err := asked.After(ctx, t.partition, t.remembersFrom(first-limit))
	return at.Offset, err
}

// A Dated source can tell where records of a time lie.
type Dated interface {
	// After is the position of the first record that was appended at a time in microseconds or later, or a position
	// before it; the end if there is none.
	After(ctx context.Context, partition int32, micros int64) (record.Position, error)
}

// step runs the operator over records from … to-1 of a task; those of a verdict are known to have been left out.
func (in *inspector) step(t *task, from, to int, verdict string) error {
	for i := from; i < to && len(in.v.e.opt.Poison) > 0; i++ {
		if _, is := in.v.e.opt.Poison[Place{t.topic, t.partition, t.Records.Offsets[i]}]; is {
			if err := in.step(t, from, i, verdict); err != nil {
				return err
			}
			return in.step(t, i+1, to, verdict)
		}
	}
	if from == to {
		return nil
	}
	t.From, t.To = from, to
	if err := t.Scan.Decode(&t.Records, from, to); err != nil {
		return err
	}
	m, b := t.Marks[in.op.Watermark], &t.Scan.Batch
	rows := slices.Clone(t.Scan.All)
	if m.Watermark.JSON {
		rows = slices.Clone(t.Scan.Valid)
	}
	if t.Duplicates != nil && verdict == "" {
		t.Duplicates.Step(&t.Step)
	}
	t.Refused = t.Refused[:0]
	m.Mark(&t.Step)
	j := &judgement{in: in, t: t, verdict: verdict, of: make(map[uint32]*EvidenceRecord)}
	if in.w.exploder == nil {
		j.take(b, rows, nil, &b.Cols[m.Watermark.TimeColumn])
		return j.end()
	}
	x := in.w.exploder
	x.lose = func(uint32, uint8, string, string) {}
	if m.Watermark.Made {
		x.marks, x.records, x.from = m, &t.Records, t.From
	} else {
		rows = slices.DeleteFunc(rows, func(r uint32) bool { return b.Cols[m.Watermark.TimeColumn].IsNull(int(r)) })
	}
	x.visit = func(b *column.Batch, rows, origins []uint32) error {
		in.w.failed.Reset()
		j.take(b, slices.Clone(rows), origins, x.time.Run(b, rows, &in.w.failed))
		return nil
	}
	if err := x.run(b, rows, t.Scan.Appended); err != nil {
		return err
	}
	return j.end()
}

// A judgement tells what became of the records of a step.
type judgement struct {
	in      *inspector
	t       *task
	verdict string
	of      map[uint32]*EvidenceRecord // by record of the step
	rows    int64                      // that were counted
}

// take judges rows that belong to a group. Without origins they are records.
func (j *judgement) take(b *column.Batch, rows, origins []uint32, times *column.Vector) {
	in, m := j.in, j.t.Marks[j.in.op.Watermark]
	hits := in.hits.of(b, rows, times, nil)
	if len(hits) == 0 {
		return
	}
	hit := make([]uint32, 0, len(hits))
	for _, h := range hits {
		if len(hit) == 0 || hit[len(hit)-1] != h.row {
			hit = append(hit, h.row)
		}
	}
	conds := make([]*condition, b.Len)
	in.w.failed.Reset()
	firstFailing(b, hit, in.conds, in.tests, conds, &in.w.failed)
	var counted []uint32
	for _, h := range hits {
		o := originOf(h.row, origins)
		rec := EvidenceRecord{Topic: j.t.topic, Partition: j.t.partition, Offset: j.t.Records.Offsets[j.t.From+int(o)], Watermark: math.MinInt64}
		mark := int64(math.MinInt64)
		if in.w.exploder != nil {
			if m.Watermark.Made || m.Verdict[o] == window.OK {
				mark = in.w.exploder.mark(o, m)
			}
		} else if conds[h.row] == nil || !slices.Contains(in.op.Pre, conds[h.row]) {
			mark = m.Marks[o]
		}
		rec.Verdict = j.judge(o, h, conds[h.row], mark, &rec)
		before := j.of[o]
		if rec.Verdict == "" && (len(counted) == 0 || counted[len(counted)-1] != h.row) {
			counted = append(counted, h.row)
		}
		if before == nil || before.Verdict != "" && rec.Verdict == "" {
			j.of[o] = &rec
		}
	}
	j.rows += int64(len(counted))
	if in.top {
		in.count(b, counted)
	}
}

// judge is why a row was left out of a group; "": it was not.
func (j *judgement) judge(origin uint32, h groupHit, cond *condition, mark int64, rec *EvidenceRecord) string {
	t, m := j.t, j.t.Marks[j.in.op.Watermark]
	place := Place{t.topic, t.partition, rec.Offset}
	known := t.Duplicates != nil && !t.Scan.Batch.Cols[t.Duplicates.ID.Index].IsNull(int(origin))
	id, first := "", ""
	if known {
		id = fmt.Sprintf("%d/%s", t.partition, t.Scan.Batch.Cols[t.Duplicates.ID.Index].Bytes(int(origin)))
		if at, is := j.in.firsts[id]; is {
			first = fmt.Sprintf(", that of offset %d", at)
		}
	}
	switch {
	case j.verdict == "duplicate":
		rec.Reason = first
		return j.verdict
	case j.verdict != "":
		return j.verdict
	case known && slices.Contains(t.Duplicates.Found, origin):
		rec.Reason = t.Duplicates.Reason(t.Scan.Batch.Cols[t.Duplicates.ID.Index].Bytes(int(origin))) + first
		return "duplicate"
	case known:
		j.in.firsts[id] = rec.Offset
	}
	if cond == nil && !m.Watermark.Made && int(origin) < len(m.Verdict) && m.Verdict[origin] == window.Future {
		rec.Reason = scan.ReasonFuture
		return "future"
	}
	if cond == nil {
		cond = h.cond
	}
	if cond != nil {
		rec.Reason, rec.At = conditionText(cond), cond.Pos
		return "filtered"
	}
	if l, is := j.in.late[place]; is {
		l.seen = true
		j.in.late[place] = l
		rec.Reason, rec.Watermark = l.reason, l.mark
		return "late"
	}
	if mark >= h.end {
		rec.Reason, rec.Watermark = scan.ReasonLate, mark
		return "late"
	}
	return ""
}

// count notes what the aggregates have taken of counted rows.
func (in *inspector) count(b *column.Batch, rows []uint32) {
	if len(rows) == 0 {
		return
	}
	for i, ev := range in.w.args {
		in.w.failed.Reset()
		passing := slices.Clone(in.w.filters[i].filter.Run(b, rows, &in.w.failed))
		if ev == nil {
			in.taken[i] += int64(len(passing))
			continue
		}
		values := ev.Run(b, passing, &in.w.failed)
		for _, r := range passing {
			if !values.IsNull(int(r)) {
				in.taken[i]++
			}
		}
	}
}

// end hands the judged records on.
func (j *judgement) end() error {
	v := j.in.v
	for o := range uint32(j.t.Scan.Batch.Len) {
		rec := j.of[o]
		if rec == nil {
			continue
		}
		at := j.t.From + int(o)
		rec.Appended = j.t.Records.Times[at]
		if !j.t.Records.Values.IsNull(at) {
			rec.Value = slices.Clone(j.t.Records.Values.At(at))
		}
		v.add(*rec)
	}
	if j.in.w.exploder != nil {
		v.Rows += j.rows
	}
	return nil
}

// mostValues is how many records have their values kept; of the others their places are.
const mostValues = 1000

// add takes a record.
func (v *evidence) add(rec EvidenceRecord) {
	list := &v.Counted
	if rec.Verdict != "" {
		list = &v.LeftOut
	}
	if len(*list) >= mostValues {
		rec.Value = nil
	}
	*list = append(*list, rec)
}
