package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// Progress is Spark's StreamingQueryProgress, for the whole pipeline: the names are Spark's, a field
// that has no like here is left out.
type Progress struct {
	ID                     string            `json:"id"`    // of the data folder's process
	RunID                  string            `json:"runId"` // of this start
	Name                   string            `json:"name"`
	Timestamp              string            `json:"timestamp"`
	BatchID                uint64            `json:"batchId"`       // newest checkpoint
	BatchDuration          int64             `json:"batchDuration"` // ms, of the newest checkpoint
	NumInputRows           int64             `json:"numInputRows"`  // of the last second
	InputRowsPerSecond     float64           `json:"inputRowsPerSecond"`
	ProcessedRowsPerSecond float64           `json:"processedRowsPerSecond"`
	DurationMs             map[string]int64  `json:"durationMs"`
	EventTime              map[string]string `json:"eventTime"`
	StateOperators         []StateOperator   `json:"stateOperators"`
	Sources                []SourceProgress  `json:"sources"`
	Sink                   map[string]any    `json:"sink"`
}

// StateOperator is Spark's StateOperatorProgress: here one for each windowed table.
type StateOperator struct {
	OperatorName              string `json:"operatorName"`
	NumRowsTotal              int64  `json:"numRowsTotal"`
	NumRowsDroppedByWatermark int64  `json:"numRowsDroppedByWatermark"` // events, not groups
}

// SourceProgress is Spark's: offsets by topic and partition.
type SourceProgress struct {
	Description  string                      `json:"description"`
	EndOffset    map[string]map[string]int64 `json:"endOffset"`
	LatestOffset map[string]map[string]int64 `json:"latestOffset"`
	NumInputRows int64                       `json:"numInputRows"` // since the first start
}

// makeProgress puts a status into Spark's names.
func makeProgress(info Info, st engine.Status, rates Rates, now time.Time) Progress {
	p := Progress{
		ID: info.Project, RunID: info.Instance, Name: info.Project,
		Timestamp:              now.UTC().Format("2006-01-02T15:04:05.000Z"),
		BatchID:                st.Epoch,
		BatchDuration:          (st.Checkpoints.LastPause + st.Checkpoints.LastCommit) / 1000,
		NumInputRows:           rates.Rows,
		InputRowsPerSecond:     rates.Input,
		ProcessedRowsPerSecond: rates.Processed,
		DurationMs: map[string]int64{
			"triggerExecution": (st.Checkpoints.LastPause + st.Checkpoints.LastCommit) / 1000,
			"walCommit":        st.Checkpoints.LastCommit / 1000,
		},
		EventTime:      map[string]string{},
		StateOperators: []StateOperator{},
		Sources:        []SourceProgress{},
		Sink:           map[string]any{"description": "nagare", "pendingRows": st.OutboxRows},
	}
	if text := isoTime(st.Watermark); text != "" {
		p.EventTime["watermark"] = text
	}
	newest := int64(-1 << 63)
	for _, part := range st.Partitions {
		newest = max(newest, part.EventTime)
		p.addOffsets(part, st.Ledger)
	}
	if text := isoTime(newest); text != "" {
		p.EventTime["max"] = text
	}
	for _, t := range st.Tables {
		if t.Kind == "windowed" {
			p.StateOperators = append(p.StateOperators, StateOperator{t.Name, t.Open, t.LateRows})
		}
	}
	return p
}

func (p *Progress) addOffsets(part engine.PartitionStatus, l engine.Ledger) {
	description := "nagare[Subscribe[" + part.Topic + "]]"
	n := len(p.Sources)
	if n == 0 || p.Sources[n-1].Description != description {
		p.Sources = append(p.Sources, SourceProgress{
			Description: description, NumInputRows: l.Topics[part.Topic].Read,
			EndOffset:    map[string]map[string]int64{part.Topic: {}},
			LatestOffset: map[string]map[string]int64{part.Topic: {}},
		})
		n++
	}
	src, name := &p.Sources[n-1], strconv.Itoa(int(part.Partition))
	src.EndOffset[part.Topic][name] = part.Position
	src.LatestOffset[part.Topic][name] = part.End
}

func (s *Server) progress(w http.ResponseWriter, _ *http.Request) {
	answer(w, s.currentProgress())
}

func (s *Server) currentProgress() Progress {
	return makeProgress(s.backend.Info(), s.backend.Status(), s.backend.Rates(), time.Now())
}

// The pace of /api/events.
const (
	eventPause = 100 * time.Millisecond // at least between two events
	eventPulse = 5 * time.Second        // at most between two signs of life
)

// events sends the progress, as server-sent events, after checkpoints that changed something.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.follow(w)
	if !ok {
		return
	}
	defer leave()
	changed, end := s.backend.Watch()
	defer end()
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	pulse := time.NewTicker(eventPulse)
	defer pulse.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for id := 1; ; id++ {
		body, err := json.Marshal(s.currentProgress())
		if err != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(stallTimeout))
		if _, err := fmt.Fprintf(w, "id: %d\nevent: progress\ndata: %s\n\n", id, body); err != nil || control.Flush() != nil {
			return
		}
		pause.Reset(eventPause)
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return
		}
		select {
		case <-changed:
		case <-pulse.C:
		case <-r.Context().Done():
			return
		}
	}
}
