package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

// changeOf compares a project with a data folder, and gives each part as a line.
func changeOf(t *testing.T, cfg node.Config, p *plan.Pipeline) (c *web.ProjectChange, lines string) {
	t.Helper()
	cfg.Pipeline = p // a folder is looked into by what its project is now
	lookAt(t, cfg, func(n *node.Node) {
		var err error
		if c, err = n.CompareProject(context.Background(), p.Input); err != nil {
			t.Fatal(err)
		}
	})
	var b strings.Builder
	for _, p := range c.Parts {
		fmt.Fprintf(&b, "%s %s %d of %d\n", p.Name, p.Verdict, p.Records, p.Records+p.Gone)
		if (p.Seconds > 0) != (p.Kind == "table" && p.Verdict == "fills" && p.Records > 0) {
			t.Errorf("%s %s: takes %v s", p.Kind, p.Name, p.Seconds)
		}
	}
	return c, b.String()
}

// TestPlanTellsWhatCanBeFilled edits a project whose topic has all its records, and one whose topic has let some go.
func TestPlanTellsWhatCanBeFilled(t *testing.T) {
	edited := strings.Replace(ordersView+ordersTable, "count(*)", "sum(v)", 1) + "CREATE STREAMING TABLE added AS SELECT k, ts FROM STREAM o;\n"
	whole := ordersConfig(ordersIn(t, "2", ordersView+ordersTable), t.TempDir())
	publishTo(t, whole, "orders", days(1, 20))
	if _, got := changeOf(t, whole, whole.Pipeline); got != "w fills 20 of 20\nr fills 20 of 20\n" {
		t.Errorf("before the first run:\n%s", got)
	}
	runOrders(t, whole)
	if c, got := changeOf(t, whole, whole.Pipeline); !c.Same || got != "w keeps 0 of 0\nr keeps 0 of 0\n" {
		t.Errorf("unchanged (%t):\n%s", c.Same, got)
	}
	if c, got := changeOf(t, whole, ordersIn(t, "2", edited)); c.Same || got != "w fills 20 of 20\nr keeps 0 of 0\nadded fills 20 of 20\n" {
		t.Errorf("edited (%t):\n%s", c.Same, got)
	}
	cfg := ordersConfig(oldAtOnce(t), t.TempDir())
	twoOrders(t, cfg)
	runOrders(t, cfg)
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:12Z","v":3}`)
	runOrders(t, cfg)
	c, got := changeOf(t, cfg, orders(t, edited, plan.Setting{Key: "nagare.topic.orders.retention", Value: "1 millisecond"}))
	if got != "w impossible 1 of 3\nr keeps 0 of 0\nadded fills 1 of 3\n" {
		t.Errorf("behind retention:\n%s", got)
	}
	if want := (web.ChangeLog{Topic: "orders", Records: 1, Gone: 2, Retention: "1ms"}); len(c.Topics) != 1 || c.Topics[0] != want {
		t.Errorf("topics %+v, want %+v", c.Topics, want)
	}
}

// TestApplyRefusesWhatIsGone applies a change of a table whose topic has let records go: nothing is touched. One that is
// new begins with what is left.
func TestApplyRefusesWhatIsGone(t *testing.T) {
	cfg := ordersConfig(oldAtOnce(t), t.TempDir())
	twoOrders(t, cfg)
	runOrders(t, cfg)
	publishTo(t, cfg, "orders", `{"k":"a","at":"2026-11-01T00:00:12Z","v":3}`)
	runOrders(t, cfg)
	retention := plan.Setting{Key: "nagare.topic.orders.retention", Value: "1 millisecond"}
	edited := strings.Replace(ordersView+ordersTable, "count(*)", "sum(v)", 1)
	refused := cfg
	refused.Apply, refused.Once = orders(t, edited, retention), true
	n, err := node.Open(context.Background(), refused)
	if err == nil {
		n.Close()
	}
	if node.ExitCode(err) != node.ExitData || !strings.Contains(fmt.Sprint(err), "table w (2 records of orders are gone)") || !strings.Contains(fmt.Sprint(err), "under another name") {
		t.Fatalf("apply: %v, expected a refusal that names table and topic", err)
	}
	added := cfg
	added.Apply, added.Once = orders(t, ordersView+ordersTable+"CREATE STREAMING TABLE added AS SELECT k, v FROM STREAM o;\n", retention), true
	if n, err = node.Open(context.Background(), added); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(n.Run(context.Background()), n.Close()); err != nil || !n.Applied() {
		t.Fatalf("apply a new table: %v, applied %t", err, n.Applied())
	}
	cfg.Pipeline = added.Apply
	runOrders(t, cfg)
	lookAt(t, cfg, func(n *node.Node) {
		rows := map[string]int64{}
		for _, s := range n.Status().Tables {
			rows[s.Name] = s.Rows
		}
		if rows["r"] != 3 || rows["added"] != 1 {
			t.Errorf("rows %v, want 3 of r and 1 of added", rows)
		}
	})
}
