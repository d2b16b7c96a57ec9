package redis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
	"github.com/nagare-stream/nagare/engine/record"
)

func testShapes(t *testing.T, s *stand) {
	ctx := context.Background()
	text := open(t, s.addr, redis.SinkConfig{Name: "text"})
	text.final(cell{key: "a", value: "1"}, cell{key: "", value: ""}, cell{key: "b\x00\r\n", value: "\x00\xff\r\n$5"}, cell{key: "a", value: "2"})
	hash := open(t, s.addr, redis.SinkConfig{Name: "hash", Shape: redis.Hash, TTL: time.Hour})
	hash.final(cell{key: "h", field: "x", value: "1"}, cell{key: "h", field: "y", value: "2"}, cell{key: "h", field: "x", value: "3"}, cell{key: "h2", field: "", value: "4"})
	set := open(t, s.addr, redis.SinkConfig{Name: "set", Shape: redis.SortedSet, TTL: time.Hour})
	set.final(cell{key: "z", field: "m", value: "1.5"}, cell{key: "z", field: "n", value: "3"}, cell{key: "z", field: "m", value: "1e300"}, cell{key: "z", field: "o", value: "-Infinity"})
	text.settled()
	hash.settled()
	set.settled()
	s.is(t, "a", "2")
	s.is(t, "", "")
	s.is(t, "b\x00\r\n", "\x00\xff\r\n$5")
	if diff := cmp.Diff(map[string]string{"x": "3", "y": "2"}, s.client.HGetAll(ctx, "h").Val()); diff != "" {
		t.Error(diff)
	}
	members, err := s.client.ZRange(ctx, "z", 0, -1).Result()
	if diff := cmp.Diff([]string{"o", "n", "m"}, members); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if score := s.client.ZScore(ctx, "z", "m").Val(); score != 1e300 {
		t.Errorf("the score is %v", score)
	}
	for _, key := range []string{"h", "h2", "z"} {
		if left := s.client.PTTL(ctx, key).Val(); left <= 59*time.Minute || left > time.Hour {
			t.Errorf("%s lives for %v", key, left)
		}
	}
	if left := s.client.PTTL(ctx, "a").Val(); left != -1 {
		t.Errorf("a key without ttl lives for %v", left)
	}
}

func testRefused(t *testing.T, s *stand) {
	text := open(t, s.addr, redis.SinkConfig{Name: "text"})
	text.final(cell{value: "1"}, cell{key: "a"}, cell{key: "b", value: "2"})
	set := open(t, s.addr, redis.SinkConfig{Name: "set", Shape: redis.SortedSet})
	set.final(cell{key: "z", value: "1"}, cell{key: "z", field: "m"}, cell{key: "z", field: "m", value: "NaN"}, cell{key: "z", field: "m", value: "7"})
	text.settled()
	set.settled()
	if st := text.sink.Report(); st.Refused != 1 || st.Refusal != "its key is NULL" {
		t.Errorf("text: %+v", st)
	}
	if st := set.sink.Report(); st.Refused != 2 || st.Refusal != "its score is no number" {
		t.Errorf("set: %+v", st)
	}
	s.is(t, "b", "2")
	s.isNot(t, "a")
	s.isNot(t, "None")
}

// testOrder: of rows for one place the one with the latest time stays, in whatever order they come and
// come again.
func testOrder(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text", TTL: time.Hour})
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 10, minute, 0, 0, time.UTC) }
	p.final(cell{key: "a", value: "later", order: at(5)})
	p.settled()
	p.final(cell{key: "a", value: "earlier", order: at(4)}, cell{key: "b", value: "first", order: at(1)}, cell{key: "b", value: "second", order: at(1)})
	p.settled()
	s.is(t, "a", "later")
	s.is(t, "b", "second")
	s.client.FlushAll(context.Background())
	await(t, "rows that are back", s.holds("b"))
	p.settled()
	s.is(t, "a", "later")
	s.is(t, "b", "second")
}

// testTTL: a row lives as long as its age allows, and what has ended does not come back.
func testTTL(t *testing.T, s *stand) {
	ctx := context.Background()
	now := time.Now()
	p := open(t, s.addr, redis.SinkConfig{Name: "text", TTL: time.Hour})
	p.final(cell{key: "old", value: "1", time: now.Add(-61 * time.Minute)}, cell{key: "half", value: "1", time: now.Add(-30 * time.Minute)},
		cell{key: "window", value: "1", time: now.Add(50 * time.Minute)})
	p.settled()
	for range 2 {
		s.isNot(t, "old")
		if st := p.sink.Report(); st.TooOld != 1 {
			t.Errorf("%d rows were too old", st.TooOld)
		}
		if left := s.client.PTTL(ctx, "half").Val(); left < 28*time.Minute || left > 30*time.Minute {
			t.Errorf("a row of half an hour ago lives for %v", left)
		}
		if left := s.client.PTTL(ctx, "window").Val(); left < 58*time.Minute || left > time.Hour {
			t.Errorf("a row of a window that ends later lives for %v", left)
		}
		s.client.FlushAll(ctx)
		await(t, "rows that are back", s.holds("window"))
		p.settled()
	}
	short := open(t, s.addr, redis.SinkConfig{Name: "short", Shape: redis.Hash, TTL: time.Hour})
	short.final(cell{key: "h", field: "a", value: "1", time: now.Add(-10 * time.Minute)})
	short.settled()
	short.final(cell{key: "h", field: "b", value: "1", time: now.Add(-40 * time.Minute)})
	short.settled()
	if left := s.client.PTTL(ctx, "h").Val(); left < 48*time.Minute || left > 50*time.Minute {
		t.Errorf("a hash lives for %v, and its youngest row for 50 minutes", left)
	}
}

