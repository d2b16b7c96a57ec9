package pipelines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/nexmark"
	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/harness"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// nexmarkEvents is how many events the answers to Nexmark's queries are compared over. They always take 100 seconds of
// event time, so that there are windows and sessions.
var nexmarkEvents = flag.Int64("nexmarkevents", 100_000, "events that Nexmark's queries are compared over")

// testPython names the environment variable with a Python that has duckdb; CI sets it.
const testPython = "NAGARE_TEST_PYTHON"

// TestNexmark has DuckDB answer Nexmark's queries, which testdata/nexmark has as the benchmark words them, over the events
// that the project has read: out of order, in three partitions: each query to the row.
func TestNexmark(t *testing.T) {
	python := os.Getenv(testPython)
	if python == "" {
		t.Skipf("no Python with duckdb: make one with `python3 -m venv DIR && DIR/bin/pip install duckdb` and set %s=DIR/bin/python", testPython)
	}
	dir := t.TempDir()
	events, out := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "out")
	writeNexmark(t, events, *nexmarkEvents)
	result, err := node.Bounded{Pipeline: load(t, "nexmark"), Files: map[string][]string{"nexmark": {events}}, Out: out}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c := result.Status.Ledger.Topics["nexmark"]; c.Read != *nexmarkEvents || c.Counted != *nexmarkEvents {
		t.Errorf("of %d events %d were read and %d counted", *nexmarkEvents, c.Read, c.Counted)
	}
	for table, topics := range result.Status.Ledger.Tables {
		for topic, c := range topics {
			if c.Late+c.Invalid+c.Future > 0 {
				t.Errorf("%s has left out of %s %d late, %d invalid, %d future rows", table, topic, c.Late, c.Invalid, c.Future)
			}
		}
	}
	text, err := exec.Command(python, filepath.Join("testdata", "nexmark", "compare.py"), events, out).CombinedOutput()
	if err != nil {
		t.Fatalf("compare with DuckDB (`pip install duckdb` for that Python, if it is missing): %v\n%s", err, text)
	}
	t.Logf("%d events:\n%s", *nexmarkEvents, text)
	for _, file := range result.Files {
		name := strings.TrimSuffix(file, ".csv")
		if strings.HasPrefix(name, "q") && !strings.Contains(name, "_") && !strings.Contains(string(text), name+": ") {
			t.Errorf("%s was not compared: testdata/nexmark/%[1]s.sql is missing", name)
		}
	}
}

// TestNexmarkInterrupted has the project run on a log and a store on the disk, with a crash or a restart behind each part of
// the events: each table has the rows of one run over a file.
func TestNexmarkInterrupted(t *testing.T) {
	const n, parts = 10_000, 5
	dir := t.TempDir()
	events, out := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "out")
	writeNexmark(t, events, n)
	result, err := node.Bounded{Pipeline: load(t, "nexmark"), Files: map[string][]string{"nexmark": {events}}, Out: out}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	env := harness.New(t, harness.Project("nexmark"), harness.Durable())
	for i, part := range records(t, events, n/parts) {
		env.Publish("nexmark", part)
		switch i % 3 {
		case 0:
			env.Settle()
			env.Restart()
		case 1:
			env.Crash()
			env.Restart()
		case 2:
			env.Settle()
			env.Crash()
			env.Restart()
		}
	}
	env.Settle()
	env.CloseWindows()
	for _, file := range result.Files {
		table, ok := strings.CutSuffix(file, ".csv")
		if !ok {
			continue
		}
		want, err := os.ReadFile(filepath.Join(out, file))
		if err != nil {
			t.Fatal(err)
		}
		compareLines(t, table, env.CSV(table), string(want))
	}
}

// records is the records of a file as events, so many at a time.
func records(t *testing.T, path string, most int) (parts [][]harness.Event) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []harness.Event
	for line := range bytes.Lines(text) {
		var r struct {
			Partition int
			TS        int64
			Payload   json.RawMessage
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		events = append(events, harness.Event{Value: []byte(r.Payload), Time: time.UnixMilli(r.TS), Partition: &r.Partition})
	}
	return slices.Collect(slices.Chunk(events, most))
}

// compareLines compares the rows of a table, whatever their order.
func compareLines(t *testing.T, table, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	slices.Sort(g)
	slices.Sort(w)
	if len(w) < 3 {
		t.Errorf("%s has no rows, so nothing is shown by it", table)
	}
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("%s has %d lines, undisturbed %d; the first that differs is\n%q, undisturbed\n%q", table, len(g), len(w), g[min(i, len(g)-1)], w[min(i, len(w)-1)])
			return
		}
	}
}

func writeNexmark(t *testing.T, path string, n int64) {
	t.Helper()
	g, err := nexmark.New(nexmark.Config{Seed: 1, Rate: float64(n) / 100})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.WriteRecords(f, n, "nexmark", 3), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, name string) *plan.Pipeline {
	t.Helper()
	fsys, err := pipelines.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	read, problems := spark.Load(fsys, name)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	in := plan.Input{Name: read.Name}
	for _, s := range read.Settings {
		in.Config = append(in.Config, plan.Setting{Key: s.Key, Value: s.Value, Pos: sql.Pos{File: read.Spec}})
	}
	for _, f := range read.Files {
		in.Files = append(in.Files, plan.File{Path: f.Path, Text: f.Text})
	}
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}
