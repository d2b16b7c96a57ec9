package codec

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/column"
)

// rowTypes have every kind, nested ones among them.
func rowTypes() []column.Type {
	num, text := typePtr(column.Of(column.Int16)), typePtr(column.Of(column.String))
	inner := structOf("a", column.Int32, "b", column.String, "c", column.Float64)
	return []column.Type{
		column.Of(column.Void), column.Of(column.Bool), column.Of(column.Int8), column.Of(column.Int16), column.Of(column.Int32), column.Of(column.Int64),
		column.Of(column.Float32), column.Of(column.Float64), column.DecimalOf(38, 10), column.Of(column.String), column.Of(column.Binary),
		column.Of(column.Date), column.Of(column.Timestamp), column.Of(column.TimestampNTZ), {Kind: column.DayTime, To: column.UnitSecond}, {Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth},
		inner, {Kind: column.Array, Elem: num}, {Kind: column.Array, Elem: &inner}, {Kind: column.Map, Key: text, Elem: num},
		{Kind: column.Array, Elem: &column.Type{Kind: column.Array, Elem: text}},
	}
}

// drawRow appends one row to each column, any of them NULL.
func drawRow(t *rapid.T, cols []column.Vector) {
	for c := range cols {
		drawValue(t, &cols[c], rapid.IntRange(0, 5).Draw(t, "null") == 0)
	}
}

var specials = []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff8000000000001), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 1, -1}

func drawValue(t *rapid.T, v *column.Vector, null bool) {
	if null || v.Type.Kind == column.Void {
		v.AppendNull()
		return
	}
	switch k := v.Type.Kind; k {
	case column.Bool:
		v.AppendInt(rapid.Int64Range(0, 1).Draw(t, "bool"))
	case column.Int8:
		v.AppendInt(int64(rapid.Int8().Draw(t, "int8")))
	case column.Int16:
		v.AppendInt(int64(rapid.Int16().Draw(t, "int16")))
	case column.Int32, column.YearMonth:
		v.AppendInt(int64(rapid.Int32().Draw(t, "int32")))
	case column.Date: // years 1 to 9999
		v.AppendInt(rapid.Int64Range(-719162, 2932896).Draw(t, "days"))
	case column.Timestamp, column.TimestampNTZ:
		v.AppendInt(rapid.Int64Range(-719162*MicrosPerDay, 2932897*MicrosPerDay-1).Draw(t, "micros"))
	case column.Float32:
		x := rapid.Float32().Draw(t, "float")
		v.AppendFloat(float64(x))
	case column.Float64:
		if rapid.Bool().Draw(t, "special") {
			v.AppendFloat(rapid.SampledFrom(specials).Draw(t, "double"))
		} else {
			v.AppendFloat(rapid.Float64().Draw(t, "double"))
		}
	case column.Decimal:
		hi, lo, _ := ParseDecimal([]byte(rapid.StringMatching(`-?[0-9]{0,19}[0-9](\.[0-9]{1,6})?`).Draw(t, "decimal")), 38, int(v.Type.Scale))
		v.AppendDecimal(hi, lo)
	case column.String:
		v.AppendString(rapid.StringOfN(rapid.SampledFrom([]rune("\x00\x01ab\"\\\n\x7fé日😀\ufffd")), 0, 6, -1).Draw(t, "text"))
	case column.Binary:
		v.AppendBytes(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 'b', '"', 0xfe, 0xff, 0xe3}), 0, 6).Draw(t, "bytes"))
	case column.Struct:
		n := v.Len()
		drawRow(t, v.Kids)
		v.EnsureNull(n + 1)
	case column.Array, column.Map:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			for i := range v.Kids {
				drawValue(t, &v.Kids[i], i == len(v.Kids)-1 && rapid.Bool().Draw(t, "null"))
			}
		}
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
		v.EnsureNull(len(v.Ends))
	default:
		v.AppendInt(rapid.Int64().Draw(t, "int"))
	}
}

func columnsOf(types []column.Type) []column.Vector {
	cols := make([]column.Vector, len(types))
	for i := range cols {
		cols[i].Reset(types[i])
	}
	return cols
}

func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols, back := columnsOf(rowTypes()), columnsOf(rowTypes())
		rows := rapid.IntRange(1, 3).Draw(t, "rows")
		var enc []byte
		for range rows {
			drawRow(t, cols)
		}
		for i := range rows {
			enc = AppendRow(enc, cols, i)
		}
		rest := enc
		for range rows {
			var err error
			if rest, err = ReadRow(rest, back); err != nil {
				t.Fatal(err)
			}
		}
		var again []byte
		for i := range rows {
			again = AppendRow(again, back, i)
		}
		if len(rest) != 0 || !bytes.Equal(enc, again) {
			t.Fatalf("%x comes back as %x, rest %x", enc, again, rest)
		}
		for c := range cols {
			if diff := differs(&back[c], &cols[c], rows); cols[c].Type.Kind != column.Void && diff != "" {
				t.Fatalf("column %s: %s", cols[c].Type, diff)
			}
		}
	})
}

