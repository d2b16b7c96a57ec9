package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/sql"
)

func (a *app) alertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Show what is in trouble, with the evidence, and try rules on history",
		Long: `An alert is a streaming table or view in the project's configuration (alert.NAME.from: TABLE) of which each row is a breach
of the thing that alert.NAME.key tells. Breaches become incidents, which are pending, firing and resolved, in event time.`,
		Example: `  nagare alerts list
  nagare alerts show 3f0c
  nagare alerts test high_value --since 24h`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q; there are list, show, silence, test and grade", "alerts "+args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.alertsListCommand(), a.alertsShowCommand(), a.alertsSilenceCommand(), a.alertsTestCommand(), a.alertsGradeCommand())
	return cmd
}

// alertFilter is which incidents are listed.
type alertFilter struct {
	all    bool
	states []string
	alerts []string
}

func (a *app) alertsListCommand() *cobra.Command {
	var f alertFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List incidents that are pending or firing",
		Long: `Lists incidents of the running process, or of its data folder when none runs: those that are pending or firing, with
--all also those that are over and still in topic system-alerts, the newest of them first.`,
		Example: `  nagare alerts list
  nagare alerts list --all --alert high_value -o jsonl
  nagare alerts list --state firing`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := f.check(cmd.Flags()); err != nil {
				return err
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			path := "/api/alerts"
			if f.all {
				path += "?all=true"
			}
			answer, err := get[web.AlertsAnswer](cmd.Context(), t.client, path)
			if err != nil {
				return err
			}
			return a.listAlerts(answer, &f)
		},
	}
	cmd.Flags().BoolVar(&f.all, "all", false, "also incidents that are over")
	cmd.Flags().StringSliceVar(&f.states, "state", nil, "only those that are pending, firing, resolved or inactive (pending, and over before it fired)")
	cmd.Flags().StringSliceVar(&f.alerts, "alert", nil, "only those of these alerts")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(alertStates, cobra.ShellCompDirectiveNoFileComp))
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

var alertStates = []string{string(alert.Pending), string(alert.Firing), string(alert.Resolved), string(alert.Inactive)}

// check refuses states that there are not. To ask for those that are over is to ask for all. An empty name is one, which
// the flags would take for none.
func (f *alertFilter) check(given *pflag.FlagSet) error {
	for flag, names := range map[string]*[]string{"state": &f.states, "alert": &f.alerts} {
		if given.Changed(flag) && len(*names) == 0 {
			*names = []string{""}
		}
	}
	for _, s := range f.states {
		if !slices.Contains(alertStates, s) {
			return usage("alerts list --state %s: the states are %s", sql.Quoted(s), strings.Join(alertStates, ", "))
		}
		f.all = f.all || s == string(alert.Resolved) || s == string(alert.Inactive)
	}
	return nil
}

// listAlerts prints the incidents that are asked for, those of now first.
func (a *app) listAlerts(answer web.AlertsAnswer, f *alertFilter) error {
	var names []string
	var rows []*alert.Change
	for _, s := range answer.Alerts {
		names = append(names, s.Rule.Name)
		rows = append(rows, s.Incidents...)
		if s.Overflow > 0 {
			a.warn("alert %s has %d incidents, which is the limit: %s breaches of other things were left out; group by fewer things", s.Rule.Name, alert.MostIncidents, grouped(s.Overflow))
		}
	}
	for i := range answer.External {
		c := answer.External[i].Change()
		if f.all || c.State == alert.Firing {
			rows = append(rows, c)
		}
		if !slices.Contains(names, c.Alert) {
			names = append(names, c.Alert)
		}
	}
	slices.SortStableFunc(rows, func(x, y *alert.Change) int { // firing ones first
		return strings.Compare(string(x.State), string(y.State))
	})
	if answer.Ended != nil {
		rows = append(rows, answer.Ended.Incidents...)
		if more := answer.Ended.Total - int64(len(answer.Ended.Incidents)); more > 0 {
			a.warn("%s older incidents are not shown; nagare query %s has them", grouped(more), shellQuoted("SELECT CAST(value AS STRING) FROM `system-alerts`"))
		}
		for _, c := range answer.Ended.Incidents { // of rules that the project had
			if !slices.Contains(names, c.Alert) {
				names = append(names, c.Alert)
			}
		}
	}
	for _, name := range f.alerts {
		if !slices.Contains(names, name) {
			return usage("alerts list --alert %s: %s", sql.Quoted(name), noAlert(name, names))
		}
	}
	rows = slices.DeleteFunc(rows, func(c *alert.Change) bool {
		return len(f.states) > 0 && !slices.Contains(f.states, string(c.State)) || len(f.alerts) > 0 && !slices.Contains(f.alerts, c.Alert)
	})
	if a.format == formTable && len(rows) == 0 {
		fmt.Fprintln(a.out, nothingText(names, len(f.states)+len(f.alerts) > 0, f.all))
		return nil
	}
	return a.printIncidents(rows, answer.Silenced)
}

