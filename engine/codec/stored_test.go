package codec

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/column"
)

// keyTypes are what a map can have for keys.
func keyTypes() []column.Type {
	pair := structOf("at", column.Timestamp, "n", column.Float64, "s", column.String, "raw", column.Binary)
	return []column.Type{
		column.Of(column.Bool), column.Of(column.Int8), column.Of(column.Int16), column.Of(column.Int32), column.Of(column.Int64),
		column.Of(column.Float32), column.Of(column.Float64), column.DecimalOf(38, 10), column.Of(column.String), column.Of(column.Binary),
		column.Of(column.Date), column.Of(column.Timestamp), column.Of(column.TimestampNTZ),
		{Kind: column.DayTime, To: column.UnitSecond}, {Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth},
		pair, {Kind: column.Array, Elem: &pair}, {Kind: column.Array, Elem: typePtr(column.Of(column.Date))},
	}
}

func decodeStored(fields []column.Field, text []byte) []column.Vector {
	var records column.Bytes
	records.Append(text)
	out := make([]column.Vector, len(fields))
	for i, f := range fields {
		out[i].Reset(f.Type)
	}
	NewStored(fields).Decode(&records, 0, 1, out, make([]Status, 1))
	return out
}

// TestStoredRowsComeBack: a row of any types reads back equal from the log, maps with keys of any type among them.
func TestStoredRowsComeBack(t *testing.T) {
	types := rowTypes()
	for _, key := range keyTypes() {
		for _, elem := range []column.Type{column.Of(column.Float64), column.DecimalOf(38, 10), {Kind: column.Map, Key: &key, Elem: typePtr(column.Of(column.Timestamp))}} {
			types = append(types, column.Type{Kind: column.Map, Key: &key, Elem: &elem})
		}
	}
	var fields []column.Field
	for i, typ := range types {
		fields = append(fields, column.Field{Name: "c" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Type: typ})
	}
	w := NewRowJSON(fields, JSONFormat{Exact: true, Stored: true})
	rapid.Check(t, func(t *rapid.T) {
		cols := columnsOf(types)
		drawRow(t, cols)
		text := w.Append(nil, cols, 0)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %q", text)
		}
		back := decodeStored(fields, text)
		for c := range cols {
			if a, b := AppendKey(nil, &cols[c], 0), AppendKey(nil, &back[c], 0); !bytes.Equal(a, b) {
				t.Fatalf("%s: %s reads back as %s", types[c], AppendJSON(nil, &cols[c], 0, w.format), AppendJSON(nil, &back[c], 0, w.format))
			}
		}
	})
}

// TestStoredTimesComeBack: years beyond four digits too, also as keys.
func TestStoredTimesComeBack(t *testing.T) {
	for _, kind := range []column.Kind{column.Date, column.Timestamp, column.TimestampNTZ} {
		typ := column.Type{Kind: column.Map, Key: typePtr(column.Of(kind)), Elem: typePtr(column.Of(kind))}
		fields := []column.Field{{Name: "v", Type: column.Of(kind)}, {Name: "m", Type: typ}}
		w := NewRowJSON(fields, JSONFormat{Exact: true, Stored: true})
		for _, x := range []int64{0, 1, -1, -719163, 3_000_000, 100_000_000, -100_000_000, 253_402_300_800_000_000, -62_135_596_800_000_001, math.MaxInt64 / 2, math.MinInt64 / 2} {
			if kind == column.Date && (x > math.MaxInt32 || x < math.MinInt32) {
				continue
			}
			cols := columnsOf([]column.Type{fields[0].Type, typ})
			cols[0].AppendInt(x)
			cols[1].Kids[0].AppendInt(x)
			cols[1].Kids[1].AppendInt(x)
			cols[1].Ends = append(cols[1].Ends, 1)
			text := w.Append(nil, cols, 0)
			back := decodeStored(fields, text)
			for c := range cols {
				if a, b := AppendKey(nil, &cols[c], 0), AppendKey(nil, &back[c], 0); !bytes.Equal(a, b) {
					t.Errorf("%s %d, %s: reads back as %s", typ.Key, x, text, AppendJSON(nil, &back[c], 0, w.format))
				}
			}
		}
	}
}
