package codec

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

func typePtr(t column.Type) *column.Type { return &t }

// factType is the schema of the from_json lines in the facts about Spark.
var factType = column.StructOf(
	column.Field{Name: "event_id", Type: column.Of(column.String)},
	column.Field{Name: "n", Type: column.Of(column.Int32)},
	column.Field{Name: "price", Type: column.Of(column.Float64)},
	column.Field{Name: "ts", Type: column.Of(column.Timestamp)},
	column.Field{Name: "ok", Type: column.Of(column.Bool)},
	column.Field{Name: "tags", Type: column.Type{Kind: column.Array, Elem: typePtr(column.Of(column.String))}},
	column.Field{Name: "m", Type: column.Type{Kind: column.Map, Key: typePtr(column.Of(column.String)), Elem: typePtr(column.Of(column.Int32))}},
	column.Field{Name: "s", Type: column.StructOf(column.Field{Name: "a", Type: column.Of(column.Int32)})},
	column.Field{Name: "big", Type: column.Of(column.Int64)},
	column.Field{Name: "dec", Type: column.DecimalOf(10, 2)},
)

// factLines are what Spark 4.2 gives for from_json(text, factType), cast to STRING.
var factLines = [][2]string{
	{`{"event_id":"e1","n":1}`, `{e1, 1, null, null, null, null, null, null, null, null}`},
	{`{"event_id":"e1","n":1`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`not json`, `{null, null, null, null, null, null, null, null, null, null}`},
	{``, `NULL`},
	{`[]`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`[{"n":1}]`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`[{"n":1},{"n":2}]`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`null`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"n":"1"}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"n":"abc","event_id":"e1"}`, `{e1, null, null, null, null, null, null, null, null, null}`},
	{`{"n":1.0}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"n":1.5,"event_id":"e1"}`, `{e1, null, null, null, null, null, null, null, null, null}`},
	{`{"n":3000000000}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"big":3000000000}`, `{null, null, null, null, null, null, null, null, 3000000000, null}`},
	{`{"big":9223372036854775808}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"price":5}`, `{null, null, 5.0, null, null, null, null, null, null, null}`},
	{`{"price":"5.5"}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"price":"NaN"}`, `{null, null, NaN, null, null, null, null, null, null, null}`},
	{`{"price":1e400}`, `{null, null, Infinity, null, null, null, null, null, null, null}`},
	{`{"price":12345678901234567890}`, `{null, null, 1.2345678901234567E19, null, null, null, null, null, null, null}`},
	{`{"price":true}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"ok":true}`, `{null, null, null, null, true, null, null, null, null, null}`},
	{`{"ok":"true"}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"ok":1}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":5}`, `{5, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":5.10}`, `{5.1, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":1e3}`, `{1000.0, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":true}`, `{true, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":{"x": 1}}`, `{{"x":1}, null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":[1, 2]}`, `{[1,2], null, null, null, null, null, null, null, null, null}`},
	{`{"event_id":null,"n":null}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"extra":1,"n":2}`, `{null, 2, null, null, null, null, null, null, null, null}`},
	{`{"N":2}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"n":1,"n":2}`, `{null, 2, null, null, null, null, null, null, null, null}`},
	{`{"ts":"2026-01-02T03:04:05.123456+00:00"}`, `{null, null, null, 2026-01-02 03:04:05.123456, null, null, null, null, null, null}`},
	{`{"ts":"2026-01-02T03:04:05Z"}`, `{null, null, null, 2026-01-02 03:04:05, null, null, null, null, null, null}`},
	{`{"ts":"2026-01-02 03:04:05"}`, `{null, null, null, 2026-01-02 03:04:05, null, null, null, null, null, null}`},
	{`{"ts":"2026-01-02"}`, `{null, null, null, 2026-01-02 00:00:00, null, null, null, null, null, null}`},
	{`{"ts":"bad","n":1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"ts":1700000000}`, `{null, null, null, 2023-11-14 22:13:20, null, null, null, null, null, null}`},
	{`{"tags":["a","b"]}`, `{null, null, null, null, null, [a, b], null, null, null, null}`},
	{`{"tags":"a","n":1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"tags":[1,null]}`, `{null, null, null, null, null, [1, null], null, null, null, null}`},
	{`{"m":{"a":1}}`, `{null, null, null, null, null, null, {a -> 1}, null, null, null}`},
	{`{"m":{"a":"x"},"n":1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"s":{"a":1}}`, `{null, null, null, null, null, null, null, {1}, null, null}`},
	{`{"s":{"a":"x"},"n":1}`, `{null, 1, null, null, null, null, null, {null}, null, null}`},
	{`{"s":5,"n":1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"dec":1.005}`, `{null, null, null, null, null, null, null, null, null, 1.01}`},
	{`{"dec":"1.5"}`, `{null, null, null, null, null, null, null, null, null, 1.50}`},
	{`{"dec":123456789.5,"n":1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"n":1} trailing`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{'n':1}`, `{null, 1, null, null, null, null, null, null, null, null}`},
	{`{"n":01}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{n:1}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`{"n":1,}`, `{null, null, null, null, null, null, null, null, null, null}`},
	{`  {"n":1}  `, `{null, 1, null, null, null, null, null, null, null, null}`},
}

// stricter are the texts of factLines where nagare is stricter on purpose, with its answer.
var stricter = map[string]string{
	`{"n":1} trailing`: `{null, null, null, null, null, null, null, null, null, null}`,
	`{'n':1}`:          `{null, null, null, null, null, null, null, null, null, null}`,
	`{"price":1e400}`:  `{null, null, null, null, null, null, null, null, null, null}`,
}

func textOf(v *column.Vector, i int) string {
	if v.IsNull(i) {
		return "NULL"
	}
	return string(AppendValueText(nil, v, i, nil))
}

func decodeValue(text string, t column.Type, opts Options) (string, Status) {
	var v column.Vector
	v.Reset(t)
	st := NewValueDecoder(opts).Decode([]byte(text), &v)
	return textOf(&v, 0), st
}

func TestValueDecoderAgreesWithSpark(t *testing.T) {
	for _, f := range factLines {
		want := f[1]
		if s, ok := stricter[f[0]]; ok {
			want = s
		}
		if got, _ := decodeValue(f[0], factType, Options{NonFiniteStrings: true}); got != want {
			t.Errorf("from_json(%s) = %s, want %s", f[0], got, want)
		}
	}
}

// The fields of a struct and the columns of the fused decoder follow the same rules.
func TestDecodeAgreesWithSpark(t *testing.T) {
	ts := make([]Target, len(factType.Fields))
	for i, f := range factType.Fields {
		ts[i] = Target{Path: f.Name, Type: f.Type}
	}
	var values column.Bytes
	for _, f := range factLines {
		values.Append([]byte(f[0]))
	}
	out, status := vectorsOf(ts), make([]Status, values.Len())
	NewJSON(ts, Options{NonFiniteStrings: true}).Decode(&values, 0, values.Len(), out, status)
	for i, f := range factLines {
		var row column.Vector
		row.Type, row.Kids = factType, out
		want := f[1]
		if s, ok := stricter[f[0]]; ok {
			want = s
		}
		if want == "NULL" {
			want = stricter[`{'n':1}`] // an empty record is a malformed one
		}
		if got := textOf(&row, i); got != want {
			t.Errorf("decode %s = %s, want %s", f[0], got, want)
		}
	}
}

func TestValueDecoderRoots(t *testing.T) {
	str, num := typePtr(column.Of(column.String)), typePtr(column.Of(column.Int32))
	field := func(k column.Kind) column.Type { return column.StructOf(column.Field{Name: "n", Type: column.Of(k)}) }
	for _, c := range []struct {
		text string
		t    column.Type
		want string
	}{
		{`{"a":1}`, column.Type{Kind: column.Map, Key: str, Elem: str}, `{a -> 1}`},
		{`[1,2]`, column.Type{Kind: column.Array, Elem: num}, `[1, 2]`},
		{`[1,"x"]`, column.Type{Kind: column.Array, Elem: num}, `NULL`},
		{`[1,null]`, column.Type{Kind: column.Array, Elem: num}, `[1, null]`},
		{`{"n":7}`, column.Type{Kind: column.Array, Elem: typePtr(field(column.Int32))}, `[{7}]`},
		{`[1,2`, column.Type{Kind: column.Array, Elem: num}, `NULL`},
		{`  `, field(column.Int32), `NULL`},
		{`{"n":1.5}`, field(column.Int64), `{null}`},
		{`{"n":1.5}`, field(column.String), `{1.5}`},
		{`{"n":"2026-01-02"}`, field(column.Date), `{2026-01-02}`},
		{`{"n":"YWJj"}`, field(column.Binary), `{abc}`},
		{`{"n":"*"}`, field(column.Binary), `{null}`},
		{`{"n":127}`, field(column.Int8), `{127}`},
		{`{"n":128}`, field(column.Int8), `{-128}`},
		{`{"n":256}`, field(column.Int8), `{null}`},
		{`{"n":-32768}`, field(column.Int16), `{-32768}`},
		{`{"n":32768}`, field(column.Int16), `{null}`},
		{`{"n":1.1}`, field(column.Float32), `{1.1}`},
		{`{"n":3.5e38}`, field(column.Float32), `{null}`},
		{`{"n":"-INF"}`, field(column.Float64), `{-Infinity}`},
		{`{"n":"2026-01-02T03:04:05+09:00"}`, field(column.TimestampNTZ), `{2026-01-02 03:04:05}`},
		{`{"n": {"b" : [1.50, "\u00e9\/\n", {}] } }`, field(column.String), `{{"b":[1.5,"é/\n",{}]}}`},
		{`{"n": {"k":1e400} }`, field(column.String), `{{"k":1e400}}`},
	} {
		if got, _ := decodeValue(c.text, c.t, Options{NonFiniteStrings: true}); got != c.want {
			t.Errorf("from_json(%s, %s) = %s, want %s", c.text, c.t, got, c.want)
		}
	}
}

func TestStatus(t *testing.T) {
	deep := strings.Repeat(`[`, 1000)
	for _, c := range []struct{ text, want string }{
		{`{}`, "ok"}, {" {\"a\" : 1 }\r\n", "ok"},
		{``, "malformed at byte 0"}, {" \n", "malformed at byte 2"},
		{`{"a":1`, "malformed at byte 6"}, {`{"a":01}`, "malformed at byte 6"}, {`{"a":1.}`, "malformed at byte 7"},
		{`{"a":NaN}`, "malformed at byte 5"}, {`{"a":nul}`, "malformed at byte 8"}, {`{"a":1} x`, "malformed at byte 8"},
		{"{\"a\":\"\t\"}", "malformed at byte 6"}, {`{"a":"\x"}`, "malformed at byte 6"}, {`{"a":"\u12G4"}`, "malformed at byte 6"},
		{"{\"a\":\"\xe9\"}", "not UTF-8 at byte 6"}, {"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8 at byte 6"}, {"{\"a\":x\"\xff\"}", "not UTF-8 at byte 7"},
		{`null`, "not an object"}, {` [{"a":1}]`, "not an object"}, {`"x"`, "not an object"}, {`[1,]`, "malformed at byte 3"},
		{`{"a":` + deep[:999] + strings.Repeat("]", 999) + `}`, "ok"},
		{`{"a":` + deep + strings.Repeat("]", 1000) + `}`, "nested too deep at byte 1004"},
		{strings.Repeat("[", 100000), "nested too deep at byte 1000"},
		{strings.Repeat(`{"a":`, 100000), "nested too deep at byte 5000"},
	} {
		var values column.Bytes
		values.Append([]byte(c.text))
		status := make([]Status, 1)
		NewJSON(nil, Options{}).Decode(&values, 0, 1, nil, status)
		if got := status[0].String(); got != c.want {
			t.Errorf("decode %.40q: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestFieldRules(t *testing.T) {
	ts := []Target{
		{Path: "s", Type: column.Of(column.String)}, {Path: "i", Type: column.Of(column.Int32)},
		{Path: "d", Type: column.Of(column.Float64)}, {Path: "s", Type: column.Of(column.Timestamp), FromString: true},
	}
	for _, c := range []struct{ text, want string }{
		{`{"s":"x","i":1,"d":2}`, `x|1|2.0|NULL`},
		{`{"d":2,"i":1,"s":"x"}`, `x|1|2.0|NULL`},
		{`{"s":"a","s":"b","s":"2026-01-01"}`, `2026-01-01|NULL|NULL|2026-01-01 00:00:00`},
		{`{"s":"a","s":null}`, `NULL|NULL|NULL|NULL`},
		{`{"S":"a","x":{"s":"b"},"y":"\"s\":1"}`, `NULL|NULL|NULL|NULL`},
		{`{"\u0073":"\u3042\ud83d\ude00\ud800"}`, "あ😀\ufffd|NULL|NULL|NULL"},
		{`{"s":"\ud800\u0041\udc00"}`, "\ufffdA\ufffd|NULL|NULL|NULL"},
		{`{"s":2026,"i":2147483647}`, `2026|2147483647|NULL|2026-01-01 00:00:00`},
		{`{"s":1770107157042,"i":-2147483648}`, `1770107157042|-2147483648|NULL|NULL`},
		{`{"s":true,"i":2147483648,"d":1e400}`, `true|NULL|NULL|NULL`},
		{`{"s":[1, 2.50],"i":1e2,"d":-1e-400}`, `[1,2.5]|NULL|-0.0|NULL`},
		{`{"s":{"k" : "v"},"i":-0,"d":-0}`, `{"k":"v"}|0|-0.0|NULL`},
		{`{"s":-0,"d":"NaN"}`, `0|NULL|NULL|NULL`},
		{`{"d":0.1,"i":null}`, `NULL|NULL|0.1|NULL`},
		{`{"d":9007199254740993}`, `NULL|NULL|9.007199254740992E15|NULL`},
		{`{"d":1234567.1234567}`, `NULL|NULL|1234567.1234567|NULL`},
	} {
		var values column.Bytes
		for range 3 { // the second and third time by the learned scanner
			values.Append([]byte(c.text))
		}
		out, status := decodeAll(ts, &values)
		for i := range 3 {
			var got []string
			for k := range out {
				got = append(got, textOf(&out[k], i))
			}
			if s := strings.Join(got, "|"); s != c.want || status[i].Reason != OK {
				t.Errorf("decode %s, time %d: %s (%v), want %s", c.text, i+1, s, status[i], c.want)
			}
		}
	}
}

// Decoding in any pieces, and with other bytes between the records, gives the same rows, and appends to what
// is there.
func TestDecodeInPieces(t *testing.T) {
	values := readGolden(t, "bad.ndjson.gz")
	ts := purchaseTargets()
	want, wantStatus := decodeAll(ts, values)
	spread := &column.Bytes{}
	for i := range values.Len() {
		spread.Data = append(spread.Data, `"}],`...)
		start := len(spread.Data)
		spread.Data = append(spread.Data, values.At(i)...)
		if end := len(spread.Data); values.IsNull(i) {
			spread.AppendSpan(uint32(start), uint32(start)-1)
		} else {
			spread.AppendSpan(uint32(start), uint32(end))
		}
	}
	for _, values := range []*column.Bytes{values, spread} {
		for _, size := range []int{1, 7, 63, 64, 65, 1000} {
			out, status, d := vectorsOf(ts), make([]Status, values.Len()), NewJSON(ts, Options{MaxKeys: 5})
			for from := 0; from < values.Len(); from += size {
				to := min(from+size, values.Len())
				d.Decode(values, from, to, out, status[from:to])
			}
			for i := range status {
				if status[i] != wantStatus[i] {
					t.Fatalf("pieces of %d: record %d is %v, want %v", size, i, status[i], wantStatus[i])
				}
			}
			for c := range out {
				if diff := differs(&out[c], &want[c], values.Len()); diff != "" {
					t.Fatalf("pieces of %d: %s", size, diff)
				}
			}
		}
	}
}

// differs compares n rows of two vectors of one type, doubles by their bits.
func differs(a, b *column.Vector, n int) string {
	for i := range n {
		if a.IsNull(i) && b.IsNull(i) {
			continue
		}
		x, y := textOf(a, i), textOf(b, i)
		if a.IsNull(i) != b.IsNull(i) || x != y || a.Type.UsesFloat() && math.Float64bits(a.Float[i]) != math.Float64bits(b.Float[i]) {
			return fmt.Sprintf("row %d is %s, want %s", i, x, y)
		}
	}
	return ""
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, values := range []*column.Bytes{purchaseEvents(256, false, false), purchaseEvents(256, true, true)} {
		ts := purchaseTargets()
		d, out, status := NewJSON(ts, Options{}), vectorsOf(ts), make([]Status, 256)
		run := func() {
			for i := range out {
				out[i].Reset(ts[i].Type)
			}
			d.Decode(values, 0, 256, out, status)
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("decoding 256 events takes %v allocations, want 0", n)
		}
	}
}

// The learned scanner takes over: what it refuses costs three times as much.
func TestLearnedScannerTakesPurchases(t *testing.T) {
	values := purchaseEvents(500, false, false)
	d := NewJSON(queryTargets(), Options{})
	row := make([]span, len(d.fields))
	data := append(bytes.Clone(values.Data), make([]byte, padding)...)
	for i := range values.Len() {
		if !d.scanLearned(data, int(values.Start(i)), int(values.Ends[i]), row) {
			t.Fatalf("record %d is refused: %s", i, values.At(i))
		}
	}
	if n := len(d.learned.known); n != 17 {
		t.Errorf("%d key texts are known, want 16 and the closing bracket", n)
	}
}
