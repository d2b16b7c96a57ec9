package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// TestRetention forgets rows of windows that ended longer ago than their table keeps them, and the
// status counts what is left.
func TestRetention(t *testing.T) {
	const text = `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.k, try_to_timestamp(e.ts) AS t FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL 0 SECONDS;
CREATE STREAMING TABLE short;
CREATE FLOW slow AS INSERT INTO short BY NAME SELECT window.start AS window_start, count(*) AS n FROM STREAM event GROUP BY window(t, '1 hour');
CREATE FLOW fast AS INSERT INTO short BY NAME SELECT window.start AS window_start, count(*) AS n FROM STREAM event GROUP BY window(t, '10 minutes');
CREATE STREAMING TABLE long AS SELECT window.start AS window_start, count(*) AS n FROM STREAM event GROUP BY window(t, '1 hour');`
	b := enginetest.NewBench(t, &store.Memory{}, text, "source.raw.format", "kafka", "source.raw.option.subscribe", "events",
		"nagare.table.short.retention", "2 hours")
	b.Topics["events"] = enginetest.NewLog(1)
	for minute := range 600 {
		b.Topics["events"].Append(0, int64(minute)*60*second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T%02d:%02d:00Z", "k": "a"}`, minute/60, minute%60))
		if minute%100 == 99 {
			b.Topics["events"].Finish()
			b.Run(t, false)
		}
	}
	b.Run(t, false) // the first checkpoint of a run forgets
	e := b.Open(t, false)
	defer e.Close()
	for i, table := range []string{"short", "long"} {
		rows, err := e.Table(context.Background(), table, false, -1)
		if err != nil {
			t.Fatal(err)
		}
		starts := rows.Batch.Cols[0].Int
		// the watermark stands at 9:59; hours that ended before 7:59 may go, and are looked for once an hour
		oldest := int64(7 * 3600 * second)
		if table == "long" {
			oldest = 0
		}
		if starts[0] != oldest || rows.Batch.Len < 9 {
			t.Errorf("%s holds %d rows from %d s on, expected some from %d s on", table, len(starts), starts[0]/second, oldest/second)
		}
		if st := e.Status().Tables[i]; st.Rows != int64(len(starts)) || st.Name != table {
			t.Errorf("the status of %s says %+v, and it holds %d rows", table, st, len(starts))
		}
	}
}
