package node

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// isFormula reports a text that a spreadsheet takes for a formula: by its first character, or by that behind a
// tab or line end.
func isFormula(text []byte) bool {
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if bytes.HasPrefix(text, []byte(start)) {
			return true
		}
	}
	return false
}

// appendSafeCSV is codec.AppendRowCSV, but for texts that a spreadsheet would take for a formula: they get a ' in
// front. Numbers stay as they are.
func (t *rowText) appendSafeCSV(i int) {
	for c := range t.view.Kids {
		v := &t.view.Kids[c]
		if v.Type.UsesBytes() && !v.IsNull(i) && isFormula(v.Bytes(i)) {
			t.cell = append(append(t.cell[:0], '\''), v.Bytes(i)...)
			t.buf = append(codec.AppendCSVField(t.buf, t.cell), ',')
			continue
		}
		t.buf = append(t.digits.AppendField(t.buf, c, v, i), ',')
	}
	if len(t.view.Kids) == 0 {
		t.buf = append(t.buf, '\n')
	}
	t.buf[len(t.buf)-1] = '\n'
}

// safeNames is a schema whose names are no formulas.
func safeNames(s *column.Schema) *column.Schema {
	safe := &column.Schema{Fields: append([]column.Field{}, s.Fields...)}
	for i := range safe.Fields {
		if isFormula([]byte(safe.Fields[i].Name)) {
			safe.Fields[i].Name = "'" + safe.Fields[i].Name
		}
	}
	return safe
}
