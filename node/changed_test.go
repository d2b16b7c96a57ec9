package node_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

const ordersView = `CREATE TEMPORARY VIEW o AS
SELECT * FROM (SELECT j.k, j.v, try_to_timestamp(j.at) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'k STRING, at STRING, v INT') AS j FROM STREAM raw))
WATERMARK ts DELAY OF INTERVAL 1 SECOND;
`

const ordersTable = `CREATE STREAMING TABLE w AS
SELECT window.start AS hour, k, count(*) AS n, sum(v) AS s FROM STREAM o GROUP BY window(ts, '1 hour'), k;
CREATE STREAMING TABLE r AS SELECT k, v FROM STREAM o WHERE v > 0;
`

// orders resolves a project of one topic with a windowed table and a table of rows.
func orders(t testing.TB, queries string, settings ...plan.Setting) *plan.Pipeline {
	t.Helper()
	return ordersIn(t, "2", queries, settings...)
}

// ordersIn is orders with a topic of that many partitions.
func ordersIn(t testing.TB, partitions, queries string, settings ...plan.Setting) *plan.Pipeline {
	t.Helper()
	in := plan.Input{Name: "orders", Files: []plan.File{{Path: "q.sql", Text: queries}}, Config: append([]plan.Setting{
		{Key: "source.raw.format", Value: "kafka"},
		{Key: "source.raw.option.kafka.bootstrap.servers", Value: "localhost:9092"},
		{Key: "source.raw.option.subscribe", Value: "orders"},
		{Key: "source.raw.option.startingOffsets", Value: "earliest"},
		{Key: "nagare.topic.orders.partitions", Value: partitions},
	}, settings...)}
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// ordersConfig is a bounded run on a data folder.
func ordersConfig(p *plan.Pipeline, data string) node.Config {
	return node.Config{Pipeline: p, Project: node.Project{Name: p.Name}, Data: data, Once: true}
}

// runOrders reads what is there.
func runOrders(t testing.TB, cfg node.Config) engine.Status {
	t.Helper()
	n, err := node.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Run(context.Background())
	st := n.Status()
	if err := errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	return st
}

func lookAt(t testing.TB, cfg node.Config, do func(n *node.Node)) {
	t.Helper()
	cfg.Look, cfg.Once = true, false
	n, err := node.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("look into the folder: %v", err)
	}
	do(n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func publishTo(t testing.TB, cfg node.Config, topic, lines string) {
	t.Helper()
	lookAt(t, cfg, func(n *node.Node) {
		if _, err := n.Publish(context.Background(), topic, strings.NewReader(lines)); err != nil {
			t.Fatalf("publish: %v", err)
		}
	})
}

func rowsOf(t testing.TB, n *node.Node, query string) string {
	t.Helper()
	var b bytes.Buffer
	if err := n.Query(context.Background(), &b, query, "csv"); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return b.String()
}

const orderLines = `{"k":"a","at":"2026-11-01T00:00:10Z","v":1}
{"k":"a","at":"2026-11-01T01:00:10Z","v":2}
{"k":"b","at":"2026-11-01T01:00:11Z","v":3}
`

// editsOfOrders is what becomes of the project whose checkpoint holds final, open and delivered rows.
var editsOfOrders = map[string][]string{
	"another aggregate":       {"count(*) AS n,", "count(*) AS n, max(v) AS top,"},
	"another text aggregate":  {"count(*) AS n,", "max(k) AS top, count(*) AS n,"},
	"one aggregate less":      {"count(*) AS n,", ""},
	"one of another kind":     {"count(*) AS n", "count(DISTINCT v) AS n"},
	"another type":            {"sum(v)", "sum(CAST(v AS DOUBLE))"},
	"aggregates change place": {"count(*) AS n, sum(v) AS s", "sum(v) AS s, count(*) AS n"},
	"another key":             {"hour'), k;", "hour'), k, v;"},
	"one key less":            {"hour, k, count", "hour, count", "hour'), k;", "hour');"},
	"a key of another type":   {"hour, k, count", "hour, v AS k, count", "hour'), k;", "hour'), v;"},
	"longer windows":          {"'1 hour'", "'1 day'"},
	"sliding windows":         {"'1 hour'", "'1 hour', '30 minutes'"},
	"another name":            {"TABLE w AS", "TABLE x AS", "TABLE r AS", "TABLE y AS"},
	"a table less":            {ordersTable[strings.Index(ordersTable, "CREATE STREAMING TABLE r"):], ""},
	"a table more":            {"CREATE STREAMING TABLE r", "CREATE STREAMING TABLE z AS SELECT k FROM STREAM o;\nCREATE STREAMING TABLE r"},
	"rows become windows":     {"SELECT k, v FROM STREAM o WHERE v > 0", "SELECT window.end AS e, max(k) AS k FROM STREAM o GROUP BY window(ts, '1 minute')"},
	"windows become rows":     {"SELECT window.start AS hour, k, count(*) AS n, sum(v) AS s FROM STREAM o GROUP BY window(ts, '1 hour'), k", "SELECT k FROM STREAM o"},
	"another field":           {"v INT'", "v BIGINT'"},
	"another delay":           {"INTERVAL 1 SECOND", "INTERVAL 2 SECONDS"},
	"HAVING":                  {"hour'), k;", "hour'), k HAVING count(*) > 1;"},
}

// TestEditedQueryLocksNothing edits a project while a window is open: only running it is refused, and a
// reset builds everything anew.
func TestEditedQueryLocksNothing(t *testing.T) {
	text := ordersView + ordersTable
	cfg := ordersConfig(orders(t, text), t.TempDir())
	runOrders(t, cfg)
	publishTo(t, cfg, "orders", orderLines)
	runOrders(t, cfg)
	for _, name := range slices.Sorted(maps.Keys(editsOfOrders)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edited := cfg
			edited.Data = t.TempDir()
			if err := os.CopyFS(edited.Data, os.DirFS(cfg.Data)); err != nil {
				t.Fatal(err)
			}
			edited.Pipeline = orders(t, strings.NewReplacer(editsOfOrders[name]...).Replace(text))
			checkEdited(t, edited)
		})
	}
}

