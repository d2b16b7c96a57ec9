package cli

import (
	"os"
	"strings"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/node"
)

// Where a Kafka cluster may be named beside the command line.
const (
	envKafka       = "NAGARE_KAFKA"
	envKafkaConfig = "NAGARE_KAFKA_CONFIG"
)

// bareKafka gives a --kafka without addresses the value that stands for the project's own.
func bareKafka(args []string) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if arg == "--kafka" && (i+1 == len(args) || strings.HasPrefix(args[i+1], "-")) {
			arg += "=" + node.KafkaProject
		}
		out = append(out, arg)
	}
	return out
}

// cluster is the Kafka cluster that the user names, or else the one that a data folder's topics are on;
// nil for none.
func (a *app) cluster(had node.Project) (*node.Kafka, error) {
	hosts, file := a.kafka, a.kafkaConfig
	if hosts == "" {
		hosts = os.Getenv(envKafka)
	}
	if file == "" {
		file = os.Getenv(envKafkaConfig)
	}
	if hosts == "" && file == "" {
		hosts, file = had.Kafka, had.KafkaConfig
		if had.Listen { // to look, any port will do
			return &node.Kafka{Listen: "127.0.0.1:0"}, nil
		}
	}
	if hosts == "" && file == "" {
		return nil, nil
	}
	k := &node.Kafka{Hosts: hosts, File: file}
	if file == "" {
		return k, nil
	}
	var err error
	if k.Properties, err = kafka.ReadProperties(file); err != nil {
		return nil, usage("%v", err)
	}
	return k, nil
}

// namesCluster reports whether the user names a cluster.
func (a *app) namesCluster() bool { return a.kafka != "" || os.Getenv(envKafka) != "" }
