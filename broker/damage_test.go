package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestDamagedFilesAreNoticed changes the files of a stopped server. What comes after must be: all
// records, or an error from Open or Read; never fewer records without a word.
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
	ends := b.Ends()
	if len(ends) != 1 || ends[0].LastSeq != total || ends[0].Count != total {
		t.Fatalf("the ends of the logs are %+v", ends)
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
		if n, err := openAndRead(copied, ends); err != nil {
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

func openAndRead(dir string, ends []broker.LogState) (int, error) {
	b, err := broker.Open(context.Background(), broker.Config{Dir: dir, Expect: ends})
	if err != nil {
		return 0, err
	}
	defer b.Close()
	return readNumbered(b, "t", 0)
}

// A topic whose description is damaged or gone is not taken for one that never was: the description is
// put back from its copy. Without a copy it was a deletion, or a creation, that was cut short.
func TestDamagedDescriptionIsPutBack(t *testing.T) {
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
	stream := filepath.Join(dir, "jetstream", "$G", "streams", "t-t-0")
	whole := description(t, dir, "t-t-0")
	for _, harm := range []func() error{
		func() error { return os.Remove(filepath.Join(stream, "meta.inf")) },
		func() error { return os.Remove(filepath.Join(stream, "meta.sum")) },
		func() error { return os.WriteFile(filepath.Join(stream, "meta.inf"), whole[0][:30], 0o600) },
		func() error { return os.WriteFile(filepath.Join(stream, "meta.sum"), bytes.ToUpper(whole[1]), 0o600) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		b = openBroker(t, broker.Config{Dir: dir})
		if n := countNumbered(t, b, "t", 0); n != 10 || len(b.Notices()) != 1 {
			t.Errorf("%d records are there, and %q was said", n, b.Notices())
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, gone := range []string{filepath.Join(dir, "known", "t-t-0"), filepath.Join(stream, "meta.inf")} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
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

// TestMissingStreamIsDamage removes all of a partition: it is not made anew empty.
func TestMissingStreamIsDamage(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2})
	for p := range int32(2) {
		if _, err := writerOf(t, b, "t", "p").Append(ctx, p, numbered(0, 10), -1); err != nil {
			t.Fatal(err)
		}
	}
	ends := b.Ends()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		gone   string
		expect []broker.LogState
	}{{"jetstream/$G/streams/t-t-0", nil}, {"jetstream/$G/streams/t-t-1", nil}, {"jetstream/$G/streams/t-t-0/msgs", nil}, {"jetstream", nil}, {"", ends}} {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(copied, c.gone)); err != nil {
			t.Fatal(err)
		}
		var damaged *broker.DamageError
		if b, err := broker.Open(ctx, broker.Config{Dir: copied, Expect: c.expect}); !errors.As(err, &damaged) || damaged.Topic != "t" {
			t.Errorf("without %q it opens: %v", c.gone, err)
			if b != nil {
				_ = b.Close()
			}
		}
	}
}

// TestAcknowledgedRecordsAreMissed cuts a log where one message ends, as if the last ones had never been
// written: no checkpoint knows of them, and the next start does.
func TestAcknowledgedRecordsAreMissed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	w := writerOf(t, b, "t", "p")
	block := filepath.Join(dir, "jetstream", "$G", "streams", "t-t-0", "msgs", "1.blk")
	var sizes []int64
	for i := range 5 {
		if _, err := w.Append(ctx, 0, numbered(i, 1), int64(i)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(block)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(block), "index.db")); err != nil { // as after a kill
		t.Fatal(err)
	}
	if err := os.Truncate(block, sizes[2]); err != nil {
		t.Fatal(err)
	}
	var damaged *broker.DamageError
	if _, err := broker.Open(ctx, broker.Config{Dir: dir}); !errors.As(err, &damaged) || damaged.Seq != 4 || damaged.Messages != 2 {
		t.Errorf("two of five messages are gone: %v", err)
	}
	if info, err := os.Stat(block); err != nil || info.Size() != sizes[2] {
		t.Errorf("the refused start has changed the block: %v", err)
	}
}

// TestRepairPassesOver damages logs in all ways and repairs them: what a log holds then is what it held,
// less what the repair has counted, each record at its offset; appends go on behind it, and the files as
// they were are kept.
func TestRepairPassesOver(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir})
	createTopic(t, b, broker.TopicConfig{Name: "t", MaxBytes: 3 << 20}) // blocks of 1 MiB
	w := writerOf(t, b, "t", "p")
	rng := rand.New(rand.NewPCG(17, 4))
	noise := make([]byte, 4000)
	total := 0
	for total < 2000 {
		n := 1 + rng.IntN(9)
		r := numbered(total, n)
		r.Keys.Reset()
		for range n {
			for j := range noise {
				noise[j] = byte(rng.Uint32())
			}
			r.Keys.Append(noise[:rng.IntN(1500)])
		}
		if err := w.AppendAsync(ctx, 0, r, int64(total), 0); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	repaired := 0
	for round := range 40 {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		what := damage(t, copied, rng, round)
		done, err := broker.Repair(copied, nil, func(string) broker.Remedy { return broker.PassOver })
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		lost := int64(0)
		for _, d := range done {
			repaired++
			lost += d.Records
			if kept, err := os.ReadDir(d.Copy); err != nil || len(kept) == 0 {
				t.Errorf("%s: no copy is in %s: %v", what, d.Copy, err)
			}
		}
		if err := broker.Inspect(copied, nil); err != nil {
			t.Errorf("%s: a repaired log is damaged: %v", what, err)
		}
		read, passed := readAndAppend(t, what, copied, total)
		if passed != lost || read+lost != int64(total) {
			t.Errorf("%s: %d of %d records are read, %d were passed over, and the repair told of %d", what, read, total, passed, lost)
		}
	}
	if repaired < 10 {
		t.Errorf("only %d of 40 damages were repaired: the test shows little", repaired)
	}
}

// readAndAppend reads a log with gaps and appends one record behind it.
func readAndAppend(t *testing.T, what, dir string, total int) (read, lost int64) {
	t.Helper()
	ctx := context.Background()
	b, err := broker.Open(ctx, broker.Config{Dir: dir})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer b.Close()
	if at, err := writerOf(t, b, "t", "another").Append(ctx, 0, numbered(total, 1), -1); err != nil || at != int64(total) {
		t.Errorf("%s: an append behind it: offset %d, want %d; %v", what, at, total, err)
	}
	rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer rd.Close()
	for r := (record.Records{}); ; {
		if err := rd.Read(ctx, &r); errors.Is(err, io.EOF) {
			return read - 1, lost
		} else if err != nil {
			t.Fatalf("%s: after %d records: %v", what, read, err)
		}
		lost += r.Lost
		for i := range r.Len() {
			if string(r.Values.At(i)) != fmt.Sprint(r.Offsets[i]) {
				t.Fatalf("%s: offset %d holds %q", what, r.Offsets[i], r.Values.At(i))
			}
			read++
		}
	}
}
