package sql

import (
	"os"
	"strings"
	"testing"
)

// readFacts returns the lines of facts.tsv, each an expression, a type and a value of real Spark.
func readFacts(t testing.TB) [][]string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/spark/facts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var facts [][]string
	for line := range strings.Lines(string(data)) {
		facts = append(facts, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if len(facts) != 981 {
		t.Fatalf("facts.tsv has %d lines", len(facts))
	}
	return facts
}

// TestFacts parses what Spark was asked: each expression parses here if it does there, else fails with
// Spark's class, and its canonical text is stable.
func TestFacts(t *testing.T) {
	parserClasses := map[string]bool{"ERROR PARSE_SYNTAX_ERROR": true, "ERROR _LEGACY_ERROR_TEMP_0029": true}
	refused := 0
	for _, fact := range readFacts(t) {
		q, faults := ParseQuery("fact", "SELECT "+fact[0])
		if !parserClasses[fact[2]] {
			if faults != nil {
				t.Errorf("%s\n%v", fact[0], faults)
				continue
			}
			checkStable(t, q)
			continue
		}
		refused++
		if len(faults) != 1 || "ERROR "+faults[0].Class != fact[2] {
			t.Errorf("%s: %v, want %s", fact[0], faults, fact[2])
		}
	}
	if refused != 4 {
		t.Errorf("%d facts are refused by the parser, want 4", refused)
	}
}

// TestExampleProject reads a project that runs on real Spark.
func TestExampleProject(t *testing.T) {
	text, err := os.ReadFile("testdata/purchases.sql")
	if err != nil {
		t.Fatal(err)
	}
	statements, faults := ParseFile("purchases.sql", string(text))
	if faults != nil {
		t.Fatal(faults)
	}
	var names []string
	for _, s := range statements {
		checkStableStatement(t, s)
		switch s := s.(type) {
		case *CreateTable:
			names = append(names, s.Name.Name)
		case *CreateView:
			names = append(names, s.Name.Name)
		}
	}
	const want = "purchase sales_1m segment_2m anomaly anomalies anomaly_json features sales_10m_by_5m visits segment tiered repeat_orders hourly_category top_products"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("datasets %s\nwant     %s", got, want)
	}
	sales := statements[1].(*CreateTable)
	if !strings.HasPrefix(sales.QueryText, "SELECT window.start AS window_start,") || !strings.HasSuffix(sales.QueryText, "category, region") {
		t.Errorf("query text %q", sales.QueryText)
	}
}
