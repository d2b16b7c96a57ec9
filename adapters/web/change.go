package web

import (
	"encoding/json"
	"net/http"

	"github.com/nagare-stream/nagare/engine/plan"
)

// A ProjectChange is what becomes of the tables, sinks and alerts of a data folder when it is run by another project.
type ProjectChange struct {
	Parts  []PartChange `json:"parts"`           // those of the project in order of definition, then what it has no more
	Topics []ChangeLog  `json:"topics"`          // those from which something is filled, by name
	Same   bool         `json:"same"`            // nothing is filled and nothing goes
	Reset  string       `json:"reset,omitempty"` // why everything has to be made anew, by a reset of the checkpoint; "": it has not
}

// A ChangeLog is what a topic has for a table that is filled from it.
type ChangeLog struct {
	Topic     string `json:"topic"`
	Records   int64  `json:"records"`             // that are there to be read
	Gone      int64  `json:"gone,omitempty"`      // that retention has removed
	Retention string `json:"retention,omitempty"` // as in Topic
}

// A PartChange is what becomes of one table, sink or alert.
type PartChange struct {
	Kind    string   `json:"kind"` // "table", "sink", "alert"
	Name    string   `json:"name"`
	Place   string   `json:"place"`   // file:line:column of its query
	Verdict string   `json:"verdict"` // "keeps", "fills", "impossible", "removed"
	New     bool     `json:"new,omitempty"`
	Why     []string `json:"why,omitempty"`     // what is different
	Topics  []string `json:"topics,omitempty"`  // from which it is filled
	Records int64    `json:"records,omitempty"` // of those topics, that are there to be read
	Gone    int64    `json:"gone,omitempty"`    // that retention has removed
	Seconds float64  `json:"seconds,omitempty"` // about how long reading them takes, by the newest of them; 0: not known
}

// change answers what would become of the folder's tables by the project in the body.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	var in plan.Input
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxProject)).Decode(&in); err != nil {
		s.failed(w, &RequestError{"compare a project: read the request: " + err.Error()})
		return
	}
	change, err := s.backend.CompareProject(r.Context(), in)
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, change)
}
