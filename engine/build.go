package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/window"
)

// build turns the pipeline into flows, tasks, closers and destinations.
func (e *Engine) build(ctx context.Context) error {
	ops, faults := e.opt.Pipeline.StreamOps()
	if len(faults) > 0 {
		return faults
	}
	byTopic := map[string][]*operator{}
	var topics []string
	tables := map[string]*operator{}
	for i, op := range ops {
		e.ops = append(e.ops, &operator{StreamOp: *op, id: i})
	}
	e.fingerprint = fingerprint(e.ops)
	if err := e.openSinks(); err != nil {
		return err
	}
	for _, o := range e.ops {
		op := &o.StreamOp
		if op.Table != nil {
			tables[op.Table.Name] = o
		}
		if op.From.Kind == plan.StreamingTable {
			from := tables[op.From.Name]
			if from == nil {
				return fmt.Errorf("build %s: it reads %s, which comes after it", op.Name, op.From.Name)
			}
			from.consumers = append(from.consumers, o)
			continue
		}
		if len(op.From.Topics) != 1 {
			return fmt.Errorf("build %s: source %s subscribes to %d topics, and this version reads one", op.Name, op.From.Name, len(op.From.Topics))
		}
		topic := op.From.Topics[0]
		if byTopic[topic] == nil {
			topics = append(topics, topic)
		}
		byTopic[topic] = append(byTopic[topic], o)
	}
	for _, topic := range topics {
		if err := e.buildTopic(ctx, topic, byTopic[topic]); err != nil {
			return err
		}
	}
	for _, d := range e.destinations {
		e.outbox.add(d)
	}
	return nil
}

// openSinks opens the sinks of the configuration; an operator whose sink takes nothing (Options.Sink
// gave nil) is left out, and nothing is computed for it.
func (e *Engine) openSinks() error {
	kept := e.ops[:0]
	for _, op := range e.ops {
		if op.Sink != nil {
			sink, err := e.opt.Sink(op.Sink)
			if err != nil {
				return err
			}
			if sink == nil {
				continue
			}
			e.addSink(op, sink)
		}
		kept = append(kept, op)
	}
	e.ops = kept
	return nil
}

