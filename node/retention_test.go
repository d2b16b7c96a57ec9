package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

// days is an event a day of a month.
func days(from, to int) string {
	var b strings.Builder
	for d := from; d <= to; d++ {
		fmt.Fprintf(&b, `{"k":"a","at":"2026-10-%02dT00:00:10Z","v":%d}`+"\n", d, d)
	}
	return b.String()
}

func tableOf(t testing.TB, st engine.Status, name string) engine.TableStatus {
	t.Helper()
	for _, table := range st.Tables {
		if table.Name == name {
			return table
		}
	}
	t.Fatalf("there is no table %s", name)
	return engine.TableStatus{}
}

// TestTablesKeepRows runs over a month, again and again: every row stays, of windows and of tables of rows.
func TestTablesKeepRows(t *testing.T) {
	cfg := ordersConfig(ordersIn(t, "1", ordersView+ordersTable), t.TempDir())
	for _, lines := range []string{days(1, 20), days(21, 30), ""} {
		if lines != "" {
			publishTo(t, cfg, "orders", lines)
		}
		runOrders(t, cfg)
	}
	lookAt(t, cfg, func(n *node.Node) {
		if len(n.Notices()) > 0 {
			t.Errorf("notices: %q", n.Notices())
		}
		if got := rowsOf(t, n, "SELECT (SELECT count(*) FROM w) AS w, (SELECT count(*) FROM r) AS r"); got != "w,r\n29,30\n" {
			t.Errorf("rows: %q", got)
		}
		if st := n.Status(); len(st.Ledger.LetGo) > 0 {
			t.Errorf("let go: %v", st.Ledger.LetGo)
		}
	})
}

// TestRetentionIsTold has tables let go of rows: the start says so, the status counts what is there, and
// the ledger what is not.
func TestRetentionIsTold(t *testing.T) {
	cfg := ordersConfig(ordersIn(t, "1", ordersView+ordersTable,
		plan.Setting{Key: "nagare.table.w.retention", Value: "7 days"},
		plan.Setting{Key: "nagare.table.r.retention", Value: "1 millisecond"}), t.TempDir())
	for _, lines := range []string{days(1, 10), days(11, 20), days(21, 30)} {
		publishTo(t, cfg, "orders", lines)
		runOrders(t, cfg)
	}
	st := runOrders(t, cfg)
	lookAt(t, cfg, func(n *node.Node) {
		for _, want := range []string{"nagare.table.w.retention", "nagare.table.r.retention"} {
			if told := strings.Join(n.Notices(), "\n"); !strings.Contains(told, want) {
				t.Errorf("notices %q do not name %s", told, want)
			}
		}
		st = n.Status()
		w, r := tableOf(t, st, "w"), tableOf(t, st, "r")
		got := rowsOf(t, n, "SELECT (SELECT count(*) FROM w) AS w, (SELECT count(*) FROM r) AS r")
		if want := fmt.Sprintf("w,r\n%d,%d\n", w.Rows, r.Rows); got != want || w.Rows == 29 || r.Rows == 30 {
			t.Errorf("rows: %q, and the status says %q", got, want)
		}
		if w.Rows+w.LetGo != 29 || r.Rows+r.LetGo != 30 || st.Ledger.LetGo["w"] != w.LetGo || st.Ledger.LetGo["r"] != r.LetGo {
			t.Errorf("let go: %v of %+v and %+v", st.Ledger.LetGo, w, r)
		}
	})
}

// TestRefusedRowsHaveALimit sends bad records to a project that keeps few of them.
func TestRefusedRowsHaveALimit(t *testing.T) {
	cfg := ordersConfig(ordersIn(t, "1", ordersView+ordersTable, plan.Setting{Key: "nagare.refused.maxBytes", Value: "4096"}), t.TempDir())
	for i := range 12 {
		publishTo(t, cfg, "orders", fmt.Sprintf(`{"k":%q,"at":"x`, strings.Repeat(fmt.Sprint(i), 900)))
		runOrders(t, cfg)
	}
	lookAt(t, cfg, func(n *node.Node) {
		topic, err := n.Topic(context.Background(), "orders$invalid")
		gone := n.Status().Ledger.LetGo["orders$invalid"]
		if err != nil || topic.Bytes > 4096 || topic.Records == 0 || gone == 0 || topic.Records+gone != 12 {
			t.Errorf("%d bytes in %d records stay, %d are let go: %v", topic.Bytes, topic.Records, gone, err)
		}
	})
}

// TestTopicFollowsItsSettings edits nagare.topic.<name>.partitions: more are made, fewer are refused aloud.
func TestTopicFollowsItsSettings(t *testing.T) {
	cfg := ordersConfig(ordersIn(t, "2", ordersView+ordersTable), t.TempDir())
	runOrders(t, cfg)
	publishTo(t, cfg, "orders", orderLines)
	for _, step := range []struct {
		says, has string
		notice    string
	}{{"2", "2", ""}, {"4", "4", "has 4 partitions now"}, {"4", "4", ""}, {"3", "4", "cannot have fewer"}} {
		cfg.Pipeline = ordersIn(t, step.says, ordersView+ordersTable)
		n, err := node.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Join(n.Notices(), "\n")
		topic, err := n.Topic(context.Background(), "orders")
		if err != nil || fmt.Sprint(topic.Partitions) != step.has || !strings.Contains(told, step.notice) || step.notice == "" && told != "" {
			t.Errorf("the project says %s: %d partitions, notices %q: %v", step.says, topic.Partitions, told, err)
		}
		if err := n.Run(context.Background()); err != nil {
			t.Error(err)
		}
		if st := n.Status(); st.Events != 3 {
			t.Errorf("%d events", st.Events)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
