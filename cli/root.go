package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// root makes the commands.
func (a *app) root() *cobra.Command {
	run := a.runCommand()
	root := &cobra.Command{
		Use:   "nagare",
		Short: "A whole streaming pipeline in one process: topics, SQL over event time, tables, sinks",
		Long: `nagare runs streaming pipelines written in the SQL of Spark Declarative Pipelines,
with everything they need in this one process: durable topics, event time, exactly-once state.

Without a command it runs the purchase pipeline that ships with it, fed by a generator.`,
		Example: `  nagare                                                      the purchase pipeline, live
  nagare query "SELECT * FROM top_products LIMIT 5"           in a second shell
  nagare tail anomalies                                       rows as they come
  nagare run ./my-project                                     a project of your own
  nagare run retail --once --from retail-events=FILE --out DIR   files in, CSV out`,
		Args:          knownCommand,
		RunE:          run.RunE,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.ran = true
			if _, err := parseLevel(a.logLevel); err != nil {
				return err
			}
			return nil
		},
	}
	root.Flags().AddFlagSet(run.Flags())
	all := root.PersistentFlags()
	all.StringVar(&a.data, "data", "", "data folder (default: one per project under the user's state folder)")
	all.StringVar(&a.logLevel, "log-level", "warn", "what the log on stderr tells: debug, info, warn or error")
	all.StringVar(&a.kafka, "kafka", "", "addresses of a Kafka cluster that keeps the topics: HOST:PORT,…; alone: the project's own ("+envKafka+")")
	all.StringVar(&a.kafkaConfig, "kafka-config", "", "file of Kafka client settings, as Kafka's own tools read it: TLS, SASL ("+envKafkaConfig+")")
	_ = root.MarkPersistentFlagDirname("data")
	_ = root.MarkPersistentFlagFilename("kafka-config")
	root.AddCommand(run, a.checkCommand(), a.testCommand(), a.queryCommand(), a.tailCommand(), a.publishCommand(), a.topicsCommand(), a.modelCommand(),
		a.planCommand(), a.explainCommand(), a.statusCommand(), a.topCommand(), a.doctorCommand(), a.alertsCommand(), a.checkpointCommand(), a.exportCommand(), a.benchCommand(), a.versionCommand())
	root.SuggestionsMinimumDistance = 2
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	return root
}

// knownCommand refuses a word that is no command, with those that are near.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}

// rowsFlag adds -o to a command that prints rows.
func (a *app) rowsFlag(cmd *cobra.Command, forms ...string) {
	cmd.Flags().StringVarP(&a.format, "output", "o", forms[0], "form of the output: "+strings.Join(forms, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	check := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, f := range forms {
			if a.format == f {
				if check != nil {
					return check(cmd, args)
				}
				return nil
			}
		}
		return usage("print as %q: that is no form; use -o %s", a.format, strings.Join(forms, " or -o "))
	}
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, usage("log at level %q: there are debug, info, warn and error", text)
	}
	return level, nil
}

// logger writes to stderr: in colour on a terminal that has any.
func (a *app) logger() *slog.Logger {
	level, err := parseLevel(a.logLevel)
	if err != nil {
		level = slog.LevelWarn
	}
	return slog.New(tint.NewHandler(a.err, &tint.Options{Level: level, NoColor: !isTerminal(a.err) || noColor()}))
}

// isTerminal reports whether w is a terminal that can move its cursor.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func noColor() bool { return os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" }

// warn tells something that is no error.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.err, "nagare: "+format+"\n", args...)
}

// oneArg and atMostOne say in words what is missing.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s: name one %s, as in: %s", cmd.CommandPath(), what, firstExample(cmd))
		}
		return nil
	}
}

func firstExample(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	line, _, _ = strings.Cut(line, "   ")
	return strings.TrimSpace(line)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  nagare version",
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(a.out, "nagare", a.version)
			return nil
		},
	}
}

// exportCommand and other flags of later versions exist, so that they are refused by name.
func (a *app) exportCommand() *cobra.Command {
	export := &cobra.Command{Use: "export", Short: "Write a project for another system", Example: "  nagare export spark --kafka HOSTS --out DIR"}
	spark := &cobra.Command{
		Use: "spark [PROJECT]", Short: "Write the folder that runs on Spark (in a later version)", Args: cobra.MaximumNArgs(1),
		Example: "  nagare export spark pipelines/purchases --kafka localhost:9092 --out spark-purchases",
		RunE: func(*cobra.Command, []string) error {
			return usage("export spark comes in a later version; until then Spark runs the project's folder as it is: spark-pipelines run --spec PROJECT/spark-pipeline.yml")
		},
	}
	spark.Flags().String("kafka", "", "addresses of the Kafka brokers")
	spark.Flags().String("out", "", "folder to write")
	export.AddCommand(spark)
	return export
}
