package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRowsTellTheirTime: a row has the size that is asked for, and what a pipeline makes of it is found by the time that it
// was given: in its header, or as the newest of a window, once.
func TestRowsTellTheirTime(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 5, 250_000_000, time.UTC)
	g := &gauge{config: &LatencyConfig{RowBytes: 1200}, newest: map[string]string{}}
	row := g.row(3, at)
	if len(row.Value) != 1200 || !json.Valid(row.Value) || string(row.Key) != "k21" {
		t.Errorf("%d bytes of key %s: %s", len(row.Value), row.Key, row.Value)
	}
	g.from, g.to = at, at.Add(time.Second)
	g.take(row, at.Add(time.Second))                                // before the span, which begins behind it
	g.take(g.row(4, at.Add(time.Millisecond)), at.Add(time.Second)) // 999 ms
	g.take(&kgo.Record{Value: row.Value}, at.Add(time.Second))      // the same without its header, which the value tells
	g.take(&kgo.Record{Value: []byte("{}")}, at.Add(time.Second))   // no time at all
	g.shape.windows = true
	value := func(newest string) *kgo.Record {
		return &kgo.Record{Value: []byte(`{"start":"2026-01-01T00:00:00.000Z","k":"k1","n":7,"newest":"` + newest + `"}`)}
	}
	g.take(value("2026-01-01T00:00:05.500Z"), at.Add(400*time.Millisecond)) // 150 ms
	g.take(value("2026-01-01T00:00:05.500Z"), at.Add(900*time.Millisecond)) // the window is closed
	g.take(value("2026-01-01T00:00:06.500Z"), at.Add(1300*time.Millisecond))
	if len(g.latencies) != 2 || g.came != 2 || g.latencies[0] != 0.999 || g.latencies[1] != 0.15 {
		t.Errorf("latencies %v of %d rows", g.latencies, g.came)
	}
}

func TestLatencyConfigSaysWhatCannotBeMeasured(t *testing.T) {
	good := LatencyConfig{Kafka: "k:1", Rate: 10, RowBytes: 1200, Window: time.Second, Pairs: 1}
	for _, c := range []struct {
		spoil func(*LatencyConfig)
		want  string
	}{
		{func(c *LatencyConfig) { c.Kafka = "" }, "--kafka 127.0.0.1:9092"},
		{func(c *LatencyConfig) { c.Rate = 0 }, "--rate 0: want 1 to"},
		{func(c *LatencyConfig) { c.RowBytes = 10 }, "--row-bytes 10: want 200 to"},
		{func(c *LatencyConfig) { c.Window = 0 }, "--seconds 0: at least 1"},
		{func(c *LatencyConfig) { c.Pairs = 0 }, "--pairs 0: at least 1"},
	} {
		bad := good
		c.spoil(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
