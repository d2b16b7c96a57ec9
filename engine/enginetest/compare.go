package enginetest

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Comparison says when two CSV files hold the same rows. The order of rows and of columns does not
// matter; columns that only the second file has are left out.
//
// Two values are the same when both are NULL, both are finite numbers that differ by at most Tol ×
// max(1, |a|, |b|) (whole numbers: not at all), both are ISO date-times of one instant (UTC unless
// they name a zone), or their texts are equal. Rows of equal keys are compared as a bag.
type Comparison struct {
	Keys []string
	Tol  float64
	// WantNull and GotNull are the unquoted texts that stand for NULL. The empty text is a string
	// when it is quoted, and NULL when it is not and the file's NULL is the empty text.
	WantNull, GotNull string
	// EmptyNull makes every empty field NULL, in both files, quoted or not.
	EmptyNull bool
	Ignore    []string // columns of the first file to leave out
}

// Files returns the differences, a line each, want first. The error is that of a file that cannot be
// compared: it is missing, is no CSV, or lacks a column.
func (c Comparison) Files(want, got string) ([]string, error) {
	w, err := c.load(want, c.WantNull)
	if err != nil {
		return nil, err
	}
	g, err := c.load(got, c.GotNull)
	if err != nil {
		return nil, err
	}
	w.names = slices.DeleteFunc(w.names, func(n string) bool { return slices.Contains(c.Ignore, n) })
	for _, k := range c.Keys {
		if !slices.Contains(w.names, k) {
			return nil, fmt.Errorf("compare %s: it has no column %s", want, k)
		}
	}
	for _, n := range w.names {
		if _, ok := g.at[n]; !ok {
			return nil, fmt.Errorf("compare %s: it has no column %s", got, n)
		}
	}
	return c.tables(w, g), nil
}

// tables compares group by group, in the order of want.
func (c Comparison) tables(w, g *csvTable) []string {
	var out []string
	wanted, order := c.group(w)
	gotten, rest := c.group(g)
	for _, key := range order {
		ws, gs := wanted[key], gotten[key]
		delete(gotten, key)
		switch {
		case len(gs) == 0:
			out = append(out, fmt.Sprintf("missing: %s (%d rows)", c.name(w, ws[0]), len(ws)))
		case len(gs) != len(ws):
			out = append(out, fmt.Sprintf("rows: %s: want %d, got %d", c.name(w, ws[0]), len(ws), len(gs)))
		default:
			out = append(out, c.bags(w, g, ws, gs)...)
		}
	}
	for _, key := range rest {
		if gs := gotten[key]; gs != nil {
			out = append(out, fmt.Sprintf("unexpected: %s (%d rows)", c.name(g, gs[0]), len(gs)))
		}
	}
	return out
}

// group gathers rows by their keys, and returns the keys in order of appearance.
func (c Comparison) group(t *csvTable) (rows map[string][][]csvField, order []string) {
	rows = map[string][][]csvField{}
	for _, row := range t.rows {
		var key strings.Builder
		for _, k := range c.Keys {
			f := row[t.at[k]]
			if f.null {
				f.text = ""
			} else if at, ok := instant(f.text); ok {
				f.text = strconv.FormatInt(at, 10) + " µs"
			}
			fmt.Fprintf(&key, "%t%q ", f.null, f.text)
		}
		if rows[key.String()] == nil {
			order = append(order, key.String())
		}
		rows[key.String()] = append(rows[key.String()], row)
	}
	return rows, order
}

// bags compares rows of one key: rows that are the same are paired first, the rest as they stand.
func (c Comparison) bags(w, g *csvTable, ws, gs [][]csvField) []string {
	rest := slices.Clone(gs)
	var left [][]csvField
	for _, want := range ws {
		at := slices.IndexFunc(rest, func(got []csvField) bool { return len(c.differing(w, g, want, got)) == 0 })
		if at < 0 {
			left = append(left, want)
			continue
		}
		rest = slices.Delete(rest, at, at+1)
	}
	var out []string
	for i, want := range left {
		for _, column := range c.differing(w, g, want, rest[i]) {
			out = append(out, fmt.Sprintf("value: %s: %s: want %s, got %s", c.name(w, want), column, want[w.at[column]], rest[i][g.at[column]]))
		}
	}
	return out
}

