package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

// kafkaPairs is how often a topic is read in both ways, one right after the other. The median of the pairs'
// ratios counts: the runs differ in length, and the best of the shorter ones is the more easily lucky.
const kafkaPairs = 7

// measureKafka writes the events to a topic of a cluster and runs the three queries from it, beside the
// client library alone, by turns.
func (b *bench) measureKafka(ctx context.Context) (err error) {
	if b.Kafka == "" {
		return nil
	}
	c, err := kafka.Open(ctx, kafka.Config{Hosts: kafka.SplitHosts(b.Kafka), Name: "bench",
		Properties: []kafka.Property{{Key: "compression.type", Value: "snappy"}}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	name := fmt.Sprintf("nagare-bench-%d", time.Now().UnixNano())
	if err := c.CreateTopic(ctx, broker.TopicConfig{Name: name, Partitions: partitions}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.DeleteTopic(context.WithoutCancel(ctx), name)) }()
	if err := b.fillKafka(ctx, c, name); err != nil {
		return err
	}
	if err := writeProjectOn(filepath.Join(b.dir, "kafka"), filepath.Join(b.dir, "three"), name); err != nil {
		return err
	}
	p, err := b.Load(filepath.Join(b.dir, "kafka"))
	if err != nil {
		return err
	}
	var ratios []float64
	for pair := range kafkaPairs {
		cfg := node.Config{Pipeline: p, Project: node.Project{Name: fmt.Sprintf("bench-%d", pair)}, Data: filepath.Join(b.dir, fmt.Sprintf("data-kafka-%d", pair)), Kafka: &node.Kafka{Hosts: b.Kafka}}
		reads := []func() (time.Duration, error){
			func() (time.Duration, error) { return b.readKafka(ctx, name) },
			func() (time.Duration, error) { return b.topicOnce(ctx, cfg, name) },
		}
		var rates [2]float64
		for i := range reads {
			which := (pair + i) % 2
			took, err := reads[which]()
			if err != nil {
				return err
			}
			rates[which] = rate(b.Events, took)
		}
		b.r.KafkaClient, b.r.FromKafka = max(b.r.KafkaClient, rates[0]), max(b.r.FromKafka, rates[1])
		ratios = append(ratios, rates[1]/rates[0])
	}
	spread := spreadOf(ratios)
	b.r.KafkaRatio = &spread
	return nil
}

// fillKafka writes the events, each partition's batches in turn.
func (b *bench) fillKafka(ctx context.Context, c *kafka.Cluster, name string) (err error) {
	batches, err := b.readBatches(ctx)
	if err != nil {
		return err
	}
	w := c.Writer(name, "bench")
	defer func() { err = errors.Join(err, w.Close()) }()
	begin := time.Now()
	for p, list := range batches {
		// Batches are sent together, so that the broker's answer is not waited for after each.
		all := &record.Records{}
		for i, r := range list {
			for k := range r.Len() {
				all.Times = append(all.Times, r.Times[k])
				all.Keys.Append(r.Keys.At(k))
				all.Values.Append(r.Values.At(k))
			}
			if len(all.Values.Data) < 16<<20 && i < len(list)-1 {
				continue
			}
			if _, err := w.Append(ctx, int32(p), all, -1); err != nil {
				return err
			}
			all.Reset()
		}
	}
	b.r.ToKafka = rate(b.Events, time.Since(begin))
	return nil
}

// readKafka reads the topic with the client library alone, tuned as it is fastest, and counts.
func (b *bench) readKafka(ctx context.Context, name string) (time.Duration, error) {
	from := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		from[p] = kgo.NewOffset().AtStart()
	}
	begin := time.Now()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.Kafka, ",")...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: from}),
		kgo.FetchMaxPartitionBytes(2<<20), kgo.MaxConcurrentFetches(1), reuse())
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	bytes := 0
	for n := int64(0); n < b.Events; {
		fetches := cl.PollFetches(ctx)
		if err := errors.Join(fetches.Err(), ctx.Err()); err != nil {
			return 0, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			bytes += len(r.Value)
			r.Recycle()
		})
	}
	if bytes == 0 {
		return 0, errors.New("the topic's records are empty")
	}
	return time.Since(begin), nil
}
