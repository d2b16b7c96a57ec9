package web

import (
	"context"
	"net/http"
	"time"
)

// A Finding is what one check of `nagare doctor` found.
type Finding struct {
	Mark string `json:"mark"` // ✓ good, ! worth knowing, ✗ broken
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

// doctorTime is how long the checks of one request may take.
const doctorTime = time.Minute

// doctor makes the checks, for one request after another: they read the newest record of each topic.
func (s *Server) doctor(w http.ResponseWriter, r *http.Request) {
	if s.examine == nil {
		fail(w, http.StatusNotFound, "this process has no doctor: `nagare doctor` looks from outside", 1)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), doctorTime)
	defer cancel()
	select {
	case s.examining <- struct{}{}:
		defer func() { <-s.examining }()
	case <-ctx.Done():
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "run the checks: others are under way", 1)
		return
	}
	answer(w, append([]Finding{}, s.examine(ctx)...))
}
