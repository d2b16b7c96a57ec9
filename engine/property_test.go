package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
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
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(o), projectConfig...)
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

// TestInterruptions runs the same streams in other batches, with a checkpoint and restart after every
// few records, and with crashes in between: nothing may change by a byte.
func TestInterruptions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOracle(rt)
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		want := straight(t, o, partitions, events).State(t)

		b := newBench(t, o, partitions)
		topic := b.Topics["events"]
		topic.ReadRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "readRows")
		b.BatchRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "batchRows")
		for len(events) > 0 {
			n := min(len(events), rapid.IntRange(1, 40).Draw(rt, "chunk"))
			for _, e := range events[:n] {
				topic.Append(e.Partition, e.Append, nil, []byte(e.Value))
			}
			events = events[n:]
			if rapid.Bool().Draw(rt, "crash") {
				crash(t, b)
			}
			topic.Finish()
			b.Run(t, false)
		}
		topic.Finish()
		b.Run(t, true)
		if diff := cmp.Diff(want, b.State(t)); diff != "" {
			rt.Fatalf("state (-straight +interrupted):\n%s", diff)
		}
	})
}

var errCrash = errors.New("crash")

// crash runs an engine that reads everything and dies before its checkpoint.
func crash(t testing.TB, b *enginetest.Bench) {
	opt := b.Options()
	source := opt.Source
	opt.Source = func(topic string) (engine.Source, error) {
		s, err := source(topic)
		return crashing{s}, err
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	b.Topics["events"].Finish()
	if err := e.Run(context.Background()); !errors.Is(err, errCrash) {
		t.Fatalf("run: %v, expected a crash", err)
	}
	e.Close()
}

type crashing struct{ engine.Source }

func (c crashing) Open(ctx context.Context, p int32, from engine.Position) (engine.Reader, error) {
	r, err := c.Source.Open(ctx, p, from)
	return crashingReader{r}, err
}

type crashingReader struct{ engine.Reader }

func (c crashingReader) Read(ctx context.Context, dst *engine.Records) error {
	if err := c.Reader.Read(ctx, dst); err != nil {
		return errCrash
	}
	return nil
}
