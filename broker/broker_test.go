package broker_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"go.uber.org/goleak"
)

// TestMain lets the test binary stand in for a process that is killed, and looks for goroutines that
// are left. The server's own clock is started once and never ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("NAGARE_BROKER_CHILD"); dir != "" {
		os.Exit(appendChild(dir))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

func openBroker(t testing.TB, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func createTopic(t testing.TB, b *broker.Broker, cfg broker.TopicConfig) {
	t.Helper()
	if err := b.CreateTopic(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
}

func writerOf(t testing.TB, b *broker.Broker, topic, producer string) broker.Writer {
	t.Helper()
	w, err := b.Writer(topic, producer)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestBrokerIsASource(t *testing.T) {
	shared := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true})
	topics := 0
	enginetest.SourceSuite(t, func(t testing.TB, partitions int) enginetest.Topic {
		topics++
		name := fmt.Sprint("Any topic/", topics)
		createTopic(t, shared, broker.TopicConfig{Name: name, Partitions: partitions})
		return topicOf(t, shared, name)
	})
}

func TestBrokerWithoutAServerIsASource(t *testing.T) {
	shared := openBroker(t, broker.Config{Serverless: true})
	topics := 0
	enginetest.SourceSuite(t, func(t testing.TB, partitions int) enginetest.Topic {
		topics++
		name := fmt.Sprint("Any topic/", topics)
		createTopic(t, shared, broker.TopicConfig{Name: name, Partitions: partitions})
		return topicOf(t, shared, name)
	})
}

func TestReopenedBrokerIsASource(t *testing.T) {
	enginetest.SourceSuite(t, func(t testing.TB, partitions int) enginetest.Topic {
		dir := t.TempDir()
		b := openBroker(t, broker.Config{Dir: dir, NoSync: true})
		createTopic(t, b, broker.TopicConfig{Name: "topic", Partitions: partitions})
		return reopenable(t, b, dir)
	})
}

func reopenable(t testing.TB, b *broker.Broker, dir string) enginetest.Topic {
	top := topicOf(t, b, "topic")
	top.Reopen = func() enginetest.Topic {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		return reopenable(t, openBroker(t, broker.Config{Dir: dir, NoSync: true}), dir)
	}
	return top
}

func topicOf(t testing.TB, b *broker.Broker, name string) enginetest.Topic {
	return enginetest.Topic{
		Source:   b.Source(name),
		UntilEnd: b.SourceUntilEnd(name),
		Writer:   func(producer string) enginetest.TopicWriter { return writerOf(t, b, name, producer) },
	}
}

func TestMemoryIsASource(t *testing.T) {
	enginetest.SourceSuite(t, func(_ testing.TB, partitions int) enginetest.Topic {
		m := broker.NewMemory(partitions)
		return enginetest.Topic{
			Source: m.Source(), UntilEnd: m.SourceUntilEnd(),
			Writer: func(producer string) enginetest.TopicWriter { return m.Writer(producer) },
		}
	})
}
