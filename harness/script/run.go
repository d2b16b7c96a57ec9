package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/harness/stack"
	"github.com/nagare-stream/nagare/node"
)

// A run is one way through a script.
type run struct {
	script *Script
	stack  *stack.Stack
	clock  atomic.Int64   // wall clock of the engine, microseconds
	told   map[string]int // how often a row was told
	marks  map[string]int64
	ledger map[string]ledger.Count

	changes int // records of topic system-alerts that were told
}

// startRun opens the project.
func startRun(ctx context.Context, project string, s *Script) (*run, error) {
	r := &run{script: s, told: map[string]int{}, marks: map[string]int64{}, ledger: map[string]ledger.Count{}}
	end, err := timeOf("@23:59:59", s.day)
	if err != nil {
		return nil, fmt.Errorf("read the day %s: %w", s.day, err)
	}
	r.clock.Store(max(time.Now().UnixMicro(), end.UnixMicro()+1e6))
	cfg := stack.Config{Project: project, Settings: s.settings, Now: r.clock.Load}
	p, err := stack.LoadProject(project, s.settings, "")
	if err != nil {
		return nil, err
	}
	cfg.Settings = append(onePartition(p, s.settings), s.settings...)
	r.stack, err = stack.Open(ctx, cfg)
	return r, err
}

// onePartition is settings by which every topic has one partition, but those that the script sets.
func onePartition(p *stack.Project, own []stack.Setting) []stack.Setting {
	var out []stack.Setting
	for _, topic := range p.Sources() {
		key := "nagare.topic." + topic + ".partitions"
		set := false
		for _, s := range own {
			set = set || s.Key == key
		}
		if !set {
			out = append(out, stack.Setting{Key: key, Value: "1"})
		}
	}
	return out
}

// do runs a command and returns its output.
func (r *run) do(ctx context.Context, at *step) ([]string, error) {
	switch at.words[0] {
	case "send":
		if err := r.send(ctx, at); err != nil {
			return nil, err
		}
		return r.news(ctx)
	case "pass":
		if err := r.pass(ctx, at.words[1]); err != nil {
			return nil, err
		}
		return r.news(ctx)
	case "close":
		if err := r.stack.CloseWindows(ctx); err != nil {
			return nil, err
		}
		return r.news(ctx)
	case "table":
		return lines("", func() (*stack.Rows, error) { return r.stack.Table(ctx, at.words[1]) })
	case "topic":
		return r.topic(ctx, at.words[1])
	case "alerts":
		return r.alerts(ctx)
	}
	return lines("", func() (*stack.Rows, error) { return r.stack.Query(ctx, strings.Join(at.input, "\n")) })
}

// send appends records.
func (r *run) send(ctx context.Context, at *step) error {
	record := node.Record{Partition: node.AnyPartition, Time: time.UnixMicro(r.clock.Load())}
	for _, word := range at.words[2:] {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "partition":
			var n int
			if n, err = strconv.Atoi(value); err != nil || n < 0 {
				err = errors.New("a partition is a number from 0")
			}
			record.Partition = int32(n)
		case "key":
			record.Key = []byte(value)
		case "at":
			record.Time, err = timeOf(value, r.script.day)
		default:
			err = fmt.Errorf("there is no %q", name)
		}
		if err != nil {
			return fmt.Errorf("read %q: %w; it is written as in: %s", word, err, commands()["send"])
		}
	}
	var records []node.Record
	for i, line := range at.input {
		value, err := recordOf(line, r.script.day)
		if err != nil {
			return fmt.Errorf("read record %d: %w", i+1, err)
		}
		record.Value = value
		records = append(records, record)
	}
	return r.stack.Publish(ctx, at.words[1], records)
}

// pass moves the clock. Partitions count as silent from a look at them on, so there is one before.
func (r *run) pass(ctx context.Context, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("let %q pass: it is no duration such as 90s, 10m or 2h", text)
	}
	if err := r.stack.CheckIdle(ctx); err != nil {
		return err
	}
	r.clock.Add(d.Microseconds())
	return r.stack.CheckIdle(ctx)
}

