package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/bench"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

const benchLong = `Makes purchase events in a temporary folder and measures, in one run: a hand-written program for the same
queries, the tutorial's three queries from a file and from a durable topic, durable append, memory, and the cost of
an event for few and many events and keys. Takes some minutes and 10 GB of disk; --quick some seconds and 1 GB.

--redis measures something else, alone: what the purchase project loses while its Redis is down, hangs, is slow, full,
a replica or loading, against runs with a healthy one, in turns.

--nexmark measures the queries of the Nexmark benchmark, as the project nexmark that ships has them, one at a time over
a file of --events (1,000,000) events: people, auctions and bids in the benchmark's own shares, with its hot sellers,
auctions and bidders, one event of ten late by up to 3 seconds. An answer that is a view is computed once, at the end.

--live measures a project that runs alive, as a process of its own that is looked at from outside, at each of --rates:
processor time, memory, syncs a second (by strace, where it is), bytes written, context switches, and the time from
when an event is due to its row in an output topic. A backlog is written and read first; what is measured begins when
the process says that nothing waits. --against has another program measured in turns with this one, --without this one
without its alerts or without watching itself. Needs Linux, and takes about a minute a run; rate 0 is an idle process.

--page measures what it costs that people look: records taken in with --clients that follow updates, --stalled of them
taking nothing, and --slow connections, against without them in turns; and the processor time of one client that has the
overview open, and of a second one, in rounds of six windows. On a machine that does other things, too, take more --pairs.

--latency measures, on the cluster that --kafka names, the time from when a row is handed to a client of Kafka, which
notes it in a header, to when its result is read from another topic: --rate rows a second of --row-bytes each, without
state and through windows in outputMode update, --against another program if you like. Needs Linux.`

const benchExample = `  nagare bench
  nagare bench --quick
  nagare bench --events 5000000 --json
  nagare bench --kafka 127.0.0.1:9092
  nagare bench --redis
  nagare bench --nexmark --query q5,q8
  nagare bench --live --rates 10,1000
  nagare bench --live --against ./nagare-of-yesterday --pairs 5
  nagare bench --live --without alerts,monitor --rates 10,10000 --json
  nagare bench --page --seconds 10 --pairs 10
  nagare bench --latency --kafka 127.0.0.1:9092 --pairs 1`

func (a *app) benchCommand() *cobra.Command {
	var cfg bench.Config
	var live liveFlags
	var queries nexmarkFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: rates, memory and cost per event, beside a hand-written bound",
		Long:  benchLong, Example: benchExample,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Events < 0 || cmd.Flags().Changed("events") && cfg.Events < 1000 {
				return usage("bench --events %d: at least 1000 are needed for a figure", cfg.Events)
			}
			begin := time.Now()
			tell := func(step string) { fmt.Fprintf(a.err, "%5.1f s  %s\n", time.Since(begin).Seconds(), step) }
			if err := live.misplaced(cmd); err != nil {
				return err
			}
			if err := queries.misplaced(cmd); err != nil {
				return err
			}
			if live.alive() {
				return a.benchAlive(cmd, &live, tell, asJSON)
			}
			cfg.Load = func(dir string) (*plan.Pipeline, error) {
				p, err := mustLoad(dir)
				if err != nil {
					return nil, err
				}
				return p.pipeline, nil
			}
			if queries.on {
				return a.benchNexmark(cmd, &queries, cfg.Events, cfg.Load, tell, asJSON)
			}
			cfg.Tell = tell
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			cfg.Executable = exe
			if cfg.Kafka = a.kafka; cfg.Kafka == node.KafkaProject {
				return usage("bench --kafka: name the cluster that is to be measured, as in --kafka 127.0.0.1:9092")
			}
			result, err := bench.Run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return printFigures(a, result, asJSON)
		},
	}
	cmd.Flags().Int64Var(&cfg.Events, "events", 0, "events of the file (default 2,000,000, with --nexmark 1,000,000, with --redis 500,000, with --quick 200,000)")
	cmd.Flags().BoolVar(&cfg.Quick, "quick", false, "fewer events and shorter series")
	cmd.Flags().BoolVar(&cfg.Redis, "redis", false, "measure what a Redis in trouble costs, and nothing else")
	live.add(cmd)
	queries.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the figures as JSON")
	return cmd
}
