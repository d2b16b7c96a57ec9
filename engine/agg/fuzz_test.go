package agg

import (
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// fuzzHash has aggregates of every shape of state.
func fuzzHash(tb testing.TB) *Hash {
	str, num, dec := column.Of(column.String), column.Of(column.Int64), column.DecimalOf(20, 2)
	row := column.StructOf(column.Field{Name: "a", Type: str}, column.Field{Name: "b", Type: column.Of(column.Float64)})
	var specs []Spec
	for _, c := range []struct {
		name     string
		distinct bool
		args     []column.Type
	}{
		{"count", false, nil}, {"sum", false, []column.Type{num}}, {"sum", true, []column.Type{dec}}, {"avg", false, []column.Type{dec}},
		{"avg", true, []column.Type{column.Of(column.Float64)}}, {"count", true, []column.Type{str}}, {"count", true, []column.Type{str, num}},
		{"max", false, []column.Type{str}}, {"min", false, []column.Type{row}}, {"max_by", false, []column.Type{row, dec}},
		{"last", false, []column.Type{arrayOf(str)}}, {"collect_list", false, []column.Type{row}}, {"collect_set", false, []column.Type{column.Of(column.Bool)}},
		{"kurtosis", false, []column.Type{column.Of(column.Float64)}}, {"corr", false, []column.Type{column.Of(column.Float64), column.Of(column.Float64)}},
	} {
		s, _, err := Resolve(c.name, c.distinct, c.args)
		if err != nil {
			tb.Fatal(err)
		}
		specs = append(specs, s)
	}
	h, err := NewHash([]column.Type{str, row}, specs)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func fillFuzz(r *rand.Rand, h *Hash) {
	n := 20
	keys, inputs := make([]*column.Vector, 2), make([]*column.Vector, len(h.specs))
	for i := range keys {
		keys[i] = randomVector(r, h.groups.types[i], n, 3)
	}
	for i, s := range h.specs {
		if len(s.Args) > 0 {
			inputs[i] = randomVector(r, inputType(s.Args), n, 30)
		}
	}
	h.Update(keys, inputs, ascending(nil, n))
}

// FuzzSetSlot: bytes are an error or a slot that can be used in every way.
func FuzzSetSlot(f *testing.F) {
	h := fuzzHash(f)
	fillFuzz(rand.New(rand.NewPCG(1, 40)), h)
	for s := range uint32(h.Len()) {
		f.Add(h.AppendSlot(nil, s))
	}
	f.Fuzz(func(t *testing.T, src []byte) { use(fuzzHash(t), src) })
}

// FuzzApplySlotDelta: the same for changes of a slot that is there.
func FuzzApplySlotDelta(f *testing.F) {
	h := fuzzHash(f)
	r := rand.New(rand.NewPCG(2, 40))
	fillFuzz(r, h)
	base := h.AppendSlot(nil, 0)
	h.ClearDirty()
	fillFuzz(r, h)
	f.Add(h.AppendSlotDelta(nil, 0))
	f.Fuzz(func(t *testing.T, src []byte) {
		h := fuzzHash(t)
		if err := h.SetSlot(base); err != nil {
			t.Fatal(err)
		}
		if err := h.ApplySlotDelta(src); err == nil {
			use(fuzzHash(t), h.AppendSlot(nil, 0))
		}
	})
}
