package web

import (
	"io"
	"net/http"
	"strings"

	"github.com/nagare-stream/nagare/adapters/monitor"
)

// HealthAnswer is the body of /-/healthy and /-/ready for those who accept application/json.
type HealthAnswer struct {
	State  string           `json:"state"` // of the engine, or "ready"
	Reason string           `json:"reason,omitempty"`
	Health []monitor.Health `json:"health"` // by part
}

// healthy says that the process is alive, and how its parts are.
func (s *Server) healthy(w http.ResponseWriter, r *http.Request) {
	st := s.backend.Status()
	code := http.StatusOK
	if st.State == "failed" {
		code = http.StatusInternalServerError
	}
	a := HealthAnswer{st.State, st.Reason, s.backend.Health()}
	line := "engine: " + a.State
	if a.Reason != "" {
		line += ": " + a.Reason
	}
	for _, h := range a.Health {
		if h.IsTrouble() {
			line += "; " + h.Sentence()
		}
	}
	a.write(w, r, code, line)
}

// isReady says whether requests are served and records processed.
func (s *Server) isReady(w http.ResponseWriter, r *http.Request) {
	a, code := HealthAnswer{State: "ready", Health: s.backend.Health()}, http.StatusOK
	if !s.ready.Load() {
		a.State, code = "starting", http.StatusServiceUnavailable
	}
	a.write(w, r, code, a.State)
}

func (a HealthAnswer) write(w http.ResponseWriter, r *http.Request, code int, line string) {
	if accepts(r, "application/json") {
		if a.Health == nil {
			a.Health = []monitor.Health{}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(indented(a))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, strings.ReplaceAll(line, "\n", " ")+"\n")
}

// accepts reports a client that names a type among what it accepts.
func accepts(r *http.Request, want string) bool {
	for _, accept := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(accept, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), want) {
				return true
			}
		}
	}
	return false
}
