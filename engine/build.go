package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/engine/window"
)

// build turns the pipeline into flows, tasks, closers and destinations.
func (e *Engine) build(ctx context.Context) error {
	ops, faults := e.opt.Pipeline.StreamOps()
	if len(faults) > 0 {
		return faults
	}
	for i, op := range ops {
		e.ops = append(e.ops, &dataflow.Operator{StreamOp: *op, ID: i})
	}
	dataflow.Link(e.ops)
	unopened := e.openSinks()
	e.fingerprint = dataflow.Fingerprint(e.ops, &e.opt.Pipeline.Config)
	if !e.opt.Ephemeral {
		if err := e.identify(ctx); err != nil { // other queries, whose sinks need not fit what is there
			return err
		}
	}
	if unopened != nil {
		return unopened
	}
	e.numberFlows()
	if err := e.joinTables(ctx); err != nil {
		return err
	}
	e.findAside()
	groups := dataflow.Groups(e.connect())
	for _, r := range groups {
		for _, topic := range r.Topics {
			if err := e.openTopic(ctx, topic); err != nil {
				return err
			}
		}
	}
	if err := e.buildFlows(groups); err != nil {
		return err
	}
	for _, d := range e.destinations {
		e.outbox.add(d)
	}
	for _, c := range e.merger.closer {
		c.lives = e.livesFor(c.w.op)
	}
	e.buildPassages()
	return e.buildPreviews()
}

// findAside finds which topics count in no total.
func (e *Engine) findAside() {
	for _, topic := range e.opt.Own {
		e.aside[topic] = !slices.ContainsFunc(e.ops, func(op *dataflow.Operator) bool {
			return op.Table != nil && slices.Contains(op.From.Topics, topic)
		})
	}
}

// connect gives operators to the tables that they read, and returns those that read topics.
func (e *Engine) connect() (ofTopics []*dataflow.Operator) {
	for _, op := range e.ops {
		if op.From.Kind == plan.StreamingTable {
			for _, from := range e.byTable[op.From.Name] {
				from.Consumers = append(from.Consumers, op)
			}
			continue
		}
		ofTopics = append(ofTopics, op)
	}
	return ofTopics
}

// openSinks opens the sinks of the configuration; an operator whose sink takes nothing (Options.Sink
// gave nil) is left out, and nothing is computed for it. It returns the first error of a sink behind the others.
func (e *Engine) openSinks() (unopened error) {
	kept := e.ops[:0]
	for _, op := range e.ops {
		if d := e.destinations[sinkOf(op)]; d != nil {
			kept = append(kept, op)
			continue
		}
		if op.Sink != nil {
			sink, err := e.opt.Sink(op.Sink)
			if err != nil {
				unopened, kept = cmp.Or(unopened, err), append(kept, op)
				continue
			}
			if sink == nil {
				continue
			}
			if _, ok := sink.(record.Updater); op.Sink.Update && !ok {
				return fmt.Errorf("open sink %s: a sink of format %s takes no rows of open windows; leave sink.%s.option.outputMode out", op.Name, op.Sink.Format, op.Name)
			}
			e.addSink(op, sink)
		}
		if op.Alert != nil {
			if err := e.addAlert(op); err != nil {
				return err
			}
			if e.alertOf(op) == nil {
				continue
			}
		}
		kept = append(kept, op)
	}
	e.ops = kept
	return unopened
}

// openTopic opens a topic to read.
func (e *Engine) openTopic(ctx context.Context, topic string) error {
	source, err := e.opt.Source(topic)
	if err != nil {
		return fmt.Errorf("open topic %s: %w", topic, err)
	}
	e.sources[topic] = source
	n, err := source.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("count partitions of %s: %w", topic, err)
	}
	if c := e.found; c != nil && !c.Clean && !e.opt.Look && len(c.Topics[topic]) > 0 && n > len(c.Topics[topic]) {
		n, e.finishes = len(c.Topics[topic]), true
	}
	e.partitionsOf[topic] = n
	return nil
}

