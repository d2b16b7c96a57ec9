package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// The kinds of parameters of the query string.
const (
	paramText  = "text"
	paramTexts = "texts" // may be given again
	paramBool  = "bool"
	paramCount = "count" // 0 or more, and fits 32 bits
	paramTime  = "time"  // ms since 1970
)

// params is what each endpoint takes in its query string; those that are not named take nothing. Endpoints of others'
// protocols (POST /api/alerts, /metrics) and files take what they like.
var params = map[string]map[string]string{
	"GET /api/tables/{name...}":      {"open": paramBool, "limit": paramCount, "maxAge": paramCount, "format": paramText, "raw": paramBool},
	"GET /api/query":                 {"sql": paramText, "format": paramText, "raw": paramBool},
	"POST /api/query":                {"format": paramText, "raw": paramBool},
	"GET /api/queries/{id}":          {},
	"GET /api/tail/{name...}":        {"n": paramCount, "updates": paramBool, "format": paramText, "raw": paramBool},
	"GET /api/explain/{name...}":     {"key": paramTexts},
	"GET /api/alerts":                {"all": paramBool},
	"GET /api/progress/history":      {"since": paramTime},
	"GET /api/dataflow":              {"views": paramBool},
	"PUT /api/topics/{name...}":      {"partitions": paramCount, "retention": paramText, "key": paramText},
	"PATCH /api/topics/{name...}":    {"partitions": paramCount},
	"POST /api/topics/{name...}":     {"file": paramText},
	"GET /api/alerts/{id...}":        {},
	"POST /api/alerts/test":          {},
	"GET /api/silences":              {},
	"POST /api/silences":             {},
	"DELETE /api/silences/{id...}":   {},
	"GET /api/monitor":               {},
	"GET /api/doctor":                {},
	"GET /api/progress":              {},
	"GET /api/ledger":                {},
	"GET /api/watermarks":            {},
	"GET /api/events":                {},
	"GET /api/page":                  {},
	"GET /api/status":                {},
	"GET /api/tables":                {},
	"POST /api/check":                {},
	"POST /api/plan":                 {},
	"GET /api/names":                 {},
	"GET /api/topics":                {},
	"GET /api/topics/{name...}":      {},
	"POST /api/topics/{name}/resend": {},
}

// checked refuses a request with a parameter that its endpoint does not have, that is of another kind, or that is there
// twice where one of them would count.
func (s *Server) checked(pattern string, next http.Handler) http.Handler {
	known, is := params[pattern]
	if !is {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for _, name := range slices.Sorted(maps.Keys(q)) {
			if reason := wrongParam(name, q[name], known); reason != "" {
				s.failed(w, &RequestError{fmt.Sprintf("%s %s: read the parameter %s=%s: %s", r.Method, r.URL.Path, name, q[name][0], reason)})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// wrongParam says what is wrong with a parameter, "" for nothing.
func wrongParam(name string, values []string, known map[string]string) string {
	kind, is := known[name]
	if !is {
		names := slices.Sorted(maps.Keys(known))
		text := "there is no such parameter"
		if near := sql.Nearest(name, names); near != "" {
			return text + fmt.Sprintf("; did you mean %q?", near)
		}
		if len(names) == 0 {
			return text + "; it has none"
		}
		return text + "; there are " + strings.Join(names, ", ")
	}
	if len(values) > 1 && kind != paramTexts {
		return fmt.Sprintf("it is there %d times, and one of them would count", len(values))
	}
	text := values[0]
	switch kind {
	case paramBool:
		if text != "true" && text != "false" && text != "" {
			return "it is true or false"
		}
	case paramCount:
		if n, err := strconv.ParseInt(text, 10, 32); text != "" && (err != nil || n < 0) {
			return "it is a number from 0 to 2147483647"
		}
	case paramTime:
		if _, err := strconv.ParseInt(text, 10, 64); text != "" && err != nil {
			return "it is no time in ms since 1970"
		}
	}
	return ""
}
