package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

func sink(t testing.TB, c *kafka.Cluster, topic, instance string) *kafka.Sink {
	t.Helper()
	s, err := c.Sink(kafka.SinkOptions{Name: "out", Instance: instance, Topic: topic,
		Create: func(topic string) broker.TopicConfig { return broker.TopicConfig{Name: topic, Partitions: 3} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rows are numbers from … to-1 of an input partition.
func rows(partition int32, from, to int) *record.Rows {
	r := &record.Rows{Sink: "out", Partition: partition, First: int64(from)}
	for i := from; i < to; i++ {
		r.Times = append(r.Times, 1_770_000_000_000_000+int64(i))
		r.Keys.Append(fmt.Appendf(nil, "user_%d", i%7))
		r.Values.Append(fmt.Appendf(nil, "%d/%d", partition, i))
	}
	return r
}

// deliver is what an engine does until it works: the same rows again.
func deliver(t testing.TB, s *kafka.Sink, out ...*record.Rows) {
	t.Helper()
	var err error
	for range 20 {
		if err = try(s, out...); err == nil {
			return
		}
		t.Logf("%v deliver again: %v", time.Now().Format(clock), err)
	}
	t.Fatal(err)
}

func try(s *kafka.Sink, out ...*record.Rows) error {
	for _, r := range out {
		if err := s.Write(context.Background(), 1, r); err != nil {
			return err
		}
	}
	return s.Flush(context.Background())
}

// values counts the values of a topic, as a reader of committed records sees them.
func values(t testing.TB, c *kafka.Cluster, topic string) map[string]int {
	t.Helper()
	all := map[string]int{}
	settle(t, c, topic)
	src := source(t, c, topic, kafka.SourceOptions{UntilEnd: true})
	n, err := src.Partitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(n) {
		r, err := src.Open(context.Background(), p, record.Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got record.Records
		for {
			err := r.Read(context.Background(), &got)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Len() {
				if want := record.PartitionOf(got.Keys.At(i), n); want != p {
					t.Errorf("key %s is in partition %d, want %d", got.Keys.At(i), p, want)
				}
				all[string(got.Values.At(i))]++
			}
		}
	}
	return all
}

// settle waits until no transaction is open: a broker marks its end a moment after it has promised it.
func settle(t testing.TB, c *kafka.Cluster, topic string) {
	t.Helper()
	committed := source(t, c, topic, kafka.SourceOptions{})
	all := source(t, c, topic, kafka.SourceOptions{Properties: []kafka.Property{{Key: "isolation.level", Value: "read_uncommitted"}}})
	for deadline := time.Now().Add(time.Minute); ; {
		a, err := committed.Ends(context.Background())
		b, berr := all.Ends(context.Background())
		if err == nil && berr == nil && slices.Equal(a, b) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a transaction on %s stays open: committed to %v of %v (%v, %v)", topic, a, b, err, berr)
		}
	}
}

// once checks that each row of some partitions is there exactly once.
func once(t testing.TB, got map[string]int, to ...int) {
	t.Helper()
	n := 0
	for p, end := range to {
		for i := range end {
			n++
			if count := got[fmt.Sprintf("%d/%d", p, i)]; count != 1 {
				t.Errorf("row %d of partition %d is there %d times", i, p, count)
				return
			}
		}
	}
	if len(got) != n {
		t.Errorf("%d different rows are there, want %d", len(got), n)
	}
}

func TestSinkWritesOnce(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		name := fresh(t)
		c := open(t, kafka.Config{Hosts: hosts, Name: name})
		if !c.ExactlyOnce() {
			t.Fatal("the cluster cannot keep transactions whole")
		}
		topic := fresh(t)
		s := sink(t, c, topic, "a")
		deliver(t, s, rows(0, 0, 10), rows(1, 0, 5))
		deliver(t, s, rows(0, 10, 30))
		once(t, values(t, c, topic), 30, 5)
		if err := s.Write(context.Background(), 1, rows(0, 30, 40)); err != nil { // never flushed: a process that dies
			t.Fatal(err)
		}
		// The next process delivers what its checkpoint still holds.
		s = sink(t, open(t, kafka.Config{Hosts: hosts, Name: name}), topic, "a")
		deliver(t, s, rows(0, 10, 30), rows(0, 30, 40), rows(1, 0, 5))
		deliver(t, s, rows(1, 5, 9))
		once(t, values(t, c, topic), 40, 9)
		// What another folder has written says nothing about this one's rows.
		deliver(t, sink(t, c, topic, "b"), rows(0, 0, 10))
		if got := values(t, c, topic); got["0/3"] != 2 || got["0/12"] != 1 {
			t.Errorf("rows of another instance: %d and %d times", got["0/3"], got["0/12"])
		}
	})
}

// TestSinkAfterAnyAnswer has a broker that refuses, or that does what was asked and says that it has not,
// for each request of a transaction. Rows are there exactly once all the same.
func TestSinkAfterAnyAnswer(t *testing.T) {
	keys := []kmsg.Key{kmsg.Produce, kmsg.InitProducerID, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.AddOffsetsToTxn, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.Metadata}
	answers := []*kerr.Error{kerr.UnknownServerError, kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.CoordinatorNotAvailable, kerr.InvalidProducerEpoch}
	hits := 0
	for _, key := range keys {
		for _, answer := range answers {
			t.Run(key.Name()+"/"+answer.Message, func(t *testing.T) {
				cl := fakeCluster(t)
				writeTranscript(t, cl)
				faulty := func() (heal func()) {
					h := cl.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: answer, TopLevel: true}, kfake.Fault{Keys: []kmsg.Key{key}, Err: answer})
					return func() { hits += h.Hits(); h.Remove() }
				}
				writeThrough(t, cl.ListenAddrs(), faulty)
			})
		}
	}
	if hits < len(keys)*len(answers)/2 {
		t.Errorf("only %d answers were wrong: the test shows little", hits)
	}
}

