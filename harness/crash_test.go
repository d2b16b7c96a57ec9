package harness_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/harness"
)

// stations is where bikes are put back; the trips of an hour, minute by minute, with some that come late
// and one that nobody can read.
var stations = []string{"dock", "hill", "park"}

func hour(n int) []any {
	events := []any{`{"trip": "broken"`}
	for m := range 60 {
		for i := range n {
			minutes := 10 + m
			if (m+i)%13 == 0 {
				minutes = 150
			}
			events = append(events, ride(m*n+i, stations[(m+i)%3], fmt.Sprintf("12:%02d:%02d", m, i%60), minutes))
		}
		if m%10 == 9 {
			events = append(events, ride(10_000+m, "dock", fmt.Sprintf("12:%02d:00", m-9), 5))
		}
	}
	return events
}

// everything is all that a pipeline has made of its input, as text.
func everything(env *harness.Env) string {
	var text strings.Builder
	for _, name := range []string{"returns_by_station", "overdue", "busiest"} {
		text.WriteString(env.CSV(name))
	}
	for _, row := range env.Late("returns_by_station") {
		fmt.Fprintln(&text, "late", row["partition"], row["offset"], row["reason"])
	}
	for _, row := range env.Invalid("trips") {
		fmt.Fprintln(&text, "invalid", row["partition"], row["offset"], row["reason"])
	}
	for _, r := range env.Topic("overdue-trips") {
		// Not the offset: the marks of transactions have some of Kafka's.
		fmt.Fprintf(&text, "%d %s %s\n", r.Partition, r.Key, r.Value)
	}
	ledger := env.Ledger()
	for _, table := range slices.Sorted(maps.Keys(ledger.Tables)) {
		fmt.Fprintf(&text, "%s %+v\n", table, ledger.Tables[table])
	}
	fmt.Fprintf(&text, "%+v\n", ledger.Topics)
	return text.String()
}

// realKafka is the environment variable with the address of a real cluster, and the name of the test on it.
const realKafka = "NAGARE_TEST_KAFKA"

// needKafka skips a test on a machine without a real cluster.
func needKafka(t *testing.T) {
	t.Helper()
	if os.Getenv(realKafka) == "" {
		t.Skipf("no real Kafka: start one with .ci/kafka/start.sh DIR PORT (Java 17 and Maven) and set %s=127.0.0.1:PORT", realKafka)
	}
}

// Neither crashes nor restarts change a row, wherever they fall.
func TestCrashesChangeNothing(t *testing.T) {
	t.Parallel()
	events := hour(5)
	undisturbed := harness.New(t, harness.Project(bikes))
	undisturbed.Publish("trips", events...)
	undisturbed.CloseWindows()
	want := everything(undisturbed)
	if n := strings.Count(want, "\n"); n < 40 || !strings.Contains(want, "late ") || !strings.Contains(want, "invalid ") {
		t.Fatalf("the undisturbed run shows too little:\n%s", want)
	}
	for _, way := range []struct {
		name    string
		options []harness.Option
		piece   int // events between two disturbances; opening a folder takes its time
	}{
		{"memory", nil, 29}, {"durable", []harness.Option{harness.Durable()}, 80}, {"kafka", []harness.Option{harness.Kafka()}, 29}, {"kafka, durable", []harness.Option{harness.Kafka(), harness.Durable()}, 80},
		{realKafka, []harness.Option{harness.FromEnv()}, 80},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			if way.name == realKafka {
				needKafka(t)
			}
			env := harness.New(t, append(way.options, harness.Project(bikes), harness.Set("nagare.checkpoint.interval", "1 millisecond"))...)
			for i, piece := range slices.Collect(slices.Chunk(events, way.piece)) {
				env.Publish("trips", piece...)
				switch i % 4 {
				case 0:
					env.Crash()
					env.Restart()
				case 1:
					env.Settle()
					env.Crash()
					env.Restart()
				case 2:
					env.Restart()
				}
			}
			env.CloseWindows()
			if d := cmp.Diff(want, everything(env)); d != "" {
				t.Errorf("crashes changed the results (-want +got):\n%s", d)
			}
		})
	}
}

// A sink that fails loses nothing and gets nothing twice, whether its rows were written or not.
func TestSinksThatFail(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]harness.Fault{"unreachable": harness.Unreachable, "answer lost": harness.AnswerLost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Synctest(t, "2026-03-01T13:00:00Z", func(t *testing.T) {
				env := harness.New(t, harness.Project(bikes))
				env.Publish("trips", ride(1, "dock", "12:00:00", 200))
				env.Settle()
				env.FailSink("overdue_out", how)
				env.Publish("trips", ride(2, "dock", "12:01:00", 200), ride(3, "hill", "12:02:00", 200))
				if rows := env.Table("overdue"); len(rows) != 3 {
					t.Errorf("while the sink fails the table has %v", rows)
				}
				if out := env.Topic("overdue-trips"); how == harness.Unreachable && len(out) != 1 {
					t.Errorf("a sink that cannot be reached has %v", out)
				}
				env.Crash()
				env.Restart()
				env.HealSink("overdue_out")
				if out := env.Topic("overdue-trips"); len(out) != 3 {
					t.Errorf("the sink has %v", out)
				}
			})
		})
	}
}

func TestDisksThatFail(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
	env.Publish("trips", ride(1, "dock", "12:00:00", 200))
	env.Settle()
	env.FailDisk()
	env.Publish("trips", ride(2, "dock", "12:01:00", 200))
	if err := env.Failure(); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("the pipeline stopped with %v", err)
	}
	env.Restart()
	if rows := env.Table("overdue"); len(rows) != 2 {
		t.Errorf("after the disk was replaced there is %v", rows)
	}
}

func TestDisksThatAreFull(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T13:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
		env.Publish("trips", ride(1, "dock", "12:00:00", 200))
		env.FillDisk()
		env.Settle()
		env.FreeDisk()
		env.Publish("trips", ride(2, "dock", "12:16:00", 200), ride(3, "dock", "12:18:00", 10))
		env.WaitWatermark("12:15:00Z")
		if rows := env.Table("overdue"); len(rows) != 2 {
			t.Errorf("the table has %v", rows)
		}
	})
}
