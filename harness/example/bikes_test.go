package bikes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/harness"
)

// A Trip is what a dock tells when a bike is put back.
type Trip struct {
	ID      string    `json:"trip"`
	Bike    string    `json:"bike"`
	Station string    `json:"station"`
	Ended   time.Time `json:"ended"`
	Minutes int       `json:"minutes"`
	Fare    float64   `json:"fare"`
	Member  *string   `json:"member"`
}

// noon is when the trips of these tests begin.
func noon(after time.Duration) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(after)
}

// rides is a trip each minute, of bikes that take turns.
func rides(minutes int) []Trip {
	trips := make([]Trip, minutes)
	for i := range trips {
		member := fmt.Sprintf("m%d", i%5)
		trips[i] = Trip{
			ID: fmt.Sprintf("t%d", i), Bike: fmt.Sprintf("b%d", i%4), Station: []string{"dock", "hill", "park"}[i%3],
			Ended: noon(time.Duration(i) * time.Minute), Minutes: 5 + 7*i, Fare: 2.5, Member: &member,
		}
	}
	return trips
}

// The first test: trips in, closed windows out.
func TestReturnsByStation(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project("bikes"), harness.Partitions(1))
	env.Publish("trips", rides(20))
	env.WaitWatermark("12:15:00Z")

	type returns struct {
		WindowStart time.Time
		Station     string
		Trips       int
		MeanMinutes float64
		Fares       string // exact: it is a DECIMAL
		Members     int
	}
	want := []returns{
		{noon(0), "dock", 5, 47, "12.50", 5},
		{noon(0), "hill", 5, 54, "12.50", 5},
		{noon(0), "park", 5, 61, "12.50", 5},
	}
	if got := harness.Rows[returns](env, "returns_by_station"); !slices.Equal(got, want) {
		t.Errorf("the quarter of an hour has\n%v, want\n%v", got, want)
	}
	if c := env.Ledger().Topics["trips"]; c.Read != 20 || c.Counted != 20 {
		t.Errorf("the ledger says %+v", c)
	}
}

// A row that comes too late is kept with its reason; what nobody can read spoils nothing.
func TestLateAndUnreadableTrips(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project("bikes"), harness.Partitions(1))
	env.Publish("trips", rides(20), `{"trip": "cut off`)
	env.Publish("trips", Trip{ID: "late", Bike: "b9", Station: "dock", Ended: noon(time.Minute), Minutes: 8})
	if late := env.Late("returns_by_station"); len(late) != 1 || !strings.Contains(late[0]["value"].(string), `"late"`) {
		t.Errorf("late rows: %v", late)
	}
	if bad := env.Invalid("trips"); len(bad) != 1 || bad[0]["value"] != `{"trip": "cut off` {
		t.Errorf("rows that nobody can read: %v", bad)
	}
}

// All tables of a run in one file for review to read.
func TestGolden(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project("bikes"))
	env.Publish("trips", rides(45))
	env.CloseWindows()
	env.Golden("testdata/bikes.golden.txt")
}

// A crash in the middle changes no row, here with the broker and the store of a real run.
func TestCrash(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project("bikes"), harness.Durable())
	for _, some := range slices.Collect(slices.Chunk(rides(45), 20)) {
		env.Publish("trips", some)
		env.Crash()
		env.Restart()
	}
	env.CloseWindows()
	env.Golden("testdata/bikes.golden.txt")
}

// Docks that are silent hold windows open for five minutes, which take no time here.
func TestASilentDock(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:30:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project("bikes"))
		first := Trip{ID: "t1", Bike: "b1", Station: "dock", Ended: noon(time.Minute), Minutes: 10}
		next := Trip{ID: "t2", Bike: "b1", Station: "dock", Ended: noon(20 * time.Minute), Minutes: 10}
		env.Publish("trips", first, next) // one bike, so one partition of three
		time.Sleep(4 * time.Minute)
		if rows := env.Table("returns_by_station"); len(rows) != 0 {
			t.Errorf("after four minutes there is %v", rows)
		}
		env.WaitWatermark("12:15:00Z")
		if rows := env.Table("returns_by_station"); len(rows) != 1 || rows[0]["trips"] != int64(1) {
			t.Errorf("after five minutes there is %v", rows)
		}
	})
}

