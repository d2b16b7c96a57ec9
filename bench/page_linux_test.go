package bench_test

import (
	"os"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/bench"
)

// TestPageCost measures a real process with a few clients, and looks at what there is, not at how much.
func TestPageCost(t *testing.T) {
	t.Setenv(childEnv, "cli")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.RunPage(t.Context(), bench.PageConfig{Executable: exe, Clients: 4, Stalled: 1, Slow: 4, Rate: 100, Window: time.Second, Pairs: 1, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Intake) != 1 || r.Intake[0].Alone <= 0 || r.Intake[0].With <= 0 || r.Processor.Median <= 0 || r.Resident[0] <= 0 || r.Resident[1] <= 0 {
		t.Errorf("the intake lacks figures: %+v", r)
	}
	if r.Updates[0] < 1 || r.Updates[1] < r.Updates[0] {
		t.Errorf("clients that read got %d to %d updates", r.Updates[0], r.Updates[1])
	}
	if len(r.Looks) != 1 || r.Looks[0].Alone.CPU <= 0 || r.Looks[0].With.Events <= 0 || r.Looks[0].WithTwo.CPU <= 0 || r.Looks[0].Answers < 1 {
		t.Errorf("the looks lack figures: %+v", r.Looks)
	}
}
