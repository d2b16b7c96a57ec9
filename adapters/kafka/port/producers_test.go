package port

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// asker asks in the name of one transactional ID.
type asker struct {
	t     *testing.T
	p     *Port
	name  string
	id    int64
	topic [16]byte
}

func (a *asker) client(key kmsg.Key, version int16) *kgo.Client {
	return client(a.t, a.p, key, version)
}

// takeOver begins anew, as another process does, and returns its epoch.
func (a *asker) takeOver() int16 {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &a.name, 60000
	got := ask[*kmsg.InitProducerIDResponse](a.t, a.client(kmsg.InitProducerID, 5), req)
	a.id = got.ProducerID
	return got.ProducerEpoch
}

func (a *asker) init(epoch, version int16) int16 {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &a.name, 60000, a.id, epoch
	return ask[*kmsg.InitProducerIDResponse](a.t, a.client(kmsg.InitProducerID, version), req).ErrorCode
}

func (a *asker) addPartitions(epoch, version int16) int16 {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = a.name, a.id, epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	return ask[*kmsg.AddPartitionsToTxnResponse](a.t, a.client(kmsg.AddPartitionsToTxn, version), req).Topics[0].Partitions[0].ErrorCode
}

func (a *asker) addOffsets(epoch, version int16) int16 {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = a.name, a.id, epoch, "g"
	return ask[*kmsg.AddOffsetsToTxnResponse](a.t, a.client(kmsg.AddOffsetsToTxn, version), req).ErrorCode
}

func (a *asker) commitOffsets(epoch, version int16) int16 {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group, req.Generation = a.name, a.id, epoch, "g", -1
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", TopicID: a.topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 1, LeaderEpoch: -1}}}}
	return ask[*kmsg.TxnOffsetCommitResponse](a.t, a.client(kmsg.TxnOffsetCommit, version), req).Topics[0].Partitions[0].ErrorCode
}

func (a *asker) end(commit bool) func(epoch, version int16) int16 {
	return func(epoch, version int16) int16 {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = a.name, a.id, epoch, commit
		got := ask[*kmsg.EndTxnResponse](a.t, a.client(kmsg.EndTxn, version), req)
		if got.ErrorCode != 0 && got.ProducerID != -1 {
			a.t.Errorf("an error names producer %d", got.ProducerID)
		}
		return got.ErrorCode
	}
}

func (a *asker) produce(epoch, version int16) int16 {
	r := kmsg.Record{Value: []byte("v")}
	r.Length = int32(len(r.AppendTo(nil)) - 1)
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, Attributes: 0x10, ProducerID: a.id, ProducerEpoch: epoch, NumRecords: 1, Records: r.AppendTo(nil)}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	seal(raw)
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &a.name, -1, 5000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", TopicID: a.topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: raw}}}}
	return ask[*kmsg.ProduceResponse](a.t, a.client(kmsg.Produce, version), req).Topics[0].Partitions[0].ErrorCode
}

// state is that of the transaction.
func (a *asker) state() string {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{a.name}
	got := ask[*kmsg.DescribeTransactionsResponse](a.t, a.client(kmsg.DescribeTransactions, -1), req).TransactionStates[0]
	return fmt.Sprintf("%s at epoch %d", got.State, got.ProducerEpoch)
}

// TestStaleEpochsAreRefused has a producer go on that another process has taken over from, and one with an
// epoch that nobody was given, in each version of each request, before and while the other one writes. The
// errors are those of Kafka 4.1; what the other one has open stays as it is, also where Kafka ends it
// (InitProducerID).
func TestStaleEpochsAreRefused(t *testing.T) {
	p := open(t, t.TempDir())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 1
	made := kmsg.NewPtrCreateTopicsRequest()
	made.Topics = append(made.Topics, topic)
	id := ask[*kmsg.CreateTopicsResponse](t, client(t, p, 0, -1), made).Topics[0].TopicID

	invalid, fenced := kerr.InvalidProducerEpoch.Code, kerr.ProducerFenced.Code
	for _, c := range []struct {
		what        string
		request     func(a *asker) func(epoch, version int16) int16
		first, last int16 // versions
		fencedFrom  int16 // version
	}{
		{"InitProducerID", func(a *asker) func(int16, int16) int16 { return a.init }, 3, 5, 4},
		{"AddPartitionsToTxn", func(a *asker) func(int16, int16) int16 { return a.addPartitions }, 0, 3, 2},
		{"AddOffsetsToTxn", func(a *asker) func(int16, int16) int16 { return a.addOffsets }, 0, 4, 2},
		{"TxnOffsetCommit", func(a *asker) func(int16, int16) int16 { return a.commitOffsets }, 0, 5, 99},
		{"EndTxn, commit", func(a *asker) func(int16, int16) int16 { return a.end(true) }, 0, 5, 2},
		{"EndTxn, abort", func(a *asker) func(int16, int16) int16 { return a.end(false) }, 0, 5, 2},
		{"Produce", func(a *asker) func(int16, int16) int16 { return a.produce }, 3, 13, 99},
	} {
		for version := c.first; version <= c.last; version++ {
			want := invalid
			if version >= c.fencedFrom {
				want = fenced
			}
			for _, open := range []bool{false, true} {
				a := &asker{t: t, p: p, name: fmt.Sprintf("%s v%d %v", c.what, version, open), topic: id}
				a.takeOver()
				if code := a.produce(0, 13); code != 0 {
					t.Fatal(code)
				}
				if code := a.end(true)(0, 5); code != 0 {
					t.Fatal(code)
				}
				now := a.takeOver()
				if open {
					if code := a.produce(now, 13); code != 0 {
						t.Fatal(code)
					}
				}
				before := a.state()
				for _, epoch := range []int16{now - 1, now - 2, now + 1} {
					if code := c.request(a)(epoch, version); code != want {
						t.Errorf("%s v%d, epoch %d of %d, open %v: error %d, want %d", c.what, version, epoch, now, open, code, want)
					}
					if after := a.state(); after != before {
						t.Errorf("%s v%d, epoch %d of %d: the transaction was %s and is %s", c.what, version, epoch, now, before, after)
					}
				}
				if open {
					if code := a.end(true)(now, 5); code != 0 {
						t.Errorf("%s v%d: the producer's own commit: error %d", c.what, version, code)
					}
				}
			}
		}
	}
}
