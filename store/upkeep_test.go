package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

func stateOf(t *testing.T, s *store.Store) (uint64, string) {
	t.Helper()
	var lines strings.Builder
	cp, err := s.Load(context.Background(), func(op string, key, value []byte) error {
		fmt.Fprintf(&lines, "%s %x %x\n", op, key, value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cp.Epoch, lines.String()
}

func TestWastefulFileIsCompactedAtStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nagare.db")
	s := open(t, path)
	var d state.Delta
	for i := range 20000 {
		d.Put("big", binary.BigEndian.AppendUint32(nil, uint32(i)), make([]byte, 200))
	}
	d.Put("small", []byte{}, nil) // an empty key and value have to survive too
	d.Put("small", []byte(strings.Repeat("k", 40000)), []byte("long"))
	commitTo(t, s.Store, 1, &d)
	d.Reset()
	d.DeletePrefix("big", nil)
	commitTo(t, s.Store, 2, &d)
	commitTo(t, s.Store, 3, nil)
	_, want := stateOf(t, s.Store)
	before, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if before.FreeBytes*2 < before.FileBytes {
		t.Fatalf("of %d bytes only %d are free: the test shows nothing", before.FileBytes, before.FreeBytes)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	compacted, err := store.Open(store.Config{Path: path, CompactMin: 64 << 10, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer compacted.Close()
	after, err := compacted.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if after.FileBytes*4 > before.FileBytes {
		t.Errorf("the file had %d bytes and has %d", before.FileBytes, after.FileBytes)
	}
	epoch, got := stateOf(t, compacted)
	if epoch != 3 || got != want {
		t.Errorf("after compaction epoch %d has state\n%.300s\nwant\n%.300s", epoch, got, want)
	}
	if err := compacted.Check(); err != nil {
		t.Error(err)
	}
	commitTo(t, compacted, 4, nil)
	if _, err := store.Open(store.Config{Path: path, Reserve: -1}); err == nil {
		t.Error("a compacted store is not locked")
	}
	if left, _ := filepath.Glob(path + ".new-*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func commitTo(t *testing.T, s *store.Store, epoch uint64, d *state.Delta) {
	t.Helper()
	if err := s.Commit(context.Background(), state.Checkpoint{Epoch: epoch, Data: []byte("d")}, d); err != nil {
		t.Fatal(err)
	}
}

func TestReset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nagare.db")
	s := open(t, path)
	var d state.Delta
	d.Put("w", []byte("a"), []byte("1"))
	d.Put("table/t", []byte("a"), []byte("1"))
	commitTo(t, s.Store, 1, &d)
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if epoch, state := stateOf(t, s.Store); epoch != 0 || state != "" {
		t.Errorf("after a reset there is epoch %d with state %q", epoch, state)
	}
	st, err := s.Stats()
	if err != nil || len(st.Ops) != 0 || st.Epoch != 0 {
		t.Errorf("after a reset the stats are %+v: %v", st, err)
	}
	commitTo(t, s.Store, 1, &d)
	st, err = s.Stats()
	if err != nil || len(st.Ops) != 2 || st.Ops[0].Op != "table/t" || st.Ops[0].Entries != 1 {
		t.Errorf("the stats are %+v: %v", st, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".owner"); err == nil {
		t.Error("the owner's file is left after Close")
	}
}

func TestReserveIsMadeAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nagare.db")
	s, err := store.Open(store.Config{Path: path, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != 1<<20 {
		t.Errorf("the reserve is %v: %v", info, err)
	}
	if st, err := s.Stats(); err != nil || !st.Reserve {
		t.Errorf("the stats are %+v: %v", st, err)
	}
}

func TestCommitAfterCloseIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "nagare.db"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(context.Background(), state.Checkpoint{Epoch: 1}, nil); err == nil {
		t.Error("a commit to a closed store was accepted")
	}
}

// BenchmarkCommit commits n changed keys of a state of 200,000; an op is a commit.
func BenchmarkCommit(b *testing.B) {
	const keys = 200_000
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint("changed=", n), func(b *testing.B) {
			s, err := store.Open(store.Config{Path: filepath.Join(b.TempDir(), "nagare.db"), Reserve: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var d state.Delta
			epoch := uint64(0)
			put := func(from, n, step int) {
				epoch++
				d.Reset()
				for i := range n {
					var key, value [16]byte
					binary.BigEndian.PutUint64(key[:], uint64((from+i*step)%keys)*0x9e3779b97f4a7c15)
					binary.BigEndian.PutUint64(value[:], epoch)
					d.Put("window", key[:], value[:])
				}
				if err := s.Commit(context.Background(), state.Checkpoint{Epoch: epoch}, &d); err != nil {
					b.Fatal(err)
				}
			}
			put(0, keys, 1)
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				put(at, n, 7919)
				at += n * 7919
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

// BenchmarkLoad restores a state of a million keys.
func BenchmarkLoad(b *testing.B) {
	s, err := store.Open(store.Config{Path: filepath.Join(b.TempDir(), "nagare.db"), Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var d state.Delta
	for i := range uint64(1_000_000) {
		d.Put("window", binary.BigEndian.AppendUint64(nil, i*0x9e3779b97f4a7c15), make([]byte, 32))
	}
	if err := s.Commit(context.Background(), state.Checkpoint{Epoch: 1}, &d); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := s.Load(context.Background(), func(string, []byte, []byte) error { n++; return nil }); err != nil || n != 1_000_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkMemoryCommit is BenchmarkCommit without a disk.
func BenchmarkMemoryCommit(b *testing.B) {
	var s store.Memory
	var d state.Delta
	epoch := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		epoch++
		d.Reset()
		for i := range 1000 {
			var key, value [16]byte
			binary.BigEndian.PutUint64(key[:], (epoch*1000+uint64(i))%200_000*0x9e3779b97f4a7c15)
			d.Put("window", key[:], value[:])
		}
		if err := s.Commit(context.Background(), state.Checkpoint{Epoch: epoch}, &d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}
