package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
)

// Generate says what is generated into a topic.
type Generate struct {
	Topic   string
	Options generator.Config // Start and Partitions are filled in
	Backlog time.Duration    // how far in the past the first event lies
}

// feedLinger is how long events that are due wait to be appended together: at high rates what makes them durable is
// all that they cost.
const feedLinger = 50 * time.Millisecond

// feedGap is how long a generator may have stood still and still write what was due meanwhile; after
// a longer time it starts anew with a backlog.
const feedGap = time.Hour

// feedState is the content of generator.json. A generation is one configuration: with another rate
// events are due at other times, so the schedule starts anew and its producer has a new name.
type feedState struct {
	Generation int              `json:"generation"`
	Config     generator.Config `json:"config"`
}

// A feed writes generated events into a topic.
type feed struct {
	gen     *generator.Generator
	writer  topicWriter
	overdue atomic.Int64
	healthy func()
}

// openFeed goes on with the generation that the folder knows, or begins a new one.
func openFeed(n *Node) (*feed, error) {
	g := n.cfg.Generate
	info, err := n.host.Topic(context.Background(), g.Topic)
	if err != nil {
		return nil, err
	}
	want := g.Options
	want.Partitions = info.Partitions
	path := filepath.Join(n.cfg.Data, generatorFile)
	state, err := readFeed(path)
	if err != nil {
		return nil, err
	}
	last := lastAppend(info)
	now := n.cfg.Started
	if state == nil || !sameFeed(state.Config, want) || (!last.IsZero() && now.Sub(last) > feedGap) {
		next := feedState{Generation: 1}
		if state != nil {
			next.Generation = state.Generation + 1
		}
		want.Start = now.Add(-g.Backlog).Truncate(time.Second)
		if state != nil && want.Start.Before(last) {
			want.Start = last.Truncate(time.Second).Add(time.Second) // no two events of one id
		}
		want.Seed += uint64(next.Generation - 1)
		next.Config = want
		state = &next
		text, err := json.MarshalIndent(state, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := writeFile(path, append(text, '\n')); err != nil {
			return nil, err
		}
	}
	gen, err := generator.New(state.Config)
	if err != nil {
		return nil, err
	}
	w, err := n.host.Writer(g.Topic, fmt.Sprintf("generator/%d", state.Generation))
	if err != nil {
		return nil, err
	}
	n.onClose(func() error { return closeWriter(w) })
	return &feed{gen: gen, writer: seenWriter{w, &n.intake}, healthy: func() { n.note("generator", "") }}, nil
}

func readFeed(path string) (*feedState, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the generator's settings: %w", err)
	}
	var state feedState
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("read the generator's settings %s: %w; remove the file to start a new generation", path, err)
	}
	return &state, nil
}

// sameFeed reports whether two configurations make the same events, but for the start and the seed
// that a new generation gets.
func sameFeed(a, b generator.Config) bool {
	a.Start, b.Start = time.Time{}, time.Time{}
	a.Seed, b.Seed = 0, 0
	return a == b
}

func lastAppend(info broker.TopicInfo) time.Time {
	var last time.Time
	for _, p := range info.Parts {
		if p.LastAppend.After(last) {
			last = p.LastAppend
		}
	}
	return last
}

// run writes events until ctx ends or an append fails.
func (f *feed) run(ctx context.Context) error {
	return f.gen.Run(ctx, f.writer, generator.RunOptions{
		Linger: feedLinger,
		Observe: func(_, overdue int64) {
			f.overdue.Store(overdue)
			f.healthy()
		},
	})
}
