package harness

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/nagare-stream/nagare/harness/network"
	"github.com/nagare-stream/nagare/harness/stack"
)

// A RedisValue is what a key holds that a redis sink writes: Text of rows with the columns key and value,
// Hash with key, field and value, Scores with key, member and score. TTL is how long it lives yet, 0 for
// good.
type RedisValue = stack.RedisValue

// Redis returns what the keys of the cache hold, by their names, for those that match a pattern of Redis:
// "sales:*", or a name. What a pipeline keeps there for itself (nagare:*) is left out.
//
// Without FromEnv the cache is one in the process of the pipeline: a crash empties it, and the next
// start fills it again.
func (e *Env) Redis(pattern string) (found map[string]RedisValue) {
	e.t.Helper()
	e.within(func(ctx context.Context) (err error) { found, err = e.stack.Redis(ctx, pattern); return err })
	return found
}

// DialRedis connects to the cache, whatever the address, for a client that the test has: as the Dialer of
// one of go-redis, whose Addr is an IP address and whose MaintNotificationsConfig has the mode disabled where
// it is used in Synctest, or it would look for names over real sockets. No fault of the test stands before
// it. Restart ends connections to a cache that is not FromEnv's.
func (e *Env) DialRedis(ctx context.Context, network, address string) (net.Conn, error) {
	return e.stack.DialRedis(ctx, network, address)
}

// FailRedis makes what redis sinks ask fail until HealRedis. Unreachable: connections end, and none can be
// made. AnswerLost: commands are done, and the connection ends in place of the answer. ReadOnly and
// OutOfMemory: writes are refused, as by a replica, or at the limit of its memory. Loading: everything is,
// as while a server starts. What reads does not wait for it, and shows the cache as it is. A pipeline does not
// start on FromEnv's while that is unreachable.
func (e *Env) FailRedis(how Fault) {
	e.t.Helper()
	var f network.Fault
	switch how {
	case Unreachable:
		f.Down = true
	case AnswerLost:
		f.Lose = true
	case ReadOnly:
		f = network.Refused(network.ReadOnly)
	case OutOfMemory:
		f = network.Refused(network.OutOfMemory)
	case Loading:
		f = network.Refused(network.Loading)
	default:
		e.t.Fatalf("fail Redis: %v is no fault of it; there are Unreachable, AnswerLost, ReadOnly, OutOfMemory and Loading", how)
	}
	e.failRedis(f)
}

// SlowRedis has answers come that much later until HealRedis; a sink gives up waiting after 3 seconds.
func (e *Env) SlowRedis(by time.Duration) { e.t.Helper(); e.failRedis(network.Fault{Delay: by}) }

func (e *Env) failRedis(f network.Fault) {
	e.t.Helper()
	e.within(func(context.Context) error {
		if !e.stack.HasRedis() {
			return errors.New("fail Redis: no sink of the project has the format redis")
		}
		return e.servers.fail(e.servers.redis, "Redis", f)
	})
}

// HealRedis waits until a sink has met the fault, so that no test passes without it, and ends it. What is
// read from then on is what the sinks have filled in again.
func (e *Env) HealRedis() {
	e.t.Helper()
	e.within(func(ctx context.Context) error {
		if e.servers.met[e.servers.redis] != nil {
			if err := e.stack.LookAtRedis(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return e.servers.heal(ctx, e.servers.redis, "Redis")
	})
}

// FlushRedis removes all keys of the cache, as when a server comes back without its disk: FromEnv's, too.
// The pipeline fills it again.
func (e *Env) FlushRedis() { e.t.Helper(); e.within(e.stack.EmptyRedis) }
