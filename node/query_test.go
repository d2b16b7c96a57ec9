package node

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// askedNode is a pipeline in memory that reads a topic.
func askedNode(t *testing.T, zone string, tune func(*engine.Options)) *Node {
	t.Helper()
	p, faults := plan.Resolve(plan.Input{Name: "asked", Config: []plan.Setting{
		{Key: "spark.sql.session.timeZone", Value: zone},
		{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "events"}},
		Files: []plan.File{{Path: "a.sql", Text: "CREATE STREAMING TABLE t AS SELECT CAST(value AS STRING) AS v FROM STREAM raw;"}}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	memory, err := NewMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Config{Pipeline: p, Project: Project{Name: "asked"}, Memory: memory, HTTP: HTTPOff, Tune: tune})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestZoneOfCheckRuns opens pipelines in zones that check accepts.
func TestZoneOfCheckRuns(t *testing.T) {
	for _, zone := range []string{"GMT+1", "UTC+01:00", "+9", "-03:30", "JST", "EST", "Etc/GMT+1", "Asia/Tokyo"} {
		n := askedNode(t, zone, nil)
		var text bytes.Buffer
		if err := n.Query(t.Context(), &text, "SELECT hour(TIMESTAMP'2026-01-01T00:00:00Z') AS h", formatCSV); err != nil {
			t.Errorf("%s: %v", zone, err)
		}
	}
}

// TestPanicInQueryIsAnAnswer reads by queries, tables and tails what panics: each is answered with a report, and the
// process goes on.
func TestPanicInQueryIsAnAnswer(t *testing.T) {
	broken := false
	n := askedNode(t, "UTC", func(o *engine.Options) {
		open := o.Source
		o.Source = func(topic string) (record.Source, error) {
			src, err := open(topic)
			return breakable{src, &broken}, err
		}
	})
	broken = true
	for name, ask := range map[string]func(*bytes.Buffer) error{
		"query": func(w *bytes.Buffer) error { return n.Query(t.Context(), w, "SELECT count(*) FROM events", formatCSV) },
		"view": func(w *bytes.Buffer) error {
			return n.Query(t.Context(), w, "SELECT * FROM (SELECT value FROM raw)", formatCSV)
		},
		"table": func(w *bytes.Buffer) error {
			return n.Table(t.Context(), w, web.TableRequest{Name: "events", Limit: -1, Format: formatCSV})
		},
	} {
		var text bytes.Buffer
		err := ask(&text)
		var defect *DefectError
		if !errors.As(err, &defect) || !strings.Contains(err.Error(), "a fault in a reader") || !strings.Contains(err.Error(), "report") || !strings.Contains(defect.Place, ".go:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if held := n.queries.Held(); held != 0 {
		t.Errorf("%d bytes stay counted", held)
	}
	broken = false
	var text bytes.Buffer
	if err := n.Query(t.Context(), &text, "SELECT count(*) AS n FROM events", formatCSV); err != nil || text.String() != "n\n0\n" {
		t.Errorf("the query after them: %v %q", err, text.String())
	}
}

// breakable is a source that panics while it is told to.
type breakable struct {
	record.Source
	broken *bool
}

// Partitions implements record.Source.
func (b breakable) Partitions(ctx context.Context) (int, error) {
	if *b.broken {
		panic("a fault in a reader")
	}
	return b.Source.Partitions(ctx)
}

// TestSafeCSV has texts that spreadsheets take for formulas in the CSV of the API, and as they are elsewhere.
func TestSafeCSV(t *testing.T) {
	n := askedNode(t, "UTC", nil)
	const query = "SELECT '=1+1' AS `-x`, '+1' AS b, '-5' AS c, '@a,\"b' AS d, '\t=1' AS e, -5 AS n, 'a=b' AS f, '' AS g, CAST(NULL AS STRING) AS h, array('=1') AS i, '＝1' AS j"
	for format, want := range map[string]string{
		web.FormatSafeCSV: "'-x,b,c,d,e,n,f,g,h,i,j\n'=1+1,'+1,'-5,\"'@a,\"\"b\",'\t=1,-5,a=b,\"\",,\"[\"\"=1\"\"]\",'＝1\n",
		formatCSV:         "-x,b,c,d,e,n,f,g,h,i,j\n=1+1,+1,-5,\"@a,\"\"b\",\t=1,-5,a=b,\"\",,\"[\"\"=1\"\"]\",＝1\n",
	} {
		var text bytes.Buffer
		if err := n.Query(t.Context(), &text, query, format); err != nil || text.String() != want {
			t.Errorf("%s: %v\n got %q\nwant %q", format, err, text.String(), want)
		}
	}
}

// TestMemoryLimits reads the limits of a process and of its control groups.
func TestMemoryLimits(t *testing.T) {
	limits := "Limit                     Soft Limit           Hard Limit           Units\nMax data size             unlimited            unlimited            bytes\nMax address space         3221225472           unlimited            bytes\n"
	if got := limitOfProcess([]byte(limits)); got != 3<<30 {
		t.Errorf("ulimit: %d", got)
	}
	files := fstest.MapFS{
		"a/b/memory.max": {Data: []byte("max\n")}, "a/memory.max": {Data: []byte("1073741824\n")},
		"memory/c/memory.limit_in_bytes": {Data: []byte("536870912\n")}, "memory/memory.limit_in_bytes": {Data: []byte("9223372036854771712\n")},
	}
	for groups, want := range map[string]int64{
		"0::/a/b\n":                     1 << 30,
		"5:cpu:/x\n4:memory,blkio:/c\n": 512 << 20,
	} {
		if got := limitOfCgroup(func(path string) (fs.File, error) { return files.Open(path) }, []byte(groups)); got != want {
			t.Errorf("%q: %d, want %d", groups, got, want)
		}
	}
}
