package web

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
)

// guard refuses what a page of another site could make a browser send, and tells browsers to be
// strict with what they get.
func (s *Server) guard(d door, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if refuseAbove(w, r) {
			return
		}
		limitBody(w, r)
		if reason := d.refuse(r); reason != "" {
			fail(w, http.StatusForbidden, reason, 1)
			return
		}
		if d.guarded && !s.hasToken(r) {
			h.Add("WWW-Authenticate", realm)
			h.Add("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "ask from another machine: the token of the data folder is missing or wrong; send Authorization: Bearer and the text of its file token, or that as the password of any name", 1)
			return
		}
		if changes(r) && !s.hasToken(r) {
			h.Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "change something at "+r.URL.Path+": the token of the data folder is missing or wrong; send Authorization: Bearer and the text of "+s.tokenPath, 1)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse says why a request is not from this machine's own programs, "" when it may be.
func (d door) refuse(r *http.Request) string {
	if !d.isOurs(r.Host) {
		return "the host " + r.Host + " is not this machine; ask by " + d.tell
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
	default:
		return "the request comes from a page of another site (" + site + ")"
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != d.scheme || u.Host != r.Host {
			return "the request comes from a page of another origin (" + origin + ")"
		}
	}
	return ""
}

// isOurHost reports whether a Host header names this machine and our port.
func (s *Server) isOurHost(host string) bool {
	if s.address == "" {
		return true // no socket: the caller is in this process
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "80"
	}
	_, ours, _ := net.SplitHostPort(s.address)
	if port != ours {
		return false
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// changes reports a request that is not only read for: a query is sent, or checked, as a body because it can be long.
func changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return r.Method != http.MethodPost || r.URL.Path != "/api/query" && r.URL.Path != "/api/check"
}

// recovered answers a request whose handler panics, and the process goes on.
func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				log.Error("a request panicked", "method", r.Method, "path", r.URL.Path, "panic", p, slog.String("stack", string(debug.Stack())))
				fail(w, http.StatusInternalServerError, fmt.Sprintf("%s %s: this is a fault of nagare itself: %v; please report it", r.Method, r.URL.Path, p), 1)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// hasToken reports a request with the token of the data folder, as a bearer's or as the password of any name.
func (s *Server) hasToken(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, token, ok = r.BasicAuth()
	}
	return ok && s.token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}
