package monitor

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"
)

// HistorySpan is how far back a History goes.
const HistorySpan = 15 * time.Minute

// A Point is what a Record of kind table, source or process says of its second, in its names.
type Point struct {
	At                     time.Time
	InputRowsPerSecond     float64
	ProcessedRowsPerSecond float64
	NumInputRows           int64
	BatchDuration          int64 // ms
	TriggerExecution       int64 // ms
	WalCommit              int64 // ms
	Pause                  int64 // ms
	LagRecords             int64
	WatermarkGap           float64 // seconds from the watermark to At; NaN: there is no watermark
	StateRows              int64   // -1: it has no state
	StateBytes             int64
	LateRows               int64
}

// A Series is the points of one table, source or the process, the oldest first.
type Series struct {
	Kind, Name string
	Points     []Point
}

// A history keeps the points of the last HistorySpan. What an earlier process saw is added once, when somebody asks.
type history struct {
	mu     sync.Mutex
	series []*Series
	begun  time.Time // of the first sample

	recall sync.Mutex
	old    bool // what was before begun is here, too
}

// add takes the records of a sample.
func (h *history) add(at time.Time, records []Record) {
	at = at.Truncate(time.Millisecond) // as their timestamps are
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun.IsZero() {
		h.begun = at
	}
	for i := range records {
		if s := h.of(records[i].Kind, records[i].Name); s != nil {
			s.Points = append(s.Points, pointOf(at, &records[i]))
			if first := s.Points[0].At; at.Sub(first) > HistorySpan+time.Minute { // not at every sample
				s.Points = slices.DeleteFunc(s.Points, func(p Point) bool { return at.Sub(p.At) > HistorySpan })
			}
		}
	}
}

// of finds or makes a series; nil: of this kind none is kept. Tables and sources that are gone go with the process.
func (h *history) of(kind, name string) *Series {
	if kind == "sink" {
		return nil
	}
	for _, s := range h.series {
		if s.Kind == kind && s.Name == name {
			return s
		}
	}
	s := &Series{Kind: kind, Name: name}
	h.series = append(h.series, s)
	return s
}

func pointOf(at time.Time, r *Record) Point {
	p := Point{At: at, InputRowsPerSecond: r.InputRowsPerSecond, ProcessedRowsPerSecond: r.ProcessedRowsPerSecond,
		NumInputRows: r.NumInputRows, BatchDuration: r.BatchDuration, TriggerExecution: r.DurationMs["triggerExecution"],
		WalCommit: r.DurationMs["walCommit"], Pause: r.DurationMs["pause"], WatermarkGap: math.NaN(), StateRows: -1}
	if r.LagRecords != nil {
		p.LagRecords = *r.LagRecords
	}
	if mark, err := time.Parse(time.RFC3339, r.EventTime["watermark"]); err == nil {
		p.WatermarkGap = at.Sub(mark).Seconds()
	}
	for _, op := range r.StateOperators {
		p.StateRows, p.StateBytes, p.LateRows = op.NumRowsTotal, op.MemoryUsedBytes, op.NumRowsDroppedByWatermark
	}
	return p
}

// since is the points behind a time, a copy.
func (h *history) since(after time.Time) []Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Series
	for _, s := range h.series {
		from, _ := slices.BinarySearchFunc(s.Points, after, func(p Point, t time.Time) int {
			if p.At.After(t) {
				return 1
			}
			return -1
		})
		if from < len(s.Points) {
			all = append(all, Series{s.Kind, s.Name, slices.Clone(s.Points[from:])})
		}
	}
	return all
}

// before puts the records of an earlier process in front: those of series that this one has, too.
func (h *history) before(values [][]byte, project string, now time.Time) {
	type key struct{ kind, name string }
	old := map[key][]Point{}
	for _, v := range values {
		if bytes.HasPrefix(v, []byte(`{"kind":"sink"`)) {
			continue
		}
		var r Record
		if json.Unmarshal(v, &r) != nil || r.ID != project {
			continue // the topic is open to everybody, and on a cluster other pipelines write there
		}
		at, err := time.Parse(time.RFC3339, r.Timestamp)
		if err == nil && now.Sub(at) <= HistorySpan {
			old[key{r.Kind, r.Name}] = append(old[key{r.Kind, r.Name}], pointOf(at, &r))
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.series {
		points := slices.DeleteFunc(old[key{s.Kind, s.Name}], func(p Point) bool {
			return !p.At.Before(h.begun) || len(s.Points) > 0 && !p.At.Before(s.Points[0].At)
		})
		slices.SortStableFunc(points, func(a, b Point) int { return a.At.Compare(b.At) })
		s.Points = append(points, s.Points...)
	}
}

// History is what was seen after a time, at most HistorySpan ago, of each table, source and the process. The first
// call adds what earlier processes saw: read hands it the newest n records of topic PipelineMetrics, values only.
func (m *Monitor) History(after, now time.Time, read func(n int) ([][]byte, error)) ([]Series, error) {
	h := &m.past
	h.recall.Lock()
	defer h.recall.Unlock()
	if !h.old && h.hasBegun() {
		values, err := read(m.recordsOf(HistorySpan))
		if err != nil {
			return nil, err
		}
		h.before(values, m.reporter.project, now)
		h.old = true
	}
	if oldest := now.Add(-HistorySpan); after.Before(oldest) {
		after = oldest
	}
	return h.since(after), nil
}

func (h *history) hasBegun() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.begun.IsZero()
}

// recordsOf is about how many records are made in a time, as many as there were at the last sample.
func (m *Monitor) recordsOf(span time.Duration) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(1, m.made) * int(span/time.Second)
}

// Slope is by how many records a second the lag grew over the last seconds of a series (shrank: below 0), by least
// squares. ok is false where there are too few points to tell.
func (s *Series) Slope(over time.Duration) (perSecond float64, ok bool) {
	if len(s.Points) == 0 {
		return 0, false
	}
	last := s.Points[len(s.Points)-1].At
	var n, sx, sy, sxx, sxy float64
	for _, p := range s.Points {
		x := p.At.Sub(last).Seconds()
		if -x > over.Seconds() {
			continue
		}
		y := float64(p.LagRecords)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if n < 5 || d <= 0 {
		return 0, false
	}
	return (n*sxy - sx*sy) / d, true
}
