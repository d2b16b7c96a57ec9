package stack

import (
	"context"
	"net"
	"slices"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/node"
)

// A RedisValue is what a key of the cache holds.
type RedisValue = redis.Value

// Redis settles and returns what the cache's keys hold whose names match a pattern of Redis.
func (s *Stack) Redis(ctx context.Context, pattern string) (found map[string]RedisValue, err error) {
	err = s.read(ctx, func(ctx context.Context, n *node.Node) error {
		found, err = n.LookIntoCache(ctx, pattern)
		return err
	})
	return found, err
}

// EmptyRedis removes all keys of the cache.
func (s *Stack) EmptyRedis(ctx context.Context) error {
	return s.within(ctx, func(ctx context.Context, l *life) error { return l.node.EmptyCache(ctx) })
}

// LookAtRedis has the redis sinks look at the cache now.
func (s *Stack) LookAtRedis(ctx context.Context) error {
	return s.within(ctx, func(ctx context.Context, l *life) error {
		s.mu.Lock()
		caches := slices.Clone(l.caches)
		s.mu.Unlock()
		for _, c := range caches {
			if err := c.Settle(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// DialRedis connects to the cache, whatever the address.
func (s *Stack) DialRedis(ctx context.Context, network, address string) (net.Conn, error) {
	l, err := s.now()
	if err != nil {
		return nil, err
	}
	return l.node.DialCache(ctx, network, address)
}

// HasRedis reports whether a sink of the project writes to Redis.
func (s *Stack) HasRedis() bool {
	for _, def := range s.Project.Pipeline.Sinks {
		if def.Format == "redis" {
			return true
		}
	}
	return false
}
