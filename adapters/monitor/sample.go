package monitor

import (
	"math"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// The topics that the process writes of itself. Each has one partition and keeps its records for Retention.
const (
	SystemMetrics   = "system-metrics"
	PipelineMetrics = "pipeline-metrics"
	SystemAlerts    = "system-alerts"
	Retention       = 24 * time.Hour
)

// Topics is all of them.
var Topics = []string{SystemMetrics, PipelineMetrics, SystemAlerts}

// IsOwn reports a topic that the process writes of itself. It counts for nothing where the question is whether
// there is work to do: it always has new records.
func IsOwn(topic string) bool { return slices.Contains(Topics, topic) }

// A Sample is what a Monitor is told each second.
type Sample struct {
	At       time.Time
	Measures engine.Measures   // with the ends of the topics as they are now
	Failure  string            // why nothing is processed any more, "" while all is well
	Trouble  map[string]string // of "broker", "kafka", "generator": what they are in trouble with
	Sources  []Source          // topics that the pipeline reads
	Sinks    map[string]string // by name: where a sink writes, for people
	Generate *Generate         // nil: nothing is generated
	Queries  *Queries          // nil: there is no budget
	Webhooks []Webhook         // that are told of alerts
	Floor    uint64            // bytes of the disk that are left free by what is taken in
	Silent   time.Duration     // for so long the engine has not let itself be measured: Measures is an older one
}

// A Source is a topic that the pipeline reads.
type Source struct {
	Topic string
	// Newest is when its newest record was seen to come, or was appended before this process started; zero: never.
	Newest time.Time
}

// A Webhook is told of alerts.
type Webhook struct {
	Name    string
	Waiting int64     // changes that wait while its last try went wrong
	Reason  string    // why it went wrong
	Since   time.Time // since when tries go wrong
}

// Generate is how the generator keeps up.
type Generate struct {
	Rate    float64 // events a second
	Overdue int64   // events that are due and not written
}

// Queries is what queries take.
type Queries struct {
	Running, Waiting int64
	Held, Memory     int64 // bytes, and how many there may be
}

// partitions is those of a topic.
func (s *Sample) partitions(topic string) []engine.PartitionStatus {
	var of []engine.PartitionStatus
	for _, p := range s.Measures.Partitions {
		if p.Topic == topic {
			of = append(of, p)
		}
	}
	return of
}

// lagSeconds is how far a partition is behind in event time: from the newest event time that was read to now; 0 for
// one that is caught up, NaN where no event time is known.
func (s *Sample) lagSeconds(p *engine.PartitionStatus) float64 {
	switch {
	case p.Lag == 0:
		return 0
	case p.EventTime == math.MinInt64:
		return math.NaN()
	}
	return max(0, float64(s.At.UnixMicro()-p.EventTime)/1e6)
}

// silentSeconds is for how long nothing has come to a topic, as far as this process has seen.
func (s *Sample) silentSeconds(src Source, started time.Time) float64 {
	since := src.Newest
	if since.Before(started) {
		since = started
	}
	return max(0, s.At.Sub(since).Seconds())
}