// A topic that cannot be written to loses nothing and gets nothing twice.
func TestAnOutputThatFails(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T13:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project("bikes"))
		env.FailSink("overdue_out", harness.AnswerLost)
		env.Publish("trips", rides(45))
		env.HealSink("overdue_out")
		overdue := env.Table("overdue")
		if out := env.Topic("overdue-trips"); len(out) != len(overdue) || len(out) == 0 {
			t.Errorf("%d trips are overdue, and the topic has %d", len(overdue), len(out))
		}
	})
}

// What a service asks Redis for: each key with what it holds and how long it lives yet.
func TestWhatTheScreensShow(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:30:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project("bikes"), harness.Partitions(1))
		env.Publish("trips", rides(20))
		env.WaitWatermark("12:15:00Z")
		if dock := env.Redis("returns:dock")["returns:dock"].Hash; dock["12:00"] != "5" || dock["12:15"] != "2" {
			t.Errorf("the dock's screen shows %v", dock)
		}
		if busy := env.Redis("busy:*")["busy:12:00"]; busy.Scores["hill"] != 5 || busy.TTL != 6*time.Hour {
			t.Errorf("the busiest stations are %+v", busy)
		}
		time.Sleep(time.Hour) // which takes no time here
		if overdue := env.Redis("overdue:*"); len(overdue) != 0 {
			t.Errorf("an hour later there is %v", overdue)
		}
	})
}

// While Redis takes nothing the tables go on, and afterwards it has everything.
func TestARedisThatFails(t *testing.T) {
	t.Parallel()
	for _, how := range []harness.Fault{harness.Unreachable, harness.ReadOnly, harness.OutOfMemory} {
		t.Run(how.String(), func(t *testing.T) {
			t.Parallel()
			env := harness.New(t, harness.Project("bikes"), harness.Partitions(1))
			env.FailRedis(how)
			env.Publish("trips", rides(20))
			env.WaitWatermark("12:15:00Z")
			if rows := env.Table("returns_by_station"); len(rows) != 3 {
				t.Errorf("the table has %v", rows)
			}
			if there := env.Redis("returns:*"); len(there) != 0 {
				t.Errorf("a Redis that takes nothing has %v", there)
			}
			env.HealRedis()
			env.FlushRedis() // as one that comes back without its disk
			if there := env.Redis("returns:*"); len(there) != 3 {
				t.Errorf("afterwards it has %v", there)
			}
		})
	}
}

// An hour on Kafka, in virtual time: the cluster goes away for ten minutes and answers slowly for ten, and
// every overdue trip is told once.
func TestAnHourOnKafka(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project("bikes"), harness.Kafka())
		for i, trip := range rides(60) {
			switch i {
			case 20:
				env.FailKafka(harness.Unreachable)
			case 30:
				env.HealKafka()
				env.SlowKafka(3*time.Second, harness.KafkaProduce, harness.KafkaEnd)
			case 40:
				env.HealKafka()
			}
			env.Publish("trips", trip)
			time.Sleep(time.Minute)
		}
		told := map[string]int{}
		for _, r := range env.Topic("overdue-trips") {
			told[string(r.Value)]++
		}
		if overdue := env.Table("overdue"); len(told) != len(overdue) || len(told) == 0 {
			t.Errorf("%d trips are overdue, and %d were told", len(overdue), len(told))
		}
		for trip, times := range told {
			if times != 1 {
				t.Errorf("%s was told %d times", trip, times)
			}
		}
	})
}

// The scripts beside the project's SQL.
func TestScripts(t *testing.T) { harness.Scripts(t, "bikes") }
