package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/store"
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

// doctorPorts is the addresses that a run would be given.
type doctorPorts struct{ http, kafka, redis string }

func (a *app) doctorCommand() *cobra.Command {
	var ports doctorPorts
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the data folder and the pipeline, each with its fix",
		Long: `Checks what a pipeline needs and how it is: clock, disk, memory, open files and ports of this machine; the process that
runs, or the folder when none runs; topics, parts, sinks and alert rules. Each line begins with ✓ (good), ! (worth
knowing) or ✗ (broken), and what is not good is followed by a fix. Exit code 1 means that something is broken.

Ports are checked as ` + "`nagare run`" + ` would take them: give the same --http, --kafka-listen and --redis-listen.`,
		Example: `  nagare doctor
  nagare doctor -o json
  nagare doctor --http 8080 --kafka-listen 9092 --redis-listen 6379`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := a.dataFolder()
			if err != nil {
				return err
			}
			return a.report(a.examine(cmd.Context(), data, ports))
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines)
	flags := cmd.Flags()
	flags.StringVar(&ports.http, "http", "", "address that the API is to have (default "+node.DefaultHTTP+", or the next free port)")
	flags.StringVar(&ports.kafka, "kafka-listen", "", "address that the Kafka port is to have")
	flags.StringVar(&ports.redis, "redis-listen", "", "address that the embedded Redis is to have")
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
func (a *app) examine(ctx context.Context, data string, ports doctorPorts) []finding {
	list := []finding{checkClock(time.Now()), checkTemp()}
	_, err := node.ReadIdentity(data)
	if errors.Is(err, fs.ErrNotExist) {
		on, findings := a.checkNew(data)
		list = append(list, findings...)
		list = append(list, checkMachine(ctx, on, nil, 0)...)
		return append(list, checkPorts(ports, 0)...)
	}
	if err != nil {
		return append(list, finding{bad, err.Error(), otherData})
	}
	list = append(list, finding{good, "data folder " + data + " is one of nagare's", ""}, checkSpace(data))
	if f := checkProject(data); f.Mark != good {
		list = append(list, f)
	}
	asked := time.Now()
	t, err := a.reach(ctx, false)
	if err != nil {
		return append(list, closedFolder(err))
	}
	defer t.close()
	if t.local != nil {
		list = append(list, finding{good, "nothing runs on the folder; its checkpoint, state and topics can be opened", ""}, a.checkStore(t))
	}
	st, err := t.status(ctx)
	if err != nil {
		return append(list, finding{bad, "the process does not tell its state: " + err.Error(), "stop it and start it again: it goes on from its checkpoint"})
	}
	if st.Info.LostNotes != "" {
		list = append(list, finding{doubt, st.Info.LostNotes, "make the silences again that are still wanted: `nagare alerts silence`"})
	}
	pid, m := 0, patientMonitor(ctx, t)
	if st.Info.Running {
		pid = st.Info.PID
		list = append(list, a.checkServer(ctx, t, st, time.Since(asked))...)
	}
	list = append(list, checkMachine(ctx, data, m, pid)...)
	list = append(list, checkPorts(ports, pid)...)
	list = append(list, a.checkTopics(ctx, t, st)...)
	list = append(list, checkParts(st, m)...)
	list = append(list, a.checkAlerts(ctx, t, st)...)
	return append(list, checkPipeline(st)...)
}

// checkNew says of a folder in which nothing has run how to begin, or why that cannot be. On is the folder on the way to
// it that exists.
func (a *app) checkNew(data string) (on string, list []finding) {
	on, err := node.CheckNew(data)
	space := checkSpace(data)
	run := "nagare run"
	if a.data != "" {
		run += " --data " + shellWord(a.data)
	}
	text := "is not there yet"
	if on == data {
		text = "is empty: nothing has run in it yet"
	}
	f := finding{doubt, fmt.Sprintf("data folder %s %s", data, text), fmt.Sprintf("`%s` starts a pipeline in it; if one has run, --data names another folder", run)}
	if why := (*node.DataError)(nil); errors.As(err, &why) && space.Mark != bad {
		f = finding{bad, fmt.Sprintf("data folder %s %s, and no pipeline can begin there: %s", data, text, why.Reason), why.Fix}
		if on == data {
			f.What = fmt.Sprintf("data folder %s is none of nagare's: %s", data, why.Reason)
		}
	}
	return on, []finding{f, space}
}

// doctorOf is the checks as a process makes them of itself, for its page: those of `nagare doctor` in another shell.
func (a *app) doctorOf(data string, f *runFlags) func(context.Context) []web.Finding {
	of := &app{in: a.in, out: io.Discard, err: io.Discard, started: a.started, version: a.version, data: data, logLevel: a.logLevel, kafka: a.kafka, kafkaConfig: a.kafkaConfig}
	return func(ctx context.Context) []web.Finding {
		var list []web.Finding
		for _, found := range of.examine(ctx, data, doctorPorts{f.http, f.kafkaListen, f.redisListen}) {
			list = append(list, web.Finding(found))
		}
		return list
	}
}

// closedFolder says why a folder cannot be looked into.
func closedFolder(err error) finding {
	var used *store.InUseError
	var damaged *broker.DamageError
	fix := "see the message; `nagare checkpoint reset` builds tables anew from the topics"
	switch {
	case errors.As(err, &used):
		switch {
		case used.Looks:
			return finding{doubt, fmt.Sprintf("process %d looks into the data folder", used.PID), "wait until its query has ended, or leave its prompt"}
		case used.PID != 0 && used.Address == "":
			return finding{doubt, fmt.Sprintf("process %d has the data folder, and no address at which it could be asked", used.PID),
				"start it without --http off, so that it can be looked at while it runs"}
		case used.PID != 0:
			return finding{bad, fmt.Sprintf("process %d has the data folder and does not answer at http://%s", used.PID, used.Address),
				fmt.Sprintf("stop it (kill %d, and if that does not help kill -9 %d) and start it again: it goes on from its checkpoint", used.PID, used.PID)}
		}
		fix = "stop what has the folder open, or name another folder with --data"
	case errors.As(err, &damaged):
		fix = "stop what runs on it, then `nagare topics repair`: it keeps a copy of what is damaged, and counts what is lost"
	}
	return finding{bad, "the data folder cannot be opened: " + err.Error(), fix}
}
