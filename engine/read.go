package engine

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A NotFoundError names a table, view or topic that does not exist.
type NotFoundError struct {
	Name  string
	Known []string // what there is
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no table, view or topic %s%s", sql.Quoted(e.Name), sql.Instead(e.Name, e.Known))
}

// Table returns a table's or view's rows, those of open windows too if asked, sorted by the
// grouping columns (else by partition and offset); with open a view is what it would be if all
// windows were closed now. limit < 0: all; else the last ones.
// Beside tables and views, TABLE$late and TOPIC$invalid can be read.
func (e *Engine) Table(ctx context.Context, name string, open bool, limit int) (*RowSet, error) {
	schema, err := e.SchemaOf(name)
	if err != nil {
		return nil, err
	}
	ctx, end, err := e.enter(ctx, name)
	if err != nil {
		return nil, err
	}
	defer end()
	s := &RowSet{Schema: &schema, Batch: &column.Batch{}}
	s.Batch.Reset(s.Schema)
	keep := func(b *column.Batch) error {
		if err := s.hold(ctx); err != nil {
			return err
		}
		for i := range b.Len {
			s.Batch.AppendRow(b, i)
		}
		if limit >= 0 && s.Batch.Len > 2*limit+readRows {
			s.dropFirst(s.Batch.Len - limit)
		}
		return nil
	}
	opened := 0
	keepOpen := func(b *column.Batch) error {
		opened += b.Len
		return keep(b)
	}
	switch flows := e.windowed(name); {
	case open && len(flows) > 0:
		err = e.scanTable(ctx, name, keep, keepOpen)
	case open:
		err = e.scanWithOpen(ctx, name, nil, keep)
	case limit >= 0:
		err = e.scanLast(ctx, name, limit, keep)
	default:
		err = e.scan(ctx, name, nil, keep)
	}
	if err != nil {
		return nil, err
	}
	if limit >= 0 && s.Batch.Len > limit {
		s.dropFirst(s.Batch.Len - limit)
	}
	for i := range s.Batch.Cols {
		s.Batch.Cols[i].EnsureNull(s.Batch.Len)
	}
	s.Batch.SelectAll()
	if open && len(e.windowed(name)) > 0 {
		s.Open = make([]bool, s.Batch.Len)
		for i := max(0, s.Batch.Len-opened); i < s.Batch.Len; i++ {
			s.Open[i] = true
		}
	}
	return s, nil
}

// enter gives the context in which the rows of a name are read: those of a view are computed, which needs a
// place among the queries.
func (e *Engine) enter(ctx context.Context, name string) (context.Context, func(), error) {
	if d := e.opt.Pipeline.Dataset(strings.TrimSuffix(name, openSuffix)); d != nil && d.Kind == plan.MaterializedView {
		return e.opt.Queries.Begin(ctx)
	}
	ctx, end := e.opt.Queries.Count(ctx)
	return ctx, end, nil
}

// hold counts the rows for the query that reads them.
func (s *RowSet) hold(ctx context.Context) error {
	now := int64(0)
	for i := range s.Batch.Cols {
		now += s.Batch.Cols[i].Capacity()
	}
	n := now - s.held
	s.held = now
	return batch.Hold(ctx, n)
}

// dropFirst takes the first n rows away.
func (s *RowSet) dropFirst(n int) {
	rest := &column.Batch{}
	rest.Reset(s.Schema)
	for i := range s.Batch.Cols {
		s.Batch.Cols[i].EnsureNull(s.Batch.Len)
	}
	for i := n; i < s.Batch.Len; i++ {
		rest.AppendRow(s.Batch, i)
	}
	s.Batch = rest
}

// Scan hands all final rows of a table, view or kept rows to visit, batch by batch, sorted as Table
// does. A batch is valid during the call.
func (e *Engine) Scan(ctx context.Context, name string, visit func(*column.Batch) error) error {
	ctx, end, err := e.enter(ctx, name)
	if err != nil {
		return err
	}
	defer end()
	return e.scan(ctx, name, nil, visit)
}

// scan hands the rows of what Table can read to visit; of a topic those that a reach names, and maybe others.
func (e *Engine) scan(ctx context.Context, name string, reach batch.Reach, visit func(*column.Batch) error) error {
	if len(e.byTable[name]) > 0 {
		return e.scanTable(ctx, name, visit, nil)
	}
	if d := e.keptRows(name); d != nil {
		return e.scanLog(ctx, d, nil, visit)
	}
	if table, ok := strings.CutSuffix(name, openSuffix); ok {
		if flows := e.windowed(table); len(flows) > 0 {
			return scan.VisitAll(&e.viewWindows(flows, true).open, visit)
		}
		return e.scanWithOpen(ctx, table, nil, visit)
	}
	if d := e.opt.Pipeline.Dataset(name); d != nil && d.Kind == plan.MaterializedView {
		return e.runBatch(ctx, d.Flows[0].Root, reading{}, visit)
	}
	if s := e.sources[name]; s != nil {
		return e.scanTopic(ctx, name, e.opt.Pipeline.SchemaOfTopic(name), s, reach, visit)
	}
	return e.notFound(name)
}

// scanTable hands the rows of a table to visit: those that it keeps one for one, then final ones of
// windows; and then open ones to open, unless that is nil.
func (e *Engine) scanTable(ctx context.Context, name string, visit, open func(*column.Batch) error) error {
	d := e.destinations["table/"+name]
	flows := e.windowed(name)
	if len(flows) == 0 {
		return e.scanLog(ctx, d, nil, visit)
	}
	if d != nil {
		if err := e.scanLog(ctx, d, nil, visit); err != nil {
			return err
		}
	}
	return e.scanWindows(ctx, flows, visit, open)
}

