package harness_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/harness"
)

// A trouble is one thing that goes wrong while the purchase project runs, and what is told of it.
type trouble struct {
	part   string   // of the process
	states []string // of the part, one after the other; the trouble begins and ends once
	alert  string
	thing  string // the alert's labels
	mute   bool   // nobody publishes meanwhile
	lasts  time.Duration
	begin  func(env *harness.Env)
	end    func(env *harness.Env)
}

// tellsOnce has the project run for two minutes, the trouble come and go, and five minutes pass, with five purchases a
// second: the part's health and the alert change once, and change back once, and no other alert fires.
func tellsOnce(t *testing.T, x trouble) {
	t.Parallel()
	harness.Synctest(t, "2026-03-01T12:00:00Z", func(t *testing.T) {
		env := harness.New(t, harness.Project("purchases"), harness.Monitored(), harness.Deadline(10*time.Minute))
		n := 0
		pass := func(d time.Duration, mute bool) {
			for range d / (200 * time.Millisecond) {
				if n++; !mute {
					env.Publish("purchase-events", map[string]any{"event_id": fmt.Sprint(n), "timestamp": time.Now().Format(time.RFC3339Nano),
						"user_id": fmt.Sprintf("user_%d", n%7), "user_segment": "new", "product_id": 7, "product_name": "Novel", "category": "books",
						"quantity": 1, "discount_rate": 0.0, "final_amount": 1500.0, "region": "Tokyo"})
				}
				time.Sleep(200 * time.Millisecond)
			}
		}
		pass(2*time.Minute, false)
		x.begin(env)
		pass(x.lasts, x.mute)
		x.end(env)
		pass(5*time.Minute, false)
		states := statesOf(t, env, x.part)
		if states[0] != "idle" && x.states[0] == "idle" { // rows come before the first sample, or behind it
			states = append([]string{"idle"}, states...)
		}
		if i := slices.Index(states, "recovering"); i > 0 && !slices.Contains(x.states, "recovering") { // a sample saw it on the way
			states = slices.Delete(states, i, i+1)
		}
		if d := cmp.Diff(x.states, states); d != "" {
			t.Errorf("the states of %s (-want +got):\n%s", x.part, d)
		}
		want := []string{x.alert + " " + x.thing + " firing", x.alert + " " + x.thing + " resolved"}
		if d := cmp.Diff(want, changesOf(t, env)); d != "" {
			t.Errorf("the changes of all alerts (-want +got):\n%s", d)
		}
	})
}

// statesOf is the states that a part had, one after the other, by the records of the process.
func statesOf(t *testing.T, env *harness.Env, part string) (states []string) {
	for _, r := range env.Topic("pipeline-metrics") {
		var rec struct {
			Kind   string
			Health []struct{ Part, State string }
		}
		if err := json.Unmarshal(r.Value, &rec); err != nil {
			t.Fatal(err)
		}
		for _, h := range rec.Health {
			if h.Part == part && (len(states) == 0 || states[len(states)-1] != h.State) {
				states = append(states, h.State)
			}
		}
	}
	return states
}

// changesOf is the changes of state of all alerts, but for those that never fired.
func changesOf(t *testing.T, env *harness.Env) (changes []string) {
	for _, r := range env.Topic("system-alerts") {
		var c struct {
			Alert, State string
			Labels       map[string]string
		}
		if err := json.Unmarshal(r.Value, &c); err != nil {
			t.Fatal(err)
		}
		if c.State == "pending" || c.State == "inactive" {
			continue
		}
		text := c.Alert
		for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
			text += " " + name + "=" + c.Labels[name]
		}
		changes = append(changes, text+" "+c.State)
	}
	return changes
}

func TestSlowCheckpointIsToldOnceAndBackOnce(t *testing.T) {
	tellsOnce(t, trouble{
		part: "checkpoint", states: []string{"idle", "keeping up", "degraded", "stuck", "degraded", "keeping up"},
		alert: "checkpoint_slow", thing: "project=purchases", lasts: 40 * time.Second,
		begin: func(env *harness.Env) { env.SlowDisk(45 * time.Second) }, end: func(env *harness.Env) { env.SlowDisk(0) },
	})
}

func TestDeadSinkIsToldOnceAndBackOnce(t *testing.T) {
	tellsOnce(t, trouble{
		part: "sink/scores_out", states: []string{"idle", "keeping up", "degraded", "keeping up"},
		alert: "delivery_slow", thing: "sink=scores_out", lasts: time.Minute,
		begin: func(env *harness.Env) { env.FailSink("scores_out", harness.Unreachable) },
		end:   func(env *harness.Env) { env.HealSink("scores_out") },
	})
}

func TestSilentSourceIsToldOnceAndBackOnce(t *testing.T) {
	tellsOnce(t, trouble{
		part: "source/purchase-events", states: []string{"starting", "keeping up", "idle", "keeping up"},
		alert: "no_purchases", thing: "topic=purchase-events", lasts: time.Minute, mute: true,
		begin: func(*harness.Env) {}, end: func(*harness.Env) {},
	})
}

func TestSilentCollectorIsToldOnceAndBackOnce(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tellsOnce(t, trouble{
		part: "monitor", states: []string{"keeping up", "degraded", "keeping up"},
		alert: "machine_unread", thing: "host=" + host, lasts: time.Minute,
		begin: func(env *harness.Env) { env.SilenceCollector("disk") },
		end:   func(env *harness.Env) { env.WakeCollector("disk") },
	})
}

func TestGrowingLagIsToldOnceAndBackOnce(t *testing.T) {
	tellsOnce(t, trouble{
		part: "source/purchase-events", states: []string{"starting", "keeping up", "falling behind", "keeping up"},
		alert: "lag_growing", thing: "topic=purchase-events", lasts: 2 * time.Minute,
		begin: func(env *harness.Env) { env.SlowSource("purchase-events", 2*time.Second) },
		end:   func(env *harness.Env) { env.SlowSource("purchase-events", 0) },
	})
}
