package codec

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/column"
)

// one returns a vector with one row, read from JSON.
func one(t testing.TB, typ column.Type, text string) *column.Vector {
	t.Helper()
	var v column.Vector
	v.Reset(typ)
	if st := NewValueDecoder(Options{NonFiniteStrings: true}).Decode([]byte(text), &v); st.Reason != OK || v.IsNull(0) {
		t.Fatalf("read %s as %s: %v", text, typ, st)
	}
	return &v
}

func structOf(parts ...any) column.Type {
	var t column.Type
	t.Kind = column.Struct
	for i := 0; i < len(parts); i += 2 {
		f := column.Field{Name: parts[i].(string)}
		if k, ok := parts[i+1].(column.Kind); ok {
			f.Type = column.Of(k)
		} else {
			f.Type = parts[i+1].(column.Type)
		}
		t.Fields = append(t.Fields, f)
	}
	return t
}

func TestAppendJSONAgreesWithSpark(t *testing.T) {
	num := typePtr(column.Of(column.Int32))
	text := typePtr(column.Of(column.String))
	interval := column.Type{Kind: column.DayTime, From: column.UnitDay, To: column.UnitDay}
	window := structOf("start", column.Timestamp, "end", column.Timestamp)
	for _, c := range []struct {
		t        column.Type
		in, want string
	}{
		{structOf("a", column.Int32, "b", column.String, "c", column.String), `{"a":1,"c":"x"}`, `{"a":1,"c":"x"}`},
		{structOf("d", column.Float64, "e", column.Float64, "f", column.Float64, "g", column.Float64), `{"d":1,"e":1.5,"f":1e10,"g":1e-7}`, `{"d":1.0,"e":1.5,"f":1.0E10,"g":1.0E-7}`},
		{structOf("x", column.Float64, "f", column.Float32), `{"x":12345678.9,"f":1.1}`, `{"x":1.23456789E7,"f":1.1}`},
		{structOf("nan", column.Float64, "inf", column.Float64), `{"nan":"NaN","inf":"Infinity"}`, `{"nan":"NaN","inf":"Infinity"}`},
		{structOf("dec", column.DecimalOf(10, 2), "big", column.Int64), `{"dec":1.5,"big":9223372036854775807}`, `{"dec":1.50,"big":9223372036854775807}`},
		{structOf("ts", column.Timestamp), `{"ts":"2026-01-02 03:04:05"}`, `{"ts":"2026-01-02T03:04:05.000Z"}`},
		{structOf("ts", column.Timestamp), `{"ts":"2026-01-02 03:04:05.123456"}`, `{"ts":"2026-01-02T03:04:05.123Z"}`},
		{structOf("n", column.TimestampNTZ, "d", column.Date), `{"n":"2026-01-02 03:04:05","d":"2026-01-02"}`, `{"n":"2026-01-02T03:04:05.000","d":"2026-01-02"}`},
		{structOf("b", column.Binary, "t", column.Bool), `{"b":"YWJj","t":true}`, `{"b":"YWJj","t":true}`},
		{structOf("s", column.String), `{"s":"a\"b\\c\n\/é日\u0001\u007f"}`, `{"s":"a\"b\\c\n/é日\u0001` + "\x7f" + `"}`},
		{column.Type{Kind: column.Array, Elem: num}, `[1,null,3]`, `[1,null,3]`},
		{column.Type{Kind: column.Map, Key: text, Elem: num}, `{"a":1,"b":null}`, `{"a":1,"b":null}`},
		{structOf("s", structOf("a", column.Int32)), `{"s":{}}`, `{"s":{}}`},
		{structOf("w", window), `{"w":{"start":"2026-01-02 03:04:00","end":"2026-01-02 03:05:00"}}`, `{"w":{"start":"2026-01-02T03:04:00.000Z","end":"2026-01-02T03:05:00.000Z"}}`},
		{structOf("i", interval), `{}`, `{}`},
	} {
		if got := string(AppendJSON(nil, one(t, c.t, c.in), 0, JSONFormat{})); got != c.want {
			t.Errorf("to_json of %s = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestAppendJSONFormats(t *testing.T) {
	v := one(t, structOf("ts", column.Timestamp, "a", column.Int32, "d", column.Float64), `{"ts":"2026-01-02T23:04:05.123456Z","d":1e10}`)
	for _, c := range []struct {
		f    JSONFormat
		want string
	}{
		{JSONFormat{Zone: zoneOf(t, "Asia/Tokyo")}, `{"ts":"2026-01-03T08:04:05.123+09:00","d":1.0E10}`},
		{JSONFormat{KeepNulls: true}, `{"ts":"2026-01-02T23:04:05.123Z","a":null,"d":1.0E10}`},
		{JSONFormat{Exact: true, Zone: zoneOf(t, "Asia/Tokyo")}, `{"ts":"2026-01-02T23:04:05.123456Z","d":10000000000}`},
		{JSONFormat{Timestamp: func(dst []byte, micros int64) []byte {
			return time.UnixMicro(micros).UTC().AppendFormat(dst, "2006/01")
		}}, `{"ts":"2026/01","d":1.0E10}`},
	} {
		if got := string(AppendJSON(nil, v, 0, c.f)); got != c.want {
			t.Errorf("to_json with %+v = %s, want %s", c.f, got, c.want)
		}
	}
	var i column.Vector
	i.Reset(structOf("i", column.Type{Kind: column.DayTime, From: column.UnitDay, To: column.UnitDay}))
	i.Kids[0].AppendInt(MicrosPerDay)
	if got := string(AppendJSON(nil, &i, 0, JSONFormat{})); got != `{"i":"INTERVAL '1' DAY"}` {
		t.Errorf("to_json of an interval = %s", got)
	}
}

// What the exact form writes reads back, and is JSON whatever the strings hold.
func TestExactJSONComesBack(t *testing.T) {
	typ := structOf("s", column.String, "i", column.Int64, "d", column.Float64, "f", column.Float32, "b", column.Bool, "dec", column.DecimalOf(38, 6),
		"ts", column.Timestamp, "ntz", column.TimestampNTZ, "date", column.Date, "bin", column.Binary,
		"list", column.Type{Kind: column.Array, Elem: typePtr(column.Of(column.Float64))}, "in", structOf("x", column.String))
	rapid.Check(t, func(t *rapid.T) {
		var v, back column.Vector
		v.Reset(typ)
		back.Reset(typ)
		drawRow(t, v.Kids)
		text := AppendJSON(nil, &v, 0, JSONFormat{Exact: true})
		if !json.Valid(text) {
			t.Fatalf("not JSON: %q", text)
		}
		if st := NewValueDecoder(Options{NonFiniteStrings: true}).Decode(text, &back); st.Reason != OK {
			t.Fatalf("%v: %s", st, text)
		}
		if a, b := AppendKey(nil, &v, 0), AppendKey(nil, &back, 0); !bytes.Equal(a, b) {
			t.Fatalf("%s reads back as %s", text, AppendJSON(nil, &back, 0, JSONFormat{Exact: true}))
		}
	})
}

func TestAppendJSONStringRepairsUTF8(t *testing.T) {
	if got := string(AppendJSONString(nil, "a\xffb\"")); got != `"a`+"\ufffd"+`b\""` {
		t.Errorf("got %q", got)
	}
}

func TestAppendRowCSV(t *testing.T) {
	typ := structOf("n", column.Int32, "d", column.Float64, "t", column.Timestamp, "s", column.String, "u", column.String, "w", structOf("x", column.String), "m", column.DecimalOf(10, 2))
	v := one(t, typ, `{"d":1e308,"t":"2026-01-02T03:04:05.5Z","s":"","u":"a,\"b\"\r\n","w":{"x":"y"},"m":1.5}`)
	want := `,1e+308,2026-01-02T03:04:05.500000Z,"","a,""b""` + "\r\n" + `","{""x"":""y""}",1.50` + "\n"
	if got := string(AppendRowCSV(nil, v.Kids, 0)); got != want {
		t.Errorf("row is %q, want %q", got, want)
	}
	if got := string(AppendCSVHeader(nil, &column.Schema{Fields: typ.Fields[:2]})); got != "n,d\n" {
		t.Errorf("header is %q", got)
	}
}

// Fields of any text come back through encoding/csv, which turns \r\n into \n inside quotes.
func TestCSVFieldsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(rapid.StringOf(rapid.SampledFrom([]rune("ab ,\"\n\r;é日\t\\'"))), 2, 5).Draw(t, "fields")
		var line []byte
		for i, f := range fields {
			if i > 0 {
				line = append(line, ',')
			}
			line = AppendCSVField(line, []byte(f))
		}
		got, err := csv.NewReader(bytes.NewReader(append(line, '\n'))).Read()
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		for i := range fields {
			if got[i] != strings.ReplaceAll(fields[i], "\r\n", "\n") {
				t.Fatalf("field %q comes back as %q", fields[i], got[i])
			}
		}
	})
}

