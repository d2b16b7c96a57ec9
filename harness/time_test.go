package harness_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/harness"
)

// A partition without records holds every window open until it has been silent for the idle timeout.
func TestIdlePartitionsInVirtualTime(t *testing.T) {
	for name, options := range map[string][]harness.Option{"memory": nil, "durable": {harness.Durable()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Synctest(t, "2026-03-01T12:30:00Z", func(t *testing.T) {
				env := harness.New(t, append(options, harness.Project(bikes))...)
				begin := time.Now()
				env.Publish("trips", harness.Event{Value: ride(1, "dock", "12:01:00", 10), Partition: new(0)})
				env.Publish("trips", harness.Event{Value: ride(2, "dock", "12:20:00", 10), Partition: new(0)})
				env.WaitWatermark("12:15:00Z")
				if took := time.Since(begin); took < 5*time.Minute || took > 6*time.Minute {
					t.Errorf("the idle partitions were passed after %v", took)
				}
				if rows := env.Table("returns_by_station"); len(rows) != 1 || rows[0]["trips"] != int64(1) {
					t.Errorf("the rows are %v", rows)
				}
				// One that speaks again is late for what was closed meanwhile.
				env.Publish("trips", harness.Event{Value: ride(3, "hill", "12:05:00", 10), Partition: new(1)})
				if late := env.Late("returns_by_station"); len(late) != 1 || late[0]["partition"] != int64(1) {
					t.Errorf("late rows: %v", late)
				}
			})
		})
	}
}

// A day passes in a fraction of a second, with a trip and a checkpoint each minute.
func TestADayInVirtualTime(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	const trips = 24 * 60
	harness.Synctest(t, "2026-03-01T00:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1), harness.Set("nagare.checkpoint.interval", "1 minute"))
		for n := range trips {
			env.Publish("trips", ride(n, "dock", time.Now().Format("15:04:05"), 10))
			time.Sleep(time.Minute)
		}
		env.WaitWatermark("23:45:00Z")
		var counted int64
		for _, row := range env.Table("returns_by_station") {
			counted += row["trips"].(int64)
		}
		if counted != trips-15 {
			t.Errorf("%d trips are in closed windows, want %d", counted, trips-15)
		}
	})
	t.Logf("a day took %v", time.Since(begin))
}

// Checkpoints come at their interval when there is something to make durable: a crash loses what came
// after the last one from memory, and nothing from the results.
func TestCheckpointsInVirtualTime(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:30:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1), harness.Set("nagare.checkpoint.interval", "10 minutes"))
		for n := range 30 {
			env.Publish("trips", ride(n, "dock", fmt.Sprintf("12:%02d:00", n), 10))
			time.Sleep(time.Minute)
			if n%7 == 6 {
				env.Crash()
				env.Restart()
			}
		}
		env.WaitWatermark("12:15:00Z")
		if rows := env.Table("returns_by_station"); len(rows) != 1 || rows[0]["trips"] != int64(15) {
			t.Errorf("the rows are %v", rows)
		}
	})
}
