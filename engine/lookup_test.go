package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// A tableRow is a row of a table that a stream is joined with.
type tableRow struct {
	k     string // "": NULL
	n     int64
	s     string // "": NULL
	least int64
}

func drawTable(t *rapid.T) (rows []tableRow) {
	for range rapid.IntRange(0, 8).Draw(t, "rows of the table") {
		rows = append(rows, tableRow{k: rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "k"), n: int64(rapid.IntRange(0, 4).Draw(t, "n")),
			s: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "s"), least: int64(rapid.IntRange(0, 3).Draw(t, "least"))})
	}
	return rows
}

func tableText(rows []tableRow) string {
	text := func(s string) string {
		if s == "" {
			return "NULL"
		}
		return "'" + s + "'"
	}
	list := []string{"('none', 0, 'none', 0)"} // for the types
	for _, r := range rows {
		list = append(list, fmt.Sprintf("(%s, %d, %s, %d)", text(r.k), r.n, text(r.s), r.least))
	}
	return "SELECT * FROM VALUES " + strings.Join(list, ", ") + " AS v(k, n, s, least) WHERE k IS DISTINCT FROM 'none'"
}

// A tableJoin is a join of the test: how it is written, and which rows of the table it gives a key and a number.
type tableJoin struct {
	outer, rest, comma, mirrored bool
}

func (j tableJoin) matches(rows []tableRow, k string, q int64) (elements []string) {
	for _, r := range rows {
		if r.k != "" && r.k == k && (!j.rest || r.least <= q) {
			s := "null"
			if r.s != "" {
				s = `"` + r.s + `"`
			}
			elements = append(elements, enginetest.ElementJSON("null", r.n, s))
		}
	}
	return elements
}

func (j tableJoin) text() string {
	on := "e.k = d.k"
	if j.rest {
		on += " AND least <= q"
	}
	switch {
	case j.outer && j.mirrored:
		return "d RIGHT JOIN STREAM event AS e ON " + on
	case j.outer:
		return "STREAM event AS e LEFT JOIN d ON " + on
	case j.comma && j.mirrored:
		return "d, STREAM event AS e WHERE " + on
	case j.comma:
		return "STREAM event AS e, d WHERE " + on
	case j.mirrored:
		return "d JOIN STREAM event AS e ON " + on
	}
	return "STREAM event AS e JOIN d ON " + on
}

func joinProject(o enginetest.ExplodeOracle, j tableJoin, rows []tableRow) string {
	return fmt.Sprintf(`
CREATE MATERIALIZED VIEW d AS %s;
CREATE TEMPORARY VIEW event AS
SELECT try_to_timestamp(e.ts) AS t, e.k, e.q FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT') AS e FROM STREAM raw);
CREATE TEMPORARY VIEW item AS SELECT * FROM (SELECT t, n, s FROM %s) WATERMARK t DELAY OF INTERVAL %d SECONDS;
CREATE TEMPORARY VIEW below AS SELECT * FROM STREAM event WATERMARK t DELAY OF INTERVAL %[3]d SECONDS;
CREATE STREAMING TABLE answer AS
SELECT window.start AS window_start, s, count(*) AS n, sum(n) AS total FROM (SELECT t, n, s FROM %s) WHERE n >= %d
GROUP BY window(t, '%d seconds', '%d seconds', '%d seconds'), s;
CREATE STREAMING TABLE chosen AS SELECT t, s, n FROM STREAM item WHERE n >= %[5]d;`,
		tableText(rows), j.text(), o.Delay/second, strings.ReplaceAll(j.text(), "STREAM event", "STREAM below"), o.Min, o.Size/second, o.Slide/second, o.Offset/second)
}

// TestJoinTableOracle compares windows over a stream joined with a table that does not change with the naive oracle: rows
// and ledger, however the join is written, over a restart. To the oracle a record carries its matches.
func TestJoinTableOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawExplodeOracle(rt)
		o.Inner = false
		j := tableJoin{outer: o.Outer, rest: rapid.Bool().Draw(rt, "rest"), comma: rapid.Bool().Draw(rt, "comma"), mirrored: rapid.Bool().Draw(rt, "mirrored")}
		rows := drawTable(rt)
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawOrders(rt, partitions)
		expected := make([]enginetest.Event, len(events))
		for i := range events {
			e := &events[i]
			if e.Value == "{" {
				expected[i] = *e
				continue
			}
			ts, _, _ := strings.Cut(strings.TrimPrefix(e.Value, `{"ts": `), ",")
			k, q := rapid.SampledFrom([]string{"", "a", "b", "c", "e"}).Draw(rt, "key"), int64(rapid.IntRange(0, 3).Draw(rt, "q"))
			key := "null"
			if k != "" {
				key = `"` + k + `"`
			}
			matches := j.matches(rows, k, q)
			expected[i] = *e
			expected[i].Value = `{"ts": ` + ts + ", " + enginetest.ItemsJSON(len(matches), func(i int) string { return matches[i] }) + "}"
			e.Value = fmt.Sprintf(`{"ts": %s, "k": %s, "q": %d}`, ts, key, q)
		}
		want := o.Answer(expected)
		b := enginetest.NewBench(t, &store.Memory{}, joinProject(o, j, rows), "source.raw.format", "kafka", "source.raw.option.subscribe", "events",
			"nagare.watermark.futureLimit", "60 seconds")
		b.Topics["events"] = enginetest.NewLog(partitions)
		half := rapid.IntRange(0, len(events)).Draw(rt, "restart")
		fill(b, events[:half])
		b.Topics["events"].Finish()
		b.Run(t, false)
		fill(b, events[half:])
		b.Run(t, true)
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

