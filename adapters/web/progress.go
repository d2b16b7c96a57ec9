package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// makeProgress puts a status into Spark's names.
func makeProgress(info Info, st engine.Status, rates Rates, now time.Time) monitor.Progress {
	p := monitor.Progress{
		ID: info.Project, RunID: info.Instance, Name: info.Project,
		Timestamp:              now.UTC().Format("2006-01-02T15:04:05.000Z"),
		BatchID:                st.Epoch,
		BatchDuration:          (st.Checkpoints.LastPause + st.Checkpoints.LastCommit) / 1000,
		NumInputRows:           rates.Rows,
		InputRowsPerSecond:     rates.Input,
		ProcessedRowsPerSecond: rates.Processed,
		DurationMs:             monitor.Durations(st.Checkpoints),
		EventTime:              map[string]string{},
		StateOperators:         []monitor.StateOperator{},
		Sources:                []monitor.SourceProgress{},
		Sink:                   map[string]any{"description": "nagare", "pendingRows": st.OutboxRows},
	}
	if text := isoTime(st.Watermark); text != "" {
		p.EventTime["watermark"] = text
	}
	newest := int64(-1 << 63)
	for _, part := range st.Partitions {
		newest = max(newest, part.EventTime)
		addOffsets(&p, part, st.Ledger)
	}
	if text := isoTime(newest); text != "" {
		p.EventTime["max"] = text
	}
	for _, t := range st.Tables {
		if t.Kind == "windowed" {
			p.StateOperators = append(p.StateOperators, monitor.StateOperator{OperatorName: t.Name, NumRowsTotal: t.Open, NumRowsDroppedByWatermark: t.LateRows, MemoryUsedBytes: t.StateBytes})
		}
	}
	return p
}

func addOffsets(p *monitor.Progress, part engine.PartitionStatus, l ledger.Ledger) {
	description := monitor.Description(part.Topic)
	n := len(p.Sources)
	if n == 0 || p.Sources[n-1].Description != description {
		p.Sources = append(p.Sources, monitor.SourceProgress{
			Description: description, NumInputRows: l.Topics[part.Topic].Read,
			EndOffset:    monitor.Offsets{part.Topic: {}},
			LatestOffset: monitor.Offsets{part.Topic: {}},
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

func (s *Server) currentProgress() monitor.Progress {
	return makeProgress(s.backend.Info(), s.backend.Status(), s.backend.Rates(), time.Now())
}