// TestSinkAfterLostAnswers cuts the connection where an answer is due: what was asked is done or not.
func TestSinkAfterLostAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		cut := &cutter{}
		writeThrough(t, hosts, func() func() {
			cut.left.Store(2)
			return func() {}
		}, kgo.Dialer(cut.dial))
		if cut.cuts.Load() < 3 {
			t.Errorf("only %d connections were cut: the test shows little", cut.cuts.Load())
		}
	})
}

// A cutter ends connections that wait for an answer, as often as left says.
type cutter struct{ left, cuts atomic.Int64 }

type cutConn struct {
	net.Conn
	cut *cutter
}

func (c *cutter) dial(ctx context.Context, network, host string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, host)
	return cutConn{conn, c}, err
}

// Read reads an answer, and loses it if it is to.
func (c cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.cut.left.Load() > 0 && c.cut.left.Add(-1) >= 0 {
		c.cut.cuts.Add(1)
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// writeThrough writes rows of two input partitions in several rounds, in some of which faulty things
// happen, by two processes, and checks that each row is there once.
func writeThrough(t *testing.T, hosts []string, faulty func() (heal func()), opts ...kgo.Opt) {
	cfg := kafka.Config{Hosts: hosts, Name: fresh(t), Options: opts}
	c := open(t, cfg)
	topic := fresh(t)
	rng := rand.New(rand.NewPCG(1, 2))
	s := sink(t, c, topic, "a")
	next := [2]int{}
	for round := range 9 {
		heal := func() {}
		if round%3 == 1 {
			heal = faulty()
		}
		if round == 7 { // another process, while the last fault may still be about
			s = sink(t, c, topic, "a")
		}
		var out []*record.Rows
		for p := range next {
			n := 1 + rng.IntN(20)
			out = append(out, rows(int32(p), next[p], next[p]+n))
			next[p] += n
		}
		deliver(t, s, out...)
		heal()
	}
	once(t, values(t, open(t, kafka.Config{Hosts: hosts, Name: cfg.Name}), topic), next[0], next[1])
}

// TestSinkBegunAnew has a broker forget the producer behind what it wrote first in a transaction, and the
// library go on with another epoch, which the cluster takes for another transaction: the first rows are
// written again.
func TestSinkBegunAnew(t *testing.T) {
	cl := fakeCluster(t)
	c := open(t, kafka.Config{Hosts: cl.ListenAddrs(), Name: fresh(t)})
	topic := fresh(t)
	create(t, c, topic, 1)
	s := sink(t, c, topic, "a")
	deliver(t, s, rows(0, 0, 3))
	seen := cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	if err := s.Write(context.Background(), 1, rows(0, 3, 10)); err != nil {
		t.Fatal(err)
	}
	if err := seen.Wait(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	forgot := atomic.Bool{}
	cl.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		forgot.Store(true)
		asked := req.(*kmsg.ProduceRequest)
		resp := asked.ResponseKind().(*kmsg.ProduceResponse)
		part := kmsg.NewProduceResponseTopicPartition()
		part.ErrorCode, part.LogStartOffset = kerr.OutOfOrderSequenceNumber.Code, 1<<40
		resp.Topics = []kmsg.ProduceResponseTopic{{Topic: topic, TopicID: asked.Topics[0].TopicID, Partitions: []kmsg.ProduceResponseTopicPartition{part}}}
		return resp, nil, true
	})
	if err := try(s, rows(0, 10, 20)); err == nil {
		t.Error("the rest of a transaction is committed")
	}
	if !forgot.Load() {
		t.Fatal("all rows were sent at once: the test shows nothing")
	}
	deliver(t, s, rows(0, 3, 10), rows(0, 10, 20))
	once(t, values(t, c, topic), 20)
}

// TestSinkAbortedUnawares has the first transaction of each process aborted though it was to be committed, as
// the library does where it has not kept the topic yet when the last row is answered: it returns no error. The
// rows are written again.
func TestSinkAbortedUnawares(t *testing.T) {
	cl := fakeCluster(t)
	c := open(t, kafka.Config{Hosts: cl.ListenAddrs(), Name: fresh(t)})
	topic := fresh(t)
	aborted := 0
	for process := range 3 {
		s := sink(t, c, topic, "a")
		cl.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
			req.(*kmsg.EndTxnRequest).Commit = false
			aborted++
			cl.DropControl()
			return nil, nil, false
		})
		deliver(t, s, rows(0, 10*process, 10*process+5))
		deliver(t, s, rows(0, 10*process+5, 10*process+10))
	}
	if aborted != 3 {
		t.Errorf("%d transactions were aborted, want 3", aborted)
	}
	once(t, values(t, c, topic), 30)
}

