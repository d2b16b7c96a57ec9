package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/state"
	"pgregory.net/rapid"
)

// StoreSuite checks that an implementation of state.Store does what the port demands; each case
// names the rule. open returns the store of a folder. With durable, the suite closes stores and asks
// for the same folder again, and expects what was committed.
func StoreSuite(t *testing.T, durable bool, open func(t testing.TB, dir string) state.Store) {
	s := storeSuite{durable, open}
	t.Run("a fresh store has epoch 0 and no state", s.fresh)
	t.Run("a commit is loaded again", s.loaded)
	t.Run("an epoch that is not the next is refused", s.epochs)
	t.Run("later entries for a key replace earlier ones", s.order)
	t.Run("rows of tables are not restored", s.tables)
	t.Run("restore is in order of operator and key", s.sorted)
	t.Run("any bytes are keys and values", s.anyBytes)
	t.Run("long keys keep their order", s.longKeys)
	t.Run("a scan is bounded and in order", s.scan)
	t.Run("a scan may commit while it visits", s.scanAndCommit)
	t.Run("an error of a callback is returned", s.callbackErrors)
	t.Run("the delta may be used again", s.reuse)
	t.Run("any sequence of commits agrees with a map", s.model)
}

type storeSuite struct {
	durable bool
	open    func(t testing.TB, dir string) state.Store
}

// reopen closes the store and opens it again, if that keeps what is in it.
func (s storeSuite) reopen(t testing.TB, st state.Store, dir string) state.Store {
	if !s.durable {
		return st
	}
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return s.open(t, dir)
}

func commit(t testing.TB, st state.Store, epoch uint64, data string, d *state.Delta) {
	t.Helper()
	if err := st.Commit(context.Background(), state.Checkpoint{Epoch: epoch, Data: []byte(data)}, d); err != nil {
		t.Fatalf("commit epoch %d: %v", epoch, err)
	}
}

// loaded returns the checkpoint and the state, an entry a line.
func loaded(t testing.TB, st state.Store) (state.Checkpoint, string) {
	t.Helper()
	var lines strings.Builder
	cp, err := st.Load(context.Background(), func(op string, key, value []byte) error {
		fmt.Fprintf(&lines, "%s %q=%q\n", op, key, value)
		return nil
	})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	alone, err := st.Load(context.Background(), nil)
	if err != nil || alone.Epoch != cp.Epoch || string(alone.Data) != string(cp.Data) {
		t.Errorf("without its state the checkpoint is %d %q (%v), with it %d %q", alone.Epoch, alone.Data, err, cp.Epoch, cp.Data)
	}
	return cp, lines.String()
}

func scanned(t testing.TB, st state.Store, op string, from, to []byte) string {
	t.Helper()
	var lines strings.Builder
	err := st.Scan(context.Background(), op, from, to, func(key, value []byte) error {
		fmt.Fprintf(&lines, "%q=%q\n", key, value)
		return nil
	})
	if err != nil {
		t.Fatalf("scan %s: %v", op, err)
	}
	return lines.String()
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is\n%swant\n%s", what, got, want)
	}
}

func (s storeSuite) fresh(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	cp, state := loaded(t, st)
	if cp.Epoch != 0 || len(cp.Data) != 0 || state != "" {
		t.Errorf("a fresh store has epoch %d, data %q, state %q", cp.Epoch, cp.Data, state)
	}
	same(t, "a scan of a fresh store", scanned(t, st, "table/none", nil, nil), "")
}

func (s storeSuite) loaded(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir)
	var d state.Delta
	d.Put("window", []byte("a"), []byte("1"))
	commit(t, st, 1, "first", &d)
	commit(t, st, 2, "second", nil)
	st = s.reopen(t, st, dir)
	defer st.Close()
	cp, state := loaded(t, st)
	if cp.Epoch != 2 || string(cp.Data) != "second" {
		t.Errorf("the checkpoint is epoch %d %q, want 2 %q", cp.Epoch, cp.Data, "second")
	}
	same(t, "the state", state, "window \"a\"=\"1\"\n")
}

