package harness

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/harness/network"
	"github.com/nagare-stream/nagare/harness/stack"
	"github.com/nagare-stream/nagare/node"
)

// The environment variables that name real servers.
const (
	envKafka = "NAGARE_TEST_KAFKA"
	envRedis = "NAGARE_TEST_REDIS"
)

// servers is where a test has its topics and its cache.
type servers struct {
	fake  bool   // on a Kafka cluster of its own in this process
	hosts string // on this one
	dial  node.Dialer

	kafka, redis *network.Network                     // between the pipeline and them; kafka is nil without
	met          map[*network.Network]<-chan struct{} // of those that fail: closed by the first that meets the fault
}

// Kafka keeps the topics in a Kafka cluster of the test's own, a fake one in this process that speaks
// Kafka's protocol, over connections in memory: it opens as fast as anything else in memory and is for
// Synctest, too. With Durable the state is in a temporary folder.
func Kafka() Option { return func(c *config) { c.servers.fake = true } }

// FromEnv runs the pipeline on the servers that NAGARE_TEST_KAFKA (host:port, several with commas) and
// NAGARE_TEST_REDIS (host:port) name, and embedded where neither is set. On a cluster the topics have
// names of the test's own, which Publish, Topic, Table, Ledger and the like know by those of the project,
// and are gone after it. On a Redis the keys are the project's, so tests of one project share it. Real
// servers know no virtual time: it is not for Synctest.
func FromEnv() Option {
	return func(c *config) {
		c.stack.Cache.Address, c.stack.Cache.Password = os.Getenv(envRedis), os.Getenv("NAGARE_REDIS_PASSWORD")
		c.servers.hosts = os.Getenv(envKafka)
	}
}

// dialWait is how long a connection to a real server may take.
const dialWait = 5 * time.Second

// serve prepares the servers of a test, which end with it.
func (c *config) serve(t testing.TB) {
	t.Helper()
	c.servers.redis, c.servers.met = network.NewRedis(), map[*network.Network]<-chan struct{}{}
	c.stack.Cache.Through = c.servers.redis.Through
	switch {
	case c.servers.fake:
		var memory kfake.VirtualNetwork
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(fakePort), kfake.ListenFn(memory.Listen))
		if err != nil {
			t.Fatalf("start a Kafka cluster for the test: %v", err)
		}
		t.Cleanup(cluster.Close)
		c.servers.hosts, c.servers.dial = strings.Join(cluster.ListenAddrs(), ","), memory.DialContext
	case c.servers.hosts == "":
		return
	default:
		c.servers.dial = (&net.Dialer{Timeout: dialWait}).DialContext
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	c.stack.Prefix = "nagare-test-" + hex.EncodeToString(random[:]) + "-"
	c.servers.kafka = network.NewKafka()
	c.stack.Kafka = &node.Kafka{Hosts: c.servers.hosts, Dialer: c.servers.kafka.Through(c.servers.dial)}
	if err := c.makeTopics(t); err != nil {
		t.Fatal(err)
	}
}

// fakePort is where a cluster in memory has its broker, in a network of its own.
const fakePort = 9092

// makeTopics makes the topics that the project reads and writes, and has all of the test's topics removed at its end.
func (c *config) makeTopics(t testing.TB) error {
	p, err := stack.LoadProject(c.stack.Project, c.stack.Settings, c.stack.Prefix)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.servers.hosts, ",")...), kgo.Dialer(c.servers.dial))
	if err != nil {
		return fmt.Errorf("reach Kafka at %s: %w", c.servers.hosts, err)
	}
	admin := kadm.NewClient(client)
	t.Cleanup(func() {
		defer admin.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		topics, err := admin.ListTopics(ctx)
		if err != nil {
			t.Errorf("remove the topics of the test from Kafka at %s: %v", c.servers.hosts, err)
			return
		}
		own := slices.DeleteFunc(topics.Names(), func(name string) bool { return !strings.HasPrefix(name, c.stack.Prefix) })
		if _, err := admin.DeleteTopics(ctx, own...); err != nil {
			t.Errorf("remove the topics of the test from Kafka at %s: %v", c.servers.hosts, err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all := p.Outputs() // a pipeline would make them, but wait longer until they are there
	maps.Copy(all, p.Partitions(c.stack.Partitions))
	for topic, n := range all {
		if _, err := admin.CreateTopic(ctx, int32(n), -1, nil, topic); err != nil {
			return fmt.Errorf("make topic %s on Kafka at %s: %w; start a Kafka there, or unset %s", topic, c.servers.hosts, err, envKafka)
		}
		if err := awaitTopic(ctx, admin, topic); err != nil {
			return fmt.Errorf("wait for topic %s on Kafka at %s: %w", topic, c.servers.hosts, err)
		}
	}
	return nil
}

// topicPause is between two looks for a topic.
const topicPause = 10 * time.Millisecond

// awaitTopic waits until a topic that was made is there: brokers learn of it one after the other.
func awaitTopic(ctx context.Context, admin *kadm.Client, topic string) error {
	for {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if err := topics.Error(); err == nil && topics.Has(topic) {
			return nil
		}
		select {
		case <-time.After(topicPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
