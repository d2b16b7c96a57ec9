package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

func rowsOf(sink string, partition int32, first int64, values ...string) *engine.Rows {
	out := &engine.Rows{Sink: sink, Partition: partition, First: first}
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
