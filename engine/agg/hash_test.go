package agg

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// allSpecs is every aggregate for every type that it takes, distinct and not, but for those whose
// results depend on rounding.
func allSpecs(t *testing.T) []Spec {
	var specs []Spec
	names := append(Names(), "first_ignore_nulls", "last_ignore_nulls", "any_value_ignore_nulls")
	types := append(groupTypes(), column.Of(column.Int8), column.DecimalOf(38, 10), column.DecimalOf(5, 0),
		column.Type{Kind: column.DayTime, To: column.UnitSecond}, column.Type{Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth})
	add := func(name string, distinct bool, args ...column.Type) {
		s, class, err := Resolve(name, distinct, args)
		if err != nil {
			if class == "" {
				t.Fatalf("%s: an error without a class: %v", name, err)
			}
			return
		}
		for i := range args {
			if !s.Args[i].Equal(args[i]) {
				return // the binder would cast
			}
		}
		if s.Name == "percentile" && len(args) > 1 {
			return // random frequencies are mostly negative: TestFrequencies
		}
		specs = append(specs, s)
		if name == "max_by" || name == "min_by" {
			specs = append(specs, s.Limited(1+len(specs)%3))
		}
	}
	for _, name := range names {
		_, f := familyOf(name)
		if f == moments || f == pairing || f == regressing {
			continue
		}
		for _, distinct := range []bool{false, true} {
			for _, a := range types {
				add(name, distinct, a)
				add(name, distinct, a, types[(len(name)*7+int(a.Kind))%len(types)])
			}
			add(name, distinct)
		}
	}
	return specs
}

// trial is random rows for some specs.
type trial struct {
	types  []column.Type // of the keys
	specs  []Spec
	keys   []*column.Vector
	inputs []*column.Vector
	rows   []uint32
}

func newTrial(r *rand.Rand, all []Spec, n int) *trial {
	tr := &trial{rows: someRows(r, n)}
	for range r.IntN(3) {
		tr.types = append(tr.types, groupTypes()[r.IntN(len(groupTypes()))])
	}
	for range 1 + r.IntN(4) {
		tr.specs = append(tr.specs, all[r.IntN(len(all))])
	}
	few := 1 + r.IntN(40)
	for _, t := range tr.types {
		tr.keys = append(tr.keys, randomVector(r, t, n, 1+r.IntN(12)))
	}
	for _, s := range tr.specs {
		if len(s.Args) == 0 {
			tr.inputs = append(tr.inputs, nil)
		} else {
			tr.inputs = append(tr.inputs, randomVector(r, inputType(s.Args), n, few))
		}
	}
	return tr
}

