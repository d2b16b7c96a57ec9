package redis

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// An embedded server is a miniredis without a port, unless one is wanted.
type embedded struct {
	mini   *miniredis.Miniredis
	listen string // "": nowhere
	stop   chan struct{}
	done   sync.WaitGroup

	mu     sync.Mutex
	aged   time.Time // up to when keys have grown older
	closed bool      // a pool of the client may dial a moment longer than it lives
}

// How often the keys of the embedded server grow older. The library's own way, ClockTTL, looks at every
// key at every command: 0.4 ms a command with 1,000 keys, 4 ms with 10,000. So time is passed on in steps,
// and a step may take a fiftieth of the time.
const (
	tickPause = 50 * time.Millisecond
	tickAlone = 5 * time.Second // where no other program sees it: a step sorts all keys
	tickShare = 50
)

func startEmbedded(listen string) (*embedded, error) {
	e := &embedded{mini: miniredis.NewMiniRedis(), stop: make(chan struct{}), aged: time.Now()}
	if listen != "" {
		if err := e.mini.StartAddr(listen); err != nil {
			return nil, err
		}
		e.listen = e.mini.Addr()
		e.mini.Server().SetPreHook(pairScores(e.mini.Server()))
	}
	e.done.Go(e.run)
	return e, nil
}

// run lets keys grow older until close.
func (e *embedded) run() {
	step := tickPause
	if e.listen == "" {
		step = tickAlone
	}
	timer := time.NewTimer(step)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.stop:
			return
		}
		began := time.Now()
		e.age()
		timer.Reset(max(step, tickShare*time.Since(began)))
	}
}

// age lets keys grow as old as they are.
func (e *embedded) age() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if by := now.Sub(e.aged); by > 0 {
		e.mini.FastForward(by)
		e.aged = now
	}
}

func (e *embedded) dial(context.Context, string, string) (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, net.ErrClosed
	}
	c, err := e.mini.Dial()
	if err != nil {
		return nil, err
	}
	return newBufferedPipe(c), nil
}

// dialToLook connects one who sees each key as old as it is, though the steps may be long.
func (e *embedded) dialToLook(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := e.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lookingConn{c, e}, nil
}

// A lookingConn lets keys grow older before it asks.
type lookingConn struct {
	net.Conn
	embedded *embedded
}

// Write implements net.Conn.
func (c *lookingConn) Write(b []byte) (int, error) {
	c.embedded.age()
	return c.Conn.Write(b)
}

// cli is the command that looks into it.
func (e *embedded) cli() string {
	host, port, err := net.SplitHostPort(e.listen)
	if err != nil || host == "127.0.0.1" {
		return "redis-cli -p " + port
	}
	return "redis-cli -h " + host + " -p " + port
}

func (e *embedded) close() {
	close(e.stop)
	e.done.Wait()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.mini.Close()
}