func TestAppendValueText(t *testing.T) {
	num := typePtr(column.Of(column.Int32))
	for _, c := range []struct {
		t        column.Type
		in, want string
	}{
		{structOf("a", column.Int32, "b", column.Int32), `{"a":1}`, `{1, null}`},
		{column.Type{Kind: column.Array, Elem: num}, `[1,null,3]`, `[1, null, 3]`},
		{column.Type{Kind: column.Array, Elem: num}, `[]`, `[]`},
		{column.Type{Kind: column.Map, Key: typePtr(column.Of(column.String)), Elem: num}, `{"a":1,"b":2}`, `{a -> 1, b -> 2}`},
		{structOf("d", column.Float64, "b", column.Bool, "m", column.DecimalOf(5, 3), "x", column.Binary), `{"d":1e7,"b":false,"m":0.5,"x":"YWJj"}`, `{1.0E7, false, 0.500, abc}`},
		{structOf("t", column.Timestamp, "d", column.Date), `{"t":"2026-01-02T03:04:05.120Z","d":"2026-01-02"}`, `{2026-01-02 03:04:05.12, 2026-01-02}`},
	} {
		if got := string(AppendValueText(nil, one(t, c.t, c.in), 0, nil)); got != c.want {
			t.Errorf("text of %s = %s, want %s", c.in, got, c.want)
		}
	}
	var v column.Vector
	v.Reset(column.Of(column.Float64))
	v.AppendFloat(math.Copysign(0, -1))
	v.AppendNull()
	if got := string(AppendValueText(nil, &v, 0, nil)) + string(AppendValueText(nil, &v, 1, nil)); got != "-0.0" {
		t.Errorf("got %q", got)
	}
}

// TestNeedsQuotes compares with a look at each byte.
func TestNeedsQuotes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200_000 {
		field := make([]byte, r.IntN(20))
		for i := range field {
			if field[i] = byte('a' + i%26); r.IntN(20) == 0 {
				field[i] = byte(r.IntN(256))
			}
		}
		n := len(field)
		want := n == 0 || field[0] == ' ' || field[n-1] == ' ' || bytes.ContainsAny(field, ",\"\r\n")
		if got := needsQuotes(field); got != want {
			t.Fatalf("%q: %v", field, got)
		}
	}
}