// TestOldBrokersAreWrittenAtLeastOnce has a cluster whose transactions can be torn: the banner says so,
// and each row has its identity in a header.
func TestOldBrokersAreWrittenAtLeastOnce(t *testing.T) {
	hosts := fake(t, kfake.MaxVersions(kversion.V3_9_0()))
	c := open(t, kafka.Config{Hosts: hosts})
	if c.ExactlyOnce() || !strings.Contains(c.Describe(), "at-least-once with stable identity") {
		t.Fatalf("a cluster before transaction.version 2 is %q", c.Describe())
	}
	topic := fresh(t)
	deliver(t, sink(t, c, topic, "a"), rows(0, 0, 10), rows(1, 0, 5))
	deliver(t, sink(t, c, topic, "a"), rows(0, 8, 12))
	got := values(t, c, topic)
	if got["0/9"] != 2 || got["0/11"] != 1 || got["1/4"] != 1 || len(got) != 17 {
		t.Errorf("the rows are %v", got)
	}
	seen := map[string]int{}
	cl, err := kgo.NewClient(kgo.SeedBrokers(hosts...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for n := 0; n < 19; {
		fetches := cl.PollFetches(context.Background())
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			if len(r.Headers) != 1 || r.Headers[0].Key != "nagare-row" || string(r.Headers[0].Value) != "out/"+string(r.Value) {
				t.Errorf("row %s has the headers %v", r.Value, r.Headers)
			}
			seen[string(r.Headers[0].Value)]++
		})
	}
	if len(seen) != 17 {
		t.Errorf("%d identities", len(seen))
	}
}