// keptRows is the log of TABLE$late or TOPIC$invalid, or nil.
func (e *Engine) keptRows(name string) *destination {
	if table, ok := strings.CutSuffix(name, "$late"); ok {
		return e.destinations["late/"+table]
	}
	if topic, ok := strings.CutSuffix(name, "$invalid"); ok {
		return e.destinations["invalid/"+topic]
	}
	return nil
}

// windowed is the operators that write windows into a table.
func (e *Engine) windowed(table string) []*dataflow.Operator {
	var flows []*dataflow.Operator
	for _, op := range e.byTable[table] {
		if op.Windowed() {
			flows = append(flows, op)
		}
	}
	return flows
}

// SchemaOf is the columns of what Table can read.
func (e *Engine) SchemaOf(name string) (column.Schema, error) {
	if ops := e.byTable[name]; len(ops) > 0 {
		return schemaOf(ops[0].Cols), nil
	}
	if d := e.keptRows(name); d != nil {
		return d.schema, nil
	}
	if d := e.opt.Pipeline.Dataset(name); d != nil && d.Kind == plan.MaterializedView {
		return schemaOf(d.Flows[0].Root.Columns()), nil
	}
	if e.sources[name] != nil {
		return e.opt.Pipeline.SchemaOfTopic(name), nil
	}
	if table, ok := strings.CutSuffix(name, openSuffix); ok {
		return e.SchemaOf(table)
	}
	return column.Schema{}, e.notFound(name)
}

// Names is everything that Table can read: tables and views in order of definition, then topics,
// then kept rows.
func (e *Engine) Names() []string {
	var names []string
	for _, d := range e.opt.Pipeline.Datasets {
		if d.Kind == plan.StreamingTable || d.Kind == plan.MaterializedView {
			names = append(names, d.Name)
		}
	}
	for _, f := range e.flows {
		names = append(names, f.Topics...)
	}
	for _, d := range e.opt.Pipeline.Datasets {
		if e.destinations["late/"+d.Name] != nil {
			names = append(names, d.Name+"$late")
		}
	}
	for _, op := range e.ops {
		if op.Windowed() && op.Table == nil && e.destinations["late/"+op.Name] != nil {
			names = append(names, op.Name+"$late")
		}
	}
	for _, f := range e.flows {
		for _, topic := range f.Topics {
			names = append(names, topic+"$invalid")
		}
	}
	return names
}

func (e *Engine) notFound(name string) error {
	return &NotFoundError{Name: name, Known: e.Names()}
}

// Explain is the plan of a table and why its oldest window is still open.
func (e *Engine) Explain(table string) (string, error) {
	d := e.opt.Pipeline.Dataset(table)
	if d == nil || len(d.Flows) == 0 {
		return "", e.notFound(table)
	}
	var b strings.Builder
	for _, f := range d.Flows {
		b.WriteString(plan.Describe(f.Root))
		b.WriteByte('\n')
	}
	for _, op := range e.byTable[table] {
		for ; op != nil; op = e.inside(op) {
			e.explainOp(&b, op)
		}
	}
	return b.String(), nil
}

// inside is the operator of the aggregate inside the query of another; nil: there is none.
func (e *Engine) inside(op *dataflow.Operator) *dataflow.Operator {
	if op.From.Within == "" {
		return nil
	}
	return e.byTable[op.From.Name][0]
}

func (e *Engine) explainOp(b *strings.Builder, op *dataflow.Operator) {
	if op.Joined() {
		e.explainJoin(b, op)
	}
	if op.Scan == nil {
		if in := e.inside(op); in == nil || !in.Joined() {
			fmt.Fprintf(b, "reads final rows of %s\n", op.From.Name)
		}
		return
	}
	var fields []string
	for _, c := range op.Scan.Columns {
		fields = append(fields, c.Field.Name)
	}
	fmt.Fprintf(b, "one scan of topic %s serves %d operators and decodes: %s\n", strings.Join(op.Scan.Topics, ", "), len(op.Scan.Operators), strings.Join(fields, ", "))
	for _, id := range op.Scan.IDs {
		fmt.Fprintf(b, "of records of %s with the same %s within %s only the first counts; the others are in %s$invalid\n",
			id.Topic, id.Config.Dedup, time.Duration(id.Config.DedupHorizon)*time.Microsecond, id.Topic)
	}
	e.explainUnfit(b, op)
	if !op.Windowed() {
		return
	}
	e.gate.Lock()
	defer e.gate.Unlock()
	c := e.closerOf(op)
	n, first := c.of.openWindows(1)
	if n == 0 {
		b.WriteString("no window is open\n")
		return
	}
	if len(first) == 0 {
		fmt.Fprintf(b, "sessions are open, in %d pieces\n", n)
		return
	}
	fmt.Fprintf(b, "%d windows are open; the oldest ends at %s and closes when every partition's watermark has reached that:\n", n, isoTime(first[0].End))
	for lane, mark := range c.group.marks {
		note := "has reached it"
		if mark < first[0].End {
			note = "holds it open"
		}
		if mark == math.MaxInt64 { // no partition has the lane, or its source has ended
			continue
		}
		topic, p := c.group.inLane(lane)
		if op.Of != nil {
			fmt.Fprintf(b, "  %s ", topic)
		} else {
			b.WriteString("  ")
		}
		fmt.Fprintf(b, "partition %d: watermark %s, %s\n", p, isoTime(mark), note)
	}
}
