package network

import (
	"bufio"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// readPiece is how many bytes are read at a time: a size that is said is no reason to take the memory.
const readPiece = 64 << 10

// readBytes appends n bytes.
func readBytes(r *bufio.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		at, piece := len(dst), min(n, readPiece)
		dst = slices.Grow(dst, piece)[:at+piece]
		if _, err := io.ReadFull(r, dst[at:]); err != nil {
			return dst[:at], err
		}
		n -= piece
	}
	return dst, nil
}

// conn is one connection: the network's end of the client's, and that to the server.
type conn struct {
	network      *Network
	near, server net.Conn

	mu       sync.Mutex
	changed  sync.Cond
	underway []exchange // not answered, the oldest first: as many as the client asks before it reads
	closed   bool
	haste    chan struct{} // closed when nothing is to be held back any more, and made anew
}

// An exchange is a request that is underway.
type exchange struct {
	request Request
	fault   *Fault    // nil: none
	due     time.Time // when its answer may come
}

func newConn(n *Network, near, server net.Conn) *conn {
	c := &conn{network: n, near: near, server: server, haste: make(chan struct{})}
	c.changed.L = &c.mu
	return c
}

// close ends both ends. It may be called again.
func (c *conn) close() {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	if !closed {
		c.hurry()
		_ = c.near.Close()
		_ = c.server.Close()
	}
}

// hurry has answers that are held back come now.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.haste)
	c.haste = make(chan struct{})
	for i := range c.underway {
		c.underway[i].due = time.Time{}
	}
}

// passRequests passes on what the client asks until the connection ends.
func (c *conn) passRequests() {
	defer c.network.forget(c)
	defer c.close()
	in, out := bufio.NewReader(c.near), bufio.NewWriter(c.server)
	var frame []byte
	for {
		r, text, err := c.network.protocol.request(in, frame[:0])
		if err != nil {
			return
		}
		frame = text
		x := exchange{request: r, fault: c.network.faultOf(r)}
		if f := x.fault; f != nil {
			if f.Cut {
				return
			}
			if f.Delay > 0 {
				x.due = time.Now().Add(f.Delay)
			}
		}
		c.mu.Lock()
		c.underway = append(c.underway, x)
		c.changed.Broadcast()
		c.mu.Unlock()
		if x.fault == nil || x.fault.Reply == "" {
			if _, err := out.Write(frame); err != nil {
				return
			}
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return
			}
		}
	}
}

// passReplies passes on what the server answers until the connection ends.
func (c *conn) passReplies() {
	defer c.close()
	in, out := bufio.NewReader(c.server), bufio.NewWriter(c.near)
	var frame []byte
	for {
		x, ok := c.next()
		if !ok {
			return
		}
		frame = frame[:0]
		if f := x.fault; f != nil && f.Reply != "" {
			frame = append(frame, f.Reply...)
		} else {
			var err error
			if frame, err = c.network.protocol.reply(in, frame); err != nil {
				_ = out.Flush()
				return
			}
			if f != nil && f.Lose {
				_ = out.Flush()
				return
			}
			if f != nil && f.Alter != nil {
				frame = f.Alter(x.request, frame)
			}
		}
		if _, err := out.Write(frame); err != nil {
			return
		}
		if in.Buffered() == 0 || c.isLast() {
			if err := out.Flush(); err != nil {
				return
			}
		}
	}
}

// next takes the oldest request, once its answer may come; false when the connection has ended.
func (c *conn) next() (exchange, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.underway) == 0 && !c.closed {
			c.changed.Wait()
		}
		if c.closed {
			return exchange{}, false
		}
		x := c.underway[0]
		held := time.Until(x.due)
		if held <= 0 {
			c.underway = c.underway[1:]
			return x, true
		}
		haste := c.haste
		c.mu.Unlock()
		timer := time.NewTimer(held)
		select {
		case <-timer.C:
		case <-haste:
		}
		timer.Stop()
		c.mu.Lock()
	}
}

// isLast reports whether no answer is waited for.
func (c *conn) isLast() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.underway) == 0
}
