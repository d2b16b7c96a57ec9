package engine_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

// repeatingSource gives the same batches of one minute over and over again and counts what the
// process allocates after the first rounds.
type repeatingSource struct {
	*enginetest.Log
	batches []record.Records
	rounds  int
	each    func() // called between batches
	allocs  uint64
	events  int
}

// warmup is how many rounds are not measured.
const warmup = 3

func (s *repeatingSource) Open(context.Context, int32, record.Position) (record.Reader, error) {
	return &repeatingReader{s: s}, nil
}

type repeatingReader struct {
	s    *repeatingSource
	next int
}

func (r *repeatingReader) Read(_ context.Context, dst *record.Records) error {
	s := r.s
	round, i := r.next/len(s.batches), r.next%len(s.batches)
	if i == 0 && (round == warmup || round == s.rounds) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.allocs = m.Mallocs - s.allocs
	}
	if round == s.rounds {
		return io.EOF
	}
	if round >= warmup {
		s.events += s.batches[i].Len()
	}
	s.each()
	r.next++
	*dst = s.batches[i]
	return nil
}

func (r *repeatingReader) Close() error { return nil }

// minuteOfEvents is n events of one minute, in batches of 1,000.
func minuteOfEvents(n int) []record.Records {
	var batches []record.Records
	for i := range n {
		if i%1000 == 0 {
			batches = append(batches, record.Records{})
		}
		r := &batches[len(batches)-1]
		r.Offsets, r.Times = append(r.Offsets, int64(i)), append(r.Times, 3600*second)
		r.Keys.AppendNull()
		amount := fmt.Sprintf("%d.5", i%900)
		if i%11 == 0 {
			amount = "null"
		}
		r.Values.Append(fmt.Appendf(nil, `{"event_id": "e%d", "timestamp": "1970-01-01T00:00:%02d.%06d", "user_id": "user_%d", "user_segment": "s%d",
			"category": "category %d", "quantity": %d, "final_amount": %s, "discount_rate": 0.%d, "region": "r%d"}`,
			i, i*60/n, i%1000000, i%500, i%3, i%7, i%9, amount, i%8, i%6))
		r.Next = record.Position{Offset: int64(i + 1)}
	}
	return batches
}

// forgetfulStore makes nothing durable.
type forgetfulStore struct{ state.Store }

func (forgetfulStore) Commit(context.Context, state.Checkpoint, *state.Delta) error { return nil }

func (forgetfulStore) Load(context.Context, func(op string, key, value []byte) error) (state.Checkpoint, error) {
	return state.Checkpoint{}, nil
}

// moreQueries is what the tutorial's three do not have.
const moreQueries = `
CREATE STREAMING TABLE sliding AS
SELECT window.start AS window_start, region, count(*) FILTER (WHERE quantity > 3) AS large, max(concat(category, region)) AS place,
       sum(final_amount * quantity) FILTER (WHERE final_amount > 10 AND quantity > 0) AS value
FROM STREAM purchase WHERE quantity <> 5 GROUP BY region, window(ts, '10 minutes', '1 minute');
CREATE STREAMING TABLE unlikely AS
SELECT event_id, upper(category) AS category, final_amount * 2 AS twice, date_format(ts, 'HH') AS hour
FROM STREAM purchase WHERE final_amount > 898 AND user_id = 'user_7';
`

// TestSteadyStateAllocatesNothing runs decoding, marks, windows, aggregates with a FILTER, distinct
// users, computed columns and a filtered projection over windows that stay the same: what is allocated
// must not grow with the events.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, every := range map[string]int{"without checkpoints": 0, "a checkpoint every 50,000 events": 50} {
		t.Run(name, func(t *testing.T) {
			const perRound, rounds = 20_000, 8
			s := &repeatingSource{Log: enginetest.NewLog(1), batches: minuteOfEvents(perRound), rounds: warmup + rounds}
			b := enginetest.NewBench(t, forgetfulStore{&store.Memory{}}, threeQueries+moreQueries, "source.raw.format", "kafka", "source.raw.option.subscribe", "events")
			opt := b.Options()
			opt.Source = func(string) (record.Source, error) { return s, nil }
			opt.Log = func(_ string, p int) (record.Log, error) { return nowhere{enginetest.NewLog(p)}, nil }
			var e *engine.Engine
			batches, checkpoints := 0, 0
			s.each = func() {
				if batches++; every == 0 || batches%every != 0 {
					return
				}
				checkpoints++
				if err := e.Checkpoint(context.Background()); err != nil {
					t.Error(err)
				}
			}
			e, err := engine.Open(context.Background(), opt)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			perEvent := float64(s.allocs) / float64(s.events)
			t.Logf("%d allocations for %d events and %d checkpoints: %.5f an event", s.allocs, s.events, checkpoints, perEvent)
			if s.events < 100_000 || perEvent >= 0.01 {
				t.Errorf("%d allocations for %d events, expected fewer than 1 for 100 events, and 100,000 events", s.allocs, s.events)
			}
			if c := e.Ledger().Tables["sales_by_minute"]["events"]; c.Counted != c.Read {
				t.Errorf("the ledger says %+v: the test was to count every event", c)
			}
		})
	}
}
