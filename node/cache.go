package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// Cache is what sinks of format redis write to. Its zero value is a Redis embedded in the process,
// which other programs cannot see.
type Cache struct {
	Address  string // of a Redis: HOST:PORT or a URL; "": the embedded one
	Password string
	Listen   string // of the embedded one: a loopback address; "": none
	// Through is given what makes the connections and returns what makes them in its place; nil: it stays.
	Through func(Dialer) Dialer
}

// openCache connects to what redis sinks write to, if the project has such. A taken port and a server
// that cannot be had are known before the folder is touched.
func (n *Node) openCache(ctx context.Context) error {
	c := n.cfg.Cache
	has := slices.ContainsFunc(n.cfg.Pipeline.Sinks, func(s *plan.SinkDef) bool { return s.Format == "redis" })
	if n.cfg.Look || !has && c.Address == "" && c.Listen == "" {
		return nil
	}
	if c.Listen != "" {
		address, err := parseAddress(c.Listen)
		if err != nil {
			return asFlag(err, redisListenFlag)
		}
		c.Listen = address
	}
	s, err := redis.Open(ctx, redis.Config{Address: c.Address, Password: c.Password, Listen: c.Listen, Logger: n.log, Through: c.Through})
	if isInUse(err) {
		return &PortError{Address: c.Listen, Owner: PortOwner(c.Listen), Err: err, Flag: redisListenFlag}
	}
	if err != nil {
		return err
	}
	n.cache = s
	n.onClose(s.Close)
	return nil
}

const redisListenFlag = "--redis-listen"

// asFlag says of an address which flag named it.
func asFlag(err error, flag string) error {
	if a, ok := err.(*AddressError); ok {
		a.Flag = flag
	}
	return err
}

// openCacheSink opens a redis sink. Whoever only looks writes nothing.
func (n *Node) openCacheSink(def *plan.SinkDef) record.Sink {
	if n.cache == nil {
		return file.NoopSink{}
	}
	shape := redis.ShapeOf(func(name string) bool {
		return slices.ContainsFunc(def.Root.Columns(), func(c plan.Column) bool { return strings.EqualFold(c.Name, name) })
	})
	return redis.NewSink(n.cache, redis.SinkConfig{Name: def.Name, Shape: shape, TTL: time.Duration(def.TTL) * time.Microsecond,
		StateField: def.Options["stateField"]})
}

// cacheText is the banner's line on the cache; "" without one.
func (n *Node) cacheText() string {
	if n.cache == nil {
		return ""
	}
	return n.cache.String()
}

// DialCache connects to the cache with nothing between; network and address are not looked at. It is what a
// client of go-redis takes as its Dialer.
func (n *Node) DialCache(ctx context.Context, network, address string) (net.Conn, error) {
	return n.cache.DialContext(ctx, network, address)
}

// LookIntoCache returns what the cache's keys hold whose names match a pattern of Redis.
func (n *Node) LookIntoCache(ctx context.Context, pattern string) (map[string]redis.Value, error) {
	if n.cache == nil {
		return nil, errNoCache
	}
	return n.cache.Look(ctx, pattern)
}

// EmptyCache removes all keys of the cache.
func (n *Node) EmptyCache(ctx context.Context) error {
	if n.cache == nil {
		return errNoCache
	}
	return n.cache.Empty(ctx)
}

var errNoCache = errors.New("look into Redis: there is none, for no sink of the project has the format redis")
