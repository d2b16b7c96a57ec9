package plan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/sql"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/check")

// prelude is what every case of testdata/check stands beside: a source, a stream p without a watermark,
// a table written from it, and a materialized view.
const prelude = `
CREATE TEMPORARY VIEW p AS
SELECT CAST(key AS STRING) AS event_id, timestamp AS ts, CAST(value AS STRING) AS c, CAST(timestamp AS DATE) AS d,
       partition AS n, named_struct('ts', timestamp) AS s
FROM STREAM purchase_raw;
CREATE STREAMING TABLE stored AS SELECT event_id, ts, n FROM STREAM p;
CREATE STREAMING TABLE marked AS SELECT event_id, ts, n FROM STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECONDS;
CREATE MATERIALIZED VIEW seg AS SELECT * FROM VALUES ('a', 'gold') AS t(event_id, tier);
CREATE TEMPORARY VIEW still AS SELECT * FROM seg;
`

// TestCheck runs the cases of testdata/check: lines "set key = value", SQL, ----, and what check says of it,
// "ok" for nothing; lines that start with "portable" are what --portable adds.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob("testdata/check/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { checkFile(t, file) })
	}
}

func checkFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
		query, want, found := strings.Cut(block, "\n----")
		if !found {
			t.Fatalf("%s: case %d has no ----:\n%s", file, i+1, block)
		}
		got := checkCase(query)
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(query + "\n----\n" + got + "\n")
		if want = strings.TrimSpace(want); got != want && !*update {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", query, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneFaultOnce: each project of once.txt has one mistake, and check says one thing of it.
func TestOneFaultOnce(t *testing.T) {
	text, err := os.ReadFile("testdata/check/once.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	for _, c := range cases {
		query, _, _ := strings.Cut(c, "\n----")
		said := 0
		for _, line := range strings.Split(checkCase(query), "\n") {
			if line != "ok" && !strings.HasPrefix(line, "portable ") && !strings.HasPrefix(line, "notice ") {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%d faults for one mistake:\n%s\n%s", said, query, checkCase(query))
		}
	}
	if len(cases) < 40 {
		t.Errorf("only %d projects", len(cases))
	}
}

// checkCase resolves one case and writes down what is wrong with it.
func checkCase(query string) string {
	in := Input{Name: "case", Config: []Setting{
		{Key: "source.purchase_raw.format", Value: "kafka"},
		{Key: "source.purchase_raw.option.subscribe", Value: "purchases"},
	}}
	var text []string
	for i, line := range strings.Split(query, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "set "):
			key, value, _ := strings.Cut(line[4:], " = ")
			in.Config = append(in.Config, Setting{Key: key, Value: value, Pos: sql.Pos{File: "spec", Line: i + 1, Col: 5}})
		default:
			text = append(text, line)
		}
	}
	in.Files = []File{{Path: "case.sql", Text: strings.Join(text, "\n")}, {Path: "prelude.sql", Text: prelude}}
	p, faults := Resolve(in)
	lines := []string{}
	for _, f := range faults {
		if f.Class == "PARSE_SYNTAX_ERROR" { // its text is package sql's
			f.Message, f.Hint = "…", ""
		}
		lines = append(lines, f.Error())
	}
	for _, f := range Portable(p) {
		lines = append(lines, "portable "+f.Error())
	}
	for _, f := range p.Notices {
		lines = append(lines, "notice "+f.Error())
	}
	if len(lines) == 0 {
		return "ok"
	}
	return strings.Join(lines, "\n")
}
