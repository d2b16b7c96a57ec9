package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/expr"
)

// noteUnfit books the values of the step that did not fit their places.
func (t *task) noteUnfit(from int) {
	if t.scan.json == nil {
		return
	}
	unfit := t.scan.json.Unfit()
	for i := range unfit {
		if u := &unfit[i]; u.Count > 0 {
			t.bookUnfit(t.unfitKey(u), u, from+u.Row)
			u.Count = 0
		}
	}
}

// bookUnfit adds values to those of a key; the first one is of a record.
func (t *task) bookUnfit(key string, u *codec.Unfit, record int) {
	if t.unfit == nil {
		t.unfit = map[string]UnfitValues{}
	}
	sum, known := t.unfit[key]
	if !known {
		sum = UnfitValues{Type: u.Type.String(), Sample: string(u.Text), Partition: t.partition, Offset: t.records.Offsets[record]}
	}
	sum.Count += u.Count
	t.unfit[key] = sum
}

// unfitKey is the key of a place in task.unfit: a field that is read as several types has each of them.
func (t *task) unfitKey(u *codec.Unfit) string {
	f := t.flow.columns[u.Target].field
	return f.Name + " " + f.Type.String() + u.Path
}

// unfitOf adds what a task found to a ledger, of the flow's columns that are used; nil: of all. A place that is
// read as several types stands there by type.
func (l *Ledger) unfitOf(t *task, used []bool) {
	if t.scan == nil || t.scan.json == nil || len(t.unfit) == 0 {
		return
	}
	var mine unfitPlaces
	unfit := t.scan.json.Unfit()
	for i := range unfit {
		u := &unfit[i]
		if used != nil && !used[u.Target] || t.flow.targets[u.Target].FromString {
			continue
		}
		if found, ok := t.unfit[t.unfitKey(u)]; ok {
			mine.see(t.flow.columns[u.Target].field.Name+u.Path, found)
		}
	}
	for _, p := range mine {
		l.addUnfit(t.topic, p.name, p.found)
	}
}

// unfitPlaces is what one task found, by place and type. A place that several columns have, of which each is
// decoded, has what one of them found.
type unfitPlaces []unfitPlace

type unfitPlace struct {
	name  string
	found UnfitValues
}

func (l *unfitPlaces) see(name string, found UnfitValues) {
	for i := range *l {
		if p := &(*l)[i]; p.name == name && p.found.Type == found.Type {
			if found.Count > p.found.Count {
				p.found = found
			}
			return
		}
	}
	*l = append(*l, unfitPlace{name, found})
}

// addUnfit adds what a task found.
func (l *Ledger) addUnfit(topic, place string, found UnfitValues) {
	if l.Unfit == nil {
		l.Unfit = map[string]map[string]UnfitValues{}
	}
	if l.Unfit[topic] == nil {
		l.Unfit[topic] = map[string]UnfitValues{}
	}
	name := place
	for n := 2; l.Unfit[topic][name].Count > 0 && l.Unfit[topic][name].Type != found.Type; n++ {
		name = place + "#" + strconv.Itoa(n)
	}
	if sum := l.Unfit[topic][name]; sum.Count > 0 {
		sum.Count += found.Count
		found = sum
	}
	l.Unfit[topic][name] = found
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
