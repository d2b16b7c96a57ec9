package dataflow

import (
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A Scan is everything that reads a topic, or several topics that some operator reads together. Its
// columns are what is decoded once for all operators: fields of the JSON value, the source's own columns
// that some query names, and event times that are more than a field.
type Scan struct {
	Topics     []string
	Columns    []Column
	Schema     column.Schema
	Targets    []codec.Target // the decoded fields; they are the first columns
	Watermarks []*Watermark
	IDs        []*IDColumn // of topics whose duplicates are looked for
	JSON       bool        // some operator decodes the value: a malformed one is kept apart
	Operators  []*Operator
}

// A Column is one column of a scan's batches: exactly one of its origins is set.
type Column struct {
	Field    column.Field
	Target   *codec.Target // from the value
	Source   int           // from the record: index in plan.HeadersSchema; -1
	Computed *expr.Node    // from other columns
	used     bool
}

// A Watermark is one watermark of the topics that its operators read: an event time, a delay, and the filters below it,
// whose rows do not move it. Operators with the same three share it.
type Watermark struct {
	key        string
	Topics     []string
	Pre        []*expr.Node
	Time       *expr.Node // a column
	TimeColumn int
	Delay      int64
	JSON       bool   // a malformed value is invalid
	Made       bool   // over rows that explosions make: the one operator's exploder gives them their marks
	Head       string // of the parts whose windows the least of their watermarks closes; "": it has no such
	Part       int    // as StreamOp has them
	Parts      int
	Operators  []*Operator
}

// Names is the names of the operators that go by the watermark.
func (w *Watermark) Names() []string {
	list := make([]string, len(w.Operators))
	for i, op := range w.Operators {
		list[i] = op.Name
	}
	return list
}

// An IDColumn is where the ids of a topic's records stand in the scan's batch.
type IDColumn struct {
	Config plan.TopicConfig
	Topic  string
	Index  int // in the scan's columns
}

// NewScan folds the operators that read topics into one scan.
func NewScan(topics []string, ops []*Operator, configs map[string]plan.TopicConfig) *Scan {
	f := &Scan{Topics: topics, Operators: ops}
	b := &fuser{flow: f, byKey: map[string]int{}}
	for _, op := range ops {
		op.Scan, b.json = f, false
		op.Pre, op.Post = b.rewriteAll(op.Pre), b.rewriteAll(op.Post)
		op.Time = b.rewrite(op.Time)
		op.mapExplosions(b.rewrite)
		b.rewriteOutputs(op)
		op.JSON = b.json
		f.JSON = f.JSON || b.json
	}
	f.addIDs(configs, b)
	for _, op := range ops {
		f.addToGroup(op)
	}
	f.shareTimes()
	f.compact()
	for _, op := range ops {
		op.PlaceMade(len(f.Columns))
		if op.Watermark >= 0 && f.Watermarks[op.Watermark].Made {
			f.Watermarks[op.Watermark].Pre, f.Watermarks[op.Watermark].Time = op.Pre, op.Time
		}
	}
	return f
}

// addToGroup gives the operator its watermark, making the group if it is the first.
func (f *Scan) addToGroup(op *Operator) {
	op.Watermark = -1
	if !op.HasTime {
		return
	}
	parts := []string{strings.Join(op.From.Topics, ","), op.Time.Key(), strconv.FormatInt(op.Delay, 10), strconv.FormatBool(op.JSON)}
	for _, p := range op.Pre {
		parts = append(parts, p.Key())
	}
	made := op.Below > 0
	if made || op.Parts > 0 { // rows of its own, or lanes
		parts = append(parts, strconv.Itoa(op.ID))
	}
	key := strings.Join(parts, "\x00")
	for i, g := range f.Watermarks {
		if g.key == key {
			op.Watermark = i
			g.Operators = append(g.Operators, op)
			return
		}
	}
	op.Watermark = len(f.Watermarks)
	g := &Watermark{key: key, Topics: op.From.Topics, Pre: op.Pre, Time: op.Time, Delay: op.Delay, JSON: op.JSON, Made: made, Operators: []*Operator{op}}
	if op.Parts > 0 {
		g.Head, g.Part, g.Parts = op.Head.Name, op.Part, op.Parts
	}
	f.Watermarks = append(f.Watermarks, g)
}

// shareTimes makes each event time that is more than a field a column, and lets the operators
// read that column instead of computing the time again.
func (f *Scan) shareTimes() {
	for _, g := range f.Watermarks {
		if g.Time.Op == expr.OpColumn || g.Made {
			continue
		}
		at := len(f.Columns)
		f.Columns = append(f.Columns, Column{Field: column.Field{Name: "event time", Type: g.Time.Type}, Source: -1, Computed: g.Time})
		text := g.Time.Key()
		col := expr.Col(at, "event time", g.Time.Type)
		share := func(n *expr.Node) *expr.Node {
			return n.Rewrite(func(m *expr.Node) *expr.Node {
				if m.Key() == text {
					return col
				}
				return m
			})
		}
		for _, op := range g.Operators {
			op.mapScanExprs(share)
		}
		g.Time = col
	}
}

// compact drops the columns that nobody reads and numbers the others: decoded fields first.
func (f *Scan) compact() {
	mark := func(n *expr.Node) *expr.Node {
		n.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn && m.Index < plan.MadeBase {
				f.Columns[m.Index].used = true
			}
		})
		return n
	}
	for _, g := range f.Watermarks {
		mark(g.Time)
		for _, p := range g.Pre {
			mark(p)
		}
	}
	for _, op := range f.Operators {
		for _, p := range op.Pre {
			mark(p)
		}
		op.mapExplosions(mark)
		op.mapScanExprs(mark)
	}
	for _, id := range f.IDs {
		f.Columns[id.Index].used = true
	}
	for i := len(f.Columns) - 1; i >= 0; i-- { // a computed column reads columns before it
		if c := &f.Columns[i]; c.used && c.Computed != nil {
			mark(c.Computed)
		}
	}
	f.renumber()
}

func (f *Scan) renumber() {
	place := make([]int, len(f.Columns))
	var kept []Column
	for pass := range 3 {
		for i, c := range f.Columns {
			isPass := 2
			if c.Target != nil {
				isPass = 0
			} else if c.Source >= 0 {
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
		if kept[i].Computed != nil {
			kept[i].Computed = move(kept[i].Computed)
		}
	}
	for _, g := range f.Watermarks {
		g.Time = move(g.Time)
		g.TimeColumn = g.Time.Index
		for i := range g.Pre {
			g.Pre[i] = move(g.Pre[i])
		}
	}
	for _, id := range f.IDs {
		id.Index = place[id.Index]
	}
	for _, op := range f.Operators {
		for i := range op.Pre {
			if op.Watermark < 0 {
				op.Pre[i] = move(op.Pre[i])
			}
		}
		op.mapExplosions(move)
		op.mapScanExprs(move)
	}
	f.Columns = kept
	for _, c := range kept {
		f.Schema.Fields = append(f.Schema.Fields, c.Field)
		if c.Target != nil {
			f.Targets = append(f.Targets, *c.Target)
		}
	}
}
