package redis

import (
	"context"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// A Value is what a key holds. Which of its parts is set, the sink's shape says.
type Value struct {
	Text   string
	Hash   map[string]string
	Scores map[string]float64
	TTL    time.Duration // how long it lives yet; 0: for good
}

// lookKeys is how many keys are asked for at a time.
const lookKeys = 1000

// Look returns what the keys hold whose names match a pattern of Redis, such as "sales:*"; marks are left
// out. Keys of other types than a sink writes are an error.
func (s *Server) Look(ctx context.Context, pattern string) (map[string]Value, error) {
	found := map[string]Value{}
	err := s.onEach(ctx, func(ctx context.Context, c *goredis.Client) error {
		keys := c.Scan(ctx, 0, pattern, lookKeys).Iterator()
		for keys.Next(ctx) {
			key := keys.Val()
			if strings.HasPrefix(key, markPrefix) {
				continue
			}
			v, there, err := look(ctx, c, key)
			if err != nil {
				return fmt.Errorf("read key %s of Redis: %w", key, err)
			}
			if there {
				found[key] = v
			}
		}
		if err := keys.Err(); err != nil {
			return fmt.Errorf("find the keys %s of Redis: %w", pattern, err)
		}
		return nil
	})
	return found, err
}

// look reads a key; false for one that is not there any more.
func look(ctx context.Context, c *goredis.Client, key string) (v Value, there bool, err error) {
	left, err := c.PTTL(ctx, key).Result()
	if err != nil {
		return v, false, err
	}
	v.TTL = max(left, 0) // of one without an end it is negative
	kind, err := c.Type(ctx, key).Result()
	if err != nil {
		return v, false, err
	}
	switch kind {
	case "string":
		v.Text, err = c.Get(ctx, key).Result()
	case "hash":
		v.Hash, err = c.HGetAll(ctx, key).Result()
	case "zset":
		v.Scores = map[string]float64{}
		var members []goredis.Z
		members, err = c.ZRangeWithScores(ctx, key, 0, -1).Result()
		for _, m := range members {
			v.Scores[m.Member.(string)] = m.Score
		}
	case "none":
		return v, false, nil
	default:
		err = fmt.Errorf("it is a %s, which no sink writes", kind)
	}
	return v, err == nil, err
}

// Empty removes all keys, as a server has none that comes back without its disk.
func (s *Server) Empty(ctx context.Context) error {
	return s.onEach(ctx, func(ctx context.Context, c *goredis.Client) error {
		if err := c.FlushDB(ctx).Err(); err != nil {
			return fmt.Errorf("empty Redis: %w", err)
		}
		return nil
	})
}

// onEach connects to the server, or to each of a cluster, with nothing between.
func (s *Server) onEach(ctx context.Context, do func(ctx context.Context, c *goredis.Client) error) error {
	opt := s.direct
	if s.cluster {
		c := goredis.NewClusterClient(opt.Cluster())
		defer c.Close()
		return c.ForEachMaster(ctx, do)
	}
	c := goredis.NewClient(opt.Simple())
	defer c.Close()
	return do(ctx, c)
}
