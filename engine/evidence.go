package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/engine/state"
)

// Evidence is the records that rows of a table or view were made of. Times are in microseconds.
type Evidence struct {
	// Steps are the tables on the way down to the topics, each with how many of its rows are behind those above.
	Steps []EvidenceStep
	// Table is the one whose windows have counted the records, "" where a record is a row, and Start … End the last of
	// those windows; there are Windows of them.
	Table      string
	Start, End int64
	Windows    int
	Crossings  []Crossing // of End, or of what has to be reached below for a window of windows to be final
	Delay      int64
	Counted    []EvidenceRecord // by append time, topic, partition and offset
	LeftOut    []EvidenceRecord
	Rows       int64 // that were counted, if explode made other than one of each record; else 0
	Aggregates []EvidenceAggregate
	Topics     []string
	Invalid    int64    // records of the topics that tell neither window nor key
	Notes      []string // what else is among the records, what is not, or why there are none
	Subqueries []SubqueryEvidence
}

// SubqueryEvidence is the records behind a subquery, of which a row has the value, or by which it was chosen.
type SubqueryEvidence struct {
	Text string
	At   sql.Pos
	Evidence
}

// EvidenceStep is a table on the way, and how many of its rows, open ones among them.
type EvidenceStep struct {
	Table string
	Rows  int64
	Open  int64
}

// An EvidenceAggregate is what one aggregate of a query has taken.
type EvidenceAggregate struct {
	Text   string
	Rows   int64  // that were taken: those that pass its FILTER and whose argument is not NULL
	Filter string // "" if it has none
	At     sql.Pos
}

// An EvidenceRecord is a record behind a row, or one that was left out.
type EvidenceRecord struct {
	Topic            string
	Partition        int32
	Offset, Appended int64
	Value            []byte // nil: NULL
	Verdict          string // "" for a counted one; else late, future, duplicate or filtered
	Reason           string
	At               sql.Pos // of the condition that left a filtered one out
	Watermark        int64   // before which a late one came; math.MinInt64: none
}

// A condition that a row did not pass; nil: there is none.
type condition = expr.Node

// A groupSet is groups of windows: by end of the window and encoded keys, with the condition above that left them out.
type groupSet map[int64]map[string]*condition

func (g groupSet) add(end int64, key string, cond *condition) {
	if g[end] == nil {
		g[end] = map[string]*condition{}
	}
	if before, is := g[end][key]; !is || before != nil {
		g[end][key] = cond
	}
}

// span is the times that the windows have, of a size.
func (g groupSet) span(size int64) (from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for end := range g {
		from, to = min(from, end-size), max(to, end)
	}
	return from, to
}

// A keptPlace is a row of a table that keeps rows one for one: the record that it was made of has the same partition and
// append time, and an offset that is not smaller.
type keptPlace struct {
	lane         int32
	offset, time int64
}

// evidence is what is being found out.
type evidence struct {
	Evidence
	e      *Engine
	env    expr.Env // with the clock of the records that are read, a partition after the other
	groups map[*dataflow.Operator]groupSet
	rows   map[*dataflow.Operator][]keptPlace
	order  []*dataflow.Operator // of groups and rows, as they were found
	match  map[*dataflow.Operator][]*expr.Node
	noted  map[string]bool
}

// Evidence finds the records behind the rows of a table or view for which a condition over its columns holds. It reads the
// rows of the tables on the way, and of the topics the part that can hold the events of their windows, in Options.Queries.
func (e *Engine) Evidence(ctx context.Context, name, where string) (*Evidence, error) {
	ctx, leave, err := e.opt.Queries.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	pred, faults := e.opt.Pipeline.BindCondition(name, where)
	if len(faults) > 0 {
		return nil, faults
	}
	d := e.opt.Pipeline.Dataset(name)
	from := &plan.Origins{From: []plan.Origin{{Table: d, Where: []*expr.Node{pred}}}}
	if d.Kind == plan.MaterializedView {
		from = plan.Lineage(d.Flows[0].Root, []*expr.Node{pred})
	}
	return e.evidenceOf(ctx, from, d.Kind == plan.StreamingTable)
}