func (s storeSuite) epochs(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	commit(t, st, 1, "x", nil)
	for _, epoch := range []uint64{0, 1, 3} {
		var d state.Delta
		d.Put("window", []byte("a"), []byte("1"))
		if st.Commit(context.Background(), state.Checkpoint{Epoch: epoch}, &d) == nil {
			t.Errorf("epoch %d after 1 was accepted", epoch)
		}
	}
	cp, state := loaded(t, st)
	if cp.Epoch != 1 || state != "" {
		t.Errorf("a refused commit left epoch %d and state %q", cp.Epoch, state)
	}
	commit(t, st, 2, "y", nil)
}

func (s storeSuite) order(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir)
	var d state.Delta
	d.Put("w", []byte("a"), []byte("old"))
	d.Put("w", []byte("a"), []byte("new"))
	d.Put("w", []byte("b"), []byte("gone"))
	d.Delete("w", []byte("b"))
	d.Delete("w", []byte("c"))
	d.Put("w", []byte("c"), []byte("back"))
	d.Put("w", []byte("p1"), []byte("before the prefix went"))
	d.Put("other", []byte("p1"), []byte("another operator's"))
	d.DeletePrefix("w", []byte("p"))
	d.Put("w", []byte("p2"), []byte("after"))
	d.Put("all", []byte("x"), []byte("1"))
	d.DeletePrefix("all", nil)
	d.Put("all", []byte("y"), []byte("2"))
	commit(t, st, 1, "", &d)
	st = s.reopen(t, st, dir)
	defer st.Close()
	_, state := loaded(t, st)
	same(t, "the state", state, `all "y"="2"
other "p1"="another operator's"
w "a"="new"
w "c"="back"
w "p2"="after"
`)
	d.Reset()
	d.DeletePrefix("w", []byte{'p'})
	d.DeletePrefix("none", nil)
	d.Delete("none", []byte("x"))
	commit(t, st, 2, "", &d)
	_, state = loaded(t, st)
	same(t, "the state", state, "all \"y\"=\"2\"\nother \"p1\"=\"another operator's\"\nw \"a\"=\"new\"\nw \"c\"=\"back\"\n")
}

func (s storeSuite) tables(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	d.Put("table/sales", []byte("k"), []byte("row"))
	d.Put("table", []byte("k"), []byte("state"))
	d.Put("tables", []byte("k"), []byte("state"))
	commit(t, st, 1, "", &d)
	_, state := loaded(t, st)
	same(t, "the state", state, "table \"k\"=\"state\"\ntables \"k\"=\"state\"\n")
	same(t, "the table", scanned(t, st, "table/sales", nil, nil), "\"k\"=\"row\"\n")
}

func (s storeSuite) sorted(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	var want []string
	for i := range 3000 {
		op, key := fmt.Sprintf("op%d", i*7%5), fmt.Sprintf("%05d", i*7919%3000)
		d.Put(op, []byte(key), nil)
		want = append(want, fmt.Sprintf("%s %q=\"\"\n", op, key))
	}
	commit(t, st, 1, "", &d)
	slices.Sort(want)
	_, state := loaded(t, st)
	same(t, "the state", state, strings.Join(want, ""))
}

