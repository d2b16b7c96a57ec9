package engine_test

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/store"
)

// TestChangesOfStateAreCounted: an alert tells how often incidents changed to each state since its engine was opened, as
// often as the topic has them.
func TestChangesOfStateAreCounted(t *testing.T) {
	b := enginetest.NewBench(t, &store.Memory{}, projectOf(plainOracle)+"CREATE STREAMING TABLE high AS SELECT k, q FROM STREAM event WHERE q >= 10;",
		append([]string{"alert.high.from", "high", "alert.high.key", "k", "alert.high.for", "15 seconds", "alert.high.interval", "10 seconds"}, projectConfig...)...)
	b.Topics["events"] = enginetest.NewLog(1)
	send := func(at int, k string, q int) {
		b.Topics["events"].Append(0, int64(at)*second, nil, fmt.Appendf(nil, `{"ts":"1970-01-01T00:%02d:%02dZ","k":"%s","q":%d}`, at/60, at%60, k, q))
	}
	e := running(t, b.Options())
	counts := func(want map[alert.State]int64) {
		t.Helper()
		catchUp(t, e)
		if diff := gocmp.Diff(want, e.Alerts()[0].Changes); diff != "" {
			t.Errorf("changes of state (-want +got):\n%s", diff)
		}
	}
	send(100, "a", 10)
	send(100, "b", 10) // over before it fires
	send(108, "a", 10)
	send(116, "a", 10)
	send(200, "c", 1)
	counts(map[alert.State]int64{alert.Pending: 2, alert.Firing: 1, alert.Resolved: 1, alert.Inactive: 1})
	send(230, "a", 10)
	send(300, "c", 1)
	counts(map[alert.State]int64{alert.Pending: 3, alert.Firing: 1, alert.Resolved: 1, alert.Inactive: 2})
}
