package plan

import (
	"fmt"
	"strings"
	"testing"
)

// TestGraphOfAPipeline: views, subqueries and WITH are in it as they are written; an item of WITH hides a table of its
// name, unless that is read as a stream.
func TestGraphOfAPipeline(t *testing.T) {
	p, faults := Resolve(Input{Name: "g", Config: []Setting{
		{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "events"},
		{Key: "sink.out.format", Value: "noop"}, {Key: "sink.out.from", Value: "shown"},
		{Key: "alert.big.from", Value: "sums"}},
		Files: []File{{Path: "a.sql", Text: `
CREATE TEMPORARY VIEW parsed AS SELECT * FROM (SELECT CAST(value AS STRING) AS v, timestamp AS ts FROM STREAM raw) WATERMARK ts DELAY OF INTERVAL 1 SECOND;
CREATE STREAMING TABLE sums AS SELECT window.end AS e, v, count(*) AS n FROM STREAM parsed GROUP BY window(ts, '1 minute'), v;
CREATE TEMPORARY VIEW shown AS SELECT * FROM STREAM sums;
CREATE STREAMING TABLE kept AS SELECT v FROM STREAM parsed;
CREATE MATERIALIZED VIEW other AS SELECT * FROM sums;
CREATE MATERIALIZED VIEW top AS WITH sums AS (SELECT * FROM kept) SELECT * FROM sums WHERE v IN (SELECT v FROM kept) OR EXISTS (SELECT 1 FROM other);`}}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got []string
	for _, v := range p.Graph() {
		var reads []string
		for _, r := range v.Reads {
			reads = append(reads, r.Name)
		}
		got = append(got, fmt.Sprintf("%s %s <- %s", v.Kind, v.Name, strings.Join(reads, ", ")))
	}
	want := `source raw <- 
view parsed <- raw
streaming table sums <- parsed
view shown <- sums
streaming table kept <- parsed
materialized view other <- sums
materialized view top <- kept, other
sink out <- shown
alert big <- sums`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("the graph is\n%s\nwant\n%s", text, want)
	}
}
