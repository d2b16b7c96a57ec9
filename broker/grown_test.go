package broker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

const grownBlocks = "jetstream/$G/streams/t-t-0/msgs"

// grownNote is where indexes are noted while a broker lives.
const grownNote = "known/t-t-0/index"

// grownLog makes a log of several producers in lives of a broker, which has blocks of 4 MiB. Of each life the
// index is kept that its stop has left, and what was noted just before.
func grownLog(t *testing.T, lives int) (dir string, indexes, notes [][]byte, total int) {
	t.Helper()
	dir = t.TempDir()
	rng := rand.New(rand.NewPCG(5, 5))
	noise := make([]byte, 6000)
	for life := range lives {
		b := openBroker(t, broker.Config{Dir: dir})
		if life == 0 {
			createTopic(t, b, broker.TopicConfig{Name: "t", MaxBytes: 12 << 20})
		}
		for range 700 {
			for j := range noise {
				noise[j] = byte(rng.Uint32())
			}
			n := 1 + rng.IntN(3)
			r := numbered(total, n)
			r.Keys.Reset()
			for range n {
				r.Keys.Append(noise[:rng.IntN(len(noise))])
			}
			producer := []string{"a", "b", "a long name"}[rng.IntN(1+life%3)]
			if _, err := writerOf(t, b, "t", producer).Append(context.Background(), 0, r, -1); err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if err := broker.NoteIndex(b, "t", 0); err != nil {
			t.Fatal(err)
		}
		note, err := os.ReadFile(filepath.Join(dir, grownNote))
		if err != nil && life > 0 { // in the first life no block is full yet
			t.Fatal(err)
		}
		notes = append(notes, note)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		index, err := os.ReadFile(filepath.Join(dir, grownBlocks, "index.db"))
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, index)
	}
	return dir, indexes, notes, total
}

// TestIndexIsBroughtUpToDate: whatever life of a log an index is of, a start makes of it the index that the
// server itself has written, which it then takes; so it does of what was noted, and where there is none at all.
func TestIndexIsBroughtUpToDate(t *testing.T) {
	dir, indexes, notes, total := grownLog(t, 4)
	blocks, err := filepath.Glob(filepath.Join(dir, grownBlocks, "*.blk"))
	if err != nil || len(blocks) < 3 {
		t.Fatalf("the log has blocks %v: %v", blocks, err)
	}
	want, same, err := broker.ServerIndex(dir, "t", 0)
	if err != nil || !same {
		t.Fatalf("the server's index is not as we would write it: %v", err)
	}
	path, known := filepath.Join(dir, grownBlocks, "index.db"), filepath.Join(dir, grownNote)
	type found struct{ index, note []byte }
	cases := []found{{}, {[]byte("no index"), []byte("no note")}, {indexes[2], notes[1]}, {indexes[1], notes[2]}}
	for life := range indexes {
		cases = append(cases, found{index: indexes[life]}, found{note: notes[life]})
	}
	for i, c := range cases {
		set := func() {
			for path, text := range map[string][]byte{path: c.index, known: c.note} {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				if text == nil {
					continue
				}
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		set()
		if err := broker.Prove(dir, nil); err != nil {
			t.Fatal(err)
		}
		if got, same, err := broker.ServerIndex(dir, "t", 0); err != nil || !same || !reflect.DeepEqual(got, want) {
			t.Errorf("case %d: the index becomes\n%+v\nand the server's is\n%+v: %v", i, got, want, err)
		}
		set()
		var said bytes.Buffer
		b, err := broker.Open(context.Background(), broker.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if n := countNumbered(t, b, "t", 0); n != total {
			t.Errorf("case %d: %d of %d records are there", i, n, total)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if text := said.String(); strings.Contains(text, "tream state") {
			t.Errorf("case %d: the server does not take the index:\n%s", i, text)
		}
	}
}

// TestFlippedBitAfterAKill: in a block that was full when the index was written, or noted, the server cuts nothing,
// and whoever reads it meets the damage; behind it the start is refused. Without either every flip is refused.
func TestFlippedBitAfterAKill(t *testing.T) {
	dir, indexes, notes, total := grownLog(t, 3)
	t.Run("index", func(t *testing.T) { flipAfterKill(t, dir, indexes[1], nil, total) })
	t.Run("note", func(t *testing.T) { flipAfterKill(t, dir, nil, notes[1], total) })
	t.Run("neither", func(t *testing.T) { flipAfterKill(t, dir, nil, nil, total) })
}

func flipAfterKill(t *testing.T, dir string, index, note []byte, total int) {
	rng := rand.New(rand.NewPCG(9, 1))
	met, refused := 0, 0
	for round := range 30 {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string][]byte{filepath.Join(grownBlocks, "index.db"): index, grownNote: note} {
			err := os.Remove(filepath.Join(copied, path))
			if text != nil && err == nil {
				err = os.WriteFile(filepath.Join(copied, path), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		blocks, err := filepath.Glob(filepath.Join(copied, grownBlocks, "*.blk"))
		if err != nil {
			t.Fatal(err)
		}
		path := blocks[rng.IntN(len(blocks))]
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := rng.IntN(len(text))
		text[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var damaged *broker.DamageError
		b, err := broker.Open(context.Background(), broker.Config{Dir: copied})
		if errors.As(err, &damaged) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
			t.Errorf("round %d: the start has changed %s, damaged at %d: %v", round, filepath.Base(path), at, err)
		}
		n, err := readNumbered(b, "t", 0)
		if err == nil && n != total {
			t.Errorf("round %d: %s damaged at %d: %d of %d records, and nothing was said", round, filepath.Base(path), at, n, total)
		}
		if err != nil {
			met++
		}
		_ = b.Close()
	}
	if (met > 0) != (index != nil || note != nil) || refused == 0 {
		t.Errorf("%d readers met the damage and %d starts were refused: the test shows little", met, refused)
	}
}

// TestIndexIsNotedWhileAppending: an index is noted after each 64 MiB, with nobody asking for it.
func TestIndexIsNotedWhileAppending(t *testing.T) {
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	w, rng := writerOf(t, b, "t", "p"), rand.New(rand.NewPCG(3, 3))
	noise := make([]byte, 1<<20-100)
	path := filepath.Join(dir, grownNote)
	for i := 0; ; i++ {
		if _, err := os.Stat(path); err == nil && i > 64 {
			return
		} else if err == nil {
			t.Fatalf("it is noted after %d MiB", i)
		}
		if i > 400 {
			t.Fatal("400 MiB were appended, and nothing is noted")
		}
		for j := 0; j < len(noise); j += 4 {
			binary.LittleEndian.PutUint32(noise[j:], rng.Uint32())
		}
		r := numbered(i, 1)
		r.Keys.Reset()
		r.Keys.Append(noise)
		if _, err := w.Append(context.Background(), 0, r, -1); err != nil {
			t.Fatal(err)
		}
	}
}
