package cli

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/bench"
)

// liveFlags is what `nagare bench --live` can be told.
type liveFlags struct {
	on      bool
	seconds float64
	config  bench.LiveConfig
}

// liveNames is the flags that belong to --live.
var liveNames = []string{"rates", "seconds", "pairs", "against", "without", "together", "project", "backlog", "output", "time-key"}

func (f *liveFlags) add(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.config
	flags.BoolVar(&f.on, "live", false, "measure a project that runs alive, and nothing else")
	flags.Float64SliceVar(&c.Rates, "rates", []float64{10, 100, 1000, 10000}, "with --live: events a second, 0 for none")
	flags.Float64Var(&f.seconds, "seconds", 20, "with --live: length of each window")
	flags.IntVar(&c.Pairs, "pairs", 3, "with --live: pairs of runs, or runs where nothing is compared")
	flags.StringVar(&c.Against, "against", "", "with --live: another nagare program, to compare with")
	flags.StringSliceVar(&c.Without, "without", nil, "with --live: compare with this program without alerts, monitor or both")
	flags.BoolVar(&c.Together, "together", false, "with --live: the two of a pair run at the same time")
	flags.StringVar(&c.Project, "project", "", "with --live: folder of the project, or one that ships (default purchases, of each program its own)")
	flags.DurationVar(&c.Backlog, "backlog", demoBacklog, "with --live: how long ago the first event is due")
	flags.StringVar(&c.Output, "output", "customer-scores", "with --live: topic whose rows are awaited")
	flags.StringVar(&c.TimeKey, "time-key", "ts", "with --live: the event's time in the JSON values of that topic")
}

// alone is the first flag of --live that was set without it.
func (f *liveFlags) alone(cmd *cobra.Command) string {
	if i := slices.IndexFunc(liveNames, cmd.Flags().Changed); i >= 0 {
		return liveNames[i]
	}
	return ""
}

// benchLive measures a project that runs alive.
func (a *app) benchLive(cmd *cobra.Command, f *liveFlags, tell func(string), asJSON bool) error {
	for _, other := range []string{"events", "quick", "redis", "kafka"} {
		if cmd.Flags().Changed(other) {
			return usage("bench --live: --%s belongs to other measurements, so leave it out", other)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	c := f.config
	c.Executable, c.Tell, c.Window = exe, tell, time.Duration(f.seconds*float64(time.Second))
	if err := c.Validate(); err != nil {
		return usage("bench %v", err)
	}
	result, err := bench.RunLive(cmd.Context(), c)
	if err != nil {
		return err
	}
	if asJSON {
		return printIndented(a, result)
	}
	return result.Write(a.out)
}
