package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// Topics returns all topics of the broker, by name.
func (n *Node) Topics(ctx context.Context) ([]web.Topic, error) {
	infos, err := n.allTopics(ctx)
	if err != nil {
		return nil, err
	}
	topics := make([]web.Topic, len(infos))
	for i, info := range infos {
		topics[i] = n.webTopic(info)
		topics[i].Parts = nil
	}
	return topics, nil
}

// allTopics is the topics of the host and, where that is a cluster, those that hold rows of tables.
func (n *Node) allTopics(ctx context.Context) ([]broker.TopicInfo, error) {
	infos, err := n.host.Topics(ctx)
	if err != nil || n.cluster == nil {
		return infos, err
	}
	own, err := n.broker.Topics(ctx)
	if err != nil {
		return nil, err
	}
	infos = append(infos, own...)
	slices.SortFunc(infos, func(a, b broker.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// topicNames is the names of all topics.
func (n *Node) topicNames(ctx context.Context) ([]string, error) {
	infos, err := n.allTopics(ctx)
	names := make([]string, len(infos))
	for i := range infos {
		names[i] = infos[i].Name
	}
	return names, err
}

// Topic returns one topic with its partitions.
func (n *Node) Topic(ctx context.Context, name string) (web.Topic, error) {
	info, err := n.topicInfo(ctx, name)
	if err != nil {
		return web.Topic{}, err
	}
	return n.webTopic(info), nil
}

// topicInfo finds a topic; *engine.NotFoundError names one that is near.
func (n *Node) topicInfo(ctx context.Context, name string) (broker.TopicInfo, error) {
	has, err := n.hostOf(name).HasTopic(ctx, name)
	if err != nil {
		return broker.TopicInfo{}, err
	}
	if has {
		return n.hostOf(name).Topic(ctx, name)
	}
	infos, listErr := n.allTopics(ctx)
	if listErr != nil {
		return broker.TopicInfo{}, listErr
	}
	known := make([]string, len(infos))
	for i := range infos {
		known[i] = infos[i].Name
	}
	slices.SortStableFunc(known, func(x, y string) int { // what was refused of a topic or table behind it
		return cmp.Compare(strings.Count(x, "$"), strings.Count(y, "$"))
	})
	return broker.TopicInfo{}, &engine.NotFoundError{Name: name, Known: known}
}

// madeAs is a topic as it was made; of an embedded one it costs no question to the server.
func (n *Node) madeAs(ctx context.Context, name string) (broker.TopicConfig, error) {
	if e, ok := n.hostOf(name).(embedded); ok && e.Broker.HasTopic(name) {
		return e.Config(name)
	}
	info, err := n.topicInfo(ctx, name)
	return info.TopicConfig, err
}

func (n *Node) webTopic(info broker.TopicInfo) web.Topic {
	t := web.Topic{Name: info.Name, Partitions: info.Partitions, Key: info.Key, Role: n.role(info.Name), Generations: n.generationsOf(info.Name)}
	if info.Retention > 0 {
		t.Retention = info.Retention.String()
	}
	for i, p := range info.Parts {
		t.Records += p.Next - p.First - p.Gaps
		t.About = t.About || p.About
		t.Bytes += int64(p.Bytes)
		t.Parts = append(t.Parts, web.TopicPart{Partition: i, First: p.First, Next: p.Next, Bytes: int64(p.Bytes), LastAppend: p.LastAppend})
	}
	return t
}

// role is what a topic is for.
func (n *Node) role(topic string) string {
	topic, _ = broker.SplitGeneration(topic)
	switch {
	case slices.Contains(ownTopics, topic):
		return "metrics"
	case slices.Contains(n.roles.sources, topic):
		return "source"
	case slices.Contains(n.roles.outputs, topic):
		return "output"
	case n.isLog(topic):
		return "table"
	}
	return "other"
}

// isLog reports a topic that holds the rows of a table, or what is kept of late and invalid rows.
func (n *Node) isLog(topic string) bool {
	return slices.Contains(n.roles.tables, topic) || strings.HasSuffix(topic, "$late") || strings.HasSuffix(topic, "$invalid")
}

// CreateTopic makes a topic.
func (n *Node) CreateTopic(ctx context.Context, t web.Topic) error {
	has, err := n.hostOf(t.Name).HasTopic(ctx, t.Name)
	if err != nil {
		return err
	}
	if has {
		return &web.RequestError{Reason: fmt.Sprintf("create topic %s: it exists; use `nagare topics alter %s --partitions N` to give it more partitions", t.Name, t.Name)}
	}
	if strings.Contains(t.Name, "$") || n.isLog(t.Name) {
		return &web.RequestError{Reason: fmt.Sprintf("create topic %s: such a name is for the rows of tables; choose another", t.Name)}
	}
	cfg := n.topicConfig(t.Name)
	if t.Partitions != 0 {
		cfg.Partitions = t.Partitions
	}
	if t.Key != "" {
		cfg.Key = t.Key
	}
	if t.Retention != "" {
		d, err := time.ParseDuration(t.Retention)
		if err != nil || d <= 0 {
			return &web.RequestError{Reason: fmt.Sprintf("create topic %s: the retention %q is no duration such as 72h or 30m", t.Name, t.Retention)}
		}
		cfg.Retention = d
	}
	if cfg.Partitions < 1 || cfg.Partitions > broker.MaxPartitions {
		return &web.RequestError{Reason: fmt.Sprintf("create topic %s: %d partitions are asked for, 1 to %d are possible", t.Name, cfg.Partitions, broker.MaxPartitions)}
	}
	return n.host.CreateTopic(ctx, cfg)
}

// stoppedWell tells whether outputs can get partitions: after a run that was cut short, rows that they have already are
// computed again, and would go to other partitions.
func (n *Node) stoppedWell(ctx context.Context) error {
	cp, err := n.checkpoints().Load(ctx, nil)
	if err != nil {
		return err
	}
	if !engine.IsClean(cp) {
		return errors.New("the last run was cut short, and rows that the topic has are computed again by the next one; run the pipeline and stop it, then alter the topic")
	}
	return nil
}

// AlterTopic gives a topic more partitions. A pipeline that reads it starts again from its
// checkpoint to see them.
func (n *Node) AlterTopic(ctx context.Context, name string, partitions int) error {
	info, err := n.topicInfo(ctx, name)
	if err != nil {
		return err
	}
	role := n.role(name)
	switch {
	case role == "table":
		return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: it holds the rows of a table and has the partitions of the topic that the table reads", name)}
	case role == "metrics":
		return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: the process writes it, and to one partition, so that its records stay in their order", name)}
	case role == "output" && n.info.Running:
		return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: the running pipeline writes to it; stop it, alter the topic, and start it again", name)}
	case partitions <= info.Partitions:
		return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: it has %d partitions, and --partitions %d is not more; a topic cannot have fewer", name, info.Partitions, partitions)}
	case partitions > broker.MaxPartitions:
		return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: %d partitions are asked for, at most %d are possible", name, partitions, broker.MaxPartitions)}
	}
	if role == "output" {
		if err := n.stoppedWell(ctx); err != nil {
			return &web.RequestError{Reason: fmt.Sprintf("alter topic %s: %v", name, err)}
		}
	}
	if err := n.host.AlterTopic(ctx, name, partitions); err != nil {
		return err
	}
	if role == "source" {
		n.restartEngine()
	}
	return nil
}

// topicConfig is what the project says of a topic. A topic of which it says nothing has 3
// partitions, as the tutorial's have, and is kept for good; one of the process's own has one, and is kept for a day.
func (n *Node) topicConfig(name string) broker.TopicConfig {
	return topicConfigOf(n.cfg.Pipeline, name)
}

func topicConfigOf(p *plan.Pipeline, name string) broker.TopicConfig {
	c := p.Config.Topics[name]
	cfg := broker.TopicConfig{Name: name, Partitions: c.Partitions, Key: c.Key, Retention: time.Duration(c.Retention) * time.Microsecond}
	own := monitor.IsOwn(name)
	switch {
	case cfg.Partitions > 0:
	case own:
		cfg.Partitions = 1 // so that records stand in the order in which they came about
	default:
		cfg.Partitions = 3
	}
	if own && cfg.Retention == 0 {
		cfg.Retention = monitor.Retention
	}
	return cfg
}
