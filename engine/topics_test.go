package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/store"
)

// together is a bench whose source reads two topics, which have the partitions of one in turn.
func (p project) together(t testing.TB) *enginetest.Bench {
	config := append([]string(nil), p.config...)
	for i, text := range config {
		if text == "events" {
			config[i] = "events, more"
		}
	}
	b := enginetest.NewBench(t, &store.Memory{}, p.text, config...)
	b.Topics["events"], b.Topics["more"] = enginetest.NewLog((p.partitions+1)/2), enginetest.NewLog(p.partitions/2)
	return b
}

func fillTogether(b *enginetest.Bench, events []enginetest.Event) {
	for _, e := range events {
		topic := [2]string{"events", "more"}[e.Partition%2]
		b.Topics[topic].Append(e.Partition/2, e.Append, nil, []byte(e.Value))
	}
}

// results is what tables and sinks hold, and the ledger of each table over all topics.
func results(t testing.TB, b *enginetest.Bench) string {
	var out strings.Builder
	kept := false
	for line := range strings.Lines(b.State(t)) {
		if name, is := strings.CutPrefix(line, "== "); is {
			kept = !strings.Contains(name, "$") // rows that are kept name topic and partition
		}
		if kept && !strings.HasPrefix(line, "ledger ") {
			out.WriteString(line)
		}
	}
	e := b.Open(t, false)
	defer e.Close()
	booked := e.Ledger()
	book := func(name string, counts map[string]ledger.Count) {
		var all ledger.Count
		for _, c := range counts {
			all.Read, all.Counted, all.Late, all.Future = all.Read+c.Read, all.Counted+c.Counted, all.Late+c.Late, all.Future+c.Future
			all.Invalid, all.Filtered = all.Invalid+c.Invalid, all.Filtered+c.Filtered
		}
		fmt.Fprintf(&out, "%s %+v\n", name, all)
	}
	book("topics", booked.Topics)
	for _, d := range b.Pipeline.Datasets {
		book(d.Name, booked.Tables[d.Name])
	}
	return out.String()
}

// TestTopicsTogether reads random streams as one topic, and as two topics that a source subscribes to
// together, in pieces with a run behind each: nothing changes by a byte.
func TestTopicsTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawProject(rt)
		p.partitions = rapid.IntRange(2, 5).Draw(rt, "partitions")
		events := drawEvents(rt, p.partitions)
		one := p.bench(t)
		fill(one, events)
		one.Topics["events"].Finish()
		one.Run(t, true)
		want := results(t, one)

		b := p.together(t)
		finish := func() {
			for _, topic := range b.Topics {
				topic.Finish()
			}
		}
		for rest := interleave(rt, events, p.partitions); len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 60).Draw(rt, "chunk"))
			fillTogether(b, rest[:n])
			rest = rest[n:]
			finish()
			b.Run(t, false)
		}
		finish()
		b.Run(t, true)
		if diff := cmp.Diff(want, results(t, b)); diff != "" {
			rt.Fatalf("two topics (-one +two):\n%s", diff)
		}
	})
}

const sharing = `
CREATE TEMPORARY VIEW event AS SELECT * FROM (
  SELECT topic, e.k, e.q, try_to_timestamp(e.ts) AS t FROM (SELECT topic, from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT') AS e FROM STREAM %s)
) WATERMARK t DELAY OF INTERVAL 0 SECONDS;
`

// TestSourcesShareTopics has sources whose subscriptions overlap: each topic is read once, each table
// has the rows of its own source, and each source has its own watermark.
func TestSourcesShareTopics(t *testing.T) {
	text := `
CREATE STREAMING TABLE of_all AS SELECT window.start AS s, count(*) AS n FROM STREAM all_event GROUP BY window(t, '10 seconds');
CREATE STREAMING TABLE of_one AS SELECT window.start AS s, count(*) AS n FROM STREAM one_event GROUP BY window(t, '10 seconds');
CREATE STREAMING TABLE rows_of_all AS SELECT topic, k FROM STREAM all_event;
CREATE STREAMING TABLE rows_of_one AS SELECT topic, k FROM STREAM one_event;
CREATE STREAMING TABLE raw_of_other AS SELECT topic, partition FROM STREAM other;`
	for view, source := range map[string]string{"all_event": "every", "one_event": "raw"} {
		text += strings.Replace(fmt.Sprintf(sharing, source), "VIEW event", "VIEW "+view, 1)
	}
	b := enginetest.NewBench(t, &store.Memory{}, text,
		"source.every.format", "kafka", "source.every.option.subscribe", "events,more",
		"source.raw.format", "kafka", "source.raw.option.subscribe", "events",
		"source.other.format", "kafka", "source.other.option.subscribe", "other")
	b.Topics["events"], b.Topics["more"], b.Topics["other"] = enginetest.NewLog(1), enginetest.NewLog(3), enginetest.NewLog(1)
	b.Topics["events"].Append(0, 50*second, nil, event(1))
	b.Topics["events"].Append(0, 50*second, nil, event(45))
	for p := range 3 {
		b.Topics["more"].Append(p, 50*second, nil, event(2))
		b.Topics["more"].Append(p, 50*second, nil, event(12+10*p))
	}
	b.Topics["other"].Append(0, 50*second, nil, []byte("x"))
	for _, topic := range b.Topics {
		topic.Finish()
	}
	b.Run(t, false)
	b.Topics["more"].Grow(4)
	b.Topics["more"].Append(3, 60*second, nil, event(3)) // behind the window that is closed
	for _, topic := range b.Topics {
		topic.Finish()
	}
	b.Run(t, false)
	e := b.Open(t, false)
	defer e.Close()
	for table, want := range map[string][]string{
		"of_all":       {"1970-01-01T00:00:00Z,4"}, // the second partition of more stands at 12 s
		"of_one":       {"1970-01-01T00:00:00Z,1"},
		"rows_of_all":  {"events,a", "events,a", "more,a", "more,a", "more,a", "more,a", "more,a", "more,a", "more,a"},
		"rows_of_one":  {"events,a", "events,a"},
		"raw_of_other": {"other,0"},
	} {
		if diff := cmp.Diff(want, enginetest.Lines(t, e, table)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
	booked := e.Ledger()
	for topic, want := range map[string]int64{"events": 2, "more": 7, "other": 1} {
		if got := booked.Topics[topic]; got.Read != want || !got.Balanced() {
			t.Errorf("the ledger of %s is %+v, want %d read", topic, got, want)
		}
	}
	if late := booked.Tables["of_all"]["more"]; late.Late != 1 || late.Counted != 6 {
		t.Errorf("the row behind the closed window: %+v", late)
	}
	read := int64(0)
	err := e.Query(context.Background(), "SELECT count(*) AS n FROM every", func(b *column.Batch) error {
		for _, n := range b.Cols[0].Int {
			read += n
		}
		return nil
	})
	if err != nil || read != 9 {
		t.Errorf("a query of the source reads %d records, %v", read, err)
	}
}
