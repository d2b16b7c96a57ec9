//go:build unix

package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/nagare-stream/nagare/adapters/web"
)

// watched is a project that reads what the process writes of itself, and whose sinks are one of each kind.
const watched = `name: watched
storage: file:///tmp/watched
libraries:
  - glob:
      include: transformations/**
configuration:
  spark.sql.session.timeZone: UTC
  source.events_raw.format: kafka
  source.events_raw.option.subscribe: events
  source.progress_raw.format: kafka
  source.progress_raw.option.subscribe: pipeline-metrics
  source.system_raw.format: kafka
  source.system_raw.option.subscribe: system-metrics
  sink.copies_out.format: kafka
  sink.copies_out.from: copies_json
  sink.copies_out.option.topic: copies-out
  sink.broken_out.format: webhook
  sink.broken_out.from: copies
  sink.broken_out.option.url: http://127.0.0.1:1/
  sink.minutes_cache.format: redis
  sink.minutes_cache.from: minutes_cache
  nagare.topic.events.partitions: "2"
`

const watchedSQL = `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.id, e.amount, try_to_timestamp(e.at) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'id STRING, amount INT, at STRING') AS e FROM STREAM(events_raw))
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS WHERE ts IS NOT NULL;

CREATE STREAMING TABLE copies AS SELECT id, amount FROM STREAM(event);
CREATE TEMPORARY VIEW copies_json AS SELECT to_json(struct(*)) AS value FROM STREAM(copies);

CREATE STREAMING TABLE minutes AS
SELECT window.end AS at, count(*) AS n FROM STREAM(event) GROUP BY window(ts, '1 minute');
CREATE TEMPORARY VIEW minutes_cache AS SELECT CAST(at AS STRING) AS key, to_json(struct(*)) AS value FROM STREAM(minutes);

-- Absence needs no clock but that of the records: they come each second.
CREATE STREAMING TABLE silences AS
SELECT p.name AS topic, p.silentSeconds AS seconds, to_timestamp(p.timestamp) AS at
FROM (SELECT from_json(CAST(value AS STRING), 'kind STRING, name STRING, timestamp STRING, silentSeconds DOUBLE') AS p FROM STREAM(progress_raw))
WHERE p.kind = 'source' AND p.name = 'events' AND p.silentSeconds > 2;

CREATE STREAMING TABLE latencies AS
SELECT p.name AS sink, p.numOutputRows AS n, p.latencyP50Ms AS p50, p.latencyP99Ms AS p99
FROM (SELECT from_json(CAST(value AS STRING), 'kind STRING, name STRING, numOutputRows BIGINT, latencyP50Ms DOUBLE, latencyP99Ms DOUBLE') AS p FROM STREAM(progress_raw))
WHERE p.kind = 'sink' AND p.numOutputRows > 0;

CREATE STREAMING TABLE lags AS
SELECT p.name AS topic, part.partition, part.lagRecords, part.lagSeconds
FROM (SELECT from_json(CAST(value AS STRING), 'kind STRING, name STRING, partitions ARRAY<STRUCT<topic: STRING, partition: INT, lagRecords: BIGINT, lagSeconds: DOUBLE>>') AS p FROM STREAM(progress_raw))
LATERAL VIEW explode(p.partitions) AS part
WHERE p.kind = 'source' AND p.name = 'events';

CREATE STREAMING TABLE machine AS
SELECT s.cpu_percent, s.memory_percent, s.disk_percent, s.disk_free_gb
FROM (SELECT from_json(CAST(value AS STRING), 'cpu_percent DOUBLE, memory_percent DOUBLE, disk_percent DOUBLE, disk_free_gb DOUBLE') AS s FROM STREAM(system_raw));
`