func checkEdited(t *testing.T, cfg node.Config) {
	n, err := node.Open(context.Background(), cfg)
	if node.ExitCode(err) != node.ExitData || !strings.Contains(err.Error(), "checkpoint reset") {
		if err == nil {
			n.Close()
		}
		t.Fatalf("run: %v, expected a refusal that names the reset", err)
	}
	publishTo(t, cfg, "orders", `{"k":"c","at":"2026-11-01T01:00:12Z","v":4}`)
	lookAt(t, cfg, func(n *node.Node) {
		st := n.Status()
		if st.State != "failed" || !strings.Contains(st.Reason, "made by other queries") || st.Events != 3 || len(st.Tables) != 2 {
			t.Errorf("status: %s: %s, %d events, tables %v", st.State, st.Reason, st.Events, st.Tables)
		}
		got := rowsOf(t, n, "SELECT * FROM w") + rowsOf(t, n, "SELECT k, n, s FROM `w$open` ORDER BY k") + rowsOf(t, n, "SELECT k, v FROM r ORDER BY v")
		want := "hour,k,n,s\n2026-11-01T00:00:00Z,a,1,1\n" + "k,n,s\na,1,2\nb,1,3\n" + "k,v\na,1\na,2\nb,3\n"
		if got != want {
			t.Errorf("rows of the old queries:\n%s", got)
		}
		if got := rowsOf(t, n, "SELECT count(*) AS n FROM orders"); got != "n\n4\n" {
			t.Errorf("records of the topic: %q", got)
		}
		var b bytes.Buffer
		if err := n.Tail(context.Background(), &b, web.TailRequest{Name: "w", N: 5, Format: "csv"}); err != nil || b.Len() == 0 {
			t.Errorf("tail: %v, %q", err, b.String())
		}
		if text, err := n.Explain("w"); err != nil || !strings.Contains(text, "windows are open") {
			t.Errorf("explain: %v, %s", err, text)
		}
	})
	resetAndRun(t, cfg, 4)
}

// resetAndRun resets a folder and has it built anew from its topics.
func resetAndRun(t *testing.T, cfg node.Config, events int64) {
	t.Helper()
	if _, err := node.LookAtLoss(context.Background(), cfg); err != nil {
		t.Errorf("look at the loss: %v", err)
	}
	if _, err := node.Reset(context.Background(), cfg, false); err != nil {
		t.Fatalf("reset: %v", err)
	}
	cfg.Close = true
	if st := runOrders(t, cfg); st.Events != events || st.State == "failed" {
		t.Errorf("after the reset: %s: %s, %d events, want %d", st.State, st.Reason, st.Events, events)
	}
	lookAt(t, cfg, func(n *node.Node) {
		for _, table := range n.Status().Tables {
			rowsOf(t, n, "SELECT * FROM "+table.Name)
		}
	})
}

// TestEditedShippedProjectLocksNothing does so with the purchase project.
func TestEditedShippedProjectLocksNothing(t *testing.T) {
	p, err := shippedPipeline(pipelines.Default)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ordersConfig(p, t.TempDir())
	runOrders(t, cfg)
	publishTo(t, cfg, lifeTopic, event(1, "u1", "2026-02-03T09:00:00Z")+"\n"+event(2, "u2", "2026-02-03T09:05:00Z")+"\n")
	runOrders(t, cfg)
	in := p.Input
	in.Files = slices.Clone(in.Files)
	for i := range in.Files {
		in.Files[i].Text = strings.Replace(in.Files[i].Text, "count(*) AS", "max(quantity) AS most, count(*) AS", 1)
	}
	var faults error
	if cfg.Pipeline, faults = resolved(in); faults != nil {
		t.Fatal(faults)
	}
	if n, err := node.Open(context.Background(), cfg); node.ExitCode(err) != node.ExitData {
		if err == nil {
			n.Close()
		}
		t.Fatalf("run: %v, expected a refusal", err)
	}
	lookAt(t, cfg, func(n *node.Node) {
		if st := n.Status(); st.Events != 2 || len(st.Tables) == 0 {
			t.Errorf("status: %d events, tables %v", st.Events, st.Tables)
		}
	})
	resetAndRun(t, cfg, 2)
}

func resolved(in plan.Input) (*plan.Pipeline, error) {
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}
