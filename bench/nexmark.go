package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/adapters/nexmark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// Nexmark's queries, each in a project of its own that is made of the one that ships, over one file of events. What is
// measured is from the first byte of the file to the last row of the answer, less the writing of it: rows are counted and
// let go, as the benchmark has them fall into a sink that keeps nothing. Where the answer is a view over tables, it is
// computed once, when all has been read, and that time counts.

const (
	nexmarkProject = "nexmark"      // and its topic
	nexmarkSource  = "0_source.sql" // what all queries read
	nexmarkEvents  = 1_000_000
	nexmarkRuns    = 3 // of each query, of which the best counts
)

// NexmarkConfig is what is measured. Load is needed.
type NexmarkConfig struct {
	Events  int64    // of the file; 0: 1,000,000
	Queries []string // "q0" …; none: all
	Save    string   // where the events are kept; "": nowhere
	Dir     string   // for temporary files; "": the system's
	Load    func(dir string) (*plan.Pipeline, error)
	Tell    func(step string)
}

// NexmarkResult is the figures.
type NexmarkResult struct {
	Machine Machine       `json:"machine"`
	Events  int64         `json:"events"`
	Bytes   int64         `json:"bytes"`
	Queries []NexmarkRate `json:"queries"`
}

// NexmarkRate is the figures of a query, of the best run.
type NexmarkRate struct {
	Query string  `json:"query"`
	Title string  `json:"title"`
	Rate  float64 `json:"events_per_second"`
	Least float64 `json:"least_events_per_second"` // of the slowest run
	Rows  int64   `json:"rows"`                    // of the answer
	Took  float64 `json:"seconds"`
	View  float64 `json:"view_seconds,omitempty"` // those of Took in which the view was computed
}

// NexmarkQueries are the names of the queries there are, in order.
func NexmarkQueries() ([]string, error) {
	project, err := pipelines.Open(nexmarkProject)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(project, "transformations/q*.sql")
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".sql")
	}
	slices.SortFunc(files, func(a, b string) int {
		x, _ := strconv.Atoi(a[1:])
		y, _ := strconv.Atoi(b[1:])
		return cmp.Compare(x, y)
	})
	return files, nil
}

// RunNexmark measures one query after the other.
func RunNexmark(ctx context.Context, cfg NexmarkConfig) (_ *NexmarkResult, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Events == 0 {
		cfg.Events = nexmarkEvents
	}
	if cfg.Tell == nil {
		cfg.Tell = func(string) {}
	}
	if len(cfg.Queries) == 0 {
		if cfg.Queries, err = NexmarkQueries(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(cfg.Dir, "nagare-bench-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := &NexmarkResult{Machine: Machine{runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version()}, Events: cfg.Events}
	cfg.Tell("making the events")
	file := cmp.Or(cfg.Save, filepath.Join(dir, "events.ndjson"))
	if r.Bytes, err = writeNexmark(file, cfg.Events); err != nil {
		return nil, err
	}
	for _, query := range cfg.Queries {
		cfg.Tell(query)
		rate, err := cfg.measure(ctx, filepath.Join(dir, query), query, file)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", query, err)
		}
		r.Queries = append(r.Queries, *rate)
	}
	return r, nil
}

func writeNexmark(path string, n int64) (size int64, err error) {
	g, err := nexmark.New(nexmark.Config{Seed: 1})
	if err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("write the events: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := g.WriteNDJSON(f, n); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// measure runs a query some times.
func (c *NexmarkConfig) measure(ctx context.Context, dir, query, file string) (*NexmarkRate, error) {
	if err := writeNexmarkProject(dir, query); err != nil {
		return nil, err
	}
	best := &NexmarkRate{Query: query}
	for range nexmarkRuns {
		p, err := c.Load(dir)
		if err != nil {
			return nil, err
		}
		answer := p.Dataset(query)
		runtime.GC()
		result, err := node.Bounded{Pipeline: p, Files: map[string][]string{nexmarkProject: {file}}, Views: true}.Run(ctx)
		if err != nil {
			return nil, err
		}
		if n := result.Status.Ledger.Topics[nexmarkProject]; n.Read != c.Events || n.Counted+n.Filtered != c.Events {
			return nil, fmt.Errorf("of %d events %d were read, %d counted and %d filtered", c.Events, n.Read, n.Counted, n.Filtered)
		}
		took := result.Elapsed + result.Written
		now := rate(c.Events, took)
		if best.Least == 0 || now < best.Least {
			best.Least = now
		}
		if now <= best.Rate {
			continue
		}
		best.Title, best.Rate, best.Took = answer.Comment, now, took.Seconds()
		if answer.Kind == plan.MaterializedView {
			best.Rows, best.View = result.Rows[query], result.Written.Seconds()
			continue
		}
		for _, t := range result.Status.Tables {
			if t.Name == query {
				best.Rows = t.Rows
			}
		}
	}
	return best, nil
}

// writeNexmarkProject makes a project of one query.
func writeNexmarkProject(dir, query string) error {
	shipped, err := pipelines.Open(nexmarkProject)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "transformations"), 0o700); err != nil {
		return err
	}
	for _, name := range []string{specFile, "transformations/" + nexmarkSource, "transformations/" + query + ".sql"} {
		text, err := fs.ReadFile(shipped, name)
		if err != nil {
			return fmt.Errorf("read the project of Nexmark's queries: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Validate says what cannot be measured, with the value.
func (c *NexmarkConfig) Validate() error {
	all, err := NexmarkQueries()
	if err != nil {
		return err
	}
	for _, q := range c.Queries {
		if !slices.Contains(all, q) {
			return fmt.Errorf("--query %s: there are %s", q, strings.Join(all, ", "))
		}
	}
	return nil
}

// Write prints the figures.
func (r *NexmarkResult) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("%d cores, %s/%s, %s; Nexmark, %s events, %d MB, a query at a time, the best of %d runs (slowest in brackets)",
		r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Machine.Go, number(r.Events), r.Bytes>>20, nexmarkRuns)
	p.line("")
	p.line("   events/s                          rows")
	for _, q := range r.Queries {
		beside := q.Title
		if q.View > 0 {
			beside = fmt.Sprintf("%s; %.2f of %.2f s for the view", beside, q.View, q.Took)
		}
		p.line("%11s  %-4s %13s %9s  %s", number(int64(q.Rate)), q.Query, "("+number(int64(q.Least))+")", number(q.Rows), beside)
	}
	return p.err
}
