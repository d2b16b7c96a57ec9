package kafka_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/engine/record"
)

// rounds is how many batches of ten records a partition of letters has.
const rounds = 30

// letters makes a topic of one partition with the offsets as values, in small batches, so that it takes
// many fetches to read with tiny.
func letters(t testing.TB, c *kafka.Cluster) (topic string) {
	t.Helper()
	topic = fresh(t)
	create(t, c, topic, 1)
	w := writer(t, c, topic, "p")
	for range rounds {
		if _, err := w.Append(context.Background(), 0, batch(10), -1); err != nil {
			t.Fatal(err)
		}
	}
	return topic
}

// tiny is settings with which a fetch brings a batch or two.
var tiny = []kafka.Property{{Key: "max.partition.fetch.bytes", Value: "200"}, {Key: "fetch.max.wait.ms", Value: "50"}}

// readAll reads a bounded reader to its end and checks that each offset comes once, in order.
func readAll(t testing.TB, r record.Reader, meanwhile func(next int64)) (lost int64, err error) {
	t.Helper()
	next := int64(-1)
	for {
		var got record.Records
		if err := r.Read(context.Background(), &got); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if err == nil && next != rounds*10 {
				t.Errorf("the reader ends at %d of %d", next, rounds*10)
			}
			return lost, err
		}
		lost += got.Lost
		for _, at := range got.Offsets {
			if next >= 0 && at != next {
				t.Errorf("offset %d comes behind %d", at, next-1)
			}
			next = at + 1
		}
		next = got.Next.Offset
		meanwhile(next)
	}
}

// small opens a reader whose fetches are tiny, from the start of partition 0.
func small(t testing.TB, c *kafka.Cluster, topic string, opt kafka.SourceOptions) record.Reader {
	t.Helper()
	opt.Properties = tiny
	r, err := source(t, c, topic, opt).Open(context.Background(), 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// TestReadAfterAnyAnswer has brokers refuse fetches, and questions for the leader, in every way that
// passes by itself: each record is read once all the same.
func TestReadAfterAnyAnswer(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.Metadata} {
		for _, answer := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.LeaderNotAvailable, kerr.ReplicaNotAvailable, kerr.KafkaStorageError, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.OffsetOutOfRange} {
			if key == kmsg.Metadata && answer == kerr.OffsetOutOfRange {
				continue
			}
			t.Run(key.Name()+"/"+answer.Message, func(t *testing.T) {
				t.Parallel()
				cl := fakeCluster(t)
				c := open(t, kafka.Config{Hosts: cl.ListenAddrs()})
				r := small(t, c, letters(t, c), kafka.SourceOptions{UntilEnd: true})
				hits := 0
				var heal func()
				lost, err := readAll(t, r, func(next int64) {
					if heal != nil {
						heal()
					}
					if next%120 != 0 {
						heal = nil
						return
					}
					h := cl.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: answer})
					// A question for the leader comes behind a fetch that failed.
					f := cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition})
					heal = func() { hits += h.Hits(); h.Remove(); f.Remove() }
				})
				if err != nil || lost != 0 {
					t.Errorf("%d lost, %v", lost, err)
				}
				if hits == 0 {
					t.Error("no answer was wrong: the test shows nothing")
				}
			})
		}
	}
}

// TestReadAfterLostAnswers cuts connections where the answer to a fetch is due.
func TestReadAfterLostAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		topic := letters(t, open(t, kafka.Config{Hosts: hosts}))
		cut := &cutter{}
		c := open(t, kafka.Config{Hosts: hosts, Options: []kgo.Opt{kgo.Dialer(cut.dial)}})
		r := small(t, c, topic, kafka.SourceOptions{UntilEnd: true})
		lost, err := readAll(t, r, func(next int64) {
			if next%50 == 0 {
				cut.left.Store(1)
			}
		})
		if err != nil || lost != 0 || cut.cuts.Load() < 3 {
			t.Errorf("%d lost, %v, after %d cuts", lost, err, cut.cuts.Load())
		}
	})
}

// TestReadFollowsTheLeader moves a partition between brokers while it is read.
func TestReadFollowsTheLeader(t *testing.T) {
	cl := fakeCluster(t, kfake.NumBrokers(3))
	c := open(t, kafka.Config{Hosts: cl.ListenAddrs()})
	topic := letters(t, c)
	r := small(t, c, topic, kafka.SourceOptions{UntilEnd: true})
	to, moves := int32(0), 0
	lost, err := readAll(t, r, func(next int64) {
		if next%50 == 0 {
			to = (to + 1) % 3
			if err := cl.MoveTopicPartition(topic, 0, to); err != nil {
				t.Error(err)
			}
			moves++
		}
	})
	if err != nil || lost != 0 || moves < 3 {
		t.Errorf("%d lost, %v, after %d moves", lost, err, moves)
	}
}