// buildFlows makes the scan of each group of topics, what its windowed operators share, and a task for each partition.
func (e *Engine) buildFlows(groups []*dataflow.Group) error {
	for _, r := range groups {
		f := dataflow.NewScan(r.Topics, r.Operators, e.opt.Pipeline.Config.Topics)
		e.flows = append(e.flows, f)
		for _, g := range f.Watermarks {
			e.merger.addGroup(g, e.lanesOf(g.Topics)*max(1, g.Parts))
		}
	}
	for i, f := range e.flows {
		for _, op := range groups[i].Operators {
			if op.Joined() && op.IsHead() {
				if err := e.buildJoin(op, e.merger.groups[f.Watermarks[op.Watermark]]); err != nil {
					return fmt.Errorf("build %s: %w", op.Name, err)
				}
			}
			if !op.Windowed() || !op.IsHead() {
				continue
			}
			if err := e.buildWindow(op, e.lanesInto(op), e.merger.groups[f.Watermarks[op.Watermark]]); err != nil {
				return fmt.Errorf("build %s: %w", op.Name, err)
			}
		}
	}
	for _, f := range e.flows {
		for _, topic := range f.Topics {
			n := e.partitionsOf[topic]
			unusable, err := e.logDestination("invalid/"+topic, topic+"$invalid", refusedSchema, n)
			if err != nil {
				return err
			}
			for p := range n {
				if err := e.buildTask(f, topic, int32(p), unusable); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// buildWindow makes what the n lanes of a windowed operator share, whose windows a watermark closes.
func (e *Engine) buildWindow(op *dataflow.Operator, n int, g *groupMarks) error {
	w, err := newWindowOp(op)
	if err != nil {
		return err
	}
	emit, err := newEmitter(w, e.merger.env(), e.log)
	if err != nil {
		return err
	}
	if err := e.merger.addWindows(w, g, n, emit); err != nil {
		return err
	}
	switch {
	case op.Table != nil && op.Table.Within != "": // who reads its rows is the only one
	case op.Table != nil:
		if op.Flow > math.MaxUint8 {
			return fmt.Errorf("more than %d flows write the table", math.MaxUint8+1)
		}
		emit.table = &tableWriter{op: "table/" + op.Table.Name, flow: byte(op.Flow), delta: func() *state.Delta { return e.finals }}
	default:
		sink := *op
		sink.Agg, sink.Pre, sink.Post, sink.From = nil, nil, nil, &plan.Dataset{Schema: schemaOf(op.Cols)}
		sink.Explosions, sink.Below = nil, 0 // they stand below the windows
		sink.Out, sink.Consumers = columnsOf(op.Cols), nil
		if err := e.addDerived(&emit.outlet, &emit.next, op, &sink, 0); err != nil {
			return err
		}
	}
	for _, c := range op.Consumers {
		if err := e.addDerived(&emit.outlet, &emit.next, op, c, op.Lane(0)); err != nil {
			return err
		}
	}
	return nil
}

// addWindows adds the stage of a windowed operator with n lanes.
func (m *merger) addWindows(w *windowOp, g *groupMarks, n int, emit *emitter) error {
	c := &closer{w: w, group: g, closed: math.MinInt64, emit: emit, m: m}
	if c.of = newSlices(c, n); w.session {
		var err error
		if c.of, err = newSessions(c, n); err != nil {
			return err
		}
	}
	emit.stage, emit.group = c.of, g
	g.closers, m.closer = append(g.closers, c), append(m.closer, c)
	m.add(c.of, g)
	return nil
}

// derivedFrom stands between the names of an operator and of the one whose rows it reads.
const derivedFrom = " from "

// addDerived has an operator read the rows that another one gives in a lane, and those that read its
// own rows read them. The outlet is that of the stage at their beginning, and list who reads from.
func (e *Engine) addDerived(of *outlet, list *[]*derived, from, op *dataflow.Operator, lane int) error {
	lane = op.Lane(lane)
	d, err := newDerived(op, e.merger.env(), e.joined)
	if err != nil {
		return fmt.Errorf("build %s: %w", op.Name, err)
	}
	switch {
	case op.Windowed():
		if d.regroup, err = e.buildRegroup(of, op); err != nil {
			return fmt.Errorf("build %s: %w", op.Name, err)
		}
	case e.alertOf(op) != nil:
		d.alert = e.alertOf(op)
		d.alert.readsStage(of)
	default:
		to, err := e.destinationOf(op)
		if err != nil {
			return err
		}
		d.to = newRowWriter(e, to, int32(lane))
		e.merger.writers = append(e.merger.writers, d.to)
		d.to.cause = &e.merger.cause
		if _, joined := of.stage.(*streamJoin); to.format == formatPlace && !joined { // joined rows have ages of their own
			d.to.age = &of.age
		}
	}
	d.name = op.Name + derivedFrom + from.Name
	*list = append(*list, d)
	of.derived = append(of.derived, d)
	if d.regroup != nil {
		return nil // who reads its rows reads its windows
	}
	for _, c := range op.Consumers {
		if err := e.addDerived(of, &d.next, op, c, lane); err != nil {
			return err
		}
	}
	return nil
}

// buildTask makes the task of one partition.
func (e *Engine) buildTask(f *dataflow.Scan, topic string, p int32, unusable *destination) error {
	t := &task{e: e, flow: f, topic: topic, partition: p, source: e.sources[topic], turn: make(turn, 1)}
	others := len(e.writers)
	env := e.env
	env.Unfit = &t.calls
	if err := t.open(env); err != nil {
		return err
	}
	t.unusable = newKeeper(newRowWriter(e, unusable, p), &refusedSchema)
	if err := t.addMarks(); err != nil {
		return err
	}
	t.addDuplicates()
	for _, m := range t.Marks {
		if m.Lane != dataflow.NoLane {
			e.merger.groups[m.Watermark].marks[m.Lane] = math.MinInt64
		}
	}
	for _, op := range f.Operators {
		at := op.LaneOf(t.topic, t.partition)
		if at == dataflow.NoLane {
			continue
		}
		t.Timeless = t.Timeless || op.Watermark < 0
		if op.Joined() {
			if err := e.buildJoinTask(t, op, at); err != nil {
				return fmt.Errorf("build %s: %w", op.Name, err)
			}
			continue
		}
		if op.Windowed() {
			late, err := e.lateDestination(op)
			if err != nil {
				return err
			}
			w, err := newWindowTask(e.closerOf(op).w, op, t.env, e.joined, newKeeper(newRowWriter(e, late, int32(op.Lane(at))), &lateSchema), at)
			if err != nil {
				return fmt.Errorf("build %s: %w", op.Name, err)
			}
			w.held = &t.held
			t.windows = append(t.windows, w)
			e.closerOf(op).of.addTask(at, w)
			t.lanes = append(t.lanes, taskLane{e.closerOf(op).of, at, op.Watermark})
			continue
		}
		r, err := newRowTask(op, t.env, e.joined)
		if err != nil {
			return fmt.Errorf("build %s: %w", op.Name, err)
		}
		if stage := e.alertOf(op); stage != nil {
			stage.readsRecords(e.merger.groups[f.Watermarks[op.Watermark]])
			r.alert = &alertLane{stage: stage, maker: breachMaker{def: stage.op.Alert}}
			t.alerts = append(t.alerts, r.alert)
		} else {
			to, err := e.destinationOf(op)
			if err != nil {
				return err
			}
			r.to = newRowWriter(e, to, int32(op.Lane(at)))
		}
		t.rows = append(t.rows, r)
	}
	t.writers = e.writers[others:len(e.writers):len(e.writers)]
	e.tasksOf[f] = append(e.tasksOf[f], t)
	e.tasks = append(e.tasks, t)
	return nil
}

// addMarks gives a task the watermarks of its flow.
func (t *task) addMarks() error {
	for _, g := range t.flow.Watermarks {
		m := &scan.Marks{Watermark: g, Lane: g.LaneOf(t.topic, t.partition), Floor: math.MinInt64}
		m.Tracker = window.NewTracker(g.Delay, t.e.futureLimit)
		var err error
		if m.Pre, err = scan.CompileFilter(g.Pre, t.env); err != nil {
			return err
		}
		if m.Raw, err = scan.NewRawTime(g.Time, t.flow, t.env); err != nil {
			return err
		}
		t.Marks = append(t.Marks, m)
	}
	return nil
}

// logDestination opens a log of the engine's own, once.
func (e *Engine) logDestination(name, topic string, schema column.Schema, n int) (*destination, error) {
	if d := e.destinations[name]; d != nil {
		return d, nil
	}
	log, err := e.opt.Log(topic, n)
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", topic, err)
	}
	d := &destination{name: name, sink: log, log: log, schema: schema, zone: e.env.Zone, format: formatExact}
	if e.opt.Ephemeral {
		d.format = formatBinary
		if table, ok := strings.CutPrefix(name, "table/"); ok && e.opt.TextLogs && !e.viewReads(table) && !codec.NestTimes(schema.Fields) {
			d.format = formatCSV
		}
	}
	e.destinations[name] = d
	return d, nil
}

// viewReads reports whether a materialized view reads a table.
func (e *Engine) viewReads(table string) bool {
	var reads func(n plan.Node) bool
	reads = func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok {
			return scan.Dataset.Name == table
		}
		return slices.ContainsFunc(n.Inputs(), reads)
	}
	for _, d := range e.opt.Pipeline.Datasets {
		if d.Kind != plan.MaterializedView {
			continue
		}
		for _, f := range d.Flows {
			if reads(f.Root) {
				return true
			}
		}
	}
	return false
}

// destinationOf is where the rows of an operator go: a table's log, or its sink.
func (e *Engine) destinationOf(op *dataflow.Operator) (*destination, error) {
	if op.Table == nil {
		return e.destinations[sinkOf(op)], nil
	}
	n := 0
	for _, o := range e.byTable[op.Table.Name] {
		if !o.Windowed() {
			n = max(n, e.lanes(o))
		}
	}
	return e.logDestination("table/"+op.Table.Name, op.Table.Name, schemaOf(op.Cols), n)
}

// lateDestination is where the late rows of a windowed operator go: one log for all flows of a table.
func (e *Engine) lateDestination(op *dataflow.Operator) (*destination, error) {
	if lead := op.Lead(); op.Table == nil || op.Table.Within != "" {
		return e.logDestination(lateOf(lead), strings.TrimPrefix(lateOf(lead), "late/")+"$late", lateSchema, e.lanesInto(lead)*lead.Flows)
	}
	n := 0
	for _, o := range e.byTable[op.Table.Name] {
		if o.Windowed() {
			n = max(n, e.lanesInto(o)*o.Flows)
		}
	}
	return e.logDestination(lateOf(op), op.Table.Name+"$late", lateSchema, n)
}

// lateOf is the name of the destination of an operator's late rows.
func lateOf(op *dataflow.Operator) string {
	switch {
	case op.Table == nil:
		return "late/" + op.Lead().Name
	case op.Table.Within != "":
		return "late/" + op.Table.Within
	}
	return "late/" + op.Table.Name
}

// sinkOf is the name of the destination of an operator's sink; "" where it has none.
func sinkOf(op *dataflow.Operator) string {
	if op.Sink == nil {
		return ""
	}
	return "sink/" + op.Sink.Name
}

// addSink makes the destination of a sink: what becomes of a row is decided by its format.
func (e *Engine) addSink(op *dataflow.Operator, sink record.Sink) {
	name := sinkOf(op)
	d := &destination{name: name, sink: sink, schema: schemaOf(op.Cols), zone: e.env.Zone, key: -1, value: -1, topic: -1, headers: -1, field: -1, order: -1}
	switch op.Sink.Format {
	case "kafka":
		d.format = formatTopic
		d.key, d.value, d.topic, d.headers = columnNamed(op.Cols, "key"), columnNamed(op.Cols, "value"), columnNamed(op.Cols, "topic"), columnNamed(op.Cols, "headers")
	case "redis":
		d.format = formatPlace
		d.key, d.value, d.field, d.order = columnNamed(op.Cols, "key"), columnNamed(op.Cols, "value"), columnNamed(op.Cols, "field"), columnNamed(op.Cols, "time")
		if d.value < 0 {
			d.value, d.field = columnNamed(op.Cols, "score"), columnNamed(op.Cols, "member")
		}
	case "csv":
		d.format = formatCSV
	default:
		d.format = formatJSON
	}
	e.destinations[name] = d
}

func columnNamed(cols []plan.Column, name string) int {
	for i, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

func stack() string { return string(debug.Stack()) }
