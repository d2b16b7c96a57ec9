package file

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/record"
)

// header is the columns of a CSV file: the names, how each begins its member of a JSON object, and how its
// cells are written.
type header struct {
	names []string
	heads [][]byte // `{"first":`, `,"second":`
	cells []*codec.CSVCell
}

// column is the place of a field in a row, without its quotes.
type column struct {
	from, to int
	quoted   bool
	doubled  bool // has quotes inside, each doubled
}

// noReader writes the cells of columns that nobody is known to read.
var noReader = codec.NewCSVCell(nil)

// readHeader reads the first row that is not blank. An empty file has no columns. Blanks around a name do
// not belong to it; a column without a name is _c and its number from 0, as in Spark. Fields are those that
// are read of the records; a header that names none of them is refused.
func readHeader(l *lines, fields map[string]*codec.CSVCell) (*header, error) {
	h := &header{}
	row, err := l.nextRow()
	for err == nil && blank(row) {
		row, err = l.nextRow()
	}
	if err == io.EOF {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	columns, reason := splitRow(nil, row)
	if err := judgeHeader(row, columns, reason, l.number); err != nil {
		return nil, err
	}
	places := make(map[string]int)
	known := 0
	for i, c := range columns {
		name := strings.TrimSpace(string(appendField(nil, row, c)))
		if n := len(name) - 1; !c.quoted && n > 0 && name[0] == '"' && name[n] == '"' {
			name = name[1:n] // blanks stand before the quote
		}
		if name == "" {
			name = "_c" + strconv.Itoa(i)
		}
		if before, ok := places[name]; ok {
			return nil, fmt.Errorf("line %d: columns %d and %d are both named %q: give each a name of its own", l.number, before+1, i+1, name)
		}
		places[name] = i
		h.names = append(h.names, name)
		head := []byte{"{,"[min(i, 1)]}
		h.heads = append(h.heads, append(appendQuoted(head, []byte(name)), ':'))
		cell, ok := fields[name]
		if !ok {
			cell = noReader
		} else {
			known++
		}
		h.cells = append(h.cells, cell)
	}
	if len(fields) > 0 && known == 0 {
		return nil, fmt.Errorf("line %d names the columns %s, and the project reads %s: the first row has to name the columns", l.number, list(h.names), list(slices.Sorted(maps.Keys(fields))))
	}
	return h, nil
}

// judgeHeader says what is wrong with a first row as a whole.
func judgeHeader(row []byte, columns []column, reason string, line int64) error {
	switch {
	case !utf8.Valid(row):
		return fmt.Errorf("line %d is not UTF-8: make UTF-8 of the file, as with iconv -f WINDOWS-1252 -t UTF-8", line)
	case bytes.IndexByte(row, '\r') >= 0:
		return fmt.Errorf("line %d: lines end in CR alone: make LF of it, as with tr '\\r' '\\n'", line)
	case (row[0] == '{' || row[0] == '[') && (codec.StartsWithValue(row) || codec.Unfinished(row)):
		return fmt.Errorf("line %d is a JSON value and no header: give the file a name that ends in .ndjson", line)
	case reason != "":
		return fmt.Errorf("line %d: header row is not well formed: %s", line, reason)
	case len(columns) > 1 || columns[0].quoted:
		return nil
	}
	for _, c := range []struct{ mark, name string }{{";", ";"}, {"\t", "a tab"}, {"|", "|"}} {
		if bytes.Contains(row, []byte(c.mark)) {
			return fmt.Errorf("line %d has one column; is the separator %s? Write the file with commas", line, c.name)
		}
	}
	return nil
}

// missing says which fields have no column, "" if all have one.
func (h *header) missing(fields map[string]*codec.CSVCell) string {
	var without []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(h.names, name) {
			without = append(without, name)
		}
	}
	if len(without) == 0 || len(h.names) == 0 {
		return ""
	}
	return "has no column " + list(without) + ", which the project reads: NULL in every row"
}

