package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

func rowsOf(sink string, partition int32, first int64, values ...string) *record.Rows {
	out := &record.Rows{Sink: sink, Partition: partition, First: first}
	for _, v := range values {
		out.Times = append(out.Times, 0)
		out.Keys.Append(nil)
		if v == "" {
			out.Values.Append(nil)
		} else {
			out.Values.Append([]byte(v))
		}
	}
	return out
}

// Rows arrive under the same names however often they are delivered, and those that are there are not sent again.
func TestRowsKeepTheirNames(t *testing.T) {
	r := newRig(t)
	fail := ""
	r.answers(func(q sent) (*http.Response, error) {
		if q.header.Get(firstHeader) == fail {
			fail = ""
			return respond(503, ""), nil
		}
		return respond(200, ""), nil
	})
	var values []string
	for i := range 1200 {
		values = append(values, fmt.Sprintf(`{"n":%d}`, i))
	}
	values[1199] = ""
	s := NewRowSink(receiver(t, "hook"), "test", r)
	fail = "1100"
	err := s.Write(context.Background(), 1, rowsOf("hook", 2, 600, values...))
	if err == nil || !strings.Contains(err.Error(), "rows from 1100 on") || s.Report().State != "degraded" {
		t.Errorf("error %v, status %+v", err, s.Report())
	}
	if err := s.Write(context.Background(), 1, rowsOf("hook", 2, 600, values...)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range r.taken() {
		var rows []json.RawMessage
		if err := json.Unmarshal([]byte(q.body), &rows); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(q.header.Get(sinkHeader), q.header.Get(partitionHeader), " ", q.header.Get(firstHeader), "+", q.header.Get(rowsHeader), "=", len(rows)))
	}
	check(t, "requests", got, []string{"hook2 600+500=500", "hook2 1100+500=500", "hook2 1100+500=500", "hook2 1600+200=200"})
	check(t, "written", s.Report().Written, int64(1200))

	// A new process delivers again, under the same names.
	s = NewRowSink(receiver(t, "hook", "body", "ndjson"), "test", r)
	if err := s.Write(context.Background(), 1, rowsOf("hook", 2, 600, `{"n":0}`, "")); err != nil {
		t.Fatal(err)
	}
	q := r.taken()[0]
	check(t, "body", q.body, "{\"n\":0}\nnull\n")
	check(t, "first", q.header.Get(firstHeader), "600")
	check(t, "type", q.header.Get("Content-Type"), "application/x-ndjson")
}

func TestRefusedRowsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := NewRowSink(receiver(t, "hook"), "test", r)
		r.answers(func(sent) (*http.Response, error) { return respond(422, "no field n"), nil })
		if err := s.Write(t.Context(), 1, rowsOf("hook", 0, 0, `{}`)); err != nil {
			t.Fatal(err)
		}
		check(t, "refused", s.Report().Refused, int64(1))
		check(t, "refusal", s.Report().Refusal, "it answers 422 Unprocessable Entity: no field n")
		// A receiver that asks for time gets it.
		r.answers(func(sent) (*http.Response, error) { return respond(429, "", "Retry-After", "30"), nil })
		if err := s.Write(t.Context(), 1, rowsOf("hook", 0, 1, `{}`)); err == nil {
			t.Error("no error of 429")
		}
		r.answers(nil)
		r.taken()
		start := time.Now()
		if err := s.Write(t.Context(), 1, rowsOf("hook", 0, 1, `{}`)); err != nil {
			t.Fatal(err)
		}
		check(t, "wait", r.taken()[0].at.Sub(start), 30*time.Second)
	})
}

// A webhook for rows that is down for a minute holds nothing up: another sink has all rows meanwhile. What waits is
// told, since when and why; beyond the outbox's 64 MB it stays in the topic. Afterwards each row arrives once, in order.
func TestRowWebhookDownForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var down atomic.Bool
		down.Store(true)
		r.answers(func(sent) (*http.Response, error) {
			if down.Load() {
				return nil, errDial
			}
			return respond(200, ""), nil
		})
		b := enginetest.NewBench(t, &store.Memory{}, "CREATE TEMPORARY VIEW seen AS SELECT CAST(value AS STRING) AS value FROM STREAM raw;",
			"source.raw.format", "kafka", "source.raw.option.subscribe", "events", "sink.out.format", "kafka", "sink.out.from", "seen", "sink.out.option.topic", "out",
			"sink.hook.format", "webhook", "sink.hook.from", "seen", "sink.hook.option.url", "http://hook.example/")
		topic := enginetest.NewLog(1)
		topic.ReadRows = 20
		b.Topics["events"] = topic
		hook := NewRowSink(receiver(t, "hook"), "test", r)
		opt := b.Options()
		opt.Once, opt.CheckpointInterval, opt.Now = false, 100_000, func() int64 { return time.Now().UnixMicro() }
		open := opt.Sink
		opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
			if def.Name == "hook" {
				return hook, nil
			}
			return open(def)
		}
		e, err := engine.Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		waits := func() engine.SinkMeasures {
			for _, s := range e.Measure().Sinks {
				if s.Name == "hook" {
					return s
				}
			}
			t.Fatal("there is no sink hook")
			return engine.SinkMeasures{}
		}
		rows := 0
		send := func(n, size int) {
			for range n {
				topic.Append(0, time.Now().UnixMicro(), nil, fmt.Appendf(nil, "%d %s", rows, strings.Repeat("x", size)))
				rows++
			}
		}
		start := time.Now()
		for range 60 {
			send(10, 10)
			after(time.Second)
		}
		check(t, "rows of the other sink", len(b.Sinks["out"].Values(0)), 600)
		w := waits()
		if age := time.Since(time.UnixMicro(w.Oldest)); w.Waiting != 600 || age < 59*time.Second || age > time.Since(start) || !strings.Contains(w.Trouble, "connection refused") {
			t.Errorf("what waits: %d rows, the first for %v, %q", w.Waiting, age, w.Trouble)
		}
		if tries := len(r.taken()); hook.Report().State != "degraded" || tries < 10 || tries > 120 {
			t.Errorf("%d tries in a minute, %+v", tries, hook.Report())
		}

		const large = 64 << 10
		send(1200, large)
		after(time.Minute)
		if held := (waits().Waiting - 600) * large; held < 60<<20 || held > 80<<20 || e.Status().Partitions[0].Lag == 0 {
			t.Errorf("%d MB wait in memory, %d records in the topic", held>>20, e.Status().Partitions[0].Lag)
		}
		r.taken()
		down.Store(false)
		after(5 * time.Minute)
		next := 0
		for _, q := range r.taken() {
			first, n := q.header.Get(firstHeader), q.header.Get(rowsHeader)
			if first != strconv.Itoa(next) {
				t.Fatalf("a request begins with row %s, want %d", first, next)
			}
			k, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			next += k
		}
		check(t, "rows", next, rows)
		w = waits()
		check(t, "what waits afterwards", fmt.Sprintf("%d %d %q %s", w.Waiting, w.Oldest, w.Trouble, hook.Report().State), `0 0 "" connected`)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
