package dataflow_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
)

// TestCompare edits one project in one place at a time.
func TestCompare(t *testing.T) {
	const before = `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.k, e.q, try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL 10 SECONDS;
CREATE STREAMING TABLE minutes COMMENT 'per minute' AS
SELECT window.start AS s, k, sum(q) AS q FROM STREAM event GROUP BY window(t, '1 minute'), k HAVING sum(q) > 0;
CREATE STREAMING TABLE hours AS
SELECT window.start AS s, max(q) AS q FROM STREAM minutes WATERMARK s DELAY OF INTERVAL 0 SECONDS GROUP BY window(s, '1 hour');
CREATE STREAMING TABLE large AS SELECT k, q, t FROM STREAM event WHERE q > 100;
CREATE MATERIALIZED VIEW names AS SELECT * FROM VALUES ('a', 'Anna'), ('b', 'Bert') AS v(k, name);
CREATE STREAMING TABLE named AS SELECT name, q, t FROM STREAM event JOIN names USING (k);
CREATE MATERIALIZED VIEW top AS SELECT * FROM minutes ORDER BY q DESC LIMIT 3;
CREATE TEMPORARY VIEW larger AS SELECT k AS key, to_json(struct(k, q)) AS value FROM STREAM large;
`
	settings := func(extra ...string) (list []plan.Setting) {
		values := map[string]string{"source.raw.format": "kafka", "source.raw.option.subscribe": "events", "alert.big.from": "large", "alert.big.key": "k",
			"sink.out.format": "kafka", "sink.out.from": "larger", "sink.out.option.topic": "out"}
		for _, e := range extra { // an empty value takes a setting away
			key, value, _ := strings.Cut(e, "=")
			if values[key] = value; value == "" {
				delete(values, key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			list = append(list, plan.Setting{Key: key, Value: values[key]})
		}
		return list
	}
	project := func(text string, extra ...string) *plan.Pipeline {
		p, faults := plan.Resolve(plan.Input{Name: "test", Config: settings(extra...), Files: []plan.File{{Path: "test.sql", Text: text}}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return p
	}
	for _, c := range []struct {
		name, old, new string
		extra          []string
		want           string
	}{
		{"nothing", "", "", nil, ""},
		{"a comment", "per minute", "by the minute", nil, ""},
		{"a remark", "CREATE STREAMING TABLE large", "-- those\nCREATE STREAMING  TABLE large", nil, ""},
		{"a view's name", "larger", "the_larger", []string{"sink.out.from=the_larger"}, ""},
		{"a materialized view", "LIMIT 3", "LIMIT 5", nil, ""},
		{"an aggregate", "sum(q) AS q FROM STREAM event", "sum(q) AS q, count(*) AS n FROM STREAM event", nil, "table minutes fills: its aggregates, its columns|table hours fills: it reads minutes"},
		{"a key", "'1 minute'), k HAVING", "'1 minute'), k, q % 2 HAVING", nil, "table minutes fills: its keys, its HAVING, its columns|table hours fills: it reads minutes"},
		{"a window", "'1 minute'", "'2 minutes'", nil, "table minutes fills: its window|table hours fills: it reads minutes"},
		{"a HAVING", "sum(q) > 0", "sum(q) > 1", nil, "table minutes fills: its HAVING|table hours fills: it reads minutes"},
		{"a condition", "q > 100", "q > 99", nil, "table large fills: its conditions|sink out fills: its conditions|alert big fills: its conditions"},
		{"a row of a table that is joined with", "'Bert'", "'Berta'", nil, "table named fills: what it is joined with"},
		{"a name in such a table", "AS v(k, name)", "AS x(k, name)", nil, ""},
		{"a column's name", "SELECT k, q, t FROM", "SELECT k, q, t AS time FROM", nil, "table large fills: its columns"},
		{"a delay", "10 SECONDS", "20 SECONDS", nil, "table minutes fills: its watermark's delay|table hours fills: it reads minutes|table large fills: its watermark's delay|table named fills: its watermark's delay|sink out fills: its watermark's delay|alert big fills: its watermark's delay"},
		{"a new table", "CREATE MATERIALIZED VIEW top", "CREATE STREAMING TABLE more AS SELECT k, t FROM STREAM event;\nCREATE MATERIALIZED VIEW top", nil, "table more fills: new"},
		{"a table gone", "CREATE STREAMING TABLE hours", "CREATE TEMPORARY VIEW hours", nil, "table hours removed"},
		{"a sink's name", "", "", []string{"sink.out.format=", "sink.out.from=", "sink.out.option.topic=", "sink.other.format=kafka", "sink.other.from=larger", "sink.other.option.topic=other"}, "sink other fills: new|sink out removed"},
		{"an alert's duration", "", "", []string{"alert.big.for=1 minute"}, "alert big fills: its durations"},
		{"an alert's text", "", "", []string{"alert.big.summary=so big"}, ""},
		{"a topic", "", "", []string{"source.raw.option.subscribe=events,more"}, "all"},
		{"a zone", "", "", []string{"spark.sql.session.timeZone=Asia/Tokyo"}, "all"},
		{"where duplicates are", "", "", []string{"nagare.topic.events.dedup=id", "nagare.topic.events.dedupHorizon=1 hour"}, "all"},
	} {
		made := project(before)
		text := before
		if c.old != "" {
			if text = strings.ReplaceAll(before, c.old, c.new); text == before {
				t.Fatalf("%s: %q is not there to be edited", c.name, c.old)
			}
		}
		changes, err := dataflow.Compare(made, project(text, c.extra...))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		fills := 0
		for _, x := range changes {
			line := x.Kind + " " + x.Name + " " + x.Verdict
			switch {
			case x.Verdict == dataflow.Keeps:
				continue
			case x.New:
				line += ": new"
			case x.Verdict == dataflow.Fills:
				line += ": " + strings.Join(x.Why, ", ")
			}
			if fills++; x.Verdict == dataflow.Fills && !slices.Contains(x.Topics, "events") {
				t.Errorf("%s: %s: topics %v", c.name, line, x.Topics)
			}
			got = append(got, line)
		}
		if c.want == "all" && fills == len(changes) {
			continue
		}
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, text, c.want)
		}
	}
	all, err := dataflow.Compare(nil, project(before))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.Verdict != dataflow.Fills || !x.New {
			t.Errorf("of a folder with nothing in it: %+v", x)
		}
	}
}
