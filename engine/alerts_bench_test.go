package engine_test

import (
	"context"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// BenchmarkAlertOfRows is what an alert over rows one for one adds to the tutorial's queries, of whose purchases a
// fifth are breaches: records in memory to incidents, with their checkpoints.
func BenchmarkAlertOfRows(b *testing.B) {
	const n = 100_000
	source, size := benchEvents(b, n, 2)
	rows := threeQueries + `
CREATE TEMPORARY VIEW high AS SELECT * FROM STREAM purchase WHERE final_amount > 50000;`
	config := []string{"source.raw.format", "kafka", "source.raw.option.subscribe", "events"}
	for _, c := range []struct {
		name   string
		alerts []string
	}{
		{"none", nil},
		{"alert", []string{"alert.high.from", "high", "alert.high.key", "category, region", "alert.high.interval", "1 minute", "alert.high.severity", "info",
			"alert.high.summary", "Purchase of ${final_amount} yen: ${category} in ${region}",
			"alert.high.description", "${user_id} (${user_segment}) bought ${quantity} of ${product_name}, event ${event_id}."}},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := enginetest.NewBench(b, nil, rows, append(config, c.alerts...)...)
			b.ReportAllocs()
			b.SetBytes(size)
			for b.Loop() {
				bench.Store = &store.Memory{}
				opt := bench.Options()
				opt.Source = func(string) (record.Source, error) { return source, nil }
				opt.Log = func(_ string, p int) (record.Log, error) { return nowhere{enginetest.NewLog(p)}, nil }
				opt.CheckpointInterval = 100_000
				e, err := engine.Open(context.Background(), opt)
				if err != nil {
					b.Fatal(err)
				}
				if err := e.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/event")
		})
	}
}
