package harness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/harness"
)

// In virtual time the deadline comes when nothing else is going to happen.
func TestAWatermarkThatIsHeldBackSaysByWhom(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:30:00Z", heldBack)
}

func heldBack(t *testing.T) {
	r := failing(t, func(t testing.TB) {
		env := harness.New(t, harness.Project(bikes), harness.Deadline(50*time.Millisecond))
		env.Publish("trips", harness.Event{Value: ride(1, "dock", "12:07:00", 10), Partition: new(2)}, harness.Event{Value: ride(1, "dock", "12:09:00", 10), Partition: new(0)})
		env.WaitWatermark("12:05:00Z")
	})
	r.says(t, "wait for the watermark 12:05:00Z", "it is nowhere yet", "partition 1 of trips holds it back", "has had no record", "harness.Partitions(1)", "5m0s")
	r = failing(t, func(t testing.TB) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(2), harness.Deadline(50*time.Millisecond))
		env.Publish("trips", harness.Event{Value: ride(1, "dock", "12:01:00", 10), Partition: new(1)}, harness.Event{Value: ride(1, "dock", "12:09:00", 10), Partition: new(0)})
		env.WaitWatermark("12:05:00Z")
	})
	r.says(t, "partition 1 of trips holds it back, whose newest event is of 2026-03-01T12:01:00Z", "partition 0 has reached 2026-03-01T12:07:00Z")
	r = failing(t, func(t testing.TB) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1), harness.Deadline(50*time.Millisecond))
		env.Publish("trips", ride(1, "dock", "12:01:00", 10), "no JSON", harness.Event{Value: ride(2, "dock", "12:30:00", 10), Time: time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC)})
		env.WaitWatermark("12:05:00Z")
	})
	r.says(t, "it is at 2026-03-01T11:59:00Z", "whose newest event is of 2026-03-01T12:01:00Z", "publish an event of 2026-03-01T12:07:00Z or later", "1 invalid", "1 future", "trips$invalid")
}

