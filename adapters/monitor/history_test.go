package monitor

import (
	"math"
	"testing"
	"time"
)

// TestHistoryGoesOnOverARestart: a new process has the points of the one before it in front of its own, once, and
// forgets what is older than the span.
func TestHistoryGoesOnOverARestart(t *testing.T) {
	first, second := twoSeconds()
	r := reporter{project: "p", instance: "old", started: begin.Add(-time.Hour)}
	r.records(first, nil)
	values := [][]byte{[]byte("no record"), []byte(`{"kind":"sink"}`), []byte(`{"kind":"table","name":"sales","timestamp":"soon"}`)}
	for _, rec := range r.records(second, nil) {
		values = append(values, rec.text())
	}
	m := New(Config{Project: "p", Instance: "new", Started: begin.Add(9 * time.Second)})
	read := func(n int) ([][]byte, error) { return values, nil }
	now := begin.Add(10*time.Second + 345*time.Microsecond)
	if all, err := m.History(time.Time{}, now, read); err != nil || len(all) != 0 {
		t.Errorf("before the first sample: %v, %v", all, err)
	}
	later := *second
	later.At = now
	m.Begin(first)
	own := (&reporter{project: "p", last: first}).records(&later, nil)
	m.past.add(now, own)
	values = append(values, own[0].text()) // it is in the topic already
	for range 2 {
		all, err := m.History(time.Time{}, now, read)
		if err != nil || len(all) != 3 {
			t.Fatalf("%d series, %v: want those of table sales, source t and the process", len(all), err)
		}
		sales := all[0]
		if sales.Kind != "table" || sales.Name != "sales" || len(sales.Points) != 2 {
			t.Fatalf("%+v", sales)
		}
		p := sales.Points[0]
		if !p.At.Equal(second.At) || p.NumInputRows != 30 || p.ProcessedRowsPerSecond != 30 || p.InputRowsPerSecond != 50 || p.BatchDuration != 5 ||
			p.WalCommit != 4 || p.Pause != 1 || p.LagRecords != 20 || p.StateRows != 5 || p.StateBytes != 900 || p.LateRows != 5 || !math.IsNaN(p.WatermarkGap) {
			t.Errorf("the point of the earlier process is %+v", p)
		}
		if source := all[1]; source.Points[1].StateRows != -1 {
			t.Errorf("a source has state: %+v", source)
		}
	}
	if all, _ := m.History(second.At, now, read); len(all[0].Points) != 1 || !all[0].Points[0].At.Equal(now.Truncate(time.Millisecond)) {
		t.Errorf("behind a time: %+v", all[0])
	}
	if all, _ := m.History(time.Time{}, now.Add(HistorySpan), read); len(all) != 0 {
		t.Errorf("what is as old as the span stays: %+v", all)
	}
	for i := range int(HistorySpan/time.Second) + 200 {
		m.past.add(now.Add(time.Duration(i+1)*time.Second), (&reporter{project: "p", last: first}).records(&later, nil))
	}
	if n := len(m.past.series[0].Points); n > int((HistorySpan+2*time.Minute)/time.Second) {
		t.Errorf("%d points are kept", n)
	}
}

func TestSlope(t *testing.T) {
	s := &Series{}
	at := func(second int, lag int64) {
		s.Points = append(s.Points, Point{At: begin.Add(time.Duration(second) * time.Second), LagRecords: lag})
	}
	for i := range 4 {
		at(i, 1000)
	}
	if _, ok := s.Slope(time.Minute); ok {
		t.Error("four points tell a slope")
	}
	for i := range 40 {
		at(4+i, 1000-int64(i)*20)
	}
	if got, ok := s.Slope(30 * time.Second); !ok || math.Abs(got+20) > 1e-9 {
		t.Errorf("a lag that shrinks by 20 a second: %v, %v", got, ok)
	}
	if got, ok := s.Slope(time.Hour); !ok || got >= 0 || got < -20 {
		t.Errorf("over all: %v, %v", got, ok)
	}
}
