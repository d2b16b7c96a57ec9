package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/store"
)

// unionProject is the oracle's query over two topics, whose events have delays of their own.
func unionProject(o enginetest.Oracle, delays [2]int64) string {
	view := `
CREATE TEMPORARY VIEW %[1]s AS
SELECT * FROM (
  SELECT e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, u STRING, q INT, x DOUBLE') AS e FROM STREAM %[1]s_raw)
) WATERMARK t DELAY OF INTERVAL %[2]d SECONDS;`
	return fmt.Sprintf(view, "a", delays[0]/second) + fmt.Sprintf(view, "b", delays[1]/second) + fmt.Sprintf(`
CREATE STREAMING TABLE answer AS
SELECT window.start AS window_start, window.end AS window_end, k, count(*) AS n, sum(q) AS sum_q, sum(x) AS sum_x,
       avg(x) AS avg_x, min(x) AS min_x, max(u) AS max_u, count(DISTINCT u) AS users
FROM (SELECT * FROM STREAM a UNION ALL SELECT * FROM STREAM b)
WHERE q >= %d
GROUP BY window(t, '%d seconds', '%d seconds', '%d seconds'), k;
CREATE STREAMING TABLE chosen AS SELECT u, q FROM STREAM a WHERE q >= %[1]d UNION ALL SELECT u, q FROM STREAM b WHERE q >= %[1]d;`,
		o.MinQ, o.Size/second, o.Slide/second, o.Offset/second)
}

// TestUnionOracle compares windows over UNION ALL of two topics with the naive oracle, to which a topic is but
// partitions with a delay of their own.
func TestUnionOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOracle(rt)
		o.Horizon = 0
		parts := [2]int{rapid.IntRange(1, 3).Draw(rt, "partitions of a"), rapid.IntRange(1, 3).Draw(rt, "partitions of b")}
		delays := [2]int64{o.Delay, second * int64(rapid.IntRange(0, 8).Draw(rt, "other delay"))}
		for topic, n := range parts {
			for range n {
				o.Delays = append(o.Delays, delays[topic])
			}
		}
		events := drawEvents(rt, parts[0]+parts[1])
		want := o.Answer(events)
		b := enginetest.NewBench(t, &store.Memory{}, unionProject(o, delays),
			"source.a_raw.format", "kafka", "source.a_raw.option.subscribe", "a", "source.b_raw.format", "kafka", "source.b_raw.option.subscribe", "b",
			"nagare.watermark.futureLimit", "60 seconds")
		b.Topics["a"], b.Topics["b"] = enginetest.NewLog(parts[0]), enginetest.NewLog(parts[1])
		half := rapid.IntRange(0, len(events)).Draw(rt, "restart")
		for i, e := range events {
			if i == half {
				b.Topics["a"].Finish()
				b.Topics["b"].Finish()
				b.Run(t, false)
			}
			topic, p := b.Topics["a"], e.Partition
			if p >= parts[0] {
				topic, p = b.Topics["b"], p-parts[0]
			}
			topic.Append(p, e.Append, nil, []byte(e.Value))
		}
		b.Topics["a"].Finish()
		b.Topics["b"].Finish()
		b.Run(t, true)
		e := b.Open(t, false)
		defer e.Close()
		if diff := cmp.Diff(want.Rows, enginetest.Lines(t, e, "answer")); diff != "" && len(want.Rows) > 0 {
			rt.Fatalf("answer (-oracle +engine):\n%s", diff)
		}
		var sum ledger.Count
		for _, c := range e.Ledger().Tables["answer"] {
			sum.Add(c)
		}
		if diff := cmp.Diff(want.Ledger, sum); diff != "" {
			rt.Fatalf("ledger (-oracle +engine):\n%s", diff)
		}
		if got, want := len(enginetest.Lines(t, e, "chosen")), want.Ledger.Counted+want.Ledger.Late; int64(got) != want {
			rt.Fatalf("the table of rows has %d, not %d", got, want)
		}
	})
}
