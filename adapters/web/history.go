package web

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
)

// HistoryAnswer is the body of /api/progress/history: the last minutes second by second, of each streaming table,
// each source and the process.
type HistoryAnswer struct {
	Now    int64           `json:"now"` // ms since 1970
	Series []HistorySeries `json:"series"`
}

// HistorySeries is columns of the same length, in the names of Spark's StreamingQueryProgress. Times are ms since
// 1970; durations ms; null where there is none.
type HistorySeries struct {
	Kind string `json:"kind"` // "table", "source", "process"
	Name string `json:"name"`
	// Slope is by how many records a second the lag grew over the last SlopeOver; null where that cannot be told.
	Slope *float64 `json:"lagSlope"`

	Timestamp              []int64    `json:"timestamp"`
	InputRowsPerSecond     []float64  `json:"inputRowsPerSecond"`
	ProcessedRowsPerSecond []float64  `json:"processedRowsPerSecond"`
	NumInputRows           []int64    `json:"numInputRows"`
	BatchDuration          []int64    `json:"batchDuration"`
	TriggerExecution       []int64    `json:"triggerExecution"`
	WalCommit              []int64    `json:"walCommit"`
	Pause                  []int64    `json:"pause"`
	LagRecords             []int64    `json:"lagRecords"`
	WatermarkGap           []*float64 `json:"watermarkGap"`           // s
	NumRowsTotal           []int64    `json:"numRowsTotal,omitempty"` // these three of tables with state only
	MemoryUsedBytes        []int64    `json:"memoryUsedBytes,omitempty"`
	NumRowsDropped         []int64    `json:"numRowsDroppedByWatermark,omitempty"`
}

// SlopeOver is over what time the growth of a lag is told.
const SlopeOver = 30 * time.Second

// history answers what came after ?since=MS, or all that there is.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			s.failed(w, &RequestError{fmt.Sprintf("read the parameter since=%s: it is no time in ms since 1970", text)})
			return
		}
		since = time.UnixMilli(ms)
	}
	now := time.Now()
	all, err := s.backend.History(r.Context(), now.Add(-monitor.HistorySpan))
	if err != nil {
		s.failed(w, err)
		return
	}
	a := HistoryAnswer{Now: now.UnixMilli(), Series: []HistorySeries{}}
	for i := range all {
		a.Series = append(a.Series, historySeries(&all[i], since))
	}
	answerTight(w, a)
}

// historySeries is the points of a series after a time. The slope is of all.
func historySeries(of *monitor.Series, since time.Time) HistorySeries {
	s := HistorySeries{Kind: of.Kind, Name: of.Name, Timestamp: []int64{}}
	if slope, ok := of.Slope(SlopeOver); ok {
		slope = math.Round(slope*100) / 100
		s.Slope = &slope
	}
	for _, p := range of.Points {
		if !p.At.After(since) {
			continue
		}
		s.Timestamp = append(s.Timestamp, p.At.UnixMilli())
		s.InputRowsPerSecond = append(s.InputRowsPerSecond, p.InputRowsPerSecond)
		s.ProcessedRowsPerSecond = append(s.ProcessedRowsPerSecond, p.ProcessedRowsPerSecond)
		s.NumInputRows = append(s.NumInputRows, p.NumInputRows)
		s.BatchDuration = append(s.BatchDuration, p.BatchDuration)
		s.TriggerExecution = append(s.TriggerExecution, p.TriggerExecution)
		s.WalCommit = append(s.WalCommit, p.WalCommit)
		s.Pause = append(s.Pause, p.Pause)
		s.LagRecords = append(s.LagRecords, p.LagRecords)
		var gap *float64
		if !math.IsNaN(p.WatermarkGap) {
			rounded := math.Round(p.WatermarkGap*1000) / 1000
			gap = &rounded
		}
		s.WatermarkGap = append(s.WatermarkGap, gap)
		if p.StateRows >= 0 {
			s.NumRowsTotal = append(s.NumRowsTotal, p.StateRows)
			s.MemoryUsedBytes = append(s.MemoryUsedBytes, p.StateBytes)
			s.NumRowsDropped = append(s.NumRowsDropped, p.LateRows)
		}
	}
	return s
}
