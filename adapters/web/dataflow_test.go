package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
)

func drawnPipeline(t *testing.T) *plan.Pipeline {
	t.Helper()
	p, faults := plan.Resolve(plan.Input{Name: "g", Config: []plan.Setting{
		{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "events"},
		{Key: "sink.out.format", Value: "kafka"}, {Key: "sink.out.option.topic", Value: "results"}, {Key: "sink.out.from", Value: "shown"},
		{Key: "alert.big.from", Value: "sums"}},
		Files: []plan.File{{Path: "a.sql", Text: `
CREATE TEMPORARY VIEW parsed AS SELECT * FROM (SELECT CAST(value AS STRING) AS v, timestamp AS ts FROM STREAM raw) WATERMARK ts DELAY OF INTERVAL 1 SECOND;
CREATE STREAMING TABLE sums COMMENT 'Sums' AS SELECT window.end AS e, v, count(*) AS n FROM STREAM parsed GROUP BY window(ts, '1 minute'), v;
CREATE TEMPORARY VIEW shown AS SELECT to_json(struct(*)) AS value FROM STREAM sums;`}}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// TestDataflow: views are left out or shown, rates are those between two looks, and what rows wait for is named.
func TestDataflow(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_000_000)
	measures := func(end, position, read, final, delivered int64) engine.Measures {
		return engine.Measures{
			Partitions: []engine.PartitionStatus{{Topic: "events", End: end, Position: position}},
			Ledger:     ledger.Ledger{Tables: map[string]map[string]ledger.Count{"sums": {"events": {Read: read, Counted: read - 5, Late: 5}}}},
			Tables:     []engine.TableMeasures{{Name: "sums", Windowed: true, FinalRows: final}},
			Sinks:      []engine.SinkMeasures{{Name: "out", Delivered: delivered}},
		}
	}
	b := newFake()
	b.pipeline = drawnPipeline(t)
	b.flow = Flow{At: at, Seconds: 5, Before: measures(1000, 1000, 900, 10, 10), Now: measures(2000, 1500, 1400, 20, 20)}
	get := func(target string) (a DataflowAnswer) {
		w := ask(newTestServer(b), "GET", target, "")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v %s", target, w.Code, err, w.Body)
		}
		return a
	}
	shape := func(a DataflowAnswer) string {
		var lines []string
		for _, e := range a.Edges {
			rate := "-"
			if e.Rate != nil {
				rate = string(must(json.Marshal(*e.Rate)))
			}
			lines = append(lines, e.From+" "+e.To+" "+rate)
		}
		return strings.Join(lines, "\n")
	}
	if got, want := shape(get("/api/dataflow")), "raw sums 100\nsums sink/out 2\nsums alert/big -"; got != want {
		t.Errorf("edges are\n%s\nwant\n%s", got, want)
	}
	if got, want := shape(get("/api/dataflow?views=true")), "raw parsed -\nparsed sums 100\nsums shown -\nshown sink/out 2\nsums alert/big -"; got != want {
		t.Errorf("edges with views are\n%s\nwant\n%s", got, want)
	}
	a := get("/api/dataflow")
	if n := a.Nodes[0]; n.ID != "raw" || *n.In != 200 || *n.Out != 100 || n.Waiting != 500 || n.Query != "SELECT * FROM `events`" {
		t.Errorf("the source is %+v", n)
	}
	if n := a.Nodes[1]; *n.Out != 2 || n.Late != 5 || n.Comment != "Sums" || n.Place != "a.sql:3:24" {
		t.Errorf("the table is %+v", n)
	}
	if a.Bottleneck == nil || a.Bottleneck.Node != "raw" || !strings.Contains(a.Bottleneck.Reason, "500 records wait, 5 seconds") {
		t.Errorf("the bottleneck is %+v", a.Bottleneck)
	}
	b.flow.Now.Sinks[0] = engine.SinkMeasures{Name: "out", Delivered: 20, Waiting: 7, Oldest: at.UnixMicro() - 9_000_000, Trouble: "it is away"}
	if a := get("/api/dataflow"); a.Bottleneck == nil || a.Bottleneck.Node != "sink/out" || !strings.Contains(a.Bottleneck.Reason, "7 rows wait, the oldest for 9 seconds: it is away") {
		t.Errorf("with a slow sink the bottleneck is %+v", a.Bottleneck)
	}
	b.flow.Seconds = 0
	if a := get("/api/dataflow"); a.Nodes[0].In != nil || a.Nodes[1].Out != nil {
		t.Errorf("there are rates after one look: %+v", a.Nodes)
	}
	if w := ask(newTestServer(b), "GET", "/api/dataflow?views=maybe", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "views=maybe: it is true or false") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRatesIntoAJoin: what a table reads of each of several sources is told, unless two of them are one topic.
func TestRatesIntoAJoin(t *testing.T) {
	const views = `
CREATE TEMPORARY VIEW shown AS SELECT * FROM (SELECT CAST(value AS STRING) AS v, timestamp AS ts FROM STREAM ads) WATERMARK ts DELAY OF INTERVAL 1 SECOND;
CREATE TEMPORARY VIEW clicked AS SELECT * FROM (SELECT CAST(value AS STRING) AS v, timestamp AS ts FROM STREAM clicks) WATERMARK ts DELAY OF INTERVAL 1 SECOND;
CREATE STREAMING TABLE both AS SELECT s.v FROM STREAM shown s JOIN STREAM clicked c ON s.v = c.v AND c.ts BETWEEN s.ts AND s.ts + INTERVAL 1 MINUTE;`
	for topic, want := range map[string]string{"clicks": "ads 20, clicks 4", "ads": "ads -, clicks -"} {
		p, faults := plan.Resolve(plan.Input{Name: "g", Config: []plan.Setting{
			{Key: "source.ads.format", Value: "kafka"}, {Key: "source.ads.option.subscribe", Value: "ads"},
			{Key: "source.clicks.format", Value: "kafka"}, {Key: "source.clicks.option.subscribe", Value: topic}}, Files: []plan.File{{Path: "a.sql", Text: views}}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		books := func(ads, clicks int64) engine.Measures {
			return engine.Measures{Ledger: ledger.Ledger{Tables: map[string]map[string]ledger.Count{"both": {"ads": {Read: ads}, "clicks": {Read: clicks}}}}}
		}
		var rates []string
		for _, e := range drawDataflow(p, Flow{Seconds: 5, Before: books(100, 50), Now: books(200, 70)}, false).Edges {
			rate := "-"
			if e.Rate != nil {
				rate = string(must(json.Marshal(*e.Rate)))
			}
			rates = append(rates, e.From+" "+rate)
		}
		if got := strings.Join(rates, ", "); got != want {
			t.Errorf("with clicks of topic %s the lines are %s, not %s", topic, got, want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
