package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzResolve resolves any text beside the prelude: it ends, does not panic, places every fault, and what it
// accepts can be described and read by a query.
func FuzzResolve(f *testing.F) {
	files, err := filepath.Glob("testdata/check/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			query, _, _ := strings.Cut(block, "\n----")
			f.Add(query)
		}
	}
	f.Add("\"\x00\"") // a fault quotes what marks faults that are reported already
	f.Fuzz(func(t *testing.T, text string) {
		p, faults := Resolve(Input{Name: "fuzz",
			Config: []Setting{{Key: "source.purchase_raw.format", Value: "kafka"}, {Key: "source.purchase_raw.option.subscribe", Value: "purchases"}},
			Files:  []File{{Path: "fuzz.sql", Text: text}, {Path: "prelude.sql", Text: prelude}}})
		for _, fault := range faults {
			hidden := strings.Contains(fault.Message, alreadyReported) && !strings.Contains(text, alreadyReported)
			if fault.Pos.Line < 1 || fault.Pos.Col < 1 || fault.Message == "" || hidden {
				t.Fatalf("fault without place or text: %#v", fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		for _, d := range p.Datasets {
			for _, flow := range d.Flows {
				checkTree(t, flow.Root)
				if Describe(flow.Root) == "" {
					t.Fatalf("%s has no description", d.Name)
				}
			}
			if root, faults := BindQuery(p, "SELECT * FROM `"+strings.ReplaceAll(d.Name, "`", "``")+"`", nil); len(faults) == 0 {
				checkTree(t, root)
			} else if len(d.Schema.Fields) > 0 {
				t.Fatalf("%s cannot be queried: %v", d.Name, faults)
			}
		}
	})
}

// TestBombsAreRefused resolves short texts that mean very long ones.
func TestBombsAreRefused(t *testing.T) {
	views := "CREATE TEMPORARY VIEW v0 AS SELECT n FROM stored;\n"
	aliases := "CREATE MATERIALIZED VIEW m AS SELECT n AS a0"
	folds := "CREATE TEMPORARY VIEW f0 AS SELECT n FROM STREAM p;\n"
	for i := 1; i < 60; i++ {
		views += fmt.Sprintf("CREATE TEMPORARY VIEW v%d AS SELECT * FROM v%d UNION ALL SELECT * FROM v%[2]d;\n", i, i-1)
		aliases += fmt.Sprintf(", a%d + a%[1]d AS a%d", i-1, i)
		folds += fmt.Sprintf("CREATE TEMPORARY VIEW f%d AS SELECT n + n AS n FROM STREAM f%d;\n", i, i-1)
	}
	for name, text := range map[string]string{
		"views":    views,
		"aliases":  aliases + " FROM stored;",
		"folds":    folds + "CREATE STREAMING TABLE t AS SELECT n FROM STREAM f59;",
		"cube":     "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS c FROM stored GROUP BY CUBE(" + strings.Repeat("n, ", 30) + "n);",
		"brackets": "CREATE MATERIALIZED VIEW m AS SELECT " + strings.Repeat("(", 100_000) + "1;",
		"queries":  "CREATE MATERIALIZED VIEW m AS SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 500) + "stored" + strings.Repeat(")", 500) + ";",
	} {
		_, faults := Resolve(Input{Config: []Setting{{Key: "source.purchase_raw.format", Value: "kafka"}, {Key: "source.purchase_raw.option.subscribe", Value: "purchases"}},
			Files: []File{{Path: "bomb.sql", Text: text}, {Path: "prelude.sql", Text: prelude}}})
		if len(faults) == 0 {
			t.Errorf("%s: accepted", name)
		} else if len(faults) > 3 {
			t.Errorf("%s: %d faults, the first %v", name, len(faults), faults[0])
		}
	}
}
