package agg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

const benchRows = 4096

// purchases is a batch as the shipped project groups it: category × region, user, amount.
type purchases struct {
	keys   []*column.Vector
	user   *column.Vector
	amount *column.Vector
	count  *column.Vector
	rows   []uint32
}

func newPurchases(users int) *purchases {
	r := rand.New(rand.NewPCG(1, 1))
	categories := []string{"electronics", "books", "clothing", "home", "sports"}
	regions := []string{"Tokyo", "Osaka", "Nagoya", "Fukuoka", "Sapporo", "Sendai", "Hiroshima", "Kyoto"}
	p := &purchases{user: ints(column.String), amount: ints(column.Float64), count: ints(column.Int64), rows: ascending(nil, benchRows)}
	category, region := ints(column.String), ints(column.String)
	for range benchRows {
		category.AppendString(categories[r.IntN(len(categories))])
		region.AppendString(regions[r.IntN(len(regions))])
		p.user.AppendString(fmt.Sprintf("user_%05d", r.IntN(users)))
		p.amount.AppendFloat(float64(r.IntN(100000)) / 100)
		p.count.AppendInt(int64(r.IntN(5)))
	}
	p.keys = []*column.Vector{category, region}
	return p
}

func perRow(b *testing.B) {
	b.ReportAllocs()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkGroupsTwoStrings(b *testing.B) {
	p := newPurchases(10000)
	g := NewGroups([]column.Type{column.Of(column.String), column.Of(column.String)})
	var dst []uint32
	for b.Loop() {
		dst = g.Slots(p.keys, p.rows, dst)
	}
	perRow(b)
}

// BenchmarkGoMapTwoStrings is what the hand-written bound does.
func BenchmarkGoMapTwoStrings(b *testing.B) {
	p := newPurchases(10000)
	type key struct {
		w    int64
		a, b string
	}
	m := map[key]*int64{}
	dataA, dataB := string(p.keys[0].Data), string(p.keys[1].Data)
	for b.Loop() {
		for _, r := range p.rows {
			af, at := p.keys[0].Span(int(r))
			bf, bt := p.keys[1].Span(int(r))
			k := key{1, dataA[af:at], dataB[bf:bt]}
			n := m[k]
			if n == nil {
				n = new(int64)
				m[k] = n
			}
			*n++
		}
	}
	perRow(b)
}

func BenchmarkGroupsNullableStrings(b *testing.B) {
	p := newPurchases(10000)
	p.keys[0].SetNull(17)
	p.keys[0].EnsureNull(benchRows)
	g := NewGroups([]column.Type{column.Of(column.String), column.Of(column.String)})
	var dst []uint32
	for b.Loop() {
		dst = g.Slots(p.keys, p.rows, dst)
	}
	perRow(b)
}

func BenchmarkGroupsInt(b *testing.B) {
	p := newPurchases(10000)
	g := NewGroups([]column.Type{column.Of(column.Int64)})
	var dst []uint32
	for b.Loop() {
		dst = g.Slots([]*column.Vector{p.count}, p.rows, dst)
	}
	perRow(b)
}

func BenchmarkGroupsUsers10k(b *testing.B) {
	p := newPurchases(10000)
	g := NewGroups([]column.Type{column.Of(column.String)})
	var dst []uint32
	for b.Loop() {
		dst = g.Slots([]*column.Vector{p.user}, p.rows, dst)
	}
	perRow(b)
}

// BenchmarkGroupsNew1M adds a million keys and starts again.
func BenchmarkGroupsNew1M(b *testing.B) {
	v := ints(column.Int64)
	v.Int = make([]int64, benchRows)
	rows := ascending(nil, benchRows)
	g := NewGroups([]column.Type{column.Of(column.Int64)})
	var dst []uint32
	next := int64(0)
	for b.Loop() {
		for i := range v.Int {
			v.Int[i] = next
			next++
		}
		if g.Len() >= 1<<20 {
			g.Reset()
		}
		dst = g.Slots([]*column.Vector{v}, rows, dst)
	}
	perRow(b)
	b.ReportMetric(float64(g.Size())/float64(g.Len()), "bytes/key")
}

func benchmarkUpdate(b *testing.B, name string, distinct bool, in *column.Vector) {
	p := newPurchases(10000)
	s := Spec{Name: "count", Type: column.Of(column.Int64)}
	if in != nil {
		var err error
		if s, _, err = Resolve(name, distinct, []column.Type{in.Type}); err != nil {
			b.Fatal(err)
		}
	}
	a, err := New(s)
	if err != nil {
		b.Fatal(err)
	}
	g := NewGroups([]column.Type{column.Of(column.String), column.Of(column.String)})
	slots := g.Slots(p.keys, p.rows, nil)
	a.Grow(g.Len())
	for b.Loop() {
		a.Update(slots, p.rows, in)
	}
	perRow(b)
}

func BenchmarkCountStar(b *testing.B) { benchmarkUpdate(b, "count", false, nil) }
func BenchmarkSumDouble(b *testing.B) { benchmarkUpdate(b, "sum", false, newPurchases(1).amount) }
func BenchmarkSumInt(b *testing.B)    { benchmarkUpdate(b, "sum", false, newPurchases(1).count) }
func BenchmarkAvgDouble(b *testing.B) { benchmarkUpdate(b, "avg", false, newPurchases(1).amount) }
func BenchmarkMaxInt(b *testing.B)    { benchmarkUpdate(b, "max", false, newPurchases(1).count) }
func BenchmarkMaxDouble(b *testing.B) { benchmarkUpdate(b, "max", false, newPurchases(1).amount) }
func BenchmarkMinString(b *testing.B) { benchmarkUpdate(b, "min", false, newPurchases(10000).user) }
func BenchmarkStddev(b *testing.B)    { benchmarkUpdate(b, "stddev", false, newPurchases(1).amount) }

// The values are all in the set already.
func BenchmarkDistinctStringKnown(b *testing.B) {
	benchmarkUpdate(b, "count", true, newPurchases(10000).user)
}
func BenchmarkDistinctIntKnown(b *testing.B) {
	benchmarkUpdate(b, "count", true, newPurchases(10000).count)
}

// BenchmarkDistinctMinute is a minute of a partition: 40,000 rows, most values new, then Reset.
func BenchmarkDistinctMinute(b *testing.B) {
	p := newPurchases(10000)
	d := newDistinct(&count{}, column.Of(column.String))
	g := NewGroups([]column.Type{column.Of(column.String), column.Of(column.String)})
	slots := g.Slots(p.keys, p.rows, nil)
	shifted := make([]uint32, len(slots))
	d.Grow(g.Len())
	i, bytes := 0, 0.0
	for b.Loop() {
		if i++; i%10 == 0 {
			if bytes == 0 {
				bytes = float64(d.Size()) / float64(d.set.len())
			}
			d.Clear(false)
			d.Grow(g.Len())
		}
		for j := range slots {
			shifted[j] = (slots[j] + uint32(i)) % uint32(g.Len())
		}
		d.Update(shifted, p.rows, p.user)
	}
	perRow(b)
	b.ReportMetric(bytes, "bytes/value")
}

// BenchmarkGoMapDistinct is what the hand-written bound does: hashes without the values.
func BenchmarkGoMapDistinct(b *testing.B) {
	p := newPurchases(10000)
	sets := make([]map[uint64]struct{}, 40)
	for i := range sets {
		sets[i] = map[uint64]struct{}{}
	}
	g := NewGroups([]column.Type{column.Of(column.String), column.Of(column.String)})
	slots := g.Slots(p.keys, p.rows, nil)
	for b.Loop() {
		for i, r := range p.rows {
			sets[slots[i]][hashBytes(hashSeed, p.user.Bytes(int(r)))] = struct{}{}
		}
	}
	perRow(b)
}

// salesSpecs are the aggregates of the shipped project's sales_by_minute.
func salesSpecs(tb testing.TB) []Spec {
	var specs []Spec
	for _, c := range []struct {
		name     string
		distinct bool
		args     []column.Type
	}{
		{"count", false, nil}, {"sum", false, []column.Type{column.Of(column.Float64)}},
		{"avg", false, []column.Type{column.Of(column.Float64)}}, {"count", true, []column.Type{column.Of(column.String)}},
	} {
		s, _, err := Resolve(c.name, c.distinct, c.args)
		if err != nil {
			tb.Fatal(err)
		}
		specs = append(specs, s)
	}
	return specs
}

func newSales(tb testing.TB) *Hash {
	h, err := NewHash([]column.Type{column.Of(column.String), column.Of(column.String)}, salesSpecs(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// BenchmarkHashSales is the whole of sales_by_minute behind the decoder.
func BenchmarkHashSales(b *testing.B) {
	p := newPurchases(10000)
	h := newSales(b)
	inputs := []*column.Vector{nil, p.amount, p.amount, p.user}
	for b.Loop() {
		h.Update(p.keys, inputs, p.rows)
	}
	perRow(b)
}

func BenchmarkHashMerge(b *testing.B) {
	p := newPurchases(10000)
	h, into := newSales(b), newSales(b)
	h.Update(p.keys, []*column.Vector{nil, p.amount, p.amount, p.user}, p.rows)
	for b.Loop() {
		into.Reset()
		into.Merge(h)
	}
	perRow(b)
}

// BenchmarkCheckpoint writes the changes of all slots after a batch.
func BenchmarkCheckpoint(b *testing.B) {
	p := newPurchases(1 << 30)
	h := newSales(b)
	inputs := []*column.Vector{nil, p.amount, p.amount, p.user}
	h.Update(p.keys, inputs, p.rows)
	h.ClearDirty()
	var dst []byte
	for b.Loop() {
		h.Update(p.keys, inputs, p.rows[:100])
		dst = dst[:0]
		for _, s := range h.Dirty() {
			dst = h.AppendSlotDelta(dst, s)
		}
		h.ClearDirty()
	}
	b.ReportAllocs()
}

// TestBytesAKey: a key of two short strings with count, sum and avg costs about 100 bytes, and a
// distinct string of ten bytes about 40, averaged over sizes between two doublings.
func TestBytesAKey(t *testing.T) {
	var groups, values, keys float64
	for _, n := range []int{100e3, 125e3, 150e3, 175e3} {
		a, b, user := ints(column.String), ints(column.String), ints(column.String)
		for i := range n {
			a.AppendString(fmt.Sprintf("product_%d", i/100))
			b.AppendString(fmt.Sprintf("region_%d", i%100))
			user.AppendString(fmt.Sprintf("user_%05d", i%100000))
		}
		amount := ints(column.Float64)
		amount.Float = make([]float64, n)
		h, err := NewHash([]column.Type{a.Type, b.Type}, salesSpecs(t)[:3])
		if err != nil {
			t.Fatal(err)
		}
		rows := ascending(nil, n)
		for at := 0; at < n; at += benchRows {
			h.Update([]*column.Vector{a, b}, []*column.Vector{nil, amount, amount}, rows[at:min(n, at+benchRows)])
		}
		d := newDistinct(&count{}, user.Type)
		d.Grow(2)
		slots := make([]uint32, n)
		for i := range slots {
			slots[i] = uint32(i / 100000)
		}
		d.Update(slots, rows, user)
		groups += float64(h.Size()) - float64(cap(h.slots)+cap(h.all))*4
		values += float64(d.Size()) - float64(cap(d.fresh)+cap(d.rows))*4
		keys += float64(n)
	}
	t.Logf("%.1f bytes a key, %.1f bytes a distinct value", groups/keys, values/keys)
	if groups/keys > 105 || values/keys > 45 {
		t.Errorf("%.1f bytes a key, %.1f bytes a distinct value", groups/keys, values/keys)
	}
}

// TestNoAllocations: in steady state neither folding nor writing deltas nor Reset allocates.
func TestNoAllocations(t *testing.T) {
	p := newPurchases(1000)
	specs := salesSpecs(t)
	inputs := []*column.Vector{nil, p.amount, p.amount, p.user}
	for _, c := range []struct {
		name     string
		distinct bool
		in       *column.Vector
	}{{"min", false, p.user}, {"max", false, p.count}, {"sum", false, p.count}, {"sum", true, p.count}, {"stddev", false, p.amount}, {"last", false, p.user}} {
		s, _, err := Resolve(c.name, c.distinct, []column.Type{c.in.Type})
		if err != nil {
			t.Fatal(err)
		}
		specs, inputs = append(specs, s), append(inputs, c.in)
	}
	h, err := NewHash([]column.Type{column.Of(column.String), column.Of(column.String)}, specs)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewHash([]column.Type{column.Of(column.String), column.Of(column.String)}, specs)
	if err != nil {
		t.Fatal(err)
	}
	var dst []byte
	for name, run := range map[string]func(){
		"update": func() { h.Update(p.keys, inputs, p.rows) },
		"filter": func() {
			h.Locate(p.keys, p.rows)
			h.Fold(1, p.amount, p.rows[100:200])
		},
		"delta": func() {
			h.Update(p.keys, inputs, p.rows[:100])
			dst = dst[:0]
			for _, s := range h.Dirty() {
				dst = h.AppendSlotDelta(dst, s)
			}
			h.ClearDirty()
		},
		"reset": func() {
			h.Reset()
			h.Update(p.keys, inputs, p.rows)
		},
		"merge": func() {
			other.Reset()
			other.Merge(h)
		},
	} {
		for range 3 {
			run()
		}
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
	}
}
