package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/expr"
)

// noteUnfit books the values of the step that did not fit their columns.
func (t *task) noteUnfit(from int) {
	if t.scan.json == nil {
		return
	}
	unfit := t.scan.json.Unfit()
	for i := range unfit {
		u := &unfit[i]
		if u.Count == 0 {
			continue
		}
		f := t.flow.columns[i].field
		key := f.Name + " " + f.Type.String()
		if t.unfit == nil {
			t.unfit = map[string]UnfitValues{}
		}
		sum, known := t.unfit[key]
		if !known {
			sum = UnfitValues{Type: f.Type.String(), Sample: string(u.Text), Partition: t.partition, Offset: t.records.Offsets[from+u.Row]}
		}
		sum.Count += u.Count
		t.unfit[key] = sum
		u.Count = 0
	}
}

// unfitOf adds what a task found to a ledger, of the flow's columns that are used; nil: of all. A field that is
// read as several types stands there by type.
func (l *Ledger) unfitOf(t *task, used []bool) {
	for i := range t.flow.targets {
		if used != nil && !used[i] {
			continue
		}
		f := t.flow.columns[i].field
		found, ok := t.unfit[f.Name+" "+f.Type.String()]
		if !ok || t.flow.targets[i].FromString {
			continue
		}
		if l.Unfit == nil {
			l.Unfit = map[string]map[string]UnfitValues{}
		}
		if l.Unfit[t.topic] == nil {
			l.Unfit[t.topic] = map[string]UnfitValues{}
		}
		name := f.Name
		for n := 2; l.Unfit[t.topic][name].Count > 0 && l.Unfit[t.topic][name].Type != found.Type; n++ {
			name = f.Name + "#" + strconv.Itoa(n)
		}
		if sum := l.Unfit[t.topic][name]; sum.Count > 0 {
			sum.Count += found.Count
			found = sum
		}
		l.Unfit[t.topic][name] = found
	}
}

// explainUnfit tells which values are NULL to an operator because they did not fit, by field.
func (e *Engine) explainUnfit(b *strings.Builder, op *operator) {
	var l Ledger
	used := op.usedColumns()
	e.gate.Lock()
	for _, t := range op.topic.tasks {
		if op.laneOf(t) != noLane {
			l.unfitOf(t, used)
		}
	}
	e.gate.Unlock()
	for _, topic := range slices.Sorted(maps.Keys(l.Unfit)) {
		for _, name := range slices.Sorted(maps.Keys(l.Unfit[topic])) {
			u := l.Unfit[topic][name]
			fmt.Fprintf(b, "values of %s that are no %s, so NULL: %d, such as %s at %s/%d offset %d\n", name, u.Type, u.Count, u.Sample, topic, u.Partition, u.Offset)
		}
	}
}

// usedColumns is the columns of the operator's flow that it reads.
func (op *operator) usedColumns() []bool {
	f := op.topic
	used := make([]bool, len(f.columns))
	var note func(n *expr.Node)
	note = func(n *expr.Node) {
		if n == nil {
			return
		}
		n.Walk(func(m *expr.Node) {
			if m.Op != expr.OpColumn || m.Index >= len(used) {
				return
			}
			used[m.Index] = true
			note(f.columns[m.Index].computed)
		})
	}
	for _, n := range scanExprs(&op.StreamOp) {
		note(n)
	}
	for _, x := range op.Explosions {
		for _, n := range append(slices.Clone(x.Where), x.Rows) {
			note(n)
		}
	}
	if op.group >= 0 {
		g := f.groups[op.group]
		for _, n := range append(slices.Clone(g.pre), g.time) {
			note(n)
		}
	}
	return used
}
