package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

// TestDamagedFilesAreNoticed changes the files of a stopped server. What comes after must be: all
// records, or an error from Open, Verify or Read; never fewer records without a word.
func TestDamagedFilesAreNoticed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	w := writerOf(t, b, "t", "p")
	rng := rand.New(rand.NewPCG(7, 8))
	noise := make([]byte, 3000)
	const total = 600
	for i := range total {
		for j := range noise {
			noise[j] = byte(rng.Uint32())
		}
		r := numbered(i, 1)
		r.Keys.Reset()
		r.Keys.Append(noise) // does not compress
		if err := w.AppendAsync(ctx, 0, r, int64(i), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	state, err := b.State(ctx, "t", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(ctx, "t", 0, state); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for round := range 40 {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		what := damage(t, copied, rng, round)
		if n, err := openVerifyRead(t, copied, state); err != nil {
			noticed++
		} else if n != total {
			t.Errorf("%s: %d of %d records are left, and nothing was said", what, n, total)
		}
	}
	if noticed < 4 {
		t.Errorf("only %d of 40 damages mattered: the test shows little", noticed)
	}
}

// damage changes one file: a bit, or its length. Every second time it also removes what the server
// remembers of the stream, as after a kill.
func damage(t *testing.T, dir string, rng *rand.Rand, round int) string {
	t.Helper()
	var files []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if filepath.Base(path) == "index.db" && round%2 == 0 {
				return os.Remove(path)
			}
			files = append(files, path)
			if strings.HasSuffix(path, ".blk") { // more often than the small ones
				files = append(files, path, path, path, path)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	path := files[rng.IntN(len(files))]
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		t.Fatalf("%s: %v", path, err)
	}
	at := rng.IntN(len(content))
	what := fmt.Sprintf("bit flipped at %d of %s", at, path)
	if round%3 == 0 {
		what = fmt.Sprintf("%s cut to %d bytes", path, at)
		content = content[:at]
	} else {
		content[at] ^= 1 << rng.IntN(8)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return what
}

func openVerifyRead(t *testing.T, dir string, state broker.PartitionState) (int, error) {
	t.Helper()
	ctx := context.Background()
	b, err := broker.Open(ctx, broker.Config{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer b.Close()
	if err := b.Verify(ctx, "t", 0, state); err != nil {
		return 0, err
	}
	return readNumbered(b, "t", 0)
}

// A topic whose description is damaged is not taken for one that never was.
func TestDamagedDescriptionIsNoticed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	if _, err := writerOf(t, b, "t", "p").Append(ctx, 0, numbered(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	meta := filepath.Join(dir, "jetstream", "$G", "streams", "t-t-0", "meta.inf")
	whole, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(whole)
	broken[len(broken)/2] ^= 4
	if err := os.WriteFile(meta, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *broker.DamageError
	if b, err := broker.Open(ctx, broker.Config{Dir: dir}); !errors.As(err, &damaged) {
		t.Errorf("opened with a damaged description: %v", err)
		_ = b.Close()
	}
	if err := os.WriteFile(meta, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	b = openBroker(t, broker.Config{Dir: dir})
	if n := countNumbered(t, b, "t", 0); n != 10 {
		t.Errorf("%d records are there", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// A deletion cut short: the topic is gone, and a new one of its name is empty.
	if err := os.Remove(meta); err != nil {
		t.Fatal(err)
	}
	b = openBroker(t, broker.Config{Dir: dir})
	if b.HasTopic("t") {
		t.Error("a topic without a description is there")
	}
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	if n := countNumbered(t, b, "t", 0); n != 0 {
		t.Errorf("a new topic holds %d records", n)
	}
}

func TestVerifyTellsLogsApart(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true})
	var states []broker.PartitionState
	for _, name := range []string{"a", "b"} {
		createTopic(t, b, broker.TopicConfig{Name: name})
		w := writerOf(t, b, name, "p")
		if s, err := b.State(ctx, name, 0); err != nil || s != (broker.PartitionState{}) {
			t.Errorf("an empty log has state %+v, %v", s, err)
		}
		for i := range 3 {
			r := numbered(i, 1)
			if name == "b" && i == 1 {
				r = numbered(7, 1) // the logs differ here, and end alike
			}
			if _, err := w.Append(ctx, 0, r, -1); err != nil {
				t.Fatal(err)
			}
			s, err := b.State(ctx, name, 0)
			if err != nil || s.LastSeq != uint64(i+1) || s.Count != int64(i+1) {
				t.Fatalf("after %d records the state is %+v, %v", i+1, s, err)
			}
			states = append(states, s)
		}
	}
	var damaged *broker.DamageError
	for i, s := range states {
		err := b.Verify(ctx, "a", 0, s)
		if ok := i <= 3; ok != (err == nil) { // the first record is the same in both
			t.Errorf("state %d: %v", i, err)
		} else if err != nil && !errors.As(err, &damaged) {
			t.Errorf("state %d: an error without its type: %v", i, err)
		}
	}
	if err := b.Verify(ctx, "a", 0, broker.PartitionState{LastSeq: 4, Count: 4}); !errors.As(err, &damaged) {
		t.Errorf("a shorter log: %v", err)
	}
}
