package web

import (
	"context"
	"strings"
	"testing"
)

// TestDoctorIsAsked: its findings are an array, and a process without one says so.
func TestDoctorIsAsked(t *testing.T) {
	asked := 0
	s := New(Config{Backend: newFake(), Address: testAddress, Doctor: func(context.Context) []Finding {
		if asked++; asked > 1 {
			return nil
		}
		return []Finding{{"✗", "the disk is full", "free some"}}
	}})
	if w := ask(s, "GET", "/api/doctor", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"fix": "free some"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/api/doctor", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("nothing found: %d %s", w.Code, w.Body)
	}
	if w := ask(newTestServer(newFake()), "GET", "/api/doctor", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "nagare doctor") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