func (tr *trial) hash(t *testing.T) *Hash {
	t.Helper()
	h, err := NewHash(tr.types, tr.specs)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// check compares a Hash with the definition over rows.
func (tr *trial) check(t *testing.T, what string, h *Hash, rows []uint32) {
	t.Helper()
	byKey, _ := groupRows(tr.keys, rows)
	if h.Len() != len(byKey) {
		t.Fatalf("%s: %d groups, want %d", what, h.Len(), len(byKey))
	}
	got := make([]column.Vector, len(tr.specs))
	var slots []uint32
	for i := range got {
		got[i].Reset(tr.specs[i].Type)
	}
	for s := range h.Len() {
		slots = append(slots, uint32(s))
	}
	h.Result(got, slots)
	var stored []*column.Vector
	for i := range h.Keys() {
		stored = append(stored, &h.Keys()[i])
	}
	for s := range slots {
		group := byKey[text(stored, uint32(s))]
		for i, spec := range tr.specs {
			want := naive(spec, tr.inputs[i], group)
			g, w := codec.AppendKey(nil, &got[i], int(uint32(s))), codec.AppendKey(nil, want, int(0))
			if string(g) != string(w) {
				t.Fatalf("%s: %s of %v, distinct %v: %s, want %s", what, spec.Name, spec.Args, spec.Distinct, show(&got[i], uint32(s)), show(want, 0))
			}
		}
	}
}

// feed updates h with rows in random batches.
func (tr *trial) feed(r *rand.Rand, h *Hash, rows []uint32) {
	for len(rows) > 0 {
		n := min(len(rows), 1+r.IntN(len(rows)+1))
		h.Update(tr.keys, tr.inputs, rows[:n])
		rows = rows[n:]
	}
}

// TestHashAgainstDefinition: batches of any size, with memory new and used, give the defined result.
func TestHashAgainstDefinition(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(700) {
		r := rand.New(rand.NewPCG(seed, 10))
		tr := newTrial(r, all, 1+r.IntN(120))
		h := tr.hash(t)
		tr.feed(r, h, tr.rows)
		tr.check(t, "new", h, tr.rows)
		h.reset(seed%3 == 0)
		tr.check(t, "reset", h, nil)
		half := tr.rows[len(tr.rows)/2:]
		tr.feed(r, h, half)
		tr.check(t, "used", h, half)
	}
}

// TestMerge: accumulators over pieces, merged in order, are as one over all.
func TestMerge(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(700) {
		r := rand.New(rand.NewPCG(seed, 11))
		tr := newTrial(r, all, 1+r.IntN(120))
		whole, part := tr.hash(t), tr.hash(t)
		for rest := tr.rows; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(30))
			part.Reset()
			tr.feed(r, part, rest[:n])
			whole.Merge(part)
			rest = rest[n:]
		}
		tr.check(t, "merged", whole, tr.rows)
	}
}

// TestStates carries a Hash over by its bytes, whole and in deltas, and goes on with the copy.
func TestStates(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(700) {
		r := rand.New(rand.NewPCG(seed, 12))
		tr := newTrial(r, all, 1+r.IntN(150))
		h := tr.hash(t)
		base, deltas := map[uint32][]byte{}, map[uint32][][]byte{} // as a store would hold them
		done := 0
		for step := 0; step < 4 && done < len(tr.rows); step++ {
			n := min(len(tr.rows)-done, 1+r.IntN(50))
			tr.feed(r, h, tr.rows[done:done+n])
			done += n
			for _, s := range h.Dirty() {
				if h.IsNew(s) || r.IntN(5) == 0 {
					base[s], deltas[s] = h.AppendSlot(nil, s), nil
				} else {
					deltas[s] = append(deltas[s], h.AppendSlotDelta(nil, s))
				}
			}
			h.ClearDirty()
			if len(h.Dirty()) != 0 {
				t.Fatal("dirty slots after ClearDirty")
			}
			restored := restore(t, tr, base, deltas)
			tr.check(t, "restored", restored, tr.rows[:done])
			compareStates(t, h, restored)
			if r.IntN(2) == 0 {
				h = restored
				base, deltas = map[uint32][]byte{}, map[uint32][][]byte{} // slots have new numbers
				for s := range h.Len() {
					base[uint32(s)] = h.AppendSlot(nil, uint32(s))
				}
			}
		}
		tr.feed(r, h, tr.rows[done:])
		tr.check(t, "gone on", h, tr.rows)
	}
}