// testStates: a field of the value tells whether the window is open.
func testStates(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text", StateField: "state"})
	p.open(cell{key: "a", value: `{"n":1}`}, cell{key: "b", value: `{}`}, cell{key: "c", value: `[1]`})
	p.settled()
	s.is(t, "a", `{"state":"open","n":1}`)
	s.is(t, "b", `{"state":"open"}`)
	s.is(t, "c", `[1]`)
	p.final(cell{key: "a", value: `{"n":2}`})
	p.settled()
	s.is(t, "a", `{"state":"final","n":2}`)
}

func testFlushed(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text", TTL: time.Hour})
	p.final(keys(2000, "1")...)
	p.settled()
	for range 3 {
		s.client.FlushAll(context.Background())
		begin := time.Now()
		await(t, "all keys", s.has(2000))
		t.Logf("2,000 keys were back after %v", time.Since(begin))
	}
}

func testEmptied(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text", TTL: time.Hour})
	p.final(keys(2000, "1")...)
	p.settled()
	s.empty()
	begin := time.Now()
	await(t, "all keys", s.has(2000))
	t.Logf("2,000 keys were back %v after the server", time.Since(begin))
	p.settled()
}

// testFlushedWhileFilling: what is lost while everything is read again is read once more.
func testFlushedWhileFilling(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	p.final(keys(500, "1")...)
	p.settled()
	block := make(chan struct{})
	p.mu.Lock()
	p.block = block
	fills := p.fills
	p.mu.Unlock()
	s.client.FlushAll(context.Background())
	await(t, "a refill", func() bool { return p.filled() > fills })
	p.final(cell{key: "k0", value: "newer"}) // while it reads
	s.client.FlushAll(context.Background())
	p.mu.Lock()
	p.block = nil
	p.mu.Unlock()
	close(block)
	await(t, "all keys", s.has(500))
	p.settled()
	s.is(t, "k0", "newer")
}

// testFault: the server takes no writes for a while. Nothing waits for it, the reason is shown, and
// everything is there when it is well again.
func testFault(word string) func(*testing.T, *stand) {
	return func(t *testing.T, s *stand) {
		p := open(t, s.addr, redis.SinkConfig{Name: "text"})
		p.final(keys(100, "1")...)
		p.settled()
		s.fail(word)
		p.final(keys(200, "2")...)
		await(t, "a sink in trouble", func() bool { return p.sink.Report().State == "degraded" })
		if st := p.sink.Report(); st.Reason == "" || strings.Contains(st.Reason, word) {
			t.Errorf("the reason is %q: it should say what to do", st.Reason)
		}
		p.final(keys(300, "3")...)
		s.heal()
		p.settled()
		s.is(t, "k0", "3")
		s.is(t, "k299", "3")
		if st := p.sink.Report(); st.Refused != 0 {
			t.Errorf("rows were refused: %+v", st)
		}
	}
}

// testOtherType: a key that somebody else uses for something else is refused, and stops nothing.
func testOtherType(t *testing.T, s *stand) {
	s.client.RPush(context.Background(), "k1", "x")
	p := open(t, s.addr, redis.SinkConfig{Name: "hash", Shape: redis.Hash})
	p.final(cell{key: "k1", field: "f", value: "1"}, cell{key: "k2", field: "f", value: "1"})
	p.settled()
	if st := p.sink.Report(); st.Refused == 0 || !strings.HasPrefix(st.Refusal, "WRONGTYPE") {
		t.Errorf("%+v", st)
	}
	if v := s.client.HGet(context.Background(), "k2", "f").Val(); v != "1" {
		t.Errorf("the row behind it is %q", v)
	}
}

// TestForbiddenKeys: the marks are let through and the rows are not. It is shown, and mended without a restart.
func TestForbiddenKeys(t *testing.T) {
	s := realServer(t)
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	p.settled()
	s.client.Do(context.Background(), "ACL", "SETUSER", "default", "resetkeys", "~nagare:*")
	p.final(keys(100, "1")...)
	await(t, "a sink in trouble", func() bool { return strings.Contains(p.sink.Report().Reason, "access list") })
	s.client.Do(context.Background(), "ACL", "SETUSER", "default", "~*")
	await(t, "all keys", s.has(100))
	p.settled()
	if st := p.sink.Report(); st.Refused != 0 {
		t.Errorf("rows were refused: %+v", st)
	}
}

