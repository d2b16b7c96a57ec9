package kafka_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

// realKafka names the environment variable with the address of a real cluster for tests.
const realKafka = "NAGARE_TEST_KAFKA"

// onEach runs a test on a cluster in this process and on a real one.
func onEach(t *testing.T, test func(t *testing.T, hosts []string)) {
	t.Run("kfake", func(t *testing.T) { test(t, fake(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, real(t)) })
}

// fake starts a cluster in this process.
func fake(t testing.TB, opts ...kfake.Opt) []string { return fakeCluster(t, opts...).ListenAddrs() }

func fakeCluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// real is the address of the real cluster that the environment names.
func real(t testing.TB) []string {
	t.Helper()
	hosts := os.Getenv(realKafka)
	if hosts == "" {
		t.Skipf("no real Kafka: start one with .ci/kafka/start.sh DIR PORT (Java 17 and Maven) and set %s=127.0.0.1:PORT", realKafka)
	}
	return strings.Split(hosts, ",")
}

func open(t testing.TB, cfg kafka.Config) *kafka.Cluster {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	c, err := kafka.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// fresh is a name that no test has used on a cluster that outlives them.
func fresh(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%s-%d", name[:min(len(name), 150)], time.Now().UnixNano())
}

func create(t testing.TB, c *kafka.Cluster, topic string, partitions int) {
	t.Helper()
	if err := c.CreateTopic(context.Background(), broker.TopicConfig{Name: topic, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
}

func writer(t testing.TB, c *kafka.Cluster, topic, producer string) *kafka.Writer {
	t.Helper()
	w := c.Writer(topic, producer)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func source(t testing.TB, c *kafka.Cluster, topic string, opt kafka.SourceOptions) *kafka.Source {
	t.Helper()
	s, err := c.Source(topic, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKafkaIsASource(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		enginetest.SourceSuite(t, func(t testing.TB, partitions int) enginetest.Topic {
			c := open(t, kafka.Config{Hosts: hosts})
			topic := fresh(t)
			create(t, c, topic, partitions)
			return topicOf(t, c, topic, hosts)
		})
	})
}

// topicOf is a topic as the suite takes it; reopened it is asked for by another connection.
func topicOf(t testing.TB, c *kafka.Cluster, topic string, hosts []string) enginetest.Topic {
	return enginetest.Topic{
		Source: source(t, c, topic, kafka.SourceOptions{}), UntilEnd: source(t, c, topic, kafka.SourceOptions{UntilEnd: true}),
		Writer: func(producer string) enginetest.TopicWriter { return writer(t, c, topic, producer) },
		Keeps: func(micros int64) int64 { // whole milliseconds from 1970 on
			if micros = max(micros, 0); micros > time.Now().UnixMicro() {
				return math.MinInt64
			}
			return micros - micros%1000
		},
		Largest: 1<<20 - 1024,
		Reopen:  func() enginetest.Topic { return topicOf(t, open(t, kafka.Config{Hosts: hosts}), topic, hosts) },
	}
}
