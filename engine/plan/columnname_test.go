package plan

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestColumnNames compares the names of columns that have none, as Spark 4.3.0 gives them: a query a line, a
// tab, and its columns' names with | between.
func TestColumnNames(t *testing.T) {
	file, err := os.Open("../../testdata/spark/column_names.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	asked := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		query, want, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			t.Fatalf("no tab in %q", query)
		}
		root, faults := BindQuery(nil, query, nil)
		if len(faults) > 0 {
			t.Errorf("%s: %v", query, faults)
			continue
		}
		asked++
		var names []string
		for _, c := range root.Columns() {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, "|"); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
	if asked < 40 {
		t.Errorf("only %d queries", asked)
	}
}
