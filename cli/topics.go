package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
)

func (a *app) topicsCommand() *cobra.Command {
	topics := &cobra.Command{
		Use:   "topics",
		Short: "List, create, describe, alter and repair topics; send left-out records again",
		Example: `  nagare topics list
  nagare topics describe purchase-events
  nagare topics create orders --partitions 3 --key customer_id
  nagare topics alter purchase-events --partitions 6
  nagare topics repair
  nagare topics resend 'purchase-events$invalid'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	topics.AddCommand(a.topicsList(), a.topicsDescribe(), a.topicsCreate(), a.topicsAlter(), a.topicsRepair(), a.topicsResend())
	return topics
}

func (a *app) topicsList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the topics", Args: cobra.NoArgs, Example: "  nagare topics list",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			list, err := get[[]web.Topic](cmd.Context(), t.client, "/api/topics")
			if err != nil {
				return err
			}
			if a.format == formJSON || a.format == formLines {
				return printJSON(a, list)
			}
			table := newTable("topic", "role", "partitions>", "records>", "bytes>", "retention", "key")
			for _, t := range list {
				table.add(t.Name, t.Role, itoa(t.Partitions), recordsOf(t), fmt.Sprint(t.Bytes), forEver(t.Retention), t.Key)
			}
			return a.print(table)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

// recordsOf is how many records a topic has. On Kafka offsets count markers of transactions, too.
func recordsOf(t web.Topic) string {
	if t.About {
		return fmt.Sprintf("about %d", t.Records)
	}
	return fmt.Sprint(t.Records)
}

func forEver(retention string) string {
	if retention == "" {
		return "for ever"
	}
	return retention
}

func (a *app) topicsDescribe() *cobra.Command {
	cmd := &cobra.Command{
		Use: "describe TOPIC", Short: "Show a topic and its partitions", Args: oneArg("topic"), Example: "  nagare topics describe purchase-events",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			topic, err := get[web.Topic](cmd.Context(), t.client, topicPath(args[0]))
			if err != nil {
				return err
			}
			return a.printTopic(topic)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

func (a *app) printTopic(t web.Topic) error {
	switch a.format {
	case formJSON:
		return printIndented(a, t)
	case formLines:
		return printJSON(a, t.Parts)
	}
	if a.format == formTable {
		key := "no key"
		if t.Key != "" {
			key = "key " + t.Key
		}
		fmt.Fprintf(a.out, "%s: %s, %s, %s records, %d bytes, kept %s, %s\n", t.Name, t.Role, plural(t.Partitions, "partition"), recordsOf(t), t.Bytes, forEver(t.Retention), key)
		for _, g := range t.Generations {
			fmt.Fprintln(a.out, generationText(&g))
		}
	}
	table := newTable("partition>", "first>", "next>", "bytes>", "last_append")
	for _, p := range t.Parts {
		last := ""
		if !p.LastAppend.IsZero() {
			last = p.LastAppend.UTC().Format(time.RFC3339)
		}
		table.add(itoa(p.Partition), fmt.Sprint(p.First), fmt.Sprint(p.Next), fmt.Sprint(p.Bytes), last)
	}
	return a.print(table)
}

// generationText says whose rows of changed queries a topic has.
func generationText(g *web.Generation) string {
	if g.Sink == "" {
		return fmt.Sprintf("generation %d: its rows are those of the query that was applied last, numbered from 0", g.Generation)
	}
	var from []string
	for p, offset := range g.From {
		from = append(from, fmt.Sprintf("%d:%d", p, offset))
	}
	return fmt.Sprintf("generation %d of the rows of sink %s begins at %s (partition:offset)", g.Generation, g.Sink, strings.Join(from, " "))
}

func (a *app) topicsCreate() *cobra.Command {
	var partitions int
	var retention, key string
	cmd := &cobra.Command{
		Use: "create TOPIC", Short: "Make a topic", Args: oneArg("topic"),
		Example: "  nagare topics create orders --partitions 3 --retention 168h --key customer_id",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if cmd.Flags().Changed("partitions") && partitions < 1 {
				return usage("create topic %s: --partitions %d: a topic has at least 1", args[0], partitions)
			}
			return a.changeTopic(cmd, http.MethodPut, args[0], values("partitions", itoa(partitions), "retention", retention, "key", key), "created")
		},
	}
	cmd.Flags().IntVar(&partitions, "partitions", 3, "number of partitions")
	cmd.Flags().StringVar(&retention, "retention", "", "how long records are kept, as in 72h (default: for ever)")
	cmd.Flags().StringVar(&key, "key", "", "JSON field that keys records which come without a key")
	return cmd
}

func (a *app) topicsAlter() *cobra.Command {
	var partitions int
	cmd := &cobra.Command{
		Use: "alter TOPIC --partitions N", Short: "Give a topic more partitions", Args: oneArg("topic"),
		Long: `Gives a topic more partitions. Records stay where they are; the key of a new record may lead to another
partition than before. A running pipeline that reads the topic goes on from its checkpoint with all of them.`,
		Example: "  nagare topics alter purchase-events --partitions 6",
		RunE: func(cmd *cobra.Command, args []string) error {
			if partitions < 1 {
				return usage("alter topic %s: say how many partitions it is to have, as in: %s", args[0], firstExample(cmd))
			}
			return a.changeTopic(cmd, http.MethodPatch, args[0], values("partitions", itoa(partitions)), "altered")
		},
	}
	cmd.Flags().IntVar(&partitions, "partitions", 0, "number of partitions that the topic is to have")
	return cmd
}

func (a *app) changeTopic(cmd *cobra.Command, method, name string, query url.Values, done string) (err error) {
	t, err := a.reach(cmd.Context(), method == http.MethodPut)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, t) }()
	topic, err := send[web.Topic](cmd.Context(), t.client, method, topicPath(name), query, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s topic %s with %s\n", done, topic.Name, strings.ToLower(plural(topic.Partitions, "partition")))
	return nil
}
