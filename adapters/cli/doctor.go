package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/node"
)

// What a finding means.
const (
	good  = "✓"
	doubt = "!"
	bad   = "✗"
)

// A finding is what one check found.
type finding struct {
	Mark string `json:"mark"`
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the data folder and the pipeline, each with its fix",
		Long: `Checks what a pipeline needs and how it is. Each line begins with ✓ (good), ! (worth knowing) or ✗ (broken),
and what is not good is followed by a fix. Exit code 1 means that something is broken.`,
		Example: `  nagare doctor
  nagare doctor -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := a.dataFolder()
			if err != nil {
				return err
			}
			return a.report(a.examine(cmd.Context(), data))
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines)
	return cmd
}

// report prints findings; it fails when something is broken.
func (a *app) report(list []finding) error {
	broken := 0
	for _, f := range list {
		if f.Mark == bad {
			broken++
		}
	}
	if a.format == formTable {
		for _, f := range list {
			fmt.Fprintf(a.out, "%s %s\n", f.Mark, f.What)
			if f.Fix != "" {
				fmt.Fprintf(a.out, "  fix: %s\n", f.Fix)
			}
		}
	} else if err := printJSON(a, list); err != nil {
		return err
	}
	if broken > 0 {
		fmt.Fprintf(a.err, "%d of %d checks found something broken\n", broken, len(list))
		return said(node.ExitFailed)
	}
	return nil
}

// examine makes all checks.
func (a *app) examine(ctx context.Context, data string) []finding {
	list := []finding{checkClock(time.Now()), checkTemp()}
	_, err := node.ReadIdentity(data)
	if errors.Is(err, fs.ErrNotExist) {
		list = append(list, finding{good, "data folder " + data + " is not there yet; `nagare run` makes it", ""})
		return append(list, checkSpace(data), checkPort())
	}
	if err != nil {
		return append(list, finding{bad, err.Error(), otherData})
	}
	list = append(list, finding{good, "data folder " + data + " is one of nagare's", ""}, checkSpace(data))
	if f := checkProject(data); f.Mark != good {
		list = append(list, f)
	}
	t, err := a.reach(ctx, false)
	if err != nil {
		fix := "see the message; `nagare checkpoint reset` builds tables anew from the topics"
		if damaged := (*broker.DamageError)(nil); errors.As(err, &damaged) {
			fix = "stop what runs on it, then `nagare topics repair`"
		}
		return append(list, finding{bad, "the data folder cannot be opened: " + err.Error(), fix})
	}
	defer t.close()
	if t.local != nil {
		list = append(list, finding{good, "nothing runs on the folder; its checkpoint, state and topics can be opened", ""}, checkPort(), a.checkStore(t))
	}
	st, err := t.status(ctx)
	if err != nil {
		return append(list, finding{bad, "the process does not tell its state: " + err.Error(), "stop it and start it again: it goes on from its checkpoint"})
	}
	return append(list, checkPipeline(st)...)
}

// checkClock: lateness and the guard against future times are judged against the clock.
func checkClock(now time.Time) finding {
	if now.Year() < 2025 || now.Year() > 2100 {
		return finding{bad, "the clock of this machine says " + now.UTC().Format(time.RFC3339), "set the clock: events ahead of it are kept apart as future"}
	}
	return finding{good, "the clock says " + now.UTC().Format(time.RFC3339), ""}
}

func checkTemp() finding {
	f, err := os.CreateTemp("", "nagare-doctor-*")
	if err != nil {
		return finding{bad, fmt.Sprintf("temporary files cannot be made in %s: %v", os.TempDir(), err), "set TMPDIR to a folder that can be written to; runs from files need it"}
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return finding{good, "temporary files can be made in " + os.TempDir(), ""}
}

// lowSpace is the free space below which a full disk is near.
const lowSpace = 1 << 30

func checkSpace(data string) finding {
	free, err := node.FreeBytes(data)
	if err != nil {
		return finding{doubt, err.Error(), "see that there is some"}
	}
	text := fmt.Sprintf("the disk of the data folder has %d MB free", free>>20)
	switch {
	case free < node.MinFreeBytes:
		return finding{bad, text, fmt.Sprintf("free some: %d MB are needed to start", node.MinFreeBytes>>20)}
	case free < lowSpace:
		return finding{doubt, text, "free some, or give topics a retention: nagare.topic.<name>.retention"}
	}
	return finding{good, text, ""}
}

// checkProject looks whether the project of a folder can be run as it is now.
func checkProject(data string) finding {
	id, err := node.ReadIdentity(data)
	if err != nil {
		return finding{bad, err.Error(), otherData}
	}
	p, err := loadProject(id.Folder())
	switch {
	case err != nil:
		return finding{bad, err.Error(), "put the project back to " + id.Folder() + ", or run it from where it is now: `nagare run PROJECT --data " + data + "`"}
	case len(p.faults) > 0:
		return finding{bad, fmt.Sprintf("project %s has %s", id.Folder(), plural(len(p.faults), "fault")), "see them with `nagare check " + id.Folder() + "`"}
	}
	if p.id.Name != id.Name {
		return finding{bad, fmt.Sprintf("project %s is called %q now, and the folder belongs to %q", id.Folder(), p.id.Name, id.Name), "give it its name back, or run it on another folder with --data"}
	}
	return finding{good, "project " + id.Folder() + " is in order", ""}
}

const otherData = "name another folder with --data"

func checkPort() finding {
	l, err := net.Listen("tcp", node.DefaultHTTP)
	if err != nil {
		return finding{doubt, "port " + node.DefaultHTTP + " is in use: the next free one will be taken", "stop what uses it, or choose one with --http"}
	}
	_ = l.Close()
	return finding{good, "port " + node.DefaultHTTP + " is free", ""}
}

func (a *app) checkStore(t *target) finding {
	if err := t.local.CheckStore(); err != nil {
		return finding{bad, err.Error(), "keep a copy of the folder, then run `nagare checkpoint reset`: it builds the tables anew from the topics"}
	}
	return finding{good, "every page of the store is in order", ""}
}

// checkPipeline judges the state of the parts.
func checkPipeline(st web.StatusAnswer) []finding {
	e := st.Engine
	var list []finding
	switch {
	case !st.Info.Running && e.State == "failed":
		list = append(list, finding{bad, "the pipeline cannot go on: " + e.Reason, "`nagare checkpoint reset` builds the tables anew from the topics; or take the project's changes back"})
	case e.State == "degraded":
		list = append(list, finding{doubt, "a part is in trouble: " + e.Reason, "see the message"})
	case !st.Info.Running && st.Info.Failed != "":
		list = append(list, finding{doubt, "the last run failed: " + st.Info.Failed, "see the message; `nagare run` goes on from the last checkpoint"})
	case !st.Info.Running:
	case e.State == "failed":
		list = append(list, finding{bad, "the pipeline has failed: " + e.Reason, "see the message; stop it and start it again: it goes on from its checkpoint"})
	default:
		list = append(list, finding{good, "the pipeline is " + e.State + " at http://" + st.Info.Address, ""})
	}
	if n := web.Imbalance(e.Ledger); n != 0 {
		list = append(list, finding{bad, fmt.Sprintf("the ledger does not add up by %s rows", grouped(n)), "this is a bug in nagare: please report it with the output of `nagare status -o json`"})
	} else {
		list = append(list, finding{good, "the ledger adds up: " + ledgerText(e), ""})
	}
	for _, x := range e.Ledger.Losses() {
		if x.Invalid+x.Future > 0 {
			list = append(list, finding{doubt, fmt.Sprintf("of %s rows that table %s read from %s, %s were invalid and %s future", grouped(x.Read), x.Table, x.Topic, grouped(x.Invalid), grouped(x.Future)),
				fmt.Sprintf("see why: nagare query 'SELECT verdict, reason, count(*) AS n FROM `%s$invalid` GROUP BY verdict, reason'", x.Topic)})
		}
	}
	for _, t := range e.Tables {
		if t.LateRows > 0 {
			list = append(list, finding{doubt, fmt.Sprintf("%s rows came too late for table %s", grouped(t.LateRows), t.Name),
				fmt.Sprintf("see them: nagare query 'SELECT * FROM `%s$late`'; a longer WATERMARK delay waits for them", t.Name)})
		}
	}
	for _, s := range e.Sinks {
		if s.Refused > 0 {
			who, fix := "sink "+s.Name, fmt.Sprintf("see sink.%s.from: a WHERE … IS NOT NULL leaves such rows out", s.Name)
			if s.Format == "webhook" {
				who, fix = "the receiver of webhook "+s.Name, fmt.Sprintf("see sink.%s.option.url and what it answers; the rows stay in what sink.%s.from names", s.Name, s.Name)
			}
			list = append(list, finding{doubt, fmt.Sprintf("%s refused %s rows: %s", who, grouped(s.Refused), s.Refusal), fix})
		}
	}
	if behind := lag(e); st.Info.Running && float64(behind) > 10*max(st.Rates.Processed, 1000) {
		list = append(list, finding{doubt, fmt.Sprintf("the pipeline is %s records behind", grouped(behind)), "wait: it reads at full speed; `nagare status` shows the rate"})
	}
	return list
}
