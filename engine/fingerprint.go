package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nagare-stream/nagare/engine/plan"
)

// fingerprint names the queries that state and row numbers belong to: all of what decides which rows
// they give, and in what order.
func fingerprint(ops []*operator, c *plan.Config) string {
	h := sha256.New()
	fmt.Fprintf(h, "zone %s\n", c.TimeZone)
	for _, op := range ops {
		fmt.Fprintf(h, "%s from %s %q delay %d\n", op.Name, op.From.Name, op.From.Topics, op.Delay)
		for _, topic := range op.From.Topics {
			if t := c.Topics[topic]; t.Dedup != "" {
				fmt.Fprintf(h, "dedup %s %s %d\n", topic, t.Dedup, t.DedupHorizon)
			}
		}
		if op.HasTime {
			fmt.Fprintf(h, "time %s\n", op.Time.Key())
		}
		for _, p := range op.Pre {
			fmt.Fprintf(h, "pre %s\n", p.Key())
		}
		for _, p := range op.Post {
			fmt.Fprintf(h, "post %s\n", p.Key())
		}
		for i, x := range op.Explosions {
			fmt.Fprintf(h, "explode %t %v %v %v %s", i < op.Below, x.Outer, x.Pos, x.Fields, x.Rows.Key())
			for _, p := range x.Where {
				fmt.Fprintf(h, " where %s", p.Key())
			}
			fmt.Fprintln(h)
		}
		if a := op.Agg; a != nil {
			fmt.Fprintf(h, "window %d %d %d at %d\n", a.Window.Size, a.Window.Slide, a.Window.Offset, a.WindowKey)
			for _, k := range a.Keys {
				if k != nil {
					fmt.Fprintf(h, "key %s\n", k.Key())
				}
			}
			for _, c := range a.Aggs {
				fmt.Fprintf(h, "agg %s %v", c.Spec.Name, c.Spec.Distinct)
				if c.Spec.Limit > 0 {
					fmt.Fprintf(h, " %d", c.Spec.Limit)
				}
				if c.Arg != nil {
					fmt.Fprintf(h, " %s", c.Arg.Key())
				}
				if c.Filter != nil {
					fmt.Fprintf(h, " where %s", c.Filter.Key())
				}
				fmt.Fprintln(h)
			}
		}
		for _, p := range op.Having {
			fmt.Fprintf(h, "having %s\n", p.Key())
		}
		out := op.Out
		if a := op.Alert; a != nil { // its texts may change: they are no state
			fmt.Fprintf(h, "alert for %d keep %d interval %d\n", a.For, a.KeepFiring, a.Interval)
			out = out[:len(a.Key)]
		}
		for i, o := range out {
			fmt.Fprintf(h, "out %s %s\n", op.Cols[i].Name, o.Key())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