// A listedIncident is a line of JSON.
type listedIncident struct {
	*alert.Change
	SilencedBy string `json:"silencedBy,omitempty"`
}

// printIncidents prints incidents and which of them are silenced: in a table beside the state, else in a column of its own.
func (a *app) printIncidents(rows []*alert.Change, silenced map[string]string) error {
	if a.format == formJSON || a.format == formLines {
		list := make([]listedIncident, len(rows))
		for i, c := range rows {
			list[i] = listedIncident{c, silenced[c.ID]}
		}
		return printJSON(a, list)
	}
	columns := []string{"id", "alert", "severity", "state", "since", "until", "breaches>", "labels", "summary"}
	if a.format == formCSV {
		columns = append(columns, "silenced_by")
	}
	t := newTable(columns...)
	for _, c := range rows {
		cells := []string{c.ID, c.Alert, c.Severity, string(c.State), a.timeText(since(c)), a.timeText(ended(c)), fmt.Sprint(c.Breaches), labelText(c), c.Summary}
		switch {
		case a.format == formCSV:
			cells = append(cells, silenced[c.ID])
		case silenced[c.ID] != "":
			cells[3] += ", silenced"
		}
		t.add(cells...)
	}
	return a.print(t)
}

// nothingText says that there is nothing to list, and why.
func nothingText(names []string, filtered, all bool) string {
	switch {
	case len(names) == 0:
		return "the project has no alerts; alert.NAME.from: TABLE in its configuration makes one"
	case filtered:
		return "no such incident"
	case all:
		return fmt.Sprintf("there was no incident: %s", plural(len(names), "alert"))
	}
	return fmt.Sprintf("all is well: %s, nothing pending or firing", plural(len(names), "alert"))
}

// noAlert says that there is no alert of a name.
func noAlert(name string, names []string) string {
	if len(names) == 0 {
		return "the project has no alerts"
	}
	return "there is no such alert" + sql.Instead(name, names)
}

// since is from when on an incident is as it is: a firing one from its first breach.
func since(c *alert.Change) alert.Time { return c.ActiveAt }

// ended is when an incident ended.
func ended(c *alert.Change) alert.Time {
	if c.State == alert.Resolved || c.State == alert.Inactive {
		return c.Time
	}
	return alert.None
}

// timeText is a time of an incident: in a table without the fraction where that is 0.
func (a *app) timeText(t alert.Time) string {
	text := t.String()
	if a.format == formTable {
		text = strings.Replace(text, ".000000Z", "Z", 1)
	}
	return text
}

// labelText is labels as k=v, k=v.
func labelText(c *alert.Change) string {
	var parts []string
	for _, name := range c.LabelNames() {
		parts = append(parts, name+"="+c.Labels[name])
	}
	return strings.Join(parts, ", ")
}

// shellQuoted is a text as a shell takes it for one word.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (a *app) alertsShowCommand() *cobra.Command {
	events := 10
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an incident: how it came about, and its evidence",
		Long: `Shows an incident with its changes of state and the rows that were breaches: the first five and the newest five. For a row
of a window the events that it was made of are looked up in their topic. ID is what nagare alerts list shows, or how that
begins.`,
		Example: `  nagare alerts show 3f0c9a21b4d85e67
  nagare alerts show 3f0c --events 100`,
		Args: oneArg("incident"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if events < 0 {
				return usage("alerts show --events %d: how many events are shown cannot be below 0", events)
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			answer, err := get[web.IncidentAnswer](cmd.Context(), t.client, apiPath("alerts", args[0]))
			if err != nil {
				return err
			}
			if a.format == formJSON {
				return printIndented(a, answer)
			}
			return a.showIncident(cmd.Context(), t.client, &answer, events)
		},
	}
	cmd.Flags().IntVar(&events, "events", events, "events behind the newest row of a window to show")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// showIncident prints an incident.
