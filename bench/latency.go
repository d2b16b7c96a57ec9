package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
)

// How long a row of a topic on Kafka takes until its result can be read in another topic there: a writer stamps each row
// with the moment at which it hands it to its client, in a header, a nagare process makes rows of it, and a reader
// notes when they come. Writer and reader are in this process, so that there is one clock. It is the shape in which
// Spark measures its real-time mode: rows of 1,200 bytes, 10,000 a second.

// LatencyConfig is what is measured. Executable and Kafka are needed.
type LatencyConfig struct {
	Executable string  // the nagare command
	Against    string  // another one that is measured in turns with it; "": none
	Kafka      string  // addresses of the cluster
	Rate       float64 // rows a second
	RowBytes   int     // of each value
	Window     time.Duration
	Pairs      int    // of runs
	Dir        string // for temporary files; "": the system's
	Tell       func(step string)
}

// Validate says what cannot be measured, with the value.
func (c *LatencyConfig) Validate() error {
	switch {
	case c.Kafka == "":
		return errors.New("--latency: rows go through topics of a Kafka cluster, so name one, as in --kafka 127.0.0.1:9092 (--live measures the embedded broker)")
	case !(c.Rate >= 1 && c.Rate <= 1_000_000):
		return fmt.Errorf("--rate %v: want 1 to 1,000,000 rows a second", c.Rate)
	case c.RowBytes < leastRow || c.RowBytes > 1<<20:
		return fmt.Errorf("--row-bytes %d: want %d to %d", c.RowBytes, leastRow, 1<<20)
	case c.Window < time.Second:
		return fmt.Errorf("--seconds %v: at least 1 is needed for a figure", c.Window.Seconds())
	case c.Pairs < 1:
		return fmt.Errorf("--pairs %d: at least 1 is needed", c.Pairs)
	}
	return nil
}

// LatencyResult is the figures.
type LatencyResult struct {
	Machine     Machine        `json:"machine"`
	Kafka       string         `json:"kafka"`
	ExactlyOnce bool           `json:"exactly_once"` // what the cluster has sinks do; else at least once
	Headers     bool           `json:"headers"`      // rows keep them; else the time is in the value, for a program that knows none
	RowBytes    int            `json:"row_bytes"`
	Window      float64        `json:"window_seconds"`
	This        string         `json:"this"`
	Other       string         `json:"other,omitempty"`
	Load        [2]float64     `json:"load_average"` // least and most
	Shapes      []LatencyShape `json:"shapes"`
}

// LatencyShape is the figures of one kind of pipeline.
type LatencyShape struct {
	Shape string `json:"shape"`
	LiveRate
}

// A shape is what the process makes of the rows, and who reads them.
type shape struct {
	name      string
	queries   string
	sink      string // its settings
	committed bool   // the reader waits for the end of transactions
	windows   bool   // a row is of many: it has the time of the newest
}

const rowsQuery = "CREATE TEMPORARY VIEW passed AS SELECT key, value, headers FROM STREAM raw;\n"

const windowsQuery = `CREATE TEMPORARY VIEW events AS
SELECT f.k AS k, f.at AS at FROM (SELECT from_json(CAST(value AS STRING), 'k STRING, at TIMESTAMP') AS f FROM STREAM raw);
CREATE STREAMING TABLE counts AS
SELECT window.start AS start, k, count(*) AS n, max(at) AS newest FROM STREAM events WATERMARK at DELAY OF INTERVAL 2 SECONDS
GROUP BY window(at, '10 seconds'), k;
CREATE TEMPORARY VIEW told AS SELECT k AS key, to_json(struct(*)) AS value FROM STREAM counts;
`

func latencyShapes(exactly, headers bool) []shape {
	rows, rowsQuery := "  sink.out.from: passed\n", rowsQuery
	if !headers {
		rowsQuery = strings.Replace(rowsQuery, ", headers", "", 1)
	}
	all := []shape{{name: "stateless", queries: rowsQuery, sink: rows, committed: true}}
	if exactly {
		all[0].name = "stateless, exactly once (read_committed)"
		all = append(all, shape{name: "stateless, before the transaction's end (read_uncommitted)", queries: rowsQuery, sink: rows})
	}
	return append(all, shape{name: "windows of 10 s by 100 keys, outputMode update: of a row's newest event", queries: windowsQuery,
		sink: "  sink.out.from: told\n  sink.out.option.outputMode: update\n", committed: true, windows: true})
}

// latencyRun is one run of the measurements.
type latencyRun struct {
	LatencyConfig
	live    *liveRun
	cluster *kafka.Cluster
	count   int // of pipelines so far
	r       LatencyResult
}

