package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A topicFlow is everything that reads a topic, or several topics that some operator reads together. Its
// columns are what is decoded once for all operators: fields of the JSON value, the source's own columns
// that some query names, and event times that are more than a field.
type topicFlow struct {
	topics  []string
	columns []scanColumn
	schema  column.Schema
	targets []codec.Target // the decoded fields; they are the first columns
	groups  []*markGroup
	ids     []*idColumn // of topics whose duplicates are looked for
	json    bool        // some operator decodes the value: a malformed one is kept apart
	ops     []*operator
	tasks   []*task // by topic and partition
}

// A scanColumn is one column of a scan's batches: exactly one of its origins is set.
type scanColumn struct {
	field    column.Field
	target   *codec.Target // from the value
	source   int           // from the record: index in plan.HeadersSchema; -1
	computed *expr.Node    // from other columns
	used     bool
}

// A markGroup is one watermark of the topics that its operators read: an event time, a delay, and the filters below it, whose
// rows do not move it. Operators with the same three share it.
type markGroup struct {
	key     string
	topics  []string
	pre     []*expr.Node
	time    *expr.Node // a column
	timeCol int
	delay   int64
	json    bool // a malformed value is invalid
	made    bool // over rows that explosions make: the one operator's exploder gives them their marks
	ops     []*operator
}

// An operator is a plan.StreamOp over the scan's columns. Its id is its place in the engine.
type operator struct {
	plan.StreamOp
	id        int
	flow      int // its place among the flows of its table
	flows     int // how many write its table
	group     int // markGroup; -1: no event time
	topic     *topicFlow
	json      bool        // it decodes the value: a malformed one is invalid to it
	window    *windowOp   // nil: rows one for one
	consumers []*operator // operators that read this table of windows, or of rows of such
}

// A lane is the place of a partition among those of the topics that an operator reads: the topics take
// the lanes in turn, so that a lane stays what it is when a topic gets more partitions. Of topics with
// fewer partitions than others some lanes are empty. With one topic a lane is a partition.
func lane(topics []string, topic string, partition int32) int {
	i := slices.Index(topics, topic)
	if i < 0 {
		return noLane
	}
	return int(partition)*len(topics) + i
}

// noLane is the lane of a partition that an operator does not read.
const noLane = -1

// laneOf is the lane of a task's partition.
func (op *operator) laneOf(t *task) int { return lane(op.From.Topics, t.topic, t.partition) }

// A scanGroup is topics and the operators that read them in one scan.
type scanGroup struct {
	topics []string
	ops    []*operator
}

// add takes an operator in.
func (r *scanGroup) add(op *operator) {
	for _, topic := range op.From.Topics {
		if !slices.Contains(r.topics, topic) {
			r.topics = append(r.topics, topic)
		}
	}
	r.ops = append(r.ops, op)
}

// shares reports whether an operator reads one of the topics.
func (r *scanGroup) shares(op *operator) bool {
	return slices.ContainsFunc(op.From.Topics, func(topic string) bool { return slices.Contains(r.topics, topic) })
}

// scanGroups puts operators together that share a topic, also by way of others, so that each topic is
// read and decoded once.
func scanGroups(ops []*operator) []*scanGroup {
	var all []*scanGroup
	for _, op := range ops {
		one := &scanGroup{}
		var others []*scanGroup
		for _, r := range all {
			if !r.shares(op) {
				others = append(others, r)
				continue
			}
			for _, o := range r.ops {
				one.add(o)
			}
		}
		one.add(op)
		slices.SortFunc(one.ops, func(a, b *operator) int { return a.id - b.id })
		all = append(others, one)
	}
	slices.SortFunc(all, func(a, b *scanGroup) int { return a.ops[0].id - b.ops[0].id })
	return all
}

// newTopicFlow folds the operators that read topics into one scan.
func newTopicFlow(topics []string, ops []*operator, configs map[string]plan.TopicConfig) *topicFlow {
	f := &topicFlow{topics: topics, ops: ops}
	b := &fuser{flow: f, byKey: map[string]int{}}
	for _, op := range ops {
		op.topic, b.json = f, false
		op.Pre, op.Post = b.rewriteAll(op.Pre), b.rewriteAll(op.Post)
		op.Time = b.rewrite(op.Time)
		op.mapExplosions(b.rewrite)
		b.rewriteOutputs(op)
		op.json = b.json
		f.json = f.json || b.json
	}
	f.addIDs(configs, b)
	for _, op := range ops {
		f.addToGroup(op)
	}
	f.shareTimes()
	f.compact()
	for _, op := range ops {
		op.placeMade(len(f.columns))
		if op.group >= 0 && f.groups[op.group].made {
			f.groups[op.group].pre, f.groups[op.group].time = op.Pre, op.Time
		}
	}
	return f
}

