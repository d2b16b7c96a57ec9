//go:build unix

package node_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestPartitionsAreAddedWhileItRuns gives a topic more partitions under a running pipeline: every record
// of the old and the new ones is read once.
func TestPartitionsAreAddedWhileItRuns(t *testing.T) {
	onEachKafka(t, func(t *testing.T, hosts string) {
		suffix := strconv.FormatInt(time.Now().UnixNano(), 36)
		project := suffixed(t, root("pipelines", "purchases"), suffix)
		topic := lifeTopic + suffix
		on := []string{"--kafka", hosts, "--data", filepath.Join(t.TempDir(), "data")}
		c := openKafka(t, hosts)
		if err := c.CreateTopic(context.Background(), broker.TopicConfig{Name: topic, Partitions: 3}); err != nil {
			t.Fatal(err)
		}
		w := c.Writer(topic, "test")
		defer w.Close()
		send := func(partitions int) {
			for p := range int32(partitions) {
				r := &record.Records{}
				for i := range 100 {
					r.Times = append(r.Times, time.Now().UnixMicro())
					r.Keys.Append(fmt.Appendf(nil, "user_%d", i))
					r.Values.Append(fmt.Appendf(nil, `{"event_id":"%d-%d","timestamp":%q,"user_id":"user_%d","final_amount":1.5}`, p, i, time.Now().UTC().Format(time.RFC3339Nano), i))
				}
				if _, err := w.Append(context.Background(), p, r, -1); err != nil {
					t.Fatal(err)
				}
			}
		}
		send(3)
		p := start(t, false, append([]string{"run", project, "--http", "127.0.0.1:0"}, on...)...)
		p.awaitRead(topic, 300)
		succeed(t, append([]string{"topics", "alter", topic, "--partitions", "5"}, on...)...)
		send(5)
		p.awaitRead(topic, 800)
		if err := c.AlterTopic(context.Background(), topic, 6); err != nil { // by somebody else
			t.Fatal(err)
		}
		send(6)
		p.awaitRead(topic, 1400)
		if got := p.status().Ledger.Topics[topic]; got.Read != 1400 || got.Counted != 1400 {
			t.Errorf("ledger of the topic: %+v", got)
		}
		p.await("no lag", func() bool {
			lag, parts := int64(0), 0
			for _, part := range p.status().Partitions {
				if part.Topic == topic {
					lag += part.Lag
					parts++
				}
			}
			return lag == 0 && parts == 6
		})
		p.signal(syscall.SIGINT)
		if code := p.wait(); code != 0 {
			t.Errorf("exit %d: %s", code, p.errs.String())
		}
	})
}

// TestKafkaGoesAway ends a cluster under a running pipeline and brings it back: the state says so, and
// what has come meanwhile is read and delivered.
func TestKafkaGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, dir := l.Addr().String(), t.TempDir()
	_ = l.Close()
	up := func() *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.ClusterID("away"),
			kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cluster := up()
	on := []string{"--kafka", address, "--data", filepath.Join(t.TempDir(), "data")}
	p := start(t, false, append([]string{"run", "--generator", "500", "--http", "127.0.0.1:0"}, on...)...)
	p.awaitRead(lifeTopic, 1000)
	cluster.Close()
	p.await("the state of a cluster that is away", func() bool {
		st := p.status()
		return st.State == "degraded" && strings.HasPrefix(st.Reason, "kafka: reach Kafka at "+address+": ")
	})
	read := p.status().Ledger.Topics[lifeTopic].Read
	cluster = up()
	defer func() { cluster.Close() }()
	p.awaitRead(lifeTopic, read+2000)
	p.await("a state that is well", func() bool { return p.status().State != "degraded" })
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d: %s", code, p.errs.String())
	}
	// Every event once: its id is unique by construction.
	out := succeed(t, append([]string{"query", "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM customer_scores", "-o", "csv"}, on...)...).out
	line := strings.Split(strings.TrimSpace(out), "\n")[1]
	if n, ids, _ := strings.Cut(line, ","); n != ids {
		t.Errorf("%s rows have %s ids", n, ids)
	}
}
