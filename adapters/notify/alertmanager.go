package notify

import (
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// An Alertmanager takes at most postAlerts alerts a request, as Prometheus sends them, and forgets one that fires
// after resends times the interval in which it is told of it again.
const (
	postAlerts = 64
	resends    = 4
)

// A postedAlert is one of POST /api/v2/alerts. Both times are always there: an Alertmanager makes up its own where one
// is missing.
type postedAlert struct {
	Annotations  labelSet `json:"annotations,omitempty"`
	EndsAt       string   `json:"endsAt"`
	StartsAt     string   `json:"startsAt"`
	GeneratorURL string   `json:"generatorURL,omitempty"`
	Labels       labelSet `json:"labels"`
}

const postedTime = "2006-01-02T15:04:05.000Z"

// alertmanagerBody is alerts for an Alertmanager, as they are at a time.
func alertmanagerBody(r *Receiver, n *notification, now time.Time) request {
	posted := make([]postedAlert, 0, len(n.alerts))
	for i := range n.alerts {
		a := &n.alerts[i]
		ends := a.EndsAt // not after the time at which it was noted, hence not after now
		if a.Change.State == alert.Firing {
			ends = now.Add(resends * r.RepeatInterval)
		}
		posted = append(posted, postedAlert{Labels: labelsOf(&a.Change), Annotations: annotationsOf(&a.Change),
			StartsAt: a.StartsAt.UTC().Format(postedTime), EndsAt: ends.UTC().Format(postedTime),
			GeneratorURL: generatorURL(n.externalURL, &a.Change)})
	}
	return request{url: strings.TrimSuffix(r.URL, "/") + "/api/v2/alerts", body: encode(posted)}
}
