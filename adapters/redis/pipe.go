package redis

import (
	"net"
	"sync"
	"time"
)

// pipeKept is how much memory an idle pipe keeps for what is written next.
const pipeKept = 1 << 20

// A bufferedPipe is the client's end of a net.Pipe on which writing does not wait for the reader. The
// embedded server answers each command before it takes the next; a client that writes many commands
// before it reads an answer would wait for the server, and the server for it. What is buffered is one
// pipeline of the client, which is bounded by batchBytes.
type bufferedPipe struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	closed  bool
	err     error // of writing to the pipe
}

func newBufferedPipe(c net.Conn) *bufferedPipe {
	p := &bufferedPipe{Conn: c}
	p.changed.L = &p.mu
	go p.pump()
	return p
}

// Write implements net.Conn.
func (p *bufferedPipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if p.closed {
		return 0, net.ErrClosed
	}
	p.buf = append(p.buf, b...)
	p.changed.Signal()
	return len(b), nil
}

// SetDeadline implements net.Conn. Writing takes no time.
func (p *bufferedPipe) SetDeadline(t time.Time) error { return p.Conn.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (p *bufferedPipe) SetWriteDeadline(time.Time) error { return nil }

// pump writes what is buffered until the pipe is closed.
func (p *bufferedPipe) pump() {
	var out []byte
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.buf) == 0 && !p.closed {
			p.changed.Wait()
		}
		if p.closed {
			return
		}
		out, p.buf = p.buf, out[:0]
		p.mu.Unlock()
		_, err := p.Conn.Write(out)
		p.mu.Lock()
		if err != nil {
			p.err = err
			return
		}
		if cap(out) > pipeKept {
			out = nil
		}
	}
}

// Close implements net.Conn.
func (p *bufferedPipe) Close() error {
	p.mu.Lock()
	p.closed = true
	p.changed.Signal()
	p.mu.Unlock()
	return p.Conn.Close()
}
