package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

// TestOpenWindowsNameTheirHolders: of two partitions one is behind; it holds the older window, both hold the newer one.
// The rows of open windows are those that a query of them gives, and each row behind the newest is counted.
func TestOpenWindowsNameTheirHolders(t *testing.T) {
	b := newBench(t, enginetest.Oracle{Size: 10 * second, Slide: 10 * second, Delay: 2 * second, FutureLimit: 3600 * second}, 2)
	b.Pipeline.Config.IdleTimeout = 30 * second
	for i, e := range []struct{ partition, at int }{{0, 1}, {0, 9}, {0, 6}, {0, 15}, {1, 2}, {1, 8}, {0, 12}} {
		b.Topics["events"].Append(e.partition, 20*second, nil, fmt.Appendf(nil, `{"ts": "1970-01-01T00:00:%02dZ", "q": 1, "k": "k%d"}`, e.at, i%2))
	}
	e := running(t, b.Options())
	catchUp(t, e)
	w := e.Watermarks()
	if len(w.Groups) != 1 || len(w.Tables) != 1 || w.IdleTimeout != 30*time.Second {
		t.Fatalf("%+v", w)
	}
	table := w.Tables[0]
	if table.Table != "answer" || table.Open != 2 || table.Watermark != 6*second || table.Size != 10*time.Second || table.Delay != 2*time.Second {
		t.Fatalf("%+v", table)
	}
	want := [][]engine.Holder{{{Topic: "events", Partition: 1}}, {{Topic: "events", Partition: 0}, {Topic: "events", Partition: 1}}}
	rows := int64(0)
	for i, open := range table.Windows {
		if open.Start != int64(i)*10*second || open.End != int64(i+1)*10*second || !slices.Equal(open.Holders, want[i]) {
			t.Errorf("window %d is %+v, want the holders %v", i, open, want[i])
		}
		rows += open.Groups
	}
	if _, open := total(t, e); rows != int64(open) {
		t.Errorf("%d rows of open windows are told, a query gives %d", rows, open)
	}
	g := w.Groups[0]
	if g.Delay != 2*time.Second || g.Watermark != 6*second || len(g.Partitions) != 2 || !slices.Contains(g.Tables, "answer") {
		t.Fatalf("%+v", g)
	}
	if p := g.Partitions[0]; p.EventTime != 15*second || p.Watermark != 13*second || p.Holds || p.LagTime != 0 {
		t.Errorf("partition 0: %+v", p)
	}
	if p := g.Partitions[1]; p.EventTime != 8*second || p.Watermark != 6*second || !p.Holds || p.LagTime != 7*second {
		t.Errorf("partition 1: %+v", p)
	}
	behind := g.Disorder.Curve()
	if g.Disorder.Rows != 7 || behind[0].Rows != 2 || behind[len(behind)-1].Rows != 0 || g.Disorder.DelayFor(0.01) < 3*second || g.Disorder.DelayFor(0.01) > 4*second {
		t.Errorf("two of seven rows are 3 s behind: %+v of %d rows", behind, g.Disorder.Rows)
	}
}
