package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// A datedSource knows where times lie: record j of partition p was appended at second 3·j + p.
type datedSource struct{ countingSource }

func (s datedSource) After(_ context.Context, p int32, micros int64) (record.Position, error) {
	return record.Position{Offset: max(0, (micros/second-int64(p)+2)/3)}, nil
}

// TestExplainReadsTheWindowOnce explains rows of a long topic: as many records as the row counts, and of the topic the
// blocks are read that can hold them, once: up to the record that closed the window, and from the first that can be of it
// where the log can tell.
func TestExplainReadsTheWindowOnce(t *testing.T) {
	for _, dated := range []bool{false, true} {
		b := newBench(t, plainOracle, 3)
		b.Topics["events"].ReadRows = 64
		for i, e := range steadyEvents(30_000, 3) {
			b.Topics["events"].Append(i%3, e.Append, nil, []byte(e.Value))
		}
		b.Topics["events"].Finish()
		opt := b.Options()
		read := counting(&opt)
		if source := opt.Source; dated {
			opt.Source = func(topic string) (record.Source, error) {
				s, err := source(topic)
				return datedSource{s.(countingSource)}, err
			}
		}
		e := running(t, opt)
		catchUp(t, e)
		for _, skip := range []int{0, 300, 900} {
			var row struct {
				W, K string
				N    int
			}
			line := linesOf(t, e, fmt.Sprintf("SELECT CAST(window_start AS STRING) AS W, k AS K, n AS N FROM answer ORDER BY window_start, k LIMIT 1 OFFSET %d", skip))
			if err := json.Unmarshal([]byte(line[0]), &row); err != nil {
				t.Fatal(err)
			}
			read.Store(0)
			v, err := e.Evidence(context.Background(), "answer", fmt.Sprintf("k = '%s' AND window_start = TIMESTAMP '%s'", row.K, row.W))
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Counted) != row.N || row.N == 0 {
				t.Errorf("%d records are behind a count of %d", len(v.Counted), row.N)
			}
			end, most := v.End/second/3, int64(0) // records of each partition up to the window's end
			if most = 3 * (end + 2*64); dated {
				most = 3 * (20 + 10 + 2*64) // a minute before, the window and the delay, and the blocks at both ends
			}
			if n := read.Load(); n > most {
				t.Errorf("row %d, dated %t: %d records are read, more than %d", skip, dated, n, most)
			}
			for _, c := range v.Crossings {
				if c.Offset < 0 || c.Watermark < v.End {
					t.Errorf("partition %d passed %d by offset %d, at %d", c.Partition, v.End, c.Offset, c.Watermark)
				}
			}
		}
	}
}
