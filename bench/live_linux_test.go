package bench_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/bench"
	"github.com/nagare-stream/nagare/cli"
)

// childEnv makes a process that runs this test binary the nagare command.
const childEnv = "NAGARE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "cli" {
		os.Exit(cli.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestLive measures real processes, with and without alerts and monitor, and looks at what there is, not at how
// much.
func TestLive(t *testing.T) {
	t.Setenv(childEnv, "cli")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.RunLive(t.Context(), bench.LiveConfig{
		Executable: exe, Without: []string{bench.WithoutAlerts, bench.WithoutMonitor}, Together: true, Rates: []float64{100},
		Window: time.Second, Pairs: 1, Backlog: time.Second, Output: "customer-scores", TimeKey: "ts", Dir: t.TempDir(), Tell: func(s string) { t.Log(s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Project != "purchases" || r.This != exe || r.Other != "without alerts and monitor" || len(r.Rates) != 1 {
		t.Fatalf("%+v", r)
	}
	rate := r.Rates[0]
	if len(rate.This) != 1 || len(rate.Other) != 1 {
		t.Fatalf("%d and %d runs, want one each", len(rate.This), len(rate.Other))
	}
	for _, f := range []bench.LiveFigures{rate.This[0], rate.Other[0]} {
		if f.CPU <= 0 || f.CPU != f.User+f.System || f.Resident <= 0 || f.Peak < f.Resident || f.Written <= 0 || f.Switches <= 0 || f.Settled <= 0 {
			t.Errorf("a figure is missing: %+v", f)
		}
		if (f.Syncs == nil) == (f.NoSyncs == "") || f.Syncs != nil && *f.Syncs <= 0 {
			t.Errorf("syncs are neither counted nor is it said why not: %+v", f)
		}
		if f.P50 == nil || f.P99 == nil || *f.P50 <= 0 || *f.P99 < *f.P50 || f.Rows < 1 || f.Rows > 101 {
			t.Errorf("%d latencies of the rows of a second's 100 events: %+v", f.Rows, f)
		}
	}
	for _, name := range []string{"cpu", "resident", "written", "p99"} {
		if !slices.ContainsFunc(rate.Compared, func(c bench.Comparison) bool { return c.Figure == name && c.Ratio.Pairs == 1 }) {
			t.Errorf("%s is not compared", name)
		}
	}
}
