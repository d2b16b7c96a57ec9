package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Config is which server is used.
type Config struct {
	Address  string // HOST:PORT, or a URL; "": the embedded one
	Password string
	Listen   string // of the embedded one: an address at which other programs find it; "": none
	Logger   *slog.Logger
	// Through is given what makes the sinks' connections and returns what makes them in its place; nil: it
	// stays. It is where tests put faults.
	Through func(Dialer) Dialer
}

// A Dialer makes a connection, as net.Dialer's DialContext does.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// A Server is a connection that sinks share.
type Server struct {
	client   goredis.UniversalClient
	direct   goredis.UniversalOptions // of a client that nothing stands before
	embedded *embedded                // nil: a server outside the process
	shown    string
	log      *slog.Logger
	writers  sync.WaitGroup

	mu      sync.Mutex
	closing time.Time // when the sinks that are being closed have to be; zero: none is
}

// closeWait is how long sinks that are closed together wait for their rows to be written.
const closeWait = time.Second

// begin runs the writer of a sink.
func (s *Server) begin(writer func()) {
	s.mu.Lock()
	s.closing = time.Time{}
	s.mu.Unlock()
	s.writers.Go(writer)
}

// closeBy is when a sink has to be closed: all that are closed together share the time.
func (s *Server) closeBy() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.IsZero() {
		s.closing = time.Now().Add(closeWait)
	}
	return s.closing
}

// openTimeout is how long a start waits for a server.
const openTimeout = 5 * time.Second

// Open connects. A server that cannot be had, or refuses the password, is an *UnavailableError; one that
// is only not ready is waited for by the sinks.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{log: cfg.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	goredis.SetLogger(quiet{s.log}) // the library has one for the process, and it writes to stderr
	if cfg.Address == "" {
		return s, s.openEmbedded(cfg.Listen, cfg.Through)
	}
	opt, shown, err := parseAddress(cfg.Address, cfg.Password)
	if err != nil {
		return nil, err
	}
	s.direct, s.shown = *opt, shown
	if cfg.Through != nil {
		opt.Dialer = cfg.Through(goredis.NewDialer(&goredis.Options{DialTimeout: dialTimeout, TLSConfig: opt.TLSConfig}))
	}
	s.client = goredis.NewUniversalClient(opt)
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	err = s.client.Ping(ctx).Err()
	var reply goredis.Error
	if err == nil || errors.As(err, &reply) && !refusesRow(err) && !isRefusal(err) {
		return s, nil
	}
	return nil, errors.Join(&UnavailableError{shown, err}, s.client.Close())
}

// isRefusal reports an error that waiting does not mend.
func isRefusal(err error) bool {
	text := err.Error()
	for _, word := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "ERR"} {
		if len(text) >= len(word) && text[:len(word)] == word {
			return true
		}
	}
	return false
}

func (s *Server) openEmbedded(listen string, through func(Dialer) Dialer) error {
	e, err := startEmbedded(listen)
	if err != nil {
		return err
	}
	opt := &goredis.UniversalOptions{Addrs: []string{"127.0.0.1:" + defaultPort}, Dialer: e.dial}
	own(opt)
	s.direct = *opt
	s.direct.Dialer = e.dialToLook
	if through != nil {
		opt.Dialer = through(e.dialToLook) // a test looks closely
	}
	s.client, s.embedded = goredis.NewUniversalClient(opt), e
	s.shown = "embedded"
	return nil
}

// String describes the server for people.
func (s *Server) String() string {
	switch {
	case s.embedded == nil:
		return "redis at " + s.shown
	case s.embedded.listen != "":
		return "embedded, lost on exit and made anew by the next start; " + s.embedded.cli()
	}
	return "embedded, lost on exit and made anew by the next start"
}

// isAlone reports a server that no other program can reach.
func (s *Server) isAlone() bool { return s.embedded != nil && s.embedded.listen == "" }

// Address is where other programs find the server, "" for an embedded one without a port.
func (s *Server) Address() string {
	if s.embedded != nil {
		return s.embedded.listen
	}
	return s.shown
}

// DialContext connects to the server, whatever the address, with nothing between.
func (s *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch {
	case s == nil:
		return nil, errors.New("connect to Redis: there is none, for no sink has the format redis")
	case s.embedded != nil:
		return s.embedded.dialToLook(ctx, network, address)
	}
	return goredis.NewDialer(&goredis.Options{DialTimeout: dialTimeout, TLSConfig: s.direct.TLSConfig})(ctx, "tcp", s.direct.Addrs[0])
}

// Close ends the connection, and the embedded server. The sinks have to be closed before.
func (s *Server) Close() error {
	err := s.client.Close()
	s.writers.Wait()
	if s.embedded != nil {
		s.embedded.close()
	}
	return err
}

// quiet is the library's logger: what it tells is told again by the error that follows.
type quiet struct{ log *slog.Logger }

// Printf implements the library's interface.
func (q quiet) Printf(_ context.Context, format string, v ...any) {
	q.log.Debug("redis client", "text", fmt.Sprintf(format, v...))
}
