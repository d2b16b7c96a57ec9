package embedded

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A clock stands still until a test moves it.
type clock struct{ millis atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.millis.Store(1_800_000_000_000)
	return c
}

func (c *clock) Now() time.Time        { return time.UnixMilli(c.millis.Load()) }
func (c *clock) move(by time.Duration) { c.millis.Add(by.Milliseconds()) }

// on starts a server on a clock, and talks to it.
func on(t *testing.T, c *clock) *talker {
	t.Helper()
	s := start(t, Config{Now: c.Now})
	n, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return talk(t, n)
}

// is checks the answer to words, as show writes it.
func (k *talker) is(want string, words ...string) {
	k.t.Helper()
	if got := k.do(words...).show(false, false); got != want {
		k.t.Errorf("%q: %s, want %s", words, got, want)
	}
}

// TestTTLsTellTheTruth: what lives how long, by whatever command it came to that, to the millisecond.
func TestTTLsTellTheTruth(t *testing.T) {
	c := newClock()
	k := on(t, c)
	for _, words := range [][]string{
		{"SET", "k", "v", "EX", "10"}, {"SET", "k", "v", "PX", "10000"}, {"SET", "k", "v", "PXAT", "1800000010000"}, {"SETEX", "k", "10", "v"},
		{"PSETEX", "k", "10000", "v"}, {"EXPIRE", "k", "10"}, {"PEXPIRE", "k", "10000"}, {"EXPIREAT", "k", "1800000010"},
		{"PEXPIREAT", "k", "1800000010000"}, {"GETEX", "k", "EX", "10"}, {"GETEX", "k", "PXAT", "1800000010000"},
		{"RESTORE", "k", "10000", "v", "REPLACE"}, {"RESTORE", "k", "1800000010000", "v", "REPLACE", "ABSTTL"},
		{"EVAL", "return redis.call('SET', KEYS[1], 'v', 'EX', 10)", "1", "k"}, {"EVAL", "return redis.call('EXPIRE', KEYS[1], 10)", "1", "k"},
	} {
		c.millis.Store(1_800_000_000_000)
		k.do("SET", "k", "v")
		if v := k.do(words...); v.kind == '-' {
			t.Errorf("%q: %s", words, v.text)
		}
		k.is(`:"10000"`, "PTTL", "k")
		k.is(`:"1800000010000"`, "PEXPIRETIME", "k")
		k.is(`:"1800000010"`, "EXPIRETIME", "k")
		c.move(9 * time.Second)
		k.is(`:"1"`, "TTL", "k")
		k.is(`:"1000"`, "EVAL", "return redis.call('PTTL', KEYS[1])", "1", "k")
		c.move(999 * time.Millisecond)
		k.is(`:"1"`, "PTTL", "k")
		k.is(`$"v"`, "GET", "k")
		c.move(time.Millisecond)
		k.is(`$null`, "GET", "k")
		k.is(`:"-2"`, "PTTL", "k")
		if t.Failed() {
			t.Fatalf("behind %q", words)
		}
	}
}

// TestTTLsFollow: a key's end goes where its value goes, and stays when it should.
func TestTTLsFollow(t *testing.T) {
	c := newClock()
	k := on(t, c)
	k.do("SET", "a", "1", "EX", "10")
	c.move(4 * time.Second)
	k.do("RENAME", "a", "b")
	k.is(`:"6000"`, "PTTL", "b")
	k.do("COPY", "b", "c")
	k.is(`:"6000"`, "PTTL", "c")
	k.do("SET", "b", "2", "KEEPTTL")
	k.is(`:"6000"`, "PTTL", "b")
	k.do("INCR", "b")
	k.is(`:"6000"`, "PTTL", "b")
	k.do("SET", "c", "2")
	k.is(`:"-1"`, "PTTL", "c")
	k.do("MOVE", "b", "1")
	k.do("SWAPDB", "1", "2")
	k.do("SELECT", "2")
	k.is(`:"6000"`, "PTTL", "b")
	k.do("COPY", "b", "far", "DB", "3")
	k.do("EXPIRE", "b", "100")
	c.move(6 * time.Second)
	k.is(`:"94000"`, "PTTL", "b")
	k.is(`:"1"`, "PERSIST", "b")
	c.move(time.Hour)
	k.is(`$"3"`, "GET", "b")
	k.do("SELECT", "3")
	k.is(`:"0"`, "EXISTS", "far")
	k.is(`:"0"`, "DBSIZE")
	k.do("SELECT", "0")
	k.is(`$"2"`, "GET", "c")

	k.do("SET", "gone", "1", "EX", "10")
	k.do("DEL", "gone")
	k.do("SET", "gone", "2")
	c.move(time.Minute)
	k.is(`$"2"`, "GET", "gone")
	k.do("SET", "early", "1", "EX", "1000")
	k.do("EXPIRE", "early", "1")
	c.move(time.Second)
	k.is(`$null`, "GET", "early")
	k.do("HSET", "h", "f", "1")
	k.do("EXPIRE", "h", "5")
	k.do("HSET", "h", "g", "1")
	k.is(`:"5000"`, "PTTL", "h")
	k.do("ZADD", "z", "1", "m")
	k.do("EXPIRE", "z", "-1")
	k.is(`:"0"`, "EXISTS", "z")
}

