package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
)

func (a *app) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain TABLE [COLUMN=VALUE…]",
		Short: "Show the plan of a table, and why its oldest window is still open; or where a row comes from",
		Long: `Shows the plan of a table, and why its oldest window is still open. With values of columns that mean one row: the
records that the row was made of, those of its window and keys that were left out and why, and the record of each
partition by which the window became final. NULL is a value, too.`,
		Example: `  nagare explain sales_by_minute
  nagare explain top_products
  nagare explain sales_by_minute category=books region=Tokyo window_start=2026-03-01T09:00:00Z`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return oneArg("table")(cmd, args)
			}
			for _, key := range args[1:] {
				if column, _, ok := strings.Cut(key, "="); !ok || column == "" {
					return fmt.Errorf("%s %s: %q is not COLUMN=VALUE, as in category=books", cmd.CommandPath(), args[0], key)
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 && a.format != formTable {
				return usage("explain %s -o %s: a plan is text; name a row, as in category=books, to have its records as JSON", args[0], a.format)
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			path := apiPath("explain", args[0])
			if len(args) == 1 {
				return t.rows(cmd.Context(), path, nil, a.out)
			}
			row, err := get[*web.RowExplanation](cmd.Context(), t.client, path+"?"+url.Values{"key": args[1:]}.Encode())
			if err != nil {
				return err
			}
			if a.format == formJSON {
				return printIndented(a, row)
			}
			return a.printRow(row)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// printRow tells where a row comes from.
func (a *app) printRow(x *web.RowExplanation) error {
	if x.Dropped != nil {
		a.printDropped(x.Dropped)
	}
	err := a.printRecords(x.Columns, [][]*string{x.Row})
	w := x.Window
	if w != nil {
		what := "open: it changes until the watermark of every partition has reached its end"
		if w.Final != "" {
			what = fmt.Sprintf("final since %s: the last partition's watermark passed its end then, at %s", w.Final, w.Watermark)
		} else if !x.Open {
			what = "closed while a partition was idle"
		}
		fmt.Fprintf(a.out, "\nwindow %s to %s of %s, %s\n", w.Start, w.End, w.Table, what)
		if w.Note != "" {
			fmt.Fprintln(a.out, w.Note)
		}
		by := newTable("topic", "partition>", "offset>", "event time", "appended", "watermark")
		for _, p := range w.Partitions {
			offset := fmt.Sprint(p.Offset)
			if p.Offset < 0 {
				offset = "none yet"
			}
			by.add(p.Topic, fmt.Sprint(p.Partition), offset, p.EventTime, p.Appended, p.Watermark)
		}
		if len(by.rows) > 0 {
			err = errors.Join(err, by.write(a.out))
		}
	}
	if x.Note != "" {
		fmt.Fprintf(a.out, "\n%s\n", x.Note)
	}
	if len(x.Steps) > 1 {
		var steps []string
		for _, s := range x.Steps {
			steps = append(steps, plural(int(s.Rows), "row")+" of "+s.Table)
		}
		fmt.Fprintf(a.out, "\nby way of %s\n", strings.Join(steps, ", "))
	}
	if len(x.Aggregates) > 1 {
		fmt.Fprintln(a.out)
		by := newTable("aggregate", "rows>", "place of its filter")
		for _, g := range x.Aggregates {
			by.add(g.Text, fmt.Sprint(g.Rows), g.Place)
		}
		err = errors.Join(err, by.write(a.out))
	}
	if x.Events != nil {
		made := ""
		if x.Rows > 0 {
			made = fmt.Sprintf(", of which explode or a join made %s", plural(int(x.Rows), "row"))
		}
		fmt.Fprintf(a.out, "\n%s counted%s%s\n", plural(int(x.Events.Count), "record"), made, shownOf(x.Events))
		err = errors.Join(err, a.printRecords(x.Events.Columns, x.Events.Rows))
	}
	if x.LeftOut != nil {
		fmt.Fprintf(a.out, "\n%s of the same window and keys left out%s\n", plural(int(x.LeftOut.Count), "record"), shownOf(x.LeftOut))
		err = errors.Join(err, a.printRecords(x.LeftOut.Columns, x.LeftOut.Rows))
	}
	for _, s := range x.Subqueries {
		err = errors.Join(err, a.printSubquery(&s))
	}
	if x.Unreadable > 0 {
		fmt.Fprintf(a.out, "\n%s invalid, which tell neither window nor key: nagare query %s\n", plural(int(x.Unreadable), "record"), shellWord(x.UnreadableQuery))
	}
	return err
}

// printDropped tells why a row is not there.
func (a *app) printDropped(d *web.ExplainedDrop) {
	fmt.Fprintf(a.out, "the row is not in the table: it is left out by %s\n", d.Told())
	for _, v := range d.Values {
		value := "NULL"
		if v.Value != nil {
			value = *v.Value
		}
		fmt.Fprintf(a.out, "  %s = %s\n", v.Name, value)
	}
	fmt.Fprintln(a.out)
}

// printSubquery tells which records are behind a subquery.
func (a *app) printSubquery(s *web.ExplainedSubquery) error {
	place := ""
	if s.Place != "" {
		place = " at " + s.Place
	}
	fmt.Fprintf(a.out, "\nthe subquery%s: %s\n", place, s.Text)
	if s.Note != "" {
		fmt.Fprintln(a.out, s.Note)
	}
	if s.Events == nil {
		return nil
	}
	fmt.Fprintf(a.out, "%s behind it%s\n", plural(int(s.Events.Count), "record"), shownOf(s.Events))
	return a.printRecords(s.Events.Columns, s.Events.Rows)
}

// shownOf says how many of all records are shown, if not all are.
func shownOf(r *web.ExplainedRecords) string {
	if int64(len(r.Rows)) == r.Count {
		return ""
	}
	if r.Query == "" {
		return fmt.Sprintf(", the first %d are shown", len(r.Rows))
	}
	return fmt.Sprintf(", the first %d are shown; all: nagare query %s", len(r.Rows), shellWord(r.Query))
}

func (a *app) printRecords(columns []web.NamedColumn, rows [][]*string) error {
	if len(rows) == 0 {
		return nil
	}
	t := &textTable{rows: rows}
	for _, c := range columns {
		t.names = append(t.names, c.Name)
		t.right = append(t.right, isNumber(c.Type))
	}
	return t.write(a.out)
}

// shellWord is a text as one word of a shell's command line.
func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
