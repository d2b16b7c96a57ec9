package plan

import (
	"fmt"
	"strings"
	"testing"
)

// TestChartsFollowThePlan finds what a table is by its query, whatever its columns are called.
func TestChartsFollowThePlan(t *testing.T) {
	const prelude = `CREATE TEMPORARY VIEW e AS SELECT * FROM (SELECT try_to_timestamp(CAST(value AS STRING)) AS ts, CAST(key AS STRING) AS k, partition AS n FROM STREAM raw) WATERMARK ts DELAY OF INTERVAL 1 SECOND;`
	for _, c := range []struct{ text, want string }{
		{`CREATE STREAMING TABLE t COMMENT 'What comes' AS SELECT window.start AS a, window.end AS b, k, count(*) AS x, sum(n) AS y, avg(n) AS z, count(DISTINCT n) AS d, max(n) AS m FROM STREAM e GROUP BY window(ts, '1 minute'), k`,
			"time a–b 60s by k: x sum, y sum, z , d , m max (What comes)"},
		{`CREATE STREAMING TABLE t AS SELECT window, k AS other, count(*) + 1 AS x FROM STREAM e GROUP BY window(ts, '2 minutes', '1 minute'), k`,
			"time window– 120s by other: x  ()"},
		{`CREATE STREAMING TABLE t AS SELECT session_window.start AS a, session_window.end AS b, k, count(*) AS x FROM STREAM e GROUP BY session_window(ts, '1 minute'), k`,
			"rows a–b 0s by :  ()"},
		{`CREATE STREAMING TABLE t AS SELECT ts, k, n FROM STREAM e`, "rows ts– 0s by :  ()"},
		{`CREATE STREAMING TABLE s AS SELECT window.start AS a, n, sum(n) AS y FROM STREAM e GROUP BY window(ts, '1 minute'), n;
		  CREATE MATERIALIZED VIEW t AS SELECT *, dense_rank() OVER (PARTITION BY a ORDER BY y DESC) AS place FROM s WHERE y > 0 ORDER BY a`,
			"ranked a– 60s by n: y sum () place"},
		{`CREATE STREAMING TABLE s AS SELECT k, n FROM STREAM e; CREATE MATERIALIZED VIEW t AS SELECT k, count(*) AS c FROM s GROUP BY k`, "table – 0s by k: c sum ()"},
		{`CREATE STREAMING TABLE t AS SELECT window.start AS a, k FROM STREAM e GROUP BY window(ts, '1 minute'), k`, "rows a– 60s by k:  ()"},
	} {
		p, faults := Resolve(Input{Name: "p", Files: []File{{Path: "p.sql", Text: prelude + "\n" + c.text + ";"}}, Config: []Setting{
			{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "in"}, {Key: "source.raw.option.kafka.bootstrap.servers", Value: "localhost:1"}}})
		if len(faults) > 0 {
			t.Errorf("%s: %v", c.text, faults)
			continue
		}
		charts := p.Charts()
		last := charts[len(charts)-1]
		var values []string
		for _, v := range last.Values {
			values = append(values, v.Column+" "+v.Fold)
		}
		got := strings.TrimSpace(fmt.Sprintf("%s %s–%s %ds by %s: %s (%s) %s", last.Kind, last.Time, last.End, last.Size/1e6, strings.Join(last.Groups, ","), strings.Join(values, ", "), last.Note, last.Rank))
		if last.Name != "t" || got != c.want {
			t.Errorf("%s\n is  %s\nwant %s", c.text, got, c.want)
		}
	}
}