func (a *app) showIncident(ctx context.Context, c *client, answer *web.IncidentAnswer, events int) error {
	in := answer.Incident
	state := fmt.Sprintf("%s since %s", in.State, a.timeText(in.ActiveAt))
	if end := ended(in); end != alert.None {
		state = fmt.Sprintf("%s, from %s to %s", in.State, a.timeText(in.ActiveAt), a.timeText(end))
	}
	lines := [][2]string{{"incident", in.ID}, {"alert", in.Alert}, {"severity", in.Severity}, {"state", state}, {"labels", labelText(in)},
		{"summary", in.Summary}, {"description", in.Description}, {"notify", strings.Join(in.Notify, ", ")}, {"breaches", grouped(in.Breaches)}}
	for _, line := range lines {
		if line[1] != "" {
			fmt.Fprintf(a.out, "%-11s %s\n", line[0], cellText(&line[1]))
		}
	}
	fmt.Fprintln(a.out, "\nhistory")
	history := newTable("time", "state", "severity", "breaches>", "summary")
	for _, h := range answer.History {
		history.add(a.timeText(h.Time), string(h.State), h.Severity, fmt.Sprint(h.Breaches), h.Summary)
	}
	if err := history.write(a.out); err != nil {
		return err
	}
	if len(in.Evidence) > 0 {
		fmt.Fprintf(a.out, "\nevidence: %d of the breaches\n", len(in.Evidence))
		if err := a.evidenceTable(in).write(a.out); err != nil {
			return err
		}
	}
	switch {
	case answer.Query != "":
		return a.showEvents(ctx, c, answer, events)
	case answer.QueryNote != "":
		fmt.Fprintf(a.out, "\nthe events behind it cannot be looked up: %s\n", answer.QueryNote)
	}
	return nil
}

// evidenceTable is the rows that were breaches.
func (a *app) evidenceTable(in *alert.Change) *textTable {
	if len(in.Evidence) > 0 && in.Evidence[0].Topic == "" {
		t := newTable("window's end", "from", "row")
		for _, e := range in.Evidence {
			t.add(a.timeText(e.Time), e.From, compactText(e.Row))
		}
		return t
	}
	t := newTable("topic", "partition>", "offset>", "time", "row")
	for _, e := range in.Evidence {
		t.add(e.Topic, fmt.Sprint(e.Partition), fmt.Sprint(e.Offset), a.timeText(e.Time), compactText(e.Row))
	}
	return t
}

// compactText is JSON on one line.
func compactText(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}

// showEvents looks up the events behind the newest row of a window, and shows the first of them.
func (a *app) showEvents(ctx context.Context, c *client, answer *web.IncidentAnswer, most int) error {
	in, query := answer.Incident, answer.Query
	newest := in.Evidence[len(in.Evidence)-1]
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(c.queryRows(ctx, query, url.Values{"format": {"cells"}}, w)) }()
	d := json.NewDecoder(r)
	var cols columns
	if err := d.Decode(&cols); err != nil {
		return fmt.Errorf("look up the events behind the row: %w", err)
	}
	t := cols.table()
	n := 0
	for ; ; n++ {
		var row []*string
		err := d.Decode(&row)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("look up the events behind the row: %w", err)
		}
		if n < most {
			t.rows = append(t.rows, row)
		}
	}
	fmt.Fprintf(a.out, "\nevents behind the row of %s: %s%s\n", a.timeText(newest.Time), grouped(int64(n)), map[bool]string{true: fmt.Sprintf(", the first %d", most)}[n > most])
	if answer.QueryNote != "" {
		fmt.Fprintln(a.out, answer.QueryNote)
	}
	if err := t.write(a.out); err != nil {
		return err
	}
	data := ""
	if a.data != "" {
		data = " --data " + shellQuoted(a.data)
	}
	fmt.Fprintf(a.out, "\nall of them: nagare query%s %s\n", data, shellQuoted(query))
	return nil
}
