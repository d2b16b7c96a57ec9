package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
)

func (a *app) queryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   `query "SELECT …"`,
		Short: "Run a SELECT over tables, views and topics",
		Long: `Runs a SELECT over the tables and views of a pipeline and over topics as they are now: of the running
process, or of its data folder when none runs. A topic has the columns key, value, topic, partition,
offset, timestamp, timestampType, and headers where a source reads it with includeHeaders. Late and
invalid rows are in TABLE$late and TOPIC$invalid.
With - the statement is read from stdin, up to 1 MB. A SELECT that reads nothing needs no data folder.

All queries together hold at most nagare.query.memory, and each runs for at most nagare.query.timeout; Ctrl-C
ends one.`,
		Example: `  nagare query "SELECT * FROM top_products ORDER BY revenue_rank LIMIT 5"
  nagare query "SELECT category, sum(total_sales) AS sales FROM sales_by_minute GROUP BY category"
  nagare query -o csv "SELECT * FROM anomalies" > anomalies.csv
  nagare query 'SELECT reason, count(*) AS n FROM ` + "`purchase-events$invalid`" + ` GROUP BY reason'`,
		Args: oneArg("statement"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			text := args[0]
			if text == "-" {
				all, err := io.ReadAll(io.LimitReader(a.in, web.MaxStatement+1))
				if err != nil {
					return fmt.Errorf("read the statement from stdin: %w", err)
				}
				text = string(all)
			}
			if len(text) > web.MaxStatement {
				return usage("query: a statement has at most %d KB", web.MaxStatement>>10)
			}
			if strings.TrimSpace(text) == "" {
				return usage("query: the statement is empty, as in: %s", firstExample(cmd))
			}
			t, err := a.reach(cmd.Context(), false)
			var nothing *nothingError
			if errors.As(err, &nothing) && a.data == "" {
				t, err = a.reachNothing(cmd.Context())
			}
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			n, err := a.printQuery(cmd.Context(), t.client, text)
			if err != nil && nothing != nil && strings.Contains(err.Error(), "[TABLE_OR_VIEW_NOT_FOUND]") {
				return nothing // what is asked for would be there
			}
			if err == nil && n >= 0 && isTerminal(a.out) {
				fmt.Fprintf(a.err, "%s\n", plural(n, "row"))
			}
			return err
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

func joinClose(err error, t *target) error {
	if cerr := t.close(); err == nil {
		return cerr
	}
	return err
}

func (a *app) tailCommand() *cobra.Command {
	var n int
	var updates bool
	cmd := &cobra.Command{
		Use:   "tail TABLE|TOPIC",
		Short: "Show the newest rows and follow those to come",
		Long: `Shows the newest rows of a table, view or topic and then those to come, until Ctrl-C. Rows of a windowed
table appear once their window is closed; with --updates also while it is open, each time they change.`,
		Example: `  nagare tail anomalies
  nagare tail sales_by_minute --updates
  nagare tail purchase-events -n 3 -o jsonl`,
		Args: oneArg("table or topic"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if n < 0 {
				return usage("tail -n %d: how many rows of before are shown cannot be below 0", n)
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			if t.local != nil {
				a.warn("no process runs on %s: these are the rows that there are, and none will come", t.data)
			}
			query := values("n", itoa(n), "format", a.format)
			if updates {
				query.Set("updates", "true")
			}
			if a.format != formTable {
				return t.rows(cmd.Context(), apiPath("tail", args[0]), query, a.out)
			}
			query.Set("format", "cells")
			w := newFollower(a.out)
			return t.rows(cmd.Context(), apiPath("tail", args[0]), query, w)
		},
	}
	cmd.Flags().IntVarP(&n, "lines", "n", 10, "rows of before to show")
	cmd.Flags().BoolVar(&updates, "updates", false, "rows of open windows too, as they change")
	a.rowsFlag(cmd, formTable, formLines, formCSV)
	return cmd
}