// restore makes a Hash of what a store holds.
func restore(t *testing.T, tr *trial, base map[uint32][]byte, deltas map[uint32][][]byte) *Hash {
	t.Helper()
	h := tr.hash(t)
	for s := range uint32(len(base)) {
		if err := h.SetSlot(base[s]); err != nil {
			t.Fatal(err)
		}
		for _, d := range deltas[s] {
			if err := h.ApplySlotDelta(d); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.ClearDirty()
	return h
}

// compareStates: the bytes of a restored slot are those of the original.
func compareStates(t *testing.T, a, b *Hash) {
	t.Helper()
	for s := range uint32(a.Len()) {
		if x, y := a.AppendSlot(nil, s), b.AppendSlot(nil, s); !slices.Equal(x, y) {
			t.Fatalf("slot %d: bytes %x, restored %x", s, x, y)
		}
	}
}

func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 13))
	tr := newTrial(r, allSpecs(t), 200)
	sum, _, err := Resolve("sum", false, []column.Type{column.Of(column.Int64)})
	if err != nil {
		t.Fatal(err)
	}
	tr.types, tr.keys = tr.types[:0], tr.keys[:0]
	tr.types, tr.keys = append(tr.types, column.Of(column.String)), append(tr.keys, randomVector(r, column.Of(column.String), 200, 5))
	tr.specs = []Spec{sum, {Name: "count", Type: column.Of(column.Int64)}}
	tr.inputs = []*column.Vector{randomVector(r, column.Of(column.Int64), 200, 50), nil}
	var some []uint32
	for _, row := range tr.rows {
		if r.IntN(3) == 0 {
			some = append(some, row)
		}
	}
	h := tr.hash(t)
	h.UpdateFiltered(tr.keys, tr.inputs, tr.rows, [][]uint32{some, nil})
	all, _ := groupRows(tr.keys, tr.rows)
	filtered, _ := groupRows(tr.keys, some)
	if h.Len() != len(all) {
		t.Fatalf("%d groups, want %d: a filter takes groups away", h.Len(), len(all))
	}
	got := make([]column.Vector, 2)
	for i := range got {
		got[i].Reset(tr.specs[i].Type)
	}
	for s := range uint32(h.Len()) {
		h.Result(got, []uint32{s})
		k := text([]*column.Vector{&h.Keys()[0]}, s)
		if want := naive(sum, tr.inputs[0], filtered[k]); show(want, 0) != show(&got[0], s) {
			t.Errorf("sum with a filter: %s, want %s", show(&got[0], s), show(want, 0))
		}
		if int(got[1].Int[s]) != len(all[k]) {
			t.Errorf("count without a filter: %d, want %d", got[1].Int[s], len(all[k]))
		}
	}
}

func TestEnsure(t *testing.T) {
	h, err := NewHash(nil, []Spec{{Name: "count", Type: column.Of(column.Int64)}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Len() != 0 {
		t.Fatal("a group without a row")
	}
	h.Ensure()
	h.Ensure()
	out := make([]column.Vector, 1)
	out[0].Reset(column.Of(column.Int64))
	h.Result(out, h.Dirty())
	if h.Len() != 1 || len(out[0].Int) != 1 || out[0].Int[0] != 0 {
		t.Errorf("%d groups, results %v", h.Len(), out[0].Int)
	}
}

// TestCorrupt changes, cuts and lengthens bytes of slots: an error or a slot, never a panic, and
// what was taken can be used.
func TestCorrupt(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 14))
		tr := newTrial(r, all, 60)
		h := tr.hash(t)
		tr.feed(r, h, tr.rows)
		for range 20 {
			if h.Len() == 0 {
				break
			}
			src := h.AppendSlot(nil, uint32(r.IntN(h.Len())))
			for range 1 + r.IntN(3) {
				switch i := r.IntN(len(src) + 1); r.IntN(3) {
				case 0:
					src = src[:i]
				case 1:
					src = slices.Insert(src, i, byte(r.Uint32()))
				default:
					if i < len(src) {
						src[i] = byte(r.Uint32())
					}
				}
			}
			use(tr.hash(t), src)
		}
	}
}

// use reads bytes into an empty Hash and, if they are taken, does all that can be done with a slot.
func use(h *Hash, src []byte) {
	if err := h.SetSlot(src); err != nil {
		return
	}
	h.ClearDirty()
	out := make([]column.Vector, len(h.specs))
	for i := range out {
		out[i].Reset(h.specs[i].Type)
	}
	h.Result(out, []uint32{0})
	h.Failed(0)
	h.AppendSlotDelta(h.AppendSlot(nil, 0), 0)
	other, err := NewHash(h.groups.types, h.specs)
	if err != nil {
		panic(err)
	}
	other.Merge(h)
	other.Merge(h)
	other.Reset()
}

