package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// metrics serves the status in the names of Prometheus, read anew for each scrape. Labels are names of the project
// and numbers of partitions: nothing that records bring.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &statusCollector{s.backend})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// A statusCollector makes metrics of what the backend tells.
type statusCollector struct{ backend Backend }

// Describe sends nothing: which topics and tables there are is known only to a scrape.
func (c *statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of this moment.
func (c *statusCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	g := gatherer{out}
	st, m := c.backend.Status(), c.backend.Measures()
	g.info(c.backend.Info())
	g.partitions(st.Partitions)
	g.ledger(st.Ledger)
	g.tables(st.Tables)
	g.checkpoints(&st)
	g.sinks(m.Sinks)
	g.health(c.backend.Health())
	g.machine(c.backend.Machine(ctx))
	g.alerts(c.backend.Alerts())
	if n := c.backend.Notifier(); n != nil {
		g.webhooks(n.Report(ctx), n.External())
	}
	rates := c.backend.Rates()
	g.gauge("generator_overdue_events", "Events that the generator owes.", float64(rates.Overdue))
	g.counter("monitor_dropped_records_total", "Records of the process's own topics that were let go while those could not be written.", c.backend.MonitorDropped())
}

// scrapeWait is how long a scrape waits for the machine to tell how it is.
const scrapeWait = 2 * time.Second

// A gatherer sends metrics to a scrape. Labels are name, value, name, value …
type gatherer struct{ out chan<- prometheus.Metric }

func (g gatherer) send(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	names, values := split(labels)
	g.out <- prometheus.MustNewConstMetric(prometheus.NewDesc("nagare_"+name, help, names, nil), kind, v, values...)
}

func split(labels []string) (names, values []string) {
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return names, values
}

func (g gatherer) gauge(name, help string, v float64, labels ...string) {
	g.send(prometheus.GaugeValue, name, help, v, labels)
}

func (g gatherer) counter(name, help string, v int64, labels ...string) {
	g.send(prometheus.CounterValue, name, help, float64(v), labels)
}

// at sends a time, µs since 1970, unless there is none.
func (g gatherer) at(name, help string, us int64, labels ...string) {
	if us != math.MinInt64 && us != 0 {
		g.gauge(name, help, float64(us)/1e6, labels...)
	}
}

func (g gatherer) info(info Info) {
	g.gauge("build_info", "The version of nagare; always 1.", 1, "version", info.Version)
	g.gauge("pipeline_info", "What runs; always 1.", 1, "project", info.Project)
	g.gauge("start_timestamp_seconds", "When the process started.", float64(info.Started.UnixMilli())/1e3)
}

func (g gatherer) partitions(all []engine.PartitionStatus) {
	for _, p := range all {
		at := []string{"topic", p.Topic, "partition", strconv.Itoa(int(p.Partition))}
		g.counter("source_records_total", "Records appended to the partition so far.", p.End, at...)
		g.gauge("consumer_lag_records", "Records of the partition that are not read yet.", float64(p.Lag), at...)
		g.at("watermark_timestamp_seconds", "Watermark of the partition.", p.Watermark, at...)
		g.at("event_timestamp_seconds", "Newest event time that was read from the partition.", p.EventTime, at...)
		idle := 0.0
		if p.Idle {
			idle = 1
		}
		g.gauge("partition_idle", "Whether the partition is idle, and so holds no watermark back.", idle, at...)
		g.counter("lost_records_total", "Offsets of the partition that were gone before they were read.", p.Lost, at...)
	}
}

func (g gatherer) ledger(l ledger.Ledger) {
	for topic, n := range l.Topics {
		g.counter("processed_records_total", "Records read from the topic.", n.Read, "topic", topic)
		for _, o := range []struct {
			name string
			n    int64
		}{{"counted", n.Counted}, {"late", n.Late}, {"future", n.Future}, {"invalid", n.Invalid}, {"duplicate", n.Duplicate}, {"filtered", n.Filtered}} {
			g.counter("records_total", "Records read from the topic, by the best that became of them over the tables.", o.n, "topic", topic, "outcome", o.name)
		}
	}
	for _, x := range l.Losses() {
		const help = "Records that the table is without, of those that it read from the topic, by why."
		g.counter("left_out_records_total", help, x.Late, "table", x.Table, "topic", x.Topic, "outcome", "late")
		g.counter("left_out_records_total", help, x.Future, "table", x.Table, "topic", x.Topic, "outcome", "future")
		g.counter("left_out_records_total", help, x.Invalid, "table", x.Table, "topic", x.Topic, "outcome", "invalid")
	}
	g.gauge("ledger_imbalance", "Rows without an outcome, or with two; always 0.", float64(Imbalance(l)))
}

func (g gatherer) tables(all []engine.TableStatus) {
	for _, t := range all {
		g.counter("late_records_total", "Records that came too late for the table.", t.LateRows, "table", t.Name)
		g.gauge("table_rows", "Rows of the table, final ones and those of open windows.", float64(t.Rows), "table", t.Name, "state", "final")
		g.gauge("table_rows", "Rows of the table, final ones and those of open windows.", float64(t.Open), "table", t.Name, "state", "open")
		g.gauge("table_state_bytes", "Memory of the table's open windows.", float64(t.StateBytes), "table", t.Name)
		g.at("table_watermark_timestamp_seconds", "Watermark of the table.", t.Watermark, "table", t.Name)
	}
}

func (g gatherer) checkpoints(st *engine.Status) {
	c := st.Checkpoints
	g.gauge("state_rows", "Rows of open windows and other state.", float64(st.StateRows))
	g.gauge("state_bytes", "Memory of open windows and other state.", float64(st.StateBytes))
	g.gauge("outbox_rows", "Rows that are committed and not delivered to their sinks.", float64(st.OutboxRows))
	g.gauge("checkpoint_duration_seconds", "How long the newest checkpoint took, pause and commit.", float64(c.LastPause+c.LastCommit)/1e6)
	g.gauge("checkpoint_pause_seconds", "How long the tasks stood still for the newest checkpoint.", float64(c.LastPause)/1e6)
	g.at("checkpoint_last_success_timestamp_seconds", "When the newest checkpoint was committed.", c.LastSuccess)
	under := 0.0
	if c.Underway > 0 {
		under = max(0, time.Since(time.UnixMicro(c.Underway)).Seconds())
	}
	g.gauge("checkpoint_underway_seconds", "For how long a checkpoint has been under way; 0: none is.", under)
	g.counter("checkpoints_total", "Checkpoints of this process.", c.Count)
	g.gauge("checkpoint_epoch", "Number of the newest checkpoint.", float64(st.Epoch))
}

func (g gatherer) sinks(all []engine.SinkMeasures) {
	now := time.Now()
	for i := range all {
		s := &all[i]
		g.counter("sink_rows_total", "Rows that the sink has taken since the start.", s.Delivered, "sink", s.Name)
		g.gauge("sink_waiting_rows", "Rows that are committed and wait for the sink.", float64(s.Waiting), "sink", s.Name)
		oldest, failing := 0.0, 0.0
		if s.Oldest > 0 {
			oldest = max(0, now.Sub(time.UnixMicro(s.Oldest)).Seconds())
		}
		if s.Trouble != "" || s.Cache != nil && s.Cache.State == "degraded" {
			failing = 1
		}
		g.gauge("sink_oldest_waiting_seconds", "For how long the first of the rows has waited for the sink.", oldest, "sink", s.Name)
		g.gauge("sink_failing", "Whether the sink refused rows when it was last given some.", failing, "sink", s.Name)
		g.latency(&s.Latency, "sink", s.Name)
		if c := s.Cache; c != nil {
			g.counter("sink_refused_rows_total", "Rows that the sink can never write.", c.Refused, "sink", s.Name)
			g.counter("sink_refills_total", "How often everything was written to the sink anew.", c.Refills, "sink", s.Name)
		}
	}
}

// firstBound and lastBound are the octaves of a latency's bounds in /metrics: from 1 ms to 17 minutes.
const firstBound, lastBound = 4, 24

// latency sends a histogram, a bucket for each doubling.
func (g gatherer) latency(l *engine.Latency, labels ...string) {
	buckets := map[float64]uint64{}
	below, octave := int64(0), 0
	for i, n := range l.Buckets {
		below += n
		if i%engine.LatencyBucketsPerOctave == 0 {
			if octave >= firstBound && octave <= lastBound {
				buckets[engine.LatencyBound(i)] = uint64(below)
			}
			octave++
		}
	}
	names, values := split(labels)
	desc := prometheus.NewDesc("nagare_sink_latency_seconds", "From the append of the record that made a row final to the sink's acknowledgement of the row.", names, nil)
	g.out <- prometheus.MustNewConstHistogram(desc, uint64(l.Count), float64(l.Sum)/1e6, buckets, values...)
}
