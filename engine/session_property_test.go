package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// sessionProject is the queries of a SessionOracle.
func sessionProject(o enginetest.SessionOracle) string {
	gap := "concat(q, ' seconds')"
	if o.Gap > 0 {
		gap = fmt.Sprintf("'%d microseconds'", o.Gap)
	}
	return fmt.Sprintf(`
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, u STRING, q INT') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL %d SECONDS
WHERE t IS NOT NULL AND q IS NOT NULL;
CREATE STREAMING TABLE answer AS
SELECT session_window.start AS s, session_window.end AS e, k, count(*) AS n, sum(q) AS q, max(u) AS u FROM STREAM event GROUP BY session_window(t, %s), k;
CREATE STREAMING TABLE moments AS SELECT DISTINCT k, t FROM STREAM event;
`, o.Delay/second, gap)
}

// TestSessionOracle compares sessions and DISTINCT over random streams with the naive oracle, read at once and in steps
// with restarts.
func TestSessionOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := enginetest.SessionOracle{FutureLimit: 60 * second, Delay: second * int64(rapid.IntRange(0, 8).Draw(rt, "delay")),
			Gap: int64(rapid.SampledFrom([]int{0, 500_000, 1_000_000, 2_000_000, 3_500_000, 7_000_000, 12_000_000}).Draw(rt, "gap"))}
		partitions := rapid.IntRange(1, 4).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		want := o.Answer(events)
		moments, count := o.DistinctRows(events)
		b := enginetest.NewBench(t, &store.Memory{}, sessionProject(o), "source.raw.format", "kafka", "source.raw.option.subscribe", "events", "nagare.watermark.futureLimit", "60 seconds")
		b.Topics["events"] = enginetest.NewLog(partitions)
		b.BatchRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "batchRows")
		for rest := interleave(rt, events, partitions); len(rest) > 0; {
			n := min(len(rest), rapid.SampledFrom([]int{1, 30, 1000}).Draw(rt, "chunk"))
			fill(b, rest[:n])
			rest = rest[n:]
			b.Topics["events"].Finish()
			b.Run(t, len(rest) == 0)
		}
		e := b.Open(t, false)
		defer e.Close()
		if len(events) == 0 {
			return
		}
		compare := func(table string, want []string) {
			got := enginetest.Lines(t, e, table)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
				rt.Fatalf("%s (-oracle +engine):\n%s", table, diff)
			}
		}
		compare("answer", want.Rows)
		compare("moments", moments)
		if diff := cmp.Diff(want.Ledger, e.Ledger().Tables["answer"]["events"]); diff != "" {
			rt.Fatalf("ledger (-oracle +engine):\n%s", diff)
		}
		if diff := cmp.Diff(count, e.Ledger().Tables["moments"]["events"]); diff != "" {
			rt.Fatalf("ledger of moments (-oracle +engine):\n%s", diff)
		}
	})
}
