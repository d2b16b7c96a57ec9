package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// markPrefix begins the keys of all marks.
const markPrefix = "nagare:"

// A link is a sink's own connections, from a moment at which it asks for everything that lives to the first
// doubt that what it wrote is still there. It has a mark on each server that takes writes, one or a
// cluster's masters, and there is a doubt when
//
//   - a mark is gone: the server was emptied, or is another;
//   - a mark is that of an earlier link: commands that this one had given up were carried out after all, by a
//     server that had hung, and older values may have taken the place of newer ones. For that each pipeline
//     begins and ends with a fence, the mark once more, which never makes one that is not there;
//   - a connection to a marked server had to be made anew: behind the same address may be a replica that was
//     promoted, with the mark, and without what was written last;
//   - a cluster has other masters than those that are marked, or the slot of a mark was moved.
type link struct {
	client   goredis.UniversalClient
	cluster  *goredis.ClusterClient // nil: one server
	token    string                 // value of the marks
	marked   time.Time              // when the marks were last set
	looked   time.Time              // when they were last seen
	compared time.Time              // when the masters were last compared
	release  func() bool

	mu    sync.Mutex
	marks map[string]string // by address: the key of the mark; nil until all are set
	again bool              // a connection to a marked server was made anew
	other bool              // one to another server was made
}

// A doubt is why it is not certain what the servers hold.
type doubt string

func (d doubt) Error() string { return string(d) }

const (
	emptied     doubt = "the server was emptied or is another"
	outrun      doubt = "the server did late what had been given up"
	reconnected doubt = "the connection was made anew"
	rearranged  doubt = "the cluster has other masters"
)

// How the masters of a cluster are looked at. A tag is found for each master by trying: one that owns a
// single slot of the 16,384 is missed by as many tries once in ten million times, and then tried again.
const (
	comparePause   = time.Second
	compareTimeout = time.Second / 2
	mostTags       = 1 << 18
)

// newLink makes a link without marks, which ends with ctx at the latest. Known are addresses of the cluster
// beside those that were given.
func (s *Server) newLink(ctx context.Context, known []string) *link {
	l := &link{token: token()}
	defer func() { l.release = context.AfterFunc(ctx, l.hangUp) }()
	opt := *s.opt
	opt.Dialer = l.dialer(opt.Dialer)
	opt.PoolSize = 1 // another connection would look like one that was made anew
	if !s.cluster {
		l.client = goredis.NewClient(opt.Simple())
		return l
	}
	opt.Addrs = append(append([]string(nil), opt.Addrs...), known...)
	c := opt.Cluster()
	c.DisableRoutingPolicies = true // they need COMMAND, which an access list may forbid
	l.cluster = goredis.NewClusterClient(c)
	l.client = l.cluster
	return l
}

// dialer notes the connections that are made.
func (l *link) dialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err == nil {
			l.mu.Lock()
			_, is := l.marks[addr]
			l.again = l.again || is
			l.other = l.other || !is
			l.mu.Unlock()
		}
		return c, err
	}
}

// close ends the link.
func (l *link) close() {
	l.release()
	l.hangUp()
}

// hangUp ends the connections, and commands that hang in them.
func (l *link) hangUp() { _ = l.client.Close() } // nothing is kept in them, and it may be closed already

// begin sets a mark on each server.
func (l *link) begin(ctx context.Context, sink, process string) error {
	marks, err := l.places(ctx, sink, process)
	if err != nil {
		return err
	}
	pipe := l.client.Pipeline()
	for _, key := range marks {
		pipe.Set(ctx, key, l.token, markLife)
	}
	now := time.Now()
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	l.marked, l.looked, l.compared = now, now, now
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks, l.again = marks, false
	return nil
}

// places finds a key on each server.
func (l *link) places(ctx context.Context, sink, process string) (map[string]string, error) {
	if l.cluster == nil {
		return map[string]string{l.client.(*goredis.Client).Options().Addr: markPrefix + sink + ":" + process}, nil
	}
	masters, err := l.masters(ctx)
	if err != nil {
		return nil, err
	}
	marks := map[string]string{}
	for tag := 0; tag < mostTags && len(marks) < len(masters); tag++ {
		key := fmt.Sprintf("%s{%d}:%s:%s", markPrefix, tag, sink, process)
		c, err := l.cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		if addr := c.Options().Addr; masters[addr] && marks[addr] == "" {
			marks[addr] = key
		}
	}
	if len(marks) < len(masters) {
		return nil, rearranged
	}
	return marks, nil
}

// masters asks a cluster for the addresses of its masters that own slots.
func (l *link) masters(ctx context.Context) (map[string]bool, error) {
	var mu sync.Mutex
	masters := map[string]bool{}
	err := l.cluster.ForEachMaster(ctx, func(_ context.Context, c *goredis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		masters[c.Options().Addr] = true
		return nil
	})
	if err == nil && len(masters) == 0 {
		err = errors.New("CLUSTERDOWN no slot is served")
	}
	return masters, err
}

// known is the addresses of the marked servers.
func (l *link) known() []string {
	var addrs []string
	for addr := range l.marks {
		addrs = append(addrs, addr)
	}
	return addrs
}

// see appends commands that read the marks.
func (l *link) see(ctx context.Context, pipe goredis.Pipeliner) (seen []*goredis.StringCmd) {
	for _, key := range l.marks {
		seen = append(seen, pipe.Get(ctx, key))
	}
	return seen
}

// fence appends commands that set the marks again where they are.
func (l *link) fence(ctx context.Context, pipe goredis.Pipeliner) (fences []*goredis.StatusCmd) {
	for _, key := range l.marks {
		fences = append(fences, pipe.SetArgs(ctx, key, l.token, goredis.SetArgs{Mode: "XX", TTL: markLife}))
	}
	return fences
}

// look reads the marks, and renews them.
func (l *link) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	pipe := l.client.Pipeline()
	seen := l.see(ctx, pipe)
	var fences []*goredis.StatusCmd
	if time.Since(l.marked) > markRenew {
		fences = l.fence(ctx, pipe)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return l.check(ctx, seen, fences)
}

// check returns the doubt that there is after commands on the marks, or their error.
func (l *link) check(ctx context.Context, seen []*goredis.StringCmd, fences []*goredis.StatusCmd) error {
	for _, got := range seen {
		switch text, err := got.Result(); {
		case errors.Is(err, goredis.Nil):
			return emptied
		case err != nil:
			return err
		case text != l.token:
			return outrun
		}
	}
	for _, set := range fences {
		switch err := set.Err(); {
		case errors.Is(err, goredis.Nil):
			return emptied
		case err != nil:
			return err
		}
	}
	now := time.Now()
	l.looked = now
	if len(fences) > 0 {
		l.marked = now
	}
	return l.compare(ctx, now)
}

// compare returns the doubt that connections and masters give.
func (l *link) compare(ctx context.Context, now time.Time) error {
	l.mu.Lock()
	again, other := l.again, l.other
	l.other = false
	l.mu.Unlock()
	if again {
		return reconnected
	}
	if l.cluster == nil || !other && now.Sub(l.compared) < comparePause {
		return nil
	}
	l.compared = now
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	masters, err := l.masters(ctx)
	if err != nil {
		return err
	}
	for addr, key := range l.marks {
		c, err := l.cluster.MasterForKey(ctx, key)
		if err != nil {
			return err
		}
		if !masters[addr] || c.Options().Addr != addr {
			return rearranged
		}
	}
	if len(masters) > len(l.marks) {
		return rearranged
	}
	return nil
}
