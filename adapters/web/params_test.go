package web

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestBadInputIsRefused asks every endpoint of the mux for what it cannot take: parameters that it does not have, of
// another kind, negative, huge, or there twice, and bodies that are none. Each answer is 4xx, JSON, and names the field.
func TestBadInputIsRefused(t *testing.T) {
	s := New(Config{Backend: newFake(), Token: "secret"})
	bodies := map[string][]string{
		"POST /api/query":                {"", "  "},
		"POST /api/alerts/test":          {"", "{", "[]", `{"nonsense": 1}`},
		"POST /api/silences":             {"", "{", "[]", `{"matchers": 1}`},
		"POST /api/topics/{name}/resend": {"", "{", "[]", `{"where": 1}`, `{"nonsense": 1}`, `{}`, `{"where": "true", "records": [{"partition": 0, "offset": 1}]}`, `{"records": [{"partition": -99999999999, "offset": 1}]}`},
	}
	wrong := map[string][]string{
		paramBool:  {"maybe", "1", "TRUE"},
		paramCount: {"x", "-1", "99999999999999999999", "2147483648", "1.5"},
		paramTime:  {"now", "1.5"},
	}
	for _, pattern := range s.Endpoints() {
		method, path, _ := strings.Cut(pattern, " ")
		if !strings.HasPrefix(path, "/api/") || pattern == "POST /api/alerts" { // an Alertmanager's protocol
			continue
		}
		known, is := params[pattern]
		if !is {
			t.Errorf("%s: there is no row in params: say which parameters it takes", pattern)
			continue
		}
		address := strings.NewReplacer("{name}", "sales", "{name...}", "sales", "{id...}", "1").Replace(path)
		refused := func(query url.Values, body, names string) {
			r := httptest.NewRequest(method, address+"?"+query.Encode(), strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer secret")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			var f Failure
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code < 400 || w.Code > 499 || !strings.Contains(f.Message, names) || strings.Contains(f.Message, "goroutine") {
				t.Errorf("%s ?%s with body %q: %d %q, which is no 4xx that names %q", pattern, query.Encode(), body, w.Code, w.Body, names)
			}
		}
		refused(url.Values{"nonsense": {"1"}}, "", "nonsense")
		for name, kind := range known {
			if kind != paramTexts {
				refused(url.Values{name: {"", ""}}, "", name)
			}
			if len(name) > 3 {
				refused(url.Values{name[1:]: {"1"}}, "", name)
			}
			for _, value := range wrong[kind] {
				refused(url.Values{name: {value}}, "", name+"="+value)
			}
		}
		for _, body := range bodies[pattern] {
			refused(nil, body, "")
		}
	}
	for pattern := range params {
		if !slices.Contains(s.Endpoints(), pattern) {
			t.Errorf("params has %s, which is no endpoint", pattern)
		}
	}
}
