//go:build unix

package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nagare-stream/nagare/adapters/redis/redistest"
	"github.com/nagare-stream/nagare/engine/record"
)

// cacheSinks waits until the caches of a process are all in a state, and returns them.
func (p *process) cacheSinks(state string) []record.SinkStatus {
	p.t.Helper()
	var sinks []record.SinkStatus
	p.await("caches that are "+state, func() bool {
		sinks = p.status().Sinks
		for _, s := range sinks {
			if s.State != state || state == "connected" && s.Waiting > 0 {
				return false
			}
		}
		return len(sinks) == 3
	})
	return sinks
}

// cached counts the keys that the shipped project keeps in a Redis.
func cached(p *process, c *goredis.Client) (clv, hours, tops int) {
	p.t.Helper()
	ctx := context.Background()
	count := func(pattern string) int { return len(c.Keys(ctx, pattern).Val()) }
	return count("clv:*"), count("hourly_sales:*"), count("top_products:*")
}

// TestCacheOnRealRedis: the shipped project against a real server that is flushed, killed and replaced while
// events come, and a process that starts again. What was there is there again each time.
func TestCacheOnRealRedis(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "a-password")
	t.Setenv("NAGARE_REDIS_PASSWORD", "a-password")
	data := t.TempDir()
	args := []string{"run", "--data", data, "--http", "0", "--redis", server.Addr, "--generator", "50"}
	p := start(t, false, args...)
	if line := p.line("cache"); line != "cache     redis at "+server.Addr {
		t.Errorf("the banner says %q", line)
	}
	c := redistest.Client(server.Addr, "a-password")
	defer c.Close()
	ctx := context.Background()
	p.await("cached rows", func() bool { clv, hours, tops := cached(p, c); return clv > 1000 && hours > 0 && tops > 0 })
	p.cacheSinks("connected")
	back := func(what string, clv, hours, tops int) {
		t.Helper()
		begin := time.Now()
		p.await("the rows after "+what, func() bool {
			a, b, c := cached(p, c)
			return a >= clv && b >= hours && c >= tops
		})
		t.Logf("%d keys were back %v after %s", clv+hours+tops, time.Since(begin).Round(time.Millisecond), what)
	}
	clv, hours, tops := cached(p, c)
	c.FlushAll(ctx)
	back("a flush", clv, hours, tops)

	clv, hours, tops = cached(p, c)
	server.Kill()
	for _, s := range p.cacheSinks("degraded") {
		if !strings.Contains(s.Reason, "start it") {
			t.Errorf("the reason is %q", s.Reason)
		}
	}
	before := p.status()
	if before.State != "degraded" || !strings.HasPrefix(before.Reason, "sink/") {
		t.Errorf("the pipeline is %s: %s", before.State, before.Reason)
	}
	p.await("events that are read all the same", func() bool { return p.status().Events > before.Events+50 })
	server.Begin()
	back("a server that was killed", clv, hours, tops)
	p.cacheSinks("connected")

	stop(t, p)
	clv, hours, tops = cached(p, c)
	c.FlushAll(ctx)
	p = start(t, false, args...)
	back("a restart on an empty server", clv, hours, tops)
	stop(t, p)
}

// stop ends a process as Ctrl-C does.
func stop(t *testing.T, p *process) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d; stderr:\n%s", code, p.errs.String())
	}
}

// TestCacheForOthers: the embedded Redis, opened to other programs: redis-cli, and redis-py where it is
// installed. A row that cannot have a key is refused and shown.
func TestCacheForOthers(t *testing.T) {
	port, data := freePort(t), t.TempDir()
	p := start(t, false, "run", "--data", data, "--http", "0", "--redis-listen", port, "--generator", "20")
	if line := p.line("cache"); !strings.HasSuffix(line, "redis-cli -p "+port) {
		t.Errorf("the banner says %q", line)
	}
	c := redistest.Client("127.0.0.1:"+port, "")
	defer c.Close()
	p.await("cached rows", func() bool { clv, hours, tops := cached(p, c); return clv > 1000 && hours > 0 && tops > 0 })
	ctx := context.Background()
	hour := c.Keys(ctx, "hourly_sales:*").Val()[0]
	if parts := strings.Split(hour, ":"); len(parts) != 4 { // hourly_sales, date and hour, minute, category
		t.Errorf("the key of an hour is %q", hour)
	}
	var sales struct {
		State, Category string
		Total           float64 `json:"total_sales"`
	}
	if err := json.Unmarshal([]byte(c.Get(ctx, hour).Val()), &sales); err != nil || sales.Category == "" || sales.Total <= 0 || sales.State != "open" && sales.State != "final" {
		t.Errorf("%s holds %s: %v", hour, c.Get(ctx, hour).Val(), err)
	}
	if left := c.TTL(ctx, hour).Val(); left <= 0 || left > 2*time.Hour {
		t.Errorf("%s lives for %v", hour, left)
	}
	user := c.Keys(ctx, "clv:*").Val()[0]
	if left := c.TTL(ctx, user).Val(); left <= 0 || left > time.Hour {
		t.Errorf("%s lives for %v", user, left)
	}
	top := c.Keys(ctx, "top_products:*").Val()[0]
	want := c.ZRevRangeWithScores(ctx, top, 0, 0).Val()
	if len(want) != 1 || want[0].Score <= 0 {
		t.Errorf("%s begins with %v", top, want)
	}

	publish(t, data, fmt.Appendf(nil, `{"event_id":"e1","timestamp":"%s","user_id":"u1","product_id":1,"quantity":1,"final_amount":5}`+"\n", time.Now().UTC().Format(time.RFC3339)))
	p.await("a row that is refused", func() bool {
		for _, s := range p.status().Sinks {
			if s.Name == "top_products_cache" && s.Refused > 0 {
				return s.Refusal == "its member is NULL"
			}
		}
		return false
	})

	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Log("there is no redis-cli: apt-get install redis-tools")
	} else if out, err := exec.Command("redis-cli", "-p", port, "GET", user).CombinedOutput(); err != nil || !strings.Contains(string(out), `"predicted_clv"`) {
		t.Errorf("redis-cli reads %s of %s: %v", out, user, err)
	}
	reader := `
import json, redis, sys
r = redis.Redis(host="localhost", port=int(sys.argv[1]), db=0, decode_responses=True)
user = next(iter(r.scan_iter("clv:*")))
print(json.loads(r.get(user))["predicted_clv"] >= 0, 0 < r.ttl(user) <= 3600, r.zrevrange(sys.argv[2], 0, 0, withscores=True)[0][1] > 0)
`
	if err := exec.Command("python3", "-c", "import redis").Run(); err != nil {
		t.Log("there is no redis-py: pip install redis")
	} else if out, err := exec.Command("python3", "-c", reader, port, top).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "True True True" {
		t.Errorf("redis-py: %s, %v", out, err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
