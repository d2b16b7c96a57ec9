package web

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/window"
)

// TestWatermarksTellWhyWindowsAreOpen asks for two partitions, one of which keeps a window open, and for the delay
// that loses less than 0.01 % of 20,000 rows, one of which is 90 s behind and the 2nd one 20 s.
func TestWatermarksTellWhyWindowsAreOpen(t *testing.T) {
	tr := window.NewTracker(10e6, math.MaxInt64)
	const n = 20_000
	times := &column.Vector{Type: column.Of(column.Timestamp), Int: make([]int64, n)}
	rows := make([]uint32, n)
	for i := range n {
		times.Int[i], rows[i] = 1_700_000_000_000_000+int64(i)*1000, uint32(i)
	}
	times.Int[n-2] -= 90e6
	times.Int[n-1] -= 20e6
	tr.Mark(times, make([]int64, n), rows, make([]int64, n), make([]window.Verdict, n))
	b := newFake()
	at := time.Now().Add(-12 * time.Second).UnixMicro()
	part := func(p int32, mark int64, holds bool, lag int64) engine.PartitionWatermark {
		return engine.PartitionWatermark{PartitionStatus: engine.PartitionStatus{Topic: "t", Partition: p, Watermark: mark, EventTime: mark + 10e6, Holds: holds, Lag: lag, LastRow: at}}
	}
	b.watermarks = engine.Watermarks{IdleTimeout: 30 * time.Second,
		Groups: []engine.WatermarkGroup{{Topics: []string{"t"}, Time: "ts", Delay: 10 * time.Second, Tables: []string{"sales"}, Watermark: 1_700_000_000_000_000, Disorder: tr.Disorder,
			Partitions: []engine.PartitionWatermark{part(0, 1_700_000_000_000_000, true, 0), part(1, 1_700_000_070_000_000, false, 4)}}},
		Tables: []engine.TableWindows{{Table: "sales", Topics: []string{"t"}, Size: time.Minute, Watermark: 1_700_000_000_000_000, Open: 1,
			Windows: []engine.OpenWindow{{Start: 1_699_999_980_000_000, End: 1_700_000_040_000_000, Groups: 3, Holders: []engine.Holder{{Topic: "t", Partition: 0}}}}}},
	}
	var a WatermarksAnswer
	w := ask(newTestServer(b), "GET", "/api/watermarks", "")
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	win := a.Tables[0].Windows[0]
	if win.Rows != 3 || win.Missing != 40_000 || len(win.Holders) != 1 || win.Holders[0].Partition != 0 || win.End != "2023-11-14T22:14:00Z" {
		t.Errorf("the window is %+v", win)
	}
	g := a.Groups[0]
	if p := g.Partitions[0]; !p.Holds || p.IdleIn == nil || *p.IdleIn > 18_000 || *p.IdleIn < 8_000 {
		t.Errorf("partition 0 is %+v, idle in %v ms, want about 18,000", p, p.IdleIn)
	}
	if p := g.Partitions[1]; p.Holds || p.IdleIn != nil {
		t.Errorf("partition 1 has records to read and cannot fall idle: %+v", p)
	}
	// One of 20,000 rows is 0.005 %, two are not less than 0.01 %: the second has to be in time.
	if l := g.Lateness; l.Rows != n || l.Loses != 2 || l.Enough == nil || *l.Enough < 20_000 || *l.Enough > 22_500 {
		t.Errorf("lateness: %d rows, %d lost, enough %v ms", l.Rows, l.Loses, *l.Enough)
	}
	if l := g.Lateness; len(l.Delays) != len(l.Behind) || l.Behind[len(l.Behind)-1] != 0 || l.Delays[len(l.Delays)-1] < 90_000 {
		t.Errorf("the curve is %v of %v", l.Behind, l.Delays)
	}
	b.watermarks.Groups[0].Disorder = window.Disorder{Rows: 9999}
	if w := ask(newTestServer(b), "GET", "/api/watermarks", ""); !strings.Contains(w.Body.String(), `"enoughMs":null`) {
		t.Errorf("9,999 rows cannot tell 0.01 %%: %s", w.Body)
	}
}

func TestHistoryIsColumns(t *testing.T) {
	b := newFake()
	now := time.Now()
	s := monitor.Series{Kind: "table", Name: "sales"}
	for i := range 10 {
		s.Points = append(s.Points, monitor.Point{At: now.Add(time.Duration(i-10) * time.Second), NumInputRows: int64(i), LagRecords: int64(7 * i), WatermarkGap: math.NaN(), StateRows: 4})
	}
	b.history = []monitor.Series{s}
	for _, c := range []struct {
		target string
		code   int
		want   []string
	}{
		{"/api/progress/history", 200, []string{`"name":"sales","lagSlope":7,`, `"numInputRows":[0,1,2,3,4,5,6,7,8,9]`, `"watermarkGap":[null,`, `"numRowsTotal":[4,4,`}},
		{"/api/progress/history?since=" + jsonInt(now.Add(-2500*time.Millisecond).UnixMilli()), 200, []string{`"lagSlope":7,`, `"numInputRows":[8,9]`}},
		{"/api/progress/history?since=" + jsonInt(now.UnixMilli()), 200, []string{`"timestamp":[],`, `"lagSlope":7,`}},
		{"/api/progress/history?since=yesterday", 400, []string{"since=yesterday", "ms since 1970"}},
	} {
		w := ask(newTestServer(b), "GET", c.target, "")
		if w.Code != c.code {
			t.Errorf("%s: %d", c.target, w.Code)
		}
		for _, text := range c.want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: the answer lacks %s: %s", c.target, text, w.Body)
			}
		}
	}
	if w := ask(newTestServer(newFake()), "GET", "/api/progress/history", ""); !strings.Contains(w.Body.String(), `"series":[]`) {
		t.Errorf("where nobody looks: %s", w.Body)
	}
}

func jsonInt(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}