// evidenceOf finds the records behind rows. What the aggregates have taken is told where it is asked for.
func (e *Engine) evidenceOf(ctx context.Context, from *plan.Origins, aggregates bool) (*Evidence, error) {
	v := e.newEvidence()
	v.note(from.Notes...)
	for _, o := range from.From {
		var err error
		if o.Scan != nil {
			err = v.readWhole(ctx, o)
		} else {
			err = v.locate(ctx, o.Table, matching(o.Where))
		}
		if err != nil {
			return nil, err
		}
	}
	for _, s := range from.Subqueries {
		behind, err := e.evidenceOf(ctx, &s.Origins, false)
		if err != nil {
			return nil, err
		}
		v.Subqueries = append(v.Subqueries, SubqueryEvidence{s.Text, s.Pos, *behind})
	}
	return v.readAll(ctx, aggregates)
}

func (e *Engine) newEvidence() *evidence {
	v := &evidence{e: e, env: e.env, groups: map[*dataflow.Operator]groupSet{}, rows: map[*dataflow.Operator][]keptPlace{}, match: map[*dataflow.Operator][]*expr.Node{}, noted: map[string]bool{}}
	v.env.Clock = &expr.Clock{}
	v.Start, v.End = math.MinInt64, math.MinInt64
	return v
}

