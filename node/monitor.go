package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// ownTopics is the topics that the process writes of itself.
var ownTopics = []string{monitor.SystemMetrics, monitor.PipelineMetrics}

// isMonitored reports a process that watches itself: one that runs until it is stopped.
func (n *Node) isMonitored() bool {
	return !n.cfg.Look && !n.cfg.Once && !n.cfg.Unmonitored
}

// openMonitor makes the process's own topics. A cluster that refuses them does not keep the pipeline from running.
func (n *Node) openMonitor(ctx context.Context) {
	if !n.isMonitored() {
		return
	}
	for _, topic := range ownTopics {
		if err := n.makeOwnTopic(ctx, topic); err != nil {
			n.notices = append(n.notices, fmt.Sprintf("topic %s cannot be made, so the process keeps no record of itself there: %v", topic, err))
		}
	}
	n.monitor = monitor.New(monitor.Config{
		Project: n.cfg.Project.Name, Instance: n.info.Instance, Started: n.cfg.Started,
		Host:   monitor.HostConfig{Data: n.cfg.Data, Collect: n.cfg.Collect},
		Always: slices.Contains(n.roles.sources, monitor.SystemMetrics),
		Open: func(ctx context.Context, topic string) (monitor.Writer, error) {
			if err := n.makeOwnTopic(ctx, topic); err != nil {
				return nil, err
			}
			return n.host.Writer(topic, "monitor")
		},
	})
	n.monitor.Begin(n.sample(n.meter.last.at, n.meter.measures, 0, n.meter.newest))
}

func (n *Node) makeOwnTopic(ctx context.Context, topic string) error {
	has, err := n.host.HasTopic(ctx, topic)
	if err != nil || has {
		return err
	}
	return n.host.CreateTopic(ctx, n.topicConfig(topic))
}

// runMonitor appends what the monitor sees until ctx ends.
func (n *Node) runMonitor(ctx context.Context) error {
	n.monitor.Run(ctx)
	return nil
}

// sample is what the monitor is told, of the measures that the meter has taken.
func (n *Node) sample(now time.Time, measures engine.Measures, silent time.Duration, newest map[string]time.Time) *monitor.Sample {
	s := &monitor.Sample{
		At: now, Measures: measures, Silent: silent, Sinks: map[string]string{},
		Floor: n.broker.Floor(),
	}
	for _, topic := range n.roles.sources {
		s.Sources = append(s.Sources, monitor.Source{Topic: topic, Newest: newest[topic]})
	}
	for _, def := range n.cfg.Pipeline.Sinks {
		s.Sinks[def.Name] = sinkText(def)
	}
	if n.feed != nil {
		s.Generate = &monitor.Generate{Rate: n.feed.gen.Config().Rate, Overdue: n.feed.overdue.Load()}
	}
	q := &monitor.Queries{Held: n.queries.Held(), Memory: n.queries.Memory()}
	q.Running, q.Waiting = n.queries.Load()
	s.Queries = q
	s.Webhooks = n.webhooks()
	n.mu.RLock()
	defer n.mu.RUnlock()
	s.Failure = n.failure
	s.Trouble = map[string]string{"broker": ""}
	if n.cluster != nil {
		s.Trouble["kafka"] = ""
	}
	for part, t := range n.trouble {
		s.Trouble[part] = t.text
	}
	return s
}

// webhooks is who is told of alerts, and what waits for them.
func (n *Node) webhooks() []monitor.Webhook {
	t := n.Notifier()
	if t == nil {
		return nil
	}
	trouble := t.Trouble()
	var all []monitor.Webhook
	for _, name := range t.Names() {
		w := monitor.Webhook{Name: name}
		if i := slices.IndexFunc(trouble, func(r notify.ReceiverReport) bool { return r.Name == name }); i >= 0 {
			w.Waiting, w.Reason, w.Since = trouble[i].Waiting, trouble[i].LastError, trouble[i].Since
		}
		all = append(all, w)
	}
	return all
}

// sinkText is where a sink writes, as Spark describes one.
func sinkText(def *plan.SinkDef) string {
	for _, option := range []string{"topic", "path", "url"} {
		if at := def.Options[option]; at != "" {
			return def.Format + "[" + at + "]"
		}
	}
	return def.Format
}

// Health is how the parts are, by name; empty where nothing runs.
func (n *Node) Health() []monitor.Health {
	if n.monitor == nil {
		return nil
	}
	return n.monitor.Health()
}

// Machine is what the machine and the process use now; nil where nobody looks.
func (n *Node) Machine(ctx context.Context) *monitor.Reading {
	if n.monitor == nil {
		return nil
	}
	return n.monitor.Machine(ctx, time.Now())
}

// MonitorDropped is how many records of itself the process had to let go.
func (n *Node) MonitorDropped() int64 {
	if n.monitor == nil {
		return 0
	}
	return n.monitor.Dropped()
}

// Measures is the pipeline at this moment, without what costs more to know.
func (n *Node) Measures() engine.Measures { return n.current().Measure() }

// wants notes that somebody reads a topic, so that what the process writes there is fresh.
func (n *Node) wants(topic string) {
	if n.monitor != nil && topic == monitor.SystemMetrics {
		n.monitor.Want(time.Now())
	}
}

// follows notes that somebody follows a topic until end is called.
func (n *Node) follows(topic string) (end func()) {
	if n.monitor == nil || !strings.EqualFold(topic, monitor.SystemMetrics) {
		return func() {}
	}
	return n.monitor.Follow()
}
