package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// What the shipped pipeline is fed with when nobody says otherwise.
const (
	generatorTopic = "purchase-events"
	demoRate       = 10
	demoBacklog    = 10 * time.Minute
	// An outstanding purchase each minute of the demo, the first one in its backlog.
	demoAnomalyEvery = 600
	demoAnomalyFrom  = 300
)

// runFlags is what `nagare run` can be told.
type runFlags struct {
	http               string
	others             node.Others
	kafkaListen        string
	redis, redisListen string
	generator          string
	feed               generator.Config
	backlog            time.Duration
	once, close        bool
	unmonitored        bool
	apply              bool
	from               []string
	out, format        string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [PROJECT]",
		Short: "Run a pipeline until Ctrl-C, or over files to their end",
		Long: `Runs a project: a folder with spark-pipeline.yml, or one that ships by its name (` + strings.Join(pipelines.Names(), ", ") + `).
Without a project it runs the purchase pipeline, fed by a generator.

Ctrl-C finishes what was read, takes a checkpoint and exits 0; the next start goes on from there. A disk
that fails ends it with exit code 5.

A project that has changed since its last run is refused, unless --apply says that what changed is filled
from the topics; on a terminal it is asked. What is new or different is filled beside the tables that run,
which go on and can be read; when it has caught up they change places, within about a second. What stays
as it is keeps its rows and goes on; nagare plan shows what a change means. A filling that is stopped is
gone on with by the next run --apply.

Tables keep their rows for good, unless nagare.table.NAME.retention says else. Records that are not read
yet are never removed: intake is refused instead. Late and invalid rows stay within
nagare.refused.maxBytes, 256 MiB if it is not set, for each TABLE$late and TOPIC$invalid.

With --once it ends by itself: with --from the named files are the topics, in a fresh state; without, the
topics of the data folder are read to their present end.`,
		Example: `  nagare run
  nagare run ./my-project --http 8080
  nagare run ./my-project --apply
  nagare run retail --once --from retail-events=online_retail.ndjson.gz --out out
  nagare run ./my-project --once --close
  nagare run --http-listen 7443 --http-cert cert.pem --http-key key.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			return a.run(cmd, arg, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.http, "http", "", "address of the API: PORT, 127.0.0.1:PORT or off (default "+node.DefaultHTTP+", or the next free port)")
	flags.StringVar(&f.others.Listen, "http-listen", "", "let other machines ask the API and open the page, at HOST:PORT or PORT, with the token of the data folder and TLS")
	flags.StringVar(&f.others.Cert, "http-cert", "", "with --http-listen: file of the certificate, in PEM; read again when it is renewed")
	flags.StringVar(&f.others.Key, "http-key", "", "with --http-listen: file of its key, in PEM")
	flags.BoolVar(&f.others.Insecure, "http-insecure", false, "with --http-listen: without TLS, where something else encrypts")
	flags.StringVar(&f.kafkaListen, "kafka-listen", "", "for development: open a Kafka port (PORT or 127.0.0.1:PORT) for other clients; its topics take the place of the embedded broker's")
	flags.StringVar(&f.redis, "redis", "", "address of a Redis for the project's redis sinks: HOST:PORT, or a URL without a password (default an embedded one)")
	flags.StringVar(&f.redisListen, "redis-listen", "", "open the embedded Redis to other programs of this machine, at PORT or 127.0.0.1:PORT")
	flags.StringVar(&f.generator, "generator", "", fmt.Sprintf("events per second to generate into %s, or off (default %d for the purchase pipeline, else off)", generatorTopic, demoRate))
	flags.Uint64Var(&f.feed.Seed, "seed", 1, "generator: seed of the events")
	flags.DurationVar(&f.backlog, "backlog", demoBacklog, "generator: how far in the past the first event lies; what is due by now is written at full speed")
	flags.DurationVar(&f.feed.Disorder, "disorder", 0, "generator: how far the time of an event may lie behind, as in 5s")
	flags.Float64Var(&f.feed.Late, "late", 0, "generator: share of events that are 5 minutes late, 0 to 1")
	flags.Float64Var(&f.feed.Bad, "bad", 0, "generator: share of events that are malformed, 0 to 1")
	flags.Float64Var(&f.feed.Duplicates, "duplicates", 0, "generator: share of events that are sent twice, 0 to 1")
	flags.IntVar(&f.feed.SilentPartition, "silent-partition", -1, "generator: partition that falls silent at event --silent-from")
	flags.Int64Var(&f.feed.SilentFrom, "silent-from", 0, "generator: event from which on the silent partition gets none")
	flags.BoolVar(&f.once, "once", false, "read to the end and exit")
	flags.StringArrayVar(&f.from, "from", nil, "with --once: TOPIC=FILE, a file to read as a topic (.ndjson, .jsonl, .csv, kcat -J lines, each also .gz; - for stdin); may be given again, also for one topic: its files are read in that order")
	flags.StringVar(&f.out, "out", "", "with --once: folder to write every table and ledger.json to")
	flags.StringVar(&f.format, "format", "csv", "with --out: csv or jsonl")
	flags.BoolVar(&f.close, "close", false, "with --once and without --from: close the windows that are still open")
	flags.BoolVar(&f.apply, "apply", false, "of a project that has changed: fill what is new or different from the topics, beside the rest")
	flags.BoolVar(&f.unmonitored, "unmonitored", false, "do not write system-metrics and pipeline-metrics: what that costs is measured so")
	_ = flags.MarkHidden("unmonitored") // rules that read those topics see nothing
	return cmd
}

// run sorts out which kind of run is meant.
func (a *app) run(cmd *cobra.Command, arg string, f *runFlags) error {
	switch {
	case redis.HasPassword(f.redis):
		return usage("run --redis: everybody on this machine can read a command line; set NAGARE_REDIS_PASSWORD, or NAGARE_REDIS to the whole URL")
	case f.redis != "" && f.redisListen != "":
		return usage("run --redis-listen %s: it is for the embedded Redis, and --redis names another; leave one out", f.redisListen)
	case len(f.from) > 0 && (f.redis != "" || f.redisListen != ""):
		return usage("run --from: such a run writes tables and no sinks, so leave --redis and --redis-listen out")
	case f.kafkaListen != "" && a.namesCluster():
		return usage("run --kafka-listen: the topics are those of a cluster already, so leave --kafka out, or this")
	case f.kafkaListen != "" && f.once:
		return usage("run --once: it reads what is there, so leave --kafka-listen out")
	case len(f.from) > 0 && a.kafka != "":
		return usage("run --from: files are the topics, so leave --kafka out")
	case len(f.from) > 0 && !f.once:
		return usage("run --from: files are read to their end, so say --once too")
	case len(f.from) > 0 && f.apply:
		return usage("run --apply: files are read in a fresh state, which has nothing to change; leave it out")
	case f.out != "" && !f.once:
		return usage("run --out: tables are written when a run ends, so say --once too; of a running pipeline use `nagare query -o csv`")
	case f.close && !f.once:
		return usage("run --close: windows are closed when a run ends, so say --once too")
	case f.once && f.others != (node.Others{}):
		return usage("run --once: it serves nobody, so leave --http-listen and what belongs to it out")
	case f.once && (f.generator != "" || f.http != ""):
		return usage("run --once: it reads what is there, so leave --generator and --http out")
	case f.out == "" && cmd.Flags().Changed("format"):
		return usage("run --format %s: it is the form of the files in --out DIR, which is missing", f.format)
	}
	p, err := mustLoad(arg)
	if err != nil {
		return err
	}
	switch {
	case len(f.from) > 0:
		return a.runFiles(cmd.Context(), p, f)
	case f.once:
		return a.runOnce(cmd.Context(), p, arg, f)
	}
	return a.runLive(cmd.Context(), p, arg, f)
}

// projectData is the data folder of a project that runs.
func (a *app) projectData(p *project, f *runFlags) (string, error) {
	if a.data != "" {
		return filepath.Abs(a.data)
	}
	home, err := node.StateHome()
	if err != nil {
		return "", err
	}
	name := p.id.FolderName()
	switch { // positions there are others than on the embedded broker
	case f.kafkaListen != "":
		name += "-kafka-port"
	case a.namesCluster():
		name += "-kafka"
	}
	return filepath.Join(home, name), nil
}

// generate is what the generator is to do, nil for nothing.
func (f *runFlags) generate(p *project) (*node.Generate, error) {
	reads := false
	for _, d := range p.pipeline.Datasets {
		reads = reads || slices.Contains(d.Topics, generatorTopic)
	}
	g := &node.Generate{Topic: generatorTopic, Options: f.feed, Backlog: f.backlog}
	g.Options.AnomalyEvery, g.Options.AnomalyFrom = demoAnomalyEvery, demoAnomalyFrom
	switch f.generator {
	case "off":
		return nil, nil
	case "":
		if p.id.Path != "" || p.id.Name != pipelines.Default {
			return nil, nil
		}
		g.Options.Rate = demoRate
	default:
		rate, err := strconv.ParseFloat(f.generator, 64)
		if err != nil || !(rate > 0) {
			return nil, usage("run --generator %s: it is no number of events per second, nor off", f.generator)
		}
		g.Options.Rate = rate
	}
	if !reads {
		return nil, usage("run --generator %s: the generator writes purchases to the topic %s, which project %s does not read", f.generator, generatorTopic, p.id.Name)
	}
	if f.backlog < 0 {
		return nil, usage("run --backlog %v: the first event would lie in the future; say 0s for none", f.backlog)
	}
	check := g.Options
	check.Start = time.Unix(0, 0)
	if check.Partitions == 0 {
		check.Partitions = max(3, check.SilentPartition+1)
	}
	if err := check.Validate(); err != nil {
		return nil, usage("run --generator: %v", err)
	}
	return g, nil
}

// cache is which Redis is used. What is asked for on the command line goes before the environment.
func (f *runFlags) cache() node.Cache {
	c := node.Cache{Address: f.redis, Listen: f.redisListen}
	if c.Address == "" && c.Listen == "" {
		c.Address = os.Getenv("NAGARE_REDIS")
	}
	if c.Address != "" {
		c.Password = os.Getenv("NAGARE_REDIS_PASSWORD")
	}
	return c
}

// runLive runs until a signal.
func (a *app) runLive(ctx context.Context, p *project, arg string, f *runFlags) error {
	data, err := a.projectData(p, f)
	if err != nil {
		return err
	}
	generate, err := f.generate(p)
	if err != nil {
		return err
	}
	on, err := a.cluster(node.Project{})
	if err != nil {
		return err
	}
	if f.kafkaListen != "" {
		on = &node.Kafka{Listen: f.kafkaListen}
	}
	cfg := node.Config{
		Kafka:    on,
		Pipeline: p.pipeline, Project: p.id, Data: data, HTTP: f.http, Others: f.others, Version: a.version,
		Started: a.started, Generate: generate, Cache: f.cache(), Logger: a.logger(), Doctor: a.doctorOf(data, f),
		Unmonitored: f.unmonitored,
	}
	for {
		again, err := a.live(ctx, cfg, p, arg, f)
		if err != nil || !again {
			return err
		}
	}
}

// live runs until a signal, or until a changed project has taken over, which is to be run then.
func (a *app) live(ctx context.Context, cfg node.Config, p *project, arg string, f *runFlags) (again bool, err error) {
	n, err := a.openRun(ctx, cfg, p, f)
	if err != nil {
		return false, err
	}
	for _, notice := range n.Notices() {
		a.warn("%s", notice)
	}
	a.banner(n, f)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var shown sync.WaitGroup
	shown.Go(func() { a.showFilling(ctx, n) })
	shown.Go(func() {
		if isTerminal(a.out) {
			a.showScreen(ctx, n, stop)
		} else {
			a.showLines(ctx, n)
		}
	})
	err = n.Run(ctx)
	stop()
	shown.Wait()
	switch {
	case err != nil:
	case n.Applied():
		a.tellApplied(n)
		again = true
	default:
		a.summary(n, a.again(p, arg, f))
	}
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	return again, err
}

// command is how this program was called.
func command() string {
	exe, err := os.Executable()
	if err == nil && strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run ."
	}
	return "nagare"
}

// again is the command that goes on with a data folder.
func (a *app) again(p *project, arg string, f *runFlags) string {
	text := command()
	if p.id.Path != "" || p.id.Name != pipelines.Default {
		text += " run " + arg
	}
	if a.kafka != "" {
		text += " --kafka " + a.kafka
	}
	if a.kafkaConfig != "" {
		text += " --kafka-config " + a.kafkaConfig
	}
	if f.kafkaListen != "" {
		text += " --kafka-listen " + f.kafkaListen
	}
	for _, o := range [][2]string{{"listen", f.others.Listen}, {"cert", f.others.Cert}, {"key", f.others.Key}} {
		if o[1] != "" {
			text += " --http-" + o[0] + " " + o[1]
		}
	}
	if f.others.Insecure {
		text += " --http-insecure"
	}
	if a.data != "" {
		text += " --data " + a.data
	}
	return text
}

// banner says what runs, in at most 8 lines.
func (a *app) banner(n *node.Node, f *runFlags) {
	info := n.Info()
	line := func(name, text string) { fmt.Fprintf(a.out, "%-9s %s\n", name, text) }
	from := "ships with nagare"
	if info.Path != "" {
		from = info.Path
	}
	line("nagare", info.Project+" ("+from+")")
	state := "new"
	if !info.New {
		state = fmt.Sprintf("resumed: %s events, watermark %s", grouped(info.Resumed), clock(info.ResumedAt))
	}
	line("data", info.Data+" ("+state+")")
	line("broker", info.Broker)
	if info.Cache != "" {
		line("cache", info.Cache)
	}
	switch {
	case info.Rate > 0 && info.New && f.backlog > 0:
		line("rate", fmt.Sprintf("%g events/s from the generator, behind the last %s at full speed", info.Rate, span(f.backlog)))
	case info.Rate > 0:
		line("rate", fmt.Sprintf("%g events/s from the generator", info.Rate))
	default:
		line("rate", "what comes into "+strings.Join(info.Sources, ", "))
	}
	if info.Address != "" {
		line("api", "http://"+info.Address)
		line("try", "in a second shell: "+command()+" query "+tryQuery(firstTable(n)))
	} else {
		line("api", "none (--http off)")
	}
	if info.Others != "" {
		how := "with the text of " + filepath.Join(info.Data, "token") + " as password"
		if f.others.Insecure {
			how += "; NOT encrypted (--http-insecure)"
		}
		line("others", info.Others+" "+how)
	}
	line("stop", "Ctrl-C; the next start goes on from there")
}

// span is a time in the words of a sentence.
func span(d time.Duration) string {
	if d%time.Minute == 0 && d != time.Minute {
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return d.String()
}

// tryQuery reads a few rows of a table, as a shell takes it for one word.
func tryQuery(table string) string {
	text := "SELECT * FROM " + sql.Format(&sql.TableRef{Parts: []sql.Ident{{Name: table}}}) + " LIMIT 5"
	if strings.Contains(text, "`") {
		return shellQuoted(text)
	}
	return `"` + text + `"`
}

// firstTable is a table to try a query on: a view if there is one.
func firstTable(n *node.Node) string {
	name := ""
	for _, t := range n.Status().Tables {
		if name == "" || t.Kind == "windowed" {
			name = t.Name
		}
		if t.Kind == "windowed" {
			break
		}
	}
	return name
}

// summary is the four lines that a stopped pipeline leaves.
func (a *app) summary(n *node.Node, again string) {
	st := n.Status()
	var tables []string
	for _, t := range st.Tables {
		if t.Kind != "view" {
			tables = append(tables, fmt.Sprintf("%s %s", t.Name, grouped(t.Rows)))
		}
	}
	fmt.Fprintf(a.out, "stopped   %s\n", fullLedgerText(st))
	fmt.Fprintf(a.out, "rows      %s\n", strings.Join(tables, ", "))
	fmt.Fprintf(a.out, "saved     checkpoint %d, watermark %s, in %s\n", st.Epoch, clock(st.Watermark), n.Info().Data)
	fmt.Fprintf(a.out, "resume    with: %s\n", again)
}