// readAll reads the records behind the groups and rows that were found.
func (v *evidence) readAll(ctx context.Context, aggregates bool) (*Evidence, error) {
	top := slices.Clone(v.order)
	if err := v.down(ctx); err != nil {
		return nil, err
	}
	for _, op := range v.order {
		if op.Scan == nil {
			continue
		}
		if err := v.read(ctx, op, aggregates && slices.Contains(top, op)); err != nil {
			return nil, err
		}
	}
	byPlace := func(a, b EvidenceRecord) int {
		return cmp.Or(cmp.Compare(a.Appended, b.Appended), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	}
	samePlace := func(a, b EvidenceRecord) bool {
		return a.Topic == b.Topic && a.Partition == b.Partition && a.Offset == b.Offset
	}
	slices.SortStableFunc(v.Counted, byPlace)
	v.Counted = slices.CompactFunc(v.Counted, samePlace)
	slices.SortStableFunc(v.LeftOut, byPlace)
	v.LeftOut = slices.CompactFunc(v.LeftOut, samePlace)
	return &v.Evidence, v.countInvalid(ctx)
}

func (v *evidence) note(texts ...string) {
	for _, t := range texts {
		if !v.noted[t] {
			v.noted[t] = true
			v.Notes = append(v.Notes, t)
		}
	}
}

func (v *evidence) found(op *dataflow.Operator) {
	if !slices.Contains(v.order, op) {
		v.order = append(v.order, op)
	}
}

// A matcher chooses rows of a table: those that hit, and with each the condition that leaves it out, if one does.
type matcher struct {
	must  []*expr.Node // rows for which these are not true are none
	where []*expr.Node // rows for which these are not true were left out
	// hits narrows the rows down further; nil: it does not.
	hits func(b *column.Batch, rows []uint32) []uint32
}

func matching(must []*expr.Node) matcher { return matcher{must: must} }

// compiled is a matcher that can be run.
type compiled struct {
	matcher
	must  scan.Filter
	where []scan.Filter
	errs  expr.RowErrors
	conds []*condition // by row
}

func (m matcher) compile(env expr.Env) (*compiled, error) {
	c := &compiled{matcher: m}
	var err error
	if c.must, err = scan.CompileFilter(m.must, env); err != nil {
		return nil, err
	}
	c.where, err = compileEach(m.where, env)
	return c, err
}

// compileEach makes a filter of each condition, to tell which of them a row does not pass.
func compileEach(list []*expr.Node, env expr.Env) ([]scan.Filter, error) {
	out := make([]scan.Filter, len(list))
	for i, p := range list {
		var err error
		if out[i], err = scan.CompileFilter([]*expr.Node{p}, env); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// run returns the rows that hit; conds has by row the condition that leaves it out.
func (c *compiled) run(b *column.Batch) []uint32 {
	c.errs.Reset()
	rows := slices.Clone(c.must.Run(b, b.Sel, &c.errs))
	if c.hits != nil {
		rows = c.hits(b, rows)
	}
	c.conds = column.Sized(c.conds, b.Len)
	clear(c.conds)
	firstFailing(b, rows, c.matcher.where, c.where, c.conds, &c.errs)
	return rows
}

// firstFailing puts the first condition that a row does not pass into its place.
func firstFailing(b *column.Batch, rows []uint32, nodes []*expr.Node, filters []scan.Filter, conds []*condition, errs *expr.RowErrors) {
	left := rows
	for i := range filters {
		passing := slices.Clone(filters[i].Run(b, left, errs))
		at := 0
		for _, r := range left {
			if at < len(passing) && passing[at] == r {
				at++
				continue
			}
			conds[r] = nodes[i]
		}
		left = passing
	}
}

// locate finds the rows of a table that a matcher chooses, final and open ones, as groups of windows, or places in its log.
func (v *evidence) locate(ctx context.Context, d *plan.Dataset, m matcher) error {
	e := v.e
	c, err := m.compile(e.env)
	if err != nil {
		return err
	}
	step := EvidenceStep{Table: d.Name}
	if flows := e.windowed(d.Name); len(flows) > 0 {
		if e.closerOf(flows[0]).w.session {
			v.note(fmt.Sprintf("rows of %s are of sessions or of single moments: the records behind them are not found", d.Name))
			return nil
		}
		if err := v.locateWindows(ctx, flows, c, &step); err != nil {
			return err
		}
	}
	for _, op := range e.byTable[d.Name] {
		if op.Windowed() {
			continue
		}
		if op.Scan != nil {
			err = v.locateKept(ctx, op, c, m, &step)
		} else {
			err = v.through(ctx, op, m, &step)
		}
		if err != nil {
			return err
		}
	}
	v.Steps = append(v.Steps, step)
	return nil
}

// locateWindows finds the groups of which rows were made.
func (v *evidence) locateWindows(ctx context.Context, flows []*dataflow.Operator, c *compiled, step *EvidenceStep) error {
	byFlow := map[byte]*dataflow.Operator{}
	for _, op := range flows {
		byFlow[byte(op.Flow)] = op
	}
	var keys [][]byte
	take := func(b *column.Batch, open bool) {
		for _, r := range c.run(b) {
			k := keys[r]
			op := byFlow[k[8]]
			if v.groups[op] == nil {
				v.groups[op] = groupSet{}
				v.found(op)
			}
			v.groups[op].add(state.Ordered(k), string(k[9:]), c.conds[r])
			if c.conds[r] == nil {
				step.Rows++
				if open {
					step.Open++
				}
			}
		}
		keys = keys[:0]
	}
	view := v.e.viewWindows(flows, false)
	out := newBatchWriter(flows[0], func(b *column.Batch) error {
		take(b, false)
		return ctx.Err()
	})
	if err := v.e.scanKept(ctx, view, func(k keptRow) error {
		keys = append(keys, slices.Clone(k.key))
		return out.add(k.row)
	}); err != nil {
		return err
	}
	if err := out.flush(); err != nil {
		return err
	}
	open := column.Batch{}
	schema := schemaOf(flows[0].Cols)
	open.Reset(&schema)
	v.e.gate.Lock()
	for _, op := range flows {
		v.e.closerOf(op).appendOpenKeyed(&open, func(end int64, key []byte) {
			keys = append(keys, append(append(state.AppendOrdered(nil, end), byte(op.Flow)), key...))
		})
	}
	v.e.gate.Unlock()
	return scan.VisitAll(&open, func(b *column.Batch) error {
		take(b, true)
		return nil
	})
}

// locateKept finds rows that a table keeps one for one.
func (v *evidence) locateKept(ctx context.Context, op *dataflow.Operator, c *compiled, m matcher, step *EvidenceStep) error {
	d := v.e.destinations["table/"+op.Table.Name]
	if d == nil {
		return nil
	}
	v.match[op] = m.must
	v.found(op)
	return v.e.scanRows(ctx, d, nil, func(r *record.Records, b *column.Batch) error {
		for _, row := range c.run(b) {
			v.rows[op] = append(v.rows[op], keptPlace{r.Partition, r.Offsets[row], r.Times[row]})
			step.Rows++
		}
		return nil
	})
}

// through goes from rows of a table that an operator makes of another table's, row by row, to those.
func (v *evidence) through(ctx context.Context, op *dataflow.Operator, m matcher, step *EvidenceStep) error {
	if len(op.Explosions) > 0 {
		v.note(fmt.Sprintf("the rows of %s are made by explode or a join of those of %s: which of them is not told", op.Name, op.From.Name))
		return nil
	}
	must := make([]*expr.Node, 0, len(m.must))
	for _, p := range m.must {
		must = append(must, p.Substitute(op.Out))
	}
	before := len(v.Steps)
	if err := v.locate(ctx, op.From, matcher{must: slices.Concat(op.Pre, op.Post, must)}); err != nil {
		return err
	}
	if len(v.Steps) > before {
		step.Rows += v.Steps[len(v.Steps)-1].Rows
	}
	return nil
}

// down goes from windows of windows to the rows of the windows below, until all are windows of records.
func (v *evidence) down(ctx context.Context) error {
	for at := 0; at < len(v.order); at++ {
		op := v.order[at]
		if op.Scan != nil || !op.Windowed() {
			continue
		}
		groups := v.groups[op]
		w, err := newWindowTask(v.e.closerOf(op).w, op, v.e.env, v.e.joined, nil, 0)
		if err != nil {
			return err
		}
		time, err := expr.Compile(op.Time, v.e.env)
		if err != nil {
			return err
		}
		h := &groupHits{groups: groups, spec: v.e.closerOf(op).w.spec, keys: w.keys}
		v.setWindow(op, groups)
		if op.From.Within != "" {
			if err := v.inside(ctx, op, slices.Concat(op.Pre, op.Post), h); err != nil {
				return err
			}
			continue
		}
		hits := func(b *column.Batch, rows []uint32) []uint32 {
			h.failed.Reset()
			var out []uint32
			for _, hit := range h.of(b, rows, time.Run(b, rows, &h.failed), nil) {
				if len(out) == 0 || out[len(out)-1] != hit.row {
					out = append(out, hit.row)
				}
			}
			return out
		}
		if err := v.locate(ctx, op.From, matcher{where: slices.Concat(op.Pre, op.Post), hits: hits}); err != nil {
			return err
		}
		if below := v.e.windowed(op.From.Name); len(below) > 0 && len(below[0].Having) > 0 {
			v.note(fmt.Sprintf("rows that HAVING leaves out of %s are not kept: their records are not among those that were left out", op.From.Name))
		}
	}
	return nil
}

// setWindow notes the last of the windows that are explained.
func (v *evidence) setWindow(op *dataflow.Operator, groups groupSet) {
	if v.Table != "" || len(groups) == 0 {
		return
	}
	name := op.Name
	if op.Table != nil {
		name = op.Table.Name
	}
	_, end := groups.span(v.e.closerOf(op).w.spec.Size)
	v.Table, v.Start, v.End, v.Windows, v.Delay = name, end-v.e.closerOf(op).w.spec.Size, end, len(groups), op.Delay
}
