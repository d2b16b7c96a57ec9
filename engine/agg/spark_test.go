package agg

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

func ints(k column.Kind, values ...any) *column.Vector {
	v := &column.Vector{}
	v.Reset(column.Of(k))
	for _, x := range values {
		switch x := x.(type) {
		case nil:
			v.AppendNull()
		case int:
			v.AppendInt(int64(x))
		case bool:
			v.AppendInt(map[bool]int64{true: 1}[x])
		case float64:
			v.AppendFloat(x)
		case string:
			v.AppendString(x)
		}
	}
	v.EnsureNull(len(values))
	return v
}

func decimals(precision, scale int, values ...any) *column.Vector {
	v := ints(column.Int64, values...)
	d := &column.Vector{}
	d.Reset(column.DecimalOf(precision, scale))
	for i := range values {
		if v.IsNull(i) {
			d.AppendNull()
		} else {
			d.AppendInt(v.Int[i])
		}
	}
	d.EnsureNull(len(values))
	return d
}

func pair(a, b *column.Vector) *column.Vector {
	return &column.Vector{Type: column.StructOf(column.Field{Type: a.Type}, column.Field{Type: b.Type}), Kids: []column.Vector{*a, *b}}
}

func list(v *column.Vector) *column.Vector {
	return &column.Vector{Type: arrayOf(v.Type), Ends: []uint32{uint32(v.Len())}, Kids: []column.Vector{*v}}
}

// TestSparkValues: what Spark 4.2.0 answered, with its types. {T} is VALUES (1),(2),(2),(NULL),(4) and
// {K} is ('a',1,10.5D),('b',2,20.25D),('a',3,NULL),(NULL,4,1.5D),(NULL,5,2.5D) AS t(k,n,d).
func TestSparkValues(t *testing.T) {
	x := func() *column.Vector { return ints(column.Int32, 1, 2, 2, nil, 4) }
	positive := ints(column.Bool, true, true, true, nil, true)
	over3 := ints(column.Bool, false, false, false, nil, true)
	none := ints(column.Int32)
	k := ints(column.String, "a", "b", "a", nil, nil)
	n := ints(column.Int32, 1, 2, 3, 4, 5)
	d := ints(column.Float64, 10.5, 20.25, nil, 1.5, 2.5)
	for _, c := range []struct {
		name     string
		distinct bool
		in       *column.Vector
		typ      string
		want     *column.Vector
	}{
		{"count", false, x(), "bigint", ints(column.Int64, 4)},
		{"count", true, x(), "bigint", ints(column.Int64, 3)},
		{"count", true, pair(x(), ints(column.Int32, 2, 3, 3, nil, 5)), "bigint", ints(column.Int64, 3)},
		{"count", false, pair(k, d), "bigint", ints(column.Int64, 2)},
		{"count", false, none, "bigint", ints(column.Int64, 0)},
		{"count_if", false, ints(column.Bool, false, true, true, nil, true), "bigint", ints(column.Int64, 3)},
		{"sum", false, x(), "bigint", ints(column.Int64, 9)},
		{"sum", true, x(), "bigint", ints(column.Int64, 7)},
		{"sum", false, none, "bigint", ints(column.Int64, nil)},
		{"sum", false, ints(column.Float32, 1.0, 2.0, 2.0, nil, 4.0), "double", ints(column.Float64, 9.0)},
		{"sum", false, ints(column.Float64, 0.1, 0.2, 0.3), "double", ints(column.Float64, 0.6000000000000001)},
		{"sum", false, decimals(10, 2, 100, 200, 200, nil, 400), "decimal(20,2)", decimals(20, 2, 900)},
		{"sum", false, decimals(1, 1, 1, 2, 3), "decimal(11,1)", decimals(11, 1, 6)},
		{"avg", false, x(), "double", ints(column.Float64, 2.25)},
		{"mean", false, x(), "double", ints(column.Float64, 2.25)},
		{"try_avg", false, x(), "double", ints(column.Float64, 2.25)},
		{"avg", true, x(), "double", ints(column.Float64, 2.3333333333333335)},
		{"avg", false, none, "double", ints(column.Float64, nil)},
		{"avg", false, decimals(10, 2, 100, 200, 200, nil, 400), "decimal(14,6)", decimals(14, 6, 2250000)},
		{"avg", false, decimals(3, 2, 150, 225), "decimal(7,6)", decimals(7, 6, 1875000)},
		{"min", false, x(), "int", ints(column.Int32, 1)},
		{"max", false, x(), "int", ints(column.Int32, 4)},
		{"min", false, none, "int", ints(column.Int32, nil)},
		{"min", false, ints(column.String, "b", "a", nil, "c"), "string", ints(column.String, "a")},
		{"max", false, ints(column.String, "b", "a", nil, "c"), "string", ints(column.String, "c")},
		{"max_by", false, pair(k, n), "string", ints(column.String, nil)},
		{"min_by", false, pair(k, n), "string", ints(column.String, "a")},
		{"max_by", false, pair(k, d), "string", ints(column.String, "b")},
		{"first", false, x(), "int", ints(column.Int32, 1)},
		{"last", false, x(), "int", ints(column.Int32, 4)},
		{"any_value", false, x(), "int", ints(column.Int32, 1)},
		{"first_ignore_nulls", false, ints(column.String, nil, "a", "b"), "string", ints(column.String, "a")},
		{"collect_list", false, x(), "array<int>", list(ints(column.Int32, 1, 2, 2, 4))},
		{"collect_list", false, none, "array<int>", list(none)},
		{"collect_set", false, x(), "array<int>", list(ints(column.Int32, 1, 2, 4))},
		{"bool_and", false, positive, "boolean", ints(column.Bool, true)},
		{"bool_or", false, over3, "boolean", ints(column.Bool, true)},
		{"every", false, positive, "boolean", ints(column.Bool, true)},
		{"any", false, over3, "boolean", ints(column.Bool, true)},
		{"bit_or", false, x(), "int", ints(column.Int32, 7)},
		{"bit_and", false, x(), "int", ints(column.Int32, 0)},
		{"bit_xor", false, x(), "int", ints(column.Int32, 5)},
		{"try_sum", false, ints(column.Int64, math.MaxInt64, 1), "bigint", ints(column.Int64, nil)},
		{"stddev", false, ints(column.Float64, 1.0), "double", ints(column.Float64, nil)},
		{"covar_pop", false, pair(ints(column.Float64, 1.0, 2.0, 3.0, 4.0, 5.0), d), "double", ints(column.Float64, -8.6875)},
	} {
		args := []column.Type{c.in.Type}
		if c.in.Type.Kind == column.Struct {
			args = []column.Type{c.in.Kids[0].Type, c.in.Kids[1].Type}
		}
		got, typ := one(t, c.name, c.distinct, args, c.in)
		if typ != c.typ || show(got, 0) != show(c.want, 0) {
			t.Errorf("%s of %v, distinct %v: %s %s, want %s %s", c.name, args, c.distinct, typ, show(got, 0), c.typ, show(c.want, 0))
		}
	}
}

