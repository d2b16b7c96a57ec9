package redis_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
	"github.com/nagare-stream/nagare/engine/record"
)

// A stand is a server that a test can make fail. The suite runs on an imitation and on the real one.
type stand struct {
	addr   string
	client goredis.UniversalClient
	marks  int64             // a sink has
	empty  func()            // it dies and comes back with nothing
	fail   func(word string) // it answers writes with that error; ok is false if it cannot be made to
	heal   func()
}

func imitation(t *testing.T) *stand {
	m := miniredis.RunT(t)
	s := &stand{addr: m.Addr(), client: redistest.Client(m.Addr(), ""), marks: 1}
	t.Cleanup(func() { _ = s.client.Close() })
	s.empty = func() {
		m.Close()
		m.FlushAll()
		if err := m.Restart(); err != nil {
			t.Error(err)
		}
	}
	s.fail = func(word string) { m.SetError(word + " as the test wants it") }
	s.heal = func() { m.SetError("") }
	return s
}

func realServer(t *testing.T) *stand {
	p := redistest.Start(t)
	s := &stand{addr: p.Addr, client: redistest.Client(p.Addr, ""), marks: 1}
	t.Cleanup(func() { _ = s.client.Close() })
	ctx := context.Background()
	do := func(args ...any) {
		if err := s.client.Do(ctx, args...).Err(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	s.empty = func() {
		p.Kill()
		p.Begin()
	}
	s.fail = func(word string) {
		switch word {
		case "OOM":
			do("CONFIG", "SET", "maxmemory", "1")
		case "READONLY":
			do("REPLICAOF", "127.0.0.1", "1")
		case "NOREPLICAS":
			do("CONFIG", "SET", "min-replicas-to-write", "1")
		default:
			t.Skipf("a real server cannot be made to answer %s", word)
		}
	}
	s.heal = func() {
		do("REPLICAOF", "NO", "ONE")
		do("CONFIG", "SET", "maxmemory", "0")
		do("CONFIG", "SET", "min-replicas-to-write", "0")
	}
	return s
}

// onCluster is a stand on the masters of a cluster, which is emptied before.
func onCluster(c *redistest.Cluster) func(*testing.T) *stand {
	return func(t *testing.T) *stand {
		s := &stand{addr: c.Masters[0].Addr, client: clusterClient(c), marks: int64(len(c.Masters))}
		t.Cleanup(func() { _ = s.client.Close() })
		all := func(args ...any) {
			for _, p := range c.Masters {
				p.Do(args...)
			}
		}
		all("FLUSHALL")
		s.empty = func() {
			for _, p := range c.Masters {
				p.Kill()
				p.Begin()
			}
		}
		s.fail = func(word string) {
			switch word {
			case "OOM":
				all("CONFIG", "SET", "maxmemory", "1")
			case "NOREPLICAS":
				all("CONFIG", "SET", "min-replicas-to-write", "1")
			default:
				t.Skipf("a cluster cannot be made to answer %s", word)
			}
		}
		s.heal = func() {
			all("CONFIG", "SET", "maxmemory", "0")
			all("CONFIG", "SET", "min-replicas-to-write", "0")
		}
		return s
	}
}

func clusterClient(c *redistest.Cluster) *goredis.ClusterClient {
	opt := &goredis.ClusterOptions{}
	for _, p := range c.Masters {
		opt.Addrs = append(opt.Addrs, p.Addr)
	}
	return goredis.NewClusterClient(opt)
}

// behindAddress is the cases in which all that a sink knows is one address: those of a cluster's servers do
// not lead through a proxy.
var behindAddress = []string{"hanging", "late", "slow", "failover", "promoted", "limit"}

// TestSuite runs every case against every server.
func TestSuite(t *testing.T) {
	cases := []struct {
		name string
		run  func(*testing.T, *stand)
	}{
		{"shapes", testShapes}, {"refused", testRefused}, {"deletes", testDeletes}, {"let go", testLetGo}, {"let go and covered", testCovered}, {"order", testOrder}, {"ttl", testTTL}, {"states", testStates},
		{"flushed", testFlushed}, {"killed and empty", testEmptied}, {"while filling", testFlushedWhileFilling},
		{"READONLY", testFault("READONLY")}, {"OOM", testFault("OOM")}, {"NOREPLICAS", testFault("NOREPLICAS")}, {"LOADING", testFault("LOADING")},
		{"another type", testOtherType}, {"hanging", testHanging}, {"late", testLate}, {"slow", testSlow}, {"failover", testFailover}, {"promoted", testPromoted}, {"large", testLarge}, {"limit", testLimit}, {"settled", testSettled},
	}
	run := func(t *testing.T, start func(*testing.T) *stand, but ...string) {
		for _, c := range cases {
			if !slices.Contains(but, c.name) {
				t.Run(c.name, func(t *testing.T) { c.run(t, start(t)) })
			}
		}
	}
	t.Run("imitation", func(t *testing.T) { run(t, imitation) })
	t.Run("real", func(t *testing.T) { run(t, realServer) })
	t.Run("cluster", func(t *testing.T) { run(t, onCluster(redistest.StartCluster(t, nil, 3, 0)), behindAddress...) })
}

// A pipeline plays the engine: it gives a sink rows, and everything that lives whenever it is asked.
type pipeline struct {
	t    *testing.T
	sink *redis.Sink

	mu    sync.Mutex
	rows  []*record.Rows
	fills int
	block chan struct{} // nil: refills are not held back
}

func open(t *testing.T, addr string, cfg redis.SinkConfig) *pipeline {
	t.Helper()
	server, err := redis.Open(context.Background(), redis.Config{Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{t: t, sink: redis.NewSink(server, cfg)}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-p.sink.Lost():
				if err := p.sink.Refill(ctx, p.readAll); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
		if err := p.sink.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *pipeline) readAll(take func(*record.Rows) error) error {
	p.mu.Lock()
	rows, block := p.rows, p.block
	p.fills++
	p.mu.Unlock()
	if block != nil {
		<-block
	}
	for _, r := range rows {
		if err := take(r); err != nil {
			return err
		}
	}
	return nil
}

// cell is one row; a part that is nil is NULL.
type cell struct {
	key, field, value any
	time, order       time.Time
}

func rowsOf(cells ...cell) *record.Rows {
	r := &record.Rows{Sink: "sink/cache"}
	put := func(b *record.Bytes, v any) {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append([]byte(v.(string)))
		}
	}
	for _, c := range cells {
		put(&r.Keys, c.key)
		put(&r.Values, c.value)
		put(&r.Fields, c.field)
		if c.time.IsZero() {
			c.time = time.Now()
		}
		r.Times = append(r.Times, c.time.UnixMicro())
		if !c.order.IsZero() {
			r.Orders = append(r.Orders, c.order.UnixMicro())
		}
	}
	return r
}

// final hands rows on that the tables keep.
func (p *pipeline) final(cells ...cell) {
	p.t.Helper()
	r := rowsOf(cells...)
	p.mu.Lock()
	p.rows = append(p.rows, r)
	p.mu.Unlock()
	if err := p.sink.Write(context.Background(), 1, r); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) open(cells ...cell) {
	p.t.Helper()
	if err := p.sink.Update(context.Background(), rowsOf(cells...)); err != nil {
		p.t.Fatal(err)
	}
}

// patience is how long anything may take before a test gives it up.
const patience = time.Minute

// await asks again and again whether something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	giveUp := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-giveUp:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// settled waits until the sink has written everything.
func (p *pipeline) settled() {
	p.t.Helper()
	await(p.t, "a sink that is connected and has nothing to write", func() bool {
		st := p.sink.Report()
		return st.State == "connected" && st.Waiting == 0
	})
}

func (s *stand) is(t *testing.T, key, want string) {
	t.Helper()
	if got, err := s.client.Get(context.Background(), key).Result(); err != nil || got != want {
		t.Errorf("%s is %q, %v; want %q", key, got, err, want)
	}
}

func (s *stand) isNot(t *testing.T, key string) {
	t.Helper()
	if n, err := s.client.Exists(context.Background(), key).Result(); err != nil || n != 0 {
		t.Errorf("%s is there, %v", key, err)
	}
}

func (s *stand) holds(key string) func() bool {
	return func() bool { return s.client.Exists(context.Background(), key).Val() == 1 }
}

// has reports whether there are n keys beside the marks.
func (s *stand) has(n int64) func() bool {
	return func() bool { return s.client.DBSize(context.Background()).Val() == n+s.marks }
}

// filled is how often everything was read again.
func (p *pipeline) filled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fills
}

// keys makes n rows with keys of their own.
func keys(n int, value string) []cell {
	cells := make([]cell, n)
	for i := range cells {
		cells[i] = cell{key: fmt.Sprintf("k%d", i), value: value}
	}
	return cells
}
