package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

func (a *app) checkCommand() *cobra.Command {
	var portable bool
	cmd := &cobra.Command{
		Use:   "check [PROJECT]",
		Short: "Find every fault of a project, each with its place",
		Long: `Reads a project and prints every fault as file:line:col: message. Nothing is run.

PROJECT is a folder with spark-pipeline.yml, or the name of a project that ships. Exit code 3 means
that there are faults.`,
		Example: `  nagare check .
  nagare check pipelines/retail
  nagare check . --portable      what would not run on Spark`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			arg := "."
			if len(args) == 1 {
				arg = args[0]
			}
			return a.check(arg, portable)
		},
	}
	cmd.Flags().BoolVar(&portable, "portable", false, "list what runs here and not on Spark")
	return cmd
}

func (a *app) check(arg string, portable bool) error {
	p, err := loadProject(arg)
	if err != nil {
		return err
	}
	if len(p.faults) > 0 {
		for _, f := range p.faults {
			fmt.Fprintln(a.out, f)
		}
		if len(p.faults) == 1 {
			fmt.Fprintln(a.err, "1 fault")
		} else {
			fmt.Fprintf(a.err, "%d faults\n", len(p.faults))
		}
		return said(node.ExitProject)
	}
	for _, f := range p.pipeline.Notices {
		fmt.Fprintln(a.out, "note: "+p.at(f.Error()))
	}
	if portable {
		list := plan.Portable(p.pipeline)
		for i := range list {
			fmt.Fprintln(a.out, p.at(list[i].Error()))
		}
		if len(list) > 0 {
			fmt.Fprintf(a.err, "project %s runs here; on Spark %d constructs would not\n", p.pipeline.Name, len(list))
			return nil
		}
	}
	tables, views := 0, 0
	for _, d := range p.pipeline.Datasets {
		switch d.Kind {
		case plan.StreamingTable:
			tables++
		case plan.MaterializedView:
			views++
		}
	}
	alerts := ""
	if n := len(p.pipeline.Alerts); n > 0 {
		alerts = ", " + plural(n, "alert")
	}
	fmt.Fprintf(a.out, "project %s is in order: %s, %s, %s%s in %s\n", p.pipeline.Name,
		plural(tables, "streaming table"), plural(views, "materialized view"), plural(len(p.pipeline.Sinks), "sink"), alerts, plural(p.files, "SQL file"))
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// mustLoad reads a project that is going to run.
func mustLoad(arg string) (*project, error) {
	p, err := loadProject(arg)
	if err != nil {
		return nil, err
	}
	return p, errors.Join(p.check())
}