// one runs an aggregate over all rows of in as one group.
func one(t *testing.T, name string, distinct bool, args []column.Type, in *column.Vector) (*column.Vector, string) {
	t.Helper()
	s, _, err := Resolve(name, distinct, args)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	a.Grow(1)
	rows := ascending(nil, in.Len())
	a.Update(make([]uint32, len(rows)), rows, in)
	out := &column.Vector{}
	out.Reset(s.Type)
	a.Result(out, []uint32{0})
	return out, s.Type.String()
}

// TestSparkMoments: the last bits of these depend on how Spark split four rows over its tasks, so
// they are compared to a part in 10^14.
func TestSparkMoments(t *testing.T) {
	x := ints(column.Float64, 1.0, 2.0, 2.0, nil, 4.0)
	xy := pair(ints(column.Float64, 1.0, 2.0, 3.0, 4.0, 5.0), ints(column.Float64, 10.5, 20.25, nil, 1.5, 2.5))
	for name, want := range map[string]float64{
		"stddev": 1.2583057392117916, "stddev_samp": 1.2583057392117916, "std": 1.2583057392117916,
		"stddev_pop": 1.0897247358851683, "variance": 1.583333333333333, "var_pop": 1.1874999999999998,
		"skewness": 0.6520236646847543, "kurtosis": -0.9030470914127431,
		"corr": -0.7294854385294539, "covar_pop": -8.6875, "covar_samp": -11.583333333333334,
	} {
		in, args := x, []column.Type{x.Type}
		if _, f := familyOf(name); f == pairing {
			in, args = xy, []column.Type{xy.Kids[0].Type, xy.Kids[1].Type}
		}
		got, _ := one(t, name, false, args, in)
		if math.Abs(got.Float[0]-want) > 1e-14*math.Abs(want) {
			t.Errorf("%s: %v, want %v", name, got.Float[0], want)
		}
	}
}

