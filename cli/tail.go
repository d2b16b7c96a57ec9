package cli

import (
	"github.com/spf13/cobra"
)

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