// TestTTLOfTransaction: a relative end counts from EXEC on, as in Redis.
func TestTTLOfTransaction(t *testing.T) {
	c := newClock()
	k := on(t, c)
	k.do("SET", "old", "1", "PX", "500")
	k.do("MULTI")
	k.do("SET", "k", "1", "EX", "10")
	k.do("PTTL", "k")
	k.do("EXISTS", "old")
	c.move(5 * time.Second)
	k.is(`*[+"OK" :"10000" :"0"]`, "EXEC")
}

// TestManyTTLs: of many keys each is there until its time and not a millisecond longer, whatever ends with it.
func TestManyTTLs(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	c := newClock()
	s := start(t, Config{Now: c.Now})
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	k := talk(t, conn)
	random := rand.New(rand.NewPCG(1, 2))
	ends := make([]int, n) // milliseconds
	for i := range ends {
		ends[i] = 1000 + random.IntN(59_000)
		if i%10 == 0 {
			ends[i] = 30_000 // a crowd
		}
	}
	const batch = 1000
	for i := 0; i < n; i += batch {
		var r reply
		for j := i; j < i+batch; j++ {
			r.bulks([]string{"SET", "key:" + strconv.Itoa(j), "v", "PX", strconv.Itoa(ends[j])})
		}
		if _, err := k.net.Write(r.b); err != nil {
			t.Fatal(err)
		}
		for range batch {
			if v := k.read(); v.kind != '+' {
				t.Fatalf("SET: %s", v.text)
			}
		}
	}
	look := func(i, now int) {
		t.Helper()
		want := fmt.Sprintf(`:"%d"`, ends[i]-now)
		if ends[i] <= now {
			want = `:"-2"`
		}
		k.is(want, "PTTL", "key:"+strconv.Itoa(i))
	}
	now := 0
	for _, to := range []int{999, 1000, 1050, 29_999, 30_000, 30_001, 59_000} {
		c.move(time.Duration(to-now) * time.Millisecond)
		now = to
		for range 200 {
			look(random.IntN(n), now)
		}
		look(random.IntN(n/10)*10, now) // one of the crowd, the first thing that is asked
	}
	live := 0
	for _, end := range ends {
		if end > now {
			live++
		}
	}
	k.is(fmt.Sprintf(`:"%d"`, live), "DBSIZE")
	c.move(time.Hour)
	k.is(`:"0"`, "DBSIZE")
	if s.ends.first.Load() <= c.Now().UnixMilli() || len(s.ends.of) != 0 {
		t.Errorf("%d keys are looked at yet", len(s.ends.of))
	}
}

// TestEndsByItself: a key is removed when its time has come though nobody asks for it, not before and
// not long after.
func TestEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		n, err := s.Dial()
		if err != nil {
			t.Fatal(err)
		}
		k := talk(t, n)
		k.do("SET", "k", "v", "PX", "5000")
		k.do("SET", "long", "v", "PX", "7200000")
		for _, c := range []struct {
			after time.Duration
			key   string
			lives bool
		}{{4999 * time.Millisecond, "k", true}, {2 * time.Millisecond, "k", false}, {7194 * time.Second, "long", true}, {time.Second, "long", false}} {
			time.Sleep(c.after) // of the bubble's time
			synctest.Wait()
			if got := s.mini.DB(0).Exists(c.key); got != c.lives {
				t.Errorf("%s after another %v: %v, want %v", c.key, c.after, got, c.lives)
			}
		}
		_ = n.Close()
	})
}

// TestOneDeadlineAKey: a key that is written again and again takes no more memory.
func TestOneDeadlineAKey(t *testing.T) {
	c := newClock()
	s := start(t, Config{Now: c.Now})
	n, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	k := talk(t, n)
	for range 1000 {
		k.do("SET", "k", "v", "EX", "3600")
		c.move(time.Second)
	}
	if got := len(s.ends.byTime); got != 1 {
		t.Errorf("%d deadlines of one key", got)
	}
	c.move(time.Hour - 2*time.Second)
	k.is(`$"v"`, "GET", "k")
	c.move(time.Second)
	k.is(`$null`, "GET", "k")
}
