package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"charm.land/lipgloss/v2"
	"context"
)

// The forms of output.
const (
	formTable = "table"
	formJSON  = "json"
	formLines = "jsonl"
	formCSV   = "csv"
)

// printRows asks for rows and prints them in the form that the user wants. It returns how many it
// printed as a table, -1 in other forms.
func (a *app) printRows(ctx context.Context, c *client, path string, query url.Values) (int, error) {
	if a.format != formTable {
		query.Set("format", a.format)
		return -1, c.rows(ctx, path, query, a.out)
	}
	query.Set("format", "cells")
	r, w := io.Pipe()
	var failure error
	go func() {
		failure = c.rows(ctx, path, query, w)
		_ = w.CloseWithError(failure)
	}()
	t, err := readCells(r)
	if err != nil {
		_ = r.CloseWithError(err)
		return 0, err
	}
	return len(t.rows), t.write(a.out)
}

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

// readCells reads rows in the form "cells".
func readCells(r io.Reader) (*textTable, error) {
	d := json.NewDecoder(bufio.NewReader(r))
	var c columns
	if err := d.Decode(&c); errors.Is(err, io.EOF) {
		return &textTable{}, nil
	} else if err != nil {
		return nil, err
	}
	t := c.table()
	for {
		var row []*string
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, err
		}
		t.rows = append(t.rows, row)
	}
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
	if len(t.names) == 0 {
		return nil
	}
	widths := make([]int, len(t.names))
	for i, n := range t.names {
		widths[i] = lipgloss.Width(n)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cellText(cell)))
		}
	}
	var b bytes.Buffer
	t.line(&b, widths, func(i int) string { return t.names[i] })
	for i, width := range widths {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(strings.Repeat("-", width))
	}
	b.WriteByte('\n')
	for _, row := range t.rows {
		t.line(&b, widths, func(i int) string { return cellText(row[i]) })
	}
	_, err := w.Write(b.Bytes())
	return err
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
