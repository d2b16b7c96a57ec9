package plan

import (
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A StreamOp is one streaming query in the form in which the engine runs it: everything between a
// scan and a table or sink folded into lists of expressions over the scan's own columns.
//
//	scan → Pre → watermark on Time → Post → Agg → Having → Out
//
// Without Agg, Out is over the scan's columns and Having is empty. With Agg, Having and Out are over
// the aggregate's columns: its keys in order, then its aggregates.
//
// A query over UNION ALL is several: one for each side, in order. Those of rows write one table as its flows do. Those of
// windows are the Parts of one operator: each brings its rows into the same groups, and the first, their Head, gives
// the groups' rows.
//
// Explosions stand where they are written: the first Below of them before Pre, the others between the watermark
// and Post. Each sees the rows of the one before that pass its Where. Expressions behind an explosion are over
// the scan's columns and those that explosions made, which are numbered from MadeBase on.
type StreamOp struct {
	Name  string   // of the table or sink; a table's second flow has "#2" behind it
	Table *Dataset // nil: a sink
	Sink  *SinkDef // nil: a table or an alert
	Alert *AlertDef
	From  *Dataset // a SourceTopic, or a StreamingTable whose rows come out of windows

	HasTime   bool
	Time      *expr.Node // event time
	Delay     int64      // microseconds
	Pre, Post []*expr.Node

	Explosions []Explosion
	Below      int

	Agg    *Aggregate // In is nil, expressions are over the scan's columns
	Edge   int64      // of an Agg over a table of windows: by how much Time lies before the end of the row's window, microseconds
	Having []*expr.Node
	Out    []*expr.Node
	Cols   []Column
	Pos    sql.Pos

	Join *StreamJoin  // of the parts of a join of streams: their rows are joined, and none of them has an Agg
	Side int          // of such a part: 0 left, 1 right
	Keys []*expr.Node // of such a part: what has to be equal on both sides, over the scan's columns

	Head  *StreamOp   // of a part; the head's own is itself; nil: all rows come from one side
	Inner []*StreamOp // those that From is, where it is an aggregate in the same query

	Part  int // its place among the parts
	Parts int // how many there are; 0: it is no part
}

// MadeBase is the number of the first column that an explosion of a StreamOp makes.
const MadeBase = 1 << 20

// Windowed reports whether the operator groups rows into windows.
func (o *StreamOp) Windowed() bool { return o.Agg != nil }

// StreamOps turns all flows of streaming tables, all sinks and all alerts into operators, tables first, in order
// of definition, so that an operator stands behind the one that it reads from.
func (p *Pipeline) StreamOps() ([]*StreamOp, sql.Faults) {
	var ops []*StreamOp
	var faults sql.Faults
	add := func(list []*StreamOp, fault *sql.Fault) []*StreamOp {
		if fault != nil {
			faults = append(faults, *fault)
			return nil
		}
		for _, j := range joinsOf(list) {
			if j.unbounded != nil && p.Config.StateMaxRows <= 0 {
				faults = append(faults, *j.unbounded)
			}
		}
		keepUsed(list)
		ops = withInner(ops, list)
		return list
	}
	for _, d := range p.Datasets {
		if d.Kind != StreamingTable {
			continue
		}
		flow := 0
		for _, f := range d.Flows {
			list, fault := fold(f.Root, f.Pos)
			if fault == nil && len(list) == 1 && list[0].Inner != nil && len(d.Flows) > 1 {
				fault = grouped(f.Pos, list[0].within()+" in a table with several flows")
			}
			for _, op := range add(list, fault) {
				op.Table, op.Pos = d, f.Pos
			}
			flow = name(list, d.Name, flow)
		}
	}
	for _, s := range p.Sinks {
		if s.From == "" {
			continue // a webhook for alerts
		}
		list := add(fold(s.Root, s.Pos))
		for _, op := range list {
			op.Sink, op.Pos = s, s.Pos
		}
		name(list, s.Name, 0)
	}
	for _, a := range p.Alerts {
		list, fault := fold(a.Root, a.Pos)
		if fault == nil {
			fault = a.refuse(list)
		}
		for _, op := range add(list, fault) {
			op.Alert, op.Pos = a, a.Pos
		}
		name(list, alertPrefix+a.Name, 0)
	}
	return ops, faults
}

// name gives operators the name of what they write, which has so many flows before them, and returns how many it has
// then. A part has the name of its head with its own place behind it.
func name(list []*StreamOp, of string, flow int) int {
	for _, op := range list {
		if op.Part > 0 {
			op.Name = fmt.Sprintf("%s+%d", op.Head.Name, op.Part+1)
			continue
		}
		op.Name = of
		if flow++; flow > 1 {
			op.Name = fmt.Sprintf("%s#%d", of, flow)
		}
		if op.Inner != nil {
			op.From.Name, op.From.Within, op.From.Writes = op.Name+"$1", op.Name, op.Table
			if op.Table != nil && op.Table.Within != "" {
				op.From.Within, op.From.Writes = op.Table.Within, op.Table.Writes
			}
			for _, in := range op.Inner {
				in.Pos = op.Pos
			}
			name(op.Inner, op.From.Name, 0)
		}
	}
	return flow
}

// fold turns an operator tree into StreamOps whose Out is the tree's columns: one, or one for each side of UNION ALL.
func fold(n Node, at sql.Pos) ([]*StreamOp, *sql.Fault) {
	switch n := n.(type) {
	case *Scan:
		return foldScan(n)
	case *SetOp:
		left, fault := fold(n.Left, at)
		if fault != nil {
			return nil, fault
		}
		right, fault := fold(n.Right, at)
		if fault != nil {
			return nil, fault
		}
		list := union(left, right, n.Cols)
		for _, op := range list {
			if op.Inner != nil {
				return nil, grouped(at, "UNION ALL of "+op.within())
			}
		}
		return list, nil
	case *Join:
		if streams(n.Left) && streams(n.Right) {
			return foldStreamJoin(n, n.On, at)
		}
		return foldJoin(n, at)
	case *AssignWindows:
		list, fault := fold(n.In, at)
		if fault == nil {
			fault = assignWindows(list, n, at)
		}
		return list, fault
	case *Filter, *Project, *Explode, *Watermark, *Aggregate, *Distinct:
		if list, fault, is := foldFilteredJoin(n, at); is {
			return list, fault
		}
		list, fault := fold(n.Inputs()[0], at)
		if fault != nil {
			return nil, fault
		}
		if groups(n) && list[0].Agg != nil {
			if list, fault = within(list, n.Inputs()[0], at); fault != nil {
				return nil, fault
			}
		}
		for _, op := range list {
			if fault := op.put(n, at); fault != nil {
				return nil, fault
			}
		}
		if groups(n) && len(list) > 1 {
			return list, join(list, at)
		}
		return list, nil
	}
	return nil, notYet(at, fmt.Sprintf("%s on a stream", describeKind(n)))
}

// foldJoin is fold for a join of a stream with a table.
func foldJoin(n *Join, at sql.Pos) ([]*StreamOp, *sql.Fault) {
	stream, table := n.Left, n.Right
	if !streams(stream) {
		stream, table = table, stream
	}
	list, fault := fold(stream, at)
	if fault == nil {
		fault = notConstant(table, at)
	}
	if fault == nil && list[0].Agg != nil {
		list, fault = within(list, stream, at)
	}
	if fault != nil {
		return nil, fault
	}
	for _, op := range list {
		op.lookup(n)
	}
	return list, nil
}

// put puts an operator over one input behind what there is.
func (o *StreamOp) put(n Node, at sql.Pos) *sql.Fault {
	switch n := n.(type) {
	case *Filter:
		if pred := o.into(n.Pred.Substitute(o.Out)); pred != nil {
			o.filter(pred)
		}
	case *Project:
		out := make([]*expr.Node, len(n.Exprs))
		for i, e := range n.Exprs {
			out[i] = e.Substitute(o.Out)
		}
		o.Out, o.Cols = out, n.Cols
	case *Explode:
		return o.explode(n, at)
	case *Watermark:
		o.watermark(o.Out[n.Time], n.Delay)
		o.Cols = n.Cols
	case *Aggregate:
		return o.aggregate(n, at)
	case *Distinct:
		return o.aggregate(n.aggregate(), at)
	}
	return nil
}

func foldScan(n *Scan) ([]*StreamOp, *sql.Fault) {
	d := n.Dataset
	if d.KeepsRows() {
		var all []*StreamOp
		for _, f := range d.Flows {
			list, fault := fold(f.Root, n.Pos)
			if fault != nil {
				return nil, fault
			}
			all = union(all, list, n.Cols)
		}
		return all, nil
	}
	if d.Kind != SourceTopic && d.Kind != StreamingTable {
		return nil, notYet(n.Pos, "reading "+d.Name+" as a stream")
	}
	op := &StreamOp{From: d, Cols: n.Cols}
	for i, c := range n.Cols {
		op.Out = append(op.Out, expr.Col(i, c.Name, c.Type))
	}
	return []*StreamOp{op}, nil
}

func (o *StreamOp) filter(pred *expr.Node) {
	switch {
	case o.Agg != nil:
		o.Having = append(o.Having, pred)
	case o.HasTime:
		o.Post = append(o.Post, pred)
	default:
		o.Pre = append(o.Pre, pred)
	}
}

// watermark declares the event time. A second one on the same path takes the first one's place, and
// what stood between them then stands before it.
func (o *StreamOp) watermark(time *expr.Node, delay int64) {
	if o.HasTime && o.Time.Key() == time.Key() {
		o.Delay = max(o.Delay, delay)
		return
	}
	if len(o.Explosions) > o.Below {
		x := &o.Explosions[o.Below]
		x.Where, o.Pre, o.Below = append(o.Pre, x.Where...), nil, len(o.Explosions)
	}
	o.Pre, o.Post = append(o.Pre, o.Post...), nil
	o.HasTime, o.Time, o.Delay = true, time, delay
}

// explode puts an Explode behind what there is.
func (o *StreamOp) explode(n *Explode, at sql.Pos) *sql.Fault {
	if o.Agg != nil {
		f := notYet(at, "a generator over an aggregate on a stream")
		f.Hint = "write the aggregate into a streaming table, and read that one as a stream"
		return f
	}
	x := Explosion{Rows: n.Rows.Substitute(o.Out), Outer: n.Outer, Pos: n.Pos, Fields: n.Fields}
	o.place(&x, nil)
	made := o.nextMade()
	o.Out = append([]*expr.Node{}, o.Out...)
	for i, c := range n.Cols[len(n.In.Columns()):] {
		x.Types = append(x.Types, c.Type)
		o.Out = append(o.Out, expr.Col(made+i, c.Name, c.Type))
	}
	o.Explosions = append(o.Explosions, x)
	o.Cols = n.Cols
	return nil
}

func (o *StreamOp) aggregate(n *Aggregate, at sql.Pos) *sql.Fault {
	switch {
	case n.Grouping != nil && n.Window == nil:
		return notYet(at, "ROLLUP, CUBE and GROUPING SETS without window(…) on a stream")
	case !o.HasTime && o.From.Kind != StreamingTable:
		return &sql.Fault{Pos: at, Class: "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
			Message: "a windowed aggregate on a stream needs a watermark", Hint: "add WATERMARK ts DELAY OF INTERVAL 10 SECONDS behind the relation"}
	}
	whole := n
	if n.Grouping != nil {
		var fault *sql.Fault
		if n, fault = o.expand(n, at); fault != nil {
			return fault
		}
	}
	a := *n
	a.In = nil
	window, ok := n.grouping(o.Out, o.Time)
	if !ok {
		return notYet(at, "a grouping without window(…) or the event time on a stream")
	}
	window.Time = window.Time.Substitute(o.Out)
	if window.Gap != nil {
		window.Gap = window.Gap.Substitute(o.Out)
	}
	if o.From.Kind == StreamingTable {
		if fault := o.regroup(window.Time, at); fault != nil {
			return fault
		}
	}
	if window.Time.Key() != o.Time.Key() {
		return &sql.Fault{Pos: at, Class: "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
			Message: "the window is over another time than the watermark", Hint: "use the column of the WATERMARK clause in window(…)"}
	}
	a.Window = &window
	a.Keys = make([]*expr.Node, len(n.Keys))
	for i, k := range n.Keys {
		if i != n.WindowKey {
			a.Keys[i] = k.Substitute(o.Out)
		}
	}
	a.Aggs = make([]AggCall, len(n.Aggs))
	for i, call := range n.Aggs {
		if call.Arg != nil {
			call.Arg = call.Arg.Substitute(o.Out)
		}
		if call.Filter != nil {
			call.Filter = call.Filter.Substitute(o.Out)
		}
		a.Aggs[i] = call
	}
	o.Agg, o.Out, o.Cols = &a, nil, whole.Cols
	if whole.Grouping != nil {
		o.Out = regrouped(whole)
		return nil
	}
	for i, c := range n.Cols {
		o.Out = append(o.Out, expr.Col(i, c.Name, c.Type))
	}
	return nil
}

func notYet(at sql.Pos, what string) *sql.Fault {
	return &sql.Fault{Pos: at, Message: what + " is not in this version yet"}
}

func describeKind(n Node) string {
	switch n.(type) {
	case *Join:
		return "a join"
	case *SetOp:
		return "UNION, EXCEPT or INTERSECT"
	case *Limit:
		return "LIMIT"
	case *Distinct:
		return "DISTINCT"
	case *Sort:
		return "ORDER BY"
	case *Windowed:
		return "a window function"
	case *Values:
		return "VALUES"
	}
	return fmt.Sprintf("%T", n)
}

// SourceSchema is the columns of a Kafka source, in Spark's order.
var SourceSchema = column.Schema{Fields: []column.Field{
	{Name: "key", Type: column.Of(column.Binary)},
	{Name: "value", Type: column.Of(column.Binary)},
	{Name: "topic", Type: column.Of(column.String)},
	{Name: "partition", Type: column.Of(column.Int32)},
	{Name: "offset", Type: column.Of(column.Int64)},
	{Name: "timestamp", Type: column.Of(column.Timestamp)},
	{Name: "timestampType", Type: column.Of(column.Int32)},
}}

// HeadersSchema is SourceSchema with the records' headers behind, as a source has it with includeHeaders.
var HeadersSchema = column.Schema{Fields: append(SourceSchema.Fields[:len(SourceSchema.Fields):len(SourceSchema.Fields)],
	column.Field{Name: "headers", Type: headersType})}

var headersType = column.Type{Kind: column.Array, Elem: &column.Type{Kind: column.Struct, Fields: []column.Field{
	{Name: "key", Type: column.Of(column.String)}, {Name: "value", Type: column.Of(column.Binary)}}}}

// HasHeaders reports a source with the option includeHeaders.
func (d *Dataset) HasHeaders() bool {
	return d.Kind == SourceTopic && len(d.Schema.Fields) == len(HeadersSchema.Fields)
}

// HeadersOf reports whether a source of the pipeline reads the headers of a topic's records.
func (p *Pipeline) HeadersOf(topic string) bool {
	for _, d := range p.Datasets {
		if d.HasHeaders() && slices.Contains(d.Topics, topic) {
			return true
		}
	}
	return false
}

// SchemaOfTopic is the columns of a topic that is read by its own name.
func (p *Pipeline) SchemaOfTopic(topic string) column.Schema {
	if p.HeadersOf(topic) {
		return HeadersSchema
	}
	return SourceSchema
}

// The places of a source's columns in HeadersSchema.
const (
	SourceKey = iota
	SourceValue
	SourceTopicName
	SourcePartition
	SourceOffset
	SourceTimestamp
	SourceTimestampType
	SourceHeaders
)
