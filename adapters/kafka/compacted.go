package kafka

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A Compacted topic keeps the newest record of each key, and removes older ones once they are Kept old.
type Compacted struct {
	Topic string
	Kept  time.Duration // min.compaction.lag.ms
}

// Compacted finds the compacted ones of topics that there are. Where the user may not see how topics are set up, none is found.
func (c *Cluster) Compacted(ctx context.Context, topics []string) (found []Compacted, err error) {
	if len(topics) == 0 {
		return nil, nil
	}
	all, err := ask(ctx, c, askWait, func(ctx context.Context) (kadm.ResourceConfigs, error) {
		return c.admin.DescribeTopicConfigs(ctx, topics...)
	})
	if err != nil {
		return nil, err
	}
	for _, of := range all {
		if of.Err != nil {
			continue
		}
		set := map[string]string{}
		for _, option := range of.Configs {
			set[option.Key] = option.MaybeValue()
		}
		if slices.Contains(strings.Split(set["cleanup.policy"], ","), "compact") {
			ms, _ := strconv.ParseInt(set["min.compaction.lag.ms"], 10, 64)
			found = append(found, Compacted{of.Name, time.Duration(min(ms, int64(time.Duration(1<<63-1)/time.Millisecond))) * time.Millisecond})
		}
	}
	slices.SortFunc(found, func(a, b Compacted) int { return strings.Compare(a.Topic, b.Topic) })
	return found, nil
}
