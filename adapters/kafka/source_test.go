package kafka_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/engine/record"
)

func admin(t testing.TB, hosts []string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(hosts...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func topicID(t testing.TB, adm *kadm.Client, topic string) kadm.TopicID {
	t.Helper()
	all, err := adm.ListTopics(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return all[topic].ID
}

// batch is n records with values of some bytes.
func batch(n int) *record.Records {
	r := &record.Records{}
	for i := range n {
		r.Times = append(r.Times, 1_770_000_000_000_000+int64(i)*1000)
		r.Keys.AppendNull()
		r.Values.Append([]byte{byte('a' + i%26)})
	}
	return r
}

// TestLoss removes records that were not read yet, by retention and by making the topic anew.
func TestLoss(t *testing.T) {
	ctx := context.Background()
	onEach(t, func(t *testing.T, hosts []string) {
		c := open(t, kafka.Config{Hosts: hosts})
		adm := admin(t, hosts)
		topic := fresh(t)
		create(t, c, topic, 1)
		w := writer(t, c, topic, "p")
		if _, err := w.Append(ctx, 0, batch(100), -1); err != nil {
			t.Fatal(err)
		}
		r, err := source(t, c, topic, kafka.SourceOptions{UntilEnd: true}).Open(ctx, 0, record.Position{Offset: 40})
		if err != nil {
			t.Fatal(err)
		}
		var got record.Records
		if err := r.Read(ctx, &got); err != nil || got.Offsets[0] != 40 || got.Lost != 0 {
			t.Fatalf("read from %v, %d lost, %v", got.Offsets, got.Lost, err)
		}
		read := record.Position{Offset: 40, Log: got.Next.Log}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}

		var upTo kadm.Offsets
		upTo.AddOffset(topic, 0, 70, -1)
		if _, err := adm.DeleteRecords(ctx, upTo); err != nil {
			t.Fatal(err)
		}
		if at, err := source(t, c, topic, kafka.SourceOptions{}).Start(ctx, 0); err != nil || at.Offset != 70 {
			t.Errorf("the partition begins at %d, %v", at.Offset, err)
		}
		var loss *kafka.LossError
		_, err = source(t, c, topic, kafka.SourceOptions{}).Open(ctx, 0, read)
		if !errors.As(err, &loss) || loss.Offset != 40 || loss.First != 70 || loss.End != 100 || loss.Recreated {
			t.Errorf("offsets 40 to 69 are gone: %v", err)
		}
		tolerant := source(t, c, topic, kafka.SourceOptions{UntilEnd: true, TolerateLoss: true})
		if r, err = tolerant.Open(ctx, 0, read); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(ctx, &got); err != nil || got.Offsets[0] != 70 || got.Lost != 30 || got.Next.Offset != 100 {
			t.Errorf("read from %v, %d lost, %v", got.Offsets, got.Lost, err)
		}
		_ = r.Close()
		// A pipeline that has read nothing begins at what there is.
		if r, err = source(t, c, topic, kafka.SourceOptions{UntilEnd: true}).Open(ctx, 0, record.Position{}); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(ctx, &got); err != nil || got.Offsets[0] != 70 || got.Lost != 0 {
			t.Errorf("a first read is from %v, %d lost, %v", got.Offsets, got.Lost, err)
		}
		_ = r.Close()

		before := topicID(t, adm, topic)
		if _, err := adm.DeleteTopics(ctx, topic); err != nil {
			t.Fatal(err)
		}
		create(t, c, topic, 1)
		if topicID(t, adm, topic) == before {
			return // kfake makes the id of the name
		}
		if _, err := writer(t, c, topic, "p").Append(ctx, 0, batch(100), -1); err != nil {
			t.Fatal(err)
		}
		if _, err = source(t, c, topic, kafka.SourceOptions{}).Open(ctx, 0, read); !errors.As(err, &loss) || !loss.Recreated {
			t.Errorf("the topic is another one: %v", err)
		}
		if r, err = source(t, c, topic, kafka.SourceOptions{UntilEnd: true, TolerateLoss: true}).Open(ctx, 0, read); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(ctx, &got); err != nil || got.Offsets[0] != 0 {
			t.Errorf("another topic is read from %v, %v", got.Offsets, err)
		}
		_ = r.Close()
	})
}

// TestTransactionsMoveTheOffset reads a topic with committed and aborted transactions: what was aborted is
// not seen, and the offset comes to the very end, so that a reader that has caught up has no lag.
func TestTransactionsMoveTheOffset(t *testing.T) {
	ctx := context.Background()
	onEach(t, func(t *testing.T, hosts []string) {
		c := open(t, kafka.Config{Hosts: hosts})
		topic := fresh(t)
		create(t, c, topic, 1)
		cl, err := kgo.NewClient(kgo.SeedBrokers(hosts...), kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(ctx, kgo.StringRecord(string(rune('a'+i)))).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := cl.EndTransaction(ctx, commit); err != nil {
				t.Fatal(err)
			}
		}
		settle(t, c, topic)
		src := source(t, c, topic, kafka.SourceOptions{})
		end, err := src.End(ctx, 0)
		if err != nil || end.Offset != 8 {
			t.Fatalf("the end is %d, %v; want 4 records and 4 marks", end.Offset, err)
		}
		r, err := src.Open(ctx, 0, record.Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		seen := ""
		for next := int64(0); next < end.Offset; {
			var got record.Records
			if err := r.Read(ctx, &got); err != nil {
				t.Fatal(err)
			}
			for i := range got.Values.Len() {
				seen += string(got.Values.At(i))
			}
			next = got.Next.Offset
		}
		if seen != "ac" {
			t.Errorf("the records are %q", seen)
		}
	})
}

func TestPlaceByTime(t *testing.T) {
	ctx := context.Background()
	onEach(t, func(t *testing.T, hosts []string) {
		c := open(t, kafka.Config{Hosts: hosts})
		topic := fresh(t)
		create(t, c, topic, 2)
		if _, err := writer(t, c, topic, "p").Append(ctx, 1, batch(100), -1); err != nil {
			t.Fatal(err)
		}
		src := source(t, c, topic, kafka.SourceOptions{})
		for micros, want := range map[int64]int64{0: 0, 1_770_000_000_000_000: 0, 1_770_000_000_000_001: 1, 1_770_000_000_050_000: 50, 1_770_000_001_000_000: 100} {
			if at, err := src.After(ctx, 1, micros); err != nil || at.Offset != want {
				t.Errorf("after %d comes %d, %v; want %d", micros, at.Offset, err, want)
			}
		}
		if at, err := src.After(ctx, 0, 5); err != nil || at.Offset != 0 {
			t.Errorf("in an empty partition comes %d, %v", at.Offset, err)
		}
	})
}
