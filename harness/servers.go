package harness

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/harness/stack"
	"github.com/nagare-stream/nagare/node"
)

// The environment variables that name real servers.
const (
	envKafka = "NAGARE_TEST_KAFKA"
	envRedis = "NAGARE_TEST_REDIS"
)

// servers is where a test has its topics.
type servers struct {
	fake  bool   // on a Kafka cluster of its own in this process
	hosts string // on this one

	cluster *kfake.Cluster     // the fake one
	fault   *kfake.FaultHandle // of it; nil: none
}

// Kafka keeps the topics in a Kafka cluster of the test's own, a fake one in this process that speaks
// Kafka's protocol over a loopback socket, and the state in a temporary folder. Real sockets know no
// virtual time: it is not for Synctest.
func Kafka() Option { return func(c *config) { c.servers.fake = true } }

// FromEnv runs the pipeline on the servers that NAGARE_TEST_KAFKA (host:port, several with commas) and
// NAGARE_TEST_REDIS (host:port) name, and embedded where neither is set. On a cluster the topics have
// names of the test's own, which Publish, Topic, Table, Ledger and the like know by those of the project,
// and are gone after it.
func FromEnv() Option {
	return func(c *config) {
		if os.Getenv(envRedis) != "" { // here the address goes into the stack's configuration once it takes one
			c.fault = "set up the pipeline: " + envRedis + " asks for a real Redis, which this version of the harness does not reach; unset it"
		}
		c.servers.hosts = os.Getenv(envKafka)
	}
}

// serve prepares the servers of a test, which end with it.
func (c *config) serve(t testing.TB) {
	t.Helper()
	switch {
	case c.servers.fake:
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatalf("start a Kafka cluster for the test: %v", err)
		}
		t.Cleanup(cluster.Close)
		c.servers.cluster = cluster
		c.servers.hosts = strings.Join(cluster.ListenAddrs(), ",")
	case c.servers.hosts == "":
		return
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	c.stack.Prefix = "nagare-test-" + hex.EncodeToString(random[:]) + "-"
	c.stack.Kafka, c.stack.Durable = &node.Kafka{Hosts: c.servers.hosts}, true
	if err := c.makeTopics(t); err != nil {
		t.Fatal(err)
	}
}

// makeTopics makes the topics that the project reads and has all of the test's topics removed at its end.
func (c *config) makeTopics(t testing.TB) error {
	p, err := stack.LoadProject(c.stack.Project, c.stack.Settings, c.stack.Prefix)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.servers.hosts, ",")...))
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
	for topic, n := range p.Partitions(c.stack.Partitions) {
		if _, err := admin.CreateTopic(ctx, int32(n), -1, nil, topic); err != nil {
			return fmt.Errorf("make topic %s on Kafka at %s: %w; start a Kafka there, or unset %s", topic, c.servers.hosts, err, envKafka)
		}
	}
	return nil
}
