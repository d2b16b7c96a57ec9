package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// mostAlerts is how many alerts a body of form webhook has. What is news is always among them.
const mostAlerts = 256

// Version is that of Alertmanager's form of webhooks.
const Version = "4"

// A Group is the body of a webhook of Alertmanager's, field for field and in its order.
type Group struct {
	Receiver          string            `json:"receiver"`
	Status            alert.State       `json:"status"` // firing if one of the alerts is
	Alerts            []GroupAlert      `json:"alerts"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
}

// A GroupAlert is one alert of a Group. EndsAt is the zero time while it fires.
type GroupAlert struct {
	Status       alert.State       `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// webhookBody is a notification in Alertmanager's form.
func webhookBody(r *Receiver, n *notification) request {
	g := Group{Receiver: r.Name, Status: alert.Resolved, Alerts: []GroupAlert{}, GroupLabels: n.groupLabels, ExternalURL: n.externalURL,
		Version: Version, GroupKey: groupKey(n.groupLabels), TruncatedAlerts: n.truncated}
	var labels, annotations []labelSet
	for i := range n.alerts {
		a := &n.alerts[i]
		out := GroupAlert{Status: a.Change.State, Labels: labelsOf(&a.Change), Annotations: annotationsOf(&a.Change),
			StartsAt: a.StartsAt, GeneratorURL: generatorURL(n.externalURL, &a.Change)}
		out.Fingerprint = labelSet(out.Labels).fingerprint()
		if a.Change.State == alert.Firing {
			g.Status = alert.Firing
		} else {
			out.EndsAt = a.EndsAt
		}
		labels, annotations = append(labels, out.Labels), append(annotations, out.Annotations)
		g.Alerts = append(g.Alerts, out)
	}
	g.CommonLabels, g.CommonAnnotations = common(labels), common(annotations)
	slices.SortStableFunc(g.Alerts, func(a, b GroupAlert) int { return compareLabels(a.Labels, b.Labels) })
	return request{url: r.URL, body: append(encode(g), '\n')}
}

func groupKey(labels labelSet) string { return "{}:" + labels.String() }

// annotationsOf is what is told of an incident and may change.
func annotationsOf(c *alert.Change) labelSet {
	set := labelSet{}
	set.put("summary", c.Summary)
	set.put("description", c.Description)
	set.put("incident", c.ID)
	return set
}

// generatorURL is where the page shows the incident.
func generatorURL(external string, c *alert.Change) string {
	if external == "" {
		return ""
	}
	return external + "/?incident=" + url.QueryEscape(c.ID)
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: a body that is no JSON: " + err.Error())
	}
	return text
}

// MostGroupBytes is how large a body of ParseGroup may be.
const MostGroupBytes = 4 << 20

// A BodyError is why a body is none of Alertmanager's webhook, with the status to answer.
type BodyError struct {
	Status int
	Text   string
}

func (e *BodyError) Error() string { return e.Text }

func badBody(format string, args ...any) error {
	return &BodyError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// ParseGroup reads what an Alertmanager posts to a webhook, of 0.25 or later: fields that it does not know are passed
// over. Fingerprints are computed from the labels, so that an alert has one name whoever sent it. Its errors are
// *BodyError: the fault and its place.
func ParseGroup(body []byte) (*Group, error) {
	if len(body) > MostGroupBytes {
		return nil, &BodyError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, and at most %d are taken", len(body), MostGroupBytes)}
	}
	var g Group
	if err := json.Unmarshal(body, &g); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, badBody("%s is a JSON %s, which it cannot be in a webhook of Alertmanager's", wrong.Field, wrong.Value)
		}
		return nil, badBody("the body is no webhook of Alertmanager's: %v", err)
	}
	if g.Version != Version {
		return nil, badBody("version is %q, and %q is Alertmanager's", g.Version, Version)
	}
	if len(g.Alerts) == 0 {
		return nil, badBody("alerts is empty")
	}
	for i := range g.Alerts {
		a := &g.Alerts[i]
		switch {
		case a.Status != alert.Firing && a.Status != alert.Resolved:
			return nil, badBody("alerts[%d].status is %q, which is neither firing nor resolved", i, a.Status)
		case len(a.Labels) == 0:
			return nil, badBody("alerts[%d] has no labels", i)
		case a.StartsAt.IsZero():
			return nil, badBody("alerts[%d] has no startsAt", i)
		case a.Status == alert.Resolved && a.EndsAt.IsZero():
			return nil, badBody("alerts[%d] is resolved and has no endsAt", i)
		}
		a.Fingerprint = labelSet(a.Labels).fingerprint()
	}
	return &g, nil
}
