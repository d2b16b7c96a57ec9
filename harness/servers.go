package harness

import (
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/harness/stack"
	"github.com/nagare-stream/nagare/node"
)

// The environment variables that name real servers.
const (
	envKafka = "NAGARE_TEST_KAFKA"
	envRedis = "NAGARE_TEST_REDIS"
)

// Kafka keeps the topics in a Kafka cluster of the test's own, a fake one in this process that speaks
// Kafka's protocol over a loopback socket, and the state in a temporary folder. Real sockets know no
// virtual time: it is not for Synctest.
func Kafka() Option { return func(c *config) { c.kafka = true } }

// FromEnv runs the pipeline on the servers that NAGARE_TEST_KAFKA (host:port, several with commas) and
// NAGARE_TEST_REDIS (host:port) name, and embedded where neither is set.
func FromEnv() Option {
	return func(c *config) {
		var named []string
		for _, name := range []string{envKafka, envRedis} {
			if os.Getenv(name) != "" {
				named = append(named, name)
			}
		}
		if len(named) > 0 { // here the addresses go into the stack's configuration once tests have topics and keys of their own there
			c.fault = "set up the pipeline: " + strings.Join(named, " and ") + " asks for real servers, which this version of the harness does not reach; unset it to run embedded, or use harness.Kafka"
		}
	}
}

// serve starts the servers of a test, which end with it.
func (c *config) serve(t testing.TB) {
	t.Helper()
	if !c.kafka {
		return
	}
	p, err := stack.LoadProject(c.stack.Project, c.stack.Settings)
	if err != nil {
		t.Fatal(err)
	}
	options := []kfake.Opt{kfake.NumBrokers(1)}
	for topic, n := range p.Partitions(c.stack.Partitions) {
		options = append(options, kfake.SeedTopics(int32(n), topic))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatalf("start a Kafka cluster for the test: %v", err)
	}
	t.Cleanup(cluster.Close)
	c.stack.Kafka, c.stack.Durable = &node.Kafka{Hosts: strings.Join(cluster.ListenAddrs(), ",")}, true
}
