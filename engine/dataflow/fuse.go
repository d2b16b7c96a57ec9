package dataflow

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A fuser rewrites expressions over a source's seven columns into expressions over a scan's, so that
// the decoder writes JSON fields straight into columns:
//
//	from_json(CAST(value AS STRING), '…').f                    → column f
//	try_to_timestamp(from_json(CAST(value AS STRING), '…').f)  → column f, decoded as a time
type fuser struct {
	flow  *Scan
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

func (b *fuser) rewriteOutputs(op *Operator) {
	op.Keys = b.rewriteAll(op.Keys)
	if op.Agg == nil {
		op.Out = b.rewriteAll(op.Out)
		return
	}
	a := *op.Agg
	if a.Window.Gap != nil {
		w := *a.Window
		w.Gap = b.rewrite(w.Gap)
		a.Window = &w
	}
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
		at = len(b.flow.Columns)
		b.byKey[key] = at
		b.flow.Columns = append(b.flow.Columns, Column{
			Field: column.Field{Name: name, Type: t}, Source: -1,
			Target: &codec.Target{Path: name, Type: t, FromString: fromString},
		})
	}
	return expr.Col(at, name, t)
}

func (b *fuser) sourceColumn(n *expr.Node) *expr.Node {
	f := plan.HeadersSchema.Fields[n.Index]
	key := "source\x00" + f.Name
	at, ok := b.byKey[key]
	if !ok {
		at = len(b.flow.Columns)
		b.byKey[key] = at
		b.flow.Columns = append(b.flow.Columns, Column{Field: f, Source: n.Index})
	}
	return expr.Col(at, f.Name, f.Type)
}

// addIDs gives the scan a column for the ids of each topic whose duplicates are looked for.
func (f *Scan) addIDs(topics map[string]plan.TopicConfig, b *fuser) {
	for _, topic := range f.Topics {
		if c := topics[topic]; c.Dedup != "" {
			n := b.field(c.Dedup, column.Of(column.String), false)
			f.IDs = append(f.IDs, &IDColumn{c, topic, n.Index})
		}
	}
}
