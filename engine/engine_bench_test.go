package engine_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// threeQueries is the tutorial's: sales per minute with distinct users, segments per two minutes,
// anomalies.
const threeQueries = `
CREATE TEMPORARY VIEW purchase AS
SELECT * FROM (
  SELECT e.* EXCEPT (timestamp), try_to_timestamp(e.timestamp) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'event_id STRING, timestamp STRING, user_id STRING, user_segment STRING,
    product_id INT, product_name STRING, category STRING, quantity INT, unit_price DOUBLE, base_amount DOUBLE,
    discount_rate DOUBLE, discount_amount DOUBLE, final_amount DOUBLE, region STRING, device STRING, payment_method STRING') AS e
    FROM STREAM raw)
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS
WHERE ts IS NOT NULL;
CREATE STREAMING TABLE sales_by_minute AS
SELECT window.start AS window_start, category, region, count(*) AS order_count, sum(final_amount) AS total_sales,
       avg(final_amount) AS avg_order_value, count(DISTINCT user_id) AS unique_customers
FROM STREAM purchase GROUP BY window(ts, '1 minute'), category, region;
CREATE STREAMING TABLE segment_metrics AS
SELECT window.start AS window_start, user_segment, count(*) AS orders, sum(final_amount) AS revenue,
       avg(discount_rate) AS avg_discount, sum(quantity) AS total_items, sum(final_amount) / count(*) AS revenue_per_order
FROM STREAM purchase GROUP BY window(ts, '2 minutes'), user_segment;
CREATE STREAMING TABLE anomalies AS
SELECT event_id, user_id, final_amount, 'high_value_transaction' AS anomaly_type FROM STREAM purchase WHERE final_amount > 50000;
`

// nowhere is a log that forgets.
type nowhere struct{ *enginetest.Log }

func (nowhere) Write(context.Context, uint64, *record.Rows) error { return nil }

// fixedSource gives the same batches of records again and again, without copying them.
type fixedSource struct {
	record.Source
	parts [][]record.Records
}

func (s *fixedSource) Open(_ context.Context, p int32, _ record.Position) (record.Reader, error) {
	return &fixedReader{batches: s.parts[p]}, nil
}

type fixedReader struct{ batches []record.Records }

func (r *fixedReader) Read(_ context.Context, dst *record.Records) error {
	if len(r.batches) == 0 {
		return io.EOF
	}
	*dst = r.batches[0]
	r.batches = r.batches[1:]
	return nil
}

func (r *fixedReader) Close() error { return nil }

func benchEvents(b *testing.B, n, partitions int) (*fixedSource, int64) {
	var text bytes.Buffer
	if err := generator.WriteNDJSON(&text, int64(n)); err != nil {
		b.Fatal(err)
	}
	s := &fixedSource{Source: enginetest.NewLog(partitions), parts: make([][]record.Records, partitions)}
	lines := bytes.Split(bytes.TrimRight(text.Bytes(), "\n"), []byte("\n"))
	for i, line := range lines {
		p := i % partitions
		list := s.parts[p]
		if len(list) == 0 || list[len(list)-1].Len() == 1000 {
			list = append(list, record.Records{Partition: int32(p)})
		}
		r := &list[len(list)-1]
		r.Offsets = append(r.Offsets, int64(i/partitions))
		r.Times = append(r.Times, 1<<60)
		r.Keys.AppendNull()
		r.Values.Append(line)
		r.Next = record.Position{Offset: int64(i/partitions) + 1}
		s.parts[p] = list
	}
	return s, int64(text.Len())
}

// BenchmarkThreeQueries is the engine alone: records in memory to final tables.
func BenchmarkThreeQueries(b *testing.B) {
	const n = 200_000
	source, size := benchEvents(b, n, 2)
	bench := enginetest.NewBench(b, nil, threeQueries, "source.raw.format", "kafka", "source.raw.option.subscribe", "events")
	b.ReportAllocs()
	b.SetBytes(size)
	b.ResetTimer()
	for b.Loop() {
		bench.Store = &store.Memory{}
		opt := bench.Options()
		opt.Source = func(string) (record.Source, error) { return source, nil }
		opt.Log = func(_ string, p int) (record.Log, error) { return nowhere{enginetest.NewLog(p)}, nil }
		opt.Ephemeral, opt.CloseWindows = true, true
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Run(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
