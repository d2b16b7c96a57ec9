package web

import (
	"math"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves the engine's status in the names of Prometheus, read anew for each scrape.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newStatusCollector(s.backend))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// A statusCollector makes metrics of a status.
type statusCollector struct {
	backend Backend

	source, processed, late, lag, watermark    *prometheus.Desc
	stateRows, stateBytes, duration, lastTime  *prometheus.Desc
	checkpoints, imbalance, outcomes, rowsKept *prometheus.Desc
	leftOut                                    *prometheus.Desc
}

func newStatusCollector(b Backend) *statusCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("nagare_"+name, help, labels, nil)
	}
	return &statusCollector{
		backend:     b,
		source:      desc("source_records_total", "Records appended to the partition so far.", "topic", "partition"),
		processed:   desc("processed_records_total", "Records read from the topic.", "topic"),
		outcomes:    desc("records_total", "Records read from the topic, by the best that became of them over the tables.", "topic", "outcome"),
		leftOut:     desc("left_out_records_total", "Records that the table is without, of those that it read from the topic, by why.", "table", "topic", "outcome"),
		late:        desc("late_records_total", "Records that came too late for the table.", "table"),
		lag:         desc("consumer_lag_records", "Records of the partition that are not read yet.", "topic", "partition"),
		watermark:   desc("watermark_timestamp_seconds", "Watermark of the partition.", "topic", "partition"),
		rowsKept:    desc("table_rows", "Rows of the table, final ones and those of open windows.", "table", "state"),
		stateRows:   desc("state_rows", "Rows of open windows and other state."),
		stateBytes:  desc("state_bytes", "Memory of open windows and other state."),
		duration:    desc("checkpoint_duration_seconds", "How long the newest checkpoint took, pause and commit."),
		lastTime:    desc("checkpoint_last_success_timestamp_seconds", "When the newest checkpoint was committed."),
		checkpoints: desc("checkpoints_total", "Checkpoints of this process."),
		imbalance:   desc("ledger_imbalance", "Rows without an outcome, or with two; always 0."),
	}
}

// Describe sends nothing: which topics and tables there are is known only to a scrape.
func (c *statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of this moment.
func (c *statusCollector) Collect(out chan<- prometheus.Metric) {
	st := c.backend.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, p := range st.Partitions {
		partition := strconv.Itoa(int(p.Partition))
		counter(c.source, p.End, p.Topic, partition)
		gauge(c.lag, float64(p.Lag), p.Topic, partition)
		if p.Watermark != math.MinInt64 {
			gauge(c.watermark, float64(p.Watermark)/1e6, p.Topic, partition)
		}
	}
	for topic, n := range st.Ledger.Topics {
		counter(c.processed, n.Read, topic)
		for _, o := range []struct {
			name string
			n    int64
		}{{"counted", n.Counted}, {"late", n.Late}, {"future", n.Future}, {"invalid", n.Invalid}, {"duplicate", n.Duplicate}, {"filtered", n.Filtered}} {
			counter(c.outcomes, o.n, topic, o.name)
		}
	}
	for _, x := range st.Ledger.Losses() {
		counter(c.leftOut, x.Late, x.Table, x.Topic, "late")
		counter(c.leftOut, x.Future, x.Table, x.Topic, "future")
		counter(c.leftOut, x.Invalid, x.Table, x.Topic, "invalid")
	}
	for _, t := range st.Tables {
		counter(c.late, t.LateRows, t.Name)
		gauge(c.rowsKept, float64(t.Rows), t.Name, "final")
		gauge(c.rowsKept, float64(t.Open), t.Name, "open")
	}
	gauge(c.stateRows, float64(st.StateRows))
	gauge(c.stateBytes, float64(st.StateBytes))
	gauge(c.duration, float64(st.Checkpoints.LastPause+st.Checkpoints.LastCommit)/1e6)
	if st.Checkpoints.LastSuccess > 0 {
		gauge(c.lastTime, float64(st.Checkpoints.LastSuccess)/1e6)
	}
	counter(c.checkpoints, st.Checkpoints.Count)
	gauge(c.imbalance, float64(Imbalance(st.Ledger)))
}