// compareSQL is the order of SQL, with NULL first, written down plainly.
func compareSQL(v *column.Vector, a, b int) int {
	if v.Type.Kind == column.Void {
		return 0
	}
	if x, y := v.IsNull(a), v.IsNull(b); x || y {
		return cmp.Compare(boolInt(y), boolInt(x))
	}
	switch {
	case v.Type.Kind == column.Decimal:
		return bigOf(v, a).Cmp(bigOf(v, b))
	case v.Type.UsesInt():
		return cmp.Compare(v.Int[a], v.Int[b])
	case v.Type.UsesFloat():
		x, y := v.Float[a], v.Float[b]
		if x != x || y != y {
			return cmp.Compare(boolInt(x != x), boolInt(y != y))
		}
		if x == y {
			return 0
		}
		return cmp.Compare(x, y)
	case v.Type.UsesBytes():
		return bytes.Compare(v.Bytes(a), v.Bytes(b))
	case v.Type.Kind == column.Struct:
		for k := range v.Kids {
			if c := compareSQL(&v.Kids[k], a, b); c != 0 {
				return c
			}
		}
		return 0
	}
	af, at := v.Span(a)
	bf, bt := v.Span(b)
	for i := uint32(0); i < min(at-af, bt-bf); i++ {
		for k := range v.Kids {
			if c := compareSQL(&v.Kids[k], int(af+i), int(bf+i)); c != 0 {
				return c
			}
		}
	}
	return cmp.Compare(at-af, bt-bf)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func bigOf(v *column.Vector, i int) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(v.Hi[i]), 64)
	return x.Add(x, new(big.Int).SetUint64(uint64(v.Int[i])))
}

// Keys sort as the values do, alone and one behind the other, and read back to values of the same key.
func TestKeysKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := []column.Type{rapid.SampledFrom(rowTypes()).Draw(t, "type"), column.Of(column.String)}
		cols := columnsOf(types)
		drawRow(t, cols)
		drawRow(t, cols)
		want := compareSQL(&cols[0], 0, 1)
		if want == 0 {
			want = compareSQL(&cols[1], 0, 1)
		}
		var keys [2][]byte
		for i := range keys {
			for c := range cols {
				keys[i] = AppendKey(keys[i], &cols[c], i)
			}
		}
		if got := bytes.Compare(keys[0], keys[1]); got != want {
			t.Fatalf("%s: %x and %x compare %d, want %d", types[0], keys[0], keys[1], got, want)
		}
		back := columnsOf(types)
		rest, err := keys[0], error(nil)
		for c := range back {
			if rest, err = ReadKey(rest, &back[c]); err != nil {
				t.Fatal(err)
			}
		}
		var again []byte
		for c := range back {
			again = AppendKey(again, &back[c], 0)
		}
		if len(rest) != 0 || !bytes.Equal(again, keys[0]) {
			t.Fatalf("%s: key %x comes back as %x", types[0], keys[0], again)
		}
	})
}

func TestKeyWidth(t *testing.T) {
	var v column.Vector
	v.Reset(column.Of(column.Timestamp))
	v.AppendInt(1)
	if n := len(AppendKey(nil, &v, 0)); n != 9 {
		t.Errorf("the key of a timestamp has %d bytes, want 9", n)
	}
}

// Any bytes give rows or ErrCorrupt; after an error the columns are as before.
func FuzzReadRow(f *testing.F) {
	cols := columnsOf(rowTypes())
	for c := range cols {
		cols[c].AppendNull()
	}
	f.Add(AppendRow(nil, cols, 0))
	f.Add([]byte(strings.Repeat("\x00", 64)))
	f.Add([]byte(strings.Repeat("\xff\x01", 64)))
	f.Fuzz(func(t *testing.T, src []byte) {
		cols := columnsOf(rowTypes())
		for rest, rows := src, 0; len(rest) > 0; rows++ {
			var err error
			if rest, err = ReadRow(rest, cols); err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
				checkRows(t, cols, rows)
				break
			}
			checkRows(t, cols, rows+1)
		}
	})
}

