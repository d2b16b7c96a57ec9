package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/node"
)

func (a *app) topicsRepair() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "repair", Short: "Read all topics from end to end, and repair those that are damaged", Args: cobra.NoArgs,
		Long: `Reads every record of the data folder's topics, on which nothing may run, and tells what is damaged or missing.
Where all of it can be computed again from the input, it is put aside, and the next run computes tables and
outputs anew. Else what can be read stays at its offset, and what cannot is passed over: readers count it as lost.
The damaged files are kept as they are in broker/quarantine. It asks, unless --yes is given.`,
		Example: `  nagare topics repair
  nagare topics repair --yes --data DIR`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.repair(cmd, yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) repair(cmd *cobra.Command, yes bool) error {
	data, err := a.dataFolder()
	if err != nil {
		return err
	}
	if c := running(cmd.Context(), data); c != nil {
		return &codeError{node.ExitData, fmt.Errorf("repair the topics of %s: a process runs on it; stop that first", data)}
	}
	id, err := node.ReadIdentity(data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("repair the topics of %s: there are none; --data names another folder", data)
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
	cfg := node.Config{Pipeline: p.pipeline, Project: p.id, Data: data, Version: a.version}
	cfg.Project.Kafka, cfg.Project.Listen = id.Kafka, id.Listen
	found, err := node.RepairTopics(cmd.Context(), cfg, false)
	if err != nil {
		return err
	}
	if found.Damage == "" {
		fmt.Fprintln(a.out, "every record of every topic can be read; nothing is to be repaired")
		return nil
	}
	fmt.Fprintln(a.err, found.Damage)
	if found.Rebuild {
		fmt.Fprintln(a.err, "all of it can be computed again from the input: it is put aside, and the next `nagare run` computes the tables and outputs anew")
	} else {
		fmt.Fprintln(a.err, "what can be read stays; what cannot is passed over, for good, and counted as lost")
	}
	if ok, err := a.confirm("Repair? [y/N] ", yes, "repair the topics of %s: nothing was changed; add --yes to do it", data); !ok || err != nil {
		return err
	}
	done, err := node.RepairTopics(cmd.Context(), cfg, true)
	for _, r := range done.Done {
		what := fmt.Sprintf("%s passed over, %s lost", plural(int(r.Messages), "message"), plural(int(r.Records), "record"))
		if r.Remedy == broker.Discard {
			what = "put aside, to be computed anew"
		}
		fmt.Fprintf(a.out, "topic %s partition %d from message %d on: %s; the damaged files are in %s\n", r.Topic, r.Partition, r.Seq, strings.ToLower(what), r.Copy)
	}
	return err
}
