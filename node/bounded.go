package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/store"
)

// Bounded is a run over files as the topics of a project, in a fresh state. It leaves nothing behind
// but what it writes to Out.
type Bounded struct {
	Pipeline *plan.Pipeline
	Files    map[string][]string // by topic, read in order; "-": standard input
	Out      string              // folder for tables and ledger; "": none is written
	Views    bool                // without Out: views are computed all the same, and what they give is let go
	Format   string              // of the tables: csv or jsonl
	Stdout   *os.File            // of console sinks
	Progress func(done, total int64)
	Logger   *slog.Logger

	// BatchRows is engine.Options.BatchRows; results do not depend on it.
	BatchRows int

	// Source opens topics in place of Files; nil: Files are read.
	Source func(topic string) (record.Source, error)
	// Changes takes each change of state of an incident of the pipeline's alert of that number; nil: alerts are
	// left out.
	Changes func(number int, c *alert.Change)
}

// BoundedResult is what a bounded run did.
type BoundedResult struct {
	Status  engine.Status
	Alerts  []engine.AlertStatus
	Rows    map[string]int64 // by table or view, of what was written or computed; without Out that is views at most
	Files   []string         // written, in Out
	Elapsed time.Duration    // of reading and computing
	Written time.Duration    // of writing the files, or of computing the views
	Skipped []string         // sinks that are not written in such a run
	Notices []string         // what is worth knowing of the files
}

// boundedRun is one run of a Bounded.
type boundedRun struct {
	Bounded
	dir       string // of temporary files
	engine    *engine.Engine
	sources   map[string]*file.Source
	now       time.Time
	result    BoundedResult
	readers   []string // logs that a view reads
	alertless bool     // its alerts are left out

	mu    sync.Mutex
	done  map[string]int64
	total map[string]int64
	logs  int
}

// Run reads the files to their end.
func (b Bounded) Run(ctx context.Context) (*BoundedResult, error) {
	r := &boundedRun{Bounded: b, sources: map[string]*file.Source{}, now: time.Now(), done: map[string]int64{}, total: map[string]int64{}}
	r.result.Rows = map[string]int64{}
	if r.Format == "" {
		r.Format = formatCSV
	}
	dir, err := os.MkdirTemp("", "nagare-run-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", cause(err))
	}
	r.dir = dir
	if r.Source == nil {
		err = r.openFiles()
		r.Source = func(topic string) (record.Source, error) { return r.sources[topic], nil }
	}
	if err == nil && r.Out != "" {
		err = prepareOut(r.Out, r.Format)
	}
	if err == nil {
		err = r.run(ctx)
	}
	if rerr := os.RemoveAll(dir); err == nil && rerr != nil {
		err = fmt.Errorf("remove temporary files: %w", rerr)
	}
	return &r.result, err
}

// openFiles matches files with topics.
func (r *boundedRun) openFiles() error {
	r.leaveOut()
	roles, err := findRoles(r.Pipeline)
	if err != nil {
		return err
	}
	for _, topic := range sortedKeys(r.Files) {
		if !slices.Contains(roles.sources, topic) {
			text := fmt.Sprintf("read %s as topic %q: the project does not read that topic", strings.Join(r.Files[topic], ", "), topic)
			if near := sql.Nearest(topic, roles.sources); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			return &web.RequestError{Reason: text + "; it reads " + strings.Join(roles.sources, ", ")}
		}
	}
	fields := dataflow.ValueFields(r.Pipeline)
	for _, topic := range roles.sources {
		paths := r.Files[topic]
		if len(paths) == 0 {
			return &web.RequestError{Reason: fmt.Sprintf("run from files: none is named for the topic %s; add --from %s=FILE", topic, topic)}
		}
		c := r.Pipeline.Config.Topics[topic]
		cfg := file.Config{Path: paths[0], More: paths[1:], Topic: topic, Partitions: max(c.Partitions, 1), KeyField: c.Key, Now: r.now.UnixMicro(),
			Fields: cellsOf(fields[topic]), Spool: r.dir, Headers: r.Pipeline.HeadersOf(topic)}
		if r.Progress != nil {
			cfg.Progress = func(done, total int64) { r.progress(topic, done, total) }
		}
		src, err := file.Open(cfg)
		if err != nil {
			return err
		}
		r.sources[topic] = src
		r.result.Notices = append(r.result.Notices, src.Notices()...)
	}
	return nil
}