// fingerprint names the queries that state and row numbers belong to.
func fingerprint(ops []*operator) string {
	h := sha256.New()
	for _, op := range ops {
		fmt.Fprintf(h, "%s from %s delay %d\n", op.Name, op.From.Name, op.Delay)
		if op.HasTime {
			fmt.Fprintf(h, "time %s\n", op.Time.Key())
		}
		for _, p := range op.Pre {
			fmt.Fprintf(h, "pre %s\n", p.Key())
		}
		for _, p := range op.Post {
			fmt.Fprintf(h, "post %s\n", p.Key())
		}
		if a := op.Agg; a != nil {
			fmt.Fprintf(h, "window %d %d %d at %d\n", a.Window.Size, a.Window.Slide, a.Window.Offset, a.WindowKey)
			for _, k := range a.Keys {
				if k != nil {
					fmt.Fprintf(h, "key %s\n", k.Key())
				}
			}
			for _, c := range a.Aggs {
				fmt.Fprintf(h, "agg %s %v", c.Spec.Name, c.Spec.Distinct)
				if c.Arg != nil {
					fmt.Fprintf(h, " %s", c.Arg.Key())
				}
				if c.Filter != nil {
					fmt.Fprintf(h, " where %s", c.Filter.Key())
				}
				fmt.Fprintln(h)
			}
		}
		for i, o := range op.Out {
			fmt.Fprintf(h, "out %s %s\n", op.Cols[i].Name, o.Key())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// buildTopic makes the scan of one topic and a task for each of its partitions.
func (e *Engine) buildTopic(ctx context.Context, topic string, ops []*operator) error {
	source, err := e.opt.Source(topic)
	if err != nil {
		return fmt.Errorf("open topic %s: %w", topic, err)
	}
	e.sources[topic] = source
	n, err := source.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("count partitions of %s: %w", topic, err)
	}
	f := newTopicFlow(topic, ops)
	e.flows = append(e.flows, f)
	for _, g := range f.groups {
		e.merger.addGroup(g, n)
	}
	for _, op := range ops {
		if op.Windowed() {
			if err := e.buildWindow(op, n); err != nil {
				return fmt.Errorf("build %s: %w", op.Name, err)
			}
		}
	}
	unusable, err := e.logDestination("invalid/"+topic, topic+"$invalid", refusedSchema, n)
	if err != nil {
		return err
	}
	for p := range n {
		if err := e.buildTask(f, source, int32(p), n, unusable); err != nil {
			return err
		}
	}
	return nil
}

// buildWindow makes what the partitions of a windowed operator share.
func (e *Engine) buildWindow(op *operator, n int) error {
	w, err := newWindowOp(op)
	if err != nil {
		return err
	}
	op.window = w
	emit, err := newEmitter(w, e.env, e.log)
	if err != nil {
		return err
	}
	e.merger.addCloser(w, n, emit)
	if op.Table != nil {
		emit.table = &tableWriter{op: "table/" + op.Table.Name, delta: func() *Delta { return e.finals }}
		if _, flow, ok := strings.Cut(op.Name, "#"); ok {
			emit.table.flow = flow[0]
		}
	} else {
		op := *op
		op.Pre, op.Post, op.From = nil, nil, &plan.Dataset{Schema: schemaOf(op.Cols)}
		op.Out = columnsOf(op.Cols)
		op.consumers = nil
		if err := e.addDerived(emit, &op); err != nil {
			return err
		}
	}
	for _, c := range op.consumers {
		if err := e.addDerived(emit, c); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) addDerived(emit *emitter, op *operator) error {
	to, err := e.destinationOf(op, 1)
	if err != nil {
		return err
	}
	d, err := newDerived(op, e.env, newRowWriter(e, to, 0))
	emit.next = append(emit.next, d)
	return err
}

// buildTask makes the task of one partition.
func (e *Engine) buildTask(f *topicFlow, source Source, p int32, n int, unusable *destination) error {
	t := &task{e: e, flow: f, partition: p, source: source}
	var err error
	if t.scan, err = newScanner(f, e.env); err != nil {
		return err
	}
	t.unusable = newKeeper(newRowWriter(e, unusable, p), &refusedSchema)
	for _, g := range f.groups {
		m := &taskMarks{group: g, floor: math.MinInt64}
		m.tracker = window.NewTracker(g.delay, e.opt.Pipeline.Config.FutureLimit)
		if m.pre, err = compileFilter(g.pre, e.env); err != nil {
			return err
		}
		t.marks = append(t.marks, m)
	}
	for _, op := range f.ops {
		if op.Windowed() {
			late, err := e.logDestination("late/"+op.Name, op.Name+"$late", lateSchema, n)
			if err != nil {
				return err
			}
			w, err := newWindowTask(op.window, e.env, newKeeper(newRowWriter(e, late, p), &lateSchema))
			if err != nil {
				return fmt.Errorf("build %s: %w", op.Name, err)
			}
			t.windows = append(t.windows, w)
			e.closerOf(op.window).tasks[p] = w
			continue
		}
		to, err := e.destinationOf(op, n)
		if err != nil {
			return err
		}
		r, err := newRowTask(op, e.env, newRowWriter(e, to, p))
		if err != nil {
			return fmt.Errorf("build %s: %w", op.Name, err)
		}
		t.rows = append(t.rows, r)
	}
	e.tasks = append(e.tasks, t)
	return nil
}

func (e *Engine) closerOf(w *windowOp) *closer {
	for _, c := range e.merger.closer {
		if c.w == w {
			return c
		}
	}
	panic("BUG: a windowed operator without a closer")
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
		if table, ok := strings.CutPrefix(name, "table/"); ok && e.opt.TextLogs && !e.viewReads(table) {
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
func (e *Engine) destinationOf(op *operator, n int) (*destination, error) {
	if op.Table != nil {
		return e.logDestination("table/"+op.Table.Name, op.Table.Name, schemaOf(op.Cols), n)
	}
	return e.destinations["sink/"+op.Name], nil
}

// addSink makes the destination of a sink: what becomes of a row is decided by its format.
func (e *Engine) addSink(op *operator, sink Sink) {
	name := "sink/" + op.Name
	d := &destination{name: name, sink: sink, schema: schemaOf(op.Cols), zone: e.env.Zone, key: -1, value: -1, topic: -1}
	switch op.Sink.Format {
	case "kafka":
		d.format = formatTopic
		d.key, d.value, d.topic = columnNamed(op.Cols, "key"), columnNamed(op.Cols, "value"), columnNamed(op.Cols, "topic")
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