// TestMergeOne: merging slot by slot is merging all at once.
func TestMergeOne(t *testing.T) {
	all := allSpecs(t)
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 15))
		tr := newTrial(r, all, 1+r.IntN(80))
		a, b, whole := tr.hash(t), tr.hash(t), tr.hash(t)
		half := len(tr.rows) / 2
		tr.feed(r, a, tr.rows[:half])
		tr.feed(r, b, tr.rows[half:])
		whole.Merge(a)
		for s := range uint32(b.Len()) {
			if err := whole.mergeSlot(b, s); err != nil {
				t.Fatal(err)
			}
		}
		tr.check(t, "slot by slot", whole, tr.rows)
	}
}

// mergeSlot merges one slot by way of its bytes, as the contract of Aggregate has it.
func (h *Hash) mergeSlot(from *Hash, slot uint32) error {
	one, err := NewHash(from.groups.types, from.specs)
	if err != nil {
		return err
	}
	if err := one.SetSlot(from.AppendSlot(nil, slot)); err != nil {
		return err
	}
	keys := make([]*column.Vector, len(one.groups.keys))
	for i := range keys {
		keys[i] = &one.groups.keys[i]
	}
	dst := h.Locate(keys, []uint32{0})[0]
	for i, a := range h.aggs {
		a.Merge(dst, one.aggs[i], 0)
	}
	return nil
}

// TestResetSlot empties slots of an aggregate again and again, until the entries are compacted: the
// others are untouched, and deltas are right.
func TestResetSlot(t *testing.T) {
	for _, s := range allSpecs(t) {
		if len(s.Args) == 0 {
			continue
		}
		r := rand.New(rand.NewPCG(7, 16))
		a, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		a.Grow(3)
		in := randomVector(r, inputType(s.Args), 60, 50)
		kept := [3][]uint32{}
		var base [3][]byte
		for round := range 12 {
			reset := uint32(round % 3)
			a.Reset(reset)
			kept[reset] = nil
			if d, ok := a.(Delta); ok && round > 3 {
				for slot := range uint32(3) {
					base[slot] = a.AppendState(nil, slot)
				}
				d.Mark()
			}
			var slots, rows []uint32
			for row := range uint32(60) {
				if slot := uint32(r.IntN(6)); slot < 3 {
					slots, rows = append(slots, slot), append(rows, row)
					kept[slot] = append(kept[slot], row)
				}
			}
			a.Update(slots, rows, in)
			checkSlots(t, s, a, in, kept)
			if d, ok := a.(Delta); ok && round > 3 {
				b, err := New(s)
				if err != nil {
					t.Fatal(err)
				}
				b.Grow(3)
				for slot := range uint32(3) {
					if err := b.SetState(slot, base[slot]); err != nil {
						t.Fatal(err)
					}
					if err := b.(Delta).ApplyDelta(slot, d.AppendDelta(nil, slot)); err != nil {
						t.Fatal(err)
					}
				}
				checkSlots(t, s, b, in, kept)
			}
		}
	}
}

func checkSlots(t *testing.T, s Spec, a Aggregate, in *column.Vector, rows [3][]uint32) {
	t.Helper()
	out := &column.Vector{}
	out.Reset(s.Type)
	a.Result(out, []uint32{0, 1, 2})
	for slot := range uint32(3) {
		want := naive(s, in, rows[slot])
		if g, w := codec.AppendKey(nil, out, int(slot)), codec.AppendKey(nil, want, 0); string(g) != string(w) {
			t.Fatalf("%s of %v, distinct %v: slot %d is %s, want %s", s.Name, s.Args, s.Distinct, slot, show(out, slot), show(want, 0))
		}
	}
}