// testHanging: a server that takes connections and says nothing is found out.
func testHanging(t *testing.T, s *stand) {
	proxy := redistest.NewProxy(t, s.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.final(keys(100, "1")...)
	p.settled()
	proxy.Hang()
	p.final(keys(200, "2")...)
	await(t, "a sink in trouble", func() bool { return p.sink.Report().State == "degraded" })
	if st := p.sink.Report(); !strings.Contains(st.Reason, "does not answer in time") {
		t.Errorf("the reason is %q", st.Reason)
	}
	proxy.Resume()
	p.settled()
	s.is(t, "k199", "2")
}

// testLate: a server that hung carries out what was given up long ago, behind newer rows. They are written
// once more.
func testLate(t *testing.T, s *stand) {
	proxy := redistest.NewProxy(t, s.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.final(cell{key: "k", value: "1"})
	p.settled()
	proxy.Hang()
	p.final(cell{key: "k", value: "2"})
	await(t, "a sink in trouble", func() bool { return p.sink.Report().State == "degraded" })
	proxy.Renew()
	p.final(cell{key: "k", value: "3"})
	p.settled()
	s.is(t, "k", "3")
	written, refills := p.sink.Report().Written, p.sink.Report().Refills
	proxy.Resume()
	await(t, "another refill", func() bool { return p.sink.Report().Refills > refills })
	p.settled()
	s.is(t, "k", "3")
	if now := p.sink.Report().Written; now <= written {
		t.Errorf("%d rows were written, and %d before", now, written)
	}
}

// testSlow: a server far away gets the newest rows, and fewer of those between.
func testSlow(t *testing.T, s *stand) {
	proxy := redistest.NewProxy(t, s.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.settled()
	proxy.Slow(50 * time.Millisecond)
	for i := range 2000 {
		p.final(cell{key: "k", value: strings.Repeat("x", i)})
	}
	p.settled()
	s.is(t, "k", strings.Repeat("x", 1999))
	if st := p.sink.Report(); st.Written > 1000 {
		t.Errorf("%d rows were written of one key", st.Written)
	}
}

// testFailover: the address leads to another server, which lacks what the first one had.
func testFailover(t *testing.T, s *stand) {
	first := imitation(t)
	proxy := redistest.NewProxy(t, first.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.final(keys(500, "1")...)
	p.settled()
	proxy.Lead(s.addr)
	await(t, "all keys", s.has(500))
	p.settled()
}

// testPromoted: behind the address is a replica now, which has the mark and not what was written last.
func testPromoted(t *testing.T, s *stand) {
	first := imitation(t)
	proxy := redistest.NewProxy(t, first.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.settled()
	ctx := context.Background()
	for _, key := range first.client.Keys(ctx, "*").Val() { // what has come to it
		s.client.Set(ctx, key, first.client.Get(ctx, key).Val(), time.Hour)
	}
	p.final(keys(500, "1")...)
	p.settled()
	proxy.Lead(s.addr)
	await(t, "all keys", func() bool { return s.holds("k0")() && s.holds("k499")() })
	p.settled()
}

// testLarge: rows that are large are read again once, however many of them are as much as may wait.
func testLarge(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	p.settled()
	const n = 1400
	for range 7 { // 77 MB in all
		from := len(p.rows) * n / 7
		cells := keys(from+n/7, strings.Repeat("x", 55<<10))
		p.final(cells[from:]...)
		p.settled()
	}
	fills := p.filled()
	s.client.FlushAll(context.Background())
	await(t, "all keys", s.has(n))
	p.settled()
	if now := p.filled(); now != fills+1 {
		t.Errorf("everything was read again %d times", now-fills)
	}
}

// testLimit: more places than may wait while the server is away. The others are read again.
func testLimit(t *testing.T, s *stand) {
	proxy := redistest.NewProxy(t, s.addr)
	p := open(t, proxy.Addr, redis.SinkConfig{Name: "text"})
	p.settled()
	proxy.Hang()
	const n = 80_000
	p.final(keys(n, "1")...)
	if st := p.sink.Report(); st.Waiting > 1<<16+512 {
		t.Errorf("%d rows wait", st.Waiting)
	}
	proxy.Resume()
	await(t, "all keys", s.has(n))
	p.settled()
}

var _ record.Cache = (*redis.Sink)(nil)

// testSettled: a run with an end waits for all rows, however many, and not for a server that is away.
func testSettled(t *testing.T, s *stand) {
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	const n = 70_000
	p.final(keys(n, "1")...)
	if err := p.sink.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := s.client.DBSize(context.Background()).Val(); got != n+s.marks {
		t.Errorf("the server has %d keys of %d", got, n+1)
	}
	s.fail("OOM")
	p.final(keys(10, "2")...)
	await(t, "a sink in trouble", func() bool { return p.sink.Report().State == "degraded" })
	if err := p.sink.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.heal()
	p.settled()
}
