package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// updateText is beside projectOf: sinks that get open windows by way of a table of rows, with keys that
// hold every grouping column.
const updateText = `
CREATE STREAMING TABLE some AS SELECT window_start, k, n, sum_x, users FROM STREAM answer WHERE n %% %d <> 1;
CREATE TEMPORARY VIEW live AS SELECT concat(window_start, '|', coalesce(k, '-')) AS key, to_json(struct(*)) AS value FROM STREAM some;
CREATE TEMPORARY VIEW moving AS SELECT concat(window_start, '|', n, '|', coalesce(k, '-')) AS key, CAST(n AS STRING) AS field, n AS value FROM STREAM some;
CREATE TEMPORARY VIEW newest AS SELECT coalesce(u, '-') AS key, to_json(struct(*)) AS value, t AS time FROM STREAM chosen;
CREATE TEMPORARY VIEW members AS SELECT CAST(window_start AS STRING) AS key, coalesce(k, '-') AS member, n AS score FROM STREAM answer;
`

var updateConfig = append([]string{
	"sink.live.format", "kafka", "sink.live.from", "live", "sink.live.option.topic", "live", "sink.live.option.outputMode", "update",
	"sink.cached.format", "redis", "sink.cached.from", "live", "sink.cached.option.outputMode", "update",
	"sink.moving.format", "redis", "sink.moving.from", "moving", "sink.moving.option.outputMode", "update",
	"sink.newest.format", "redis", "sink.newest.from", "newest",
	"sink.members.format", "redis", "sink.members.from", "members", "sink.members.option.outputMode", "update",
}, projectConfig...)

func updateBench(t testing.TB, o enginetest.Oracle, partitions, odd int) *enginetest.Bench {
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(o)+fmt.Sprintf(updateText, odd), updateConfig...)
	b.Topics["events"] = enginetest.NewLog(partitions)
	return b
}

// expected is what the sinks hold when they hold everything, computed as a batch from the tables.
func expected(t testing.TB, e *engine.Engine, odd int) (live, members, moving map[string]string) {
	t.Helper()
	live, members, moving = map[string]string{}, map[string]string{}, map[string]string{}
	for _, from := range []string{"answer", "`answer$open`"} {
		query(t, e, fmt.Sprintf(`SELECT concat(window_start, '|', coalesce(k, '-')), to_json(struct(window_start, k, n, sum_x, users)) FROM %s WHERE n %% %d <> 1`, from, odd), live)
		query(t, e, fmt.Sprintf("SELECT concat(window_start, '|', n, '|', coalesce(k, '-'), '/', n), CAST(n AS STRING) FROM %s WHERE n %% %d <> 1", from, odd), moving)
		query(t, e, "SELECT concat(window_start, '/', coalesce(k, '-')), CAST(n AS STRING) FROM "+from, members)
	}
	return live, members, moving
}