// TestMomentsMerge compares pieces, merged and carried over by their bytes, with the two-pass formulas.
func TestMomentsMerge(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 20))
		n := 3 + r.IntN(50)
		x, y := &column.Vector{Type: column.Of(column.Float64)}, &column.Vector{Type: column.Of(column.Float64)}
		for range n {
			x.AppendFloat(r.NormFloat64()*3 + 100)
			y.AppendFloat(r.NormFloat64() - 5)
		}
		for _, name := range []string{"var_pop", "var_samp", "stddev_pop", "stddev_samp", "skewness", "kurtosis", "covar_pop", "covar_samp", "corr"} {
			in, args := x, []column.Type{x.Type}
			if _, f := familyOf(name); f == pairing {
				in, args = pair(x, y), []column.Type{x.Type, y.Type}
			}
			s, _, err := Resolve(name, false, args)
			if err != nil {
				t.Fatal(err)
			}
			whole, _ := New(s)
			whole.Grow(1)
			for at := 0; at < n; {
				to := min(n, at+r.IntN(10))
				piece, _ := New(s)
				piece.Grow(1)
				rows := ascending(nil, n)[at:to]
				piece.Update(make([]uint32, len(rows)), rows, in)
				carried, _ := New(s)
				carried.Grow(1)
				if err := carried.SetState(0, piece.AppendState(nil, 0)); err != nil {
					t.Fatal(err)
				}
				whole.Merge(0, carried, 0)
				at = to
			}
			out := &column.Vector{}
			out.Reset(s.Type)
			whole.Result(out, []uint32{0})
			if want := twoPass(name, x.Float, y.Float); math.Abs(out.Float[0]-want) > 1e-9*(1+math.Abs(want)) {
				t.Fatalf("seed %d: %s is %v, want %v", seed, name, out.Float[0], want)
			}
		}
	}
}

func twoPass(name string, x, y []float64) float64 {
	n := float64(len(x))
	mean := func(f func(i int) float64) (sum float64) {
		for i := range x {
			sum += f(i)
		}
		return sum / n
	}
	mx, my := mean(func(i int) float64 { return x[i] }), mean(func(i int) float64 { return y[i] })
	power := func(p float64) float64 { return mean(func(i int) float64 { return math.Pow(x[i]-mx, p) }) }
	cov := mean(func(i int) float64 { return (x[i] - mx) * (y[i] - my) })
	vy := mean(func(i int) float64 { return (y[i] - my) * (y[i] - my) })
	switch name {
	case "var_pop":
		return power(2)
	case "var_samp":
		return power(2) * n / (n - 1)
	case "stddev_pop":
		return math.Sqrt(power(2))
	case "stddev_samp":
		return math.Sqrt(power(2) * n / (n - 1))
	case "skewness":
		return power(3) / math.Pow(power(2), 1.5)
	case "kurtosis":
		return power(4)/(power(2)*power(2)) - 3
	case "covar_pop":
		return cov
	case "covar_samp":
		return cov * n / (n - 1)
	}
	return cov / math.Sqrt(power(2)*vy)
}

// TestOverflow: a slot whose result does not fit is NULL and says why; its neighbours are untouched.
func TestOverflow(t *testing.T) {
	nines := &column.Vector{}
	nines.Reset(column.DecimalOf(38, 0))
	top := pow10(38)
	for range 3 {
		nines.AppendDecimal(int64(top[1]), int64(top[0])-1)
	}
	tight := &column.Vector{} // avg of decimal(38,0) is decimal(38,4): 10^38 - 1 does not fit
	tight.Reset(column.DecimalOf(38, 0))
	for range 3 {
		tight.AppendDecimal(int64(pow10(35)[1]), int64(pow10(35)[0]))
	}
	day := ints(column.Int64, math.MaxInt64, 1, 5)
	day.Type = column.Type{Kind: column.DayTime, To: column.UnitSecond}
	month := ints(column.Int64, math.MaxInt32, 1, 5)
	month.Type = column.Type{Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth}
	for _, c := range []struct {
		name, class string
		in          *column.Vector
	}{
		{"sum", ArithmeticOverflow, ints(column.Int64, math.MaxInt64, 1, 5)},
		{"sum", ArithmeticOverflow, ints(column.Int64, math.MinInt64, -1, 5)},
		{"sum", ArithmeticOverflow, nines}, {"avg", ArithmeticOverflow, nines}, {"avg", ValueOutOfRange, tight},
		{"sum", IntervalOverflow, day}, {"sum", IntervalOverflow, month}, {"avg", IntervalOverflow, day}, {"avg", IntervalOverflow, month},
		{"try_sum", "", ints(column.Int64, math.MaxInt64, 1, 5)}, {"try_sum", "", nines}, {"try_avg", "", nines},
	} {
		s, _, err := Resolve(c.name, false, []column.Type{c.in.Type})
		if err != nil {
			t.Fatal(err)
		}
		h, err := NewHash([]column.Type{column.Of(column.Int32)}, []Spec{{Name: "count", Type: column.Of(column.Int64)}, s})
		if err != nil {
			t.Fatal(err)
		}
		key := ints(column.Int32, 1, 1, 2)
		h.Update([]*column.Vector{key}, []*column.Vector{nil, c.in}, []uint32{0, 1, 2})
		out := make([]column.Vector, 2)
		out[0].Reset(column.Of(column.Int64))
		out[1].Reset(s.Type)
		h.Result(out, []uint32{0, 1})
		if h.Failed(0) != c.class || !out[1].IsNull(0) {
			t.Errorf("%s of %s: class %q, result %s; want NULL with %q", c.name, c.in.Type, h.Failed(0), show(&out[1], 0), c.class)
		}
		small := c.class != ValueOutOfRange && !(c.name == "avg" || c.name == "try_avg")
		if small && (h.Failed(1) != "" || out[1].IsNull(1)) {
			t.Errorf("%s of %s: the other slot has class %q, result %s", c.name, c.in.Type, h.Failed(1), show(&out[1], 1))
		}
	}
	// A sum that overflows on the way and comes back is right, in whatever order.
	got, _ := one(t, "sum", false, []column.Type{column.Of(column.Int64)}, ints(column.Int64, math.MaxInt64, math.MaxInt64, math.MinInt64, -5))
	if show(got, 0) != "9223372036854775801" {
		t.Errorf("sum with an overflow on the way: %s", show(got, 0))
	}
}