// differing is the columns in which two rows differ.
func (c Comparison) differing(w, g *csvTable, want, got []csvField) []string {
	var columns []string
	for _, n := range w.names {
		if !slices.Contains(c.Keys, n) && !c.same(want[w.at[n]], got[g.at[n]]) {
			columns = append(columns, n)
		}
	}
	return columns
}

func (c Comparison) name(t *csvTable, row []csvField) string {
	parts := make([]string, len(c.Keys))
	for i, k := range c.Keys {
		parts[i] = k + "=" + row[t.at[k]].String()
	}
	return strings.Join(parts, " ")
}

func (c Comparison) same(a, b csvField) bool {
	if a.null || b.null {
		return a.null == b.null
	}
	if a.text == b.text {
		return true
	}
	if isWhole(a.text) && isWhole(b.text) {
		return false // equal ones have equal texts
	}
	x, xok := finite(a.text)
	y, yok := finite(b.text)
	if xok && yok {
		return math.Abs(x-y) <= c.Tol*max(1, math.Abs(x), math.Abs(y))
	}
	i, iok := instant(a.text)
	j, jok := instant(b.text)
	return iok && jok && i == j
}

// isWhole reports an integer in its shortest form, of any size.
func isWhole(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// finite reads a decimal number; names such as NaN, hexadecimal and underscores are none.
func finite(text string) (float64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

// instant reads an ISO date-time as microseconds since 1970, later digits cut away.
func instant(text string) (int64, bool) {
	if len(text) < len("2006-01-02T15:04:05") || text[10] != 'T' && text[10] != ' ' {
		return 0, false
	}
	text = text[:10] + "T" + text[11:]
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Unix()*1_000_000 + int64(t.Nanosecond()/1000), true
		}
	}
	return 0, false
}

// csvField is one field. A quoted one is never taken for the text of NULL.
type csvField struct {
	text   string
	quoted bool
	null   bool
}

// String shows the field in a message, cut to a readable length.
func (f csvField) String() string {
	if f.null {
		return "NULL"
	}
	const most = 80
	if len(f.text) > most {
		return fmt.Sprintf("%.*q… (%d bytes)", most, f.text, len(f.text))
	}
	return strconv.Quote(f.text)
}

type csvTable struct {
	names []string
	at    map[string]int
	rows  [][]csvField
}

func (c Comparison) load(path, null string) (*csvTable, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := parseCSV(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("read %s: it has no header", path)
	}
	t := &csvTable{at: map[string]int{}, rows: rows[1:]}
	for i, f := range rows[0] {
		t.names = append(t.names, f.text)
		t.at[f.text] = i
	}
	for n, row := range t.rows {
		if len(row) != len(t.names) {
			return nil, fmt.Errorf("read %s: row %d has %d fields, the header %d", path, n+2, len(row), len(t.names))
		}
		for i, f := range row {
			row[i].null = f.text == null && !f.quoted || c.EmptyNull && f.text == ""
		}
	}
	return t, nil
}

// parseCSV reads RFC 4180 and, unlike encoding/csv, keeps what it needs to tell NULL from the empty
// string: whether a field was quoted, and line breaks as they are.
func parseCSV(text string) ([][]csvField, error) {
	var rows [][]csvField
	for text != "" {
		var row []csvField
		for more := true; more; text, more = strings.CutPrefix(text, ",") {
			f, rest, ok := cutField(text)
			if !ok {
				return nil, fmt.Errorf("row %d, field %d: a quote or a line break is out of place", len(rows)+1, len(row)+1)
			}
			row, text = append(row, f), rest
		}
		text = strings.TrimPrefix(strings.TrimPrefix(text, "\r"), "\n")
		rows = append(rows, row)
	}
	return rows, nil
}

// cutField takes the first field off; what is left begins with a comma or an end of line, or is empty.
func cutField(text string) (f csvField, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",\r\n")
		if end < 0 {
			end = len(text)
		}
		f.text, rest = text[:end], text[end:]
		return f, rest, !strings.Contains(f.text, `"`) && endsField(rest)
	}
	f.quoted = true
	for rest = text[1:]; ; rest = rest[1:] {
		part, after, found := strings.Cut(rest, `"`)
		if !found {
			return f, "", false
		}
		f.text, rest = f.text+part, after
		if !strings.HasPrefix(rest, `"`) {
			return f, rest, endsField(rest)
		}
		f.text += `"`
	}
}

func endsField(rest string) bool {
	return rest == "" || rest[0] == ',' || rest[0] == '\n' || strings.HasPrefix(rest, "\r\n")
}
