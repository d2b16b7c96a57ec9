package redistest

import (
	"math"
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between a client and a server.
type Proxy struct {
	Addr string

	to    string
	l     net.Listener
	mu    sync.Mutex
	free  sync.Cond
	hung  int // connections of this life and earlier ones stand still
	life  int
	delay time.Duration
	conns map[net.Conn]bool
	done  sync.WaitGroup
	shut  bool
}

// NewProxy passes everything on to an address until it is told otherwise.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, l: l, hung: -1, conns: map[net.Conn]bool{}}
	p.free.L = &p.mu
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.shut = true
		p.free.Broadcast()
		p.mu.Unlock()
		p.Cut()
		p.done.Wait()
	})
	return p
}

// Hang stops all bytes, in both directions, until Resume.
func (p *Proxy) Hang() { p.set(func() { p.hung = math.MaxInt }) }

// Renew lets new connections through, and those that there are hang on.
func (p *Proxy) Renew() { p.set(func() { p.hung, p.life = p.life, p.life+1 }) }

// Slow holds each piece of an answer back for a time.
func (p *Proxy) Slow(delay time.Duration) { p.set(func() { p.delay = delay }) }

// Resume passes everything on again, at once.
func (p *Proxy) Resume() { p.set(func() { p.hung, p.delay = -1, 0 }) }

// Lead leads new connections to another server, and cuts those that there are: a failover.
func (p *Proxy) Lead(to string) {
	p.set(func() { p.to = to })
	p.Cut()
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.free.Broadcast()
}

func (p *Proxy) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		to, life := p.to, p.life
		p.mu.Unlock()
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		p.done.Go(func() { p.pass(out, in, life, false) })
		p.done.Go(func() { p.pass(in, out, life, true) })
	}
}

// pass copies until either end closes.
func (p *Proxy) pass(dst, src net.Conn, life int, answers bool) {
	defer func() {
		_ = dst.Close()
		_ = src.Close()
		p.mu.Lock()
		delete(p.conns, src)
		p.mu.Unlock()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if !p.wait(life, answers) {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait holds bytes back as was asked for; false when the test has ended.
func (p *Proxy) wait(life int, answers bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for life <= p.hung && !p.shut {
		p.free.Wait()
	}
	if delay := p.delay; answers && delay > 0 && !p.shut {
		p.mu.Unlock()
		time.Sleep(delay)
		p.mu.Lock()
	}
	return !p.shut
}
