package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

const second = int64(1e6)

// drawOracle draws a windowed query.
func drawOracle(t *rapid.T) enginetest.Oracle {
	o := enginetest.Oracle{FutureLimit: 60 * second, MinQ: int64(rapid.IntRange(0, 2).Draw(t, "minQ"))}
	o.Slide = second * int64(rapid.IntRange(1, 12).Draw(t, "slide"))
	o.Size = o.Slide
	if rapid.Bool().Draw(t, "hopping") {
		o.Size += second * int64(rapid.IntRange(0, 24).Draw(t, "more"))
	}
	o.Offset = second * int64(rapid.IntRange(0, int(o.Slide/second)-1).Draw(t, "offset"))
	o.Delay = second * int64(rapid.IntRange(0, 8).Draw(t, "delay"))
	o.Horizon = second * int64(rapid.SampledFrom([]int{0, 1, 5, 20, 3600}).Draw(t, "horizon"))
	return o
}

// drawEvents draws records in the order in which they arrive: out of order in time, some late, some
// from the future, some malformed.
func drawEvents(t *rapid.T, partitions int) []enginetest.Event {
	n := rapid.IntRange(0, 120).Draw(t, "events")
	now := int64(100)
	events := make([]enginetest.Event, n)
	for i := range events {
		now += int64(rapid.IntRange(0, 3).Draw(t, "step"))
		e := &events[i]
		e.Partition = rapid.IntRange(0, partitions-1).Draw(t, "partition")
		e.Append = now * second
		ts := now - int64(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5, 9, 30}).Draw(t, "behind"))
		if rapid.IntRange(0, 30).Draw(t, "odd") == 0 {
			ts = now + int64(rapid.SampledFrom([]int{60, 61, 500}).Draw(t, "ahead"))
		}
		fields := []string{fmt.Sprintf(`"ts": "1970-01-01T00:%02d:%02dZ"`, ts/60, ts%60)}
		if k := rapid.SampledFrom([]string{`"a"`, `"b"`, `""`, "null"}).Draw(t, "k"); k != "null" {
			fields = append(fields, `"k": `+k)
		}
		if id := rapid.IntRange(0, 30).Draw(t, "id"); id > 0 {
			fields = append(fields, fmt.Sprintf(`"id": "e%d"`, id))
		}
		fields = append(fields, fmt.Sprintf(`"u": "u%d"`, rapid.IntRange(0, 5).Draw(t, "u")))
		fields = append(fields, `"q": `+rapid.SampledFrom([]string{"0", "1", "2", "3", "2.0", `"2"`, "null", "3000000000"}).Draw(t, "q"))
		fields = append(fields, `"x": `+rapid.SampledFrom([]string{"0.25", "1.5", "7", "null", `"x"`}).Draw(t, "x"))
		e.Value = "{" + strings.Join(fields, ", ") + "}"
		if rapid.IntRange(0, 20).Draw(t, "malformed") == 0 {
			e.Value = rapid.SampledFrom([]string{"", "{", e.Value + "x", "[]", `{"ts": 5}`, `{"u": "u1"}`}).Draw(t, "text")
		}
	}
	return events
}

func projectOf(o enginetest.Oracle) string {
	return fmt.Sprintf(`
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, u STRING, q INT, x DOUBLE') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL %d SECONDS
WHERE t IS NOT NULL;

CREATE STREAMING TABLE answer AS
SELECT window.start AS window_start, window.end AS window_end, k, count(*) AS n, sum(q) AS sum_q, sum(x) AS sum_x,
       avg(x) AS avg_x, min(x) AS min_x, max(u) AS max_u, count(DISTINCT u) AS users
FROM STREAM event
WHERE q >= %d
GROUP BY window(t, '%d seconds', '%d seconds', '%d seconds'), k;

CREATE STREAMING TABLE chosen AS
SELECT u, q, t FROM STREAM event WHERE q >= %d;

CREATE TEMPORARY VIEW answer_json AS SELECT k AS key, to_json(struct(*)) AS value FROM STREAM answer;
`, o.Delay/second, o.MinQ, o.Size/second, o.Slide/second, o.Offset/second, o.MinQ)
}

var projectConfig = []string{
	"source.raw.format", "kafka", "source.raw.option.subscribe", "events",
	"sink.out.format", "kafka", "sink.out.from", "answer_json", "sink.out.option.topic", "answers",
	"nagare.watermark.futureLimit", "60 seconds",
}

func newBench(t testing.TB, o enginetest.Oracle, partitions int) *enginetest.Bench {
	config := projectConfig
	if o.Horizon > 0 {
		config = slices.Concat(config, []string{"nagare.topic.events.dedup", "id", "nagare.topic.events.dedupHorizon", fmt.Sprintf("%d seconds", o.Horizon/second)})
	}
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(o), config...)
	b.Topics["events"] = enginetest.NewLog(partitions)
	return b
}

// straight runs all events in one go.
func straight(t testing.TB, o enginetest.Oracle, partitions int, events []enginetest.Event) *enginetest.Bench {
	b := newBench(t, o, partitions)
	for _, e := range events {
		b.Topics["events"].Append(e.Partition, e.Append, nil, []byte(e.Value))
	}
	b.Topics["events"].Finish()
	b.Run(t, true)
	return b
}

// TestOracle compares random queries over random streams with the naive oracle.
func TestOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOracle(rt)
		partitions := rapid.IntRange(1, 4).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		want := o.Answer(events)
		b := straight(t, o, partitions, events)
		e := b.Open(t, false)
		defer e.Close()
		if diff := cmp.Diff(want.Rows, enginetest.Lines(t, e, "answer")); diff != "" && len(want.Rows) > 0 {
			rt.Fatalf("answer (-oracle +engine):\n%s", diff)
		}
		if diff := cmp.Diff(want.Ledger, e.Ledger().Tables["answer"]["events"]); diff != "" {
			rt.Fatalf("ledger (-oracle +engine):\n%s", diff)
		}
	})
}
