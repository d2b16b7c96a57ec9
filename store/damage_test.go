package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
	bolt "go.etcd.io/bbolt"
)

// dump is everything that a store gives: the checkpoint, the state, the rows of its tables.
func dump(s *store.Store) (string, error) {
	var text strings.Builder
	cp, err := s.Load(context.Background(), func(op string, key, value []byte) error {
		fmt.Fprintf(&text, "%s %x %x\n", op, key, value)
		return nil
	})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&text, "%d %s\n", cp.Epoch, cp.Data)
	err = s.Scan(context.Background(), "table/t", nil, nil, func(key, value []byte) error {
		fmt.Fprintf(&text, "%x %x\n", key, value)
		return nil
	})
	return text.String(), err
}

// manyCommits fills a store so that its trees have branches and pages were freed, and returns what it gave
// after the last two commits.
func manyCommits(t *testing.T, path string) (before, after string) {
	t.Helper()
	s, err := store.Open(store.Config{Path: path, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 5))
	for epoch := uint64(1); epoch <= 30; epoch++ {
		d := &state.Delta{}
		for i := range 300 {
			d.Put("state/t", fmt.Appendf(nil, "%04d", rng.IntN(3000)), make([]byte, rng.IntN(60)))
			d.Put("table/t", fmt.Appendf(nil, "%08d", int(epoch)*300+i), fmt.Appendf(nil, "row %d", i))
			d.Put("outbox", fmt.Appendf(nil, "%04d", i), make([]byte, 10))
		}
		d.DeletePrefix("state/t", fmt.Appendf(nil, "%02d", rng.IntN(30)))
		d.Delete("state/t", fmt.Appendf(nil, "%04d", rng.IntN(3000)))
		if epoch%7 == 0 {
			d.DeletePrefix("outbox", nil)
			d.Put("outbox", []byte("long"), make([]byte, 20_000)) // goes on over several pages
		}
		cp := state.Checkpoint{Epoch: epoch, Data: fmt.Appendf(nil, `{"epoch":%d}`, epoch)}
		if err := s.Commit(context.Background(), cp, d); err != nil {
			t.Fatal(err)
		}
		before = after
		if after, err = dump(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return before, after
}

// TestRotOfTheStoreIsNoticed flips bits, empties pages and cuts the file: it is refused, or gives what it gave;
// with one of its first pages gone, what it gave before the last commit, and it says so.
func TestRotOfTheStoreIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	before, after := manyCommits(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	rng := rand.New(rand.NewPCG(9, 1))
	refused, harmless, stepped := 0, 0, 0
	for round := range 400 {
		text := append([]byte(nil), whole...)
		at := rng.IntN(len(text))
		what := fmt.Sprintf("bit of byte %d flipped", at)
		switch round % 8 {
		default:
			if round%4 == 0 {
				at = at/page*page + rng.IntN(64) // heads of pages, which hold what hurts
			}
			text[at] ^= 1 << rng.IntN(8)
		case 1:
			text[rng.IntN(2*page)] ^= 1 << rng.IntN(8)
		case 6:
			what = fmt.Sprintf("page %d emptied", at/page)
			clear(text[at/page*page : at/page*page+page])
		case 7:
			what = fmt.Sprintf("cut to %d bytes", at)
			text = text[:at]
		}
		damaged := filepath.Join(t.TempDir(), "state.db")
		if err := os.WriteFile(damaged, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Config{Path: damaged, Reserve: -1})
		if err != nil {
			if !store.IsDamage(err) {
				t.Errorf("%s: %v", what, err)
			}
			refused++
			continue
		}
		got, err := dump(s)
		switch {
		case err != nil:
			t.Errorf("%s: it is opened, and then: %v", what, err)
		case got == before && len(s.Notices()) == 1:
			stepped++
		case got != after:
			t.Errorf("%s: it gives something else, and nothing was said", what)
		default:
			harmless++
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d refused, %d harmless, %d with the checkpoint before", refused, harmless, stepped)
	if refused < 100 || harmless < 20 || stepped < 1 {
		t.Error("the test shows little")
	}
}

// TestStoreWithoutChecksumsIsTakenOver opens a file of the format before.
func TestStoreWithoutChecksumsIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	_, after := manyCommits(t, path)
	withoutSums(t, path)
	for range 2 {
		s, err := store.Open(store.Config{Path: path, Reserve: -1})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := dump(s); err != nil || got != after {
			t.Errorf("it gives something else: %v", err)
		}
		cp, err := s.Load(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := &state.Delta{}
		d.Put("logs", []byte("t"), nil)
		if err := s.Commit(context.Background(), state.Checkpoint{Epoch: cp.Epoch + 1, Data: cp.Data}, d); err != nil {
			t.Error(err)
		}
		if err := errors.Join(s.Check(), s.Close()); err != nil {
			t.Error(err)
		}
		if after, err = reopened(path); err != nil {
			t.Fatal(err)
		}
	}
}

func reopened(path string) (string, error) {
	s, err := store.Open(store.Config{Path: path, Reserve: -1})
	if err != nil {
		return "", err
	}
	text, err := dump(s)
	return text, errors.Join(err, s.Close())
}

// withoutSums takes the checksums out of a file.
func withoutSums(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			entries := map[string][]byte{}
			_ = b.ForEach(func(k, v []byte) error {
				entries[string(k)] = append([]byte(nil), v...)
				return nil
			})
			for k, v := range entries {
				switch {
				case string(name) == "meta" && k == "version":
					v = binary.BigEndian.AppendUint32(nil, 1)
				case string(name) == "meta" && k == "sums":
					if err := b.Delete([]byte(k)); err != nil {
						return err
					}
					continue
				case string(name) != "meta" || k == "epoch" || k == "checkpoint":
					v = v[:len(v)-4]
				}
				if err := b.Put([]byte(k), v); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
