package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// drawOrders draws records that carry elements: in time, late, from the future, without a time, of none to four.
func drawOrders(t *rapid.T, partitions int) []enginetest.Event {
	n := rapid.IntRange(0, 80).Draw(t, "events")
	now := int64(100)
	events := make([]enginetest.Event, n)
	instant := func(name string) string {
		ts := now - int64(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5, 9, 30}).Draw(t, name))
		switch rapid.IntRange(0, 40).Draw(t, "odd") {
		case 0:
			ts = now + int64(rapid.SampledFrom([]int{60, 61, 500}).Draw(t, "ahead"))
		case 1:
			return "null"
		}
		return fmt.Sprintf(`"1970-01-01T00:%02d:%02dZ"`, ts/60, ts%60)
	}
	for i := range events {
		now += int64(rapid.IntRange(0, 3).Draw(t, "step"))
		e := &events[i]
		e.Partition = rapid.IntRange(0, partitions-1).Draw(t, "partition")
		e.Append = now * second
		items := enginetest.ItemsJSON(rapid.IntRange(0, 4).Draw(t, "items"), func(int) string {
			return enginetest.ElementJSON(instant("at"), int64(rapid.IntRange(0, 4).Draw(t, "n")), rapid.SampledFrom([]string{`"a"`, `"b"`, "null"}).Draw(t, "s"))
		})
		if rapid.IntRange(0, 12).Draw(t, "none") == 0 {
			items = `"items": null`
		}
		e.Value = `{"ts": ` + instant("ts") + ", " + items + "}"
		if rapid.IntRange(0, 30).Draw(t, "malformed") == 0 {
			e.Value = "{"
		}
	}
	return events
}

// ordersProject is the oracle's query, written in each of the ways in which a generator can stand.
func ordersProject(o enginetest.ExplodeOracle, form int) string {
	outer, name := "", "inline"
	if o.Outer {
		outer, name = "OUTER ", "inline_outer"
	}
	from := []string{
		"SELECT %[1]s, " + name + "(items) FROM %[2]s",
		"SELECT %[1]s, at, n, s FROM %[2]s LATERAL VIEW " + outer + "inline(items) i",
		"SELECT %[1]s, i.at, i.n, i.s FROM %[2]s LATERAL VIEW " + outer + "posexplode(items) x AS p, i",
		"SELECT %[1]s, e.at, e.n, e.s FROM %[2]s, LATERAL " + name + "(items) AS e",
		"SELECT %[1]s, i.at, i.n, i.s FROM %[2]s LATERAL VIEW " + outer + "explode(items) x AS i LATERAL VIEW explode(array(1, 2)) y AS twice WHERE twice = 2",
	}[form]
	parsed := "(SELECT try_to_timestamp(e.ts) AS t, e.items FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, items ARRAY<STRUCT<at: STRING, n: INT, s: STRING>>') AS e FROM STREAM raw))"
	mark := fmt.Sprintf("DELAY OF INTERVAL %d SECONDS", o.Delay/second)
	view := fmt.Sprintf(from, "t AS time", parsed+" WATERMARK t "+mark)
	if o.Inner {
		view = fmt.Sprintf("SELECT * EXCEPT (at), at AS time FROM (SELECT try_to_timestamp(at) AS at, n, s FROM ("+from+")) WATERMARK at "+mark, "1 AS one", parsed)
	}
	return fmt.Sprintf(`
CREATE TEMPORARY VIEW item AS %s;
CREATE STREAMING TABLE answer AS
SELECT window.start AS window_start, s, count(*) AS n, sum(n) AS total FROM STREAM item WHERE n >= %d
GROUP BY window(time, '%d seconds', '%d seconds', '%d seconds'), s;
CREATE STREAMING TABLE chosen AS SELECT time, s, n FROM STREAM item WHERE n >= %[2]d;
CREATE STREAMING TABLE again AS SELECT s, part FROM STREAM answer LATERAL VIEW explode(sequence(1, n)) p AS part;
CREATE TEMPORARY VIEW again_json AS SELECT s AS key, to_json(struct(*)) AS value FROM STREAM again;
`, view, o.Min, o.Size/second, o.Slide/second, o.Offset/second)
}

func drawExplodeOracle(t *rapid.T) enginetest.ExplodeOracle {
	return enginetest.ExplodeOracle{Oracle: drawOracle(t), Inner: rapid.Bool().Draw(t, "inner"), Outer: rapid.Bool().Draw(t, "outer"),
		Min: int64(rapid.IntRange(0, 2).Draw(t, "min"))}
}

var ordersConfig = []string{
	"source.raw.format", "kafka", "source.raw.option.subscribe", "events",
	"sink.out.format", "kafka", "sink.out.from", "again_json", "sink.out.option.topic", "parts",
	"nagare.watermark.futureLimit", "60 seconds",
}

// TestExplodeOracle compares windows over the elements of arrays with the naive oracle: rows and ledger,
// however the generator is written, with the watermark below it and above it.
func TestExplodeOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawExplodeOracle(rt)
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawOrders(rt, partitions)
		want := o.Answer(events)
		b := enginetest.NewBench(t, &store.Memory{}, ordersProject(o, rapid.IntRange(0, 4).Draw(rt, "form")), ordersConfig...)
		b.Topics["events"] = enginetest.NewLog(partitions)
		fill(b, events)
		b.Topics["events"].Finish()
		b.Run(t, true)
		e := b.Open(t, false)
		defer e.Close()
		if diff := cmp.Diff(want.Rows, enginetest.Lines(t, e, "answer")); diff != "" && len(want.Rows) > 0 {
			rt.Fatalf("answer (-oracle +engine):\n%s", diff)
		}
		if diff := cmp.Diff(want.Ledger, e.Ledger().Tables["answer"]["events"]); diff != "" {
			rt.Fatalf("ledger (-oracle +engine):\n%s", diff)
		}
		total := 0
		for _, line := range want.Rows {
			var n int
			_, _ = fmt.Sscanf(line[lastCommas(line, 2)+1:], "%d", &n)
			total += n
		}
		if got := len(enginetest.Lines(t, e, "again")); got != total {
			rt.Fatalf("the table that explodes final rows has %d rows, not %d", got, total)
		}
	})
}

// lastCommas is the place of the n-th comma from the end.
func lastCommas(line string, n int) int {
	for i := len(line) - 1; i >= 0; i-- {
		if line[i] == ',' {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}
