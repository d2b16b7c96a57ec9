package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// realKafka names the environment variable with the address of a real cluster for tests.
const realKafka = "NAGARE_TEST_KAFKA"

// onEachKafka runs a test on a cluster in this process and on a real one.
func onEachKafka(t *testing.T, test func(t *testing.T, hosts string)) {
	t.Run("kfake", func(t *testing.T) {
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		test(t, c.ListenAddrs()[0])
	})
	t.Run("kafka", func(t *testing.T) { test(t, real(t)) })
}

func real(t testing.TB) string {
	t.Helper()
	hosts := os.Getenv(realKafka)
	if hosts == "" {
		t.Skipf("no real Kafka: start one with .ci/kafka/start.sh DIR PORT (Java 17 and Maven) and set %s=127.0.0.1:PORT", realKafka)
	}
	return hosts
}

// renamed copies the files of a folder and puts one word in the place of another, in names and texts.
func renamed(t testing.TB, from, old, new string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "renamed")
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.ReplaceAll(rel, old, new))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return os.WriteFile(target, []byte(strings.ReplaceAll(read(t, path), old, new)), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestKafkaGivesTheSame runs the golden files and the retail data over Kafka. Tables and ledger are
// those of a run over the files, byte for byte.
func TestKafkaGivesTheSame(t *testing.T) {
	type run struct{ name, project, topic, events string }
	runs := []run{{"retail", root("pipelines", "retail"), "retail-events", root("testdata", "retail", "online_retail.ndjson.gz")}}
	for name := range goldenCases {
		runs = append(runs, run{name, root("testdata", "projects", "golden"), "purchase-events", root("testdata", "golden", name+".ndjson.gz")})
	}
	onEachKafka(t, func(t *testing.T, hosts string) {
		for _, r := range runs {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				want := filepath.Join(t.TempDir(), "out")
				succeed(t, "run", r.project, "--once", "--from", r.topic+"="+r.events, "--out", want)
				// A cluster outlives the test, so its topic has a name of its own.
				topic := fmt.Sprintf("%s-%d", r.topic, time.Now().UnixNano())
				got := filepath.Join(t.TempDir(), "got")
				runDurable(t, renamed(t, r.project, r.topic, topic), topic, r.events, got, hosts)
				tell(t, "from Kafka", filesDiffer(t, want, renamed(t, got, topic, r.topic)))
			})
		}
	})
}
