package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// sparkAnswer is a line of queries.jsonl: what Spark 4.3 gives for a query, each value cast to STRING.
type sparkAnswer struct {
	Query   string     `json:"query"`
	Names   []string   `json:"names"`
	Types   []string   `json:"types"`
	Rows    [][]string `json:"rows"`
	Ordered bool       `json:"ordered"` // the query says in which order the rows come
	Error   string     `json:"error"`   // its class, where Spark refuses the query or it fails
}

func readSparkAnswers(t *testing.T) []sparkAnswer {
	t.Helper()
	file, err := os.Open("../../testdata/spark/queries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []sparkAnswer
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a sparkAnswer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("queries.jsonl: %v in %q", err, lines.Text())
		}
		all = append(all, a)
	}
	return all
}

// askWhole is all that a query gives here; classes are those of its faults.
func askWhole(text string) (got sparkAnswer, classes []string) {
	root, faults := plan.BindQuery(nil, text, nil)
	for _, f := range faults {
		classes = append(classes, f.Class)
	}
	if len(faults) > 0 {
		return sparkAnswer{Error: faults[0].Error()}, classes
	}
	for _, c := range root.Columns() {
		got.Names, got.Types = append(got.Names, c.Name), append(got.Types, c.Type.String())
	}
	env := expr.Env{Zone: time.UTC, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()}
	err := Run(context.Background(), root, noInputs, env, func(b *column.Batch) error {
		for _, i := range b.Sel {
			row := make([]string, len(b.Cols))
			for c := range b.Cols {
				row[c] = show(&b.Cols[c], int(i))
			}
			got.Rows = append(got.Rows, row)
		}
		return nil
	})
	var failed *Error
	switch {
	case errors.As(err, &failed):
		return sparkAnswer{Error: failed.Error()}, []string{failed.Class}
	case err != nil:
		return sparkAnswer{Error: err.Error()}, nil
	}
	return got, nil
}

// TestSparkQueries compares whole results with Spark's: names and types of the columns, rows, and the class of
// what is refused.
func TestSparkQueries(t *testing.T) {
	answers := readSparkAnswers(t)
	for _, want := range answers {
		got, classes := askWhole(want.Query)
		if want.Error != "" {
			if !slices.Contains(classes, want.Error) {
				t.Errorf("%s:\n got %v %q %s\nwant an error of class %s", want.Query, got.Types, got.Rows, got.Error, want.Error)
			}
			continue
		}
		if !want.Ordered {
			for _, rows := range [][][]string{got.Rows, want.Rows} {
				slices.SortFunc(rows, slices.Compare)
			}
		}
		if got.Error != "" || !slices.Equal(got.Names, want.Names) || !slices.Equal(got.Types, want.Types) || !slices.EqualFunc(got.Rows, want.Rows, slices.Equal) {
			t.Errorf("%s:\n got %s %s %q %s\nwant %s %s %q", want.Query, strings.Join(got.Names, ", "), got.Types, got.Rows, got.Error,
				strings.Join(want.Names, ", "), want.Types, want.Rows)
		}
	}
	if len(answers) < 300 {
		t.Errorf("only %d queries in queries.jsonl", len(answers))
	}
}
