package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/adapters/redis"
)

// testDeletes: a NULL value empties its place, in the order of the rows, and the place stays empty when everything
// is written anew.
func testDeletes(t *testing.T, s *stand) {
	ctx := context.Background()
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 10, minute, 0, 0, time.UTC) }
	text := open(t, s.addr, redis.SinkConfig{Name: "text"})
	hash := open(t, s.addr, redis.SinkConfig{Name: "hash", Shape: redis.Hash})
	set := open(t, s.addr, redis.SinkConfig{Name: "set", Shape: redis.SortedSet})
	all := func(do func(p *pipeline)) {
		for _, p := range []*pipeline{text, hash, set} {
			do(p)
		}
	}
	text.final(cell{key: "a", value: "1", order: at(1)}, cell{key: "b", value: "1", order: at(1)}, cell{key: "late", value: "1", order: at(5)})
	hash.final(cell{key: "h", field: "x", value: "1"}, cell{key: "h", field: "y", value: "1"}, cell{key: "h1", field: "x", value: "1"})
	set.final(cell{key: "z", field: "m", value: "1"}, cell{key: "z", field: "n", value: "2"})
	all((*pipeline).settled)
	text.final(cell{key: "a", order: at(2)}, cell{key: "late", order: at(4)}, cell{key: "never", order: at(1)})
	hash.final(cell{key: "h", field: "x"}, cell{key: "h1", field: "x"})
	set.final(cell{key: "z", field: "m"})
	all((*pipeline).settled)
	look := func() {
		t.Helper()
		s.isNot(t, "a")
		s.isNot(t, "h1")
		s.is(t, "b", "1")
		s.is(t, "late", "1") // the NULL is older
		if diff := cmp.Diff(map[string]string{"y": "1"}, s.client.HGetAll(ctx, "h").Val()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"n"}, s.client.ZRange(ctx, "z", 0, -1).Val()); diff != "" {
			t.Error(diff)
		}
	}
	look()
	for name, p := range map[string]*pipeline{"text": text, "hash": hash, "set": set} {
		want := map[string]int64{"text": 2, "hash": 2, "set": 1}[name]
		if st := p.sink.Report(); st.Deleted != want || st.Refused != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	s.client.FlushAll(ctx)
	await(t, "rows that are back", func() bool { return s.holds("b")() && s.holds("h")() && s.holds("z")() })
	all((*pipeline).settled)
	look()
	text.final(cell{key: "a", value: "again", order: at(6)})
	text.settled()
	s.is(t, "a", "again")
}

// gone tells the sink of a place that has no row of an order any more.
func (p *pipeline) gone(cells ...cell) {
	p.t.Helper()
	r := rowsOf(cells...)
	for range cells {
		r.Gone = append(r.Gone, true)
	}
	if err := p.sink.Update(context.Background(), r); err != nil {
		p.t.Fatal(err)
	}
}

// testLetGo: a row of an open window that is let go leaves its place, unless another row is there.
func testLetGo(t *testing.T, s *stand) {
	ctx := context.Background()
	hour := func(n int) time.Time { return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC) }
	text := open(t, s.addr, redis.SinkConfig{Name: "text", StateField: "state"})
	text.open(cell{key: "a", value: "1", order: hour(1)}, cell{key: "b", value: "1", order: hour(1)})
	text.settled()
	text.gone(cell{key: "a", order: hour(1)}, cell{key: "b", order: hour(0)}, cell{key: "none", order: hour(1)})
	text.settled()
	s.isNot(t, "a")
	s.is(t, "b", "1")
	text.open(cell{key: "a", value: "2", order: hour(1)})
	text.settled()
	s.is(t, "a", "2")
	text.open(cell{key: "c", value: "1", order: hour(1)})
	text.gone(cell{key: "c", order: hour(1)}) // while the row may wait yet
	text.settled()
	s.isNot(t, "c")

	hash := open(t, s.addr, redis.SinkConfig{Name: "hash", Shape: redis.Hash, TTL: time.Hour})
	set := open(t, s.addr, redis.SinkConfig{Name: "set", Shape: redis.SortedSet, TTL: time.Hour})
	for _, p := range []*pipeline{hash, set} {
		key := p.sink.Report().Name
		p.open(cell{key: key, field: "x", value: "1", order: hour(1)}, cell{key: key, field: "y", value: "2", order: hour(1)})
		p.settled()
		p.gone(cell{key: key, field: "x", order: hour(1)})
		p.settled()
	}
	if diff := cmp.Diff(map[string]string{"y": "2"}, s.client.HGetAll(ctx, "hash").Val()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"y"}, s.client.ZRange(ctx, "set", 0, -1).Val()); diff != "" {
		t.Error(diff)
	}
	for _, key := range []string{"hash", "set"} {
		if left := s.client.PTTL(ctx, key).Val(); left <= 59*time.Minute || left > time.Hour {
			t.Errorf("%s lives for %v", key, left)
		}
	}
}

// testCovered: what a row that is let go has covered, a row of another window or table, is there again.
func testCovered(t *testing.T, s *stand) {
	hour := func(n int) time.Time { return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC) }
	p := open(t, s.addr, redis.SinkConfig{Name: "text"})
	p.final(cell{key: "a", value: "of the first hour", order: hour(1)})
	p.open(cell{key: "a", value: "of the second", order: hour(2)})
	p.settled()
	s.is(t, "a", "of the second")
	p.gone(cell{key: "a", order: hour(2)})
	p.settled()
	s.is(t, "a", "of the first hour")
}
