package notify

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

func eq(name, value string) Matcher { return Matcher{Name: name, Value: value, IsEqual: true} }

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a"))
		r.open()
		now := time.Now()
		id, err := r.n.Silence(Silence{Matchers: []Matcher{eq("thing", "x")}, StartsAt: now, EndsAt: now.Add(time.Hour), CreatedBy: "me", Comment: "work"})
		if err != nil {
			t.Fatal(err)
		}
		// One that still fires when the silence ends is told then; one that is over by then never is; others at once.
		r.publish(change("cpu", "x", 1, alert.Firing, "a"), change("disk", "x", 1, alert.Firing, "a"), change("cpu", "y", 1, alert.Firing, "a"))
		after(time.Minute)
		r.publish(change("disk", "x", 1, alert.Resolved, "a"))
		after(time.Minute)
		got := r.taken()
		check(t, "requests", len(got), 1)
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-y-1 firing"})
		p := r.report("a")
		check(t, "silenced", p.Silenced, int64(1))
		check(t, "skipped", p.Skipped, int64(2))
		// It holds over a restart, and what is under its limit is read on.
		r.close()
		r.open()
		check(t, "silences", len(r.n.Silences()), 1)
		after(57 * time.Minute)
		check(t, "requests", len(r.taken()), 0)
		after(2 * time.Minute)
		got = r.taken()
		check(t, "requests at the end", len(got), 1)
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-x-1 firing"})
		check(t, "state", r.n.Silences()[0].State(time.Now()), SilenceExpired)
		check(t, "id", r.n.Silences()[0].ID, id)

		// The end of an incident that is known waits for the end of a silence, which may come early.
		id, err = r.n.Silence(Silence{Matchers: []Matcher{{Name: "thing", Value: "x|z", IsRegex: true, IsEqual: true}, {Name: "alertname", Value: "disk", IsEqual: false}},
			StartsAt: time.Now(), EndsAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		r.publish(change("cpu", "x", 1, alert.Resolved, "a"))
		after(time.Minute)
		check(t, "requests", len(r.taken()), 0)
		if err := r.n.Expire(id); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		got = r.taken()
		check(t, "requests", len(got), 1)
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-x-1 resolved"})
		r.close()
	})
}

// Requests and answers are those of shared/alerts, table A5.
func TestSilenceAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.open()
		now := time.Now().UTC()
		hour := now.Add(time.Hour)
		for _, c := range []struct {
			s    Silence
			code int
			text string
		}{
			{Silence{EndsAt: hour}, 422, "matchers in body should have at least 1 items"},
			{Silence{Matchers: []Matcher{eq("x", "")}, EndsAt: hour}, 400, "at least one matcher must not match the empty string"},
			{Silence{Matchers: []Matcher{{Name: "x", Value: ".*", IsRegex: true, IsEqual: true}}, EndsAt: hour}, 400, "at least one matcher must not match the empty string"},
			{Silence{Matchers: []Matcher{{Name: "x", Value: "(", IsRegex: true, IsEqual: true}}, EndsAt: hour}, 400, "silence invalid: invalid label matcher 0: invalid regular expression \"(\": error parsing regexp: missing closing ): `(`"},
			{Silence{Matchers: []Matcher{eq("", "v")}, EndsAt: hour}, 400, `silence invalid: invalid label matcher 0: invalid label name ""`},
			{Silence{Matchers: []Matcher{eq("x", "v")}, EndsAt: now.Add(-time.Second)}, 400, "Failed to create silence: end time can't be in the past"},
			{Silence{Matchers: []Matcher{eq("x", "v")}, StartsAt: hour.Add(1), EndsAt: hour}, 400, "Failed to create silence: start time must be before end time"},
			{Silence{ID: "11111111-2222-3333-4444-555555555555", Matchers: []Matcher{eq("x", "v")}, EndsAt: hour}, 404, "silence not found"},
		} {
			_, err := r.n.Silence(c.s)
			var refused *SilenceError
			if !errors.As(err, &refused) || refused.Status != c.code || !strings.Contains(refused.Text, c.text) {
				t.Errorf("%+v: %v, want %d %s", c.s, err, c.code, c.text)
			}
		}
		ne := Silence{Matchers: []Matcher{{Name: "x", Value: "", IsEqual: false}}, StartsAt: now.Add(-time.Hour), EndsAt: hour}
		id, err := r.n.Silence(ne)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "start in the past", r.n.Silences()[0].StartsAt, now)
		ne.ID, ne.Comment = id, "changed"
		if same, err := r.n.Silence(ne); same != id || err != nil {
			t.Errorf("changed in place: %s, %v", same, err)
		}
		ne.Matchers = []Matcher{eq("x", "other")}
		other, err := r.n.Silence(ne)
		if err != nil || other == id {
			t.Errorf("other matchers: %s, %v", other, err)
		}
		future := Silence{Matchers: []Matcher{eq("x", "v")}, StartsAt: hour, EndsAt: hour.Add(time.Hour)}
		if _, err := r.n.Silence(future); err != nil {
			t.Fatal(err)
		}
		var states []SilenceState
		for _, s := range r.n.Silences() {
			states = append(states, s.State(time.Now()))
		}
		check(t, "states", states, []SilenceState{SilenceActive, SilencePending, SilenceExpired})
		check(t, "again", errors.Join(r.n.Expire(other), r.n.Expire(other)), error(nil))
		if err := r.n.Expire("nobody"); err == nil {
			t.Error("an unknown silence is ended")
		}
		after(6 * 24 * time.Hour)
		if _, err := r.n.Silence(Silence{Matchers: []Matcher{eq("x", "v")}, EndsAt: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		check(t, "kept", len(r.n.Silences()), 1)
		r.close()
	})
}