// addToGroup gives the operator its watermark, making the group if it is the first.
func (f *topicFlow) addToGroup(op *operator) {
	op.group = -1
	if !op.HasTime {
		return
	}
	parts := []string{strings.Join(op.From.Topics, ","), op.Time.Key(), strconv.FormatInt(op.Delay, 10), strconv.FormatBool(op.json)}
	for _, p := range op.Pre {
		parts = append(parts, p.Key())
	}
	made := op.Below > 0
	if made { // rows of its own
		parts = append(parts, strconv.Itoa(op.id))
	}
	key := strings.Join(parts, "\x00")
	for i, g := range f.groups {
		if g.key == key {
			op.group = i
			g.ops = append(g.ops, op)
			return
		}
	}
	op.group = len(f.groups)
	f.groups = append(f.groups, &markGroup{key: key, topics: op.From.Topics, pre: op.Pre, time: op.Time, delay: op.Delay, json: op.json, made: made, ops: []*operator{op}})
}

// shareTimes makes each event time that is more than a field a column, and lets the operators
// read that column instead of computing the time again.
func (f *topicFlow) shareTimes() {
	for _, g := range f.groups {
		if g.time.Op == expr.OpColumn || g.made {
			continue
		}
		at := len(f.columns)
		f.columns = append(f.columns, scanColumn{field: column.Field{Name: "event time", Type: g.time.Type}, source: -1, computed: g.time})
		text := g.time.Key()
		col := expr.Col(at, "event time", g.time.Type)
		share := func(n *expr.Node) *expr.Node {
			return n.Rewrite(func(m *expr.Node) *expr.Node {
				if m.Key() == text {
					return col
				}
				return m
			})
		}
		for _, op := range g.ops {
			op.mapScanExprs(share)
		}
		g.time = col
	}
}

// mapScanExprs replaces every expression over the scan's columns but those below the watermark.
func (op *operator) mapScanExprs(f func(*expr.Node) *expr.Node) {
	mapAll := func(list []*expr.Node) []*expr.Node {
		out := make([]*expr.Node, len(list))
		for i, n := range list {
			if n != nil {
				out[i] = f(n)
			}
		}
		return out
	}
	op.Post = mapAll(op.Post)
	if op.Time != nil {
		op.Time = f(op.Time)
	}
	if op.Agg == nil {
		op.Out = mapAll(op.Out)
		return
	}
	a := *op.Agg
	a.Keys = mapAll(a.Keys)
	a.Aggs = append([]plan.AggCall(nil), a.Aggs...)
	for i := range a.Aggs {
		if a.Aggs[i].Arg != nil {
			a.Aggs[i].Arg = f(a.Aggs[i].Arg)
		}
		if a.Aggs[i].Filter != nil {
			a.Aggs[i].Filter = f(a.Aggs[i].Filter)
		}
	}
	op.Agg = &a
}

// compact drops the columns that nobody reads and numbers the others: decoded fields first.
func (f *topicFlow) compact() {
	mark := func(n *expr.Node) *expr.Node {
		n.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn && m.Index < plan.MadeBase {
				f.columns[m.Index].used = true
			}
		})
		return n
	}
	for _, g := range f.groups {
		mark(g.time)
		for _, p := range g.pre {
			mark(p)
		}
	}
	for _, op := range f.ops {
		for _, p := range op.Pre {
			mark(p)
		}
		op.mapExplosions(mark)
		op.mapScanExprs(mark)
	}
	for _, id := range f.ids {
		f.columns[id.index].used = true
	}
	for i := len(f.columns) - 1; i >= 0; i-- { // a computed column reads columns before it
		if c := &f.columns[i]; c.used && c.computed != nil {
			mark(c.computed)
		}
	}
	f.renumber()
}

func (f *topicFlow) renumber() {
	place := make([]int, len(f.columns))
	var kept []scanColumn
	for pass := range 3 {
		for i, c := range f.columns {
			isPass := 2
			if c.target != nil {
				isPass = 0
			} else if c.source >= 0 {
				isPass = 1
			}
			if c.used && isPass == pass {
				place[i] = len(kept)
				kept = append(kept, c)
			}
		}
	}
	move := func(n *expr.Node) *expr.Node {
		return n.Rewrite(func(m *expr.Node) *expr.Node {
			if m.Op == expr.OpColumn && m.Index < plan.MadeBase {
				m.Index = place[m.Index]
			}
			return m
		})
	}
	for i := range kept {
		if kept[i].computed != nil {
			kept[i].computed = move(kept[i].computed)
		}
	}
	for _, g := range f.groups {
		g.time = move(g.time)
		g.timeCol = g.time.Index
		for i := range g.pre {
			g.pre[i] = move(g.pre[i])
		}
	}
	for _, id := range f.ids {
		id.index = place[id.index]
	}
	for _, op := range f.ops {
		for i := range op.Pre {
			if op.group < 0 {
				op.Pre[i] = move(op.Pre[i])
			}
		}
		op.mapExplosions(move)
		op.mapScanExprs(move)
	}
	f.columns = kept
	for _, c := range kept {
		f.schema.Fields = append(f.schema.Fields, c.field)
		if c.target != nil {
			f.targets = append(f.targets, *c.target)
		}
	}
}

