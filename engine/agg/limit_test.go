package agg

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// TestStateLimit: a slot that meets the limit of a set or list fails, through bytes and merges; slots
// that were served before are right, and a Reset heals.
func TestStateLimit(t *testing.T) {
	for _, in := range []*column.Vector{ints(column.Int64, 1, 2, 3, 4, 5, 6), ints(column.String, "a", "b", "c", "d", "e", "f"), decimals(10, 2, 1, 2, 3, 4, 5, 6)} {
		for _, name := range []string{"count", "collect_list"} {
			s, _, err := Resolve(name, name == "count", []column.Type{in.Type})
			if err != nil {
				t.Fatal(err)
			}
			build := func(most int) Aggregate {
				a, err := New(s)
				if err != nil {
					t.Fatal(err)
				}
				switch a := a.(type) {
				case *distinct:
					a.set.most = most
				case *collect:
					a.list.most = most
				}
				a.Grow(2)
				return a
			}
			is := func(what string, a Aggregate, slot uint32, class string) {
				t.Helper()
				out := &column.Vector{}
				out.Reset(s.Type)
				a.Result(out, []uint32{slot})
				if got := a.(Failer).Failed(slot); got != class || out.Len() != 1 {
					t.Errorf("%s of %s, %s: slot %d has class %q, want %q", name, in.Type, what, slot, got, class)
				}
			}
			a := build(4)
			a.Update([]uint32{0, 0, 1, 1, 1, 1}, []uint32{0, 1, 2, 3, 4, 5}, in)
			is("update", a, 1, StateLimit)
			if in.Type.Kind != column.Decimal { // whose encoded values fill four bytes at once
				is("update", a, 0, "")
			}
			b := build(0)
			if err := b.SetState(1, a.AppendState(nil, 1)); err != nil {
				t.Fatal(err)
			}
			is("restored", b, 1, StateLimit)
			c := build(0)
			c.Merge(0, b, 1)
			is("merged", c, 0, StateLimit)
			d := build(0)
			d.(allMerger).mergeAll([]uint32{1, 0}, b)
			is("merged whole", d, 0, StateLimit)
			c.Reset(0)
			is("reset", c, 0, "")
		}
	}
}

// TestWideStates: sums beyond 64 and 128 bits are right, and are carried over by their bytes.
func TestWideStates(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 50))
	for range 300 {
		in := &column.Vector{}
		in.Reset(column.DecimalOf(38, 3))
		sum := new(big.Int)
		n := 1 + r.IntN(30)
		for range n {
			x := new(big.Int).Mul(big.NewInt(r.Int64()), new(big.Int).Mul(big.NewInt(r.Int64()), big.NewInt(r.Int64())))
			x.Mod(x, tenTo(1+r.IntN(38)))
			if r.IntN(2) == 0 {
				x.Neg(x)
			}
			sum.Add(sum, x)
			appendBig(in, x)
		}
		a := &sumDecimal{digits: 38}
		a.Grow(1)
		a.Update(make([]uint32, n), ascending(nil, n), in)
		b := &sumDecimal{digits: 38}
		b.Grow(1)
		if err := b.SetState(0, a.AppendState(nil, 0)); err != nil {
			t.Fatal(err)
		}
		if b.acc[0] != a.acc[0] {
			t.Fatalf("sum %v, restored %v", a.acc[0], b.acc[0])
		}
		want, got := &column.Vector{}, &column.Vector{}
		want.Reset(column.DecimalOf(38, 3))
		got.Reset(column.DecimalOf(38, 3))
		appendBig(want, sum)
		b.Result(got, []uint32{0})
		if show(got, 0) != show(want, 0) || (b.Failed(0) != "") != want.IsNull(0) {
			t.Fatalf("sum %s class %q, want %s", show(got, 0), b.Failed(0), show(want, 0))
		}
	}
	x := ints(column.Int64, math.MaxInt64, math.MaxInt64, math.MaxInt64)
	a, b := &sumInt{kind: column.Int64}, &sumInt{kind: column.Int64}
	a.Grow(1)
	b.Grow(1)
	a.Update(make([]uint32, 3), ascending(nil, 3), x)
	if err := b.SetState(0, a.AppendState(nil, 0)); err != nil || b.acc[0] != a.acc[0] || b.acc[0].hi != 1 {
		t.Errorf("sum %v, restored %v, %v", a.acc[0], b.acc[0], err)
	}
}

func TestVoid(t *testing.T) {
	void := &column.Vector{}
	for name, want := range map[string]string{"count": "0", "min": "NULL", "max": "NULL", "first": "NULL", "collect_list": "", "collect_set": ""} {
		s, _, err := Resolve(name, false, []column.Type{{}})
		if err != nil {
			t.Fatal(err)
		}
		h, err := NewHash(nil, []Spec{s})
		if err != nil {
			t.Fatal(err)
		}
		h.Update(nil, []*column.Vector{void}, []uint32{0, 1, 2})
		other, _ := NewHash(nil, []Spec{s})
		if err := other.SetSlot(h.AppendSlot(nil, 0)); err != nil {
			t.Fatal(name, err)
		}
		other.Merge(h)
		out := make([]column.Vector, 1)
		out[0].Reset(s.Type)
		other.Result(out, []uint32{0})
		if want != "" && show(&out[0], 0) != want && s.Type.Kind != column.Void {
			t.Errorf("%s(NULL): %s, want %s", name, show(&out[0], 0), want)
		}
		if s.Type.Kind == column.Array && (out[0].Len() != 1 || out[0].Ends[0] != 0) {
			t.Errorf("%s(NULL): %s", name, fmt.Sprint(out[0].Ends))
		}
		other.Reset()
	}
}

// TestSlotFaults: a key twice, changes of a key that is not there.
func TestSlotFaults(t *testing.T) {
	h := newSales(t)
	p := newPurchases(10)
	h.Update(p.keys, []*column.Vector{nil, p.amount, p.amount, p.user}, p.rows[:50])
	h.ClearDirty()
	slot, delta := h.AppendSlot(nil, 0), h.AppendSlotDelta(nil, 0)
	other := newSales(t)
	if err := other.ApplySlotDelta(delta); err == nil {
		t.Error("changes of a group that is not there are taken")
	}
	other.Reset()
	if err := other.SetSlot(slot); err != nil {
		t.Error(err)
	}
	if err := other.SetSlot(slot); err == nil {
		t.Error("a group is taken twice")
	}
	for n := range len(slot) {
		if err := newSales(t).SetSlot(slot[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken as a group", n, len(slot))
		}
	}
	if err := newSales(t).SetSlot(append(slot, 0)); err == nil {
		t.Error("a byte too many is taken")
	}
}
