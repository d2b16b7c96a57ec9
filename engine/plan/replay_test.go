package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ruleProject is a project with alerts on the way to which there are thresholds of every kind.
func ruleProject(t *testing.T) *Pipeline {
	t.Helper()
	in := Input{Name: "rules", Files: []File{{Path: "a.sql", Text: `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT, x DOUBLE') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL 10 SECONDS WHERE t IS NOT NULL AND q <> 7;
CREATE TEMPORARY VIEW named (at, who, much) AS SELECT t, k, q FROM STREAM event;
CREATE STREAMING TABLE counts AS
SELECT window.end AS window_end, k AS name, count(*) AS n, count(*) FILTER (WHERE x > -2.50) AS large
FROM STREAM event WHERE q BETWEEN 3 AND 2 * 8 GROUP BY window(t, '1 minute'), k HAVING count(*) >= 10 AND coalesce(sum(x), 5) > 1e3;
CREATE TEMPORARY VIEW busy AS SELECT name, n FROM STREAM counts WHERE large < 1.5 * n AND n > 0;
CREATE STREAMING TABLE other AS SELECT k FROM STREAM event WHERE q > 99;
CREATE TEMPORARY VIEW slow AS SELECT k, q FROM STREAM event WHERE t - current_timestamp() < INTERVAL 30 SECONDS;
CREATE STREAMING TABLE by_who AS
WITH few AS (SELECT at, who, much FROM STREAM named WHERE much < 5)
SELECT count(*) AS n, who FROM few WATERMARK at DELAY OF INTERVAL 10 SECONDS GROUP BY window(at, '10 seconds', '5 seconds'), 2;
CREATE STREAMING TABLE twice;
CREATE FLOW one AS INSERT INTO twice BY NAME SELECT k, count(*) AS n FROM STREAM event GROUP BY window(t, '1 minute'), k;
CREATE FLOW two AS INSERT INTO twice BY NAME SELECT k, count(*) AS n FROM STREAM event GROUP BY window(t, '1 minute'), k;
`}}}
	add := func(key, value string) { in.Config = append(in.Config, Setting{Key: key, Value: value}) }
	add("source.raw.format", "kafka")
	add("source.raw.option.subscribe", "events")
	add("source.more.format", "kafka")
	add("source.more.option.subscribe", "others")
	for _, from := range []string{"busy", "slow", "by_who", "twice"} {
		add("alert."+from+".from", from)
	}
	p, faults := Resolve(in)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// TestThresholdsOfARule: every number that orders on the way to the rule's rows is found, moved exactly, and each
// moved project can be run; what only tells which thing is left alone.
func TestThresholdsOfARule(t *testing.T) {
	p := ruleProject(t)
	var got []string
	for _, rule := range []string{"busy", "slow"} {
		r, faults := NewReplay(p.Input, rule, true)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		for i, th := range r.Thresholds {
			line := fmt.Sprintf("%s %d:%d %s | %s:", th.Table, th.Pos.Line, th.Pos.Col, th.Text, th.Value)
			for j, shift := range Shifts {
				line += " " + th.Moved(shift)
				if at := r.Variant[i][j]; at >= 0 && describeAlert(r.Pipeline.Alerts[at]) == describeAlert(r.Pipeline.Alerts[0]) {
					t.Errorf("%s %+d %%: the plan is the same:\n%s", th.Text, shift, describeAlert(r.Pipeline.Alerts[at]))
				} else if (at < 0) != (th.Moved(shift) == "") {
					t.Errorf("%s %+d %%: variant %d", th.Text, shift, at)
				}
			}
			got = append(got, line)
		}
	}
	want := []string{
		"counts 9:87 x > -2.50 | -2.50: -2 -2.25 -2.75 -3",
		"counts 10:35 q BETWEEN 3 AND 2 * 8 | 3: 2.4 2.7 3.3 3.6",
		"counts 10:41 q BETWEEN 3 AND 2 * 8 | 2: 1.6 1.8 2.2 2.4",
		"counts 10:45 q BETWEEN 3 AND 2 * 8 | 8: 6.4 7.2 8.8 9.6",
		"counts 10:100 count(*) >= 10 | 10: 8 9 11 12",
		"counts 10:129 coalesce(sum(x), 5) > 1e3D | 1e3: 800 900 1100 1200",
		"busy 11:79 large < 1.5 * n | 1.5: 1.2 1.35 1.65 1.8",
		"busy 11:95 n > 0 | 0:    ",
		"slow 13:93 t - current_timestamp() < INTERVAL 30 SECOND | 30 SECOND: 24 SECOND 27 SECOND 33 SECOND 36 SECOND",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
}

// describeAlert is the plan of an alert and of the tables that it reads.
func describeAlert(a *AlertDef) string {
	text := ""
	var walk func(n Node)
	walk = func(n Node) {
		text += Describe(n)
		for _, in := range n.Inputs() {
			walk(in)
		}
		if s, ok := n.(*Scan); ok {
			for _, f := range s.Dataset.Flows {
				walk(f.Root)
			}
		}
	}
	walk(a.Root)
	return text
}

// TestReplayHasOnlyWhatTheRuleNeeds: no other table, source or sink.
func TestReplayHasOnlyWhatTheRuleNeeds(t *testing.T) {
	p := ruleProject(t)
	r, faults := NewReplay(p.Input, "busy", false)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var names []string
	for _, d := range r.Pipeline.Datasets {
		names = append(names, d.Name)
	}
	if diff := cmp.Diff([]string{"raw", "counts"}, names); diff != "" || len(r.Pipeline.Alerts) != 1 || len(r.Pipeline.Sinks) != 0 {
		t.Errorf("datasets (-want +got):\n%s%d alerts", diff, len(r.Pipeline.Alerts))
	}
	if _, faults := NewReplay(p.Input, "bussy", false); len(faults) != 1 || !strings.Contains(faults.Error(), `did you mean "busy"?`) {
		t.Errorf("a misspelt name: %v", faults)
	}
}

// TestEventsBehindARow: the SELECT goes down through views, WITH and names that are given anew, and can be bound.
func TestEventsBehindARow(t *testing.T) {
	p := ruleProject(t)
	for _, c := range []struct{ alert, row, where, note string }{
		{"busy", `{"name":"it's","n":3}`,
			`q BETWEEN 3 AND 2 * 8 AND t >= TIMESTAMP'1970-01-01T00:01:00Z' AND t < TIMESTAMP'1970-01-01T00:02:00Z' AND k = 'it\'s' AND NOT EXISTS (SELECT 1 FROM ` + "`counts$late`", ""},
		{"busy", `{"n":3}`, `AND k IS NULL AND`, ""},
		{"by_who", `{"n":3,"who":"a"}`, `WHERE at >= TIMESTAMP'1970-01-01T00:01:50Z' AND at < TIMESTAMP'1970-01-01T00:02:00Z' AND who = 'a'`, ""},
		{"twice", `{}`, "", "several flows write twice"},
		{"gone", `{}`, "", `the project has no alert "gone" any more`},
	} {
		query, note := p.EventsBehind(c.alert, 120*second, json.RawMessage(c.row))
		if !strings.Contains(query, c.where) || note != c.note || (c.where == "") != (query == "") {
			t.Errorf("%s %s: note %q, query\n%s", c.alert, c.row, note, query)
		}
		if query == "" {
			continue
		}
		late := &Dataset{Kind: System, Name: "counts$late", Schema: SourceSchema}
		other := &Dataset{Kind: System, Name: "by_who$late", Schema: SourceSchema}
		root, faults := BindQuery(p, query, []*Dataset{late, other})
		if len(faults) > 0 {
			t.Errorf("%s: %v\n%s", c.alert, faults, query)
			continue
		}
		if got := columnNames(root.Columns()); !cmp.Equal(got, []string{"topic", "partition", "offset", "timestamp", "value"}) {
			t.Errorf("%s: columns %v", c.alert, got)
		}
	}
}
