//go:build unix

package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// testPython names the environment variable with a Python that has the packages of the tutorial's
// clients; CI sets it. kcat is asked for too where it is set.
const testPython = "NAGARE_TEST_PYTHON"

// pausing has kcat -e end on a topic that is being written to: it takes a partition for read once a request for it comes
// back empty, and one that waits for 500 ms, as is its default, may always bring a record.
const pausing = "fetch.wait.max.ms=10"

// TestOtherClients has kcat and kafka-python write to and read from the Kafka port of a running process.
func TestOtherClients(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, false, "run", "--generator", "50", "--kafka-listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", data)
	_, rest, _ := strings.Cut(p.line("broker"), "kafka port ")
	address, _, _ := strings.Cut(rest, " ")
	on := []string{"--data", data}
	t.Run("kcat", func(t *testing.T) {
		kcat, err := exec.LookPath("kcat")
		if err != nil {
			if os.Getenv(testPython) != "" {
				t.Fatal("kcat is not installed: apt-get install kcat")
			}
			t.Skip("kcat is not installed: apt-get install kcat")
		}
		event := fmt.Sprintf(`{"event_id":"by-kcat","timestamp":%q,"user_id":"user_kcat","final_amount":123456}`, time.Now().UTC().Format(time.RFC3339Nano))
		execute(t, []byte("user_kcat|"+event+"\n"), kcat, "-b", address, "-P", "-t", lifeTopic, "-K", "|")
		awaitOutput(t, p, kcat, "-b", address, "-C", "-t", "purchase-anomalies", "-o", "beginning", "-e", "-q", "-X", pausing, "by-kcat")
		text := succeed(t, append([]string{"query", "SELECT count(*) FROM anomalies WHERE event_id = 'by-kcat'", "-o", "csv"}, on...)...).out
		if !strings.HasSuffix(text, "\n1\n") {
			t.Errorf("the table has %q", text)
		}
		for line := range strings.Lines(execute(t, nil, kcat, "-b", address, "-C", "-t", lifeTopic, "-o", "beginning", "-e", "-q", "-X", pausing, "-J")) {
			if !utf8.ValidString(line) || !json.Valid([]byte(line)) {
				t.Fatalf("kcat -J prints what is no JSON: %q", line)
			}
		}
	})
	t.Run("kafka-python", func(t *testing.T) {
		python := os.Getenv(testPython)
		if python == "" {
			t.Skipf("no Python with kafka-python: make one with `python3 -m venv DIR && DIR/bin/pip install kafka-python` and set %s=DIR/bin/python", testPython)
		}
		script := filepath.Join(t.TempDir(), "client.py")
		if err := os.WriteFile(script, []byte(tutorialClient), 0o600); err != nil {
			t.Fatal(err)
		}
		out := execute(t, nil, python, script, address)
		if !strings.Contains(out, "by-python high_value_transaction") {
			t.Errorf("the consumer saw %q", out)
		}
	})
	t.Run("confluent-kafka and aiokafka", func(t *testing.T) {
		python := os.Getenv(testPython)
		if python == "" {
			t.Skipf("no Python with confluent-kafka and aiokafka: make one with `python3 -m venv DIR && DIR/bin/pip install confluent-kafka aiokafka` and set %s=DIR/bin/python", testPython)
		}
		const want = `confluent Unknown topic config name: retention
confluent classic read 5
confluent consumer read 5
confluent groups ['confluent-classic', 'confluent-consumer']
aiokafka read v
`
		if out := execute(t, nil, python, filepath.Join("testdata", "python_clients.py"), address); out != want {
			t.Errorf("the clients saw\n%s\nwant\n%s", out, want)
		}
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d: %s", code, p.errs.String())
	}
}

// tutorialClient is a producer and a consumer of the kind that the tutorial has.
const tutorialClient = `
import datetime, json, sys, time
from kafka import KafkaConsumer, KafkaProducer
address = sys.argv[1]
producer = KafkaProducer(bootstrap_servers=[address], acks='all', retries=3, batch_size=16384, linger_ms=1,
    key_serializer=lambda k: k.encode('utf-8'), value_serializer=lambda v: json.dumps(v).encode('utf-8'))
event = {'event_id': 'by-python', 'timestamp': datetime.datetime.now(datetime.timezone.utc).isoformat(),
    'user_id': 'user_python', 'user_segment': 'premium', 'product_id': 1, 'product_name': 'ノートPC', 'category': 'electronics',
    'quantity': 1, 'unit_price': 89800, 'final_amount': 89800.0, 'region': 'Tokyo'}
producer.send('purchase-events', key=event['user_id'], value=event).get(timeout=30)
producer.flush()
consumer = KafkaConsumer('purchase-anomalies', bootstrap_servers=[address], auto_offset_reset='earliest',
    group_id='reader', consumer_timeout_ms=60000, value_deserializer=lambda v: json.loads(v.decode('utf-8')))
for message in consumer:
    if message.value['event_id'] == 'by-python':
        print(message.value['event_id'], message.value['anomaly_type'])
        break
consumer.close()
`

// execute runs a program to its end and returns what it printed.
func execute(t testing.TB, in []byte, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errs.String())
	}
	return string(out)
}

// awaitOutput runs a program until it prints the last of its arguments, which it is not given.
func awaitOutput(t testing.TB, p *process, name string, args ...string) {
	t.Helper()
	want := args[len(args)-1]
	p.await(want+" from "+name, func() bool { return strings.Contains(execute(t, nil, name, args[:len(args)-1]...), want) })
}
