package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/bench"
	"github.com/nagare-stream/nagare/node"
)

// liveFlags is what `nagare bench --live` and `--page` can be told.
type liveFlags struct {
	on      bool
	seconds float64
	config  bench.LiveConfig
	isPage  bool
	page    bench.PageConfig
	isDelay bool
	delay   bench.LatencyConfig
}

// The flags of --live, of --page, of --latency, and of several.
var (
	liveNames    = []string{"rates", "without", "together", "backlog", "output", "time-key"}
	pageNames    = []string{"clients", "stalled", "slow"}
	latencyNames = []string{"row-bytes"}
)

func (f *liveFlags) add(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.config
	flags.BoolVar(&f.on, "live", false, "measure a project that runs alive, and nothing else")
	flags.Float64SliceVar(&c.Rates, "rates", []float64{10, 100, 1000, 10000}, "with --live: events a second, 0 for none")
	flags.Float64Var(&f.seconds, "seconds", 20, "with --live, --page or --latency: length of each window")
	flags.IntVar(&c.Pairs, "pairs", 3, "with --live, --page or --latency: pairs of runs or windows, rounds with the overview open, or runs where nothing is compared")
	flags.StringVar(&c.Against, "against", "", "with --live or --latency: another nagare program, to compare with")
	flags.StringSliceVar(&c.Without, "without", nil, "with --live: compare with this program without alerts, monitor or both")
	flags.BoolVar(&c.Together, "together", false, "with --live: the two of a pair run at the same time")
	flags.StringVar(&c.Project, "project", "", "with --live or --page: folder of the project, or one that ships (default purchases, of each program its own)")
	flags.DurationVar(&c.Backlog, "backlog", demoBacklog, "with --live: how long ago the first event is due")
	flags.StringVar(&c.Output, "output", "customer-scores", "with --live: topic whose rows are awaited")
	flags.StringVar(&c.TimeKey, "time-key", "ts", "with --live: the event's time in the JSON values of that topic")
	flags.BoolVar(&f.isPage, "page", false, "measure what it costs that people look at the page, and nothing else")
	flags.IntVar(&f.page.Clients, "clients", 64, "with --page: clients that follow updates")
	flags.IntVar(&f.page.Stalled, "stalled", 8, "with --page: those of them that take nothing")
	flags.IntVar(&f.page.Slow, "slow", 500, "with --page: connections that send a byte a second")
	flags.Float64Var(&f.page.Rate, "rate", 0, "with --page: events a second while one client has the overview open (default 50,000); with --latency: rows a second (default 10,000)")
	flags.BoolVar(&f.isDelay, "latency", false, "measure the time from a row in a topic on Kafka to its result in another, and nothing else")
	flags.IntVar(&f.delay.RowBytes, "row-bytes", 1200, "with --latency: size of a row")
}

// misplaced says which flag was set without the one that it belongs to.
func (f *liveFlags) misplaced(cmd *cobra.Command) error {
	for _, of := range []struct {
		names []string
		on    bool
		where string
	}{{liveNames, f.on, "--live"}, {pageNames, f.isPage, "--page"}, {latencyNames, f.isDelay, "--latency"},
		{[]string{"project"}, f.on || f.isPage, "--live or --page"}, {[]string{"against"}, f.on || f.isDelay, "--live or --latency"},
		{[]string{"rate"}, f.isPage || f.isDelay, "--page or --latency"}, {[]string{"seconds", "pairs"}, f.alive(), "--live, --page or --latency"}} {
		if i := slices.IndexFunc(of.names, cmd.Flags().Changed); i >= 0 && !of.on {
			return usage("bench --%s: it belongs to %s, which is missing", of.names[i], of.where)
		}
	}
	for _, two := range []struct {
		both  bool
		names string
	}{{f.on && f.isPage, "--live --page"}, {f.on && f.isDelay, "--live --latency"}, {f.isPage && f.isDelay, "--page --latency"}} {
		if two.both {
			return usage("bench %s: one is measured at a time, so leave one out", two.names)
		}
	}
	if f.alive() {
		for _, other := range []string{"events", "quick", "redis", "kafka"} {
			if cmd.Flags().Changed(other) && !(f.isDelay && other == "kafka") {
				return usage("bench --%s: it belongs to other measurements, so leave it out", other)
			}
		}
	}
	return nil
}

// alive reports that processes are measured which run.
func (f *liveFlags) alive() bool { return f.on || f.isPage || f.isDelay }

// benchAlive measures a project that runs alive, its page, or how long rows take.
func (a *app) benchAlive(cmd *cobra.Command, f *liveFlags, tell func(string), asJSON bool) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	window := time.Duration(f.seconds * float64(time.Second))
	if f.isDelay {
		return a.benchLatency(cmd, f, exe, window, tell, asJSON)
	}
	if f.isPage {
		c := f.page
		if !cmd.Flags().Changed("rate") {
			c.Rate = 50_000
		}
		c.Executable, c.Tell, c.Window, c.Pairs, c.Project = exe, tell, window, f.config.Pairs, f.config.Project
		if err := c.Validate(); err != nil {
			return usage("bench %v", err)
		}
		result, err := bench.RunPage(cmd.Context(), c)
		if err != nil {
			return err
		}
		return printFigures(a, result, asJSON)
	}
	c := f.config
	c.Executable, c.Tell, c.Window = exe, tell, window
	if err := c.Validate(); err != nil {
		return usage("bench %v", err)
	}
	result, err := bench.RunLive(cmd.Context(), c)
	if result != nil && len(result.Rates) > 0 {
		err = errors.Join(err, printFigures(a, result, asJSON))
	}
	return err
}

// benchLatency measures how long rows take.
func (a *app) benchLatency(cmd *cobra.Command, f *liveFlags, exe string, window time.Duration, tell func(string), asJSON bool) error {
	c := f.delay
	c.Executable, c.Against, c.Tell, c.Window, c.Pairs, c.Rate = exe, f.config.Against, tell, window, f.config.Pairs, f.page.Rate
	if !cmd.Flags().Changed("rate") {
		c.Rate = 10_000
	}
	if c.Kafka = a.kafka; c.Kafka == node.KafkaProject {
		return usage("bench --kafka: name the cluster that is to be measured, as in --kafka 127.0.0.1:9092")
	}
	if err := c.Validate(); err != nil {
		return usage("bench %v", err)
	}
	result, err := bench.RunLatency(cmd.Context(), c)
	if result != nil && len(result.Shapes) > 0 {
		err = errors.Join(err, printFigures(a, result, asJSON))
	}
	return err
}

// printFigures prints figures as text or as JSON.
func printFigures(a *app, figures interface{ Write(io.Writer) error }, asJSON bool) error {
	if asJSON {
		return printIndented(a, figures)
	}
	return figures.Write(a.out)
}
