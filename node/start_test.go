package node_test

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/plan"
)

// TestStartingOffsetBehindEnd starts behind the end of a topic that is empty, or shorter: that is no
// damage, and what comes is read from that offset on.
func TestStartingOffsetBehindEnd(t *testing.T) {
	for name, before := range map[string]string{"empty": "", "shorter": `{"k":"a","at":"2026-11-01T00:00:01Z","v":10}`} {
		t.Run(name, func(t *testing.T) {
			p := ordersIn(t, "1", ordersView+ordersTable)
			p.Dataset("raw").Starts = map[string]plan.Start{"orders": {Offsets: map[int32]int64{0: 3}}}
			cfg := ordersConfig(p, t.TempDir())
			if before != "" {
				publishTo(t, cfg, "orders", before)
			}
			for range 2 {
				if st := runOrders(t, cfg); st.Events != 0 || st.Partitions[0].Position != 3 {
					t.Fatalf("%d events, position %d, before the record is there", st.Events, st.Partitions[0].Position)
				}
			}
			publishTo(t, cfg, "orders", orderLines+orderLines)
			read := int64(3)
			if before != "" {
				read++
			}
			for range 2 {
				if st := runOrders(t, cfg); st.Events != read || lost(st) != 0 {
					t.Errorf("%d events, %d lost, want %d", st.Events, lost(st), read)
				}
			}
		})
	}
}
