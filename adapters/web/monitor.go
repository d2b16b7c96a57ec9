package web

import (
	"net/http"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
)

// MonitorAnswer is the body of /api/monitor: what the process and the machine use now, and how the sinks are served.
type MonitorAnswer struct {
	Machine *monitor.SystemRecord `json:"machine"` // null where nobody looks
	Sinks   []SinkLoad            `json:"sinks"`
	Dropped int64                 `json:"dropped"` // records of itself that the process had to let go
}

// SinkLoad is what a sink takes and what waits for it.
type SinkLoad struct {
	Name      string  `json:"name"`
	Trouble   string  `json:"trouble,omitempty"` // why rows wait
	Waiting   int64   `json:"waiting"`           // rows that are committed and not delivered
	Oldest    float64 `json:"oldestSeconds"`     // for which the first of them has waited
	Delivered int64   `json:"delivered"`         // rows, of this process
	// Latency is how many of the rows took how long from their record to the sink, by bucket of engine.Latency.
	Latency map[int]int64 `json:"latency"`
}

func (s *Server) monitor(w http.ResponseWriter, r *http.Request) {
	a := MonitorAnswer{Sinks: []SinkLoad{}, Dropped: s.backend.MonitorDropped()}
	if reading := s.backend.Machine(r.Context()); reading != nil {
		record := reading.Record()
		a.Machine = &record
	}
	now := time.Now()
	m := s.backend.Measures()
	for i := range m.Sinks {
		a.Sinks = append(a.Sinks, sinkLoad(&m.Sinks[i], now))
	}
	answer(w, a)
}

func sinkLoad(s *engine.SinkMeasures, now time.Time) SinkLoad {
	load := SinkLoad{Name: s.Name, Trouble: s.Trouble, Waiting: s.Waiting, Delivered: s.Delivered, Latency: map[int]int64{}}
	if s.Oldest > 0 {
		load.Oldest = max(0, now.Sub(time.UnixMicro(s.Oldest)).Seconds())
	}
	for i, n := range s.Latency.Buckets {
		if n > 0 {
			load.Latency[i] = n
		}
	}
	return load
}

// Latencies is the counts of a SinkLoad as they were made; the sum of the durations is not told.
func (l *SinkLoad) Latencies() (all engine.Latency) {
	for i, n := range l.Latency {
		if i >= 0 && i < len(all.Buckets) {
			all.Buckets[i] = n
			all.Count += n
		}
	}
	return all
}
