package agg

import (
	"math/rand/v2"
	"testing"
)

// TestMergeKnown: a Hash that has all groups merges as Merge does; one that has some gets no others.
func TestMergeKnown(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 21))
		tr := newTrial(r, all, 1+r.IntN(80))
		if len(tr.rows) == 0 {
			continue
		}
		a, b, whole, some := tr.hash(t), tr.hash(t), tr.hash(t), tr.hash(t)
		half := len(tr.rows) / 2
		tr.feed(r, a, tr.rows[:half])
		tr.feed(r, b, tr.rows[half:])
		whole.Locate(tr.keys, tr.rows)
		whole.MergeKnown(a)
		whole.MergeKnown(b)
		tr.check(t, "all groups", whole, tr.rows)

		some.Locate(tr.keys, tr.rows[:1])
		some.MergeKnown(a)
		some.MergeKnown(b)
		if some.Len() != 1 {
			t.Fatalf("seed %d: one group became %d", seed, some.Len())
		}
	}
}