// leaveOut takes out alerts, if nobody takes their changes, and then what reads only topics that a process writes of
// itself while it runs, unless those are given.
func (r *boundedRun) leaveOut() {
	if r.Changes != nil {
		return // a replay has what its alert needs, and no more
	}
	rest := *r.Pipeline
	r.alertless = len(rest.Alerts) > 0
	rest.Alerts = nil
	var missing []string
	for _, topic := range ownTopics {
		if len(r.Files[topic]) == 0 {
			missing = append(missing, topic)
		}
	}
	var left []string
	r.Pipeline, left = rest.Without(missing)
	if len(left) > 0 {
		r.result.Notices = append(r.result.Notices, fmt.Sprintf("no file is named for %s, so what reads only what a process writes there is left out: %s",
			strings.Join(missing, " and "), strings.Join(left, ", ")))
	}
}

// progress sums what the files report.
func (r *boundedRun) progress(topic string, done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[topic], r.total[topic] = done, total
	var d, t int64
	for topic := range r.done {
		d += r.done[topic]
		t += r.total[topic]
	}
	r.Progress(d, t)
}

func (r *boundedRun) run(ctx context.Context) (err error) {
	for _, d := range r.Pipeline.Datasets {
		if d.Kind == plan.MaterializedView {
			for _, f := range d.Flows {
				r.noteReaders(f.Root)
			}
		}
	}
	memory := &store.Memory{}
	e, err := engine.Open(ctx, engine.Options{
		Pipeline:     r.Pipeline,
		Source:       r.Source,
		Sink:         r.openSink,
		Log:          r.openLog,
		Store:        memory,
		Now:          func() int64 { return time.Now().UnixMicro() },
		BatchRows:    r.BatchRows,
		Once:         true,
		CloseWindows: true,
		Ephemeral:    true,
		TextLogs:     r.Format == formatCSV,
		Logger:       r.Logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if r.alertless {
		r.result.Skipped = append(r.result.Skipped, "topic "+engine.AlertTopic+" (nagare alerts test shows what alerts make of files)")
	}
	r.engine = e
	begin := time.Now()
	if err := e.Run(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.result.Elapsed = time.Since(begin)
	r.result.Status, r.result.Alerts = e.Status(), e.Alerts()
	begin = time.Now()
	switch {
	case r.Out != "":
		err = r.write(ctx)
	case r.Views:
		err = r.computeViews(ctx)
	}
	r.result.Written = time.Since(begin)
	return err
}

// computeViews has each view give its rows, which are counted.
func (r *boundedRun) computeViews(ctx context.Context) error {
	for _, d := range r.Pipeline.Datasets {
		if d.Kind != plan.MaterializedView {
			continue
		}
		err := r.engine.Scan(ctx, d.Name, func(b *column.Batch) error {
			r.result.Rows[d.Name] += int64(b.Len)
			return nil
		})
		if err != nil {
			return fmt.Errorf("compute view %s: %w", d.Name, err)
		}
	}
	return nil
}

// noteReaders finds the tables that a view reads.
func (r *boundedRun) noteReaders(n plan.Node) {
	if s, ok := n.(*plan.Scan); ok {
		r.readers = append(r.readers, s.Dataset.Name)
		for _, f := range s.Dataset.Flows {
			if s.Dataset.Kind == plan.TemporaryView {
				r.noteReaders(f.Root)
			}
		}
	}
	for _, in := range n.Inputs() {
		r.noteReaders(in)
	}
}

// openLog keeps rows in temporary files if somebody is going to read them, else counts them.
func (r *boundedRun) openLog(topic string, partitions int) (record.Log, error) {
	if r.Out == "" && !slices.Contains(r.readers, topic) {
		return file.NewTally(partitions), nil
	}
	r.logs++
	return file.NewSpool(r.dir, r.logs, topic, partitions), nil
}

// openSink opens what prints to the terminal. Topics do not exist in such a run, and files that grow
// from run to run would get the rows of each run again: those sinks take nothing.
func (r *boundedRun) openSink(def *plan.SinkDef) (record.Sink, error) {
	if def.Format == "console" {
		out := r.Stdout
		if out == nil {
			out = os.Stdout
		}
		return openFileSink(def, r.dir, out)
	}
	if def.Name == engine.AlertSink && def.Root == nil { // the engine's own: only a replay has alerts
		return changeSink(r.Changes), nil
	}
	if def.Format != "noop" {
		r.result.Skipped = append(r.result.Skipped, def.Name)
	}
	return nil, nil
}

// write writes the tables and the ledger.
func (r *boundedRun) write(ctx context.Context) error {
	w := tableFiles{engine: r.engine, dir: r.Out, format: r.Format, rows: r.result.Rows}
	err := w.all(ctx, r.result.Status)
	r.result.Files = w.files
	return err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
