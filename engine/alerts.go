package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// AlertTopic is the topic that has a record for each change of state of an incident.
const AlertTopic = "system-alerts"

// AlertSink is the name of the sink that writes it; each alert is a partition of the sink's rows.
const AlertSink = "alerts"

// An alertStage makes incidents of an operator's rows. It belongs to the merger, like the closers: rows of windows come
// when the window closes, rows one for one when a task reports, and both are looked at once the watermarks of all that
// the alert reads have passed them.
type alertStage struct {
	op     *dataflow.Operator
	x      *alert.Incidents
	groups []*groupMarks // watermarks of the records that it reads
	below  []*outlet     // of stages
	rows   *rowWriter
	e      *Engine
	held   int64 // rows that Engine.held counts
	text   []byte
	maker  breachMaker // of rows of windows

	changes map[alert.State]int64 // that were told since the engine was opened
}

// addAlert makes the stage of an alert, once. The sink of all of them is opened by the first.
func (e *Engine) addAlert(op *dataflow.Operator) error {
	to := e.destinations["sink/"+AlertSink]
	if to == nil {
		sink, err := e.opt.Sink(&plan.SinkDef{Name: AlertSink, Format: "kafka", Options: map[string]string{"topic": AlertTopic}, Pos: op.Pos})
		if err != nil {
			return fmt.Errorf("open topic %s: %w", AlertTopic, err)
		}
		if sink == nil {
			return nil
		}
		to = &destination{name: "sink/" + AlertSink, sink: sink, format: formatTopic, zone: e.env.Zone, key: -1, value: -1, topic: -1, headers: -1, field: -1, order: -1}
		e.destinations[to.name] = to
	}
	a := op.Alert
	rows := newRowWriter(e, to, int32(len(e.alerts)))
	e.merger.writers = append(e.merger.writers, rows)
	e.alerts = append(e.alerts, &alertStage{op: op, e: e, maker: breachMaker{def: a}, rows: rows, changes: map[alert.State]int64{}, x: alert.New(alert.Rule{
		Name: a.Name, Pipeline: e.opt.Pipeline.Name, From: a.From, Labels: a.Key, For: a.For, KeepFiring: a.KeepFiring, Interval: a.Interval, Windowed: a.Windowed, Notify: a.Notify,
	})})
	return nil
}

// alertOf is the stage of an operator; nil: it is no alert's.
func (e *Engine) alertOf(op *dataflow.Operator) *alertStage {
	if op.Alert == nil {
		return nil
	}
	for _, a := range e.alerts {
		if a.op.Alert == op.Alert {
			return a
		}
	}
	return nil
}

// readsRecords notes a watermark under which the alert reads records, once.
func (a *alertStage) readsRecords(g *groupMarks) {
	if !slices.Contains(a.groups, g) {
		a.groups = append(a.groups, g)
		a.under(g)
	}
}

// readsStage notes whose rows the alert reads.
func (a *alertStage) readsStage(of *outlet) {
	a.below = append(a.below, of)
	a.under(of.group)
}

// under has a watermark advance the alert.
func (a *alertStage) under(g *groupMarks) {
	if !slices.Contains(g.alerts, a) {
		g.alerts = append(g.alerts, a)
	}
}

// reached is the time that everything which the alert reads has come to.
func (a *alertStage) reached() int64 {
	to := int64(math.MaxInt64)
	for _, g := range a.groups {
		to = min(to, g.global)
	}
	for _, of := range a.below {
		if next := of.stage.Next(of.group.global); next != math.MinInt64 && next != math.MaxInt64 {
			to = min(to, next-1)
		} else {
			to = min(to, next)
		}
	}
	return to
}

// advance looks at everything that the watermarks have passed. merger.mu is held, inside the gate.
func (a *alertStage) advance() error {
	err := a.x.Advance(a.reached(), func(c *alert.Change) error {
		a.changes[c.State]++
		a.text = c.Append(a.text[:0])
		return a.rows.appendRecord([]byte(c.ID), a.text, int64(c.Time))
	})
	a.noteHeld()
	return err
}

// noteHeld has Engine.held count what the incidents keep.
func (a *alertStage) noteHeld() {
	now := a.x.Held()
	a.e.held.Add(now - a.held)
	a.held = now
}

// take takes rows of windows, which breach at times. merger.mu is held, inside the gate.
func (a *alertStage) take(cols []*column.Vector, rows []uint32, times []int64) {
	for _, row := range rows {
		b := a.maker.breach(cols, int(row))
		b.Time, b.Evidence.Time = times[row], alert.Time(times[row])
		a.x.Add(b)
	}
}

// A breachMaker makes breaches of rows, for one goroutine. It remembers what many of them have in common.
type breachMaker struct {
	def      *plan.AlertDef
	keys     map[string]string // by the key's values, laid end to end
	scratch  []byte
	severity string // the newest
}

// mostKeys is how many keys a breachMaker remembers.
const mostKeys = 4096