func TestResolve(t *testing.T) {
	str, num, boolean, date := column.Of(column.String), column.Of(column.Int32), column.Of(column.Bool), column.Of(column.Date)
	m := column.Type{Kind: column.Map, Key: &str, Elem: &num}
	for _, c := range []struct {
		name  string
		args  []column.Type
		class string
		typ   string // of the result
		cast  string // of the arguments
	}{
		{"count", nil, "", "bigint", ""},
		{"sum", []column.Type{str}, "", "double", "double"},
		{"avg", []column.Type{{}}, "", "double", "double"},
		{"stddev", []column.Type{num}, "", "double", "double"},
		{"corr", []column.Type{num, column.DecimalOf(5, 2)}, "", "double", "double double"},
		{"sum", []column.Type{column.Of(column.Int8)}, "", "bigint", "tinyint"},
		{"sum", []column.Type{column.DecimalOf(38, 18)}, "", "decimal(38,18)", "decimal(38,18)"},
		{"avg", []column.Type{column.DecimalOf(38, 36)}, "", "decimal(38,38)", "decimal(38,36)"},
		{"collect_set", []column.Type{str}, "", "array<string>", "string"},
		{"max_by", []column.Type{m, num}, "", "map<string,int>", "map<string,int> int"},
		{"bool_and", []column.Type{{}}, "", "boolean", "boolean"},
		{"min", []column.Type{{}}, "", "void", "void"},
		{"sum", []column.Type{date}, wrongType, "", ""}, {"sum", []column.Type{boolean}, wrongType, "", ""},
		{"avg", []column.Type{m}, wrongType, "", ""}, {"min", []column.Type{m}, wrongOrdering, "", ""},
		{"max_by", []column.Type{num, m}, wrongOrdering, "", ""}, {"bool_or", []column.Type{num}, wrongType, "", ""},
		{"bit_and", []column.Type{date}, wrongType, "", ""}, {"count_if", []column.Type{num}, wrongType, "", ""},
		{"sum", nil, wrongNumber, "", ""}, {"sum", []column.Type{num, num}, wrongNumber, "", ""},
		{"max_by", []column.Type{num}, wrongNumber, "", ""}, {"frobnicate", []column.Type{num}, unresolved, "", ""},
	} {
		s, class, err := Resolve(c.name, false, c.args)
		var cast []string
		for _, a := range s.Args {
			cast = append(cast, a.String())
		}
		if class != c.class || (err != nil) != (class != "") {
			t.Errorf("%s %v: class %q, %v; want %q", c.name, c.args, class, err, c.class)
		} else if err == nil && (s.Type.String() != c.typ || strings.Join(cast, " ") != c.cast) {
			t.Errorf("%s %v: %s over %q, want %s over %q", c.name, c.args, s.Type, cast, c.typ, c.cast)
		}
		if err == nil {
			if _, err := New(s); err != nil {
				t.Errorf("%s %v: %v", c.name, c.args, err)
			}
		}
	}
	if _, class, _ := Resolve("count", true, nil); class != wrongNumber {
		t.Errorf("count(DISTINCT): class %q", class)
	}
	if _, class, _ := Resolve("count", true, []column.Type{m}); class != "" {
		t.Errorf("count(DISTINCT map): class %q", class)
	}
	if _, class, _ := Resolve("collect_set", false, []column.Type{m}); class == "" {
		t.Error("collect_set takes maps, and Spark's does not")
	}
	for _, name := range Names() {
		if !IsAggregate(name) {
			t.Errorf("%s is in Names and no aggregate", name)
		}
	}
	if IsAggregate("upper") || IsAggregate("") {
		t.Error("what is no aggregate is one")
	}
}
