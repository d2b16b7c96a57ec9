package broker_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

// TestPowerCutLosesNothingAcknowledged cuts the files of streams anywhere behind what was synced of them, as a power
// cut does, or has zeros or nothing in their place; the journal has all that was acknowledged.
func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	rng := rand.New(rand.NewPCG(11, 12))
	b := openBroker(t, broker.Config{Dir: dir, Gather: 1})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 3})
	synced := sizes(t, dir) // of blocks: what a power cut leaves in any case
	var at [3]int64
	cuts, lost := 0, 0
	for round := range 24 {
		var wg sync.WaitGroup
		for n := range at {
			w, count := writerOf(t, b, "t", "p"), rng.IntN(40)
			wg.Go(func() {
				for range count {
					if err := w.AppendAsync(ctx, int32(n), numbered(int(at[n]), 50), at[n], uint64(at[n])); err != nil {
						t.Error(err)
					}
					at[n] += 50
				}
				if err := w.Flush(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		ends := b.Ends()
		if round%2 == 0 {
			ends = nil
		}
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		cuts += cutPower(t, copied, synced, rng)
		bare := filepath.Join(t.TempDir(), "bare")
		if err := errors.Join(os.CopyFS(bare, os.DirFS(copied)), os.RemoveAll(filepath.Join(bare, "journal"))); err != nil {
			t.Fatal(err)
		}
		if !holds(t, bare, ends, at) {
			lost++
		}
		if !holds(t, copied, ends, at) || !holds(t, copied, ends, at) { // and again
			t.Fatalf("round %d: something is lost", round)
		}
		if round%5 == 4 {
			if err := b.SyncAll(); err != nil {
				t.Fatal(err)
			}
			synced = sizes(t, dir)
		}
	}
	if cuts < 20 || lost < 12 {
		t.Errorf("%d blocks were cut, and without the journal %d rounds lost something: the test shows little", cuts, lost)
	}
}

// holds opens a folder, and reports whether all partitions of topic t hold what was appended, as their producers
// say, and take more.
func holds(t *testing.T, dir string, ends []broker.LogState, at [3]int64) bool {
	t.Helper()
	b, err := broker.Open(context.Background(), broker.Config{Dir: dir, Expect: ends})
	if err != nil {
		t.Log(err)
		return false
	}
	defer b.Close()
	for n := range at {
		w := writerOf(t, b, "t", "p")
		last, err := w.Last(t.Context(), int32(n))
		if got, rerr := readNumbered(b, "t", int32(n)); err != nil || rerr != nil || int64(got) != at[n] || last != at[n] {
			t.Logf("partition %d has %d records and the producer is at %d, want %d: %v, %v", n, got, last, at[n], err, rerr)
			return false
		}
		if first, err := w.Append(t.Context(), int32(n), numbered(0, int(at[n])), 0); err != nil || first != -1 {
			t.Errorf("records that are there were appended at %d: %v", first, err)
		}
	}
	return true
}

// sizes is how long the blocks of a folder are.
func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	eachFile(t, dir, func(path, name string, size int64) {
		if strings.HasSuffix(name, ".blk") {
			found[name] = size
		}
	})
	return found
}

func eachFile(t *testing.T, dir string, do func(path, name string, size int64)) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		do(path, name, info.Size())
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// cutPower leaves of each block what was synced, and of what came later some, and returns how many it changed. What
// is never synced by anybody is there or not.
func cutPower(t *testing.T, dir string, synced map[string]int64, rng *rand.Rand) (cuts int) {
	t.Helper()
	eachFile(t, dir, func(path, name string, size int64) {
		base := filepath.Base(name)
		least := synced[name]
		var err error
		switch {
		case (base == "end" || base == "index" || base == "index.db") && rng.IntN(3) == 0:
			err = os.Remove(path)
		case !strings.HasSuffix(name, ".blk") || size == least || rng.IntN(4) == 0:
			return
		case least == 0 && rng.IntN(3) == 0:
			err = os.Remove(path)
		default:
			at := least + rng.Int64N(size-least)
			err = os.Truncate(path, at)
			if rng.IntN(2) == 0 { // the length was written, and what lies there was not
				err = errors.Join(err, os.Truncate(path, at+rng.Int64N(size-at)+1))
			}
		}
		if cuts++; err != nil {
			t.Fatal(err)
		}
	})
	return cuts
}

// TestJournalForgetsWhatWasRefused: what a producer was told not to be in the log does not come with a restart.
func TestJournalForgetsWhatWasRefused(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t", MaxBytes: 4 << 10})
	w := writerOf(t, b, "t", "p")
	n, err := 0, error(nil)
	for ; err == nil; n += 100 {
		_, err = w.Append(ctx, 0, numbered(n, 100), -1)
	}
	var full *broker.FullError
	if n -= 100; !errors.As(err, &full) || n == 0 {
		t.Fatalf("after %d records: %v", n, err)
	}
	ends := b.Ends()
	if got, err := broker.JournalEnd(dir, "t", 0); err != nil || len(ends) != 1 || got != ends[0].LastSeq {
		t.Errorf("the journal goes to message %d, and the log to %+v: %v", got, ends, err)
	}
}

// TestJournalForgetsDeletedTopics: a topic that was deleted gives a new one of its name nothing.
func TestJournalForgetsDeletedTopics(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	for _, n := range []int{7, 3} {
		createTopic(t, b, broker.TopicConfig{Name: "t"})
		if _, err := writerOf(t, b, "t", "p").Append(ctx, 0, numbered(0, n), 0); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if got := countNumbered(t, openBroker(t, broker.Config{Dir: copied}), "t", 0); got != n {
			t.Errorf("%d records are there, want %d", got, n)
		}
		if err := b.DeleteTopic(ctx, "t"); err != nil {
			t.Fatal(err)
		}
	}
}
