package node_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

var applyKills = flag.Int("applykills", 6, "how often TestKillWhileApplying kills")

// edits is how the purchases of a life are edited: another window, another key, another aggregate, another condition.
var edits = [][2]string{
	{"GROUP BY window(ts, '1 minute'), category, region;\n\nCREATE STREAMING TABLE segment_metrics", "GROUP BY window(ts, '3 minutes'), category, region;\n\nCREATE STREAMING TABLE segment_metrics"},
	{"window.end AS window_end, user_segment,", "window.end AS window_end, user_segment, region,"},
	{"GROUP BY window(ts, '2 minutes'), user_segment;", "GROUP BY window(ts, '2 minutes'), user_segment, region;"},
	{"WHERE final_amount > 50000;", "WHERE final_amount > 40000;"},
	{"COMMENT 'Sales of each hour by category'\nAS SELECT window.start AS window_start, window.end AS window_end, category,", "COMMENT 'edited'\nAS SELECT window.start AS window_start, window.end AS window_end, category, max(quantity) AS most,"},
}

// newTable is beside the edited purchases; sliding_sales is gone.
const newTable = `CREATE STREAMING TABLE by_device AS
SELECT window.start AS window_start, device, count(*) AS orders, count(DISTINCT user_id) AS users
FROM STREAM purchase GROUP BY window(ts, '5 minutes'), device;`

// editedPurchases is the project of a life with other queries.
func editedPurchases() (*plan.Pipeline, error) {
	p, err := lifePipeline()
	if err != nil {
		return nil, err
	}
	in := p.Input
	in.Files = slices.Clone(in.Files)
	left := len(edits)
	for i := range in.Files {
		if f := &in.Files[i]; f.Text == slidingSales {
			f.Text = newTable
		}
		for _, e := range edits {
			if strings.Contains(in.Files[i].Text, e[0]) {
				in.Files[i].Text = strings.Replace(in.Files[i].Text, e[0], e[1], 1)
				left--
			}
		}
	}
	if left != 0 {
		return nil, fmt.Errorf("%d edits found no place in the shipped project", left)
	}
	return resolved(in)
}

// apply opens a folder of before to be taken over by the edited purchases.
func (l life) apply(ctx context.Context, cfg node.Config) (*node.Node, error) {
	var err error
	if cfg.Apply, err = editedPurchases(); err != nil {
		return nil, err
	}
	if cfg.Pipeline, err = node.Queries(l.Data); err != nil {
		return nil, err
	}
	return l.openWith(ctx, cfg)
}

// comparing asks a process what a change means, while that is applied.
func comparing(ctx context.Context, n *node.Node) error {
	edited, err := editedPurchases()
	if err != nil {
		return err
	}
	change, err := n.CompareProject(ctx, edited.Input)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil && change.Same {
		err = errors.New("edited queries are said to be the same")
	}
	return err
}