// A fuser rewrites expressions over a source's seven columns into expressions over a scan's, so that
// the decoder writes JSON fields straight into columns:
//
//	from_json(CAST(value AS STRING), '…').f                    → column f
//	try_to_timestamp(from_json(CAST(value AS STRING), '…').f)  → column f, decoded as a time
type fuser struct {
	flow  *topicFlow
	byKey map[string]int
	json  bool // the operator in hand decodes the value
}

func (b *fuser) rewriteAll(list []*expr.Node) []*expr.Node {
	out := make([]*expr.Node, len(list))
	for i, n := range list {
		out[i] = b.rewrite(n)
	}
	return out
}

func (b *fuser) rewriteOutputs(op *operator) {
	if op.Agg == nil {
		op.Out = b.rewriteAll(op.Out)
		return
	}
	a := *op.Agg
	a.Keys = b.rewriteAll(a.Keys)
	a.Aggs = append([]plan.AggCall(nil), a.Aggs...)
	for i := range a.Aggs {
		a.Aggs[i].Arg = b.rewrite(a.Aggs[i].Arg)
		a.Aggs[i].Filter = b.rewrite(a.Aggs[i].Filter)
	}
	op.Agg = &a
}

func (b *fuser) rewrite(n *expr.Node) *expr.Node {
	if n == nil {
		return nil
	}
	if field, ok := jsonField(n); ok {
		b.json = true
		return b.field(field, n.Type, false)
	}
	if isTryTimestamp(n) {
		if field, ok := jsonField(n.Args[0]); ok {
			b.json = true
			return b.field(field, column.Of(column.Timestamp), true)
		}
	}
	if n.Op == expr.OpColumn && n.Index >= plan.MadeBase {
		return n
	}
	if n.Op == expr.OpColumn {
		return b.sourceColumn(n)
	}
	c := *n
	c.Args = b.rewriteAll(n.Args)
	return &c
}

// isTryTimestamp recognises try_to_timestamp(x), which is TRY_CAST(x AS TIMESTAMP), of a string.
func isTryTimestamp(n *expr.Node) bool {
	is := n.Op == expr.OpTryCast || n.Op == expr.OpCall && n.Func == "try_to_timestamp"
	return is && n.Type.Kind == column.Timestamp && len(n.Args) == 1 && n.Args[0].Type.Kind == column.String
}

// jsonField recognises a field of the record's value and returns its name.
func jsonField(n *expr.Node) (string, bool) {
	if n.Op != expr.OpField || len(n.Args) != 1 {
		return "", false
	}
	call := n.Args[0]
	if call.Op != expr.OpCall || call.Func != "from_json" || call.Type.Kind != column.Struct || len(call.Args) > 2 {
		return "", false
	}
	cast := call.Args[0]
	if cast.Op == expr.OpCast && cast.Type.Kind == column.String {
		cast = cast.Args[0]
	}
	if cast.Op != expr.OpColumn || cast.Index != plan.SourceValue {
		return "", false
	}
	return call.Type.Fields[n.Index].Name, true
}

func (b *fuser) field(name string, t column.Type, fromString bool) *expr.Node {
	key := "json\x00" + name + "\x00" + t.String()
	if fromString {
		key += "\x00string"
	}
	at, ok := b.byKey[key]
	if !ok {
		at = len(b.flow.columns)
		b.byKey[key] = at
		b.flow.columns = append(b.flow.columns, scanColumn{
			field: column.Field{Name: name, Type: t}, source: -1,
			target: &codec.Target{Path: name, Type: t, FromString: fromString},
		})
	}
	return expr.Col(at, name, t)
}

func (b *fuser) sourceColumn(n *expr.Node) *expr.Node {
	f := plan.HeadersSchema.Fields[n.Index]
	key := "source\x00" + f.Name
	at, ok := b.byKey[key]
	if !ok {
		at = len(b.flow.columns)
		b.byKey[key] = at
		b.flow.columns = append(b.flow.columns, scanColumn{field: f, source: n.Index})
	}
	return expr.Col(at, f.Name, f.Type)
}
