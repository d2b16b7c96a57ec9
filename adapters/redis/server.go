package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nagare-stream/nagare/adapters/redis/embedded"
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

// A Server is what sinks write to, each by connections of its own.
type Server struct {
	opt      *goredis.UniversalOptions
	direct   goredis.UniversalOptions // of who looks at it, with nothing between
	cluster  bool
	embedded *embedded.Server // nil: a server outside the process
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
	s.opt, s.direct, s.shown = opt, *opt, shown
	if cfg.Through != nil {
		opt.Dialer = cfg.Through(opt.Dialer)
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := s.ask(ctx); err != nil {
		return nil, &UnavailableError{shown, err}
	}
	return s, nil
}

// ask finds out whether the address leads to one server or to a cluster: the first of the addresses that
// answers tells. One that answers that it is not ready is let pass.
func (s *Server) ask(ctx context.Context) error {
	s.cluster = len(s.opt.Addrs) > 1
	var first error
	for _, addr := range s.opt.Addrs {
		mode, err := s.mode(ctx, addr)
		var reply goredis.Error
		switch {
		case errors.As(err, &reply) && !passes(err):
			return err
		case err != nil && !errors.As(err, &reply):
			first = cmp.Or(first, err)
			continue
		case mode == "sentinel":
			return errSentinel
		case mode == "standalone" && s.cluster:
			return errNoCluster
		case mode == "cluster" && s.opt.DB != 0:
			return errDatabase
		}
		s.cluster = s.cluster || mode == "cluster"
		return nil
	}
	return first
}

// mode asks a server what it is: "standalone", "cluster" or "sentinel"; "" for one that is older than the
// question.
func (s *Server) mode(ctx context.Context, addr string) (string, error) {
	opt := *s.opt
	opt.Addrs = []string{addr}
	c := goredis.NewClient(opt.Simple())
	defer c.Close()
	answer, err := c.Do(ctx, "HELLO", "3").Result()
	if err != nil && strings.HasPrefix(err.Error(), "ERR unknown command") {
		return "", c.Ping(ctx).Err()
	}
	if fields, ok := answer.(map[any]any); ok {
		text, _ := fields["mode"].(string)
		return text, nil
	}
	return "", err
}

func (s *Server) openEmbedded(listen string, through func(Dialer) Dialer) error {
	e, err := embedded.Start(embedded.Config{Listen: listen})
	if err != nil {
		return err
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return e.Dial() }
	s.opt, s.embedded = &goredis.UniversalOptions{Addrs: []string{"127.0.0.1:" + defaultPort}, Dialer: dial}, e
	own(s.opt)
	s.direct = *s.opt
	if through != nil {
		s.opt.Dialer = through(dial)
	}
	s.shown = "embedded"
	return nil
}

// String describes the server for people.
func (s *Server) String() string {
	switch {
	case s.embedded == nil:
		return "redis at " + s.shown
	case s.embedded.Addr() != "":
		return "embedded, lost on exit and made anew by the next start; " + cli(s.embedded.Addr())
	}
	return "embedded, lost on exit and made anew by the next start"
}

// cli is the command that looks into a server.
func cli(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "127.0.0.1" {
		return "redis-cli -p " + port
	}
	return "redis-cli -h " + host + " -p " + port
}

// isAlone reports a server that no other program can reach.
func (s *Server) isAlone() bool { return s.embedded != nil && s.embedded.Addr() == "" }

// Address is where other programs find the server, "" for an embedded one without a port.
func (s *Server) Address() string {
	if s.embedded != nil {
		return s.embedded.Addr()
	}
	return s.shown
}

// DialContext connects to the server, whatever the address, with nothing between.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if s == nil {
		return nil, errors.New("connect to Redis: there is none, for no sink has the format redis")
	}
	return s.direct.Dialer(ctx, "tcp", s.direct.Addrs[0])
}

// Close waits for the writers of the sinks, which have to be closed before, and ends the embedded server.
func (s *Server) Close() error {
	s.writers.Wait()
	if s.embedded != nil {
		s.embedded.Close()
	}
	return nil
}

// quiet is the library's logger: what it tells is told again by the error that follows.
type quiet struct{ log *slog.Logger }

// Printf implements the library's interface.
func (q quiet) Printf(_ context.Context, format string, v ...any) {
	q.log.Debug("redis client", "text", fmt.Sprintf(format, v...))
}
