package network

import (
	"bufio"
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// A Dialer makes a connection, as net.Dialer's DialContext does.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// A Request is what a client asks.
type Request struct {
	Name          string // "Fetch", "SET"
	Transactional bool   // of Kafka: it belongs to a transaction

	key, version int16 // of Kafka
}

// A Fault is what becomes of requests. Of is asked which it meets; nil: all.
type Fault struct {
	Of func(Request) bool

	Down  bool                                       // connections end, and none can be made
	Cut   bool                                       // the connection ends, and the request does not arrive
	Lose  bool                                       // it is done, and the connection ends in place of the answer
	Reply string                                     // it is not done, and this is the answer
	Alter func(r Request, reply []byte) (out []byte) // it is done, and this becomes of the answer
	Delay time.Duration                              // the answer comes that much later
}

// protocol is how requests and answers are told apart on a connection. What is read is appended to dst.
type protocol struct {
	request func(r *bufio.Reader, dst []byte) (Request, []byte, error)
	reply   func(r *bufio.Reader, dst []byte) ([]byte, error)
}

// A Network is the connections to one server. Its methods may be used by several goroutines.
type Network struct {
	protocol protocol

	mu    sync.Mutex
	conns map[*conn]bool
	fault *Fault        // nil: none
	met   chan struct{} // closed by the first that meets the fault
	isMet bool
}

// NewKafka is the connections to a Kafka cluster.
func NewKafka() *Network { return newNetwork(protocol{kafkaRequest, kafkaReply}) }

// NewRedis is the connections to a Redis.
func NewRedis() *Network { return newNetwork(protocol{redisRequest, redisReply}) }

func newNetwork(p protocol) *Network { return &Network{protocol: p, conns: map[*conn]bool{}} }

// Through returns what makes connections over the network, given what makes them below it.
func (n *Network) Through(dial Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if n.isDown() {
			return newRefused(), nil
		}
		server, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		near, client := net.Pipe()
		c := newConn(n, near, server)
		n.mu.Lock()
		n.conns[c] = true
		if n.fault != nil && n.fault.Down { // since it was looked at
			c.close()
		}
		n.mu.Unlock()
		go c.passRequests()
		go c.passReplies()
		return client, nil
	}
}

// A refused is a connection that could not be made, of which one hears when it is used: a pool of go-redis
// that hears of it before keeps a goroutine, which outlives it by a second, and so the test.
type refused struct{ net.Conn }

func newRefused() refused {
	_, client := net.Pipe()
	return refused{client}
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// Read implements net.Conn.
func (refused) Read([]byte) (int, error) { return 0, errRefused }

// Write implements net.Conn.
func (refused) Write([]byte) (int, error) { return 0, errRefused }

// isDown reports whether no connection can be made, which then has met the fault.
func (n *Network) isDown() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	down := n.fault != nil && n.fault.Down
	if down {
		n.meet()
	}
	return down
}

// meet notes that the fault was met. The lock is held.
func (n *Network) meet() {
	if !n.isMet {
		n.isMet = true
		close(n.met)
	}
}

// faultOf is what becomes of a request; nil: it is passed on.
func (n *Network) faultOf(r Request) *Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.fault; f != nil && (f.Of == nil || f.Of(r)) {
		n.meet()
		return f
	}
	return nil
}

// Fail makes requests fail from now on, in place of what was to become of them before. The channel is
// closed by the first that does.
func (n *Network) Fail(f Fault) (met <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault, n.met, n.isMet = &f, make(chan struct{}), false
	if f.Down {
		for c := range n.conns {
			c.close()
		}
	}
	return n.met
}

// Heal ends the fault. What was held back comes at once.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = nil
	for c := range n.conns {
		c.hurry()
	}
}

func (n *Network) forget(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}