func (s storeSuite) anyBytes(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir)
	keys := [][]byte{{}, {0}, {0, 0}, []byte("a\x00"), []byte("a\n"), []byte("日本"), {0xff}, {0xff, 0xff}}
	var d state.Delta
	for _, k := range keys {
		d.Put("w", k, bytes.Repeat(k, 3))
	}
	d.Put("w", []byte("big"), bytes.Repeat([]byte{7}, 3<<20))
	d.Put("operator/with \xff any bytes\x00", []byte("k"), []byte{})
	commit(t, st, 1, "", &d)
	st = s.reopen(t, st, dir)
	defer st.Close()
	got := make(map[string][]byte)
	_, err := st.Load(context.Background(), func(op string, key, value []byte) error {
		got[op+"|"+string(key)] = bytes.Clone(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if v, ok := got["w|"+string(k)]; !ok || !bytes.Equal(v, bytes.Repeat(k, 3)) {
			t.Errorf("key %q has value %q (there: %v)", k, v, ok)
		}
	}
	if len(got) != len(keys)+2 || len(got["w|big"]) != 3<<20 {
		t.Errorf("%d entries, the large value has %d bytes", len(got), len(got["w|big"]))
	}
}

func (s storeSuite) longKeys(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir)
	var keys []string
	for _, n := range []int{31999, 32000, 32001, 32766, 32767, 32768, 100000} {
		for _, end := range []string{"", "a", "b", "\x00"} {
			keys = append(keys, strings.Repeat("k", n)+end)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	var d state.Delta
	for i := range keys {
		k := keys[i*5%len(keys)]
		d.Put("w", []byte(k), fmt.Append(nil, len(k)))
	}
	commit(t, st, 1, "", &d)
	st = s.reopen(t, st, dir)
	defer st.Close()
	check := func(from, to []byte, want []string) {
		t.Helper()
		var got []string
		if err := st.Scan(context.Background(), "w", from, to, func(k, v []byte) error {
			if string(v) != fmt.Sprint(len(k)) {
				t.Errorf("the value of a key of %d bytes is %s", len(k), v)
			}
			got = append(got, string(k))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d keys are not the %d that were put, in order", len(got), len(want))
		}
	}
	check(nil, nil, keys)
	for i := range keys {
		check([]byte(keys[i]), nil, keys[i:])
		check(nil, []byte(keys[i]), keys[:i])
	}
	d.Reset()
	prefix := strings.Repeat("k", 32767)
	d.DeletePrefix("w", []byte(prefix))
	d.Delete("w", []byte(keys[0]))
	commit(t, st, 2, "", &d)
	check(nil, nil, slices.DeleteFunc(keys[1:], func(k string) bool { return strings.HasPrefix(k, prefix) }))
}

func (s storeSuite) scan(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	const n = 5000 // more than a chunk
	for i := range n {
		d.Put("table/t", fmt.Appendf(nil, "%05d", i*7919%n), fmt.Append(nil, i))
	}
	commit(t, st, 1, "", &d)
	for _, c := range []struct {
		from, to    string
		first, last int
	}{{"", "", 0, n}, {"00010", "00020", 10, 20}, {"00010", "", 10, n}, {"", "02000", 0, 2000}, {"0001", "00010x", 10, 11}, {"9", "", n, n}, {"00020", "00010", 20, 20}} {
		at := c.first
		err := st.Scan(context.Background(), "table/t", bytesOrNil(c.from), bytesOrNil(c.to), func(key, _ []byte) error {
			if string(key) != fmt.Sprintf("%05d", at) {
				return fmt.Errorf("key %s comes where %05d should", key, at)
			}
			at++
			return nil
		})
		if err != nil || at != c.last {
			t.Errorf("scan from %q to %q ended before %d, want %d: %v", c.from, c.to, at, c.last, err)
		}
	}
}

func bytesOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func (s storeSuite) scanAndCommit(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	for i := range 3000 {
		d.Put("table/t", fmt.Appendf(nil, "%05d", i), []byte("row"))
	}
	commit(t, st, 1, "", &d)
	epoch, seen := uint64(1), 0
	err := st.Scan(context.Background(), "table/t", nil, nil, func(key, value []byte) error {
		seen++
		if string(value) != "row" {
			return fmt.Errorf("key %s has value %q", key, value)
		}
		if seen%500 == 0 {
			d.Reset()
			d.Delete("table/t", key)
			epoch++
			return st.Commit(context.Background(), state.Checkpoint{Epoch: epoch}, &d)
		}
		return nil
	})
	if err != nil || seen != 3000 {
		t.Errorf("a scan that deletes behind itself saw %d of 3000 entries: %v", seen, err)
	}
}

func (s storeSuite) callbackErrors(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	d.Put("w", []byte("a"), []byte("1"))
	commit(t, st, 1, "", &d)
	stop := errors.New("stop")
	if _, err := st.Load(context.Background(), func(string, []byte, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Load returned %v", err)
	}
	if err := st.Scan(context.Background(), "w", nil, nil, func([]byte, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Scan returned %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := st.Commit(ctx, state.Checkpoint{Epoch: 2}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit returned %v", err)
	}
	commit(t, st, 2, "", nil) // a cancelled commit is not one that went wrong
}

func (s storeSuite) reuse(t *testing.T) {
	st := s.open(t, t.TempDir())
	defer st.Close()
	var d state.Delta
	for epoch := range uint64(5) {
		d.Reset()
		d.Put("w", fmt.Append(nil, epoch), fmt.Append(nil, epoch*11))
		data := []byte("data")
		if err := st.Commit(context.Background(), state.Checkpoint{Epoch: epoch + 1, Data: data}, &d); err != nil {
			t.Fatal(err)
		}
		copy(data, "XXXX")
	}
	cp, state := loaded(t, st)
	same(t, "the checkpoint", string(cp.Data), "data")
	same(t, "the state", state, "w \"0\"=\"0\"\nw \"1\"=\"11\"\nw \"2\"=\"22\"\nw \"3\"=\"33\"\nw \"4\"=\"44\"\n")
}

// model compares with maps after every commit, and reopens at random.
func (s storeSuite) model(t *testing.T) {
	dirs := t.TempDir()
	trial := 0
	rapid.Check(t, func(rt *rapid.T) {
		trial++
		dir := fmt.Sprintf("%s/%d", dirs, trial)
		st := s.open(t, dir)
		defer func() { st.Close() }()
		want := make(map[string]map[string]string)
		key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 0, 4)
		for epoch := uint64(1); epoch <= uint64(rapid.IntRange(1, 8).Draw(rt, "commits")); epoch++ {
			var d state.Delta
			for range rapid.IntRange(0, 30).Draw(rt, "changes") {
				op := rapid.SampledFrom([]string{"w", "x", "table/t"}).Draw(rt, "op")
				k := key.Draw(rt, "key")
				if want[op] == nil {
					want[op] = make(map[string]string)
				}
				switch rapid.IntRange(0, 9).Draw(rt, "kind") {
				case 0, 1:
					d.Delete(op, k)
					delete(want[op], string(k))
				case 2:
					d.DeletePrefix(op, k)
					for have := range want[op] {
						if strings.HasPrefix(have, string(k)) {
							delete(want[op], have)
						}
					}
				default:
					v := rapid.StringN(0, 20, 40).Draw(rt, "value")
					d.Put(op, k, []byte(v))
					want[op][string(k)] = v
				}
			}
			commit(t, st, epoch, fmt.Sprint("data ", epoch), &d)
			if rapid.Bool().Draw(rt, "reopen") {
				st = s.reopen(t, st, dir)
			}
			compareModel(rt, t, st, epoch, want, key.Draw(rt, "from"), key.Draw(rt, "to"))
		}
	})
}

func compareModel(rt *rapid.T, t *testing.T, st state.Store, epoch uint64, want map[string]map[string]string, from, to []byte) {
	var state strings.Builder
	for _, op := range []string{"w", "x"} {
		for _, k := range sortedKeys(want[op]) {
			fmt.Fprintf(&state, "%s %q=%q\n", op, k, want[op][k])
		}
	}
	cp, got := loaded(t, st)
	if got != state.String() || cp.Epoch != epoch || string(cp.Data) != fmt.Sprint("data ", epoch) {
		rt.Fatalf("epoch %d %q has state\n%swant\n%s", cp.Epoch, cp.Data, got, state.String())
	}
	for _, op := range []string{"w", "table/t"} {
		var rows strings.Builder
		for _, k := range sortedKeys(want[op]) {
			if k >= string(from) && k < string(to) {
				fmt.Fprintf(&rows, "%q=%q\n", k, want[op][k])
			}
		}
		if got := scanned(t, st, op, from, append([]byte{}, to...)); got != rows.String() {
			rt.Fatalf("scan of %s from %q to %q is\n%swant\n%s", op, from, to, got, rows.String())
		}
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
