package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/sql"
)

// readProject makes the input of a project's folder: the configuration lines of its spec, "key: value",
// and its SQL files in order of name.
func readProject(t *testing.T, dir string) Input {
	t.Helper()
	in := Input{Name: filepath.Base(dir)}
	spec, err := os.ReadFile(filepath.Join(dir, "spark-pipeline.yml"))
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for i, line := range strings.Split(string(spec), "\n") {
		if strings.HasPrefix(line, "configuration:") {
			inside = true
			continue
		}
		text := strings.TrimSpace(line)
		if !inside || text == "" || text[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(text, ": ")
		in.Config = append(in.Config, Setting{Key: key, Value: strings.Trim(value, `"`),
			Pos: sql.Pos{File: "spark-pipeline.yml", Line: i + 1, Col: 3}})
	}
	files, err := filepath.Glob(filepath.Join(dir, "transformations", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		in.Files = append(in.Files, File{Path: "transformations/" + filepath.Base(f), Text: string(text)})
	}
	return in
}

func TestShippedProjectsResolve(t *testing.T) {
	for _, dir := range []string{"../../pipelines/nexmark", "../../pipelines/purchases", "../../pipelines/retail", "../../testdata/projects/golden"} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p, faults := Resolve(readProject(t, dir))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			ops, faults := p.StreamOps()
			if len(faults) > 0 || len(ops) == 0 {
				t.Fatalf("%d operators, %v", len(ops), faults)
			}
		})
	}
}

// TestSparkExample resolves the project that runs on real Spark. What this version does not run yet is
// named, each at its place; beside that only functions may be missing.
func TestSparkExample(t *testing.T) {
	_, faults := Resolve(readProject(t, "testdata/sdp-example"))
	want := []string{}
	var got []string
	for _, f := range faults {
		if f.Class == "UNRESOLVED_ROUTINE" {
			continue
		}
		got = append(got, fmt.Sprintf("%d:%d %s", f.Pos.Line, f.Pos.Col, f.Message))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v", faults)
	}
}

// TestEventTimeIsInherited checks which column of a table carries its watermark.
func TestEventTimeIsInherited(t *testing.T) {
	p, faults := Resolve(readProject(t, "../../pipelines/purchases"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	const delay = 10 * second
	for name, want := range map[string]string{"sales_by_minute": "window_start", "segment_metrics": "window_start", "anomalies": "ts", "customer_scores": "ts"} {
		d := p.Dataset(name)
		if d.EventTime < 0 || d.Schema.Fields[d.EventTime].Name != want || d.Delay != delay {
			t.Errorf("%s: event time %d, delay %d, want %s, %d", name, d.EventTime, d.Delay, want, delay)
		}
	}
	if d := p.Dataset("top_products"); d.EventTime != -1 || d.Stream {
		t.Errorf("top_products: event time %d, stream %v", d.EventTime, d.Stream)
	}
	if v := p.Dataset("purchase"); !v.Stream || len(v.Flows) != 1 {
		t.Errorf("view purchase: stream %v, %d flows", v.Stream, len(v.Flows))
	}
}

func TestDescribe(t *testing.T) {
	p, faults := Resolve(readProject(t, "../../pipelines/purchases"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := Describe(p.Dataset("sales_by_minute").Flows[0].Root)
	for _, part := range []string{
		"Project window.start AS window_start, window.end AS window_end, category, region, count(*) AS order_count",
		"└ Aggregate by window(ts, 1m0s), category, region: count(*), sum(final_amount), avg(final_amount), count(DISTINCT user_id)",
		"Watermark ts, delay 10s", "Scan STREAM purchase_raw"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in\n%s", part, got)
		}
	}
	got = Describe(p.Dataset("top_products").Flows[0].Root)
	if !strings.Contains(got, "Windowed rank over (partition by window_start order by total_revenue DESC)") || !strings.Contains(got, "Scan product_sales") {
		t.Errorf("top_products is\n%s", got)
	}
}

func TestConfigIsRead(t *testing.T) {
	settings := func(pairs ...string) (list []Setting) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, Setting{Key: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	p, faults := Resolve(Input{})
	if c := p.Config; len(faults) > 0 || c.FutureLimit != 5*minute || c.IdleTimeout != 30*second || c.CheckpointInterval != 10*second || c.UpdateInterval != 100*millisecond ||
		len(c.TableRetention) > 0 || c.TimeZone != "UTC" {
		t.Errorf("defaults are %+v, %v", c, faults)
	}
	p, faults = Resolve(Input{Config: settings(
		"nagare.watermark.futureLimit", "24 hours", "nagare.watermark.idleTimeout", "1 second", "nagare.checkpoint.interval", "1 minute 30 seconds",
		"nagare.state.maxRows", "77", "nagare.topic.a.b.partitions", "6", "nagare.topic.a.b.key", "user", "nagare.topic.a.b.retention", "2 days",
		"spark.sql.session.timeZone", "Asia/Tokyo", "any.key", "any value",
		"source.raw.format", "kafka", "source.raw.option.subscribe", "a.b, c,a.b", "source.raw.option.startingOffsets", "latest")})
	c := p.Config
	if len(faults) > 0 || c.FutureLimit != day || c.IdleTimeout != second || c.CheckpointInterval != 90*second || c.StateMaxRows != 77 ||
		c.Topics["a.b"] != (TopicConfig{Partitions: 6, Key: "user", Retention: 2 * day}) || c.TimeZone != "Asia/Tokyo" || c.All["any.key"] != "any value" {
		t.Errorf("config is %+v, %v", c, faults)
	}
	raw := p.Dataset("raw")
	if raw == nil || strings.Join(raw.Topics, "|") != "a.b|c" || raw.Options["startingOffsets"] != "latest" || len(raw.Schema.Fields) != 7 || !raw.Stream {
		t.Errorf("source is %+v", raw)
	}
}
