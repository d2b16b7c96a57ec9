package plan

import (
	"strings"
	"testing"
)

// TestClausesWithoutEffect: a project with a clause that is said to have no effect is resolved to the same as one
// without it. Whoever gives one an effect takes it from the list, and from README.md.
func TestClausesWithoutEffect(t *testing.T) {
	const plain = "CREATE STREAMING TABLE t AS SELECT n, c FROM STREAM p;\nCREATE TEMPORARY VIEW v AS SELECT n FROM STREAM t;\nCREATE MATERIALIZED VIEW m AS SELECT s.n FROM stored s JOIN seg g ON s.event_id = g.event_id;"
	with := map[string]string{
		"USING":          strings.Replace(plain, "TABLE t AS", "TABLE t USING parquet AS", 1),
		"PARTITIONED BY": strings.Replace(plain, "TABLE t AS", "TABLE t PARTITIONED BY (n) AS", 1),
		"CLUSTER BY":     strings.Replace(plain, "TABLE t AS", "TABLE t CLUSTER BY (n) AS", 1),
		"TBLPROPERTIES":  strings.Replace(plain, "TABLE t AS", "TABLE t TBLPROPERTIES ('a' = 'b') AS", 1),
		"COMMENT":        strings.Replace(plain, "TABLE t AS", "TABLE t COMMENT 'words' AS", 1),
		"NOT NULL":       strings.Replace(plain, "TABLE t AS", "TABLE t (n INT NOT NULL, c STRING) AS", 1),
		"IF NOT EXISTS":  strings.Replace(plain, "TABLE t AS", "TABLE IF NOT EXISTS t AS", 1),
		"OR REPLACE":     strings.Replace(plain, "CREATE TEMPORARY", "CREATE OR REPLACE TEMPORARY", 1),
		"USE":            "USE other;\n" + plain,
		"/*+ … */":       strings.Replace(plain, "SELECT s.n", "SELECT /*+ BROADCAST(g) */ s.n", 1),
	}
	want := plansOf(t, plain)
	for _, clause := range idleClauses() {
		text, ok := with[clause]
		if !ok || text == plain {
			t.Errorf("%s is not tried", clause)
			continue
		}
		if got := plansOf(t, text); got != want {
			t.Errorf("%s has an effect:\n%s\nwithout it:\n%s", clause, got, want)
		}
	}
}

// plansOf is the plans of a project's queries, and what the engine runs.
func plansOf(t *testing.T, text string) string {
	t.Helper()
	p, faults := Resolve(Input{Name: "case", Files: []File{{Path: "case.sql", Text: text}, {Path: "prelude.sql", Text: prelude}}, Config: []Setting{
		{Key: "source.purchase_raw.format", Value: "kafka"}, {Key: "source.purchase_raw.option.subscribe", Value: "purchases"}}})
	if len(faults) > 0 {
		t.Fatalf("%s\n%v", text, faults)
	}
	var out strings.Builder
	for _, d := range p.Datasets {
		for _, f := range d.Flows {
			out.WriteString(d.Name + "\n" + Describe(f.Root))
			for _, c := range f.Root.Columns() {
				out.WriteString(c.Name + " " + c.Type.String() + "\n")
			}
		}
	}
	return out.String()
}
