package web

import (
	"crypto/tls"
	"encoding/base64"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestOthersNeedToken tries Host × Origin × Sec-Fetch-Site × credentials × path at the socket for other machines, with
// TLS and without: nothing at all is told without the token, and none to a page of another origin with it.
func TestOthersNeedToken(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	credentials := map[string]bool{"": false, "Bearer " + testToken: true, "Bearer": false, "Bearer x": false, "Bearer " + testToken + "x": false, testToken: false,
		basic("", testToken): true, basic("anybody", testToken): true, basic(testToken, ""): false, basic("", ""): false, "Basic " + testToken: false}
	hosts := map[bool]map[string]bool{
		true: {"stats.example": true, "STATS.example:443": true, "stats.example:7443": true, "10.1.2.3:7443": true, "[::1]:7443": true,
			"localhost:7443": false, "rebound.example:7443": false, "stats.example.rebound.example": false, "10.1.2.4": false, "": false},
		false: {"10.1.2.3:7575": true, "10.9.9.9": true, "[fe80::1]:80": true, "localhost:9999": true, own: true, own + ":80": true,
			"rebound.example:7575": false, "127.0.0.1.rebound.example": false, "": false},
	}
	requests := [][2]string{{"GET", "/"}, {"GET", "/page/page.js"}, {"GET", "/api/status"}, {"GET", "/api/query?format=csv&sql=SELECT+1"}, {"GET", "/metrics"}, {"GET", "/-/healthy"},
		{"HEAD", "/api/status"}, {"OPTIONS", "/api/status"}, {"POST", "/api/query?format=csv"}, {"POST", "/api/topics/t"}, {"POST", "/api/check"}, {"DELETE", "/api/silences/x"}, {"GET", "/none"}}
	s := newTestServer(newFake())
	in, out := 0, 0
	for encrypted, names := range hosts {
		scheme, o := "http", Others{}
		if encrypted {
			scheme = "https"
			o = Others{TLS: &tls.Config{}, Name: func(host string) bool {
				return strings.EqualFold(host, "stats.example") || host == "10.1.2.3" || host == "::1"
			}}
		}
		h := s.forOthers(o)
		for _, r := range requests {
			for host, isOurs := range names {
				for origin, same := range map[string]bool{"": true, scheme + "://" + host: true, "https://rebound.example": false, "null": false, map[string]string{"http": "https", "https": "http"}[scheme] + "://" + host: false} {
					for site, near := range map[string]bool{"": true, "same-origin": true, "cross-site": false, "same-site": false} {
						for shown, right := range credentials {
							q := httptest.NewRequest(r[0], scheme+"://any"+r[1], strings.NewReader("{}"))
							q.Host = host
							for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, "Authorization": shown} {
								if value != "" {
									q.Header.Set(name, value)
								}
							}
							w := httptest.NewRecorder()
							h.ServeHTTP(w, q)
							want := 0
							switch {
							case !isOurs || !same || !near:
								want = 403
							case !right:
								want = 401
							}
							switch {
							case want != 0 && w.Code != want, want == 0 && (w.Code == 401 || w.Code == 403):
								t.Fatalf("%s %s %s, host %q, origin %q, site %q, %q: %d %.100s", scheme, r[0], r[1], host, origin, site, shown, w.Code, w.Body)
							case want == 401 && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic "):
								t.Fatalf("a browser asks for no token: %q", w.Header())
							case want != 0 && (strings.Contains(w.Body.String(), "demo") || strings.Contains(w.Body.String(), "/data")):
								t.Fatalf("%s %s tells %s", r[0], r[1], w.Body)
							}
							if want == 0 {
								in++
							} else {
								out++
							}
						}
					}
				}
			}
		}
	}
	if in < 500 || out < 5000 {
		t.Errorf("%d let in, %d refused", in, out)
	}
	q := httptest.NewRequest("POST", "http://localhost/api/topics/t?file=/etc/passwd", nil)
	q.Header.Set("Authorization", "Bearer "+testToken)
	w := httptest.NewRecorder()
	s.forOthers(Others{}).ServeHTTP(w, q)
	if w.Code != 403 {
		t.Errorf("another machine publishes a file of this one: %d %s", w.Code, w.Body)
	}
}