func query(t testing.TB, e *engine.Engine, text string, into map[string]string) {
	t.Helper()
	err := e.Query(context.Background(), text, func(b *column.Batch) error {
		for _, i := range b.Sel {
			into[string(b.Cols[0].Bytes(int(i)))] = string(b.Cols[1].Bytes(int(i)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPreviews: whatever the batches, restarts and crashes, a sink with outputMode update has of each
// window what the table has of it, final or open; a cache no row that a WHERE or HAVING has let go again. In a
// topic those stay as they were, so that it is compared where there are rows.
func TestPreviews(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o, odd := drawOracle(rt), rapid.IntRange(1, 3).Draw(rt, "odd")
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		b := updateBench(t, o, partitions, odd)
		topic := b.Topics["events"]
		topic.ReadRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "readRows")
		b.BatchRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "batchRows")
		compare := func() {
			e := b.Open(t, false)
			defer e.Close()
			live, members, moving := expected(t, e, odd)
			differ(rt, "live", live, b.Sinks["live"].Latest(), odd == 1)
			differ(rt, "cached", live, b.Caches["cached"].Values(), true)
			differ(rt, "moving", moving, b.Caches["moving"].Values(), true)
			differ(rt, "members", members, b.Caches["members"].Values(), true)
		}
		for len(events) > 0 {
			n := min(len(events), rapid.IntRange(1, 40).Draw(rt, "chunk"))
			fill(b, events[:n])
			events = events[n:]
			topic.Finish()
			switch rapid.IntRange(0, 3).Draw(rt, "crash") {
			case 0:
				crash(t, b)
			case 1:
				crashAtCommit(t, b, rapid.IntRange(1, 5).Draw(rt, "commit"), rapid.Bool().Draw(rt, "applied"))
			}
			refilled(t, b, odd != 1)
			compare()
		}
		topic.Finish()
		b.Run(t, true)
		compare()
	})
}

// differ compares what a sink has with what it should have; not all: it may have more.
func differ(t enginetest.Fataler, sink string, want, got map[string]string, all bool) {
	t.Helper()
	if !all {
		maps.DeleteFunc(got, func(key, _ string) bool { _, ok := want[key]; return !ok })
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-tables +sink):\n%s", sink, diff)
	}
}

// refilled runs an engine to the end of the topics on caches that have lost everything, and checks those of
// rows, which come from the topics, by the way. With more, a sink may have open rows that its table lost.
func refilled(t testing.TB, b *enginetest.Bench, more bool) {
	t.Helper()
	b.Topics["events"].Resume()
	opt := b.Options()
	opt.Once = false
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	fills := map[string]int{}
	for name, c := range b.Caches {
		fills[name] = c.Fills()
		c.Lose()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	if err := e.CaughtUp(ctx); err != nil {
		t.Fatal(err)
	}
	for name, c := range b.Caches {
		c.AwaitFill(fills[name])
	}
	settle := func() {
		t.Helper()
		for range 2 { // rows may be on their way when the first is taken
			if err := e.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
			if err := e.Delivered(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	settle()
	newest := map[string]string{}
	query(t, e, "SELECT coalesce(u, '-'), to_json(struct(max(t) AS t)) FROM chosen GROUP BY u", newest)
	for again := range 2 {
		for u, v := range b.Caches["newest"].Values() {
			if want := strings.TrimPrefix(newest[u], "{"); newest[u] == "" || !strings.HasSuffix(v, want) {
				t.Errorf("newest of %s is %s, want one with %s; filled again: %d", u, v, want, again)
			}
		}
		before := map[string]map[string]string{}
		for name, c := range b.Caches {
			before[name] = c.Values()
			n := c.Fills()
			c.Lose()
			c.AwaitFill(n)
		}
		settle()
		for name, c := range b.Caches {
			if diff := cmp.Diff(slices.Sorted(maps.Keys(before[name])), slices.Sorted(maps.Keys(c.Values()))); diff != "" && !(more && name == "cached") {
				t.Errorf("places of %s (-before +filled again):\n%s", name, diff)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestManyPreviews: more open groups than a sink is given at once all get there, a part behind each
// checkpoint.
func TestManyPreviews(t *testing.T) {
	b := updateBench(t, plainOracle, 2, 1)
	const n = 10_000
	for i := range n {
		b.Topics["events"].Append(i%2, second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:00:01Z", "k": "k%d", "u": "u", "q": 1, "x": 0.5}`, i))
	}
	b.Topics["events"].Finish()
	b.Run(t, false)
	if got := len(b.Sinks["live"].Latest()); got != n {
		t.Errorf("the sink has %d of %d groups", got, n)
	}
}

// TestSlowPreviews: a sink that does not take rows of open windows is not given others, and holds back
// nothing but itself.
func TestSlowPreviews(t *testing.T) {
	b := updateBench(t, plainOracle, 1, 1)
	opt := b.Options()
	opt.Once = false
	held := &heldSink{Log: enginetest.NewLog(64), let: make(chan struct{})}
	sink := opt.Sink
	opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
		if def.Name == "live" {
			return held, nil
		}
		return sink(def)
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	for i := range 50 {
		b.Topics["events"].Append(0, second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:00:01Z", "k": "a", "u": "u", "q": %d, "x": 0.5}`, i))
		if err := e.CaughtUp(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if st := e.Status(); st.Events != 50 {
		t.Errorf("%d events of 50 are read", st.Events)
	}
	close(held.let)
	for range 2 {
		if err := e.Delivered(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Delivered(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(held.Values(0)); n != 2 {
		t.Errorf("the sink was given %d rows: want the first and the newest", n)
	}
	live, _, _ := expected(t, e, 1)
	if diff := cmp.Diff(live, held.Latest()); diff != "" {
		t.Error(diff)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	e.Close()
}

// A heldSink takes no rows of open windows until it is let.
type heldSink struct {
	*enginetest.Log
	let chan struct{}
}

func (h *heldSink) Update(ctx context.Context, out *record.Rows) error {
	select {
	case <-h.let:
		return h.Log.Update(ctx, out)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestRefillAges: a refill gives what lives and nothing older; the rows of a window are as old as its
// end, or as the record that let it close.
func TestRefillAges(t *testing.T) {
	text := projectOf(plainOracle) + `
CREATE TEMPORARY VIEW windows AS SELECT CAST(unix_timestamp(window_end) AS STRING) AS key, n AS value FROM STREAM answer;
CREATE TEMPORARY VIEW rows AS SELECT u AS key, q AS value FROM STREAM chosen;`
	config := append([]string{"sink.windows.format", "redis", "sink.windows.from", "windows", "sink.windows.option.ttl", "100 seconds",
		"sink.rows.format", "redis", "sink.rows.from", "rows", "sink.rows.option.ttl", "30 seconds"}, projectConfig...)
	b := enginetest.NewBench(t, &store.Memory{}, text, config...)
	b.Topics["events"] = enginetest.NewLog(1)
	b.Clock.Store(1)
	send := func(ts, at int64) {
		b.Topics["events"].Append(0, at*second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:%02d:%02dZ", "k": "a", "u": "u%d", "q": %d, "x": 0.5}`, ts/60, ts%60, ts, ts))
		b.Topics["events"].Finish()
		b.Run(t, false)
	}
	for _, c := range []struct {
		events, after []int64 // their times, and how much later they come
		now           int64
		windows, rows map[string]int64
	}{
		{[]int64{5, 15, 25}, []int64{0, 0, 0}, 50, map[string]int64{"10": 15, "20": 25}, map[string]int64{"u25": 25}},
		{nil, nil, 120, map[string]int64{"20": 25}, map[string]int64{}},
		{[]int64{35, 45}, []int64{600, 600}, 660, map[string]int64{"30": 635, "40": 645}, map[string]int64{"u35": 635, "u45": 645}},
		{nil, nil, 740, map[string]int64{"40": 645}, map[string]int64{}},
	} {
		for i, ts := range c.events {
			send(ts, ts+c.after[i])
		}
		b.Clock.Store(c.now * second)
		refillOnly(t, b)
		got := map[string]map[string]int64{}
		for name, cache := range b.Caches {
			got[name] = map[string]int64{}
			for place, at := range cache.Ages {
				ttl := map[string]int64{"windows": 100, "rows": 30}[name] * second
				if at > c.now*second-ttl { // a refill may give some that a cache then lets go
					got[name][place] = at / second
				}
			}
		}
		if diff := cmp.Diff(map[string]map[string]int64{"windows": c.windows, "rows": c.rows}, got); diff != "" {
			t.Errorf("at %d s (-want +got):\n%s", c.now, diff)
		}
	}
}

// refillOnly has all caches lose everything and be filled again.
func refillOnly(t *testing.T, b *enginetest.Bench) {
	t.Helper()
	b.Topics["events"].Resume()
	opt := b.Options()
	opt.Once = false
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	for _, c := range b.Caches {
		n := c.Fills()
		c.Lose()
		c.AwaitFill(n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	e.Close()
}
