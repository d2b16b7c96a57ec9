package broker_test

import (
	"bytes"
	"context"
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

// grownLog makes a log of several producers in lives of a broker, which has blocks of 4 MiB. Of each life the
// index is kept that its stop has left.
func grownLog(t *testing.T, lives int) (dir string, indexes [][]byte, total int) {
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
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		index, err := os.ReadFile(filepath.Join(dir, grownBlocks, "index.db"))
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, index)
	}
	return dir, indexes, total
}

// TestIndexIsBroughtUpToDate: whatever life of a log an index is of, a start makes of it the index that the
// server itself has written, which it then takes.
func TestIndexIsBroughtUpToDate(t *testing.T) {
	dir, indexes, total := grownLog(t, 4)
	blocks, err := filepath.Glob(filepath.Join(dir, grownBlocks, "*.blk"))
	if err != nil || len(blocks) < 3 {
		t.Fatalf("the log has blocks %v: %v", blocks, err)
	}
	want, same, err := broker.ServerIndex(dir, "t", 0)
	if err != nil || !same {
		t.Fatalf("the server's index is not as we would write it: %v", err)
	}
	path := filepath.Join(dir, grownBlocks, "index.db")
	for life, index := range indexes {
		if err := os.WriteFile(path, index, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := broker.Prove(dir, nil); err != nil {
			t.Fatal(err)
		}
		if got, same, err := broker.ServerIndex(dir, "t", 0); err != nil || !same || !reflect.DeepEqual(got, want) {
			t.Errorf("the index of life %d becomes\n%+v\nand the server's is\n%+v: %v", life, got, want, err)
		}
		if err := os.WriteFile(path, index, 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		b, err := broker.Open(context.Background(), broker.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if n := countNumbered(t, b, "t", 0); n != total {
			t.Errorf("life %d: %d of %d records are there", life, n, total)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if text := said.String(); strings.Contains(text, "tream state") {
			t.Errorf("life %d: the server does not take the index:\n%s", life, text)
		}
	}
}

// TestFlippedBitAfterAKill: in a block that was full when the index was written the server cuts nothing, and
// whoever reads it meets the damage; behind it the start is refused.
func TestFlippedBitAfterAKill(t *testing.T) {
	dir, indexes, total := grownLog(t, 3)
	rng := rand.New(rand.NewPCG(9, 1))
	met, refused := 0, 0
	for round := range 30 {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, grownBlocks, "index.db"), indexes[1], 0o600); err != nil {
			t.Fatal(err)
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
	if met == 0 || refused == 0 {
		t.Errorf("%d readers met the damage and %d starts were refused: the test shows little", met, refused)
	}
}
