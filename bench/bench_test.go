package bench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
)

func load(dir string) (*plan.Pipeline, error) {
	read, _ := spark.Load(os.DirFS(dir), dir)
	in := plan.Input{Name: read.Name}
	for _, s := range read.Settings {
		in.Config = append(in.Config, plan.Setting{Key: s.Key, Value: s.Value, Pos: sql.Pos{File: read.Spec}})
	}
	for _, f := range read.Files {
		in.Files = append(in.Files, plan.File{Path: f.Path, Text: f.Text})
	}
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// The bound and the engine have to come to the same figures, or the one is no measure of the other.
func TestBoundAgreesWithEngine(t *testing.T) {
	const n = 30_000
	var data bytes.Buffer
	if err := generator.WriteNDJSON(&data, n); err != nil {
		t.Fatal(err)
	}
	w := newBoundWorker()
	w.scan(data.Bytes())
	if w.err != nil || w.rows != n {
		t.Fatalf("the bound read %d of %d records: %v", w.rows, n, w.err)
	}
	dir := t.TempDir()
	if err := writeProjects(dir); err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(dir, "events.ndjson")
	if err := os.WriteFile(events, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := load(filepath.Join(dir, "three"))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	result, err := node.Bounded{Pipeline: p, Files: map[string][]string{topic: {events}}, Out: out}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"sales_by_minute": int64(len(w.sales)), "segment_metrics": int64(len(w.segments)), "anomalies": w.anomalies} {
		if got := result.Rows[name]; got != want {
			t.Errorf("%s has %d rows, the bound %d", name, got, want)
		}
	}
	csv, err := os.ReadFile(filepath.Join(out, "sales_by_minute.csv"))
	if err != nil {
		t.Fatal(err)
	}
	s := w.sales[saleKey{1767225600 / 60, "books", "Tokyo"}]
	if s == nil || len(s.users) == 0 {
		t.Fatal("the bound has no books sold in Tokyo in the first minute")
	}
	first := firstWith(string(csv), "2026-01-01T00:00:00Z,2026-01-01T00:01:00Z,books,Tokyo,")
	fields := strings.Split(first, ",")
	if len(fields) != 8 || fields[4] != number0(s.orders) || fields[7] != number0(int64(len(s.users))) {
		t.Errorf("books in Tokyo in the first minute: %q, the bound has %d orders of %d users", first, s.orders, len(s.users))
	}
}

func firstWith(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func number0(n int64) string { return strings.ReplaceAll(number(n), ",", "") }

// A record of another shape is refused, not miscounted.
func TestBoundRefusesOtherShapes(t *testing.T) {
	for _, text := range []string{"{}\n", `{"event_id": "x", "timestamp": "2026`, "\n"} {
		w := newBoundWorker()
		w.scan([]byte(text))
		if w.err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// The whole of it, small: every figure is there.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	r, err := Run(context.Background(), Config{Events: 20_000, Quick: true, Dir: t.TempDir(), Load: load})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{"bound, 1 core": r.BoundOne, "bound": r.BoundAll, "from file": r.FromFile, "publish": r.Publish, "append": r.Append, "from topic": r.FromTopic} {
		if v <= 0 {
			t.Errorf("%s: no figure", name)
		}
	}
	if len(r.ByEvents) == 0 || len(r.ByKeys) == 0 {
		t.Error("a series is missing")
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil || !strings.Contains(text.String(), "of the bound on all cores") {
		t.Errorf("the report reads:\n%s%v", text.String(), err)
	}
}

// A Redis in trouble, small: each trouble happens, and has its figures.
func TestRunRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	m := &bench{Config: Config{Events: 5_000, Load: load, Tell: func(string) {}}, dir: t.TempDir(), pairs: 1}
	if err := m.makeFile(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := m.measureRedis(context.Background()); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := m.r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if len(m.r.Redis) != len(troubles) {
		t.Errorf("%d troubles have figures", len(m.r.Redis))
	}
	for _, c := range m.r.Redis {
		if s := c.SideBySide; s.Pairs != 1 || !strings.Contains(text.String(), c.Name+"  "+s.String()) {
			t.Errorf("%+v; the report reads:\n%s", c, text.String())
		}
	}
}

// TestVerdict: what goes beyond the goal misses it, unless the machine alone does that.
func TestVerdict(t *testing.T) {
	quiet := Trouble{"healthy", Spread{1, 0.98, 1.02, 5}, Spread{1, 0.98, 1.02, 5}}
	noisy := Trouble{"healthy", Spread{1, 0.8, 1.3, 5}, Spread{1, 0.8, 1.3, 5}}
	for _, c := range []struct {
		control         Trouble
		side, processor float64
		want            string
	}{
		{quiet, 1.04, 1.05, "goal 1.05 met"}, {quiet, 1.06, 1, "goal 1.05 MISSED"}, {quiet, 1, 1.06, "goal 1.05 MISSED"},
		{noisy, 1.2, 1, "not certain: a healthy one reaches that, too"}, {noisy, 1.4, 1, "goal 1.05 MISSED"}, {noisy, 1, 1, "goal 1.05 met"},
	} {
		got := Trouble{Name: "down", SideBySide: Spread{Median: c.side}, Processor: Spread{Median: c.processor}}.verdict(c.control)
		if got != c.want {
			t.Errorf("%v and %v: %s, want %s", c.side, c.processor, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for want, ratios := range map[string][]float64{"2.000 (1.00 – 9.00)": {9, 1, 2}, "1.500 (1.00 – 2.00)": {2, 1}} {
		if got := spreadOf(ratios).String(); got != want {
			t.Errorf("the spread of %v is %s", ratios, got)
		}
	}
}

// BenchmarkFile is one event of the three queries by `run --once` from a file.
func BenchmarkFile(b *testing.B) {
	dir := b.TempDir()
	if err := writeProjects(dir); err != nil {
		b.Fatal(err)
	}
	const n = 500_000
	m := &bench{Config: Config{Events: n, Load: load}, dir: dir}
	if err := m.makeFile(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.ReportAllocs()
	took := 0.0
	for b.Loop() {
		d, err := m.once(context.Background(), "three", m.file, n)
		if err != nil {
			b.Fatal(err)
		}
		took += d.Seconds()
	}
	b.ReportMetric(took*1e9/float64(b.N)/n, "ns/event")
}
