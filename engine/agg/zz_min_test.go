package agg

import (
	"fmt"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

func minOf(name string, f func()) {
	for i := 0; i < 20; i++ {
		f()
	}
	var d []float64
	for i := 0; i < 3000; i++ {
		t := time.Now()
		f()
		d = append(d, float64(time.Since(t).Nanoseconds())/benchRows)
	}
	sort.Float64s(d)
	fmt.Printf("%-28s min %.1f  p10 %.1f  median %.1f ns/row\n", name, d[0], d[len(d)/10], d[len(d)/2])
}

func TestMin(t *testing.T) {
	if os.Getenv("MINBENCH") == "" {
		t.Skip()
	}
	p := newPurchases(10000)
	str := column.Of(column.String)
	g := NewGroups([]column.Type{str, str})
	var dst []uint32
	minOf("two strings", func() { dst = g.Slots(p.keys, p.rows, dst) })
	hs := make([]uint64, benchRows)
	minOf("hash cat", func() { hashColumn(hs, p.keys[0], p.rows) })
	minOf("hash reg", func() { hashColumn(hs, p.keys[1], p.rows) })
	var w []uint32
	minOf("verify cat", func() { w = verify(&g.keys[0], p.keys[0], p.rows, dst, w[:0]) })
	minOf("verify reg", func() { w = verify(&g.keys[1], p.keys[1], p.rows, dst, w[:0]) })
	type key struct {
		w    int64
		a, b string
	}
	m := map[key]*int64{}
	dataA, dataB := string(p.keys[0].Data), string(p.keys[1].Data)
	minOf("go map two strings", func() {
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
	})
	d := newDistinct(&count{}, str)
	d.Grow(40)
	minOf("distinct string known", func() { d.Update(dst, p.rows, p.user) })
	g1 := NewGroups([]column.Type{str})
	minOf("users10k", func() { w = g1.Slots([]*column.Vector{p.user}, p.rows, w) })
	h := newSales(t)
	inputs := []*column.Vector{nil, p.amount, p.amount, p.user}
	minOf("sales", func() { h.Update(p.keys, inputs, p.rows) })
	sets := make([]map[uint64]struct{}, 40)
	for i := range sets {
		sets[i] = map[uint64]struct{}{}
	}
	minOf("go map distinct", func() {
		for i, r := range p.rows {
			sets[dst[i]][hashBytes(hashSeed, p.user.Bytes(int(r)))] = struct{}{}
		}
	})
	v := ints(column.Int64)
	v.Int = make([]int64, benchRows)
	gi := NewGroups([]column.Type{column.Of(column.Int64)})
	next := int64(0)
	minOf("new ints", func() {
		for i := range v.Int {
			v.Int[i] = next
			next++
		}
		if gi.Len() >= 1<<20 {
			gi.Reset()
		}
		w = gi.Slots([]*column.Vector{v}, p.rows, w)
	})
}
