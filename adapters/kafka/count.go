package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/broker"
)

// Offsets of Kafka count more than records: each transaction ends with a marker, what was aborted stays, and
// compaction leaves gaps. So the records of topics that are small are read and counted, all of them together
// in at most countWait; of the others it is only known that there are not more.
const (
	mostCounted = 10_000 // offsets of a topic
	countWait   = 2 * time.Second
)

// countRecords finds out which offsets of topics hold records, as far as that goes.
func (c *Cluster) countRecords(ctx context.Context, infos []broker.TopicInfo) {
	from := map[string]map[int32]kgo.Offset{}
	left := map[place]*broker.PartitionInfo{}
	for i := range infos {
		t := &infos[i]
		offsets := int64(0)
		for _, p := range t.Parts {
			offsets += p.Next - p.First
		}
		for k := range t.Parts {
			p := &t.Parts[k]
			if p.Next <= p.First {
				continue
			}
			p.About = true
			if offsets > mostCounted {
				continue
			}
			if from[t.Name] == nil {
				from[t.Name] = map[int32]kgo.Offset{}
			}
			from[t.Name][int32(k)] = kgo.NewOffset().At(p.First)
			left[place{t.Name, int32(k)}] = p
		}
	}
	if len(left) == 0 {
		return
	}
	kc, err := c.newClient(kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return
	}
	defer letGo(kc)
	ctx, cancel := context.WithTimeout(ctx, countWait)
	defer cancel()
	counts := map[place]int64{}
	for len(left) > 0 && ctx.Err() == nil {
		fetches := kc.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			p := left[at]
			if p == nil {
				return
			}
			if r.Offset < p.Next && !r.Attrs.IsControl() {
				counts[at]++
			}
			if r.Offset >= p.Next-1 {
				p.Gaps, p.About = p.Next-p.First-counts[at], false
				delete(left, at)
			}
		})
	}
}
