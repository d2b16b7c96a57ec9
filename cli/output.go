package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// The forms of output.
const (
	formTable = "table"
	formJSON  = "json"
	formLines = "jsonl"
	formCSV   = "csv"
)

// A textTable is rows of text under names. Numbers stand to the right.
type textTable struct {
	names []string
	right []bool
	rows  [][]*string // nil: NULL
}

// columns is the first line of the form "cells".
type columns struct {
	Columns []struct{ Name, Type string } `json:"columns"`
}

func (c columns) table() *textTable {
	t := &textTable{}
	for _, col := range c.Columns {
		t.names = append(t.names, col.Name)
		t.right = append(t.right, isNumber(col.Type))
	}
	return t
}

func isNumber(kind string) bool {
	switch kind {
	case "tinyint", "smallint", "int", "bigint", "float", "double":
		return true
	}
	return strings.HasPrefix(kind, "decimal")
}

// A table is shown with the widths of its first rows: as many as these, of as many bytes. What comes behind them
// is printed as it comes, so that a result of any length needs no memory.
const (
	firstRows  = 10_000
	firstBytes = 8 << 20
)

// printCells prints rows in the form "cells" as a table and returns how many. If they end with an error, those
// that were read are not printed unless some have been.
func printCells(r io.Reader, w io.Writer) (int, error) {
	d := json.NewDecoder(bufio.NewReader(r))
	var c columns
	if err := d.Decode(&c); errors.Is(err, io.EOF) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	t := c.table()
	n, size := 0, 0
	var widths []int
	for {
		var row []*string
		err := d.Decode(&row)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
		t.rows = append(t.rows, row)
		for _, cell := range row {
			size += len(cellText(cell)) + 24
		}
		if n++; len(t.rows) < firstRows && size < firstBytes {
			continue
		}
		if widths, err = t.print(w, widths); err != nil {
			return n, err
		}
		t.rows, size = t.rows[:0], 0
	}
	_, err := t.print(w, widths)
	return n, err
}

// add appends a row of texts.
func (t *textTable) add(cells ...string) {
	row := make([]*string, len(cells))
	for i := range cells {
		row[i] = &cells[i]
	}
	t.rows = append(t.rows, row)
}

// newTable is a table of our own; names that end in ">" stand to the right.
func newTable(names ...string) *textTable {
	t := &textTable{}
	for _, n := range names {
		text, right := strings.CutSuffix(n, ">")
		t.names = append(t.names, text)
		t.right = append(t.right, right)
	}
	return t
}

// write prints aligned columns.
func (t *textTable) write(w io.Writer) error {
	_, err := t.print(w, nil)
	return err
}

// print prints rows in columns of the widths; nil: with the names above them and as wide as they need. It returns
// the widths.
func (t *textTable) print(w io.Writer, widths []int) ([]int, error) {
	if len(t.names) == 0 {
		return []int{}, nil
	}
	var b bytes.Buffer
	if widths == nil {
		widths = t.widths()
		t.line(&b, widths, func(i int) string { return t.names[i] })
		for i, width := range widths {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(strings.Repeat("-", width))
		}
		b.WriteByte('\n')
	}
	for _, row := range t.rows {
		t.line(&b, widths, func(i int) string { return cellText(row[i]) })
		if b.Len() >= firstBytes {
			if _, err := b.WriteTo(w); err != nil {
				return widths, err
			}
		}
	}
	_, err := b.WriteTo(w)
	return widths, err
}

func (t *textTable) widths() []int {
	widths := make([]int, len(t.names))
	for i, n := range t.names {
		widths[i] = lipgloss.Width(n)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cellText(cell)))
		}
	}
	return widths
}

func (t *textTable) line(b *bytes.Buffer, widths []int, cell func(i int) string) {
	for i, width := range widths {
		if i > 0 {
			b.WriteString("  ")
		}
		text := cell(i)
		gap := strings.Repeat(" ", max(0, width-lipgloss.Width(text)))
		switch {
		case t.right[i]:
			b.WriteString(gap + text)
		case i == len(widths)-1:
			b.WriteString(text)
		default:
			b.WriteString(text + gap)
		}
	}
	b.WriteByte('\n')
}

// cellText is a value on one line without what would move the cursor.
func cellText(cell *string) string {
	if cell == nil {
		return "NULL"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '·'
		}
		return r
	}, *cell)
}

// print writes a table of our own in the form that the user wants.
func (a *app) print(t *textTable) error {
	switch a.format {
	case formCSV:
		w := csv.NewWriter(a.out)
		_ = w.Write(t.names)
		for _, row := range t.rows {
			cells := make([]string, len(row))
			for i := range row {
				if row[i] != nil {
					cells[i] = *row[i]
				}
			}
			_ = w.Write(cells)
		}
		w.Flush()
		return w.Error()
	}
	return t.write(a.out)
}

// printJSON writes a value as JSON, or a list of them one a line.
func printJSON[T any](a *app, list []T) error {
	if a.format == formLines {
		enc := json.NewEncoder(a.out)
		for _, v := range list {
			if err := enc.Encode(v); err != nil {
				return err
			}
		}
		return nil
	}
	return printIndented(a, list)
}

func printIndented(a *app, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}
