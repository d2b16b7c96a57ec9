package node

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/plan"
)

// TestMovedThresholdsAreTheMovedProject: what a replay says of a threshold that is moved is what a replay of the project
// says in which somebody has moved it by hand.
func TestMovedThresholdsAreTheMovedProject(t *testing.T) {
	replay := func(value string, moved bool) *web.AlertReplay {
		t.Helper()
		read, problems := spark.Load(os.DirFS("../testdata/projects/alerts"), ".")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		in := read.Input()
		for i := range in.Files {
			in.Files[i].Text = strings.Replace(in.Files[i].Text, "sales > 475000", "sales > "+value, 1)
		}
		result, _, err := Replay{Project: in, Rule: "busy_region", Moved: moved, Files: map[string][]string{"purchase-events": {"../testdata/golden/clean.ndjson.gz"}}}.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	all := replay("475000", true)
	if len(all.Thresholds) != 1 {
		t.Fatalf("%d thresholds, expected one", len(all.Thresholds))
	}
	th := all.Thresholds[0]
	different := false
	for i, value := range []string{"380000", "427500", "522500", "570000"} {
		m := th.Moved[i]
		if m.Percent != plan.Shifts[i] || m.Value != value {
			t.Fatalf("shift %d: %+v, expected %s", i, m, value)
		}
		alone := replay(value, false)
		breaches := int64(0)
		for _, in := range alone.Incidents {
			breaches += in.Breaches
		}
		if *m.Incidents != int64(len(alone.Incidents)) || *m.Breaches < breaches {
			t.Errorf("sales > %s: %d incidents of %d breaches, and the moved project has %d of %d", value, *m.Incidents, *m.Breaches, len(alone.Incidents), breaches)
		}
		different = different || len(alone.Incidents) != len(all.Incidents)
	}
	if !different {
		t.Error("no threshold made a difference: the test shows nothing")
	}
	if alone := replay("475000", false); !cmp.Equal(all.Incidents, alone.Incidents) {
		t.Errorf("incidents with thresholds moved beside and without:\n%s", cmp.Diff(all.Incidents, alone.Incidents))
	}
}
