package embedded

import (
	"net"
	"sync"
)

// The most that waits for a client to read: behind it answers wait for the client, and what it is told
// without having asked ends the connection.
const maxOutput = 32 << 20

// outputKept is how much memory an idle connection keeps for the next answers.
const outputKept = 1 << 20

// An output is what a client is to be sent. Whoever writes to it waits for no reader.
type output struct {
	net net.Conn

	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	closed  bool // no more comes
	broken  bool // the connection is gone
}

func newOutput(c net.Conn) *output {
	o := &output{net: c}
	o.changed.L = &o.mu
	return o
}

// write appends an answer, and waits while very many were not read.
func (o *output) write(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > maxOutput && !o.broken {
		o.changed.Wait()
	}
	o.append(b)
}

// tell appends what was not asked for. A client that is too far behind is cut off.
func (o *output) tell(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) > maxOutput && !o.broken {
		o.broken = true
		_ = o.net.Close()
	}
	o.append(b)
}

func (o *output) append(b []byte) {
	if o.broken || o.closed || len(b) == 0 {
		return
	}
	o.buf = append(o.buf, b...)
	o.changed.Broadcast()
}

// pump sends until the output is closed and everything is sent, or the connection is gone.
func (o *output) pump() {
	defer o.net.Close()
	var out []byte
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.buf) == 0 && !o.closed && !o.broken {
			o.changed.Wait()
		}
		if o.broken || len(o.buf) == 0 {
			return
		}
		out, o.buf = o.buf, out[:0]
		o.changed.Broadcast()
		o.mu.Unlock()
		_, err := o.net.Write(out)
		o.mu.Lock()
		if err != nil {
			o.broken = true
			o.changed.Broadcast()
			return
		}
		if cap(out) > outputKept {
			out = nil
		}
	}
}

// close ends the output behind what is in it.
func (o *output) close() {
	o.mu.Lock()
	o.closed = true
	o.changed.Broadcast()
	o.mu.Unlock()
}

// A frames passes on whole values of the protocol only. miniredis writes to it for channels, piece by piece.
type frames struct {
	mu  sync.Mutex
	out *output
	buf []byte
}

// Write implements io.Writer.
func (f *frames) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = append(f.buf, b...)
	rest := f.buf
	for {
		_, next, ok := parse(rest)
		if !ok {
			break
		}
		rest = next
	}
	f.out.tell(f.buf[:len(f.buf)-len(rest)])
	f.buf = append(f.buf[:0], rest...)
	return len(b), nil
}
