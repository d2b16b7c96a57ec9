package agg

import (
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// TestUnionFollows: whatever comes into Hashes between two looks, whichever are followed when, and when one is
// begun or read back from its states, a group's results by way of a Union are those of a merge of all of it.
func TestUnionFollows(t *testing.T) {
	all := allSpecs(t)
	var counts []Spec
	for _, s := range all {
		if isCountDistinct(s) {
			counts = append(counts, s)
		}
	}
	if len(counts) < 5 {
		t.Fatalf("there are %d kinds of count(DISTINCT)", len(counts))
	}
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 31))
		tr := newTrial(r, append(all, repeat(counts, 1+len(all)/len(counts))...), 1+r.IntN(150))
		parts := []*Hash{tr.hash(t)}
		u := NewUnion(tr.types, tr.specs)
		for rows := tr.rows; len(rows) > 0; {
			if r.IntN(4) == 0 && len(parts) < 5 {
				parts = append(parts, tr.hash(t))
			}
			n := min(len(rows), 1+r.IntN(20))
			parts[r.IntN(len(parts))].Update(tr.keys, tr.inputs, rows[:n])
			rows = rows[n:]
			switch r.IntN(6) {
			case 0, 1:
				compareUnion(t, tr, r, parts, u)
			case 2:
				u.Follow(parts[r.IntN(len(parts))])
			case 3: // a restart
				for i := range parts {
					parts[i] = readBack(t, tr, parts[i])
				}
				u = NewUnion(tr.types, tr.specs)
			}
		}
		compareUnion(t, tr, r, parts, u)
	}
}

func repeat(specs []Spec, n int) []Spec {
	var all []Spec
	for range n {
		all = append(all, specs...)
	}
	return all
}

func readBack(t *testing.T, tr *trial, h *Hash) *Hash {
	t.Helper()
	back := tr.hash(t)
	for slot := range uint32(h.Len()) {
		if err := back.SetSlot(h.AppendSlot(nil, slot)); err != nil {
			t.Fatal(err)
		}
	}
	return back
}

// compareUnion compares a merge of all, for some groups, with one by way of a Union.
func compareUnion(t *testing.T, tr *trial, r *rand.Rand, parts []*Hash, u *Union) {
	t.Helper()
	for _, p := range parts {
		u.Follow(p)
	}
	groups := map[string]bool{}
	want, got := tr.hash(t), tr.hash(t)
	for _, p := range parts {
		keys := make([]*column.Vector, len(p.Keys()))
		for i := range keys {
			keys[i] = &p.Keys()[i]
		}
		var some []uint32
		for slot := range uint32(p.Len()) {
			if groups[text(keys, slot)] = true; r.IntN(2) == 0 {
				some = append(some, slot)
			}
		}
		want.Locate(keys, some)
		got.Locate(keys, some)
	}
	if u.Len() != len(groups) {
		t.Fatalf("a union of %d groups, want %d", u.Len(), len(groups))
	}
	for _, p := range parts {
		want.MergeKnown(p)
		got.MergeCounted(p)
	}
	got.TakeCounts(u)
	compareResults(t, tr, want, got)
	whole, counted := tr.hash(t), tr.hash(t)
	for _, p := range parts {
		whole.Merge(p)
		counted.MergeAllCounted(p)
	}
	counted.TakeCounts(u)
	compareResults(t, tr, whole, counted)
}

func compareResults(t *testing.T, tr *trial, want, got *Hash) {
	t.Helper()
	if got.Len() != want.Len() {
		t.Fatalf("%d groups, want %d", got.Len(), want.Len())
	}
	slots := ascending(nil, want.Len())
	for i, s := range tr.specs {
		var a, b column.Vector
		a.Reset(s.Type)
		b.Reset(s.Type)
		want.aggs[i].Result(&a, slots)
		got.aggs[i].Result(&b, slots)
		for _, slot := range slots {
			if show(&a, slot) != show(&b, slot) {
				t.Fatalf("%s of %v, distinct %v: %s by way of the union, want %s", s.Name, s.Args, s.Distinct, show(&b, slot), show(&a, slot))
			}
			if want.Failed(slot) != got.Failed(slot) {
				t.Fatalf("%s: %q, want %q", s.Name, got.Failed(slot), want.Failed(slot))
			}
		}
	}
}

// TestUnionLimits: a group that met a limit in one Hash has no count in all of them.
func TestUnionLimits(t *testing.T) {
	spec, _, err := Resolve("count", true, []column.Type{column.Of(column.Int64)})
	if err != nil {
		t.Fatal(err)
	}
	keys, in := &column.Vector{}, &column.Vector{}
	keys.Reset(column.Of(column.Int64))
	in.Reset(column.Of(column.Int64))
	for i := range int64(6) {
		keys.AppendInt(i % 2)
		in.AppendInt(i)
	}
	specs, types := []Spec{spec}, []column.Type{column.Of(column.Int64)}
	p, err := NewHash(types, specs)
	if err != nil {
		t.Fatal(err)
	}
	p.aggs[0].(*distinct).set.most = 5
	p.Update([]*column.Vector{keys}, []*column.Vector{in}, ascending(nil, 6))
	u := NewUnion(types, specs)
	u.Follow(p)
	h, err := NewHash(types, specs)
	if err != nil {
		t.Fatal(err)
	}
	h.Locate([]*column.Vector{keys}, ascending(nil, 2))
	h.MergeCounted(p)
	h.TakeCounts(u)
	if h.Failed(0) != "" || h.Failed(1) != StateLimit {
		t.Fatalf("faults %q, %q", h.Failed(0), h.Failed(1))
	}
}

// TestUnionCostsWhatCame: following Hashes that did not change, or little, does not read them again.
func TestUnionCostsWhatCame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	spec, _, err := Resolve("count", true, []column.Type{column.Of(column.Int64)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{specs: []Spec{spec}, rows: ascending(nil, 1000)}
	tr.inputs = []*column.Vector{randomVector(r, column.Of(column.Int64), 1000, 500)}
	a, b := tr.hash(t), tr.hash(t)
	a.Update(nil, tr.inputs, tr.rows[:600])
	b.Update(nil, tr.inputs, tr.rows[600:])
	u := NewUnion(nil, tr.specs)
	u.Follow(a)
	u.Follow(b)
	had := u.counts[0][0]
	u.counts[0][0] = 0 // what is counted again would be there again
	u.Follow(a)
	u.Follow(b)
	if u.counts[0][0] != 0 || had == 0 {
		t.Fatalf("%d values of %d were counted again", u.counts[0][0], had)
	}
}
