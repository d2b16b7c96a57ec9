package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

// TestUpdateCutShort lays out the folder as a kill leaves it while partitions are added, after each of
// the writes: the topic is there with all its records, and the update can be asked for again.
func TestUpdateCutShort(t *testing.T) {
	ctx := context.Background()
	const stream = "t-t-0"
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2})
	if _, err := writerOf(t, b, "t", "p").Append(ctx, 0, numbered(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	before := description(t, dir, stream)
	if err := b.AlterTopic(ctx, "t", 4); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	after := description(t, dir, stream)
	kept := filepath.Join(dir, "updating", stream)
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Fatalf("an update that ended well leaves %s: %v", kept, err)
	}
	for _, cut := range []struct {
		name     string
		inf, sum []byte // of the stream
		kept     string // folder of what was kept, "" for none
		found    int    // partitions
	}{
		{"while it is kept", before[0], before[1], kept + ".part", 2},
		{"before it began", before[0], before[1], kept, 2},
		{"between its two files", after[0], before[1], kept, 2},
		{"before it was told", after[0], after[1], kept, 2},
		{"after it was told", after[0], after[1], "", 4},
	} {
		t.Run(cut.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			describe(t, filepath.Join(copied, "jetstream", "$G", "streams", stream), cut.inf, cut.sum)
			if cut.kept != "" {
				describe(t, filepath.Join(copied, "updating", filepath.Base(cut.kept)), before[0], before[1])
			}
			b := openBroker(t, broker.Config{Dir: copied})
			if n, err := b.Source("t").Partitions(ctx); n != cut.found || err != nil {
				t.Errorf("%d partitions, want %d; %v", n, cut.found, err)
			}
			if n := countNumbered(t, b, "t", 0); n != 10 {
				t.Errorf("%d of 10 records are there", n)
			}
			if err := b.AlterTopic(ctx, "t", 6); err != nil {
				t.Errorf("alter it again: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = openBroker(t, broker.Config{Dir: copied})
			if n, err := b.Source("t").Partitions(ctx); n != 6 || err != nil {
				t.Errorf("%d partitions after another update, want 6; %v", n, err)
			}
		})
	}
}

// description is the two files that describe a stream.
func description(t *testing.T, dir, stream string) (files [2][]byte) {
	t.Helper()
	for i, name := range []string{"meta.inf", "meta.sum"} {
		text, err := os.ReadFile(filepath.Join(dir, "jetstream", "$G", "streams", stream, name))
		if err != nil {
			t.Fatal(err)
		}
		files[i] = text
	}
	return files
}

func describe(t *testing.T, folder string, inf, sum []byte) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"meta.inf": inf, "meta.sum": sum} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
