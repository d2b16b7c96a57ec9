package dedup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive is the rule without a table: an id is a duplicate if it was noted within the horizon.
type naive struct {
	horizon, clock int64
	seen           map[string]int64
}

func (n *naive) add(id string, appended int64) bool {
	if appended > n.clock || n.clock-appended > n.horizon {
		n.clock = appended
	}
	at, ok := n.seen[id]
	if d := n.clock - at; ok && max(d, -d) <= n.horizon {
		return true
	}
	n.seen[id] = n.clock
	return false
}

// kept is what a store has of a set.
type kept map[string][]byte

func (k kept) take(s *Set) {
	s.Cut(func(key, value []byte) { k[string(key)] = bytes.Clone(value) }, func(prefix []byte) {
		for key := range k {
			if strings.HasPrefix(key, string(prefix)) {
				delete(k, key)
			}
		}
	})
}

func (k kept) restore(t interface{ Fatal(...any) }, horizon int64, state State) *Set {
	s := New(horizon)
	keys := make([]string, 0, len(k))
	for key := range k {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := s.Restore([]byte(key), k[key]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetState(state); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSetAgainstMap compares a set, cut and restored at any moment, with the rule, over enough ids for
// many segments; and where clocks were wrong for a record, with a set that was never restored.
func TestSetAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		horizon := int64(rapid.SampledFrom([]int{10, 3000, 20_000}).Draw(rt, "horizon"))
		ids := rapid.SampledFrom([]int{3, 500, 30_000}).Draw(rt, "ids")
		wrong := rapid.Bool().Draw(rt, "wrong clocks")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		s, plain, rule := New(horizon), New(horizon), &naive{horizon: horizon, seen: map[string]int64{}}
		k := kept{}
		now := int64(1e6)
		for i := range rapid.IntRange(0, 25_000).Draw(rt, "records") {
			now += int64(random.IntN(3))
			appended := now - int64(random.IntN(6)) // a little out of order
			if wrong && random.IntN(5000) == 0 {
				appended += 1e12
			}
			id := fmt.Appendf(nil, "e%d", random.IntN(ids))
			s.Advance(appended)
			plain.Advance(appended)
			got, want := s.Add(id), plain.Add(id)
			if !wrong {
				want = rule.add(string(id), appended)
			}
			if got != want {
				rt.Fatalf("record %d, id %s at %d: duplicate %v, want %v", i, id, appended, got, want)
			}
			if random.IntN(3000) == 0 {
				k.take(s)
				if random.IntN(2) == 0 {
					s = k.restore(rt, horizon, s.State())
				}
			}
		}
		if most := horizon + 2*segmentIDs; plain.Len() > most || s.Len() > most { // at most one new id a unit of time
			rt.Fatalf("%d ids are held, and %d can be within the horizon", s.Len(), horizon)
		}
	})
}

// TestSetForgets sees memory stay bounded, also behind a record of the far future.
func TestSetForgets(t *testing.T) {
	s := New(1000)
	for i := range int64(100_000) {
		s.Advance(i)
		if s.Add(fmt.Append(nil, i)) {
			t.Fatalf("id %d is a duplicate", i)
		}
		if i == 50_000 {
			s.Advance(1e15)
			s.Add([]byte("of the future"))
		}
		if s.Len() > 1000+2*segmentIDs+1 {
			t.Fatalf("%d ids are held after %d", s.Len(), i)
		}
	}
	if most := int64(4 << 20); s.Size() > most {
		t.Errorf("%d bytes are taken", s.Size())
	}
}

func TestSetDamagedState(t *testing.T) {
	s, k := New(10), kept{}
	s.Advance(1)
	s.Add([]byte("a"))
	k.take(s)
	for key, value := range k {
		for _, bad := range []struct{ key, value []byte }{
			{[]byte(key)[:11], value}, {[]byte(key), value[:len(value)-1]}, {[]byte(key), append(bytes.Clone(value), 1)},
			{append([]byte(key)[:11:11], 7), value},
		} {
			if err := New(10).Restore(bad.key, bad.value); err == nil {
				t.Errorf("key %x value %x: no error", bad.key, bad.value)
			}
		}
	}
}

func TestSetLongIDs(t *testing.T) {
	s := New(10)
	s.Advance(1)
	long := bytes.Repeat([]byte("x"), 1<<20)
	if s.Add(long) || !s.Add(long) || s.Add(long[1:]) {
		t.Error("ids of a megabyte are not told apart")
	}
	if s.Size() > 16<<10 {
		t.Errorf("%d bytes are taken for them", s.Size())
	}
}

// BenchmarkAdd is an id of 36 bytes, one in ten a duplicate, with a million of them in the horizon.
func BenchmarkAdd(b *testing.B) {
	const live = 1 << 20
	s := New(live)
	id := bytes.Repeat([]byte("0"), 36)
	var n uint64
	add := func() {
		n++
		k := n
		if n%10 == 0 {
			k -= 9
		}
		binary.BigEndian.PutUint64(id, k*0x9e3779b97f4a7c15)
		s.Advance(int64(n))
		s.Add(id)
	}
	for range 2 * live {
		add()
	}
	b.ReportAllocs()
	for b.Loop() {
		add()
	}
	b.ReportMetric(float64(s.Size())/float64(s.Len())-36, "B/id-beyond-it")
}
