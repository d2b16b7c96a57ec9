package codec

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAppendDouble(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{1, "1.0"}, {0, "0.0"}, {math.Copysign(0, -1), "-0.0"}, {1e10, "1.0E10"}, {12345678, "1.2345678E7"}, {9999999, "9999999.0"},
		{1e7, "1.0E7"}, {0.001, "0.001"}, {1e-7, "1.0E-7"}, {0.0001, "1.0E-4"}, {123456789.123, "1.23456789123E8"}, {1e21, "1.0E21"}, {1e-5, "1.0E-5"},
		{0.30000000000000004, "0.30000000000000004"}, {1.7673230455e9, "1.7673230455E9"}, {-2.5, "-2.5"}, {-1e100, "-1.0E100"}, {-1.25e-10, "-1.25E-10"}, {5e-324, "4.9E-324"},
		{math.NaN(), "NaN"}, {math.Inf(1), "Infinity"}, {math.Inf(-1), "-Infinity"}, {math.MaxFloat64, "1.7976931348623157E308"},
	} {
		if got := string(AppendDouble(nil, c.v)); got != c.want {
			t.Errorf("double %v = %s, want %s", c.v, got, c.want)
		}
	}
	if got := string(AppendFloat(nil, float64(float32(1.1)))); got != "1.1" {
		t.Errorf("float 1.1 = %s", got)
	}
}

func TestAppendShortest(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{1e308, "1e+308"}, {68756.81, "68756.81"}, {12, "12"}, {0.0001, "0.0001"}, {0.00001, "1e-05"}, {1e15, "1000000000000000"}, {1e16, "1e+16"}, {-0.5, "-0.5"},
	} {
		if got := string(AppendShortest(nil, c.v)); got != c.want {
			t.Errorf("shortest %v = %s, want %s", c.v, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		for _, text := range []string{string(AppendShortest(nil, v)), string(AppendDouble(nil, v))} {
			if back, err := strconv.ParseFloat(text, 64); err != nil || math.Float64bits(back) != math.Float64bits(v) {
				t.Fatalf("%v is written %s and read %v %v", v, text, back, err)
			}
		}
	})
}

// Numbers of JSON's grammar read as strconv reads them, by each of the ways.
func TestParseDoubleAgreesWithStrconv(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8}|[1-9][0-9]{0,30})(\.[0-9]{1,9}|\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := number.Draw(t, "text")
		want, err := strconv.ParseFloat(text, 64)
		end, k := scanNumber([]byte(text), 0)
		if end != len(text) || (k == kindNumber) != strings.ContainsAny(text, ".eE") {
			t.Fatalf("%s scans to %d, %d", text, end, k)
		}
		got, ok := parseDouble([]byte(text))
		if ok != (err == nil) || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s = %v %v, want %v %v", text, got, ok, want, err)
		}
		data := append([]byte(text), make([]byte, padding)...)
		data[len(text)] = ','
		if text[0] == '-' {
			return
		}
		end, kind, whole := shortNumber(data, 0)
		if end < 0 {
			return
		}
		if end != len(text) || kind != k {
			t.Fatalf("short %s ends at %d", text, end)
		}
		if v := shortDouble(data, &span{0, uint32(end), k, uint8(whole)}); math.Float64bits(v) != math.Float64bits(want) {
			t.Fatalf("short %s = %v, want %v", text, v, want)
		}
	})
}

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text             string
		precision, scale int
		want             string
	}{
		{"1.005", 10, 2, "1.01"}, {"-1.005", 10, 2, "-1.01"}, {"1.004999", 10, 2, "1.00"}, {"1.5", 10, 2, "1.50"}, {"123456789.5", 10, 2, ""}, {"12345678.994", 10, 2, "12345678.99"},
		{"99999999.995", 10, 2, ""}, {"1e3", 10, 2, "1000.00"}, {"1E-3", 10, 2, "0.00"}, {"5e-3", 10, 2, "0.01"}, {"49e-4", 10, 2, "0.00"}, {"0e999999999", 3, 0, "0"}, {"1e999999999", 38, 0, ""},
		{"1e-999999999", 38, 10, "0.0000000000"}, {".5", 2, 1, "0.5"}, {"5.", 2, 1, "5.0"}, {"+7", 1, 0, "7"}, {"", 1, 0, ""}, {".", 1, 0, ""}, {"1e", 1, 0, ""}, {"1x", 1, 0, ""}, {"-", 1, 0, ""}, {"1.2.3", 9, 3, ""},
		{"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"}, {"100000000000000000000000000000000000000", 38, 0, ""},
		{"-9999999999999999999999999999999999.9999", 38, 4, "-9999999999999999999999999999999999.9999"}, {"0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001"},
	} {
		hi, lo, ok := ParseDecimal([]byte(c.text), c.precision, c.scale)
		if got := string(AppendDecimal(nil, hi, lo, c.scale)); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("decimal(%d,%d) %q = %s %v, want %q", c.precision, c.scale, c.text, got, ok, c.want)
		}
	}
}

// Decimals read and print as math/big has them.
func TestDecimalAgreesWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, MaxPrecision).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		text := rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{0,40})?(e[-+]?[0-9]{1,2})?`).Draw(t, "text")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("big refuses %s", text)
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		scaled := new(big.Rat).Mul(exact, new(big.Rat).SetInt(unit))
		// half away from zero: (2n + d) / 2d of the magnitude
		n, d := new(big.Int).Abs(scaled.Num()), scaled.Denom()
		n.Add(n.Lsh(n, 1), d).Quo(n, new(big.Int).Lsh(d, 1))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
		fits := n.Cmp(limit) < 0
		if scaled.Sign() < 0 {
			n.Neg(n)
		}
		hi, lo, ok := ParseDecimal([]byte(text), precision, scale)
		if ok != fits {
			t.Fatalf("decimal(%d,%d) %s: ok %v, want %v", precision, scale, text, ok, fits)
		}
		if !ok {
			return
		}
		got := new(big.Int).Lsh(big.NewInt(hi), 64)
		if got.Add(got, new(big.Int).SetUint64(uint64(lo))); got.Cmp(n) != 0 {
			t.Fatalf("decimal(%d,%d) %s = %v, want %v", precision, scale, text, got, n)
		}
		back, _ := new(big.Rat).SetString(string(AppendDecimal(nil, hi, lo, scale)))
		if back.Cmp(new(big.Rat).SetFrac(n, unit)) != 0 {
			t.Fatalf("%s prints as %s", text, AppendDecimal(nil, hi, lo, scale))
		}
	})
}
