package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/nagare-stream/nagare/broker"
)

const retentionConfig = "retention.ms"

// HasTopic reports whether the cluster has a topic, as far as it answers.
func (c *Cluster) HasTopic(ctx context.Context, name string) (bool, error) {
	_, err := c.detail(ctx, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return false, nil
	}
	return err == nil, err
}

// detail asks for one topic.
func (c *Cluster) detail(ctx context.Context, name string) (kadm.TopicDetail, error) {
	d, err := ask(ctx, c, askWait, func(ctx context.Context) (kadm.TopicDetail, error) {
		all, err := c.admin.ListTopics(ctx, name)
		d := all[name]
		if d.Topic == "" {
			d.Err = kerr.UnknownTopicOrPartition
		}
		return d, c.topicFault("Describe", name, err)
	})
	if err == nil {
		err = c.topicFault("Describe", name, d.Err)
	}
	return d, err
}

// CreateTopic makes a topic; replication is as the brokers have it by default. Without a retention it
// is kept for good, as on the embedded broker: old events would be removed at once otherwise. One that
// exists stays as it is.
func (c *Cluster) CreateTopic(ctx context.Context, cfg broker.TopicConfig) error {
	configs := map[string]*string{retentionConfig: kadm.StringPtr("-1")}
	if cfg.Retention > 0 {
		configs[retentionConfig] = kadm.StringPtr(strconv.FormatInt(cfg.Retention.Milliseconds(), 10))
	}
	err := c.request(ctx, func(ctx context.Context) error {
		_, err := c.admin.CreateTopic(ctx, int32(max(cfg.Partitions, 1)), -1, configs, cfg.Name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		return c.topicFault("Create", cfg.Name, err)
	})
	if err != nil {
		return err
	}
	return c.awaitTopic(ctx, cfg.Name, max(cfg.Partitions, 1))
}

// awaitTopic waits until the brokers know of a topic's partitions.
func (c *Cluster) awaitTopic(ctx context.Context, name string, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		d, err := c.detail(ctx, name)
		if err == nil && len(d.Partitions) >= partitions && !slices.ContainsFunc(d.Partitions.Sorted(), func(p kadm.PartitionDetail) bool { return p.Leader < 0 }) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return &TopicError{Topic: name, Hosts: c.Hosts(), Reason: fmt.Sprintf("its %d partitions are not ready in %v", partitions, askWait), Fix: "see the broker's log", Err: err}
		}
	}
}

// AlterTopic gives a topic more partitions.
func (c *Cluster) AlterTopic(ctx context.Context, name string, partitions int) error {
	err := c.request(ctx, func(ctx context.Context) error {
		answers, err := c.admin.UpdatePartitions(ctx, partitions, name)
		if err == nil {
			err = answers.Error()
		}
		return c.topicFault("Alter", name, err)
	})
	if err != nil {
		return err
	}
	return c.awaitTopic(ctx, name, partitions)
}

// Topics lists the topics that are not Kafka's own.
func (c *Cluster) Topics(ctx context.Context) ([]broker.TopicInfo, error) {
	infos, err := c.describe(ctx)
	c.countRecords(ctx, infos)
	return infos, err
}

// Topic describes one topic.
func (c *Cluster) Topic(ctx context.Context, name string) (broker.TopicInfo, error) {
	if _, err := c.detail(ctx, name); err != nil {
		return broker.TopicInfo{}, err
	}
	infos, err := c.describe(ctx, name)
	if err != nil {
		return broker.TopicInfo{}, err
	}
	if len(infos) != 1 {
		return broker.TopicInfo{}, c.topicError(name, kerr.UnknownTopicOrPartition)
	}
	c.countRecords(ctx, infos)
	return infos[0], nil
}

// describe asks for topics, all without a name.
func (c *Cluster) describe(ctx context.Context, names ...string) ([]broker.TopicInfo, error) {
	return ask(ctx, c, askWait, func(ctx context.Context) (infos []broker.TopicInfo, err error) {
		details, err := c.admin.ListTopics(ctx, names...)
		if err != nil || len(details) == 0 {
			return nil, err
		}
		names := details.Names()
		first, err := c.admin.ListStartOffsets(ctx, names...)
		if err != nil {
			return nil, err
		}
		end, err := c.admin.ListCommittedOffsets(ctx, names...)
		if err != nil {
			return nil, err
		}
		sizes := c.sizes(ctx, details)
		for _, d := range details.Sorted() {
			if d.IsInternal || d.Err != nil {
				continue
			}
			info := broker.TopicInfo{TopicConfig: broker.TopicConfig{Name: d.Topic, Partitions: len(d.Partitions)}}
			for p := range int32(len(d.Partitions)) {
				from, _ := first.Lookup(d.Topic, p)
				to, _ := end.Lookup(d.Topic, p)
				info.Parts = append(info.Parts, broker.PartitionInfo{First: from.Offset, Next: to.Offset, Bytes: uint64(sizes[d.Topic][p])})
			}
			infos = append(infos, info)
		}
		slices.SortFunc(infos, func(a, b broker.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
		return infos, nil
	})
}

// sizes is how many bytes the leaders hold, by topic and partition; without the right to ask, nothing.
func (c *Cluster) sizes(ctx context.Context, of kadm.TopicDetails) map[string]map[int32]int64 {
	sizes := map[string]map[int32]int64{}
	dirs, err := c.admin.DescribeAllLogDirs(ctx, of.TopicsSet())
	if err != nil {
		return sizes
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if sizes[p.Topic] == nil {
				sizes[p.Topic] = map[int32]int64{}
			}
			sizes[p.Topic][p.Partition] = max(sizes[p.Topic][p.Partition], p.Size)
		})
	})
	return sizes
}

// DeleteTopic removes a topic and its records.
func (c *Cluster) DeleteTopic(ctx context.Context, name string) error {
	return c.request(ctx, func(ctx context.Context) error {
		_, err := c.admin.DeleteTopic(ctx, name)
		return c.topicFault("Delete", name, err)
	})
}
