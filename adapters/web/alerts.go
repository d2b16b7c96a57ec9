package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
)

// AlertsAnswer is the body of /api/alerts. Ended is there with ?all=true only.
type AlertsAnswer struct {
	Alerts []engine.AlertStatus `json:"alerts"`
	Ended  *EndedIncidents      `json:"ended,omitempty"`

	External []notify.External       `json:"external,omitempty"` // what Alertmanagers told by POST
	Webhooks []notify.ReceiverReport `json:"webhooks,omitempty"` // those that are told
	// Silenced is the silence that holds now, by the incident's id or the other alert's fingerprint.
	Silenced map[string]string `json:"silenced,omitempty"`
}

// EndedIncidents is the incidents that are over, as topic system-alerts has them: the newest first, at most
// MostEnded of them.
type EndedIncidents struct {
	Incidents []*alert.Change `json:"incidents"`
	Total     int64           `json:"total"` // in the topic
}

// MostEnded is how many incidents that are over an answer has.
const MostEnded = 1000

// IncidentAnswer is the body of /api/alerts/{id}: an incident as it is now, and its changes of state in order, as far
// as topic system-alerts still has them.
type IncidentAnswer struct {
	Incident *alert.Change   `json:"incident"`
	History  []*alert.Change `json:"history"`
	// Query is, for breaches of windows, a SELECT of the events behind the newest of them. QueryNote says what else it
	// finds, or why there is none.
	Query     string `json:"query,omitempty"`
	QueryNote string `json:"queryNote,omitempty"`
}

// AlertTest asks for the replay of a rule over the topics.
type AlertTest struct {
	Rule       string     `json:"rule"`
	Since      time.Time  `json:"since"`      // of append time
	Thresholds bool       `json:"thresholds"` // also with each threshold of the rule moved
	Project    plan.Input `json:"project"`    // that has the rule; without files: the one that runs
}

// AlertTested is a line of the answer to an AlertTest: progress until Final, then the result or what went wrong.
type AlertTested struct {
	Done   int64        `json:"done,omitempty"`  // records
	Total  int64        `json:"total,omitempty"` // at most
	Final  bool         `json:"final,omitempty"`
	Result *AlertReplay `json:"result,omitempty"`
	Error  string       `json:"error,omitempty"`
	Exit   int          `json:"exit,omitempty"`
}

// AlertReplay is what a rule makes of a piece of history.
type AlertReplay struct {
	Rule       alert.Rule        `json:"rule"`
	Events     int64             `json:"events"`    // read
	From       alert.Time        `json:"from"`      // event time of the first incident's first breach; null: there is none
	Until      alert.Time        `json:"until"`     // the newest event time that was read
	Incidents  []ReplayIncident  `json:"incidents"` // that fired
	Pending    int64             `json:"pending"`   // incidents that ended before they fired
	Overflow   int64             `json:"overflow"`  // breaches that found too many incidents; see alert.MostIncidents
	More       int64             `json:"more"`      // incidents that are counted, and left out because there are too many
	Thresholds []ReplayThreshold `json:"thresholds"`
	Elapsed    float64           `json:"seconds"`
}

// A ReplayIncident is an incident as its last change tells it.
type ReplayIncident struct {
	*alert.Change
	// Open: it would still fire at the newest event that was read, and ResolvedAt is when it ends if nothing more comes.
	Open bool `json:"open"`
}

// A ReplayThreshold is how many incidents there are with a threshold moved.
type ReplayThreshold struct {
	Table    string         `json:"table"`
	Place    string         `json:"place"` // file:line:column
	Text     string         `json:"comparison"`
	Value    string         `json:"value"`
	AsIs     int64          `json:"incidents"` // that fired
	Breaches int64          `json:"breaches"`
	Moved    []ReplayMoving `json:"moved"` // by plan.Shifts
}

// A ReplayMoving is a threshold that is moved.
type ReplayMoving struct {
	Percent   int64  `json:"percent"`
	Value     string `json:"value,omitempty"`
	Incidents *int64 `json:"incidents"` // null: it cannot be moved, the query would have a fault
	Breaches  *int64 `json:"breaches"`
}

// alerts tells each alert and its incidents of now.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request) {
	a := AlertsAnswer{Alerts: s.backend.Alerts()}
	if a.Alerts == nil {
		a.Alerts = []engine.AlertStatus{}
	}
	if r.URL.Query().Get("all") == "true" {
		ended, err := s.backend.EndedIncidents(r.Context())
		if err != nil {
			s.failed(w, err)
			return
		}
		a.Ended = &ended
	}
	n, err := s.backend.OpenNotifier(r.Context(), false)
	if err != nil {
		s.failed(w, err)
		return
	}
	if n != nil {
		a.External, a.Webhooks = n.External(), n.Report(r.Context())
		a.silence(n)
	}
	answer(w, a)
}

// silence notes what is silenced of what fires or is pending.
func (a *AlertsAnswer) silence(n *notify.Notifier) {
	a.Silenced = map[string]string{}
	note := func(c *alert.Change) {
		if id := n.Silencing(c); id != "" {
			a.Silenced[c.ID] = id
		}
	}
	for i := range a.Alerts {
		for _, c := range a.Alerts[i].Incidents {
			note(c)
		}
	}
	for i := range a.External {
		if a.External[i].Status == alert.Firing {
			note(a.External[i].Change())
		}
	}
}

// incident tells one incident and how it came about.
func (s *Server) incident(w http.ResponseWriter, r *http.Request) {
	a, err := s.backend.Incident(r.Context(), r.PathValue("id"))
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, a)
}

// maxProject is the largest project that can be sent, in bytes of JSON.
const maxProject = 8 << 20

// testAlert replays a rule; each line of the answer is an AlertTested.
func (s *Server) testAlert(w http.ResponseWriter, r *http.Request) {
	var t AlertTest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxProject))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		s.failed(w, &RequestError{"test an alert: read the request: " + err.Error()})
		return
	}
	leave, ok := s.follow(w)
	if !ok {
		return
	}
	defer leave()
	a := newRowAnswer(w, "jsonl", true)
	tell := func(line AlertTested) {
		text, err := json.Marshal(line)
		if err == nil {
			_, _ = a.Write(append(text, '\n'))
		}
	}
	result, err := s.backend.TestAlert(r.Context(), t, func(done, total int64) { tell(AlertTested{Done: done, Total: total}) })
	last := AlertTested{Final: true, Result: result}
	if err != nil {
		last = AlertTested{Final: true, Error: err.Error(), Exit: s.exit(err)}
	}
	tell(last)
}
