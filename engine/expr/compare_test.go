package expr_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// sample is a column of a kind: its values in SQL's order, NULL not among them; equal neighbours are
// marked by the same rank.
type sample struct {
	typ   column.Type
	ranks []int
	fill  func(v *column.Vector, k int)
}

func samples() []sample {
	floats := []float64{math.Inf(-1), -1.5, math.Copysign(0, -1), 0, 1e-300, 2, math.Inf(1), math.NaN(), math.NaN()}
	texts := []string{"", "A", "Z", "a", "a ", "ab", "b", "é", "日"}
	var out []sample
	for _, k := range []column.Kind{column.Float32, column.Float64} {
		out = append(out, sample{column.Of(k), []int{0, 1, 2, 2, 3, 4, 5, 6, 6}, func(v *column.Vector, k int) { v.AppendFloat(floats[k]) }})
	}
	distinct := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	for _, k := range []column.Kind{column.String, column.Binary} {
		out = append(out, sample{column.Of(k), distinct, func(v *column.Vector, k int) { v.AppendString(texts[k]) }})
	}
	for _, k := range []column.Kind{column.Int8, column.Int64, column.Date, column.Timestamp} {
		out = append(out, sample{column.Of(k), []int{0, 1, 1, 2, 3, 3, 3, 4, 5}, func(v *column.Vector, k int) {
			v.AppendInt([]int64{-128, -1, -1, 0, 5, 5, 5, 6, 127}[k])
		}})
	}
	out = append(out, sample{column.DecimalOf(38, 2), distinct, func(v *column.Vector, k int) {
		hi := []int64{-1 << 60, -2, -1, -1, 0, 0, 1, 1, 1 << 60}[k]
		v.AppendDecimal(hi, []int64{0, -1, -5, -1, 0, -1, 0, -1, 7}[k]) // the low half counts as unsigned
	}})
	pair := column.StructOf(column.Field{Name: "a", Type: column.Of(column.Int32)}, column.Field{Name: "b", Type: column.Of(column.String)})
	out = append(out, sample{pair, distinct, func(v *column.Vector, k int) {
		v.Kids[0].AppendInt(int64(k / 3))
		if k%3 == 0 {
			v.Kids[1].AppendNull() // inside a struct NULL is the smallest
			return
		}
		v.Kids[1].AppendString(texts[k%3])
	}})
	list := arrayOf(column.Of(column.Int32))
	return append(out, sample{list, distinct, func(v *column.Vector, k int) {
		for _, x := range [][]int64{{}, {-9}, {-9, 4}, {1}, {1, 1}, {1, 1, 1}, {1, 2}, {2}, {3}}[k] {
			v.Kids[0].AppendInt(x)
		}
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	}})
}

// TestComparisonsAgainstRanks compares every pair of values of every kind by every operator, as values
// and as conditions, column with column and column with constant.
func TestComparisonsAgainstRanks(t *testing.T) {
	for _, s := range samples() {
		n := len(s.ranks) + 1 // the last one is NULL
		b := &column.Batch{}
		b.Reset(&column.Schema{Fields: []column.Field{{Name: "l", Type: s.typ}, {Name: "r", Type: s.typ}}})
		put := func(v *column.Vector, k int) {
			if k == n-1 {
				v.AppendNull()
				return
			}
			s.fill(v, k)
		}
		for l := 0; l < n; l++ {
			for r := 0; r < n; r++ {
				put(&b.Cols[0], l)
				put(&b.Cols[1], r)
				b.Len++
			}
		}
		for c := range b.Cols {
			cover(&b.Cols[c], b.Len)
		}
		b.SelectAll()
		for _, op := range []string{"=", "<>", "<", "<=", ">", ">=", "<=>"} {
			binder := expr.Binder{Scope: table{b.Schema.Fields}, Zone: time.UTC}
			node, faults := binder.Bind(parse(t, "l "+op+" r"))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			want := make([]string, 0, b.Len)
			for l := 0; l < n; l++ {
				for r := 0; r < n; r++ {
					want = append(want, rankAnswer(s.ranks, l, r, op))
				}
			}
			checkComparison(t, s.typ.String()+" "+op, node, b, want)
			for l := 0; l < n-1; l++ { // column with constant, on either side
				left, right := *node, *node
				left.Args = []*expr.Node{constantOf(&b.Cols[0], l*n), node.Args[1]}
				right.Args = []*expr.Node{node.Args[0], constantOf(&b.Cols[0], l*n)}
				var wantLeft, wantRight []string
				for row := 0; row < b.Len; row++ {
					wantLeft = append(wantLeft, rankAnswer(s.ranks, l, row%n, op))
					wantRight = append(wantRight, rankAnswer(s.ranks, row/n, l, op))
				}
				checkComparison(t, fmt.Sprintf("%s: constant %d %s r", s.typ, l, op), &left, b, wantLeft)
				checkComparison(t, fmt.Sprintf("%s: l %s constant %d", s.typ, op, l), &right, b, wantRight)
			}
		}
	}
}

func constantOf(v *column.Vector, row int) *expr.Node {
	one := &column.Vector{}
	one.Reset(v.Type)
	one.AppendFrom(v, row)
	cover(one, 1)
	return &expr.Node{Op: expr.OpConst, Type: v.Type, Const: one}
}

func rankAnswer(ranks []int, l, r int, op string) string {
	null := len(ranks)
	if op == "<=>" {
		return fmt.Sprint(l == null && r == null || l != null && r != null && ranks[l] == ranks[r])
	}
	if l == null || r == null {
		return "NULL"
	}
	a, b := ranks[l], ranks[r]
	return fmt.Sprint(map[string]bool{"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op])
}

func checkComparison(t *testing.T, what string, n *expr.Node, b *column.Batch, want []string) {
	t.Helper()
	run, err := expr.Compile(n, expr.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var kept []uint32
	for row, got := range results(t, run, n, b, b.Sel) {
		if got != want[row] {
			t.Fatalf("%s: row %d is %s, want %s", what, row, got, want[row])
		}
		if got == "true" {
			kept = append(kept, uint32(row))
		}
	}
	if got := run.Filter(b, b.Sel, nil, nil); fmt.Sprint(got) != fmt.Sprint(kept) {
		t.Fatalf("%s: filter %v, want %v", what, got, kept)
	}
}
