package web

import (
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
)

// alerts sends how many incidents each alert of the project has now, and how often incidents became so since the start.
func (g gatherer) alerts(all []engine.AlertStatus) {
	for _, a := range all {
		for _, state := range []alert.State{alert.Pending, alert.Firing, alert.Resolved, alert.Inactive} {
			g.counter("alerts_total", "Changes of state of the alert's incidents, since the process started.", a.Changes[state], "alert", a.Rule.Name, "state", string(state))
		}
		n := map[alert.State]int{}
		for _, c := range a.Incidents {
			n[c.State]++
		}
		for _, state := range []alert.State{alert.Pending, alert.Firing} {
			g.gauge("alert_incidents", "Incidents of the alert that are in the state.", float64(n[state]), "alert", a.Rule.Name, "state", string(state))
		}
	}
}

// webhooks sends what became of the changes of alerts that webhooks are told, and what Alertmanagers tell of others.
func (g gatherer) webhooks(all []notify.ReceiverReport, others []notify.External) {
	for _, r := range all {
		for _, o := range []struct {
			name string
			n    int64
		}{{"delivered", r.Delivered}, {"refused", r.Refused}, {"uncertain", r.Uncertain}, {"skipped", r.Skipped}, {"lost", r.Lost}, {"malformed", r.Malformed}} {
			g.counter("webhook_changes_total", "Changes of state of alerts, by what became of them at the webhook.", o.n, "webhook", r.Name, "outcome", o.name)
		}
		g.gauge("webhook_waiting_changes", "Changes of state of alerts that wait for the webhook, silenced ones left out.", float64(r.Waiting+r.Unread), "webhook", r.Name)
		failing := 0.0
		if r.State == notify.ReceiverFailing {
			failing = 1
		}
		g.gauge("webhook_failing", "Whether the webhook did not take what it was told last.", failing, "webhook", r.Name)
	}
	firing := 0
	for i := range others {
		if others[i].Status == alert.Firing {
			firing++
		}
	}
	g.gauge("external_alerts_firing", "Alerts of other programs that fire, as Alertmanagers tell.", float64(firing))
}
