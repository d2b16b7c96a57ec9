package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/batch"
)

// Limits of requests and answers.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = time.Minute
	stallTimeout  = 30 * time.Second    // a client that takes or gives nothing for so long is let go
	maxHeader     = 16<<10 + 3*maxQuery // %27 in the address is one character of a statement
	maxFollowers  = 32                  // /api/tail
	maxLookers    = 256                 // /api/events
	maxQuery      = 64 << 10
)

// MaxStatement is how many bytes a statement may have that is sent as a body.
const MaxStatement = 1 << 20

// Config is what a Server is made of. Backend and Token are needed.
type Config struct {
	Backend Backend
	Address string // where it is reached, host:port; "" when it has no socket
	Token   string // what state-changing requests show
	// TokenPath is where users find the token.
	TokenPath string
	// ExitCode is the exit code that an error stands for.
	ExitCode func(error) int
	Logger   *slog.Logger
	// Doctor makes the checks of `nagare doctor` on this process; nil: nobody can.
	Doctor func(context.Context) []Finding
}

// A Server answers requests. Without Serve its Handler can be called in-process.
type Server struct {
	backend   Backend
	address   string
	token     string
	tokenPath string
	exitCode  func(error) int
	http      *http.Server
	handler   http.Handler
	inner     http.Handler // behind the guard
	log       *slog.Logger
	followers atomic.Int64
	asked     queriesAsked
	examine   func(context.Context) []Finding
	examining chan struct{}
	page      *page
	endpoints []string // patterns of the mux
	live      live
	answers   answers
	conns     connections
	others    atomic.Pointer[http.Server] // nil: no other machine comes in
	// Of the connections of others.
	otherConns connections
	ready      atomic.Bool
	base       context.Context
	stop       context.CancelFunc
}

// New makes a Server that listens to nobody yet.
func New(cfg Config) *Server {
	s := &Server{backend: cfg.Backend, address: cfg.Address, token: cfg.Token, tokenPath: cfg.TokenPath, exitCode: cfg.ExitCode}
	s.base, s.stop = context.WithCancel(context.Background())
	s.page = openPage()
	s.live.make = s.update
	s.examine, s.examining = cfg.Doctor, make(chan struct{}, 1)
	mux := http.NewServeMux() // names may be any text, none and one with slashes too: whoever looks them up says what there is
	handle := func(pattern string, h http.HandlerFunc) {
		s.endpoints = append(s.endpoints, pattern)
		mux.Handle(pattern, s.checked(pattern, h))
	}
	handle("GET /{$}", s.index)
	mux.Handle("GET /page/", s.page)
	handle("GET /api/page", s.charts)
	handle("GET /-/healthy", s.healthy)
	handle("GET /-/ready", s.isReady)
	handle("GET /api/status", s.status)
	handle("GET /api/tables", s.tables)
	handle("GET /api/tables/{name...}", s.table)
	handle("GET /api/query", s.query)
	handle("POST /api/query", s.postQuery)
	handle("GET /api/queries/{id}", s.queryProgress)
	handle("GET /api/tail/{name...}", s.tail)
	handle("GET /api/explain/{name...}", s.explain)
	handle("GET /api/alerts", s.alerts)
	handle("GET /api/alerts/{id...}", s.incident)
	handle("POST /api/alerts/test", s.testAlert)
	handle("POST /api/alerts", s.takeAlerts)
	handle("GET /api/silences", s.silences)
	handle("POST /api/silences", s.addSilence)
	handle("DELETE /api/silences/{id...}", s.endSilence)
	handle("GET /api/monitor", s.monitor)
	handle("GET /api/doctor", s.doctor)
	handle("GET /api/progress", s.progress)
	handle("GET /api/progress/history", s.history)
	handle("GET /api/ledger", s.ledger)
	handle("GET /api/watermarks", s.watermarks)
	handle("GET /api/events", s.events)
	handle("GET /api/dataflow", s.dataflow)
	handle("POST /api/check", s.check)
	handle("POST /api/plan", s.change)
	handle("GET /api/names", s.names)
	handle("GET /api/topics", s.topics)
	handle("GET /api/topics/{name...}", s.topic)
	handle("PUT /api/topics/{name...}", s.createTopic)
	handle("PATCH /api/topics/{name...}", s.alterTopic)
	handle("POST /api/topics/{name...}", s.publish)
	handle("POST /api/topics/{name}/resend", s.resend)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Sprintf("%s %s: there is no such thing; GET / lists what there is", r.Method, r.URL.Path), 1)
	})
	if s.log = cfg.Logger; s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.inner = recovered(mux, s.log)
	s.handler = s.guard(door{scheme: "http", isOurs: s.isOurHost, tell: "http://" + s.address}, s.inner)
	s.http = s.newHTTP(&s.conns, s.handler)
	return s
}

