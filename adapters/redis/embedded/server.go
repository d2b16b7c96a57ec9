package embedded

import (
	"bufio"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Config is how a server is started.
type Config struct {
	Listen string           // an address at which other programs find it; "": none
	Now    func() time.Time // nil: time.Now
}

// A Server is a Redis in the process. It holds what it is given until Close.
type Server struct {
	mini     *miniredis.Miniredis
	core     *server.Server // of mini, which forgets it when it is closed; commands may be under way then
	now      func() time.Time
	listener net.Listener // nil: it has no port
	addr     string       // that others find it at, "": none
	began    time.Time
	epoch    int64 // from which TTLs in mini are counted, milliseconds since 1970
	ends     *deadlines
	ours     map[string]handler
	scans    scans
	stop     chan struct{}
	done     sync.WaitGroup

	run    sync.RWMutex // held by each command; by what runs alone for writing
	script *conn        // whose script runs; guarded by run

	monitors           atomic.Int32
	commands, accepted atomic.Int64
	expired            atomic.Int64

	mu     sync.Mutex
	conns  map[int]*conn
	lastID int
	closed bool
}

// Start begins a server.
func Start(cfg Config) (*Server, error) {
	s := &Server{mini: miniredis.NewMiniRedis(), now: cfg.Now, ends: newDeadlines(), ours: handlers(), stop: make(chan struct{}), conns: map[int]*conn{}}
	if s.now == nil {
		s.now = time.Now
	}
	s.began = s.now()
	s.epoch = s.began.UnixMilli() - 1 // no TTL is 0
	if cfg.Listen != "" {
		l, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return nil, err
		}
		s.listener, s.addr = l, l.Addr().String()
	}
	first, err := s.mini.Dial() // which has it made ready
	if err != nil {
		return nil, err
	}
	_ = first.Close()
	s.core = s.mini.Server()
	s.core.SetPreHook(s.fromScript)
	s.done.Go(s.age)
	if s.listener != nil {
		s.done.Go(s.accept)
	}
	return s, nil
}

// Addr is where other programs find it, "" for nowhere.
func (s *Server) Addr() string { return s.addr }

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.serve(c) != nil {
			_ = c.Close()
		}
	}
}

// Dial connects to it without a port. After Close it gives net.ErrClosed.
func (s *Server) Dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	if err := s.serve(ours); err != nil {
		return nil, err
	}
	return theirs, nil
}

// serve answers a connection.
func (s *Server) serve(n net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.lastID++
	c := newConn(s, s.lastID, n)
	s.conns[c.id] = c
	s.accepted.Add(1)
	s.done.Go(c.out.pump)
	s.done.Go(c.run)
	return nil
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.id)
	s.mu.Unlock()
}

// Close ends it and all connections.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.stop)
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for _, c := range s.conns {
		c.cutOff()
	}
	s.mu.Unlock()
	s.mini.Close() // wakes commands that wait
	s.done.Wait()
}

// expireKeys is how many keys are removed at a time, with nothing else running.
const expireKeys = 256

// age removes keys that have ended, until the server is closed.
func (s *Server) age() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.ends.wake:
		case <-s.stop:
			return
		}
		for s.expire(s.now().UnixMilli()) {
			select {
			case <-s.stop:
				return
			default:
			}
		}
		if first := s.ends.first.Load(); first != math.MaxInt64 {
			timer.Reset(time.Duration(min(max(first-s.now().UnixMilli(), 0), time.Hour.Milliseconds())) * time.Millisecond)
		}
	}
}

// expire removes some of the keys that have ended, and reports whether there are more.
func (s *Server) expire(now int64) (more bool) {
	s.run.Lock()
	defer s.run.Unlock()
	return s.expireAlone(now)
}

// expireAlone is expire for who runs alone.
func (s *Server) expireAlone(now int64) (more bool) {
	for _, p := range s.ends.take(now, expireKeys) {
		s.endKey(p, now)
	}
	return s.ends.first.Load() <= now
}

// endKey removes a key if it has ended, and has it looked at again if it will. The caller runs alone.
func (s *Server) endKey(p place, now int64) {
	db := s.mini.DB(p.db)
	ttl := db.TTL(p.key)
	if ttl == 0 {
		return // it is gone, or lives for good
	}
	if at := s.epoch + ttl.Milliseconds(); at > now {
		s.ends.note(p, at)
	} else if db.Del(p.key) {
		s.expired.Add(1)
	}
}

// own marks those of miniredis's clients that this package is; a script's calls come from others.
const own = "\x00own"

// newPeer makes a client of miniredis whose answers go to a writer when it is flushed.
func newPeer(w *bufio.Writer) *server.Peer {
	p := server.NewPeer(w)
	p.ClientName = own
	return p
}
