package web

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// overview is the text at /.
const overview = `nagare: %s

GET  /                      the page, for browsers
GET  /api/status            process, tables, partitions, checkpoints
GET  /api/tables            tables and views
GET  /api/tables/{name}     rows: ?open=true&limit=20&format=json|jsonl|csv
GET  /api/query?sql=        rows of a SELECT
GET  /api/tail/{name}       follows a table or topic
GET  /api/explain/{name}    the plan of a table: ?key=COLUMN=VALUE where one of its rows comes from
GET  /api/alerts            alerts and their incidents: ?all=true with those that are over
GET  /api/alerts/{id}       an incident and how it came about
POST /api/alerts            takes what an Alertmanager tells its webhooks (Authorization: Bearer TOKEN)
GET  /api/silences          silences; POST makes one, DELETE /api/silences/{id} ends it
GET  /api/monitor           what machine, process and sinks do now
GET  /api/progress          in the names of Spark's StreamingQueryProgress
GET  /api/ledger            what became of every row
GET  /api/watermarks        where each partition stands
GET  /api/events            status and progress, once a second (server-sent events)
GET  /api/page              what the page shows of the project's tables
POST /api/check             faults of the SELECT in the body
GET  /api/names             the words of a query
GET  /api/dataflow          the graph of the project, with rates
GET  /api/topics            topics
POST /api/topics/{topic}    appends NDJSON (Authorization: Bearer TOKEN)
GET  /metrics  /-/healthy  /-/ready
`

// index is the page for browsers, and a text for those who do not ask for HTML.
func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if accepts(r, "text/html") {
		s.page.serve(w, r, "index.html")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, overview, s.backend.Info().Project)
}

// StatusAnswer is the body of /api/status.
type StatusAnswer struct {
	Info   Info             `json:"info"`
	Rates  Rates            `json:"rates"`
	Engine engine.Status    `json:"engine"`
	Health []monitor.Health `json:"health,omitempty"` // by part; empty where nothing runs

	Webhooks []notify.ReceiverReport `json:"webhooks,omitempty"` // those that are told of alerts
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	answer(w, s.statusAnswer(r.Context(), s.backend.Status(), s.backend.Info(), s.backend.Rates()))
}

func (s *Server) statusAnswer(ctx context.Context, st engine.Status, info Info, rates Rates) StatusAnswer {
	a := StatusAnswer{Info: info, Rates: rates, Engine: st, Health: s.backend.Health()}
	if n := s.backend.Notifier(); n != nil {
		a.Webhooks = n.Report(ctx)
	}
	return a
}

func (s *Server) tables(w http.ResponseWriter, _ *http.Request) {
	tables := s.backend.Status().Tables
	if tables == nil {
		tables = []engine.TableStatus{}
	}
	answer(w, tables)
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	if keys, asked := r.URL.Query()["key"]; asked {
		s.explainRow(w, r, keys)
		return
	}
	text, err := s.backend.Explain(r.PathValue("name"))
	if err != nil {
		s.failed(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, _ = io.WriteString(w, text)
}

// LedgerAnswer is the body of /api/ledger. LeftOut is the tables that are without rows; Imbalance is 0
// unless rows are unaccounted for.
type LedgerAnswer struct {
	ledger.Ledger
	LeftOut   []ledger.Loss `json:"left_out"`
	Imbalance int64         `json:"imbalance"`
}

func (s *Server) ledger(w http.ResponseWriter, _ *http.Request) {
	l := s.backend.Status().Ledger
	answer(w, LedgerAnswer{l, append([]ledger.Loss{}, l.Losses()...), Imbalance(l)})
}

// Imbalance is how many rows of a ledger have no outcome, or two.
func Imbalance(l ledger.Ledger) int64 {
	total := int64(0)
	count := func(c ledger.Count) {
		d := c.Read - c.Counted - c.Late - c.Future - c.Invalid - c.Duplicate - c.Filtered - c.InFlight
		total += max(d, -d)
	}
	for _, c := range l.Topics {
		count(c)
	}
	for _, topics := range l.Tables {
		for _, c := range topics {
			count(c)
		}
	}
	return total
}

// isoTime writes microseconds since 1970 as ISO 8601, "" for none or the end of time.
func isoTime(us int64) string {
	const year10000 = 253402300800_000_000
	if us == math.MinInt64 || us >= year10000 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