func (s *Server) newHTTP(conns *connections, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext:       conns.begin,
		ConnState:         conns.changed,
		BaseContext:       func(net.Listener) context.Context { return s.base },
	}
}

// Handler answers requests without a socket.
func (s *Server) Handler() http.Handler { return s.handler }

// Endpoints is what the server answers, as patterns of a mux.
func (s *Server) Endpoints() []string { return s.endpoints }

// Ready makes /-/ready say yes.
func (s *Server) Ready(yes bool) { s.ready.Store(yes) }

// Serve answers requests until Close. It returns nil after Close.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API at %s: %w", s.address, err)
	}
	return nil
}

// Close ends followers at once, waits for requests in flight as long as ctx lasts, and frees the ports.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	var all error
	for _, server := range []*http.Server{s.http, s.others.Load()} {
		if server == nil {
			continue
		}
		if err := server.Shutdown(ctx); err != nil {
			all = errors.Join(all, server.Close())
		}
	}
	return all
}

// follow gives out one of the places for requests that stay open.
func (s *Server) follow(w http.ResponseWriter) (leave func(), ok bool) {
	if s.followers.Add(1) > maxFollowers {
		s.followers.Add(-1)
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("follow rows: %d clients do so already, which is the limit", maxFollowers), 1)
		return nil, false
	}
	return func() { s.followers.Add(-1) }, true
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(indented(v))
}

// answerTight writes v as JSON for programs: without spaces, which are half of long lists of numbers.
func answerTight(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer is no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

// indented is v as JSON that people can read.
func indented(v any) []byte {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("BUG: an answer is no JSON: " + err.Error())
	}
	return append(body, '\n')
}

// fail writes an error. Nothing may have been written before.
func fail(w http.ResponseWriter, status int, message string, exit int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := json.Marshal(Failure{message, exit})
	_, _ = w.Write(append(body, '\n'))
}

// failed writes an error of the backend with the status that fits.
func (s *Server) failed(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var missing *engine.NotFoundError
	var request *RequestError
	var busy *batch.BusyError
	var late *batch.TimeoutError
	var query *batch.Error
	switch {
	case errors.As(err, &busy), errors.As(err, &late):
		w.Header().Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	case errors.As(err, &query) && query.Class == "OUT_OF_MEMORY":
		status = http.StatusInsufficientStorage
	case errors.As(err, &query):
		status = http.StatusUnprocessableEntity
	case errors.As(err, &missing):
		status = http.StatusNotFound
	case errors.As(err, &request):
		status = http.StatusBadRequest
	case s.exit(err) == 2 || s.exit(err) == 3:
		status = http.StatusBadRequest
	}
	fail(w, status, err.Error(), s.exit(err))
}

func (s *Server) exit(err error) int {
	if s.exitCode == nil {
		return 1
	}
	return s.exitCode(err)
}

// intParam reads a number of the query string.
func intParam(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &RequestError{fmt.Sprintf("read the parameter %s=%s: it is no number", name, text)}
	}
	return n, nil
}
