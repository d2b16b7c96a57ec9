package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
)

// TestListShowsAlertsOfOthers: what an Alertmanager has told of stands beside our own, and what is over only with --all.
func TestListShowsAlertsOfOthers(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	external := func(print string, status alert.State, ends time.Time) notify.External {
		return notify.External{GroupAlert: notify.GroupAlert{Status: status, Labels: map[string]string{"alertname": "Down", "severity": "page", "job": "a"},
			Annotations: map[string]string{"summary": "a is down"}, StartsAt: at, EndsAt: ends, Fingerprint: print}}
	}
	answer := web.AlertsAnswer{External: []notify.External{external("f1", alert.Firing, time.Time{}), external("f2", alert.Resolved, at.Add(time.Minute))},
		Silenced: map[string]string{"f1": "s1"}}
	const head = "id,alert,severity,state,since,until,breaches,labels,summary,silenced_by\n"
	const one = "f1,Down,page,firing,2026-11-01T12:00:00.000000Z,,0,job=a,a is down,s1\n"
	const two = "f2,Down,page,resolved,2026-11-01T12:00:00.000000Z,2026-11-01T12:01:00.000000Z,0,job=a,a is down,\n"
	for all, want := range map[bool]string{false: head + one, true: head + one + two} {
		var out bytes.Buffer
		a := &app{out: &out, err: &bytes.Buffer{}, format: formCSV}
		if err := a.listAlerts(answer, &alertFilter{all: all, alerts: []string{"Down"}}); err != nil || out.String() != want {
			t.Errorf("all %v: %v\n%s\nwant:\n%s", all, err, out.String(), want)
		}
	}
}
