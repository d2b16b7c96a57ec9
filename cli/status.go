package cli

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/join"
	"github.com/nagare-stream/nagare/engine/record"
)

// formEnv is lines that a shell can eval.
const formEnv = "env"

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the pipeline is and how it is",
		Example: `  nagare status
  nagare status -o json
  eval "$(nagare status -o env)"; curl "$NAGARE_URL/api/tables"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			st, err := t.status(cmd.Context())
			if err != nil {
				return err
			}
			return a.printStatus(st)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV, formEnv)
	return cmd
}

func (a *app) printStatus(st web.StatusAnswer) error {
	switch a.format {
	case formJSON:
		return printIndented(a, st)
	case formLines:
		return printJSON(a, st.Engine.Tables)
	case formEnv:
		a.printEnv(st.Info)
		return nil
	case formTable:
		for _, line := range statusLines(st) {
			fmt.Fprintf(a.out, "%-11s %s\n", line[0], line[1])
		}
		fmt.Fprintln(a.out)
	}
	table := newTable("table", "kind", "rows>", "open>", "late>", "watermark")
	for _, t := range st.Engine.Tables {
		table.add(t.Name, t.Kind, fmt.Sprint(t.Rows), fmt.Sprint(t.Open), fmt.Sprint(t.LateRows), clock(t.Watermark))
	}
	return a.print(table)
}

func (a *app) printEnv(info web.Info) {
	url := ""
	if info.Address != "" {
		url = "http://" + info.Address
	}
	for _, v := range [][2]string{
		{"NAGARE_URL", url}, {"NAGARE_DATA", info.Data}, {"NAGARE_TOKEN_FILE", filepath.Join(info.Data, "token")},
		{"NAGARE_PROJECT", info.Project}, {"NAGARE_PID", fmt.Sprint(info.PID)},
	} {
		fmt.Fprintf(a.out, "%s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
}

// fillingText is a part of a changed project: how far it is, and what becomes of it.
func fillingText(f web.Filling) string {
	far := ""
	if f.Total > 0 {
		far = fmt.Sprintf(": %d %%, %s of %s records", 100*f.Read/f.Total, grouped(f.Read), grouped(f.Total))
		if f.Seconds >= 0 && f.Read < f.Total {
			far += ", about " + shortDuration(time.Duration(f.Seconds*float64(time.Second))) + " to go"
		}
	}
	what := "is " + f.Change
	switch f.Change {
	case "changed":
		what = fmt.Sprintf("takes the place of the one of before, as generation %d", f.Generation)
	case "new rule":
		what = "goes by its new rule"
	case "removed":
		what = "is removed"
	}
	return f.Kind + " " + f.Name + " " + what + far
}

// statusLines is a status in words: a name and a sentence each.
func statusLines(st web.StatusAnswer) [][2]string {
	e := st.Engine
	address := "none"
	if st.Info.Address != "" {
		address = "http://" + st.Info.Address
	}
	from := "ships with nagare"
	if st.Info.Path != "" {
		from = st.Info.Path
	}
	lines := [][2]string{
		{"project", st.Info.Project + " (" + from + ")"},
		{"state", doingText(st)},
		{"api", address},
		{"data", st.Info.Data},
		{"events", fmt.Sprintf("%s read, watermark %s, %s behind", grouped(e.Events), clock(e.Watermark), grouped(lag(e)))},
	}
	if st.Info.Others != "" {
		lines = slices.Insert(lines, 3, [2]string{"others", st.Info.Others})
	}
	if st.Info.Running {
		lines = append(lines, [2]string{"rate", fmt.Sprintf("%.1f/s in, %.1f/s processed", st.Rates.Input, st.Rates.Processed)})
	}
	if st.Info.Filling != "" {
		lines = append(lines, [2]string{"applying", st.Info.Filling})
		for _, f := range st.Info.Fillings {
			lines = append(lines, [2]string{"", fillingText(f)})
		}
	}
	if gone := lost(e); gone > 0 {
		lines = append(lines, [2]string{"lost", grouped(gone) + " records were gone from their topic before they were read"})
	}
	for _, s := range e.Sinks {
		if !st.Info.Running {
			break // nobody knows how its server is
		}
		kind := "cache"
		if s.Format != "" {
			kind = s.Format
		}
		lines = append(lines, [2]string{kind, cacheText(s)})
	}
	for _, r := range st.Webhooks {
		lines = append(lines, [2]string{"webhook", webhookText(r)})
	}
	lines = append(lines,
		[2]string{"checkpoint", checkpointText(e, time.Now())},
		[2]string{"ledger", ledgerText(e)})
	for _, line := range healthLines(st.Health) {
		lines = append(lines, [2]string{"health", line})
	}
	if text := leftOutText(e.Ledger); text != "" {
		lines = append(lines, [2]string{"left out", text})
	}
	if text := letGoText(e.Ledger); text != "" {
		lines = append(lines, [2]string{"let go", text})
	}
	for _, j := range e.Joins {
		lines = append(lines, [2]string{"join", joinText(j)})
	}
	for _, t := range e.Tables {
		if t.Retention > 0 {
			lines = append(lines, [2]string{"retention", fmt.Sprintf("rows of %s stay for %v", t.Name, time.Duration(t.Retention)*time.Microsecond)})
		}
	}
	if text := unfitText(e.Ledger); text != "" {
		lines = append(lines, [2]string{"NULL", "values not of their column's type: " + text})
	}
	return lines
}

// doingText is what the pipeline does, or why it does nothing.
func doingText(st web.StatusAnswer) string {
	e := st.Engine
	state := e.State
	switch {
	case !st.Info.Running && e.State == "failed":
		state = "stopped, and cannot go on: " + e.Reason
	case !st.Info.Running && e.State == "degraded":
		state = "stopped; `nagare run` goes on from here; " + e.Reason
	case !st.Info.Running && st.Info.Failed != "":
		state = "stopped: the last run failed: " + st.Info.Failed
	case !st.Info.Running:
		state = "stopped: nothing runs on this data folder; `nagare run` goes on from here"
	case e.Reason != "":
		state += ": " + e.Reason
	}
	return state
}

// joinText is what became of the rows of a join of streams.
func joinText(j engine.JoinStatus) string {
	side := func(name string, c join.Count) string {
		return fmt.Sprintf("%s %d = %d joined + %d without a partner + %d waiting", name, c.Rows, c.Joined, c.Unmatched, c.Waiting)
	}
	return fmt.Sprintf("%s, %s: %s; %s; %d rows kept", j.Table, j.Kind, side("left", j.Left), side("right", j.Right), j.StateRows)
}

// healthLines is a line for each part in trouble, or one that says that there is none.
func healthLines(all []monitor.Health) []string {
	var lines []string
	for _, h := range all {
		if h.IsTrouble() || h.State == monitor.Starting || h.State == monitor.Recovering {
			lines = append(lines, h.Sentence()+", since "+h.Since.UTC().Format("15:04:05Z"))
		}
	}
	if len(all) > 0 && len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("all %d parts keep up or are idle", len(all)))
	}
	return lines
}

// lost is how many records were gone before they were read.
func lost(e engine.Status) (n int64) {
	for _, p := range e.Partitions {
		n += p.Lost
	}
	return n
}

// cacheText is how a sink is that writes to a cache.
func cacheText(s record.SinkStatus) string {
	text := fmt.Sprintf("%s: %s", s.Name, s.State)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	text += fmt.Sprintf("; %s rows written", grouped(s.Written))
	if s.Deleted > 0 {
		text += fmt.Sprintf(", %s deleted", grouped(s.Deleted))
	}
	if s.TooOld > 0 {
		text += fmt.Sprintf(", %s too old for the ttl", grouped(s.TooOld))
	}
	if s.Waiting > 0 {
		text += fmt.Sprintf(", %s waiting", grouped(s.Waiting))
	}
	if s.Refused > 0 {
		text += fmt.Sprintf(", %s refused: %s", grouped(s.Refused), s.Refusal)
	}
	return text
}

// webhookText is how a receiver of alerts is.
func webhookText(r notify.ReceiverReport) string {
	text := fmt.Sprintf("%s at %s: %s; %s changes told", r.Name, r.Place, r.State, grouped(r.Delivered))
	for _, n := range []struct {
		count int64
		what  string
	}{{r.Waiting + r.Unread, "waiting"}, {r.Silenced, "silenced"}, {r.Refused, "refused"}, {r.Uncertain, "perhaps twice"}, {r.Lost, "lost to retention"}} {
		if n.count > 0 {
			text += fmt.Sprintf(", %s %s", grouped(n.count), n.what)
		}
	}
	if !r.Since.IsZero() {
		text += fmt.Sprintf("; since %s: %s", r.Since.UTC().Format("15:04:05Z"), r.LastError)
	}
	return text
}

func checkpointText(e engine.Status, now time.Time) string {
	text := fmt.Sprintf("epoch %d", e.Epoch)
	if at := e.Checkpoints.LastSuccess; at > 0 {
		text += fmt.Sprintf(", %s ago, tasks stood still %.1f ms, commit %.1f ms", now.Sub(time.UnixMicro(at)).Round(time.Second),
			float64(e.Checkpoints.LastPause)/1000, float64(e.Checkpoints.LastCommit)/1000)
	}
	if e.OutboxRows > 0 {
		text += fmt.Sprintf(", %s rows on their way to sinks", grouped(e.OutboxRows))
	}
	return text
}

func lag(e engine.Status) int64 {
	n := int64(0)
	for _, p := range e.Partitions {
		n += p.Lag
	}
	return n
}

// clock writes microseconds since 1970: the time alone within a day of now, else with the date; "-"
// for none.
func clock(us int64) string {
	const year10000 = 253402300800_000_000
	if us == math.MinInt64 || us >= year10000 {
		return "-"
	}
	t := time.UnixMicro(us).UTC()
	if d := time.Since(t); d < 24*time.Hour && d > -24*time.Hour {
		return t.Format("15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05Z")
}
