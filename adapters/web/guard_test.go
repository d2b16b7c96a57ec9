package web

import (
	"strings"
	"testing"
)

// TestForeignPagesGetNothing tries all of Host × Origin × Sec-Fetch-Site × method × path. Whatever names another site is
// refused with nothing but a sentence; what changes something needs the token besides.
func TestForeignPagesGetNothing(t *testing.T) {
	type value struct {
		text string
		ours bool
	}
	hosts := []value{{testAddress, true}, {"localhost:7575", true}, {"[::1]:7575", true}, {"127.0.0.1:80", false}, {"rebound.example:7575", false},
		{"rebound.example", false}, {"127.0.0.1.rebound.example:7575", false}, {"10.1.2.3:7575", false}, {"0.0.0.0:7575", false}, {"", false}}
	origins := []value{{"", true}, {"own", true}, {"http://rebound.example:7575", false}, {"https://rebound.example", false}, {"null", false},
		{"http://127.0.0.1:7576", false}, {"https://127.0.0.1:7575", false}, {"http://127.0.0.1:7575.example", false}, {"file://", false}}
	sites := []value{{"", true}, {"none", true}, {"same-origin", true}, {"same-site", false}, {"cross-site", false}, {"what", false}}
	requests := []struct {
		method, path string
		changes      bool
	}{{"GET", "/", false}, {"GET", "/page/page.js", false}, {"GET", "/api/page", false}, {"GET", "/api/status", false}, {"GET", "/api/tables/sales", false},
		{"GET", "/api/query?format=csv&sql=SELECT+1", false}, {"GET", "/metrics", false}, {"GET", "/-/ready", false}, {"HEAD", "/api/status", false}, {"OPTIONS", "/api/status", false},
		{"POST", "/api/query?format=csv", false}, {"POST", "/api/topics/t", true}, {"PUT", "/api/topics/t", true}, {"PATCH", "/api/topics/t", true},
		{"POST", "/api/alerts", true}, {"POST", "/api/silences", true}, {"DELETE", "/api/silences/x", true}, {"POST", "/api/alerts/test", true}, {"POST", "/api/plan", true}, {"DELETE", "/api/status", true}, {"POST", "/page/page.js", true}}
	tried, let := 0, 0
	s := newTestServer(newFake())
	for _, r := range requests {
		for _, host := range hosts {
			for _, origin := range origins {
				for _, site := range sites {
					for _, token := range []bool{false, true} {
						headers := []string{"Host", host.text}
						if origin.text == "own" {
							headers = append(headers, "Origin", "http://"+host.text)
						} else if origin.text != "" {
							headers = append(headers, "Origin", origin.text)
						}
						if site.text != "" {
							headers = append(headers, "Sec-Fetch-Site", site.text)
						}
						if token {
							headers = append(headers, "Authorization", "Bearer "+testToken)
						}
						w := ask(s, r.method, r.path, "{}", headers...)
						ours := host.ours && origin.ours && site.ours
						tried++
						switch {
						case !ours && (w.Code != 403 || strings.Contains(w.Body.String(), "demo") || strings.Contains(w.Body.String(), "sales")):
							t.Errorf("%s %s %q is let in: %d %.100s", r.method, r.path, headers, w.Code, w.Body)
						case ours && r.changes && !token && w.Code != 401:
							t.Errorf("%s %s %q changes something without the token: %d", r.method, r.path, headers, w.Code)
						case ours && (!r.changes || token) && (w.Code == 403 || w.Code == 401):
							t.Errorf("%s %s %q is refused: %d %.100s", r.method, r.path, headers, w.Code, w.Body)
						}
						if ours {
							let++
						}
						for name := range w.Header() {
							if strings.HasPrefix(name, "Access-Control-") {
								t.Errorf("%s %s has the header %s", r.method, r.path, name)
							}
						}
						if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
							t.Errorf("%s %s has the policy %q", r.method, r.path, policy)
						}
					}
				}
			}
		}
	}
	if tried < 10_000 || let == 0 {
		t.Errorf("%d requests were tried, %d let in", tried, let)
	}
}