// A watermark that no idle partition can reach is given up before the idle timeout is over.
func TestAHopelessWaitEndsSoon(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:30:00Z", func(t *testing.T) {
		begin := time.Now()
		failing(t, func(t testing.TB) {
			env := open(t)
			env.Publish("trips", ride(1, "dock", "12:01:00", 10))
			env.WaitWatermark("12:05:00Z")
		}).says(t, "no partition has reached it yet: publish an event of 2026-03-01T12:07:00Z or later")
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAFailureLeavesTheState(t *testing.T) {
	t.Parallel()
	r := failing(t, func(t testing.TB) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
		env.Publish("trips", ride(1, "dock", "12:01:00", 200), ride(2, "dock", "12:18:00", 10))
		env.WaitWatermark("12:15:00Z")
		t.Error("the test does not like it")
	})
	r.says(t, "run go test with -artifacts")
	for name, part := range map[string]string{
		"status.json": `"position": 2`, "ledger.json": `"counted": 2`, "returns_by_station.csv": "dock,1,200", "overdue.csv": "t1,b1",
		"returns_by_station.explain.txt": "the oldest ends at", "trips.events.jsonl": `"payload":"{\"trip\":\"t2\"`,
		"redis.json": `"12:00": "1"`,
	} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil || !strings.Contains(string(text), part) {
			t.Errorf("%s does not hold %s: %v\n%s", name, part, err, text)
		}
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test func(t testing.TB)
		says []string
	}{
		"no project":       {func(t testing.TB) { harness.New(t, harness.Project("nowhere")) }, []string{"find project nowhere", "the projects that ship are nexmark, purchases, retail"}},
		"a setting":        {func(t testing.TB) { harness.New(t, harness.Project(bikes), harness.Set("nagare.idle", "1 s")) }, []string{"nagare.idle", "the test's settings"}},
		"no partitions":    {func(t testing.TB) { harness.New(t, harness.Project(bikes), harness.Partitions(0)) }, []string{"1 partition at least"}},
		"no deadline":      {func(t testing.TB) { harness.New(t, harness.Project(bikes), harness.Deadline(0)) }, []string{"a wait needs some time"}},
		"a topic":          {func(t testing.TB) { open(t).Publish("trip", "{}") }, []string{`did you mean "trips"?`}},
		"a table":          {func(t testing.TB) { open(t).Table("overdu") }, []string{`did you mean "overdue"?`}},
		"a table's log":    {func(t testing.TB) { open(t).Publish("overdue", "{}") }, []string{"it holds the rows of a table"}},
		"a partition":      {func(t testing.TB) { open(t).Publish("trips", harness.Event{Partition: new(9)}) }, []string{"partition 9 is asked for, and there are 0 to 2"}},
		"below 0":          {func(t testing.TB) { open(t).Publish("trips", harness.Event{Partition: new(-1)}) }, []string{"partitions count from 0"}},
		"a key":            {func(t testing.TB) { open(t).Publish("trips", harness.Event{Key: 7}) }, []string{"a key is a string or []byte"}},
		"no JSON":          {func(t testing.TB) { open(t).Publish("trips", make(chan int)) }, []string{"write event 0 as JSON"}},
		"a time":           {func(t testing.TB) { open(t).WaitWatermark("noon") }, []string{`read the time "noon"`}},
		"a query":          {func(t testing.TB) { open(t).Query("SELEC 1") }, []string{"SELEC"}},
		"a sink":           {func(t testing.TB) { open(t).FailSink("overdue_in", harness.Unreachable) }, []string{`did you mean "overdue_out"?`}},
		"healthy":          {func(t testing.TB) { open(t).HealSink("overdue_out") }, []string{"it does not fail"}},
		"no Kafka":         {func(t testing.TB) { open(t).FailKafka(harness.Unreachable) }, []string{"use harness.Kafka() or harness.FromEnv()"}},
		"a healthy Kafka":  {func(t testing.TB) { harness.New(t, harness.Project(bikes), harness.Kafka()).HealKafka() }, []string{"heal Kafka: it does not fail"}},
		"Kafka's faults":   {func(t testing.TB) { open(t).FailKafka(harness.Loading) }, []string{"Loading is no fault of it", "ErrorAfterApply"}},
		"Redis's faults":   {func(t testing.TB) { open(t).FailRedis(harness.ErrorAfterApply) }, []string{"ErrorAfterApply is no fault of it", "ReadOnly"}},
		"a sink's faults":  {func(t testing.TB) { open(t).FailSink("overdue_out", harness.ReadOnly) }, []string{"ReadOnly is no fault of every sink"}},
		"Redis twice":      {func(t testing.TB) { e := open(t); e.FailRedis(harness.Loading); e.SlowRedis(1) }, []string{"it fails already; call HealRedis before"}},
		"a healthy Redis":  {func(t testing.TB) { open(t).HealRedis() }, []string{"heal Redis: it does not fail"}},
		"no Redis":         {func(t testing.TB) { harness.New(t, harness.Project("retail")).FailRedis(harness.Loading) }, []string{"no sink of the project has the format redis"}},
		"to read no Redis": {func(t testing.TB) { harness.New(t, harness.Project("retail")).Redis("*") }, []string{"no sink of the project has the format redis"}},
		"a fault that is not met": {func(t testing.TB) {
			e := harness.New(t, harness.Project(bikes), harness.Deadline(200*time.Millisecond))
			e.Settle() // and nothing is to be written any more
			e.FailRedis(harness.ReadOnly)
			e.HealRedis()
		}, []string{"heal Redis: nothing that the pipeline asked of it has met the fault"}},
		"no golden file": {func(t testing.TB) { open(t).Golden("testdata/none.csv") }, []string{"NAGARE_UPDATE=1"}},
		"crashed":        {func(t testing.TB) { e := open(t); e.Crash(); e.Table("overdue") }, []string{"it has crashed; call Restart"}},
		"crashed twice":  {func(t testing.TB) { e := open(t); e.Crash(); e.Crash() }, []string{"it has crashed; call Restart"}},
		"durable disk":   {func(t testing.TB) { harness.New(t, harness.Project(bikes), harness.Durable()).FillDisk() }, []string{"leave Durable out"}},
		"failed": {func(t testing.TB) {
			e := open(t)
			e.FailDisk()
			e.Publish("trips", ride(1, "dock", "12:00:00", 1))
			e.Settle()
		}, []string{"only Restart brings it back", "input/output error"}},
		"not faulty": {func(t testing.TB) {
			e := harness.New(t, harness.Project(bikes), harness.Deadline(20*time.Millisecond))
			e.FailSink("overdue_out", harness.Unreachable)
			e.HealSink("overdue_out")
		}, []string{"nothing has met the fault"}},
		"a sink that is down": {func(t testing.TB) {
			e := open(t)
			e.FailSink("overdue_out", harness.Unreachable)
			e.CloseWindows()
		}, []string{"sink overdue_out is made to fail", "heal it before"}},
		"no cluster":      {func(t testing.TB) { open(t).FailKafka(harness.AnswerLost) }, []string{"use harness.Kafka()"}},
		"healthy cluster": {func(t testing.TB) { open(t).HealKafka() }, []string{"it does not fail"}},
		"no failure": {func(t testing.TB) {
			harness.New(t, harness.Project(bikes), harness.Deadline(20*time.Millisecond)).Failure()
		}, []string{"it goes on"}},
		"a field":   {func(t testing.TB) { harness.Rows[struct{ Stations string }](open(t), "returns_by_station") }, []string{"no column for the field Stations", `did you mean "station"?`}},
		"no struct": {func(t testing.TB) { harness.Rows[int](open(t), "returns_by_station") }, []string{"rows need a struct"}},
		"NULL": {func(t testing.TB) {
			e := open(t)
			e.Publish("trips", `{"trip": "t", "ended": "2026-03-01T12:00:00Z", "minutes": 200}`)
			harness.Rows[struct{ Bike string }](e, "overdue")
		}, []string{"column bike (string) into field Bike: it is NULL; make the field a *string"}},
		"too small": {func(t testing.TB) {
			e := open(t)
			e.Publish("trips", ride(1, "dock", "12:00:00", 300))
			harness.Rows[struct{ Minutes int8 }](e, "overdue")
		}, []string{"row 0, column minutes (int) into field Minutes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failing(t, c.test).says(t, c.says...)
		})
	}
}

