package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

// oldAtOnce makes every record older than its topic keeps it.
func oldAtOnce(t testing.TB, further ...plan.Setting) *plan.Pipeline {
	return orders(t, ordersView+ordersTable, append(further,
		plan.Setting{Key: "nagare.topic.orders.retention", Value: "1 millisecond"})...)
}

// twoOrders are records of one partition; each append is a message of its own.
func twoOrders(t testing.TB, cfg node.Config) {
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:10Z","v":1}`)
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:11Z","v":2}`)
}

// TestUnreadRecordsStay stops a pipeline for longer than its topic keeps records: they wait for it, intake
// is refused with a reason, and the pipeline reads all of them.
func TestUnreadRecordsStay(t *testing.T) {
	cfg := ordersConfig(oldAtOnce(t), t.TempDir())
	runOrders(t, cfg)
	twoOrders(t, cfg)
	lookAt(t, cfg, func(n *node.Node) {
		_, err := n.Publish(context.Background(), "orders", strings.NewReader(`{"k":"a","at":"2026-11-01T00:00:12Z","v":3}`))
		var full *broker.FullError
		if !errors.As(err, &full) || !strings.Contains(err.Error(), "nagare.topic.orders.retention") {
			t.Errorf("publish: %v, expected a refusal that names the setting", err)
		}
		if st := n.Status(); st.State != "degraded" || !strings.Contains(st.Reason, "no pipeline has read yet") {
			t.Errorf("status: %s: %s", st.State, st.Reason)
		}
	})
	if st := runOrders(t, cfg); st.Events != 2 || lost(st) != 0 {
		t.Errorf("%d events, %d lost", st.Events, lost(st))
	}
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:12Z","v":3}`)
	if st := runOrders(t, cfg); st.Events != 3 || st.State == "degraded" {
		t.Errorf("%d events after one more, %s: %s", st.Events, st.State, st.Reason)
	}
	lookAt(t, cfg, func(n *node.Node) {
		topic, err := n.Topic(context.Background(), "orders")
		if err != nil || topic.Records != 1 {
			t.Errorf("the topic holds %d records, want the last one: %v", topic.Records, err)
		}
	})
}

// TestLossIsToleratedOnEmbeddedTopics has retention remove what was not read: it is passed over and counted.
func TestLossIsToleratedOnEmbeddedTopics(t *testing.T) {
	cfg := ordersConfig(oldAtOnce(t, plan.Setting{Key: "source.raw.option.failOnDataLoss", Value: "false"}), t.TempDir())
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:09Z","v":1}`)
	if st := runOrders(t, cfg); st.Events != 1 {
		t.Fatalf("%d events", st.Events)
	}
	twoOrders(t, cfg)
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:12Z","v":3}`)
	if st := runOrders(t, cfg); st.Events != 2 || lost(st) != 2 {
		t.Errorf("%d events, %d lost; want the first and the last, and two lost", st.Events, lost(st))
	}
	if st := runOrders(t, cfg); st.Events != 2 || lost(st) != 2 {
		t.Errorf("after a restart %d events, %d lost", st.Events, lost(st))
	}
}

func lost(st engine.Status) (n int64) {
	for _, p := range st.Partitions {
		n += p.Lost
	}
	return n
}
