package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestUnreadableLastMessage asks for the end of a log whose last message the server cannot read: an error,
// and not a wait for ever. The server has taken it over, as it does with what goes bad while it runs.
func TestUnreadableLastMessage(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t"}); err != nil {
		t.Fatal(err)
	}
	r := &record.Records{}
	r.Values.Append([]byte("a value that is long enough to be hit"))
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(ctx, 0, r, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(b.streamFolder("t-t-0"), streamBlocks, "1.blk")
	text, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-30] ^= 1
	if err := os.WriteFile(block, text, 0o600); err != nil {
		t.Fatal(err)
	}

	b = &Broker{cfg: b.cfg, dir: dir, ackWait: ackWait, linked: make(chan struct{}), topics: make(map[string]*topic), byName: make(map[string]*partition), stop: make(chan struct{})}
	b.keeper = served{b}
	l, err := startLink(b.cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	b.link = l
	if err := b.loadTopics(ctx, l, nil); err != nil {
		t.Fatal(err)
	}
	var damaged *DamageError
	if _, err := b.Topic(ctx, "t"); !errors.As(err, &damaged) {
		t.Errorf("the topic is described: %v", err)
	}
	if _, err := b.SourceUntilEnd("t").End(ctx, 0); !errors.As(err, &damaged) {
		t.Errorf("the end of the topic: %v", err)
	}
	if w, err = b.Writer("t", "p"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(ctx, 0, r, 0); !errors.As(err, &damaged) {
		t.Errorf("an append behind it: %v", err)
	}
	p, err := b.partition("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.producer(ctx, l, "p"); !errors.As(err, &damaged) {
		t.Errorf("where its producer stands: %v", err)
	}
	if at, err := p.producer(ctx, l, "another"); err != nil || *at != (producer{}) {
		t.Errorf("where a new producer stands: %+v, %v", at, err)
	}
}
