package agg

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// randomVector fills a vector of the type with n values out of few, a tenth of them NULL.
func randomVector(r *rand.Rand, t column.Type, n, few int) *column.Vector {
	v := &column.Vector{}
	v.Reset(t)
	for range n {
		appendRandom(r, v, few)
	}
	v.EnsureNull(n)
	return v
}

func appendRandom(r *rand.Rand, v *column.Vector, few int) {
	if v.Type.Kind == column.Void || r.IntN(10) == 0 {
		v.AppendNull()
		return
	}
	x := r.IntN(few)
	switch k := v.Type.Kind; {
	case k == column.Bool:
		v.AppendInt(int64(x & 1))
	case k == column.Decimal:
		v.AppendInt(int64(x - few/2))
	case v.Type.UsesInt():
		v.AppendInt(int64(int8(x - few/2)))
	case v.Type.UsesFloat():
		v.AppendFloat([]float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000123), 1.5, -2.25, math.Inf(1), math.Inf(-1)}[x%8])
	case v.Type.UsesBytes():
		v.AppendString([]string{"", "a", "ab", "Tokyo", "electronics", "a string of more than sixteen bytes", "日本"}[x%7] + fmt.Sprint(x / 7)[1:])
	case k == column.Struct:
		n := v.Len()
		for i := range v.Kids {
			appendRandom(r, &v.Kids[i], few)
		}
		v.EnsureNull(n + 1)
	default:
		for range x % 3 {
			for i := range v.Kids {
				appendRandom(r, &v.Kids[i], few)
			}
		}
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
		v.EnsureNull(len(v.Ends))
	}
}

func arrayOf(t column.Type) column.Type { return column.Type{Kind: column.Array, Elem: &t} }

// groupTypes is a type of each kind that can be a key.
func groupTypes() []column.Type {
	return []column.Type{
		{}, column.Of(column.Bool), column.Of(column.Int32), column.Of(column.Int64), column.Of(column.Float32),
		column.Of(column.Float64), column.DecimalOf(20, 2), column.Of(column.String), column.Of(column.Binary),
		column.Of(column.Date), column.Of(column.Timestamp),
		column.StructOf(column.Field{Name: "a", Type: column.Of(column.Int32)}, column.Field{Name: "b", Type: column.Of(column.String)}),
		arrayOf(column.Of(column.String)),
	}
}

// text is the key of a row as groups see it.
func text(keys []*column.Vector, row uint32) string {
	var b []byte
	for _, k := range keys {
		b = codec.AppendKey(b, k, int(row))
	}
	return string(b)
}

func someRows(r *rand.Rand, n int) []uint32 {
	var rows []uint32
	for i := range n {
		if r.IntN(4) > 0 {
			rows = append(rows, uint32(i))
		}
	}
	return rows
}

// TestGroupsAgainstMap compares the slots with a map of encoded keys, with honest hashes and with
// hashes of which only few bits are left.
func TestGroupsAgainstMap(t *testing.T) {
	for _, weaken := range []uint64{0, ^uint64(0) >> 4, ^uint64(0)} {
		for seed := range uint64(25) {
			r := rand.New(rand.NewPCG(seed, 1))
			var types []column.Type
			for range 1 + r.IntN(3) {
				types = append(types, groupTypes()[r.IntN(len(groupTypes()))])
			}
			g := NewGroups(types)
			g.weaken = weaken
			for range 2 { // the second time with memory that was in use
				want := map[string]uint32{}
				for range 4 {
					n := 1 + r.IntN(1500)
					keys := make([]*column.Vector, len(types))
					for i := range keys {
						keys[i] = randomVector(r, types[i], n, 1+r.IntN(60))
					}
					rows := someRows(r, n)
					slots := g.Slots(keys, rows, nil)
					seen := map[uint32]string{}
					for i, row := range rows {
						k := text(keys, row)
						if _, ok := want[k]; !ok {
							want[k] = slots[i]
						}
						if want[k] != slots[i] {
							t.Fatalf("seed %d %v: row %d has slot %d, its key had %d", seed, types, row, slots[i], want[k])
						}
						if other, ok := seen[slots[i]]; ok && other != k {
							t.Fatalf("seed %d %v: slot %d stands for two keys", seed, types, slots[i])
						}
						seen[slots[i]] = k
					}
				}
				if g.Len() != len(want) {
					t.Fatalf("seed %d %v: %d slots for %d keys", seed, types, g.Len(), len(want))
				}
				stored := make([]*column.Vector, len(types))
				for i := range stored {
					stored[i] = &g.Keys()[i]
				}
				for k, s := range want {
					if text(stored, s) != k {
						t.Fatalf("seed %d %v: slot %d holds another key", seed, types, s)
					}
				}
				g.Reset()
			}
		}
	}
}

func TestGroupsEdges(t *testing.T) {
	strings := &column.Vector{}
	strings.Reset(column.Of(column.String))
	strings.AppendString("")
	strings.AppendNull()
	strings.AppendString("a")
	g := NewGroups([]column.Type{strings.Type})
	if got := g.Slots([]*column.Vector{strings}, []uint32{0, 1, 2, 1, 0}, nil); fmt.Sprint(got) != "[0 1 2 1 0]" {
		t.Errorf("strings: %v", got)
	}
	floats := &column.Vector{}
	floats.Reset(column.Of(column.Float64))
	for _, x := range []float64{0, math.Copysign(0, -1), math.NaN(), -math.NaN(), 1} {
		floats.AppendFloat(x)
	}
	g = NewGroups([]column.Type{floats.Type})
	if got := g.Slots([]*column.Vector{floats}, []uint32{0, 1, 2, 3, 4}, nil); fmt.Sprint(got) != "[0 0 1 1 2]" {
		t.Errorf("doubles: %v", got)
	}
	g = NewGroups(nil)
	if got := g.Slots(nil, []uint32{3, 5}, nil); fmt.Sprint(got) != "[0 0]" || g.Len() != 1 {
		t.Errorf("no keys: %v, %d groups", got, g.Len())
	}
	if got := NewGroups(nil); got.Len() != 0 {
		t.Error("no keys and no rows: a group")
	}
}
