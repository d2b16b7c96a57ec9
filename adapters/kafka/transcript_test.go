package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const clock = "15:04:05.000000"

// writeTranscript writes, if the test fails, what a cluster was asked for transactions, and all that its topics hold
// then: which rows were written by whom, which were committed.
func writeTranscript(t *testing.T, cl *kfake.Cluster) {
	t.Helper()
	var mu sync.Mutex
	var asked strings.Builder
	topics := map[string]bool{}
	cl.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if what := describe(r, func(name string) { topics[name] = true }); what != "" {
			fmt.Fprintf(&asked, "%s %s v%d %s\n", time.Now().Format(clock), kmsg.NameForKey(r.Key()), r.GetVersion(), what)
		}
		return nil, nil, false
	})
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		mu.Lock()
		text := asked.String()
		mu.Unlock()
		t.Logf("the cluster was asked:\n%s", text)
		for name := range topics {
			t.Logf("topic %s holds:\n%s", name, contents(t, cl, name))
		}
	})
}

// describe is what a request says of a producer; "" for those that say nothing.
func describe(r kmsg.Request, topic func(name string)) string {
	switch r := r.(type) {
	case *kmsg.CreateTopicsRequest:
		topic(r.Topics[0].Topic)
		return r.Topics[0].Topic
	case *kmsg.ProduceRequest:
		what := ""
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				var b kmsg.RecordBatch
				if err := b.ReadFrom(p.Records); err == nil {
					what += fmt.Sprintf("partition %d: epoch %d, %d records from %d; ", p.Partition, b.ProducerEpoch, b.NumRecords, b.FirstSequence)
				}
			}
		}
		return what
	case *kmsg.InitProducerIDRequest:
		return fmt.Sprintf("epoch %d", r.ProducerEpoch)
	case *kmsg.AddPartitionsToTxnRequest:
		return fmt.Sprintf("epoch %d", r.ProducerEpoch)
	case *kmsg.AddOffsetsToTxnRequest:
		return fmt.Sprintf("epoch %d", r.ProducerEpoch)
	case *kmsg.TxnOffsetCommitRequest:
		marks := map[string]bool{}
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				if p.Metadata != nil {
					marks[*p.Metadata] = true
				}
			}
		}
		return fmt.Sprintf("epoch %d, marks %v", r.ProducerEpoch, marks)
	case *kmsg.EndTxnRequest:
		return fmt.Sprintf("epoch %d, commit %v", r.ProducerEpoch, r.Commit)
	case *kmsg.OffsetFetchRequest:
		return "marks"
	}
	return ""
}

// contents are all records of a topic, also those of transactions that were aborted, and their ends.
func contents(t *testing.T, cl *kfake.Cluster, topic string) string {
	kc, err := kgo.NewClient(kgo.SeedBrokers(cl.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	if err != nil {
		return err.Error()
	}
	defer kc.Close()
	left := int64(0)
	for p := int32(0); cl.PartitionInfo(topic, p) != nil; p++ {
		left += cl.PartitionInfo(topic, p).HighWatermark
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // t's own is done
	defer cancel()
	var b strings.Builder
	for left > 0 && ctx.Err() == nil {
		kc.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			left--
			what := string(r.Value)
			if r.Attrs.IsControl() {
				what = fmt.Sprintf("the end of a transaction, key %v", r.Key)
			}
			fmt.Fprintf(&b, "partition %d offset %d epoch %d: %s\n", r.Partition, r.Offset, r.ProducerEpoch, what)
		})
	}
	return b.String()
}
