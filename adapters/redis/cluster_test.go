package redis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

// filledCluster starts three masters, each with so many replicas, and a sink that has written n keys.
func filledCluster(t *testing.T, replicas, n int) (*redistest.Cluster, *stand, *pipeline) {
	t.Helper()
	c := redistest.StartCluster(t, nil, 3, replicas)
	s := onCluster(c)(t)
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	p.final(keys(n, "1")...)
	p.settled()
	return c, s, p
}

// TestClusterLosesAShard: any one master is emptied by somebody else, while nothing is written to it.
func TestClusterLosesAShard(t *testing.T) {
	t.Parallel()
	c, s, p := filledCluster(t, 0, 2000)
	for _, master := range c.Masters {
		master.Do("FLUSHALL")
		begin := time.Now()
		await(t, "all keys", s.has(2000))
		t.Logf("2,000 keys were back %v after %s was emptied", time.Since(begin), master.Addr)
		p.settled()
	}
	for _, master := range c.Masters {
		master.Kill()
		master.Begin()
		await(t, "all keys", s.has(2000))
	}
}

// TestClusterFailsOver: a master dies and its replica takes its place, without the address that was given.
func TestClusterFailsOver(t *testing.T) {
	t.Parallel()
	c, s, p := filledCluster(t, 1, 2000)
	c.Masters[0].Kill()
	p.final(keys(2000, "2")...)
	await(t, "a sink in trouble", func() bool { return p.sink.Report().State == "degraded" })
	c.Replicas[0].Await("a replica that is master", "role:master")
	begin := time.Now()
	await(t, "all keys", s.has(2000))
	p.settled()
	t.Logf("2,000 keys were back %v after the replica became master", time.Since(begin))
	for i := range 2000 {
		s.is(t, fmt.Sprint("k", i), "2")
	}
}

// TestClusterTakenOver: a replica takes the place of a master that lives. What it lacks nobody knows, so that
// everything is written anew.
func TestClusterTakenOver(t *testing.T) {
	t.Parallel()
	c, s, p := filledCluster(t, 1, 200)
	fills := p.filled()
	c.Replicas[0].Do("CLUSTER", "FAILOVER", "TAKEOVER")
	await(t, "a refill", func() bool { return p.filled() > fills })
	p.settled()
	c.Replicas[0].Do("FLUSHALL")
	await(t, "all keys", s.has(200))
}

// TestClusterPartlyFull: one master refuses writes for a while. It is shown, and no row is lost.
func TestClusterPartlyFull(t *testing.T) {
	t.Parallel()
	c, s, p := filledCluster(t, 0, 200)
	c.Masters[1].Do("CONFIG", "SET", "maxmemory", "1")
	p.final(keys(400, "2")...)
	await(t, "a sink in trouble", func() bool { return strings.Contains(p.sink.Report().Reason, "its memory is full") })
	c.Masters[1].Do("CONFIG", "SET", "maxmemory", "0")
	await(t, "all keys", s.has(400))
	p.settled()
	for i := range 400 {
		s.is(t, fmt.Sprint("k", i), "2")
	}
}

// TestClusterMovesSlots: the slot with a mark moves to another master with everything in it. The one that
// has lost it is still watched.
func TestClusterMovesSlots(t *testing.T) {
	t.Parallel()
	c, s, p := filledCluster(t, 0, 2000)
	from, to := c.Masters[0], c.Masters[1]
	client := from.Client()
	defer client.Close()
	marks := client.Keys(context.Background(), "nagare:{*").Val()
	if len(marks) != 1 {
		t.Fatalf("one of the masters has the marks %q", marks)
	}
	slot := from.Do("CLUSTER", "KEYSLOT", marks[0])
	host, port, _ := strings.Cut(to.Addr, ":")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.ID())
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ID())
	for _, key := range from.Do("CLUSTER", "GETKEYSINSLOT", slot, 1000).([]any) {
		from.Do("MIGRATE", host, port, key, 0, 5000)
	}
	fills := p.filled()
	for _, master := range []*redistest.Process{to, from, c.Masters[2]} {
		master.Do("CLUSTER", "SETSLOT", slot, "NODE", to.ID())
	}
	await(t, "a refill", func() bool { return p.filled() > fills })
	p.settled()
	from.Do("FLUSHALL")
	await(t, "every key", func() bool {
		n := 0
		for i := range 2000 {
			n += int(s.client.Exists(context.Background(), fmt.Sprint("k", i)).Val())
		}
		return n == 2000
	})
	p.settled()
	if st := p.sink.Report(); st.Refused != 0 {
		t.Errorf("rows were refused: %+v", st)
	}
}