// news is what is new since it was last asked for.
func (r *run) news(ctx context.Context) ([]string, error) {
	if err := r.stack.Settle(ctx); err != nil {
		return nil, err
	}
	st, err := r.stack.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := r.watermarks(&st)
	for _, t := range st.Tables {
		if t.Kind == "view" {
			continue
		}
		rows, err := lines(t.Name+" ", func() (*stack.Rows, error) { return r.stack.Table(ctx, t.Name) })
		if err != nil {
			return nil, err
		}
		seen := map[string]int{}
		for _, line := range rows {
			if seen[line]++; seen[line] > r.told[line] {
				r.told[line] = seen[line]
				out = append(out, line)
			}
		}
	}
	return append(out, r.outcomes(&st)...), nil
}

// of names a topic where there are several; those that a process writes of itself do not count.
func (r *run) of(topic string) string {
	if monitor.IsOwn(topic) {
		return " of " + topic
	}
	others := 0
	for _, name := range r.stack.Project.Sources() {
		if !monitor.IsOwn(name) {
			others++
		}
	}
	if others == 1 {
		return ""
	}
	return " of " + topic
}

// alerts is the changes of state of incidents since it was last asked for, rule by rule.
func (r *run) alerts(ctx context.Context) ([]string, error) {
	if len(r.stack.Project.Pipeline.Alerts) == 0 {
		return nil, errors.New("list the changes of alerts: the project has none; add alert.NAME.from: TABLE to its configuration")
	}
	records, err := r.stack.Records(ctx, engine.AlertTopic)
	if err != nil {
		return nil, err
	}
	byAlert := map[string][]string{}
	for _, rec := range records[min(r.changes, len(records)):] {
		c := &alert.Change{}
		if err := json.Unmarshal(rec.Value, c); err != nil {
			return nil, fmt.Errorf("read a change of state: %w", err)
		}
		byAlert[c.Alert] = append(byAlert[c.Alert], changeLine(c))
	}
	r.changes = len(records)
	var out []string
	for _, a := range r.stack.Project.Pipeline.Alerts {
		out = append(out, byAlert[a.Name]...)
	}
	return out, nil
}

// changeLine is a change of state as a line.
func changeLine(c *alert.Change) string {
	out := c.Alert
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		value := c.Labels[name]
		out += " " + name + "=" + shown(&value)
	}
	at := time.UnixMicro(int64(c.Time)).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	return fmt.Sprintf("%s %s %s at %s: %s", out, c.Severity, c.State, at, c.Summary)
}

// watermarks is the watermarks that have moved.
func (r *run) watermarks(st *engine.Status) []string {
	var out []string
	for _, p := range st.Partitions {
		const ages = 1 << 62 // none, or the end of time
		if !p.Holds || p.Watermark <= -ages || p.Watermark >= ages {
			continue
		}
		if mark, known := r.marks[p.Topic]; !known || mark != p.Watermark {
			r.marks[p.Topic] = p.Watermark
			out = append(out, "watermark "+time.UnixMicro(p.Watermark).UTC().Format("2006-01-02T15:04:05.999999Z07:00")+r.of(p.Topic))
		}
	}
	return out
}

// outcomes is how many rows were not counted.
func (r *run) outcomes(st *engine.Status) []string {
	var out []string
	for _, topic := range r.stack.Project.Sources() {
		now, old := st.Ledger.Topics[topic], r.ledger[topic]
		for _, c := range []struct {
			name string
			n    int64
		}{
			{"late", now.Late - old.Late}, {"future", now.Future - old.Future}, {"invalid", now.Invalid - old.Invalid},
			{"duplicate", now.Duplicate - old.Duplicate}, {"filtered", now.Filtered - old.Filtered},
		} {
			if c.n != 0 {
				out = append(out, fmt.Sprintf("%s %d%s", c.name, c.n, r.of(topic)))
			}
		}
		r.ledger[topic] = now
	}
	return out
}

// topic is the records of a topic.
func (r *run) topic(ctx context.Context, name string) ([]string, error) {
	records, err := r.stack.Records(ctx, name)
	var out []string
	for _, rec := range records {
		out = append(out, fmt.Sprintf("%d %s %s", rec.Partition, shownBytes(rec.Key), shownBytes(rec.Value)))
	}
	return out, err
}

func shownBytes(b []byte) string {
	if b == nil {
		return null
	}
	text := string(b)
	if strings.HasPrefix(text, "{") && !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return shown(&text)
}

// lines is rows as lines of name=value.
func lines(head string, read func() (*stack.Rows, error)) ([]string, error) {
	set, err := read()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range set.Rows {
		var b strings.Builder
		b.WriteString(head)
		for i, c := range set.Columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(c.Name + "=" + shown(row[i]))
		}
		out = append(out, b.String())
	}
	return out, nil
}