// TestKillWhileApplying kills a run of the purchases, and then runs of edited ones that are applied to its folder, at
// random instants. Tables, ledger and topics are then what the edited ones give in a folder of their own.
func TestKillWhileApplying(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d kills at instants of seed %d (repeat with -killseed)", *applyKills, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const events = killEvents / 3

	whole := life{Data: filepath.Join(t.TempDir(), "fresh"), Events: events, Edited: true}
	pace := runLife(t, self(t), whole, nil)
	if pace.killed || pace.last() != atDone {
		t.Fatalf("the undisturbed run ended at %q; stderr:\n%s", pace.last(), pace.errors)
	}
	l := life{Data: filepath.Join(t.TempDir(), "applied"), Events: events}
	work := pace.since(atRead) - pace.since(atOpen)
	first := runLife(t, self(t), l, &instant{at: atCommit, after: time.Duration(random.Float64() * float64(work))})
	if !first.killed {
		t.Fatalf("the first life ended by itself at %q; stderr:\n%s", first.last(), first.errors)
	}
	l.Edited = true
	straight := life{Data: filepath.Join(t.TempDir(), "straight"), Events: events, Edited: true}
	if err := os.CopyFS(straight.Data, os.DirFS(l.Data)); err != nil {
		t.Fatal(err)
	}
	pace = runLife(t, self(t), straight, nil)
	if pace.last() != atDone {
		t.Fatalf("the straight life ended at %q; stderr:\n%s", pace.last(), pace.errors)
	}
	tell(t, "tables and ledger, applied straight", filesDiffer(t, tablesOf(t, whole.Data), tablesOf(t, straight.Data)))
	tell(t, "outputs, applied straight", newestDiffer(t, whole.Data, straight.Data))

	stages := map[string]int{}
	filling := pace.since(atOpen) - pace.since(atFills)
	t.Logf("applying takes %v, and the start %v", filling, pace.since(atFills))
	for i := range *applyKills {
		when := instant{at: atFills, after: time.Duration(random.Float64() * float64(filling))}
		if i >= *applyKills*2/3 { // about where the edited queries take over
			when.after = filling - filling/4 + time.Duration(random.Float64()*float64(filling)/2)
		}
		k := runLife(t, self(t), l, &when)
		if !k.killed && k.last() != atDone {
			t.Fatalf("a life ended by itself at %q; stderr:\n%s", k.last(), k.errors)
		}
		stages[k.last()]++
		if k.since(atFills) == 0 { // they have taken over: the rest is killed at its start
			runLife(t, self(t), l, &instant{after: time.Duration(random.Float64() * float64(pace.since(atFills)))})
		}
	}
	t.Logf("killed after %v", stages)
	if last := runLife(t, self(t), l, nil); last.last() != atDone {
		t.Fatalf("the last life ended at %q; stderr:\n%s", last.last(), last.errors)
	}
	tell(t, "tables and ledger", filesDiffer(t, tablesOf(t, whole.Data), tablesOf(t, l.Data)))
	tell(t, "outputs", newestDiffer(t, whole.Data, l.Data))
	checkStore(t, l.Data)
}

func tablesOf(t testing.TB, data string) string {
	t.Helper()
	n, err := life{Data: data, Edited: true}.open(context.Background(), node.Config{Look: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	dir := t.TempDir()
	if _, err := n.WriteTables(context.Background(), dir, "csv"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newestDiffer compares output topics: the rows of a sink that changed stand behind those of before.
func newestDiffer(t testing.TB, want, got string) (out []string) {
	t.Helper()
	a, b := openBroker(t, want), openBroker(t, got)
	for _, topic := range []string{"sales-by-minute", "segment-metrics", "purchase-anomalies", "customer-scores", "hourly-sales", "product-sales"} {
		info, err := a.Topic(context.Background(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for p := range int32(info.Partitions) {
			w, g := readPartition(t, a, topic, p), readPartition(t, b, topic, p)
			changed := topic != "customer-scores" && topic != "product-sales"
			if len(g) >= len(w) && changed {
				g = g[len(g)-len(w):]
			}
			out = append(out, recordsDiffer(t, fmt.Sprintf("topic %s partition %d", topic, p), w, g)...)
		}
	}
	return append(append(out, incidentsDiffer(t, a, b)...), generationsLeft(t, b)...)
}

// incidentsDiffer compares the changes of incidents: those of the rule that stays are there once, those of the one whose
// table changed once more.
func incidentsDiffer(t testing.TB, a, b *broker.Broker) (out []string) {
	t.Helper()
	count := func(b *broker.Broker) map[string]int {
		told := map[string]int{}
		for _, r := range readPartition(t, b, engine.AlertTopic, 0) {
			told[string(r.value)]++
		}
		return told
	}
	want, got := count(a), count(b)
	changed := 0
	for text, n := range want {
		switch {
		case strings.Contains(text, `"high_value"`):
			changed++
			if got[text] < n {
				out = append(out, "not told: "+text)
			}
		default:
			if got[text] != n {
				out = append(out, fmt.Sprintf("told %d times, want %d: %s", got[text], n, text))
			}
		}
	}
	if changed == 0 {
		out = append(out, "no incident was told: the test sees nothing")
	}
	return out
}

// generationsLeft finds topics that a change has left behind.
func generationsLeft(t testing.TB, b *broker.Broker) (out []string) {
	t.Helper()
	for _, name := range []string{"sliding_sales$late", "anomalies"} {
		if b.HasTopic(name) {
			out = append(out, "topic "+name+" of before is still there")
		}
	}
	return out
}
