package harness_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/redis/redistest"
	"github.com/nagare-stream/nagare/harness"
)

// Two hours of a pipeline on Kafka pass in virtual time, with a trip a minute, while the cluster cannot be
// reached, gives no answers, is slow, and the pipeline crashes.
func TestHoursOnKafkaInVirtualTime(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	const trips = 2 * 60
	harness.Synctest(t, "2026-03-01T00:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Kafka(), harness.Partitions(1), harness.Set("nagare.checkpoint.interval", "1 minute"))
		faults := []harness.Fault{harness.Unreachable, harness.AnswerLost}
		closed := int64(0) // trips of before the watermark; a slow Kafka puts later ones off
		for n := range trips {
			at := time.Now().Format("15:04:05")
			if at < "01:45:00" {
				closed++
			}
			env.Publish("trips", ride(n, "dock", at, 200))
			switch n % 60 {
			case 10:
				env.FailKafka(faults[n/60%len(faults)])
			case 20:
				env.HealKafka()
			case 30:
				env.SlowKafka(5 * time.Second)
			case 40:
				env.HealKafka()
				env.Crash()
				env.Restart()
			}
			time.Sleep(time.Minute)
		}
		env.WaitWatermark("01:45:00Z")
		var counted int64
		for _, row := range env.Table("returns_by_station") {
			counted += row["trips"].(int64)
		}
		if counted != closed {
			t.Errorf("%d trips are in closed windows, want %d", counted, closed)
		}
		if out := env.Topic("overdue-trips"); len(out) != trips {
			t.Errorf("the sink has %d rows, want %d", len(out), trips)
		}
	})
	t.Logf("two hours took %v", time.Since(begin))
}

// kafkaFaults is everything that a test can do to a cluster.
func kafkaFaults(slow time.Duration) map[string]func(env *harness.Env, of ...harness.KafkaRequest) {
	faults := map[string]func(env *harness.Env, of ...harness.KafkaRequest){
		"slow": func(env *harness.Env, of ...harness.KafkaRequest) { env.SlowKafka(slow, of...) },
	}
	for _, how := range []harness.Fault{harness.Unreachable, harness.AnswerLost, harness.ErrorAfterApply} {
		faults[how.String()] = func(env *harness.Env, of ...harness.KafkaRequest) { env.FailKafka(how, of...) }
	}
	return faults
}

// Whatever a cluster does to whatever the pipeline asks, no row is lost or there twice.
func TestAKafkaThatFails(t *testing.T) {
	t.Parallel()
	requests := map[string][]harness.KafkaRequest{
		"all": nil, "fetch": {harness.KafkaFetch}, "produce": {harness.KafkaProduce}, "commit": {harness.KafkaCommit}, "end": {harness.KafkaEnd},
	}
	for name, fail := range kafkaFaults(2 * time.Second) {
		for of, list := range requests {
			t.Run(name+" "+of, func(t *testing.T) {
				t.Parallel()
				harness.Synctest(t, "2026-03-01T13:00:00Z", func(t *testing.T) {
					env := harness.New(t, harness.Project(bikes), harness.Kafka())
					meanwhile := func() {
						if rows := env.Table("overdue"); len(rows) != 3 {
							t.Errorf("while the sink cannot write the table has %v", rows)
						}
						time.Sleep(time.Minute)
						want := 1
						if name == "slow" || of == "end" && name != "Unreachable" { // the end comes, whatever the answer
							want = 3
						}
						if out := env.Topic("overdue-trips"); len(out) != want {
							t.Errorf("while the cluster fails the sink has %d rows, want %d", len(out), want)
						}
					}
					if of == "all" || of == "fetch" { // nothing can be read
						meanwhile = func() {}
					}
					overAKafkaThatFails(t, env, func() { fail(env, list...) }, meanwhile)
				})
			})
		}
	}
}

// overAKafkaThatFails publishes before, while and after a cluster fails.
func overAKafkaThatFails(t *testing.T, env *harness.Env, fail, meanwhile func()) {
	t.Helper()
	env.Publish("trips", ride(1, "dock", "12:00:00", 200))
	env.Settle()
	fail()
	env.Publish("trips", ride(2, "dock", "12:01:00", 200), ride(3, "hill", "12:02:00", 200))
	meanwhile()
	env.HealKafka()
	env.Publish("trips", ride(4, "dock", "12:03:00", 200))
	var got []string
	for _, r := range env.Topic("overdue-trips") {
		got = append(got, string(r.Key))
	}
	if slices.Sort(got); fmt.Sprint(got) != "[b1 b2 b3 b4]" {
		t.Errorf("the sink has %v", got)
	}
	if c := env.Ledger().Topics["trips"]; c.Read != 4 || c.Counted != 4 {
		t.Errorf("the ledger says %+v", c)
	}
}

// The faults stand before real servers as before those in memory.
func TestARealKafkaThatFails(t *testing.T) {
	needKafka(t)
	for name, fail := range kafkaFaults(300 * time.Millisecond) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := harness.New(t, harness.Project(bikes), harness.FromEnv())
			overAKafkaThatFails(t, env, func() { fail(env) }, func() {})
		})
	}
}

func TestARealRedisThatFails(t *testing.T) {
	server := redistest.Start(t)
	t.Setenv("NAGARE_TEST_REDIS", server.Addr)
	t.Setenv("NAGARE_TEST_KAFKA", "")
	for name, fail := range redisFaults() {
		if name == "hanging" { // an hour is not for real time
			continue
		}
		t.Run(name, func(t *testing.T) {
			env := harness.New(t, harness.Project(bikes), harness.Partitions(1), harness.FromEnv())
			env.FlushRedis() // of the rows of the test before
			overARedisThatFails(t, env, name, fail)
			client := redistest.Client(server.Addr, "")
			defer client.Close()
			if got, err := client.HGet(t.Context(), "returns:dock", "12:00").Result(); err != nil || got != "2" {
				t.Errorf("the server has %q, %v", got, err)
			}
		})
	}
}

// An answer that is held back is waited for, and not longer.
func TestASlowKafkaTakesItsTime(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T13:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Kafka(), harness.Partitions(1))
		env.Publish("trips", ride(1, "dock", "12:00:00", 200))
		env.Settle()
		env.SlowKafka(7*time.Second, harness.KafkaEnd)
		begin := time.Now()
		env.Publish("trips", ride(2, "dock", "12:01:00", 200))
		if n := len(env.Topic("overdue-trips")); n != 2 {
			t.Errorf("the sink has %d rows", n)
		}
		if took := time.Since(begin); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("the row was there after %v", took)
		}
	})
}