// RunLatency measures each shape. Beside an error the result has those that were measured before it; nil: it did not begin.
func RunLatency(ctx context.Context, cfg LatencyConfig) (_ *LatencyResult, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := canCount(); err != nil {
		return nil, err
	}
	if cfg.Tell == nil {
		cfg.Tell = func(string) {}
	}
	dir, err := os.MkdirTemp(cfg.Dir, "nagare-bench-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &latencyRun{LatencyConfig: cfg, live: &liveRun{dir: dir}}
	if l.cluster, err = kafka.Open(ctx, kafka.Config{Hosts: kafka.SplitHosts(cfg.Kafka), Name: "bench"}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.cluster.Close()) }()
	l.r = LatencyResult{Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()}, Kafka: l.cluster.Describe(),
		ExactlyOnce: l.cluster.ExactlyOnce(), RowBytes: l.RowBytes, Window: l.Window.Seconds(), This: l.Executable}
	exes := []string{l.Executable}
	if l.Against != "" {
		if l.r.Other, err = filepath.Abs(l.Against); err != nil {
			return nil, err
		}
		exes = append(exes, l.r.Other)
	}
	if l.r.Headers, err = l.knowHeaders(ctx, exes); err != nil {
		return nil, err
	}
	for _, s := range latencyShapes(l.r.ExactlyOnce, l.r.Headers) {
		one, err := l.measureShape(ctx, s, exes)
		if err != nil {
			return &l.r, fmt.Errorf("%s: %w", s.name, err)
		}
		l.r.Shapes = append(l.r.Shapes, LatencyShape{s.name, one})
		for _, runs := range [][]LiveFigures{one.This, one.Other} {
			for i := range runs {
				if load := runs[i].Load; l.r.Load[1] == 0 {
					l.r.Load = [2]float64{load, load}
				} else {
					l.r.Load = [2]float64{min(l.r.Load[0], load), max(l.r.Load[1], load)}
				}
			}
		}
	}
	return &l.r, nil
}

// knowHeaders asks the programs whether they take a project that hands on the headers of records.
func (l *latencyRun) knowHeaders(ctx context.Context, exes []string) (bool, error) {
	dir := filepath.Join(l.live.dir, "headers")
	if err := writeLatencyProject(dir, "headers", "in", "out", latencyShapes(false, true)[0]); err != nil {
		return false, err
	}
	for _, exe := range exes {
		var refused *exec.ExitError
		err := exec.CommandContext(ctx, exe, "check", dir).Run()
		if errors.As(err, &refused) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("start %s: %w", exe, err)
		}
	}
	return true, nil
}

// measureShape measures all pairs of a shape. Of a pair the one that begins changes each time.
func (l *latencyRun) measureShape(ctx context.Context, s shape, exes []string) (LiveRate, error) {
	out := LiveRate{Rate: l.Rate}
	for pair := range l.Pairs {
		figures := make([]LiveFigures, len(exes))
		for i := range exes {
			which := (pair + i) % len(exes)
			l.Tell(fmt.Sprintf("%s, run %d of %d: %s", s.name, pair+1, l.Pairs, exes[which]))
			f, err := l.measureOne(ctx, s, exes[which])
			if err != nil {
				return out, fmt.Errorf("%s: %w", exes[which], err)
			}
			figures[which] = *f
			l.Tell("  " + f.brief())
		}
		out.This = append(out.This, figures[0])
		if len(figures) > 1 {
			out.Other = append(out.Other, figures[1])
		}
	}
	out.compare()
	return out, nil
}

// measureOne runs a pipeline with topics of its own.
func (l *latencyRun) measureOne(ctx context.Context, s shape, exe string) (f *LiveFigures, err error) {
	l.count++
	name := fmt.Sprintf("nagare-latency-%d-%d", time.Now().UnixMilli(), l.count)
	in, out := name+"-in", name+"-out"
	for _, topic := range []string{in, out} {
		if err := l.cluster.CreateTopic(ctx, broker.TopicConfig{Name: topic, Partitions: partitions}); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, l.cluster.DeleteTopic(context.WithoutCancel(ctx), topic)) }()
	}
	project := filepath.Join(l.live.dir, name)
	if err := writeLatencyProject(project, name, in, out, s); err != nil {
		return nil, err
	}
	c, err := l.live.start(ctx, &variant{exe: exe, project: project, more: []string{"--kafka", l.Kafka}}, 0, 0, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	f = &LiveFigures{}
	g := &gauge{config: &l.LatencyConfig, shape: s, in: in, out: out}
	return f, g.measure(ctx, c, f)
}

// writeLatencyProject writes a project that reads a topic and writes another.
func writeLatencyProject(dir, name, in, out string, s shape) error {
	spec := fmt.Sprintf(`name: %s
storage: file:///tmp/nagare/%s
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.subscribe: %s
  source.raw.option.startingOffsets: earliest
  source.raw.option.includeHeaders: "true"
  sink.out.format: kafka
  sink.out.option.topic: %s
%s`, name, name, in, out, s.sink)
	if err := os.MkdirAll(filepath.Join(dir, "transformations"), 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, specFile), []byte(spec), 0o600),
		os.WriteFile(filepath.Join(dir, "transformations", "queries.sql"), []byte(s.queries), 0o600))
}

// Write prints the figures, the middle of the runs each.
func (r *LatencyResult) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("rows of %s bytes from a topic to a topic of %s; %d cores, %s/%s, with its broker, writer and reader on them; windows of %g s; load average %.1f – %.1f",
		number(int64(r.RowBytes)), r.Kafka, r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Window, r.Load[0], r.Load[1])
	p.line("this   %s", r.This)
	if r.Other != "" {
		p.line("other  %s", r.Other)
	}
	if !r.Headers {
		p.line("the source time is in the value: one of them knows no headers")
	}
	for i := range r.Shapes {
		p.line("")
		p.line("%s", r.Shapes[i].Shape)
		p.rate(&r.Shapes[i].LiveRate, "the sink")
	}
	return p.err
}
