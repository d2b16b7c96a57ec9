package notify

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Bodies of a real Alertmanager are kept over a restart, and an old end changes nothing.
func TestAlertsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)))
		r := newRig(t)
		r.open()
		group := func(name string) *Group {
			text, err := os.ReadFile("testdata/webhook_" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			g, err := ParseGroup(text)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		shown := func() (out []string) {
			for _, e := range r.n.External() {
				out = append(out, e.Labels["partition"]+" "+string(e.Status))
			}
			return out
		}
		take := func(g *Group) {
			if err := r.n.TakeIn(g); err != nil {
				t.Fatal(err)
			}
		}
		take(group("firing_2"))
		take(group("firing_2"))
		check(t, "alerts", len(shown()), 2)
		take(group("mixed"))
		check(t, "alerts", shown(), []string{"0 firing", "1 resolved"})
		r.close()
		r.open()
		check(t, "alerts after a restart", shown(), []string{"0 firing", "1 resolved"})
		again := group("firing_2")
		again.Alerts[0].StartsAt = again.Alerts[0].StartsAt.Add(time.Hour)
		take(again)
		take(group("resolved")) // late, of the episode before
		check(t, "alerts", shown(), []string{"0 firing", "1 firing"})
		time.Sleep(externalTimeout - time.Second)
		again.Alerts = again.Alerts[:1]
		take(again) // what is told again fires
		time.Sleep(time.Second)
		check(t, "alerts that were told again, or not", shown(), []string{"0 firing", "1 resolved"})
		check(t, "the end by a timeout", r.n.External()[1].TimedOut, true)
		time.Sleep(keepExternal + time.Second)
		take(again)
		check(t, "alerts after a day", shown(), []string{"0 firing"})
		r.close()
	})
}
