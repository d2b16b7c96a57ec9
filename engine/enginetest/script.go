package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/state"
)

// A Script is a text of commands and what they gave:
//
//	# a comment
//	project                          the SQL of the project, and its configuration as "set key = value"
//	CREATE …
//	----
//	send partition=0 at=00:02:00     records; at is their append time, by default the event time;
//	                                 after=60 lets that many seconds of wall clock pass before;
//	                                 topic=x sends to a source's topic other than events
//	ts=00:00:10 k=a q=1              a JSON object; ts is a time of 1970-01-01
//	{"raw": "anything else"}         as it is
//	----
//	watermark 00:00:05
//	answer 1970-01-01T00:00:00Z,…    final rows that are new
//	out/0 {"k":"a"}                  rows that are new in sink out, from partition 0 of its input
//	live a {"n":2}                   of a sink with outputMode update, keys with another value
//	alert high k=a firing at 00:01:00 since 00:00:00, 2 breaches: text; 0/1 0/4
//	                                 a change of an incident's state, its summary, partition and offset of its
//	                                 evidence, or time of its windows
//	late 1                           outcomes that are new, over all tables of the topic
//	query                            a SELECT over what is there now, and its rows
//	SELECT …
//	----
//	close                            the topic ends, and all windows with it
//	----
//
// Run gives one transcript for any way to run it.
type Script struct {
	Path  string
	steps []scriptStep
}

type scriptStep struct {
	comment string // lines above
	command string
	input   []string
	want    []string
}

// ReadScript parses a script.
func ReadScript(t testing.TB, path string) *Script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Script{Path: path}
	var step *scriptStep
	comment, output := "", false
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" && output:
			step, output = nil, false
		case step == nil && (line == "" || strings.HasPrefix(line, "#")):
			comment += line + "\n"
		case step == nil:
			s.steps = append(s.steps, scriptStep{comment: comment, command: line})
			step, comment = &s.steps[len(s.steps)-1], ""
		case line == "----":
			output = true
		case output:
			step.want = append(step.want, line)
		default:
			step.input = append(step.input, line)
		}
	}
	return s
}

// A Way is how a script is run.
type Way struct {
	Name                string
	ReadRows, BatchRows int
	Restart             bool // after every command
	NewStore            func(t testing.TB) state.Store
}

// Run runs the script and compares the transcript; with update it writes it into the file instead.
func (s *Script) Run(t testing.TB, way Way, update bool) {
	t.Helper()
	r := &scriptRun{t: t, way: way}
	for i := range s.steps {
		step := &s.steps[i]
		got := r.do(step)
		if update {
			step.want = got
		} else if strings.Join(got, "\n") != strings.Join(step.want, "\n") {
			t.Errorf("%s, %s: %s\n got:\n  %s\n want:\n  %s", s.Path, way.Name, step.command,
				strings.Join(got, "\n  "), strings.Join(step.want, "\n  "))
		}
	}
	r.stop()
	if update {
		s.write(t)
	}
}

