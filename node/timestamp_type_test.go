//go:build unix

package node_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestTimestampTypeOfTopics reads from the column timestampType what the topic has, on Kafka and on the embedded
// broker, in queries and in tables: 1 where the log gives the time, else 0.
func TestTimestampTypeOfTopics(t *testing.T) {
	project := root("testdata", "projects", "headers")
	file := root("testdata", "projects", "headers", "orders.jsonl")
	const query = "SELECT DISTINCT timestampType FROM %s ORDER BY 1"
	t.Run("kafka", func(t *testing.T) {
		data := t.TempDir()
		p := start(t, false, "run", project, "--data", data, "--http", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0")
		defer stop(t, p)
		_, rest, _ := strings.Cut(p.line("broker"), "kafka port ")
		address, _, _ := strings.Cut(rest, " ")
		kc, err := kgo.NewClient(kgo.SeedBrokers(address))
		if err != nil {
			t.Fatal(err)
		}
		defer kc.Close()
		appended := "LogAppendTime"
		for topic, configs := range map[string]map[string]*string{"made": nil, "stamped": {"message.timestamp.type": &appended}} {
			if _, err := kadm.NewClient(kc).CreateTopic(t.Context(), 2, 1, configs, topic); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a", "b", "c", "d"} {
				if err := kc.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte("{}")}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for topic, want := range map[string]string{"made": "0", "stamped": "1"} {
			if got := nagare(t, nil, "query", fmt.Sprintf(query, topic), "-o", "csv", "--data", data).out; got != "timestampType\n"+want+"\n" {
				t.Errorf("%s: %q, want %s", topic, got, want)
			}
		}
	})
	t.Run("embedded", func(t *testing.T) {
		data := t.TempDir()
		succeed(t, "run", project, "--once", "--data", data)
		succeed(t, "publish", "orders", file, "--data", data)
		succeed(t, "run", project, "--once", "--data", data)
		if got := nagare(t, nil, "query", fmt.Sprintf(query, "raw"), "-o", "csv", "--data", data).out; got != "timestampType\n0\n" {
			t.Errorf("orders: %q, want 0", got)
		}
	})
}
