package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/bench"
	"github.com/nagare-stream/nagare/engine/plan"
)

// nexmarkFlags is what `nagare bench --nexmark` can be told.
type nexmarkFlags struct {
	on     bool
	config bench.NexmarkConfig
}

func (f *nexmarkFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "nexmark", false, "measure Nexmark's queries, and nothing else")
	flags.StringSliceVar(&f.config.Queries, "query", nil, "with --nexmark: queries, as q5,q8 (default all)")
	flags.StringVar(&f.config.Save, "save", "", "with --nexmark: file that keeps the events, a JSON object a line")
}

// misplaced says which flag was set without the one that it belongs to, or beside one that it does not go with.
func (f *nexmarkFlags) misplaced(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	for _, name := range []string{"query", "save"} {
		if changed(name) && !f.on {
			return usage("bench --%s: it belongs to --nexmark, which is missing", name)
		}
	}
	for _, name := range []string{"quick", "redis", "kafka", "live", "page", "latency"} {
		if f.on && changed(name) {
			return usage("bench --nexmark --%s: one is measured at a time, so leave one out", name)
		}
	}
	return nil
}

// benchNexmark measures Nexmark's queries.
func (a *app) benchNexmark(cmd *cobra.Command, f *nexmarkFlags, events int64, load func(string) (*plan.Pipeline, error), tell func(string), asJSON bool) error {
	c := f.config
	c.Events, c.Load, c.Tell = events, load, tell
	if err := c.Validate(); err != nil {
		return usage("bench %v", err)
	}
	if c.Save != "" {
		if _, err := os.Stat(c.Save); err == nil {
			return usage("bench --save %s: there is such a file; name another one, or remove it", c.Save)
		}
	}
	result, err := bench.RunNexmark(cmd.Context(), c)
	if err != nil {
		return fmt.Errorf("measure Nexmark's queries: %w", err)
	}
	return printFigures(a, result, asJSON)
}
