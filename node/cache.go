package node

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// Cache is what sinks of format redis write to. Its zero value is a Redis embedded in the process,
// which other programs cannot see.
type Cache struct {
	Address  string // of a Redis: HOST:PORT or a URL; "": the embedded one
	Password string
	Listen   string // of the embedded one: a loopback address; "": none
}

// openCache connects to what redis sinks write to, if the project has such. A taken port and a server
// that cannot be had are known before the folder is touched.
func (n *Node) openCache(ctx context.Context) error {
	c := n.cfg.Cache
	has := slices.ContainsFunc(n.cfg.Pipeline.Sinks, func(s *plan.SinkDef) bool { return s.Format == "redis" })
	if n.cfg.Look || !has && c == (Cache{}) {
		return nil
	}
	if c.Listen != "" {
		address, err := parseAddress(c.Listen)
		if err != nil {
			return asFlag(err, redisListenFlag)
		}
		c.Listen = address
	}
	s, err := redis.Open(ctx, redis.Config{Address: c.Address, Password: c.Password, Listen: c.Listen, Logger: n.log})
	if isInUse(err) {
		return &PortError{Address: c.Listen, Owner: portOwner(c.Listen), Err: err, Flag: redisListenFlag}
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
func (n *Node) openCacheSink(def *plan.SinkDef) engine.Sink {
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

// CacheAddress is where other programs find the cache; "" for nowhere.
func (n *Node) CacheAddress() string {
	if n.cache == nil {
		return ""
	}
	return n.cache.Address()
}

// DialCache connects to the embedded cache, which has a port only if one is wanted; network and address
// are not looked at. It is what a client of go-redis takes as its Dialer.
func (n *Node) DialCache(ctx context.Context, network, address string) (net.Conn, error) {
	return n.cache.DialContext(ctx, network, address)
}