// TestProcessWatchesItself: what it writes of itself is read by SQL, and /metrics passes Prometheus' own checks, with
// late rows, a sink that fails and a cache.
func TestProcessWatchesItself(t *testing.T) {
	project, data := projectFolder(t, watched, watchedSQL), filepath.Join(t.TempDir(), "data")
	p := start(t, false, "run", project, "--data", data, "--http", "127.0.0.1:0")
	var events bytes.Buffer
	for i, at := range []string{"12:00:10", "12:05:00", "12:00:20", "12:05:01"} {
		for j := range 20 {
			fmt.Fprintf(&events, `{"id":"%d-%d","amount":%d,"at":"2026-11-22T%sZ"}`+"\n", i, j, j, at)
		}
	}
	if f := nagare(t, events.Bytes(), "publish", "events", "--data", data); f.code != 0 {
		t.Fatal(f.errors)
	}
	rows := func(sql string) string {
		f := nagare(t, nil, "query", sql, "--data", data, "-o", "csv")
		if f.code != 0 {
			t.Fatal(f.errors)
		}
		_, rows, _ := strings.Cut(f.out, "\n")
		return strings.TrimSpace(rows)
	}
	p.await("silence, told by SQL", func() bool { return rows("SELECT topic FROM silences LIMIT 1") == "events" })
	p.await("the latency of 80 rows", func() bool { return rows("SELECT sum(n) FROM latencies WHERE sink = 'copies_out'") == "80" })
	if got := rows("SELECT sum(n), min(p50) > 0, min(p99) >= min(p50), max(p99) < 60000 FROM latencies WHERE sink = 'copies_out'"); got != "80,true,true,true" {
		t.Errorf("latencies: %s", got)
	}
	if got := rows("SELECT DISTINCT topic, partition, lagRecords, lagSeconds FROM lags WHERE lagRecords = 0 ORDER BY partition"); got != "events,0,0,0\nevents,1,0,0" {
		t.Errorf("lags: %s", got)
	}
	if got := rows("SELECT min(cpu_percent) >= 0, max(cpu_percent) <= 100, min(memory_percent) > 0, max(disk_percent) <= 100, min(disk_free_gb) >= 0 FROM machine"); got != "true,true,true,true,true" {
		t.Errorf("machine: %s", got)
	}
	if f := nagare(t, nil, "topics", "list", "--data", data, "-o", "csv"); !strings.Contains(f.out, "\npipeline-metrics,metrics,1,") || !strings.Contains(f.out, "\nsystem-metrics,metrics,1,") || !strings.Contains(f.out, ",24h0m0s,") {
		t.Errorf("topics:\n%s", f.out)
	}
	get := func(path string, accept string) string {
		req, err := http.NewRequest(http.MethodGet, "http://"+p.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text := get("/-/healthy", "*/*"); !strings.HasPrefix(text, "engine: degraded: ") || !strings.Contains(text, "; sink/broken_out: degraded: ") || strings.Count(text, "\n") != 1 {
		t.Errorf("/-/healthy: %s", text)
	}
	if text := get("/-/ready", "application/json"); !strings.Contains(text, `"state": "ready"`) || !strings.Contains(text, `"part": "source/events"`) {
		t.Errorf("/-/ready: %s", text)
	}
	if f := nagare(t, nil, "status", "--data", data); !strings.Contains(f.out, "sink/broken_out: degraded: ") {
		t.Errorf("status:\n%s", f.out)
	}
	checkMetrics(t, get("/metrics", "*/*"))
	p.signal(syscall.SIGKILL)
	p.wait()
	again := time.Now()
	p = start(t, false, "run", project, "--data", data, "--http", "127.0.0.1:0")
	p.await("what the killed process had seen", func() bool {
		var history web.HistoryAnswer
		if err := json.Unmarshal([]byte(get("/api/progress/history", "*/*")), &history); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(history.Series, func(s web.HistorySeries) bool { return s.Kind == "table" && s.Name == "minutes" })
		return i >= 0 && history.Series[i].Timestamp[0] < again.UnixMilli() && slices.IsSorted(history.Series[i].Timestamp) && slices.Max(history.Series[i].NumRowsDropped) == 20
	})
}

// checkMetrics has a scrape checked by Prometheus' parser, its linter and promtool, and looks for what has to be there.
func checkMetrics(t *testing.T, scrape string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape))
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(families))
	for _, name := range []string{
		"nagare_build_info", "nagare_source_records_total", "nagare_processed_records_total", "nagare_late_records_total", "nagare_watermark_timestamp_seconds",
		"nagare_state_rows", "nagare_state_bytes", "nagare_checkpoint_duration_seconds", "nagare_checkpoint_last_success_timestamp_seconds", "nagare_checkpoint_underway_seconds",
		"nagare_consumer_lag_records", "nagare_ledger_imbalance", "nagare_sink_rows_total", "nagare_sink_waiting_rows", "nagare_sink_failing", "nagare_sink_latency_seconds",
		"nagare_health", "nagare_host_cpu_usage_ratio", "nagare_host_memory_available_bytes", "nagare_host_disk_free_bytes", "nagare_host_collector_up", "nagare_host_load",
		"nagare_left_out_records_total", "nagare_sink_refills_total",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("the scrape lacks %s", name)
		}
	}
	for _, line := range []string{
		`nagare_late_records_total{table="minutes"} 20`, `nagare_sink_failing{sink="broken_out"} 1`, `nagare_sink_failing{sink="copies_out"} 0`,
		`nagare_sink_latency_seconds_count{sink="copies_out"} 80`, `nagare_health{part="sink/broken_out",state="degraded"} 1`,
		`nagare_health{part="monitor",state="keeping up"} 1`, `nagare_host_collector_up{collector="disk"} 1`,
	} {
		if !strings.Contains(scrape, line+"\n") {
			t.Errorf("the scrape lacks %s", line)
		}
	}
	lint(t, scrape)
}

// lint has a scrape checked by Prometheus' linter and by promtool.
func lint(t *testing.T, scrape string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(scrape)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if t.Failed() {
		t.Log(scrape)
	}
	promtool := tool(t, "promtool", "NAGARE_TEST_PROMETHEUS", "prometheus")
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(scrape)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