// breach makes a breach of a row, but for its time and where it is from.
func (m *breachMaker) breach(cols []*column.Vector, row int) alert.Breach {
	n := len(m.def.Key)
	b := alert.Breach{Key: m.key(cols[:n], row), Evidence: alert.Evidence{From: m.def.From}}
	severity, summary, description, shown := cols[n].Bytes(row), cols[n+1].Bytes(row), cols[n+2].Bytes(row), cols[n+3].Bytes(row)
	if string(severity) != m.severity {
		m.severity = string(severity)
	}
	b.Severity = m.severity
	m.scratch = append(append(m.scratch[:0], summary...), description...)
	both := string(m.scratch)
	b.Summary, b.Description = both[:len(summary)], both[len(summary):]
	b.Evidence.Row = slices.Clone(shown)
	return b
}

// key is the key of a row: the JSON of its values.
func (m *breachMaker) key(cols []*column.Vector, row int) string {
	m.scratch = m.scratch[:0]
	for _, c := range cols {
		if c.IsNull(row) {
			m.scratch = append(m.scratch, 0)
			continue
		}
		text := c.Bytes(row)
		m.scratch = append(binary.AppendUvarint(m.scratch, uint64(len(text))+1), text...)
	}
	if key, ok := m.keys[string(m.scratch)]; ok {
		return key
	}
	values := make([]*string, len(cols))
	for i, c := range cols {
		if !c.IsNull(row) {
			text := string(c.Bytes(row))
			values[i] = &text
		}
	}
	key, err := json.Marshal(values)
	if err != nil {
		panic("BUG: texts that are no JSON: " + err.Error())
	}
	if m.keys == nil || len(m.keys) >= mostKeys {
		m.keys = map[string]string{}
	}
	m.keys[string(m.scratch)] = string(key)
	return string(key)
}

// An alertLane gathers the breaches of a task's rows for the next report.
type alertLane struct {
	stage    *alertStage
	maker    breachMaker
	breaches []alert.Breach
}

// take takes rows of the step in hand. A row that is late by its partition's own watermark breaches just behind that
// watermark: what time has passed already is told, and cannot change.
func (l *alertLane) take(t *scan.Step, op *dataflow.Operator, cols []*column.Vector, rows []uint32) {
	m := t.Marks[op.Watermark]
	times := t.Scan.Batch.Cols[op.Scan.Watermarks[op.Watermark].TimeColumn].Int
	for _, row := range rows {
		b := l.maker.breach(cols, int(row))
		b.Time = times[row]
		b.Evidence.Time = alert.Time(b.Time)
		b.Evidence.Topic, b.Evidence.Partition, b.Evidence.Offset = t.Scan.Topic, t.Records.Partition, t.Records.Offsets[t.From+int(row)]
		if b.Time <= m.Marks[row] {
			b.Time = m.Marks[row] + 1
		}
		l.breaches = append(l.breaches, b)
	}
}

// report hands the breaches to the merger, whose lock is held.
func (l *alertLane) report() {
	for _, b := range l.breaches {
		l.stage.x.Add(b)
	}
	clear(l.breaches)
	l.breaches = l.breaches[:0]
}

// appendRecord appends a record as it is.
func (w *rowWriter) appendRecord(key, value []byte, time int64) error {
	r := w.rows
	r.Keys.Append(key)
	r.Values.Append(value)
	r.Times = append(r.Times, time)
	r.NoteMade(w.e.merger.cause)
	if len(r.Values.Data) >= fullBytes || r.Len() >= fullRows {
		return w.makeRoom()
	}
	return nil
}

// alertOp is the operator of the store that keeps an alert's incidents.
func alertOp(a *alertStage) string { return "alert/" + a.op.Alert.Name }

// cutAlerts writes the incidents that changed. The gate is held.
func (e *Engine) cutAlerts(d *state.Delta) {
	for _, a := range e.alerts {
		op := alertOp(a)
		a.x.Cut(func(key, value []byte) { d.Put(op, key, value) }, func(key []byte) { d.Delete(op, key) })
		a.noteHeld()
	}
}

// AlertStatus is one alert and its incidents of now.
type AlertStatus struct {
	Rule      alert.Rule      `json:"rule"`
	Incidents []*alert.Change `json:"incidents"` // pending and firing, by key
	Overflow  int64           `json:"overflow"`  // breaches that found too many incidents; see alert.MostIncidents
	Watermark int64           `json:"watermark"` // to which the rule has been looked at, µs; math.MinInt64: none

	Changes map[alert.State]int64 `json:"changes"` // of state, since the process began to run it; 0 is left out
}

// Alerts is all alerts, in order of definition.
func (e *Engine) Alerts() []AlertStatus {
	e.gate.RLock()
	defer e.gate.RUnlock()
	e.merger.mu.Lock()
	defer e.merger.mu.Unlock()
	all := make([]AlertStatus, 0, len(e.alerts))
	for _, a := range e.alerts {
		all = append(all, AlertStatus{a.x.Rule(), a.x.Current(), a.x.Overflow, a.reached(), maps.Clone(a.changes)})
	}
	return all
}
