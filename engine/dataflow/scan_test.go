package dataflow

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/plan"
)

// TestFuse checks that the usual view over a topic leaves nothing to be computed row by row: its
// fields are decoded straight into columns, the event time among them.
func TestFuse(t *testing.T) {
	p, faults := plan.Resolve(plan.Input{Name: "test",
		Config: []plan.Setting{{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "events"}},
		Files: []plan.File{{Path: "test.sql", Text: `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT, unused DOUBLE') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL 10 SECONDS
WHERE t IS NOT NULL;
CREATE STREAMING TABLE a AS SELECT window.start AS s, k, sum(q) AS q FROM STREAM event GROUP BY window(t, '1 minute'), k;
CREATE STREAMING TABLE b AS SELECT k, t FROM STREAM event WHERE q > 1;`}}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	ops, faults := p.StreamOps()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var list []*Operator
	for _, op := range ops {
		list = append(list, &Operator{StreamOp: *op})
	}
	f := NewScan([]string{"events"}, list, nil)
	if len(f.Columns) != len(f.Targets) || len(f.Targets) != 3 {
		t.Errorf("the scan has columns %+v: want the fields ts, k and q and nothing else", f.Schema.Fields)
	}
	if len(f.Watermarks) != 1 || !f.Targets[f.Watermarks[0].TimeColumn].FromString {
		t.Errorf("the event time is not decoded as a time, or there are %d watermarks instead of one", len(f.Watermarks))
	}
}
