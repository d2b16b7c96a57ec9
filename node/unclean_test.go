package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/node"
)

var errCut = errors.New("the run is cut short")

// dyingStore keeps the checkpoint that begins a run, and none behind it.
type dyingStore struct {
	state.Store
	commits int
}

func (s *dyingStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	if s.commits++; s.commits > 1 {
		return errCut
	}
	return s.Store.Commit(ctx, cp, d)
}

// cutShort runs a pipeline to the end of its topics, and ends it when its rows are delivered and no checkpoint knows of them.
func cutShort(t *testing.T, cfg node.Config) {
	t.Helper()
	cfg.Tune = func(opt *engine.Options) { opt.Store = &dyingStore{Store: opt.Store} }
	n, err := node.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(context.Background()); !errors.Is(err, errCut) {
		t.Fatalf("run: %v, expected that it is cut short", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOutputsGetPartitionsBehindACleanStop: rows that an output has are computed again after a run that was cut short, and would go
// to other partitions if it got some in between. So a command to add them is refused, a setting waits for a start, and each row is
// there once.
func TestOutputsGetPartitionsBehindACleanStop(t *testing.T) {
	project := func(partitions int) *plan.Pipeline {
		return orders(t, ordersView+ordersTable+"CREATE TEMPORARY VIEW rows AS SELECT k AS key, CAST(v AS STRING) AS value FROM STREAM o;",
			plan.Setting{Key: "sink.out.format", Value: "kafka"}, plan.Setting{Key: "sink.out.from", Value: "rows"},
			plan.Setting{Key: "sink.out.option.topic", Value: "results"}, plan.Setting{Key: "nagare.topic.results.partitions", Value: fmt.Sprint(partitions)})
	}
	cfg := ordersConfig(project(2), t.TempDir())
	runOrders(t, cfg)
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, `{"k":"k%d","at":"2026-11-01T00:00:10Z","v":%d}`+"\n", i, i)
	}
	publishTo(t, cfg, "orders", lines.String())
	cutShort(t, cfg)
	lookAt(t, cfg, func(n *node.Node) {
		topic, err := n.Topic(context.Background(), "results")
		if err != nil || topic.Records != 100 {
			t.Errorf("the output has %d rows (%v) before the restart, expected 100", topic.Records, err)
		}
		if err := n.AlterTopic(context.Background(), "results", 5); err == nil || !strings.Contains(err.Error(), "run the pipeline and stop it, then alter the topic") {
			t.Errorf("alter the output: %v, expected a refusal that says what to do", err)
		}
	})
	cfg.Pipeline = project(5)
	for _, want := range []struct {
		notice     string
		partitions int
	}{{"the next start adds them", 2}, {"topic results has 5 partitions now", 5}} {
		n, err := node.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(n.Notices(), func(s string) bool { return strings.Contains(s, want.notice) }) {
			t.Errorf("the start says %q, expected %q", n.Notices(), want.notice)
		}
		if err := errors.Join(n.Run(context.Background()), n.Close()); err != nil {
			t.Fatal(err)
		}
		lookAt(t, cfg, func(n *node.Node) {
			topic, err := n.Topic(context.Background(), "results")
			if err != nil || topic.Records != 100 || topic.Partitions != want.partitions {
				t.Errorf("the output has %d rows in %d partitions (%v), expected 100 in %d", topic.Records, topic.Partitions, err, want.partitions)
			}
		})
	}
}