func (s *Script) write(t testing.TB) {
	var b strings.Builder
	for _, step := range s.steps {
		b.WriteString(step.comment + step.command + "\n")
		for _, list := range [][]string{step.input, {"----"}, step.want, {""}} {
			for _, line := range list {
				b.WriteString(line + "\n")
			}
		}
	}
	if err := os.WriteFile(s.Path, []byte(strings.TrimRight(b.String(), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

type scriptRun struct {
	t      testing.TB
	way    Way
	bench  *Bench
	engine *engine.Engine
	done   chan error
	cancel context.CancelFunc
	rows   map[string]int // how often a row was told, and how many rows of a sink
	told   map[string]string
	ledger ledger.Count
	mark   int64
}

func (r *scriptRun) do(step *scriptStep) []string {
	words := strings.Fields(step.command)
	switch words[0] {
	case "project":
		r.project(step.input)
		return nil
	case "send":
		r.send(words[1:], step.input)
	case "query":
		return r.query(strings.Join(step.input, "\n"))
	case "close":
		return r.close()
	default:
		r.t.Fatalf("there is no script command %q", words[0])
	}
	if r.way.Restart {
		r.stop()
	}
	return r.report()
}

func (r *scriptRun) project(lines []string) {
	var text, config []string
	for _, line := range lines {
		if setting, ok := strings.CutPrefix(line, "set "); ok {
			key, value, _ := strings.Cut(setting, " = ")
			config = append(config, key, value)
			continue
		}
		text = append(text, line)
	}
	config = append(config, "source.raw.format", "kafka", "source.raw.option.subscribe", "events")
	r.bench = NewBench(r.t, r.way.NewStore(r.t), strings.Join(text, "\n"), config...)
	r.bench.BatchRows = r.way.BatchRows
	r.bench.Topics["events"] = NewLog(2)
	for i := 0; i < len(config); i += 2 {
		if strings.HasPrefix(config[i], "source.") && strings.HasSuffix(config[i], ".subscribe") {
			r.bench.Topics[config[i+1]] = NewLog(2)
		}
	}
	for _, topic := range r.bench.Topics {
		topic.ReadRows = r.way.ReadRows
	}
	r.rows, r.told, r.mark = map[string]int{}, map[string]string{}, -1
}

func (r *scriptRun) send(args, lines []string) {
	name, partition, at, after := "events", 0, int64(0), int64(0)
	for _, a := range args {
		switch key, value, _ := strings.Cut(a, "="); key {
		case "topic":
			name = value
		case "partition":
			partition, _ = strconv.Atoi(value)
		case "at":
			at = clockTime(r.t, value)
		case "after":
			after, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	e := r.running(false)
	r.checkIdle(e)
	r.bench.Clock.Add(after * 1e6)
	topic := r.bench.Topics[name]
	for _, line := range lines {
		value, ts := scriptValue(r.t, line)
		when := at
		if when == 0 {
			when = ts
		}
		topic.Append(partition, when, nil, []byte(value))
	}
	if err := e.CaughtUp(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.checkIdle(e)
}

func (r *scriptRun) checkIdle(e *engine.Engine) {
	if err := e.CheckIdle(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// scriptValue turns "ts=00:00:10 k=a q=1" into JSON; any other line stays as it is.
func scriptValue(t testing.TB, line string) (value string, ts int64) {
	if strings.HasPrefix(line, "{") || !strings.Contains(line, "=") {
		return line, 0
	}
	var fields []string
	for _, word := range strings.Fields(line) {
		key, text, _ := strings.Cut(word, "=")
		switch {
		case key == "ts":
			ts = clockTime(t, text)
			text = strconv.Quote("1970-01-01T" + text + "Z")
		case !json.Valid([]byte(text)):
			text = strconv.Quote(text)
		}
		fields = append(fields, strconv.Quote(key)+": "+text)
	}
	return "{" + strings.Join(fields, ", ") + "}", ts
}

func clockTime(t testing.TB, text string) int64 {
	var h, m, s int64
	if _, err := fmt.Sscanf(text, "%d:%d:%d", &h, &m, &s); err != nil {
		t.Fatalf("read time %q: %v", text, err)
	}
	return (h*3600 + m*60 + s) * 1e6
}

// running is the engine, started if it is not there.
func (r *scriptRun) running(closeWindows bool) *engine.Engine {
	if r.engine != nil {
		return r.engine
	}
	opt := r.bench.Options()
	opt.Once, opt.CloseWindows = closeWindows, closeWindows
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		r.t.Fatalf("open engine: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.engine, r.cancel, r.done = e, cancel, make(chan error, 1)
	go func() { r.done <- e.Run(ctx) }()
	return e
}

// stop ends the engine as Ctrl-C does.
func (r *scriptRun) stop() {
	if r.engine == nil {
		return
	}
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
	if err := r.engine.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
	r.engine = nil
}

func (r *scriptRun) close() []string {
	r.stop()
	for _, topic := range r.bench.Topics {
		topic.Finish()
	}
	r.running(true)
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
	r.done <- nil
	return r.report()
}

// report tells what is new since the last report.
func (r *scriptRun) report() []string {
	e := r.running(false)
	var out []string
	if mark := e.Status().Watermark; mark != r.mark {
		r.mark = mark
		if mark > -1<<62 && mark < 1<<62 {
			out = append(out, fmt.Sprintf("watermark %02d:%02d:%02d", mark/3600e6, mark/60e6%60, mark/1e6%60))
		}
	}
	for _, d := range r.bench.Pipeline.Datasets {
		if d.Name == "raw" || len(d.Flows) == 0 || d.Kind == plan.TemporaryView {
			continue
		}
		seen := map[string]int{}
		for _, line := range r.tableLines(e, d.Name) {
			line = d.Name + " " + line
			if seen[line]++; seen[line] > r.rows[line] {
				out = append(out, line)
				r.rows[line] = seen[line]
			}
		}
	}
	for _, sink := range r.bench.Pipeline.Sinks {
		if sink.Update {
			out = append(out, r.updates(sink.Name)...)
			continue
		}
		for p, log := 0, logIn(r.bench.Sinks, sink.Name, 64); p < 64; p++ {
			name := fmt.Sprintf("%s/%d", sink.Name, p)
			values := log.Values(p)
			for _, v := range values[r.rows[name]:] {
				out = append(out, name+" "+v)
			}
			r.rows[name] = len(values)
		}
	}
	out = append(out, r.alerts()...)
	now := ledger.Count{}
	for _, count := range e.Ledger().Topics {
		now.Add(count)
	}
	for _, c := range []struct {
		name     string
		now, old int64
	}{{"late", now.Late, r.ledger.Late}, {"future", now.Future, r.ledger.Future}, {"invalid", now.Invalid, r.ledger.Invalid},
		{"duplicate", now.Duplicate, r.ledger.Duplicate}, {"filtered", now.Filtered, r.ledger.Filtered}} {
		if c.now != c.old {
			out = append(out, fmt.Sprintf("%s %d", c.name, c.now-c.old))
		}
	}
	r.ledger = now
	return out
}

// updates tells the keys of a sink that have another value than when they were told last.
func (r *scriptRun) updates(sink string) []string {
	var out []string
	latest := logIn(r.bench.Sinks, sink, 64).Latest()
	for _, key := range slices.Sorted(maps.Keys(latest)) {
		line := sink + " " + key + " " + latest[key]
		if r.told[sink+" "+key] != line {
			r.told[sink+" "+key] = line
			out = append(out, line)
		}
	}
	return out
}

// query runs a SELECT once everything is in its tables.
func (r *scriptRun) query(text string) []string {
	e := r.running(false)
	r.settle(e)
	var out []string
	err := e.Query(context.Background(), text, func(b *column.Batch) error {
		for _, i := range b.Sel {
			out = append(out, strings.TrimSuffix(string(codec.AppendRowCSV(nil, b.Cols, int(i))), "\n"))
		}
		return nil
	})
	if err != nil {
		return []string{"error " + err.Error()}
	}
	return out
}

// settle makes everything durable and waits until it is where it belongs.
func (r *scriptRun) settle(e *engine.Engine) {
	if err := e.Checkpoint(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	if err := e.Delivered(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *scriptRun) tableLines(e *engine.Engine, name string) []string {
	r.settle(e)
	return Lines(r.t, e, name)
}

// alerts tells the changes of incidents that are new.
func (r *scriptRun) alerts() []string {
	var out []string
	for p := range r.bench.Pipeline.Alerts {
		name := fmt.Sprintf("%s/%d", engine.AlertTopic, p)
		values := logIn(r.bench.Sinks, engine.AlertSink, 64).Values(p)
		for _, v := range values[r.rows[name]:] {
			var c alert.Change
			if err := json.Unmarshal([]byte(v), &c); err != nil {
				r.t.Fatalf("read %s: %v", v, err)
			}
			line := "alert " + c.Alert
			for _, l := range c.LabelNames() {
				line += " " + l + "=" + c.Labels[l]
			}
			line += fmt.Sprintf(" %s %s at %s since %s, %d breaches: %s;", c.Severity, c.State, clockText(c.Time), clockText(c.ActiveAt), c.Breaches, c.Summary)
			for _, e := range c.Evidence {
				if e.Topic == "" {
					line += " " + clockText(e.Time)
				} else {
					line += fmt.Sprintf(" %d/%d", e.Partition, e.Offset)
				}
			}
			out = append(out, line)
		}
		r.rows[name] = len(values)
	}
	return out
}

// clockText is a time of 1970-01-01.
func clockText(t alert.Time) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(t.String(), "Z"), "1970-01-01T"), ".000000")
}
