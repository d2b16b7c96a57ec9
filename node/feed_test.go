package node

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

func newFeedNode(t *testing.T, now time.Time, g *Generate) *Node {
	t.Helper()
	b := openTestBroker(t)
	if err := b.CreateTopic(context.Background(), broker.TopicConfig{Name: g.Topic, Partitions: 3}); err != nil {
		t.Fatal(err)
	}
	return &Node{cfg: Config{Data: t.TempDir(), Started: now, Generate: g}, broker: b, host: embedded{b}, trouble: map[string]*trouble{}}
}

// write writes what is due until a number of events is reached.
func (f *feed) write(t *testing.T, until int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := f.gen.Run(ctx, f.writer, generator.RunOptions{Observe: func(next, _ int64) {
		if next >= until {
			cancel()
		}
	}})
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
}

// A feed that starts again goes on behind its last event; another rate, or a long sleep, begins a
// new generation whose events are new ones.
func TestFeedGoesOn(t *testing.T) {
	now := time.Now().Truncate(time.Microsecond)
	g := &Generate{Topic: "t", Options: generator.Config{Seed: 1, Rate: 1000}, Backlog: time.Second}
	n := newFeedNode(t, now, g)
	first, err := openFeed(n)
	if err != nil {
		t.Fatal(err)
	}
	start := first.gen.Config().Start
	if want := now.Add(-time.Second).Truncate(time.Second); !start.Equal(want) {
		t.Errorf("the first event is due at %v, want %v", start, want)
	}
	first.write(t, 500)
	again, err := openFeed(n)
	if err != nil {
		t.Fatal(err)
	}
	if !again.gen.Config().Start.Equal(start) {
		t.Errorf("a second start has another schedule: %v", again.gen.Config())
	}
	again.write(t, 900)

	g.Options.Rate = 2000
	faster, err := openFeed(n)
	if err != nil {
		t.Fatal(err)
	}
	if c := faster.gen.Config(); c.Rate != 2000 || !c.Start.After(start) || c.Seed == first.gen.Config().Seed {
		t.Errorf("another rate gives %+v", c)
	}
	faster.write(t, 300)

	n.cfg.Started = now.Add(2 * feedGap)
	slept, err := openFeed(n)
	if err != nil {
		t.Fatal(err)
	}
	if want := n.cfg.Started.Add(-g.Backlog).Truncate(time.Second); !slept.gen.Config().Start.Equal(want) {
		t.Errorf("after a long sleep the first event is due at %v, want %v", slept.gen.Config().Start, want)
	}
	ids := map[string]bool{}
	total := 0
	for _, values := range enginetest.Values(t, n.broker.SourceUntilEnd("t")) {
		for _, v := range values {
			var e struct {
				ID string `json:"event_id"`
			}
			if err := json.Unmarshal([]byte(v), &e); err != nil {
				t.Fatal(err)
			}
			if ids[e.ID] {
				t.Errorf("event %s is there twice", e.ID)
			}
			ids[e.ID] = true
			total++
		}
	}
	if total < 1200 {
		t.Errorf("only %d events were written", total)
	}
}

// A generator's settings that cannot be read are not written over.
func TestFeedRefusesDamagedSettings(t *testing.T) {
	n := newFeedNode(t, time.Now(), &Generate{Topic: "t", Options: generator.Config{Rate: 10}})
	path := n.cfg.Data + "/" + generatorFile
	if err := writeFile(path, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := openFeed(n); err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Errorf("damaged settings give %v", err)
	}
}

func openTestBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Open(context.Background(), broker.Config{MemoryOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
