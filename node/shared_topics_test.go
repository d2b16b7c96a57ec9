//go:build unix

package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/adapters/notify"
)

// TestPipelinesShareACluster: two pipelines with the same rules and webhooks on one cluster write what they tell of
// themselves to the same topics. Each tells and shows its own incidents, and its rules over pipeline-metrics and
// system-metrics see its own records, also after a restart.
func TestPipelinesShareACluster(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "raw-north", "raw-south"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var mu sync.Mutex
	heard := map[string][]string{} // changes by who told them
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var n notify.Notification
		if json.Unmarshal(body, &n) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, c := range n.Changes {
			heard[r.URL.Path] = append(heard[r.URL.Path], fmt.Sprintf("%s %s %s", c.Pipeline, c.Labels["user"], c.State))
		}
	}))
	t.Cleanup(server.Close)
	const queries = webhookSQL + `
CREATE STREAMING TABLE seconds AS SELECT m.id AS pipeline, m.name AS name
FROM (SELECT from_json(CAST(value AS STRING), 'id STRING, name STRING, kind STRING') AS m FROM STREAM metrics) WHERE m.kind = 'process';
CREATE STREAMING TABLE machines AS SELECT m.id AS pipeline
FROM (SELECT from_json(CAST(value AS STRING), 'id STRING') AS m FROM STREAM machine);
`
	run := func(name string) (p *process, on []string) {
		project := projectFolder(t, `name: `+name+`
storage: file:///tmp/x
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.subscribe: raw-`+name+`
  source.metrics.format: kafka
  source.metrics.option.subscribe: pipeline-metrics
  source.metrics.option.startingOffsets: earliest
  source.machine.format: kafka
  source.machine.option.subscribe: system-metrics
  source.machine.option.startingOffsets: earliest
  source.raw.option.startingOffsets: earliest
  nagare.topic.raw-`+name+`.partitions: '1'
  alert.high.from: high
  alert.high.key: user
  alert.high.interval: 10 seconds
  alert.high.notify: hook
  sink.hook.format: webhook
  sink.hook.option.url: `+server.URL+`/`+name+`
  sink.hook.option.groupWait: 0 seconds
  sink.hook.option.groupInterval: 0 seconds
`, queries)
		on = []string{"--kafka", cluster.ListenAddrs()[0], "--data", filepath.Join(t.TempDir(), "data")}
		return start(t, false, append([]string{"run", project, "--http", "127.0.0.1:0"}, on...)...), append(on, project)
	}
	send := func(name string, on []string, user string, at string) {
		t.Helper()
		line := fmt.Sprintf(`{"user":%q,"amount":200,"at":"2026-01-01T00:%sZ"}`+"\n", user, at)
		if f := nagare(t, []byte(line), append([]string{"publish", "raw-" + name}, on[:4]...)...); f.code != 0 {
			t.Fatal(f.errors)
		}
	}
	told := func(name string, want ...string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Equal(heard["/"+name], want)
		}
	}
	north, onNorth := run("north")
	south, onSouth := run("south")
	send("north", onNorth, "ann", "00:00")
	send("south", onSouth, "bob", "00:00")
	north.await("what north tells", told("north", "north ann firing"))
	south.await("what south tells", told("south", "south bob firing"))
	send("north", onNorth, "eve", "05:00")
	north.await("the end of it", told("north", "north ann firing", "north ann resolved", "north eve firing"))
	stop(t, north)
	north = start(t, false, append([]string{"run", onNorth[4], "--http", "127.0.0.1:0"}, onNorth[:4]...)...)
	send("south", onSouth, "cid", "05:00")
	south.await("the end of it", told("south", "south bob firing", "south bob resolved", "south cid firing"))
	if got := alertsOf(t, north); !slices.Equal(got, []string{"high firing"}) {
		t.Errorf("north shows %q", got)
	}
	for _, all := range []string{onNorth[3], onSouth[3]} {
		out := succeed(t, "alerts", "list", "--all", "-o", "jsonl", "--data", all).out
		if n := strings.Count(out, "\n"); n != 2 {
			t.Errorf("%d incidents are listed of one pipeline:\n%s", n, out)
		}
	}
	for name, on := range map[string][]string{"north": onNorth, "south": onSouth} {
		for _, table := range []string{"seconds", "machines"} {
			north.await("rows of "+table, func() bool { return len(column(t, on, "SELECT pipeline FROM "+table+" LIMIT 1")) > 0 })
			if got := column(t, on, "SELECT DISTINCT pipeline FROM "+table); !slices.Equal(got, []string{name}) {
				t.Errorf("%s has in %s records of %q", name, table, got)
			}
		}
	}
	if got := column(t, onNorth, "SELECT DISTINCT get_json_object(CAST(value AS STRING), '$.id') AS pipeline FROM `pipeline-metrics`"); !slices.Equal(got, []string{"north"}) {
		t.Errorf("a question to the topic sees %q", got)
	}
	stop(t, north)
	stop(t, south)
	out := succeed(t, append([]string{"tail", "pipeline-metrics", "-n", "1000", "-o", "jsonl"}, onNorth[:4]...)...).out
	if !strings.Contains(out, `\"id\":\"north\"`) || !strings.Contains(out, `\"id\":\"south\"`) {
		t.Errorf("tail does not show both:\n%s", out)
	}
}

// column is a query's column pipeline.
func column(t *testing.T, on []string, query string) (all []string) {
	t.Helper()
	f := nagare(t, nil, append([]string{"query", query, "-o", "csv"}, on[:4]...)...)
	if f.code != 0 {
		t.Fatalf("%s: %s", query, f.errors)
	}
	return strings.Fields(f.out)[1:]
}
