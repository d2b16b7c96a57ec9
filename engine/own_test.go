package engine_test

import (
	"context"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// TestOwnTopicsCountInNoTotal: records that a process writes of itself are read by its alerts and are no events of the
// pipeline's, until a table reads them.
func TestOwnTopicsCountInNoTotal(t *testing.T) {
	const views = `
CREATE TEMPORARY VIEW event AS SELECT * FROM STREAM raw WATERMARK timestamp DELAY OF INTERVAL 1 SECOND;
CREATE TEMPORARY VIEW load AS SELECT * FROM STREAM of_itself WATERMARK timestamp DELAY OF INTERVAL 1 SECOND;
CREATE STREAMING TABLE n AS SELECT window.start AS s, count(*) AS n FROM STREAM event GROUP BY window(timestamp, '10 seconds');
`
	for _, c := range []struct {
		name, more string
		events     int64
		watermark  int64
	}{
		{"alerts alone", "", 3, 2e6},
		{"a table", "CREATE STREAMING TABLE loads AS SELECT offset FROM STREAM load;", 8, 499e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := enginetest.NewBench(t, &store.Memory{}, views+c.more,
				"source.raw.format", "kafka", "source.raw.option.subscribe", "events",
				"source.of_itself.format", "kafka", "source.of_itself.option.subscribe", "own",
				"alert.busy.from", "load")
			for topic, n := range map[string]int64{"events": 3, "own": 5} {
				b.Topics[topic] = enginetest.NewLog(1)
				for i := range n {
					at := (i + 1) * 1e6
					if topic == "own" {
						at *= 100
					}
					b.Topics[topic].Append(0, at, nil, []byte("{}"))
				}
				b.Topics[topic].Finish()
			}
			opt := b.Options()
			opt.Own = []string{"own"}
			e, err := engine.Open(context.Background(), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if err := e.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			st := e.Status()
			_, counts := st.Ledger.Topics["own"]
			if st.Events != c.events || st.Watermark != c.watermark || counts != (c.more != "") {
				t.Errorf("%d events, watermark %d, own topic in the ledger: %v", st.Events, st.Watermark, counts)
			}
			if e.Alerts()[0].Watermark != 499e6 {
				t.Error("the alert has seen none of them")
			}
		})
	}
}
