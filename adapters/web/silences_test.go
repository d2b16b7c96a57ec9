package web

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/store"
)

func notifying(t *testing.T) (*Server, func(method, path, body string) (int, string)) {
	t.Helper()
	b := newFake()
	b.notifying = func() (*notify.Notifier, error) {
		return notify.Open(t.Context(), notify.Config{Store: &store.Memory{}})
	}
	s := newTestServer(b)
	return s, func(method, path, body string) (int, string) {
		w := ask(s, method, path, body, "Authorization", "Bearer "+testToken)
		return w.Code, w.Body.String()
	}
}

// Answers are those of Alertmanager's /api/v2/silences, but that texts stand in our form of errors.
func TestSilencesAPI(t *testing.T) {
	s, do := notifying(t)
	if w := ask(s, "POST", "/api/silences", "{}"); w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	body := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(fmt.Sprintf(
			`{"matchers":[{"name":"alertname","value":"cpu","isRegex":false}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"%s","createdBy":"me","comment":"c"}`, until))
	}
	for _, c := range []struct {
		body string
		code int
		text string
	}{
		{body(`"isRegex":false`, `"isEqual":true`), 422, "matchers.0.isRegex in body is required"},
		{body(`"value":"cpu",`, ""), 422, "matchers.0.value in body is required"},
		{body(`,"comment":"c"`, ""), 422, "comment in body is required"},
		{body(`"createdBy":"me",`, ""), 422, "createdBy in body is required"},
		{body(`"startsAt":"2026-01-01T00:00:00Z",`, ""), 422, "startsAt in body is required"},
		{body("cpu", ""), 400, "must not match the empty string"},
		{body(until, "2020-01-01T00:00:00Z"), 400, "end time can't be in the past"},
		{body("comment", "coment"), 400, "coment"},
		{`[]`, 400, "read the silence"},
		{body(`{"matchers"`, `{"id":"11111111-2222-3333-4444-555555555555","matchers"`), 404, "silence not found"},
		{body(), 200, "silenceID"},
	} {
		if code, text := do("POST", "/api/silences", c.body); code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.body, code, text, c.code, c.text)
		}
	}
	code, text := do("GET", "/api/silences", "")
	if code != 200 || !strings.Contains(text, `"state": "active"`) || !strings.Contains(text, `"isEqual": true`) {
		t.Errorf("list: %d %s", code, text)
	}
	_, id, _ := strings.Cut(text, `"id": "`)
	id, _, _ = strings.Cut(id, `"`)
	if code, text := do("DELETE", "/api/silences/"+id, ""); code != 200 {
		t.Errorf("end: %d %s", code, text)
	}
	if _, text = do("GET", "/api/silences", ""); !strings.Contains(text, `"state": "expired"`) {
		t.Errorf("list: %s", text)
	}
	if code, text := do("DELETE", "/api/silences/nobody", ""); code != 404 {
		t.Errorf("end of none: %d %s", code, text)
	}
	// A pipeline in memory keeps none.
	if w := ask(newTestServer(newFake()), "POST", "/api/silences", body(), "Authorization", "Bearer "+testToken); w.Code != http.StatusConflict {
		t.Errorf("in memory: %d %s", w.Code, w.Body)
	}
}

func TestAlertmanagerTellsUs(t *testing.T) {
	_, do := notifying(t)
	group, err := os.ReadFile("../notify/testdata/webhook_firing_2.json")
	if err != nil {
		t.Fatal(err)
	}
	if code, text := do("POST", "/api/alerts", string(group)); code != 200 || !strings.Contains(text, `"alerts": 2`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := do("GET", "/api/alerts", ""); code != 200 || strings.Count(text, `"alertname": "LagHigh"`) != 2 {
		t.Errorf("%d %s", code, text)
	}
	if code, text := do("POST", "/api/alerts", `{"version":"3"}`); code != 400 || !strings.Contains(text, "version is") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := do("POST", "/api/alerts", strings.Repeat(" ", notify.MostGroupBytes+1)); code != 413 {
		t.Errorf("too large: %d", code)
	}
}
