package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
)

// headBytes is how much of a stream is looked at, at most, to see whether its shape is wrong as a whole.
const headBytes = 1 << 20

// A head is the start of a stream.
type head struct {
	text  []byte
	whole bool // the stream ends behind it
}

// readHead reads as much as judge needs: the first line that is not blank, and more where that is the start
// of a JSON value. A line of standard input that is whole is not kept waiting for the next one.
func readHead(r io.Reader) (head, error) {
	var h head
	for size := 64 << 10; ; size = headBytes - len(h.text) {
		if size <= 0 {
			return h, nil
		}
		at := len(h.text)
		h.text = append(h.text, make([]byte, min(size, 64<<10))...)
		n, err := r.Read(h.text[at:])
		h.text = h.text[:at+n]
		if h.whole = err == io.EOF; h.whole {
			return h, nil
		}
		if err != nil {
			return h, err
		}
		if len(h.text) < 4 { // a mark of bytes may be cut
			continue
		}
		line, rest, ended := h.firstLine()
		if ended && len(line) > 0 && (!opensValue(line) || !codec.Unfinished(line) && !(isObjects(line) && len(rest) == 0)) {
			return h, nil
		}
	}
}

// opensValue reports a line that begins as a JSON object or array.
func opensValue(line []byte) bool { return line[0] == '{' || line[0] == '[' }

// isObjects reports a line that begins as an array of objects.
func isObjects(line []byte) bool {
	return line[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(line[1:], " \t\r"), []byte("{"))
}

// firstLine returns the first line that is not blank, what follows it, and whether a line feed ends it.
func (h head) firstLine() (line, rest []byte, ended bool) {
	rest = bytes.TrimPrefix(h.text, []byte(bom))
	for {
		line, rest, ended = bytes.Cut(rest, []byte("\n"))
		if !ended || !blank(line) {
			return bytes.TrimSpace(line), rest, ended
		}
	}
}

// packed is files that are no lines of text, by their first bytes.
var packed = []struct{ start, name, fix string }{
	{"\x1f\x8b", "compressed by gzip", "give it a name that ends in .gz"},
	{"PK\x03\x04", "a ZIP archive or an Excel file", "unpack it, or save the sheet as CSV in UTF-8"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it with zstd -d"},
	{"BZh", "compressed by bzip2", "unpack it with bunzip2"},
	{"\xfd7zXZ", "compressed by xz", "unpack it with unxz"},
	{"PAR1", "a Parquet file", "write it as CSV or as one JSON value a line"},
}

// judgeBytes says what is wrong with a stream that is not text in UTF-8 at all.
func (h head) judgeBytes() error {
	for _, p := range packed {
		if bytes.HasPrefix(h.text, []byte(p.start)) {
			return fmt.Errorf("it is %s: %s", p.name, p.fix)
		}
	}
	start := h.text[:min(len(h.text), 2)]
	if string(start) == "\xff\xfe" || string(start) == "\xfe\xff" || bytes.Count(start, []byte{0}) == 1 {
		return errors.New("it is written in UTF-16 or UTF-32: make UTF-8 of it, as with iconv -f UTF-16 -t UTF-8")
	}
	return nil
}

// judgeJSON says what is wrong with a stream of JSON lines that has another shape as a whole: one JSON array,
// values over several lines, or a CSV file. Fields are those that the project reads of its records.
func (h head) judgeJSON(fields map[string]*codec.CSVCell) error {
	line, rest, ended := h.firstLine()
	if len(line) == 0 {
		return nil
	}
	if !opensValue(line) {
		return judgeCSVLine(line, fields)
	}
	array := errors.New("the file is one JSON array: write one value a line, as with jq -c '.[]'")
	if !codec.Unfinished(line) {
		if isObjects(line) && len(fields) > 0 && h.whole && len(bytes.TrimSpace(rest)) == 0 {
			return array
		}
		return nil
	}
	if !ended || len(bytes.TrimSpace(rest)) == 0 {
		return nil // the only line is cut off: a record that is malformed
	}
	text := h.text[bytes.Index(h.text, line):]
	// Of two lines the first may be a record that was cut off; three that go on in one another are one value.
	many := bytes.Count(bytes.TrimSpace(rest), []byte("\n")) >= 1
	if !codec.StartsWithValue(text) && !(many && codec.Unfinished(text)) {
		return nil
	}
	if line[0] == '[' {
		return array
	}
	if len(line) > 40 {
		return errors.New("line 1 is the start of a JSON value that goes on in the next line: one JSON value a line is wanted, as jq -c . writes it")
	}
	return fmt.Errorf("line 1 is %s alone: one JSON value a line is wanted, as jq -c . writes it", line)
}

// judgeCSVLine recognises the header of a CSV file by a name that the project reads.
func judgeCSVLine(line []byte, fields map[string]*codec.CSVCell) error {
	names := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(",;\t|", r) })
	for _, name := range names {
		if _, ok := fields[strings.Trim(name, ` "`)]; ok && len(names) > 1 {
			return errors.New("line 1 is the header of a CSV file, and one JSON value a line is wanted: give CSV as a file whose name ends in .csv")
		}
	}
	return nil
}
