package broker

import (
	"context"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestReasonsAreSaidOnce: the errors of a broker name their topic once, and what was done with it once, however deep
// they come from.
func TestReasonsAreSaidOnce(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true, MinFree: 1 << 20})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "kept"}); err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("kept", "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(ctx, 0, numbers(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	setFloor := func(bytes uint64) {
		b.disk.mu.Lock()
		defer b.disk.mu.Unlock()
		b.disk.floor = bytes
	}
	full := func(do func() error) func() error {
		return func() error {
			setFloor(1 << 62)
			defer setFloor(1 << 20)
			return do()
		}
	}
	open := func(p int32, from record.Position) func() error {
		return func() error {
			r, err := b.Source("kept").Open(ctx, p, from)
			if err == nil {
				_ = r.Close()
			}
			return err
		}
	}
	huge := &record.Records{}
	huge.Keys.AppendNull()
	huge.Values.Append(make([]byte, MaxBatchBytes))
	huge.Times = []int64{1}
	for _, tt := range []struct {
		name string
		do   func() error
	}{
		{"append to a full disk", full(func() error { _, err := w.Append(ctx, 0, numbers(10, 1), -1); return err })},
		{"create on a full disk", full(func() error { return b.CreateTopic(ctx, TopicConfig{Name: "kept2"}) })},
		{"health of a full disk", full(b.Healthy)},
		{"append too much", func() error { _, err := w.Append(ctx, 0, huge, -1); return err }},
		{"append to no partition", func() error {
			_, err := w.Append(ctx, 7, numbers(10, 1), -1)
			return err
		}},
		{"open no partition", open(7, record.Position{})},
		{"open behind the end", open(0, record.Position{Offset: 99, Log: 99})},
		{"create with others", func() error { return b.CreateTopic(ctx, TopicConfig{Name: "kept", Partitions: 3}) }},
		{"create with too many", func() error { return b.CreateTopic(ctx, TopicConfig{Name: "kept3", Partitions: MaxPartitions + 1}) }},
		{"add fewer partitions", func() error { return b.AlterTopic(ctx, "kept", 0) }},
		{"add too many partitions", func() error { return b.AlterTopic(ctx, "kept", MaxPartitions+1) }},
		{"restart on a failed disk", func() error {
			l, err := b.current()
			if err != nil {
				return err
			}
			l.unwritable.set(&DownError{Reason: "its disk failed", Disk: true})
			return b.Restart(ctx)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			for _, what := range []string{"topic kept", "embedded broker", "append", "the disk of"} {
				if n := strings.Count(text, what); n > 1 {
					t.Errorf("%d times %q in %q", n, what, text)
				}
			}
		})
	}
}