// list is names in a sentence, not too many of them.
func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// readCSV makes a JSON object of each row. A row that is not well formed, or has another number of
// fields than the header, is a record as it stands, with a fault: invalid to the engine.
func (p *pass) readCSV(l *lines) error {
	h, err := readHeader(l, p.src.cfg.Fields)
	if err != nil {
		return err
	}
	keyColumn := -1
	for i, name := range h.names {
		if p.keys.field != "" && name == p.keys.field {
			keyColumn = i
		}
	}
	var columns []column
	var scratch []byte
	for {
		row, err := l.nextRow()
		if err != nil {
			return err
		}
		if blank(row) {
			continue
		}
		var fault string
		columns, fault = splitRow(columns[:0], row)
		if fault == "" && len(columns) != len(h.names) {
			fault = fmt.Sprintf("%d fields, the header %d", len(columns), len(h.names))
		}
		ok := fault == ""
		var key []byte
		if ok && keyColumn >= 0 {
			if c := columns[keyColumn]; c.quoted || c.from < c.to {
				scratch = appendField(scratch[:0], row, c)
				if key = scratch; key == nil {
					key = []byte{}
				}
			}
		}
		to := p.choose(key)
		if to.gone {
			to.next++
			continue
		}
		r := to.fill
		if r == nil {
			r = p.refill(to)
		}
		if ok {
			scratch = appendObject(r, h, row, columns, scratch, key)
		} else {
			r.Values.Data = append(r.Values.Data, row...)
			setFault(r, fmt.Sprintf("row of line %d has %s", l.number, fault))
		}
		r.Values.Close()
		if err := p.add(to, key, p.src.cfg.Now); err != nil {
			return err
		}
	}
}

// setFault gives the record that is being added a fault. What a batch has of them is padded by add.
func setFault(r *record.Records, fault string) {
	for len(r.Faults) < len(r.Offsets) {
		r.Faults = append(r.Faults, "")
	}
	r.Faults = append(r.Faults, fault)
}

// appendObject appends a row as a JSON object: an empty field is null, a quoted empty one "", and others what
// their readers want. Key, which may lie at the start of
// scratch, is left as it is.
func appendObject(r *record.Records, h *header, row []byte, columns []column, scratch, key []byte) []byte {
	dst := r.Values.Data
	free := len(key)
	for i, c := range columns {
		dst = append(dst, h.heads[i]...)
		text := row[c.from:c.to]
		switch {
		case len(text) == 0 && !c.quoted:
			dst = append(dst, "null"...)
		case c.doubled:
			scratch = appendField(scratch[:free], row, c)
			dst = h.cells[i].Append(dst, scratch[free:])
		default:
			dst = h.cells[i].Append(dst, text)
		}
	}
	r.Values.Data = append(dst, '}')
	return scratch
}

// splitRow appends the fields of a row. Fault is what it has that no row may have, "" if nothing: a quoted
// field that is not closed, or text behind a closing quote.
func splitRow(dst []column, row []byte) (columns []column, fault string) {
	return splitAt(dst, row, ',')
}

// splitAt is splitRow at another separator.
func splitAt(dst []column, row []byte, sep byte) (columns []column, fault string) {
	for i := 0; ; {
		if i == len(row) || row[i] != '"' {
			end := len(row)
			if n := bytes.IndexByte(row[i:], sep); n >= 0 {
				end = i + n
			}
			dst = append(dst, column{from: i, to: end})
			if i = end + 1; i > len(row) {
				return dst, ""
			}
			continue
		}
		c := column{from: i + 1, quoted: true}
		for i++; ; i += 2 {
			n := bytes.IndexByte(row[i:], '"')
			if n < 0 {
				return dst, "a quote that is not closed"
			}
			i += n
			if i+1 == len(row) || row[i+1] != '"' {
				break
			}
			c.doubled = true
		}
		c.to = i
		dst = append(dst, c)
		if i++; i == len(row) {
			return dst, ""
		}
		if row[i] != sep {
			return dst, "text behind a closing quote"
		}
		i++
	}
}

// appendField appends the text of a field, doubled quotes made single.
func appendField(dst, row []byte, c column) []byte {
	text := row[c.from:c.to]
	if !c.doubled {
		return append(dst, text...)
	}
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i+1]...)
		text = text[i+2:]
	}
}

// appendQuoted appends a JSON string. Bytes that are not UTF-8 are left as they are, for the engine
// to judge.
func appendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}