// FuzzReadKey is FuzzReadRow for keys.
func FuzzReadKey(f *testing.F) {
	f.Add([]byte{2, 1, 2, 'a', 0, 1}, byte(9))
	f.Add([]byte{2, 1, 2, 0, 1}, byte(17))
	f.Fuzz(func(t *testing.T, src []byte, which byte) {
		types := rowTypes()
		cols := columnsOf(types[int(which)%len(types):][:1])
		rest, err := ReadKey(src, &cols[0])
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			checkRows(t, cols, 0)
			return
		}
		checkRows(t, cols, 1)
		if len(rest) > len(src) {
			t.Fatal("more rest than source")
		}
	})
}

// checkRows fails unless every column has so many whole rows.
func checkRows(t *testing.T, cols []column.Vector, rows int) {
	t.Helper()
	for c := range cols {
		v := &cols[c]
		if v.Type.Kind == column.Void {
			continue
		}
		if v.Len() != rows {
			t.Fatalf("column %s has %d rows, want %d", v.Type, v.Len(), rows)
		}
		for i := range rows {
			AppendRow(nil, cols[c:c+1], i)
		}
		for i := range v.Null {
			if high := rows - i<<6; high < 64 && v.Null[i]>>max(high, 0) != 0 {
				t.Fatalf("column %s has NULLs behind row %d", v.Type, rows)
			}
		}
		if v.Type.UsesBytes() && len(v.Data) != int(lastEnd(v)) {
			t.Fatalf("column %s has text behind its last row", v.Type)
		}
		if v.Type.Kind == column.Struct {
			checkRows(t, v.Kids, rows)
		}
		if v.Type.Kind == column.Array || v.Type.Kind == column.Map {
			checkRows(t, v.Kids, int(lastEnd(v)))
		}
	}
}

func benchmarkRow() []column.Vector {
	cols := columnsOf([]column.Type{column.Of(column.Timestamp), column.Of(column.String), column.Of(column.String), column.Of(column.Int64), column.Of(column.Float64)})
	for range 2 {
		cols[0].AppendInt(1767225600000000)
		cols[1].AppendString("electronics")
		cols[2].AppendString("Tokyo")
		cols[3].AppendInt(12345)
		cols[4].AppendFloat(68756.81)
	}
	return cols
}

func BenchmarkAppendRow(b *testing.B) {
	cols, buf := benchmarkRow(), []byte(nil)
	for b.Loop() {
		buf = AppendRow(buf[:0], cols, 1)
	}
}

func BenchmarkAppendKey(b *testing.B) {
	cols, buf := benchmarkRow(), []byte(nil)
	for b.Loop() {
		buf = buf[:0]
		for c := range cols[:3] {
			buf = AppendKey(buf, &cols[c], 1)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	v := column.Vector{Type: structOf("ts", column.Timestamp, "category", column.String, "region", column.String, "n", column.Int64, "total", column.Float64), Kids: benchmarkRow()}
	var buf []byte
	for b.Loop() {
		buf = AppendJSON(buf[:0], &v, 1, JSONFormat{Exact: true})
	}
}

func BenchmarkAppendRowCSV(b *testing.B) {
	cols, buf := benchmarkRow(), []byte(nil)
	for b.Loop() {
		buf = AppendRowCSV(buf[:0], cols, 1)
	}
}

func TestWritersAllocateNothing(t *testing.T) {
	cols := benchmarkRow()
	v := column.Vector{Type: structOf("ts", column.Timestamp, "category", column.String, "region", column.String, "n", column.Int64, "total", column.Float64), Kids: cols}
	buf := make([]byte, 0, 1<<10)
	for name, write := range map[string]func(){
		"AppendRow":       func() { buf = AppendRow(buf[:0], cols, 1) },
		"AppendKey":       func() { buf = AppendKey(buf[:0], &v, 1) },
		"AppendJSON":      func() { buf = AppendJSON(buf[:0], &v, 1, JSONFormat{}) },
		"AppendJSON/row":  func() { buf = AppendJSON(buf[:0], &v, 1, JSONFormat{Exact: true}) },
		"AppendRowCSV":    func() { buf = AppendRowCSV(buf[:0], cols, 1) },
		"AppendValueText": func() { buf = AppendValueText(buf[:0], &v, 1, nil) },
	} {
		if n := testing.AllocsPerRun(50, write); n != 0 {
			t.Errorf("%s takes %v allocations a row, want 0", name, n)
		}
	}
}

func BenchmarkTimeDigits(b *testing.B) {
	cols, buf := benchmarkRow(), []byte(nil)
	var fields []column.Field
	for i := range cols {
		fields = append(fields, column.Field{Name: "f", Type: cols[i].Type})
	}
	d := NewTimeDigits(fields)
	for b.Loop() {
		buf = d.AppendRowCSV(buf[:0], cols, 1)
	}
}
