package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// A follower prints rows in the form "cells" as an aligned table while they come. A column grows with
// its widest value so far; the names are printed again when many rows have passed.
type follower struct {
	out    io.Writer
	rest   []byte // a line that has not come to its end
	table  *textTable
	widths []int
	since  int // rows since the names were printed
}

// namesEvery is how many rows pass before the names are printed again.
const namesEvery = 40

func newFollower(out io.Writer) *follower { return &follower{out: out} }

// Write takes any piece of the answer.
func (f *follower) Write(p []byte) (int, error) {
	f.rest = append(f.rest, p...)
	var b bytes.Buffer
	for {
		i := bytes.IndexByte(f.rest, '\n')
		if i < 0 {
			break
		}
		if err := f.line(&b, f.rest[:i]); err != nil {
			return 0, err
		}
		f.rest = f.rest[i+1:]
	}
	f.rest = append([]byte(nil), f.rest...)
	if _, err := f.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *follower) line(b *bytes.Buffer, text []byte) error {
	if f.table == nil {
		var c columns
		if err := json.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		f.table, f.since = c.table(), namesEvery
		for _, n := range f.table.names {
			f.widths = append(f.widths, lipgloss.Width(n))
		}
		return nil
	}
	var row []*string
	if err := json.Unmarshal(text, &row); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	for i, cell := range row {
		f.widths[i] = max(f.widths[i], lipgloss.Width(cellText(cell)))
	}
	if f.since++; f.since > namesEvery {
		f.since = 0
		f.table.line(b, f.widths, func(i int) string { return f.table.names[i] })
		for i, width := range f.widths {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(strings.Repeat("-", width))
		}
		b.WriteByte('\n')
	}
	f.table.line(b, f.widths, func(i int) string { return cellText(row[i]) })
	return nil
}