// joinedQueries is a tumbling aggregate, and the same with columns of tables among its keys: one match a row, several,
// and a condition beside the equality.
var joinedQueries = map[string]string{
	"tumbling": "FROM STREAM purchase GROUP BY window(ts, '1 minute'), category",
	"one":      "FROM STREAM purchase JOIN regions USING (region) GROUP BY window(ts, '1 minute'), category, place",
	"outer":    "FROM STREAM purchase LEFT JOIN regions USING (region) GROUP BY window(ts, '1 minute'), category, place",
	"several":  "FROM STREAM purchase JOIN grades USING (region) GROUP BY window(ts, '1 minute'), category, grade",
	"rest":     "FROM STREAM purchase AS p JOIN grades AS g ON p.region = g.region AND quantity >= least GROUP BY window(ts, '1 minute'), category, grade",
	"among":    "FROM STREAM purchase WHERE region IN (SELECT region FROM regions) GROUP BY window(ts, '1 minute'), category",
}

func joinedProject(name, regions string) string {
	i := strings.Index(threeQueries, "CREATE STREAMING")
	return threeQueries[:i] + fmt.Sprintf(`
CREATE MATERIALIZED VIEW regions AS SELECT region, concat('place ', region) AS place FROM VALUES %[1]s AS t(region);
CREATE MATERIALIZED VIEW grades AS SELECT region, grade, least FROM regions CROSS JOIN VALUES ('low', 1), ('high', 3) AS g(grade, least);
CREATE STREAMING TABLE answer AS SELECT count(*) AS orders, sum(final_amount) AS total %s;`, regions, joinedQueries[name])
}

// BenchmarkJoinTable has the tumbling aggregate beside the same one over rows joined with a table.
func BenchmarkJoinTable(b *testing.B) {
	const n = 200_000
	source, size := benchEvents(b, n, 2)
	for _, name := range []string{"tumbling", "one", "outer", "several", "rest", "among"} {
		b.Run(name, func(b *testing.B) {
			text := joinedProject(name, "('Tokyo'), ('Osaka'), ('Nagoya'), ('Fukuoka'), ('Sapporo')")
			bench := enginetest.NewBench(b, nil, text, "source.raw.format", "kafka", "source.raw.option.subscribe", "events")
			b.ReportAllocs()
			b.SetBytes(size)
			b.ResetTimer()
			for b.Loop() {
				bench.Store = &store.Memory{}
				opt := bench.Options()
				opt.Source = func(string) (record.Source, error) { return source, nil }
				opt.Log = func(_ string, p int) (record.Log, error) { return nowhere{enginetest.NewLog(p)}, nil }
				opt.Ephemeral, opt.CloseWindows = true, true
				e, err := engine.Open(context.Background(), opt)
				if err != nil {
					b.Fatal(err)
				}
				if err := e.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}

// TestJoinTableAllocatesNothing runs each kind of join over windows that stay the same.
func TestJoinTableAllocatesNothing(t *testing.T) {
	for name := range joinedQueries {
		t.Run(name, func(t *testing.T) {
			const perRound, rounds = 20_000, 4
			s := &repeatingSource{Log: enginetest.NewLog(1), batches: minuteOfEvents(perRound), rounds: warmup + rounds, each: func() {}}
			b := enginetest.NewBench(t, forgetfulStore{&store.Memory{}}, joinedProject(name, "('r0'), ('r1'), ('r2'), ('r3'), ('r4')"),
				"source.raw.format", "kafka", "source.raw.option.subscribe", "events")
			opt := b.Options()
			opt.Source = func(string) (record.Source, error) { return s, nil }
			opt.Log = func(_ string, p int) (record.Log, error) { return nowhere{enginetest.NewLog(p)}, nil }
			e, err := engine.Open(context.Background(), opt)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if perEvent := float64(s.allocs) / float64(s.events); s.events < 50_000 || perEvent >= 0.01 {
				t.Errorf("%d allocations for %d events, expected fewer than 1 for 100 events", s.allocs, s.events)
			}
			c := e.Ledger().Tables["answer"]["events"]
			if !c.Balanced() || c.Counted == 0 || (name == "one" || name == "among") && c.Filtered == 0 {
				t.Errorf("the ledger says %+v", c)
			}
		})
	}
}

// TestJoinTableHasALimit has a table grow past the memory that queries may hold: the error names the limit.
func TestJoinTableHasALimit(t *testing.T) {
	b := enginetest.NewBench(t, &store.Memory{}, `CREATE STREAMING TABLE answer AS
SELECT x FROM STREAM raw JOIN (SELECT a * b AS x FROM (SELECT explode(sequence(1, 1000)) AS a) CROSS JOIN (SELECT explode(sequence(1, 1000000)) AS b)) ON offset = x;`,
		"source.raw.format", "kafka", "source.raw.option.subscribe", "events")
	b.Topics["events"] = enginetest.NewLog(1)
	opt := b.Options()
	opt.Queries = batch.NewBudget(batch.Limits{Memory: 8 << 20, Running: 1, Working: 1, Waiting: 1})
	e, err := engine.Open(context.Background(), opt)
	if err == nil {
		e.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "that answer joins with") || !strings.Contains(err.Error(), "nagare.query.memory") {
		t.Fatalf("a table of a billion rows gives %v", err)
	}
}