func open(t testing.TB) *harness.Env { return harness.New(t, harness.Project(bikes)) }

func TestServersOfTheEnvironment(t *testing.T) {
	t.Setenv("NAGARE_TEST_KAFKA", "")
	t.Setenv("NAGARE_TEST_REDIS", "")
	harness.New(t, harness.Project(bikes), harness.FromEnv())
	t.Setenv("NAGARE_TEST_REDIS", "127.0.0.1:1")
	failing(t, func(t testing.TB) { harness.New(t, harness.Project("purchases"), harness.FromEnv()) }).says(t, "127.0.0.1:1")
	t.Setenv("NAGARE_TEST_REDIS", "")

	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NAGARE_TEST_KAFKA", c.ListenAddrs()[0])
	t.Run("two at once", func(t *testing.T) { // on one cluster, and neither sees the other
		for range 2 {
			env := harness.New(t, harness.Project(bikes), harness.FromEnv())
			env.Publish("trips", ride(1, "dock", "12:01:00", 200), "no JSON")
			if n := len(env.Topic("trips")); n != 2 {
				t.Errorf("the topic has %d records", n)
			}
			if n := len(env.Topic("overdue-trips")); n != 1 {
				t.Errorf("the sink's topic has %d records", n)
			}
			if n := len(env.Invalid("trips")); n != 1 {
				t.Errorf("%d records are invalid", n)
			}
			if l := env.Ledger(); l.Topics["trips"].Read != 2 || l.Tables["overdue"]["trips"].Counted != 1 {
				t.Errorf("the ledger says %+v", l)
			}
		}
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(client)
	defer admin.Close()
	topics, err := admin.ListTopics(t.Context())
	if err != nil || len(topics.Names()) > 0 {
		t.Errorf("after the tests the cluster has the topics %v, %v", topics.Names(), err)
	}
}

func TestGolden(t *testing.T) {
	fill := func(t testing.TB) *harness.Env {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
		env.Publish("trips", ride(1, "dock", "12:01:00", 200), ride(2, "dock", "12:18:00", 10))
		env.WaitWatermark("12:15:00Z")
		return env
	}
	one, all := filepath.Join(t.TempDir(), "new", "one.csv"), filepath.Join(t.TempDir(), "all.csv")
	t.Setenv("NAGARE_UPDATE", "1")
	env := fill(t)
	env.Golden(one, "overdue")
	env.Golden(all)
	t.Setenv("NAGARE_UPDATE", "0")
	env.Golden(one, "overdue")
	env.Golden(all)
	text, err := os.ReadFile(all)
	if err != nil || !strings.Contains(string(text), "# overdue\ntrip,bike,") || !strings.Contains(string(text), "\n\n# busiest\n") {
		t.Errorf("the golden file of all tables is %v\n%s", err, text)
	}
	if err := os.WriteFile(one, []byte("trip,bike,station,ended,minutes,member\r\nt0,b1,dock,2026-03-01T12:01:00Z,200,m1\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	failing(t, func(t testing.TB) { fill(t).Golden(one, "overdue") }).says(t, "-t0,b1", "+t1,b1", "NAGARE_UPDATE=1 rewrites it")
}
