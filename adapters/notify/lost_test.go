package notify

import (
	"io"
	"net/url"
	"slices"
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

		known := Known{States: map[string]alert.State{"cpu-fires-1": alert.Firing, "cpu-pending-2": alert.Pending}}
		r.topic = enginetest.NewLog(1) // a reset emptied it
		r.cfg.Source, r.cfg.Known = r.topic, func() Known { return known }
		r.taken()
		r.open()
		after(time.Hour)
		check(t, "while records are read", r.report("a").Firing, int64(4))
		known.Settled = true
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
		known.States = nil // these two have been looked up, and only the topic ends them
		r.cfg.Known = func() Known {
			return Known{States: map[string]alert.State{"cpu-fires-1": alert.Firing, "cpu-pending-2": alert.Firing}, Settled: true}
		}
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

// TestClosedConnection: what a receiver that closes the connection did is told in words.
func TestClosedConnection(t *testing.T) {
	c := newClient(&Receiver{URL: "http://a.example/"}, nil, "test", false)
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF} {
		o := c.broken(t.Context(), &url.Error{Op: "Post", URL: c.r.URL, Err: err}, true)
		check(t, "outcome", o, outcome{verdict: retry, uncertain: true, text: "it closed the connection without an answer"})
	}
}
