package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

func (a *app) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Show the newest checkpoint, or reset to before the first",
		Example: `  nagare checkpoint show
  nagare checkpoint reset          says what will be lost, and asks`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.checkpointShow(), a.checkpointReset())
	return cmd
}

func (a *app) checkpointShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show what the newest checkpoint holds", Args: cobra.NoArgs, Example: "  nagare checkpoint show -o json",
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
			if a.format == formJSON {
				return printIndented(a, st.Engine)
			}
			if a.format == formLines {
				return printJSON(a, st.Engine.Partitions)
			}
			if a.format == formTable {
				fmt.Fprintf(a.out, "%s: %s events read, watermark %s\n", checkpointText(st.Engine, time.Now()), grouped(st.Engine.Events), clock(st.Engine.Watermark))
			}
			table := newTable("topic", "partition>", "position>", "end>", "lag>", "watermark")
			for _, p := range st.Engine.Partitions {
				table.add(p.Topic, fmt.Sprint(p.Partition), fmt.Sprint(p.Position), fmt.Sprint(p.End), fmt.Sprint(p.Lag), clock(p.Watermark))
			}
			return a.print(table)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

func (a *app) checkpointReset() *cobra.Command {
	var yes, keep bool
	cmd := &cobra.Command{
		Use: "reset", Short: "Forget the checkpoint and the tables; the next run builds them anew from the topics",
		Long: `Forgets positions, open windows, tables and ledger, and empties the topics that the pipeline writes. The
topics that it reads stay: the next run builds everything anew from them. It says what will be lost and asks,
unless --yes is given.`,
		Example: `  nagare checkpoint reset
  nagare checkpoint reset --yes --data DIR`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := a.dataFolder()
			if err != nil {
				return err
			}
			if c := running(cmd.Context(), data); c != nil {
				st, err := c.status(cmd.Context())
				if err != nil {
					return err
				}
				return &codeError{node.ExitData, fmt.Errorf("reset the checkpoint of %s: process %d runs on it; stop that first (Ctrl-C there, or kill %d)", data, st.Info.PID, st.Info.PID)}
			}
			return a.reset(cmd, data, yes, keep)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&keep, "keep-outputs", false, "leave the output topics as they are; rows that they have are not written again")
	return cmd
}

func (a *app) reset(cmd *cobra.Command, data string, yes, keep bool) error {
	id, err := node.ReadIdentity(data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reset the checkpoint of %s: there is none; --data names another folder", data)
	}
	if err != nil {
		return err
	}
	arg := id.Path
	if arg == "" {
		arg = id.Name
	}
	p, err := mustLoad(arg)
	if err != nil {
		return err
	}
	if err := a.tellLoss(cmd, p, id, data, keep); err != nil {
		return err
	}
	if !yes {
		if !isTerminal(a.in) {
			return usage("reset the checkpoint of %s: nothing was changed; add --yes to do it", data)
		}
		fmt.Fprint(a.err, "Reset? [y/N] ")
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
			fmt.Fprintln(a.err, "nothing was changed")
			return nil
		}
	}
	cfg := node.Config{Pipeline: p.pipeline, Project: p.id, Data: data, Version: a.version}
	if err := node.Reset(cmd.Context(), cfg, keep); err != nil {
		return err
	}
	run := "nagare run"
	if id.Path != "" || id.Name != pipelines.Default {
		run += " " + arg
	}
	switch {
	case id.Listen:
		run += " --kafka-listen 9092"
	case id.Kafka != "":
		run += " --kafka " + id.Kafka
	}
	if a.data != "" {
		run += " --data " + a.data
	}
	fmt.Fprintf(a.out, "the checkpoint is reset; `%s` builds the tables anew from the topics\n", run)
	return nil
}

// tellLoss says what a reset forgets, what stays, and what cannot be built anew. A checkpoint that
// cannot be opened (the project was changed) can be reset all the same.
func (a *app) tellLoss(cmd *cobra.Command, p *project, id node.Project, data string, keep bool) error {
	on, err := a.cluster(id)
	if err != nil {
		return err
	}
	n, err := node.Open(cmd.Context(), node.Config{Pipeline: p.pipeline, Project: p.id, Data: data, Kafka: on, Look: true, Version: a.version, Started: a.started, Logger: a.logger()})
	if err != nil {
		if code := node.ExitCode(err); code == node.ExitData {
			a.warn("the checkpoint cannot be read: %v", err)
			return nil
		}
		return err
	}
	defer n.Close()
	st := n.Status()
	fmt.Fprintf(a.err, "checkpoint of %s in %s: epoch %d, %s events read, watermark %s\n", p.id.Name, data, st.Epoch, grouped(st.Events), clock(st.Watermark))
	open, rows := int64(0), []string{}
	for _, t := range st.Tables {
		open += t.Open
		if t.Kind != "view" {
			rows = append(rows, fmt.Sprintf("%s (%s)", t.Name, grouped(t.Rows)))
		}
	}
	fmt.Fprintf(a.err, "forgotten: the positions, %s rows of open windows, the ledger, the rows of %s\n", grouped(open), strings.Join(rows, ", "))
	topics, err := n.Topics(cmd.Context())
	if err != nil {
		return err
	}
	for _, t := range topics {
		switch {
		case t.Role == "output" && !keep && on != nil:
			fmt.Fprintf(a.err, "kept on Kafka: topic %s; the next run writes all rows to it once more, with --keep-outputs only those that it lacks\n", t.Name)
		case t.Role == "output" && !keep:
			fmt.Fprintf(a.err, "emptied: topic %s (%s records)\n", t.Name, grouped(t.Records))
		case t.Role == "source":
			fmt.Fprintf(a.err, "kept: topic %s (%s records)%s\n", t.Name, grouped(t.Records), gone(cmd, n, t))
		}
	}
	for _, s := range p.pipeline.Sinks {
		if s.Format == "json" || s.Format == "csv" {
			fmt.Fprintf(a.err, "kept: the file of sink %s; rows that it has are not written again, move it away to have it anew\n", s.Name)
		}
	}
	return nil
}

// gone says how many records of a source retention has removed: what they gave cannot come back.
func gone(cmd *cobra.Command, n *node.Node, t web.Topic) string {
	topic, err := n.Topic(cmd.Context(), t.Name)
	if err != nil {
		return ""
	}
	first := int64(0)
	for _, p := range topic.Parts {
		first += p.First
	}
	if first == 0 {
		return ", from which the next run builds everything anew"
	}
	return fmt.Sprintf("; WHAT ITS FIRST %s RECORDS GAVE IS LOST: retention has removed them", grouped(first))
}
