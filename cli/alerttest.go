package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

func (a *app) alertsTestCommand() *cobra.Command {
	var from []string
	var since string
	var fixed bool
	cmd := &cobra.Command{
		Use:   "test RULE [PROJECT]",
		Short: "Replay history: when an alert would have fired, and how often with other thresholds",
		Long: `Runs what one alert is made of over history, and nothing else: over files as in nagare run --once --from, or over the
topics of the running process, its data folder or Kafka from a time of append on. Prints the incidents that would
have fired, and how many there would have been with each number that WHERE, HAVING or FILTER compares with moved
by 10 and 20 percent. Nothing is written and nobody is told.

With PROJECT its rules count, also where another version of it runs.`,
		Example: `  nagare alerts test high_value --since 24h
  nagare alerts test high_value --since 2026-11-01T00:00:00Z ./my-project
  nagare alerts test high_value --from purchase-events=events.ndjson -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("%s: name one alert, and a project if you like, as in: %s", cmd.CommandPath(), firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			project := ""
			if len(args) == 2 {
				project = args[1]
			}
			if (len(from) > 0) == (since != "") {
				return usage("alerts test: name the history: either --from TOPIC=FILE, or --since TIME to read the topics")
			}
			var result *web.AlertReplay
			var err error
			if len(from) > 0 {
				result, err = a.replayFiles(cmd.Context(), args[0], project, from, !fixed)
			} else {
				result, err = a.replayTopics(cmd.Context(), args[0], project, since, !fixed)
			}
			if err != nil {
				return err
			}
			return a.printReplay(result)
		},
	}
	cmd.Flags().StringArrayVar(&from, "from", nil, "a file in place of a topic: TOPIC=FILE, several times")
	cmd.Flags().StringVar(&since, "since", "", "read the topics from this time of append on: 2026-11-01T12:00:00Z, 2026-11-01, 90m, 24h, 7d (ago), or all")
	cmd.Flags().BoolVar(&fixed, "no-thresholds", false, "do not move thresholds")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// replayFiles replays a rule over files.
func (a *app) replayFiles(ctx context.Context, rule, project string, from []string, moved bool) (*web.AlertReplay, error) {
	files, err := filesOf("alerts test", from)
	if err != nil {
		return nil, err
	}
	p, err := a.replayProject(project)
	if err != nil {
		return nil, err
	}
	if err := node.CheckRule(p.pipeline, rule); err != nil {
		return nil, err
	}
	bar := a.newBar("replaying")
	result, notices, err := node.Replay{Project: p.pipeline.Input, Rule: rule, Moved: moved, Files: files, Logger: a.logger(),
		Progress: func(done, total int64) { bar.show(-1, done, total) }}.Run(ctx)
	bar.clear()
	for _, notice := range notices {
		a.warn("%s", notice)
	}
	return result, err
}

// replayProject is the project that is named, that of the data folder, or the one that ships.
func (a *app) replayProject(arg string) (*project, error) {
	if arg == "" {
		if data, err := a.dataFolder(); err == nil {
			if id, err := node.ReadIdentity(data); err == nil {
				return a.projectOf(data, id)
			}
		}
	}
	return mustLoad(arg)
}

// replayTopics has whoever can read the topics replay a rule.
func (a *app) replayTopics(ctx context.Context, rule, arg, since string, moved bool) (result *web.AlertReplay, err error) {
	request := web.AlertTest{Rule: rule, Thresholds: moved}
	if request.Since, err = sinceTime(since, time.Now()); err != nil {
		return nil, err
	}
	if arg != "" {
		p, err := mustLoad(arg)
		if err != nil {
			return nil, err
		}
		if err := node.CheckRule(p.pipeline, rule); err != nil {
			return nil, err
		}
		request.Project = p.pipeline.Input
	}
	t, err := a.reach(ctx, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, t) }()
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	resp, err := t.do(ctx, http.MethodPost, "/api/alerts/test", nil, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	bar := a.newBar("replaying")
	bar.counts = true
	defer bar.clear()
	d := json.NewDecoder(resp.Body)
	for {
		var line web.AlertTested
		if err := d.Decode(&line); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("replay: the answer ends early: %w", err)
		}
		switch {
		case line.Final && line.Error != "":
			return nil, &remoteError{line.Error, max(line.Exit, 1)}
		case line.Final:
			return line.Result, nil
		}
		bar.show(line.Done, line.Done, line.Total)
	}
}

// sinceTime reads a time, or how long ago it was. "all" is the beginning.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	if t, err := clockTime(text); err == nil {
		return t, nil
	}
	if d, ok := durationOf(text); ok {
		return now.Add(-d), nil
	}
	return time.Time{}, usage("alerts test --since %s: write a time (2026-11-01T12:00:00Z, 2026-11-01), how long ago (90m, 24h, 7d), or all", text)
}

// clockTime reads a time; one without a zone is UTC.
func clockTime(text string) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err = time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return t, err
}

// durationOf reads how long something takes, days too.
func durationOf(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err == nil && n > 0 && n < 100_000
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}

// printReplay prints what a rule made of history.
func (a *app) printReplay(r *web.AlertReplay) error {
	if a.format == formJSON {
		return printIndented(a, r)
	}
	if len(r.Incidents) > 0 {
		t := newTable("from", "fired", "until", "severity", "labels", "breaches>", "evidence", "summary")
		for _, in := range r.Incidents {
			until := a.timeText(in.ResolvedAt)
			if in.Open {
				until = "still firing"
			}
			t.add(a.timeText(in.ActiveAt), a.timeText(in.FiredAt), until, in.Severity, labelText(in.Change), fmt.Sprint(in.Breaches), a.evidenceText(in.Change), in.Summary)
		}
		if err := t.write(a.out); err != nil {
			return err
		}
		if r.More > 0 {
			fmt.Fprintf(a.out, "and %s more incidents\n", grouped(r.More))
		}
		fmt.Fprintln(a.out)
	}
	fired := int64(len(r.Incidents)) + r.More
	fmt.Fprintf(a.out, "%s would have fired %s", r.Rule.Name, plural(int(fired), "time"))
	if r.Pending > 0 {
		fmt.Fprintf(a.out, "; %s ended before %s", plural(int(r.Pending), "incident"), time.Duration(r.Rule.For)*time.Microsecond)
	}
	fmt.Fprintf(a.out, ": %s events up to %s\n", grouped(r.Events), orDash(a.timeText(r.Until)))
	if r.Overflow > 0 {
		a.warn("%s breaches found as many incidents as there may be and were left out", grouped(r.Overflow))
	}
	if len(r.Thresholds) == 0 {
		return nil
	}
	fmt.Fprintln(a.out, "\nincidents (breaches) with each threshold moved")
	names := []string{"threshold", "in", "place"}
	for i, shift := range plan.Shifts {
		if i == len(plan.Shifts)/2 {
			names = append(names, "as it is>")
		}
		names = append(names, fmt.Sprintf("%+d %%>", shift))
	}
	t := newTable(names...)
	for _, th := range r.Thresholds {
		cells := []string{th.Value, th.Table + ": " + th.Text, th.Place}
		for i, m := range th.Moved {
			if i == len(th.Moved)/2 {
				cells = append(cells, fmt.Sprintf("%d (%s)", th.AsIs, grouped(th.Breaches)))
			}
			text := "-"
			if m.Incidents != nil {
				text = fmt.Sprintf("%d (%s)", *m.Incidents, grouped(*m.Breaches))
			}
			cells = append(cells, text)
		}
		t.add(cells...)
	}
	return t.write(a.out)
}

// evidenceText is the first and the newest evidence of an incident: places of records, or ends of windows.
func (a *app) evidenceText(in *alert.Change) string {
	if len(in.Evidence) == 0 {
		return "-"
	}
	text := func(i int) string {
		e := in.Evidence[i]
		if e.Topic == "" {
			return a.timeText(e.Time)
		}
		return fmt.Sprintf("%s/%d/%d", e.Topic, e.Partition, e.Offset)
	}
	if len(in.Evidence) == 1 {
		return text(0)
	}
	return text(0) + " … " + text(len(in.Evidence)-1)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