// TestReadFromANearReplica has the leader name a replica in the reader's rack: the next fetch goes there,
// and back to the leader when the replica does not have it.
func TestReadFromANearReplica(t *testing.T) {
	cl := fakeCluster(t, kfake.NumBrokers(2))
	c := open(t, kafka.Config{Hosts: cl.ListenAddrs(), Properties: []kafka.Property{{Key: "client.rack", Value: "here"}}})
	topic := letters(t, c)
	if err := cl.MoveTopicPartition(topic, 0, 0); err != nil {
		t.Fatal(err)
	}
	var asked [2]atomic.Int64
	cl.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		f := req.(*kmsg.FetchRequest)
		if f.Rack != "here" {
			t.Errorf("the rack is %q", f.Rack)
		}
		node := cl.CurrentNode()
		if n := asked[node].Add(1); node == 0 && n == 1 || node == 1 {
			resp := f.ResponseKind().(*kmsg.FetchResponse)
			part := kmsg.NewFetchResponseTopicPartition()
			if node == 0 {
				part.PreferredReadReplica = 1
			} else {
				part.ErrorCode = kerr.OffsetOutOfRange.Code
			}
			resp.Topics = []kmsg.FetchResponseTopic{{Topic: topic, TopicID: f.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{part}}}
			return resp, nil, true
		}
		return nil, nil, false
	})
	r := small(t, c, topic, kafka.SourceOptions{UntilEnd: true})
	lost, err := readAll(t, r, func(int64) {})
	if err != nil || lost != 0 || asked[1].Load() != 1 {
		t.Errorf("%d lost, %v; the replica was asked %d times", lost, err, asked[1].Load())
	}
}

// TestTruncatedLog has a new leader whose log is another one from offset 150 on, as after an unclean
// election: records that were read are not there any more, which is a loss.
func TestTruncatedLog(t *testing.T) {
	for _, tolerate := range []bool{false, true} {
		cl := fakeCluster(t)
		c := open(t, kafka.Config{Hosts: cl.ListenAddrs()})
		topic := letters(t, c)
		told := false
		cl.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			cl.KeepControl()
			f := req.(*kmsg.FetchRequest)
			part := &f.Topics[0].Partitions[0]
			if told || part.FetchOffset < 200 {
				return nil, nil, false
			}
			if told = true; part.LastFetchedEpoch < 0 {
				t.Error("the broker is not told which log was read")
			}
			resp := f.ResponseKind().(*kmsg.FetchResponse)
			answer := kmsg.NewFetchResponseTopicPartition()
			answer.DivergingEpoch.Epoch, answer.DivergingEpoch.EndOffset = 0, 150
			resp.Topics = []kmsg.FetchResponseTopic{{Topic: topic, TopicID: f.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{answer}}}
			return resp, nil, true
		})
		r := small(t, c, topic, kafka.SourceOptions{UntilEnd: true, TolerateLoss: tolerate})
		seen := map[int64]int{}
		var err error
		for err == nil {
			var got record.Records
			if err = r.Read(context.Background(), &got); err == nil {
				for _, at := range got.Offsets {
					seen[at]++
				}
			}
		}
		var loss *kafka.LossError
		switch {
		case !tolerate && (!errors.As(err, &loss) || loss.Offset < 200 || loss.End != 150):
			t.Errorf("a log that is another one: %v", err)
		case tolerate && (!errors.Is(err, io.EOF) || seen[149] != 1 || seen[150] != 2 || seen[299] != 1):
			t.Errorf("it goes on from 150: %v, %v", seen, err)
		}
	}
}

// TestReadDeniedIsFinal has a broker that takes the right to read away: the reader says so.
func TestReadDeniedIsFinal(t *testing.T) {
	cl := fakeCluster(t)
	c := open(t, kafka.Config{Hosts: cl.ListenAddrs()})
	topic := letters(t, c)
	r := small(t, c, topic, kafka.SourceOptions{UntilEnd: true})
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	if _, err := readAll(t, r, func(int64) {}); err == nil || !strings.Contains(err.Error(), "not allowed Read on topic "+topic) || !strings.Contains(err.Error(), "kafka-acls") {
		t.Errorf("a reader without the right: %v", err)
	}
}

// TestTopicMadeAnewWhileRead deletes a topic under a reader and makes it again: what the new one holds is
// not taken for what comes next.
func TestTopicMadeAnewWhileRead(t *testing.T) {
	ctx := context.Background()
	hosts := real(t) // kfake makes the id of a topic of its name
	for _, tolerate := range []bool{false, true} {
		c := open(t, kafka.Config{Hosts: hosts})
		topic := fresh(t)
		create(t, c, topic, 1)
		write := func(n int) {
			t.Helper()
			if _, err := writer(t, c, topic, "p").Append(ctx, 0, batch(n), -1); err != nil {
				t.Fatal(err)
			}
		}
		write(20)
		r := small(t, c, topic, kafka.SourceOptions{TolerateLoss: tolerate})
		var got record.Records
		for got.Next.Offset < 20 {
			if err := r.Read(ctx, &got); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.DeleteTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		create(t, c, topic, 1)
		write(50)
		err := r.Read(ctx, &got)
		for err == nil && got.Len() == 0 {
			err = r.Read(ctx, &got)
		}
		var loss *kafka.LossError
		switch {
		case !tolerate && (!errors.As(err, &loss) || !loss.Recreated):
			t.Errorf("the topic is another one: %v, %v", got.Offsets, err)
		case tolerate && (err != nil || got.Offsets[0] != 0):
			t.Errorf("another topic is read from %v, %v", got.Offsets, err)
		}
	}
}
