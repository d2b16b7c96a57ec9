package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/engine/plan"
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
	p, err := a.projectOf(data, id)
	if err != nil {
		return err
	}
	cfg := node.Config{Pipeline: p.pipeline, Project: p.id, Data: data, Version: a.version}
	if err := a.tellLoss(cmd, cfg, id, keep); err != nil {
		return err
	}
	if ok, err := a.confirm("Reset? [y/N] ", yes, "reset the checkpoint of %s: nothing was changed; add --yes to do it", data); !ok || err != nil {
		return err
	}
	aside, err := node.Reset(cmd.Context(), cfg, keep)
	if err != nil {
		return err
	}
	if aside != "" {
		fmt.Fprintf(a.err, "the store could not be read and is kept as %s\n", aside)
	}
	run := "nagare run"
	if id.Path != "" || id.Name != pipelines.Default {
		run += " " + id.Folder()
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

// tellLoss says what a reset forgets, what stays, and what cannot be built anew.
func (a *app) tellLoss(cmd *cobra.Command, cfg node.Config, id node.Project, keep bool) error {
	l, err := node.LookAtLoss(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if l.Unreadable != nil {
		a.warn("what is forgotten cannot be told: %v", l.Unreadable)
	} else {
		s := l.Summary
		fmt.Fprintf(a.err, "checkpoint of %s in %s: epoch %d, %s events read, watermark %s\n", id.Name, cfg.Data, s.Epoch, grouped(s.Events), clock(s.Watermark))
		rows := []string{}
		for _, name := range slices.Sorted(maps.Keys(s.Rows)) {
			rows = append(rows, fmt.Sprintf("%s (%s)", name, grouped(s.Rows[name])))
		}
		fmt.Fprintf(a.err, "forgotten: the positions, %s rows of open windows, the ledger, the rows of %s\n", grouped(l.Open), strings.Join(rows, ", "))
	}
	if l.Uncounted != nil {
		a.warn("the records of the topics cannot be counted: %v", l.Uncounted)
	}
	tellTopics(a.err, l, cfg.Pipeline, id.Kafka != "" || id.Listen, keep)
	for _, s := range cfg.Pipeline.Sinks {
		if s.Format == "json" || s.Format == "csv" {
			fmt.Fprintf(a.err, "kept: the file of sink %s; rows that it has are not written again, move it away to have it anew\n", s.Name)
		}
	}
	return nil
}

// tellTopics says what becomes of the topics: those of the folder, or, onKafka, of the cluster, which is
// not asked.
func tellTopics(w io.Writer, l *node.Loss, p *plan.Pipeline, onKafka, keep bool) {
	for _, t := range l.Topics {
		records := ""
		if l.Uncounted == nil {
			records = fmt.Sprintf(" (%s records)", grouped(t.Records))
		}
		switch {
		case onKafka:
		case t.Role == "output" && !keep:
			fmt.Fprintf(w, "emptied: topic %s%s\n", t.Name, records)
		case t.Role == "source" && t.Expired > 0:
			// What they gave cannot come back.
			fmt.Fprintf(w, "kept: topic %s%s; WHAT ITS FIRST %s RECORDS GAVE IS LOST: retention has removed them\n", t.Name, records, grouped(t.Expired))
		case t.Role == "source":
			fmt.Fprintf(w, "kept: topic %s%s, from which the next run builds everything anew\n", t.Name, records)
		}
	}
	if !onKafka {
		return
	}
	for _, d := range p.Datasets {
		for _, topic := range d.Topics {
			if d.Kind == plan.SourceTopic {
				fmt.Fprintf(w, "kept on Kafka: topic %s, from which the next run builds everything anew\n", topic)
			}
		}
	}
	for _, s := range p.Sinks {
		if topic := s.Options["topic"]; s.Format == "kafka" && topic != "" && !keep {
			fmt.Fprintf(w, "kept on Kafka: topic %s; the next run writes all rows to it once more, with --keep-outputs only those that it lacks\n", topic)
		}
	}
}
