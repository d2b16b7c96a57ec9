//go:build unix

package node_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// testKafkaDir names the environment variable with the folder in which .ci/kafka/start.sh keeps Kafka's own
// jars; CI sets it.
const testKafkaDir = "NAGARE_TEST_KAFKA_DIR"

// java is a command line of Java with Kafka's own classes.
func java(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv(testKafkaDir)
	if dir == "" {
		t.Skipf("no Java clients of Kafka: start one with `.ci/kafka/start.sh DIR` and set %s=DIR", testKafkaDir)
	}
	for _, name := range []string{"java", "javac"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: apt-get install openjdk-17-jdk-headless", name)
		}
	}
	lib := filepath.Join(dir, "lib")
	if found, err := filepath.Glob(filepath.Join(lib, "kafka-streams-*.jar")); err != nil || len(found) != 1 {
		t.Fatalf("%s has no jar of kafka-streams: remove it, and .ci/kafka/start.sh brings all again", lib)
	}
	return []string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(lib, "*")}
}

// TestJavaClients has the tools that Kafka 4.1 ships and a program of Kafka Streams work on the Kafka port of a
// running process.
func TestJavaClients(t *testing.T) {
	command := java(t)
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, false, "run", "--generator", "off", "--kafka-listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", data)
	_, rest, _ := strings.Cut(p.line("broker"), "kafka port ")
	address, _, _ := strings.Cut(rest, " ")
	run := func(in, class string, args ...string) string {
		t.Helper()
		args = append([]string{"org.apache.kafka.tools." + class, "--bootstrap-server", address}, args...)
		return execute(t, []byte(in), command[0], append(command[1:], args...)...)
	}
	holds := func(out string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("no %q in:\n%s", part, out)
			}
		}
	}
	t.Run("kafka-topics", func(t *testing.T) {
		holds(run("", "TopicCommand", "--create", "--topic", "made", "--partitions", "2", "--config", "retention.ms=100000"), "Created topic made.")
		holds(run("", "TopicCommand", "--describe", "--topic", "made"), "PartitionCount: 2", "retention.ms=100000", "Partition: 1\tLeader: 0\tReplicas: 0\tIsr: 0")
		holds(run("", "TopicCommand", "--list"), "made\n", lifeTopic+"\n")
		args := append(command[1:], "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--create", "--topic", "refused", "--config", "retention=1")
		if out, err := exec.Command(command[0], args...).CombinedOutput(); err == nil || !strings.Contains(string(out), "Unknown topic config name: retention") {
			t.Errorf("a setting that Kafka does not know: %v\n%s", err, out)
		}
	})
	t.Run("kafka-console", func(t *testing.T) {
		run("one\ntwo\nthree\n", "ConsoleProducer", "--topic", "made")
		holds(run("", "consumer.ConsoleConsumer", "--topic", "made", "--from-beginning", "--max-messages", "3", "--group", "readers"), "one\n", "two\n", "three\n")
		sum := 0
		for line := range strings.Lines(run("", "GetOffsetShell", "--topic", "made")) {
			sum += int(line[len(line)-2] - '0')
		}
		if sum != 3 {
			t.Errorf("kafka-get-offsets counts %d records, want 3", sum)
		}
	})
	t.Run("kafka-consumer-groups", func(t *testing.T) {
		holds(run("", "consumer.group.ConsumerGroupCommand", "--list"), "readers\n")
		holds(run("", "consumer.group.ConsumerGroupCommand", "--describe", "--group", "readers"), "readers", "made", "LAG")
		holds(run("", "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--state"), "Empty")
	})
	t.Run("streams", func(t *testing.T) {
		for _, topic := range []string{"lines", "word-counts"} {
			run("", "TopicCommand", "--create", "--topic", topic, "--partitions", "2")
		}
		out := execute(t, nil, command[0], append(command[1:], filepath.Join("testdata", "WordCount.java"), address, t.TempDir())...)
		if !strings.HasSuffix(out, "{be=20, not=10, or=10, to=20}\n") {
			t.Errorf("words counted: %s", out)
		}
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d: %s", code, p.errs.String())
	}
}
