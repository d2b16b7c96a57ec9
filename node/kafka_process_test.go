//go:build unix

package node_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/kafka"
)

// kafkaDir names the environment variable with the folder of a real cluster that tests may restart: its
// pid, and what .ci/kafka/start.sh takes.
const kafkaDir = "NAGARE_TEST_KAFKA_DIR"

// A kafkaProcess is a real broker in a process that a test may end, stop and start again.
type kafkaProcess struct {
	t          testing.TB
	dir        string
	address    string
	properties string
}

// ownKafka starts a broker that no other test uses. It has the jars of the one that kafkaDir names.
func ownKafka(t testing.TB) *kafkaProcess {
	t.Helper()
	return ownKafkaAt(t, freePair(t), "")
}

// ownKafkaAt starts one at a port, with further lines of server.properties.
func ownKafkaAt(t testing.TB, port, properties string) *kafkaProcess {
	t.Helper()
	jars := os.Getenv(kafkaDir)
	if jars == "" {
		t.Skipf("no jars of a real Kafka: start one with .ci/kafka/start.sh DIR PORT (Java 17 and Maven) and set %s=DIR", kafkaDir)
	}
	k := &kafkaProcess{t: t, dir: t.TempDir(), address: "127.0.0.1:" + port, properties: properties}
	lib, err := filepath.Abs(filepath.Join(jars, "lib"))
	if err == nil {
		err = os.Symlink(lib, filepath.Join(k.dir, "lib"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(filepath.Join(k.dir, "pid")); err == nil && strings.TrimSpace(string(text)) != "" {
			k.end(syscall.SIGKILL)
		}
	})
	k.begin()
	k.await()
	return k
}

// await returns once the broker answers questions: its port is open before.
func (k *kafkaProcess) await() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		c, err := kafka.Open(ctx, kafka.Config{Hosts: []string{k.address}, Name: "test"})
		if err == nil {
			_ = c.Close()
			return
		}
		if ctx.Err() != nil {
			k.t.Fatalf("the broker does not answer: %v", err)
		}
	}
}

// freePair is a port that is free, as the one behind it, which the broker's controller takes.
func freePair(t testing.TB) string {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		next, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		_ = l.Close()
		if err == nil {
			_ = next.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("there are no two free ports in a row")
	return ""
}

// begin starts the broker, again after its end, and returns when it answers.
func (k *kafkaProcess) begin() {
	k.t.Helper()
	_, port, _ := strings.Cut(k.address, ":")
	cmd := exec.Command("bash", root(".ci", "kafka", "start.sh"), k.dir, port)
	cmd.Env = append(os.Environ(), "KAFKA_OPTS=-Xmx512m", "KAFKA_PROPERTIES="+k.properties)
	if text, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("start the broker: %v\n%s", err, text)
	}
}

// signal sends the broker a signal.
func (k *kafkaProcess) signal(s syscall.Signal) (pid int) {
	k.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(k.t, filepath.Join(k.dir, "pid"))))
	if err == nil {
		err = syscall.Kill(pid, s)
	}
	if err != nil {
		k.t.Fatalf("send %v to the broker: %v", s, err)
	}
	return pid
}

// end ends the broker with a signal and returns when it is gone.
func (k *kafkaProcess) end(s syscall.Signal) {
	k.t.Helper()
	pid := k.signal(s)
	giveUp := time.After(deadline)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for gone := false; !gone; {
		select {
		case <-again.C:
			gone = (syscall.Kill(pid, 0) != nil || zombie(pid)) && !answers(k.address)
		case <-giveUp:
			k.t.Fatalf("the broker, process %d, does not end", pid)
		}
	}
}

// answers reports whether somebody listens: the threads of a process outlive it for a moment.
func answers(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// zombie reports a process that has ended and that nobody has asked about.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}
