package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// A Takeover is how a project takes the place of the one that made a checkpoint: what is new or different is filled by
// an engine of its own, which reads the topics up to where the checkpoint stands, and joined with what stays.
type Takeover struct {
	Changes []dataflow.Change

	made  *plan.Pipeline
	now   *plan.Pipeline
	ops   []*plan.StreamOp // of now
	part  *plan.Pipeline   // see Pipeline
	reads []string         // the topics that part reads
	fills map[string]bool  // operators of now, by name
	keeps map[string]bool
	own   []string
	// anew is topics of which what belongs to no operator (counts, ids, invalid records) is that of the filling
	// engine: none of the operators stays that read them.
	anew map[string]bool
	// moved reports that alerts are not those of before, in their order, so that lanes of their sink are others'.
	moved bool
}

// NewTakeover compares two projects without faults. Own is as in Options.
func NewTakeover(made, now *plan.Pipeline, own []string) (*Takeover, error) {
	changes, err := dataflow.Compare(made, now)
	if err != nil {
		return nil, err
	}
	ops, faults := now.StreamOps()
	if len(faults) > 0 {
		return nil, faults
	}
	t := &Takeover{Changes: changes, made: made, now: now, ops: ops, own: own, fills: map[string]bool{}, keeps: map[string]bool{}, anew: map[string]bool{}}
	t.moved = !slices.Equal(alertsOf(made), alertsOf(now)) ||
		slices.ContainsFunc(changes, func(c dataflow.Change) bool { return c.Kind == "alert" && c.Verdict != dataflow.Keeps })
	for _, op := range ops {
		kind, name := dataflow.PartOf(op)
		if t.Fills(kind, name) {
			t.fills[op.Name] = true
		} else {
			t.keeps[op.Name] = true
		}
	}
	t.part = t.pipeline()
	filling, _ := t.part.StreamOps() // without faults, as it is a part of one without
	t.reads = topicsOf(filling)
	for _, topic := range topicsOf(ops) {
		t.anew[topic] = true
	}
	for _, op := range ops {
		if t.keeps[op.Name] {
			for _, topic := range directTopics(op) {
				t.anew[topic] = false
			}
		}
	}
	return t, nil
}

func alertsOf(p *plan.Pipeline) (names []string) {
	for _, a := range p.Alerts {
		names = append(names, a.Name)
	}
	return names
}

// directTopics is the topics whose records an operator reads itself.
func directTopics(op *plan.StreamOp) []string {
	if op.From.Kind == plan.StreamingTable {
		return nil
	}
	return op.From.Topics
}

// topicsOf is the topics whose records operators read themselves, each once.
func topicsOf(ops []*plan.StreamOp) (topics []string) {
	for _, op := range ops {
		for _, topic := range directTopics(op) {
			if !slices.Contains(topics, topic) {
				topics = append(topics, topic)
			}
		}
	}
	return topics
}

// Fills reports a part of the project that is new or different.
func (t *Takeover) Fills(kind, name string) bool {
	c := t.change(kind, name)
	return c != nil && c.Verdict == dataflow.Fills
}

