package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// noteUnfit books the values of the step that did not fit their places.
func (t *task) noteUnfit(from int) {
	if t.Scan.JSON == nil {
		return
	}
	unfit := t.Scan.JSON.Unfit()
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
		t.unfit = map[string]ledger.UnfitValues{}
	}
	sum, known := t.unfit[key]
	if !known {
		sum = ledger.UnfitValues{Type: u.Type.String(), Sample: string(u.Text), Partition: t.partition, Offset: t.Records.Offsets[record]}
	}
	sum.Count += u.Count
	t.unfit[key] = sum
}

// unfitKey is the key of a place in task.unfit: a field that is read as several types has each of them.
func (t *task) unfitKey(u *codec.Unfit) string {
	f := t.flow.Columns[u.Target].Field
	return f.Name + " " + f.Type.String() + u.Path
}

// bookUnfitIn adds what a task found to a ledger, of the flow's columns and calls of from_json
// that are used; nil: of all. A place that is
// read as several types stands there by type.
func (t *task) bookUnfitIn(l *ledger.Ledger, used []bool, calls map[string]bool) {
	if t.Scan == nil || len(t.unfit) == 0 {
		return
	}
	var mine unfitPlaces
	var unfit []codec.Unfit
	if t.Scan.JSON != nil {
		unfit = t.Scan.JSON.Unfit()
	}
	for i := range unfit {
		u := &unfit[i]
		if used != nil && !used[u.Target] || t.flow.Targets[u.Target].FromString {
			continue
		}
		if found, ok := t.unfit[t.unfitKey(u)]; ok {
			mine.see(t.flow.Columns[u.Target].Field.Name+u.Path, found)
		}
	}
	for _, c := range t.calls.Calls {
		if calls != nil && !calls[c.Key] {
			continue
		}
		for i := range c.Places {
			if found, ok := t.unfit[callKey(c, i)]; ok {
				mine.see(placeIn(c, i), found)
			}
		}
	}
	for _, p := range mine {
		l.AddUnfit(t.topic, p.name, p.found)
	}
}

// callKey is the key of a place of a call in task.unfit.
func callKey(c *expr.UnfitCall, place int) string { return c.Key + " " + c.Places[place].Path }

// placeIn names a place of a call: "address.zip in from_json(payload)".
func placeIn(c *expr.UnfitCall, place int) string {
	if path := strings.TrimPrefix(c.Places[place].Path, "."); path != "" {
		return path + " in " + c.Text
	}
	return c.Text
}

// forgetCalls empties what a step that was broken off has left.
func (t *task) forgetCalls() {
	for _, c := range t.calls.Calls {
		c.Found = c.Found[:0]
	}
}

// noteCalls books what from_json could not fit in the step. A call that stands in several expressions reads a row in
// each of them: it counts once.
func (t *task) noteCalls(from int) {
	type at struct {
		key string
		row uint32
	}
	var most map[at]codec.Unfit
	for _, c := range t.calls.Calls {
		if len(c.Found) == 0 {
			continue
		}
		mine := map[at]codec.Unfit{} // a row has several entries where it was made into several
		for _, f := range c.Found {
			k := at{callKey(c, f.Place), f.Row}
			u, has := mine[k]
			if !has {
				u = codec.Unfit{Type: c.Places[f.Place].Type, Row: int(f.Row), Text: []byte(f.Sample)}
			}
			u.Count += f.Count
			mine[k] = u
		}
		if most == nil {
			most = map[at]codec.Unfit{}
		}
		for k, u := range mine {
			if u.Count > most[k].Count {
				most[k] = u
			}
		}
	}
	order := slices.SortedFunc(maps.Keys(most), func(a, b at) int { return int(a.row) - int(b.row) }) // the first one is the sample
	for _, k := range order {
		u := most[k]
		t.bookUnfit(k.key, &u, from+u.Row)
	}
	t.forgetCalls()
}

// unfitPlaces is what one task found, by place and type. A place that several columns have, of which each is
// decoded, has what one of them found.
type unfitPlaces []unfitPlace

type unfitPlace struct {
	name  string
	found ledger.UnfitValues
}

func (l *unfitPlaces) see(name string, found ledger.UnfitValues) {
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

// explainUnfit tells which values are NULL to an operator because they did not fit, by field.
func (e *Engine) explainUnfit(b *strings.Builder, op *dataflow.Operator) {
	var l ledger.Ledger
	used, calls := op.UsedColumns()
	e.gate.Lock()
	for _, t := range e.tasksOf[op.Scan] {
		if op.LaneOf(t.topic, t.partition) != dataflow.NoLane {
			t.bookUnfitIn(&l, used, calls)
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
