package batch

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// preparedInput gives the same batches to every run.
type preparedInput struct {
	batches []*column.Batch
	at      int
}

func (p *preparedInput) Next(context.Context) (*column.Batch, error) {
	if p.at == len(p.batches) {
		return nil, io.EOF
	}
	p.at++
	return p.batches[p.at-1], nil
}

func (p *preparedInput) Close() error { return nil }

// BenchmarkQuery runs queries over 200,000 rows.
func BenchmarkQuery(b *testing.B) {
	const rows, size = 200_000, 4096
	t := table("events", "at:timestamp shop:string n:int price:double")
	var batches []*column.Batch
	for at := 0; at < rows; at += size {
		batch := &column.Batch{}
		batch.Reset(&t.dataset.Schema)
		for i := at; i < min(at+size, rows); i++ {
			batch.Cols[0].AppendInt(int64(i) * 10_000)
			batch.Cols[1].AppendString(fmt.Sprint("shop ", i*7919%97))
			batch.Cols[2].AppendInt(int64(i * 31 % 1000))
			batch.Cols[3].AppendFloat(float64(i%100) / 4)
			batch.Len++
		}
		batch.SelectAll()
		batches = append(batches, batch)
	}
	for name, text := range map[string]string{
		"filter": "SELECT shop, price * n FROM events WHERE n > 500",
		"group":  "SELECT window.start, shop, count(*), sum(price) FROM events GROUP BY window(at, '1 minute'), shop",
		"sort":   "SELECT n, shop FROM events ORDER BY price DESC, shop",
		"join":   "SELECT a.n FROM events AS a JOIN (SELECT DISTINCT shop FROM events) AS b ON a.shop = b.shop",
		"rank":   "SELECT rank() OVER (PARTITION BY shop ORDER BY price) AS r FROM events",
	} {
		root, faults := plan.BindQuery(nil, text, []*plan.Dataset{t.dataset})
		if len(faults) > 0 {
			b.Fatal(faults)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				err := Run(context.Background(), root, func(*plan.Dataset) (Input, error) { return &preparedInput{batches: batches}, nil },
					expr.Env{}, func(*column.Batch) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