func (t *Takeover) change(kind, name string) *dataflow.Change {
	i := slices.IndexFunc(t.Changes, func(c dataflow.Change) bool { return c.Kind == kind && c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Changes[i]
}

// Any reports that some part is filled.
func (t *Takeover) Any() bool { return len(t.fills) > 0 }

// Anew reports a topic of which also what belongs to no table is that of the filling engine: its counts, its ids and
// its invalid records.
func (t *Takeover) Anew(topic string) bool { return t.anew[topic] }

// Topics is those that the project reads, by name.
func (t *Takeover) Topics() []string { return slices.Sorted(maps.Keys(t.anew)) }

// FillTopics is those from which something is filled.
func (t *Takeover) FillTopics() []string { return t.reads }

// AlertsMove reports that the sink of all alerts begins anew: its lanes are alerts, in their order.
func (t *Takeover) AlertsMove() bool { return t.moved }

// Pipeline is what fills: what is new or different, with the tables that it reads. No clock closes its windows.
func (t *Takeover) Pipeline() *plan.Pipeline { return t.part }

func (t *Takeover) pipeline() *plan.Pipeline {
	var tables, sinks, alerts []string
	for _, c := range t.Changes {
		if c.Verdict != dataflow.Fills {
			continue
		}
		switch c.Kind {
		case "table":
			tables = append(tables, c.Name)
		case "sink":
			sinks = append(sinks, c.Name)
		default:
			alerts = append(alerts, c.Name)
		}
	}
	p := t.now.Parts(tables, sinks, alerts)
	p.Config.IdleTimeout = 0
	return p
}

// AlertLane is the lane of the sink of all alerts in which the project has those of an alert that the filling engine
// has in another: it has fewer alerts. -1: there is none.
func (t *Takeover) AlertLane(filling int) int {
	lane := -1
	for _, op := range t.ops {
		if op.Alert == nil {
			continue
		}
		lane++
		if t.fills[op.Name] {
			if filling == 0 {
				return lane
			}
			filling--
		}
	}
	return -1
}

// Read is where a checkpoint's queries read on, by topic and partition.
func Read(cp state.Checkpoint) (map[string][]record.Position, error) {
	c, err := cutOf(cp)
	if err != nil {
		return nil, err
	}
	at := map[string][]record.Position{}
	for topic, parts := range c.Topics {
		for _, p := range parts {
			at[topic] = append(at[topic], record.Position{Offset: p.Offset, Log: p.Log})
		}
	}
	return at, nil
}

// Join makes the checkpoint of the project of two that stand at the same place: what stays is that of made, the rest
// that of filled. Both runs have come to their ends. Lanes of rows in filled are numbered from 0.
func (t *Takeover) Join(made, filled state.Checkpoint) ([]byte, error) {
	old, err := cutOf(made)
	if err != nil {
		return nil, err
	}
	fill, err := cutOf(filled)
	if err != nil {
		return nil, err
	}
	if !old.Clean || !fill.Clean {
		return nil, fmt.Errorf("join checkpoints %d and %d: one of them is not the last of its run", made.Epoch, filled.Epoch)
	}
	c := &cut{Format: cutFormat, Plan: t.fingerprint(), Entry: old.Entry, Appended: max(old.Appended, fill.Appended), Clean: true, Version: fill.Version, FutureLimit: fill.FutureLimit,
		Topics: map[string][]partitionCut{}, Windows: map[string]windowCut{}, Derived: map[string]ledger.Count{}, Writers: map[string][]int64{}}
	for topic, anew := range t.anew {
		if c.Topics[topic], err = t.joinTopic(topic, old.Topics[topic], fill.Topics[topic], anew); err != nil {
			return nil, err
		}
	}
	for _, op := range t.ops {
		from := old
		if t.fills[op.Name] {
			from = fill
		}
		if w, ok := from.Windows[op.Name]; ok {
			c.Windows[op.Name] = w
		}
		for name, n := range from.Derived {
			if strings.HasPrefix(name, op.Name+derivedFrom) {
				c.Derived[name] = n
			}
		}
	}
	t.joinWriters(c, old, fill)
	c.Events = t.joinEvents(c)
	return json.Marshal(c)
}

// joinTopic joins what is known of the partitions of a topic.
func (t *Takeover) joinTopic(topic string, old, fill []partitionCut, anew bool) ([]partitionCut, error) {
	if anew {
		return fill, nil
	}
	list := slices.Clone(old)
	for i := range list {
		p := &list[i]
		p.Marks, p.Tables = marksOf(p.Marks, t.keeps), countsOf(p.Tables, t.keeps)
		if len(fill) == 0 {
			continue
		}
		if i >= len(fill) || fill[i].Offset != p.Offset {
			return nil, fmt.Errorf("join topic %s partition %d: the tables that stay stand at offset %d, and those that were filled do not", topic, i, p.Offset)
		}
		p.Marks = append(p.Marks, marksOf(fill[i].Marks, t.fills)...)
		for name, n := range countsOf(fill[i].Tables, t.fills) {
			p.Tables[name] = n
		}
	}
	return list, nil
}

// marksOf is the watermarks that some of the operators go by.
func marksOf(marks []markCut, ops map[string]bool) (list []markCut) {
	for _, m := range marks {
		m.Ops = slices.DeleteFunc(slices.Clone(m.Ops), func(name string) bool { return !ops[name] })
		if len(m.Ops) > 0 {
			list = append(list, m)
		}
	}
	return list
}

func countsOf(counts map[string]ledger.Count, ops map[string]bool) map[string]ledger.Count {
	some := map[string]ledger.Count{}
	for name, n := range counts {
		if ops[name] {
			some[name] = n
		}
	}
	return some
}

// joinWriters takes the numbers of rows of each destination from where its rows come from.
func (t *Takeover) joinWriters(c, old, fill *cut) {
	for name, next := range old.Writers {
		if t.Stays(name) {
			c.Writers[name] = next
		}
	}
	for name, next := range fill.Writers {
		if t.Renewed(name) && name != alertsTo {
			c.Writers[name] = next
		}
	}
	if t.Renewed(alertsTo) {
		for i, n := range fill.Writers[alertsTo] {
			list := c.Writers[alertsTo]
			for lane := t.AlertLane(i); len(list) <= lane; {
				list = append(list, 0)
			}
			if lane := t.AlertLane(i); lane >= 0 {
				list[lane] = n
			}
			c.Writers[alertsTo] = list
		}
	}
}

// joinEvents counts the records that were read, as the engine of the project does.
func (t *Takeover) joinEvents(c *cut) (n int64) {
	for topic, parts := range c.Topics {
		counts := !slices.Contains(t.own, topic)
		for _, op := range t.ops {
			counts = counts || op.Table != nil && slices.Contains(directTopics(op), topic)
		}
		for _, p := range parts {
			if counts {
				n += p.Topic.Read
			}
		}
	}
	return n
}

// fingerprint is that of the project.
func (t *Takeover) fingerprint() string {
	var ops []*dataflow.Operator
	for i, op := range t.ops {
		ops = append(ops, &dataflow.Operator{StreamOp: *op, ID: i})
	}
	return dataflow.Fingerprint(ops, &t.now.Config)
}

// alertsTo is the destination of all alerts.
const alertsTo = "sink/" + AlertSink

// Stays reports a destination whose rows go on with their numbers.
func (t *Takeover) Stays(destination string) bool {
	kind, name, _ := strings.Cut(destination, "/")
	switch {
	case kind == "invalid":
		anew, read := t.anew[name]
		return read && !anew
	case destination == alertsTo:
		return !t.moved
	case kind == "late":
		return t.keeps[name]
	}
	c := t.change(kind, name)
	return c != nil && c.Verdict == dataflow.Keeps
}

// Renewed reports a destination whose rows are those of the filling engine.
func (t *Takeover) Renewed(destination string) bool {
	kind, name, _ := strings.Cut(destination, "/")
	switch {
	case kind == "invalid":
		return t.anew[name]
	case destination == alertsTo:
		return t.moved
	case kind == "late":
		return t.fills[name]
	}
	return t.Fills(kind, name)
}

// Takes reports an operator of the store whose entries are those of the filling engine.
func (t *Takeover) Takes(op string) bool {
	kind, name, _ := strings.Cut(op, "/")
	switch kind {
	case "state", "age":
		return t.fills[name]
	case "table", "alert":
		return t.Fills(kind, name)
	case "ids":
		return t.anew[name]
	}
	return false
}

// Ages reports an operator of the store with ages of windows of a table that stays, which a sink that is new wants to
// know too. They are the same for all who compute them.
func (t *Takeover) Ages(op string) bool {
	name, is := strings.CutPrefix(op, "age/")
	return is && t.keeps[name]
}

// Leaves is the operators of the store of the project of before that are not gone on with.
func (t *Takeover) Leaves() (ops []string) {
	before, _ := t.made.StreamOps() // without faults
	for _, op := range before {
		if kind, name := dataflow.PartOf(op); t.change(kind, name).Verdict != dataflow.Keeps {
			ops = append(ops, "state/"+op.Name, "age/"+op.Name, kind+"/"+name)
		}
	}
	for _, topic := range topicsOf(before) {
		if anew, read := t.anew[topic]; anew || !read {
			ops = append(ops, idOp(topic))
		}
	}
	slices.Sort(ops)
	return slices.Compact(ops)
}

// Outbox tells for which destination an entry of the outbox is, and how many rows it has.
func Outbox(op string, value []byte) (destination string, rows int, is bool) {
	if op != outboxOp {
		return "", 0, false
	}
	r, err := decodeRows(value)
	if err != nil {
		return "", 0, true
	}
	return r.Sink, r.Len(), true
}
