package notify

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

// TestIncidentThatNoRuleGives: rules were edited and the topic was made anew. What a receiver knows to fire and no rule
// gives any more is told as over, once, when all has been read for a minute; what still fires, is pending or may be on
// its way is left alone.
func TestIncidentThatNoRuleGives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "groupBy", "..."), receiver(t, "am", "form", "alertmanager"))
		for i, thing := range []string{"gone", "fires", "pending", "ends"} {
			r.publish(change("cpu", thing, i, alert.Firing, "a", "am"))
		}
		r.open()
		after(time.Minute)
		check(t, "told", r.report("a").Firing, int64(4))
		r.close()

		var settled atomic.Bool
		r.topic = enginetest.NewLog(1) // a reset emptied it
		r.cfg.Known = func() Known {
			return Known{States: map[string]alert.State{"cpu-fires-1": alert.Firing, "cpu-pending-2": alert.Pending}, Settled: settled.Load()}
		}
		r.taken()
		r.open()
		after(time.Hour)
		check(t, "while records are read", r.report("a").Firing, int64(4))
		settled.Store(true)
		after(lostWait / 2)
		r.close() // the minute begins anew with each process
		r.open()
		after(lostWait / 2)
		r.publish(change("cpu", "ends", 3, alert.Resolved, "a", "am"))
		after(lostWait / 3)
		check(t, "within the minute", r.report("a").Firing, int64(3))
		after(lostWait)
		check(t, "after it", r.report("a").Firing, int64(2))
		check(t, "at the Alertmanager", r.report("am").Firing, int64(2))
		r.close()
		r.cfg.Known = func() Known {
			return Known{States: map[string]alert.State{"cpu-fires-1": alert.Firing, "cpu-pending-2": alert.Firing}, Settled: true}
		} // these two have been looked up, and only the topic ends them
		r.open()
		after(time.Hour)
		r.close()
		var ended []string
		for _, q := range r.taken() {
			if q.url == "http://a.example/hook/secret-path" {
				ended = append(ended, toldBy(t, q)...)
			}
		}
		slices.Sort(ended)
		check(t, "changes", ended, []string{"cpu-ends-3 resolved", "cpu-gone-0 resolved"})
	})
}

// TestLastRuleIsGone: the project has no alert any more. What fires by the topic and what receivers know to fire ends, in
// the topic and at the receivers, once; a webhook that the project no longer has is told of at the start; who knows
// nothing is not asked.
func TestLastRuleIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, am, late := receiver(t, "a", "groupBy", "..."), receiver(t, "am", "form", "alertmanager"), receiver(t, "late")
		r := newRig(t, a, am, receiver(t, "b"), receiver(t, "idle"))
		r.answers(func(q sent) (*http.Response, error) {
			if q.url == late.URL {
				return nil, errDial
			}
			return respond(200, ""), nil
		})
		r.publish(change("cpu", "x", 0, alert.Firing, "a", "am", "b"), change("cpu", "untold", 1, alert.Firing),
			change("cpu", "over", 2, alert.Firing, "a"), change("cpu", "over", 2, alert.Resolved, "a"), change("cpu", "waits", 3, alert.Firing, "late"))
		r.cfg.Receivers = append(r.cfg.Receivers, late)
		r.open()
		after(time.Minute)
		r.close()
		r.taken()

		idle := receiver(t, "idle")
		a.Leaving, am.Leaving, idle.Leaving, late.Leaving = true, true, true, true
		r.cfg.Receivers = []Receiver{a, am, idle, late}
		r.cfg.Known = func() Known { return Known{Settled: true} }
		r.answers(nil)
		for range 2 { // the second process finds nothing left to be ended
			r.open()
			check(t, "notices", r.n.Notices(), []string{"webhook b was told of incidents that are not over (1), and is no longer in the project: nobody tells it of their end"})
			after(time.Hour)
			r.close()
		}
		check(t, "receivers of the second process", len(r.n.Names()), 0)
		told := map[string][]string{}
		for _, q := range r.taken() {
			switch q.url {
			case am.URL + "/api/v2/alerts", am.URL:
				told["am"] = append(told["am"], map[bool]string{true: "ended", false: "fires"}[strings.Contains(q.body, `"endsAt"`)])
			default:
				told[q.url] = append(told[q.url], toldBy(t, q)...)
			}
		}
		check(t, "webhook a", told[a.URL], []string{"cpu-x-0 resolved"})
		check(t, "webhook late", told[late.URL], []string{"cpu-waits-3 firing", "cpu-waits-3 resolved"})
		check(t, "webhook idle", told[idle.URL], []string(nil))
		if len(told["am"]) == 0 {
			t.Error("the Alertmanager was told nothing")
		}
		var ends []string
		for _, c := range r.changes() {
			if c.State == alert.Resolved {
				ends = append(ends, c.ID)
			}
		}
		slices.Sort(ends)
		check(t, "ends in the topic", ends, []string{"cpu-over-2", "cpu-untold-1", "cpu-waits-3", "cpu-x-0"})
	})
}

// TestClosedConnection: what a receiver that closes the connection did is told in words.
func TestClosedConnection(t *testing.T) {
	c := newClient(&Receiver{URL: "http://a.example/"}, nil, "test", false)
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF} {
		o := c.broken(t.Context(), &url.Error{Op: "Post", URL: c.r.URL, Err: err}, true)
		check(t, "outcome", o, outcome{verdict: unsettled, uncertain: true, text: "it closed the connection without an answer"})
	}
}
