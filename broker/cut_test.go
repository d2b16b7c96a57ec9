package broker_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/broker"
)

// TestPowerCutBehindRetention cuts the power where retention has removed records that are still in the journal: what it
// has left goes on, be it in its stream's files or in the journal alone.
func TestPowerCutBehindRetention(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	rng := rand.New(rand.NewPCG(5, 6))
	b := openBroker(t, broker.Config{Dir: dir, Gather: 1, RetainEvery: time.Hour})
	createTopic(t, b, broker.TopicConfig{Name: "t", Retention: time.Nanosecond})
	w := writerOf(t, b, "t", "p")
	next, cuts := 0, 0
	write := func() {
		for range 1 + rng.IntN(20) {
			if _, err := w.Append(ctx, 0, numbered(next, 50), int64(next)); err != nil {
				t.Fatal(err)
			}
			next += 50
		}
	}
	for round := range 24 {
		write()
		synced := map[string]int64{} // retention syncs what it leaves
		if err := b.RetainNow(ctx); err != nil {
			t.Fatal(err)
		}
		eachFile(t, dir, func(_, name string, size int64) {
			if strings.HasSuffix(name, ".blk") {
				synced[name] = size
			}
		})
		if round%3 > 0 {
			write()
		}
		ends := b.Ends()
		if round%2 == 0 {
			ends = nil
		}
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		cuts += cutPower(t, copied, synced, rng)
		for range 2 { // and again
			c, err := broker.Open(context.Background(), broker.Config{Dir: copied, Expect: ends, RetainEvery: time.Hour})
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			info, err := c.Topic(ctx, "t")
			if err != nil || info.Parts[0].Next != int64(next) || info.Parts[0].First == 0 {
				t.Fatalf("round %d: the topic has %+v, %v, and was written to %d", round, info.Parts, err, next)
			}
			if got := readNumberedFrom(t, c, "t", int(info.Parts[0].First)); got != next {
				t.Fatalf("round %d: it is read to %d of %d", round, got, next)
			}
			if first, err := writerOf(t, c, "t", "p").Append(ctx, 0, numbered(0, next), 0); err != nil || first != -1 {
				t.Fatalf("round %d: records that were there were appended at %d: %v", round, first, err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if cuts < 12 {
		t.Errorf("only %d files were cut: the test shows little", cuts)
	}
}
