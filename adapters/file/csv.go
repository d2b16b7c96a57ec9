package file

import (
	"bytes"
	"fmt"
	"io"

	"github.com/nagare-stream/nagare/engine"
)

// header is the columns of a CSV file: the names, and how each begins its member of a JSON object.
type header struct {
	names []string
	heads [][]byte // `{"first":`, `,"second":`
}

// column is the place of a field in a row, without its quotes.
type column struct {
	from, to int
	quoted   bool
	doubled  bool // has quotes inside, each doubled
}

// readHeader reads the first row. An empty file has no columns.
func readHeader(l *lines) (*header, error) {
	row, err := l.nextRow()
	if err == io.EOF {
		return &header{}, nil
	}
	if err != nil {
		return nil, err
	}
	columns, ok := splitRow(nil, row)
	if !ok {
		return nil, fmt.Errorf("line 1: header row is not well formed: a quote is missing or stands inside a name")
	}
	h := &header{}
	places := make(map[string]int)
	for i, c := range columns {
		name := string(appendField(nil, row, c))
		if before, ok := places[name]; ok {
			return nil, fmt.Errorf("line 1: columns %d and %d are both named %q: give each a name of its own", before+1, i+1, name)
		}
		places[name] = i
		h.names = append(h.names, name)
		head := []byte{"{,"[min(i, 1)]}
		h.heads = append(h.heads, append(appendQuoted(head, []byte(name)), ':'))
	}
	return h, nil
}

// readCSV makes a JSON object of each row. A row that is not well formed, or has another number of
// fields than the header, is a record as it stands: no JSON object, and so invalid to the engine.
func (p *pass) readCSV(l *lines) error {
	h, err := readHeader(l)
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
		var ok bool
		columns, ok = splitRow(columns[:0], row)
		ok = ok && len(columns) == len(h.names)
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
		}
		r.Values.Close()
		if err := p.add(to, key, p.src.cfg.Now); err != nil {
			return err
		}
	}
}

// appendObject appends a row as a JSON object: an empty field is null, a quoted empty one "",
// numbers, true and false are themselves, all else is a string. Key, which may lie at the start of
// scratch, is left as it is.
func appendObject(r *engine.Records, h *header, row []byte, columns []column, scratch, key []byte) []byte {
	dst := r.Values.Data
	free := len(key)
	for i, c := range columns {
		dst = append(dst, h.heads[i]...)
		text := row[c.from:c.to]
		switch {
		case len(text) == 0 && !c.quoted:
			dst = append(dst, "null"...)
		case isNumber(text), string(text) == "true", string(text) == "false":
			dst = append(dst, text...)
		case c.doubled:
			scratch = appendField(scratch[:free], row, c)
			dst = appendQuoted(dst, scratch[free:])
		default:
			dst = appendQuoted(dst, text)
		}
	}
	r.Values.Data = append(dst, '}')
	return scratch
}

// splitRow appends the fields of a row; false when a quoted field is not closed or has text behind
// its closing quote.
func splitRow(dst []column, row []byte) ([]column, bool) {
	for i := 0; ; {
		if i == len(row) || row[i] != '"' {
			end := len(row)
			if n := bytes.IndexByte(row[i:], ','); n >= 0 {
				end = i + n
			}
			dst = append(dst, column{from: i, to: end})
			if i = end + 1; i > len(row) {
				return dst, true
			}
			continue
		}
		c := column{from: i + 1, quoted: true}
		for i++; ; i += 2 {
			n := bytes.IndexByte(row[i:], '"')
			if n < 0 {
				return dst, false
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
			return dst, true
		}
		if row[i] != ',' {
			return dst, false
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

// isNumber reports whether text is a number as JSON writes it; 007 and 1. are none.
func isNumber(text []byte) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := i
	if !digits() || (text[whole] == '0' && i > whole+1) {
		return false
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(text)
}
