package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine/enginetest"
)

// TestLetGoOverRestarts: a cache that outlives the process loses the rows that a later process lets go, moves to
// another place, or closes the window of, though it did not hand them on itself.
func TestLetGoOverRestarts(t *testing.T) {
	const odd = 3 // groups of 1, 4, 7 … rows are let go
	for _, partitions := range []int{1, 2} {
		b := updateBench(t, plainOracle, partitions, odd)
		b.Topics["events"] = enginetest.NewLog(partitions)
		places := 0
		for _, step := range []struct {
			rows   int // of the group, in the window from 0 on
			closes bool
		}{{rows: 2}, {rows: 1}, {rows: 1}, {rows: 1}, {rows: 2, closes: true}} {
			b.Topics["events"].Resume()
			for i := range step.rows {
				b.Topics["events"].Append(i%partitions, second, nil, []byte(`{"ts": "1970-01-01T00:00:01Z", "k": "a", "u": "u", "q": 1, "x": 0.5}`))
			}
			for p := 0; step.closes && p < partitions; p++ {
				b.Topics["events"].Append(p, second, nil, []byte(`{"ts": "1970-01-01T00:01:00Z", "k": "b", "u": "u", "q": 1, "x": 0.5}`))
			}
			b.Topics["events"].Finish()
			b.Run(t, false)
			e := b.Open(t, false)
			live, members, moving := expected(t, e, odd)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			places += len(moving)
			for name, want := range map[string]map[string]string{"cached": live, "members": members, "moving": moving} {
				if diff := cmp.Diff(want, b.Caches[name].Values()); diff != "" {
					t.Errorf("%d partitions, behind %+v: %s (-tables +sink):\n%s", partitions, step, name, diff)
				}
			}
		}
		final := map[string]string{}
		e := b.Open(t, false)
		query(t, e, "SELECT k, CAST(n AS STRING) FROM answer", final)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if final["a"] != "7" {
			t.Errorf("the window was not closed: %v", final)
		}
		if places < 3 {
			t.Error(fmt.Sprint("there were ", places, " places: too few to be let go"))
		}
	}
}
