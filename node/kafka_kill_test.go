//go:build unix

package node_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

var kafkaKills = flag.Int("kafkakills", 3, "how often TestKillOnKafka kills the process; from 6 on it restarts the broker as often as a sixth of that")

// TestKillOnKafka kills the purchase pipeline over a real Kafka again and again, and the broker too,
// while events come. Tables and ledger are those of a run over the same records from a file, and a
// reader of committed records finds each row of the output topics once.
func TestKillOnKafka(t *testing.T) {
	hosts := real(t)
	restarts := *kafkaKills / 6
	if restarts > 0 && os.Getenv(kafkaDir) == "" {
		t.Fatalf("restarting the broker needs %s, the folder that .ci/kafka/start.sh was given", kafkaDir)
	}
	suffix := strconv.FormatInt(time.Now().UnixNano(), 36)
	project := suffixed(t, root("pipelines", "purchases"), suffix)
	topic := lifeTopic + suffix
	c := openKafka(t, hosts)
	if err := c.CreateTopic(context.Background(), broker.TopicConfig{Name: topic, Partitions: 3}); err != nil {
		t.Fatal(err)
	}
	stop := feedKafka(t, c, topic)
	data := filepath.Join(t.TempDir(), "data")
	run := []string{"run", project, "--kafka", hosts, "--data", data, "--http", "off", "--log-level", "error"}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	hit, restarted := 0, 0
	for life := 0; hit < *kafkaKills && life < 3**kafkaKills; life++ {
		cmd := command(context.Background(), t, run...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if restarted < restarts && hit >= 6*restarted+3 {
			restartKafka(t, hosts, restarted%2 == 0)
			restarted++
		}
		timer := time.AfterFunc(time.Duration(100+rng.IntN(1200))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or away from its broker
		timer.Stop()
		if !cmd.ProcessState.Exited() {
			hit++
		}
	}
	stop()
	if hit < *kafkaKills {
		t.Errorf("only %d of %d kills hit", hit, *kafkaKills)
	}

	got, want := filepath.Join(t.TempDir(), "got"), filepath.Join(t.TempDir(), "want")
	succeed(t, "run", project, "--kafka", hosts, "--data", data, "--once", "--close", "--out", got)
	events := filepath.Join(t.TempDir(), "events.ndjson")
	n := copyTopic(t, c, topic, events)
	if n < 2000 {
		t.Errorf("only %d events came: the test shows little", n)
	}
	t.Logf("%d events, %d kills, %d restarts of the broker", n, hit, restarted)
	succeed(t, "run", project, "--once", "--from", topic+"="+events, "--out", want)
	tell(t, "after the kills", filesDiffer(t, want, got))
	for output, table := range outputs {
		eachOnce(t, c, output+suffix, filepath.Join(want, table+".csv"))
	}
}

// outputs is the table of each output topic of the purchase pipeline.
var outputs = map[string]string{"sales-by-minute": "sales_by_minute", "segment-metrics": "segment_metrics",
	"purchase-anomalies": "anomalies", "customer-scores": "customer_scores", "hourly-sales": "hourly_sales", "product-sales": "product_sales"}

// suffixed copies a project and gives its topics a suffix, so that they are the test's own.
func suffixed(t testing.TB, project, suffix string) string {
	dir := renamed(t, project, "\x00", "\x00")
	path := filepath.Join(dir, "spark-pipeline.yml")
	text := read(t, path)
	for _, topic := range []string{lifeTopic, "sales-by-minute", "segment-metrics", "purchase-anomalies", "customer-scores", "hourly-sales", "product-sales"} {
		text = strings.ReplaceAll(text, topic, topic+suffix)
	}
	text = strings.ReplaceAll(text, "name: purchases", "name: purchases-"+suffix)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openKafka(t testing.TB, hosts string) *kafka.Cluster {
	t.Helper()
	return openKafkaAs(t, []kgo.Opt{kgo.SeedBrokers(kafka.SplitHosts(hosts)...)})
}

// openKafkaAs opens a cluster with the options of a client.
func openKafkaAs(t testing.TB, as []kgo.Opt) *kafka.Cluster {
	t.Helper()
	kc, err := kgo.NewClient(as...)
	if err != nil {
		t.Fatal(err)
	}
	hosts := kc.OptValue(kgo.SeedBrokers).([]string)
	kc.Close()
	c, err := kafka.Open(context.Background(), kafka.Config{Hosts: hosts, Name: "test", Options: as})
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

// feedKafka writes events at a pace until the function that it returns is called.
func feedKafka(t *testing.T, c *kafka.Cluster, topic string) (stop func()) {
	gen, err := generator.New(generator.Config{Seed: 7, Start: time.Now().Truncate(time.Second), Rate: 3000, Partitions: 3,
		Disorder: 2 * time.Second, Late: 0.05, LateBy: 90 * time.Second, Bad: 0.01, SilentPartition: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w := c.Writer(topic, "test")
		defer w.Close()
		for ctx.Err() == nil { // a broker that restarts is waited for
			_ = gen.Run(ctx, w, generator.RunOptions{})
		}
	}()
	return func() { cancel(); <-ended }
}

// restartKafka ends the shared broker and starts it again.
func restartKafka(t *testing.T, hosts string, hard bool) {
	t.Helper()
	k := &kafkaProcess{t: t, dir: os.Getenv(kafkaDir), address: hosts}
	signal := syscall.SIGTERM
	if hard {
		signal = syscall.SIGKILL
	}
	k.end(signal)
	k.begin()
}

// awaitClosed waits until no transaction on a topic is open: a broker marks the end of one some time after
// it has promised it, and no reader of committed records sees what is behind until then.
func awaitClosed(t testing.TB, c *kafka.Cluster, topic string) {
	t.Helper()
	ends := func(isolation string) []int64 {
		src, err := c.Source(topic, kafka.SourceOptions{Properties: []kafka.Property{{Key: "isolation.level", Value: isolation}}})
		if err != nil {
			t.Fatal(err)
		}
		ends, err := src.Ends(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return ends
	}
	for begin := time.Now(); ; {
		committed, all := ends("read_committed"), ends("read_uncommitted")
		if slices.Equal(committed, all) {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("a transaction on %s stays open: committed to %v of %v", topic, committed, all)
		}
	}
}

// eachRecord hands the committed records of a topic to visit.
func eachRecord(t testing.TB, c *kafka.Cluster, topic string, visit func(p int32, offset, micros int64, key, value []byte)) {
	t.Helper()
	ctx := context.Background()
	src, err := c.Source(topic, kafka.SourceOptions{UntilEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := src.Partitions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	awaitClosed(t, c, topic)
	for p := range int32(parts) {
		r, err := src.Open(ctx, p, record.Position{})
		if err != nil {
			t.Fatal(err)
		}
		var got record.Records
		for {
			if err = r.Read(ctx, &got); err != nil {
				break
			}
			for i := range got.Len() {
				visit(p, got.Offsets[i], got.Times[i], got.Keys.At(i), got.Values.At(i))
			}
		}
		if cerr := r.Close(); !errors.Is(err, io.EOF) || cerr != nil {
			t.Fatal(err, cerr)
		}
	}
}

// copyTopic writes a topic as the lines of kcat -J, which keep partition, offset and time.
func copyTopic(t testing.TB, c *kafka.Cluster, topic, path string) (n int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := bufio.NewWriter(f)
	eachRecord(t, c, topic, func(p int32, offset, micros int64, key, value []byte) {
		n++
		line := map[string]any{"topic": topic, "partition": p, "offset": offset, "ts": micros / 1000, "key": nil, "payload": nil}
		if key != nil {
			line["key"] = string(key)
		}
		if utf8.Valid(value) {
			line["payload"] = string(value)
		} else {
			delete(line, "payload")
			line["payload_base64"] = base64.StdEncoding.EncodeToString(value)
		}
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = b.Write(append(text, '\n')) // Flush tells
	})
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return n
}

// eachOnce compares an output topic with the rows of its table, a CSV file: as many, and each once.
func eachOnce(t testing.TB, c *kafka.Cluster, topic, path string) {
	t.Helper()
	count := map[string]int{}
	eachRecord(t, c, topic, func(_ int32, _, _ int64, _, value []byte) { count[rowName(t, value)]++ })
	rows, missing, twice := 0, 0, 0
	first := ""
	eachRow(t, path, func(row map[string]string) {
		name := tableRowName(row)
		switch n := count[name]; {
		case n == 0 && missing == 0:
			first = fmt.Sprintf("; row %d, %s, is the first that is missing", rows, name)
			fallthrough
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
		delete(count, name)
		rows++
	})
	if missing > 0 || twice > 0 || len(count) > 0 {
		t.Errorf("topic %s: of %d rows %d are missing, %d stand more than once, %d should not be there%s", topic, rows, missing, twice, len(count), first)
	}
}

// What tells a row from others: an event's id, or a window and its key with its counts.
var (
	rowID      = []string{"event_id"}
	rowColumns = []string{"window_start", "category", "region", "user_segment", "product_id", "order_count", "orders", "unique_customers", "total_items", "total_quantity"}
)

func rowName(t testing.TB, value []byte) string {
	if _, rest, ok := bytes.Cut(value, []byte(`"event_id":"`)); ok { // there are millions of those
		id, _, _ := bytes.Cut(rest, []byte(`"`))
		return string(id)
	}
	var row map[string]any
	dec := json.NewDecoder(strings.NewReader(string(value)))
	dec.UseNumber()
	if err := dec.Decode(&row); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	text := map[string]string{}
	for k, v := range row {
		text[k] = strings.Replace(fmt.Sprint(v), ".000Z", "Z", 1)
	}
	return tableRowName(text)
}

func tableRowName(row map[string]string) string {
	columns := rowColumns
	if row["event_id"] != "" {
		columns = rowID
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, row[c])
	}
	return strings.Join(parts, "|")
}
