package codec

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

// A CSVCell writes the cells of a column of a CSV file as JSON values which the column's readers decode into
// what they want: the text that stands in the file for a STRING, for other types what Spark's CSV reader makes
// of it.
type CSVCell struct {
	types []column.Type
	text  bool // one of them is STRING
}

// NewCSVCell returns the writer for a field that is read as these types; nobody is known to read it if there
// are none. Where a field is read as STRING and as something else its text goes before: a text that is no
// number as CAST(… AS STRING) writes it is then NULL for the others.
func NewCSVCell(types []column.Type) *CSVCell {
	return &CSVCell{types, slices.ContainsFunc(types, func(t column.Type) bool { return t.Kind == column.String })}
}

// Append appends a cell that is not NULL. Bytes that are not UTF-8 stay, so that the decoder refuses them.
func (c *CSVCell) Append(dst, cell []byte) []byte {
	switch {
	case len(c.types) == 0 && (isBool(cell) || isNumber(cell)), c.text && len(c.types) > 1 && (isBool(cell) || isPlainNumber(cell)):
		return append(dst, cell...)
	case !c.text:
		for i := range c.types {
			if out, ok := appendCSVTyped(dst, cell, &c.types[i]); ok {
				return out
			}
		}
	}
	return appendQuoted(dst, cell)
}

// appendCSVTyped appends the JSON value that decodes as Spark's CSV reader reads the cell, or returns false
// where that reader finds none.
func appendCSVTyped(dst, cell []byte, t *column.Type) ([]byte, bool) {
	switch t.Kind {
	case column.Bool:
		for _, word := range []string{"true", "false"} {
			if strings.EqualFold(string(cell), word) {
				return append(dst, word...), true
			}
		}
		return dst, false
	case column.Int8, column.Int16, column.Int32, column.Int64:
		x, err := strconv.ParseInt(string(latinDigits(cell)), 10, 8<<(t.Kind-column.Int8))
		return strconv.AppendInt(dst, x, 10), err == nil
	case column.Float32, column.Float64:
		return appendCSVFloat(dst, cell, t.Kind)
	case column.Decimal:
		if isNumber(cell) {
			return append(dst, cell...), true
		}
		cell = latinDigits(cell)
		_, _, ok := ParseDecimal(withoutCommas(nil, cell), int(t.Precision), int(t.Scale))
		return appendQuoted(dst, cell), ok
	case column.Binary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), cell), '"'), true
	case column.Date:
		_, ok := ParseDate(cell)
		return appendQuoted(dst, cell), ok
	case column.Timestamp:
		_, ok := ParseTimestamp(cell, nil)
		return appendQuoted(dst, cell), ok
	case column.TimestampNTZ:
		_, ok := ParseTimestampNTZ(cell)
		return appendQuoted(dst, cell), ok
	}
	return dst, false
}

// latinDigits returns text with the decimal digits of other scripts as 0 to 9, which Java's whole numbers and
// decimals take and its doubles do not.
func latinDigits(text []byte) []byte {
	if firstInvalid(text) >= 0 || !bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return text
	}
	return bytes.Map(func(r rune) rune {
		for _, digits := range unicode.Nd.R16 {
			if uint16(r) >= digits.Lo && uint16(r) <= digits.Hi && r <= math.MaxUint16 {
				return '0' + (r-rune(digits.Lo))%10
			}
		}
		return r
	}, text)
}

// appendCSVFloat appends a number as Java's parseDouble reads it: blanks around it, a sign, missing digits on
// one side of the point, an ending d or f, and hexadecimal digits with a power of two are allowed.
func appendCSVFloat(dst, cell []byte, to column.Kind) ([]byte, bool) {
	text := string(bytes.TrimFunc(cell, func(r rune) bool { return r <= ' ' }))
	switch strings.TrimPrefix(text, "+") {
	case "NaN", "-NaN":
		return append(dst, `"NaN"`...), true
	case "Inf", "Infinity":
		return append(dst, `"Infinity"`...), true
	case "-Inf", "-Infinity":
		return append(dst, `"-Infinity"`...), true
	}
	hex := strings.ContainsAny(text, "xX")
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("+-.0123456789abcdefABCDEFxXpP", r) }) ||
		hex != strings.ContainsAny(text, "pP") { // words, 1_000, and 0x10, which Java has none of
		return dst, false
	}
	if n := len(text) - 1; n >= 0 && strings.IndexByte("dDfF", text[n]) >= 0 {
		text = text[:n]
	}
	bits := 64
	if to == column.Float32 {
		bits = 32
	}
	x, err := strconv.ParseFloat(text, bits)
	switch {
	case math.IsInf(x, 1):
		return append(dst, `"Infinity"`...), true
	case math.IsInf(x, -1):
		return append(dst, `"-Infinity"`...), true
	case err != nil:
		return dst, false
	case isNumber([]byte(text)):
		return append(dst, text...), true
	}
	return AppendShortest(dst, x), true
}

// isPlainNumber reports a JSON number that a STRING column shows as it stands.
func isPlainNumber(s []byte) bool {
	if !isNumber(s) {
		return false
	}
	_, k := scanNumber(s, 0)
	var text [32]byte
	return bytes.Equal(appendNumberText(text[:0], s, k), s)
}

func isBool(s []byte) bool { return string(s) == "true" || string(s) == "false" }

func isNumber(s []byte) bool {
	if len(s) == 0 || s[0] != '-' && s[0]-'0' > 9 {
		return false
	}
	end, _ := scanNumber(s, 0)
	return end == len(s)
}
