package enginetest

import (
	"context"
	"strings"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Cache is an record.Cache in memory that forgets when it is told to.
type Cache struct {
	mu     sync.Mutex
	filled sync.Cond
	lost   chan struct{}
	places map[string]*cached
	round  int
	fills  int
	Ages   map[string]int64 // by place: Times of the newest row; to be read when nothing runs
}

type cached struct {
	value string
	order int64
	round int // of the refill during or after which it came by itself; 0: it was read again
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	c := &Cache{lost: make(chan struct{}, 1), places: map[string]*cached{}, Ages: map[string]int64{}}
	c.filled.L = &c.mu
	return c
}

// Lose forgets everything and says so.
func (c *Cache) Lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.places)
	clear(c.Ages)
	select {
	case c.lost <- struct{}{}:
	default:
	}
}

// Fills is how often it was filled.
func (c *Cache) Fills() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fills
}

// AwaitFill waits until it was filled more than n times.
func (c *Cache) AwaitFill(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.fills <= n {
		c.filled.Wait()
	}
}

// Values is what it holds: by key, or key and field with a slash between.
func (c *Cache) Values() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]string{}
	for place, v := range c.places {
		out[place] = v.value
	}
	return out
}

// Write implements record.Sink.
func (c *Cache) Write(_ context.Context, _ uint64, out *record.Rows) error {
	c.put(out, false)
	return nil
}

// Update implements record.Updater.
func (c *Cache) Update(_ context.Context, out *record.Rows) error {
	c.put(out, false)
	return nil
}

func (c *Cache) put(out *record.Rows, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range out.Len() {
		place, order := string(out.Keys.At(i)), out.Times[i]
		if out.Fields.Len() > 0 {
			place += "/" + string(out.Fields.At(i))
		}
		if len(out.Orders) > 0 {
			order = out.Orders[i]
		}
		old := c.places[place]
		if out.IsGone(i) {
			if old != nil && old.order == order {
				delete(c.places, place)
				delete(c.Ages, place)
			}
			continue
		}
		if old == nil {
			old = &cached{order: order}
			c.places[place] = old
		}
		if order < old.order || again && old.round == c.round && order == old.order {
			continue
		}
		old.value, old.order = strings.Clone(string(out.Values.At(i))), order
		c.Ages[place] = out.Times[i]
		if !again {
			old.round = c.round
		}
	}
}

// Lost implements record.Cache.
func (c *Cache) Lost() <-chan struct{} { return c.lost }

// Refill implements record.Cache.
func (c *Cache) Refill(_ context.Context, read func(take func(*record.Rows) error) error) error {
	c.mu.Lock()
	c.round++
	c.mu.Unlock()
	err := read(func(out *record.Rows) error { c.put(out, true); return nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.fills++
		c.filled.Broadcast()
	}
	return err
}

// Settle implements record.Cache.
func (c *Cache) Settle(context.Context) error { return nil }

// Flush implements record.Sink.
func (c *Cache) Flush(context.Context) error { return nil }

// Close implements record.Sink; what it holds stays.
func (c *Cache) Close() error { return nil }
