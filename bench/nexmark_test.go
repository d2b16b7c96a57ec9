package bench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRunNexmark has each query stand alone and have its figures.
func TestRunNexmark(t *testing.T) {
	all, err := NexmarkQueries()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 || !slices.Contains(all, "q0") || all[len(all)-1] != "q22" {
		t.Errorf("the queries are %v", all)
	}
	save := filepath.Join(t.TempDir(), "events.ndjson")
	r, err := RunNexmark(context.Background(), NexmarkConfig{Events: 20_000, Save: save, Dir: t.TempDir(), Load: load})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if len(r.Queries) != len(all) {
		t.Errorf("%d of %d queries have figures", len(r.Queries), len(all))
	}
	for i, q := range r.Queries {
		if q.Query != all[i] || q.Rows == 0 || q.Least <= 0 || q.Least > q.Rate || q.Title == "" || !strings.Contains(text.String(), "  "+q.Query+" ") {
			t.Errorf("%+v; the report reads:\n%s", q, text.String())
		}
		if view := slices.Contains([]string{"q4", "q5", "q6", "q7", "q9", "q18", "q19"}, q.Query); view != (q.View > 0) {
			t.Errorf("%s took %g s of %g for a view", q.Query, q.View, q.Took)
		}
	}
	events, err := os.ReadFile(save)
	if n := bytes.Count(events, []byte("\n")); err != nil || n != 20_000 || int64(len(events)) != r.Bytes {
		t.Errorf("%d events in %d bytes are kept, %v; the figures say %d bytes", n, len(events), err, r.Bytes)
	}
	if _, err := RunNexmark(context.Background(), NexmarkConfig{Queries: []string{"q23"}, Load: load}); err == nil || !strings.Contains(err.Error(), "--query q23: there are q0, q1,") {
		t.Errorf("query q23: %v", err)
	}
}
