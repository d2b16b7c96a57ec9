package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/dataflow"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [PROJECT]",
		Short: "Show what a changed project keeps, what it fills from the topics, and what it cannot",
		Long: `Compares a project with the one that made what its data folder holds, and says for each table, sink and alert whether
it keeps its rows and state, has to be filled from its topics (how many records, and about how long that takes, measured
on the newest of them), or cannot be, because retention has removed records that it was made of. Comments, texts and
names of views change no rows. Nothing is changed or stopped; the pipeline may run meanwhile.`,
		Example: `  nagare plan
  nagare plan ./my-project
  nagare plan ./my-project -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			p, err := a.plannedProject(arg)
			if err != nil {
				return err
			}
			change, err := a.compareProject(cmd.Context(), p)
			if err != nil {
				return err
			}
			return a.printChange(change)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

// plannedProject is the project that is named, and its data folder unless --data names one; without a name it is the
// project of the data folder as it lies in its place now.
func (a *app) plannedProject(arg string) (*project, error) {
	if arg == "" {
		return a.replayProject("")
	}
	p, err := mustLoad(arg)
	if err == nil && a.data == "" {
		a.data, err = a.projectData(p, &runFlags{})
	}
	return p, err
}

// compareProject has whoever can read the topics of the data folder compare a project.
func (a *app) compareProject(ctx context.Context, p *project) (change *web.ProjectChange, err error) {
	t, err := a.reach(ctx, false)
	var nothing *nothingError
	if errors.As(err, &nothing) {
		return newChange(p)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, t) }()
	body, err := json.Marshal(p.pipeline.Input)
	if err != nil {
		return nil, err
	}
	return send[*web.ProjectChange](ctx, t.client, http.MethodPost, "/api/plan", nil, bytes.NewReader(body))
}

// newChange is for a folder that is not there yet: everything is new, and no topic has a record.
func newChange(p *project) (*web.ProjectChange, error) {
	parts, err := dataflow.Compare(nil, p.pipeline)
	if err != nil {
		return nil, err
	}
	change := &web.ProjectChange{Parts: []web.PartChange{}, Topics: []web.ChangeLog{}}
	for _, c := range parts {
		change.Parts = append(change.Parts, web.PartChange{Kind: c.Kind, Name: c.Name, Verdict: c.Verdict, New: c.New, Topics: c.Topics,
			Place: fmt.Sprintf("%s:%d:%d", c.Pos.File, c.Pos.Line, c.Pos.Col)})
	}
	return change, nil
}

func (a *app) printChange(c *web.ProjectChange) error {
	switch a.format {
	case formJSON:
		return printIndented(a, c)
	case formLines:
		return printJSON(a, c.Parts)
	}
	if err := a.print(partsTable(c)); err != nil || a.format != formTable {
		return err
	}
	for _, t := range c.Topics {
		fmt.Fprintf(a.out, "topic %s has %s records, kept %s", t.Topic, grouped(t.Records), forEver(t.Retention))
		if t.Gone > 0 {
			fmt.Fprintf(a.out, "; %s are gone and fill nothing any more", grouped(t.Gone))
		}
		fmt.Fprintln(a.out)
	}
	fmt.Fprintln(a.out, adviceOn(c))
	return nil
}

// partsTable lists what becomes of tables, sinks and alerts.
func partsTable(c *web.ProjectChange) *textTable {
	table := newTable("", "name", "verdict", "records>", "about>", "why")
	for _, p := range c.Parts {
		records, takes := "", ""
		if p.Verdict == dataflow.Fills || p.Gone > 0 {
			records = grouped(p.Records)
		}
		if p.Seconds > 0 {
			takes = takesText(p.Seconds)
		}
		table.add(p.Kind, p.Name, p.Verdict, records, takes, whyText(&p))
	}
	return table
}

// takesText is a time that was estimated, to two digits.
func takesText(seconds float64) string {
	switch {
	case seconds < 1:
		return "< 1 s"
	case seconds < 100:
		return fmt.Sprintf("%.2g s", seconds)
	case seconds < 5940:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// whyText says why a part has its verdict.
func whyText(p *web.PartChange) string {
	switch {
	case p.New && p.Gone > 0:
		return fmt.Sprintf("new; %s records are gone, and it begins behind them", grouped(p.Gone))
	case p.New:
		return "new"
	case len(p.Why) == 0:
		return ""
	}
	text := strings.Join(p.Why, ", ") + ": changed"
	if p.Gone > 0 {
		text += fmt.Sprintf("; %s records that it was made of are gone", grouped(p.Gone))
	}
	return text
}

// adviceOn says what to do about a change.
func adviceOn(c *web.ProjectChange) string {
	if c.Reset != "" {
		return c.Reset
	}
	if c.Same {
		return "nothing changes: `nagare run` goes on where it was"
	}
	some, lost := false, false // what there was before, and what cannot be made again
	for _, p := range c.Parts {
		some = some || !p.New
		lost = lost || p.Verdict != dataflow.Keeps && p.Verdict != dataflow.Fills && p.Verdict != dataflow.Goes
	}
	switch {
	case !some:
		return "all is new: `nagare run` makes it"
	case lost:
		return "`nagare run` refuses the folder: give what is impossible another name, under which it begins with what is left, or make all anew from that with `nagare checkpoint reset`"
	}
	return "`nagare run --apply` fills what is to be filled, beside the rest, which goes on; without --apply the folder is refused"
}
