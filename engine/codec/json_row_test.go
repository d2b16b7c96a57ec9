package codec

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

func TestRowJSON(t *testing.T) {
	fields := []column.Field{{Name: "a", Type: column.Of(column.Int64)}, {Name: `q"uoted`, Type: column.Of(column.String)}, {Name: "v", Type: column.Type{}}}
	row := column.Vector{Type: column.StructOf(fields...), Kids: make([]column.Vector, 3)}
	for i, f := range fields {
		row.Kids[i].Reset(f.Type)
	}
	for i := range 3 {
		row.Kids[0].AppendInt(int64(i))
		if i == 1 {
			row.Kids[1].AppendNull()
		} else {
			row.Kids[1].AppendString("x\n")
		}
	}
	row.Kids[1].EnsureNull(3)
	for _, f := range []JSONFormat{{}, {KeepNulls: true}, {Exact: true}} {
		w := NewRowJSON(fields, f)
		for i := range 3 {
			got, want := string(w.Append(nil, row.Kids, i)), string(AppendJSON(nil, &row, i, f))
			if got != want {
				t.Errorf("row %d, %+v: %s, want %s", i, f, got, want)
			}
		}
	}
}
