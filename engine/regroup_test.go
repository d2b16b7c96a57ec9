package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// TestRegroupedRowsAreTheBatchQuerys: what a table of windows gives when it is grouped once more as a stream is what the
// same query gives over its rows when all are there.
func TestRegroupedRowsAreTheBatchQuerys(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOracle(rt)
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		slide := rapid.IntRange(1, 20).Draw(rt, "slide")
		size := slide + rapid.IntRange(0, 40).Draw(rt, "more")
		time := rapid.SampledFrom([]string{"window_start", "window_end"}).Draw(rt, "time")
		query := fmt.Sprintf(`SELECT window.start AS s, k, count(*) AS c, sum(n) AS n, max(sum_q) AS q
FROM %%s GROUP BY window(%s, '%d seconds', '%d seconds'), k`, time, size, slide)
		text := projectOf(o) + "CREATE STREAMING TABLE again AS " +
			fmt.Sprintf(query, "STREAM answer WATERMARK "+time+" DELAY OF INTERVAL 3 SECONDS") + ";\n" +
			"CREATE MATERIALIZED VIEW batch AS " + fmt.Sprintf(query, "answer") + ";"
		b := enginetest.NewBench(t, &store.Memory{}, text, projectConfig...)
		b.Topics["events"] = enginetest.NewLog(partitions)
		for _, e := range events {
			b.Topics["events"].Append(e.Partition, e.Append, nil, []byte(e.Value))
		}
		b.Topics["events"].Finish()
		b.Run(t, true)
		e := b.Open(t, false)
		defer e.Close()
		if diff := cmp.Diff(enginetest.Lines(t, e, "batch"), enginetest.Lines(t, e, "again")); diff != "" {
			rt.Fatalf("%s (-batch +stream):\n%s", text, diff)
		}
	})
}
