package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A project that runs alive is a process of its own here, and is looked at from outside, so that any two
// programs can be compared that know `nagare run --generator`, /api/status and /api/tail. Each run begins with an
// empty data folder and a backlog; what is measured begins when that is done, by what the process says of itself.
//
// write_bytes of /proc/PID/io is not among the figures: the kernel counts whole folios there, so that an
// overwrite of 4 KB counts up to 2 MB, and what the file system writes for itself is not in it. wchar counts what
// the process gave to write calls, each byte once, answers to its clients among them.

// LiveConfig is what is measured of a project that runs alive. Executable is needed.
type LiveConfig struct {
	Executable string // the nagare command
	// Against is another nagare command that is measured in turns with it; "": none.
	Against string
	// Without has the same command measured in turns without some of its parts (WithoutAlerts, WithoutMonitor).
	Without  []string
	Project  string        // its folder; "": the shipped purchase project
	Rates    []float64     // events a second; 0: nothing comes
	Window   time.Duration // of each measurement
	Pairs    int           // of runs, where two things are compared; else the number of runs
	Together bool          // the two of a pair run at the same time, not one after the other
	Backlog  time.Duration // that is written and read first
	Output   string        // topic whose rows are awaited
	TimeKey  string        // the event's time in the JSON values of that topic
	Dir      string        // for temporary files; "": the system's
	Tell     func(step string)
}

// The parts that a run can be without.
const (
	WithoutAlerts  = "alerts"
	WithoutMonitor = "monitor"
)

// Validate says what cannot be measured, with the value.
func (c *LiveConfig) Validate() error {
	switch {
	case len(c.Rates) == 0:
		return errors.New("--rates: name one at least, as in --rates 10,1000")
	case c.Window < time.Second:
		return fmt.Errorf("--seconds %v: at least 1 is needed for a figure", c.Window.Seconds())
	case c.Pairs < 1:
		return fmt.Errorf("--pairs %d: at least 1 is needed", c.Pairs)
	case c.Backlog < 0:
		return fmt.Errorf("--backlog %v: it lies in the past, so say how long ago, as in 10m", c.Backlog)
	case c.Against != "" && len(c.Without) > 0:
		return errors.New("--without and --against: one thing is compared at a time, so leave one out")
	case c.Together && !c.compares():
		return errors.New("--together: it is for pairs, so say --against BINARY or --without PART too")
	}
	for _, rate := range c.Rates {
		if !(rate >= 0 && rate <= 10_000_000) {
			return fmt.Errorf("--rates %v: want 0 to 10,000,000 events a second", rate)
		}
	}
	for _, part := range c.Without {
		if part != WithoutAlerts && part != WithoutMonitor {
			return fmt.Errorf("--without %s: there are %s and %s", part, WithoutAlerts, WithoutMonitor)
		}
	}
	return nil
}

func (c *LiveConfig) compares() bool { return c.Against != "" || len(c.Without) > 0 }

// LiveResult is the figures of a project that runs alive.
type LiveResult struct {
	Machine  Machine    `json:"machine"`
	Project  string     `json:"project"`
	Window   float64    `json:"window_seconds"`
	Backlog  float64    `json:"backlog_seconds"`
	Output   string     `json:"output_topic"`
	This     string     `json:"this"`
	Other    string     `json:"other,omitempty"` // what it is compared with
	Together bool       `json:"together,omitempty"`
	Load     [2]float64 `json:"load_average"` // of the machine, least and most while it was measured
	Rates    []LiveRate `json:"rates"`
}

// LiveRate is the figures at a rate, a run each, and what comes of comparing them.
type LiveRate struct {
	Rate     float64       `json:"events_per_second"`
	This     []LiveFigures `json:"this"`
	Other    []LiveFigures `json:"other,omitempty"` // [i] is the pair of This[i]
	Compared []Comparison  `json:"compared,omitempty"`
}

// LiveFigures is one run. Figures a second are of the window.
type LiveFigures struct {
	CPU      float64  `json:"cpu_percent"` // of a core
	User     float64  `json:"user_percent"`
	System   float64  `json:"system_percent"`
	Peak     int64    `json:"peak_resident_bytes"` // from the start of the process on, its backlog among it
	Resident int64    `json:"resident_bytes"`      // the middle of the window's
	Syncs    *float64 `json:"syncs_per_second"`    // nil: not measured
	NoSyncs  string   `json:"syncs_not_measured,omitempty"`
	Written  float64  `json:"written_bytes_per_second"` // wchar
	Switches float64  `json:"context_switches_per_second"`
	P50      *float64 `json:"p50_seconds"` // from when an event is due to its row; nil: not measured
	P99      *float64 `json:"p99_seconds"`
	Rows     int      `json:"latency_rows"`
	NoRows   string   `json:"latency_not_measured,omitempty"`
	Settled  float64  `json:"settled_after_seconds"`
	Trouble  string   `json:"trouble,omitempty"` // why the figures are not of a process that keeps up
	Load     float64  `json:"load_average"`
}

// A Comparison is a figure of this against the other's, by pairs.
type Comparison struct {
	Figure     string `json:"figure"`
	Ratio      Spread `json:"ratio"`
	Difference Spread `json:"difference"`
}

// liveRun is one run of the measurements.
type liveRun struct {
	LiveConfig
	dir    string
	strace string // its path, or "" and why not
	noSync string
	r      LiveResult
}

// A variant is one of the things that are measured.
type variant struct {
	name    string
	exe     string
	project string
	more    []string // flags of run
}

// RunLive measures a project that runs alive at each rate. Of a pair the one that begins changes each time. Beside an
// error the result has the rates that were measured before it; nil: it did not begin.
func RunLive(ctx context.Context, cfg LiveConfig) (_ *LiveResult, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := canCount(); err != nil {
		return nil, err
	}
	l := &liveRun{LiveConfig: cfg}
	if l.Tell == nil {
		l.Tell = func(string) {}
	}
	if l.dir, err = os.MkdirTemp(cfg.Dir, "nagare-bench-*"); err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }()
	variants, err := l.variants()
	if err != nil {
		return nil, err
	}
	l.findStrace()
	l.r = LiveResult{Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()}, Project: l.Project,
		Window: l.Window.Seconds(), Backlog: l.Backlog.Seconds(), Output: l.Output, This: variants[0].name, Together: l.Together}
	if len(variants) > 1 {
		l.r.Other = variants[1].name
	}
	for _, rate := range l.Rates {
		one, err := l.measureRate(ctx, rate, variants)
		if err != nil {
			err = fmt.Errorf("at %s events/s: %w", rateText(rate), err)
			l.r.noteLoad()
			return &l.r, err
		}
		l.r.Rates = append(l.r.Rates, one)
	}
	l.r.noteLoad()
	return &l.r, nil
}

// variants makes what is measured: this, and what it is compared with.
func (l *liveRun) variants() ([]variant, error) {
	project, err := l.copyProject()
	if err != nil {
		return nil, err
	}
	this := variant{name: l.Executable, exe: l.Executable, project: project}
	switch {
	case l.Against != "":
		other := this
		if other.exe, err = filepath.Abs(l.Against); err != nil {
			return nil, err
		}
		other.name = other.exe
		if l.Project == shippedProject { // each knows its own
			this.project, other.project = shippedProject, shippedProject
		}
		return []variant{this, other}, nil
	case len(l.Without) > 0:
		other := this
		other.name = "without " + strings.Join(l.Without, " and ")
		if err := l.leaveOut(&other); err != nil {
			return nil, err
		}
		return []variant{this, other}, nil
	}
	return []variant{this}, nil
}

// measureRate measures all pairs at a rate.
func (l *liveRun) measureRate(ctx context.Context, rate float64, variants []variant) (LiveRate, error) {
	out := LiveRate{Rate: rate}
	for pair := range l.Pairs {
		figures := make([]LiveFigures, len(variants))
		order := []int{0, 1}[:len(variants)]
		if pair%2 == 1 && len(order) == 2 {
			order = []int{1, 0}
		}
		groups := [][]int{order}
		if !l.Together && len(order) == 2 {
			groups = [][]int{order[:1], order[1:]}
		}
		for _, group := range groups {
			if err := l.measure(ctx, rate, pair, variants, group, figures); err != nil {
				return out, err
			}
		}
		out.This = append(out.This, figures[0])
		if len(figures) > 1 {
			out.Other = append(out.Other, figures[1])
		}
	}
	out.compare()
	return out, nil
}

// measure runs some of the variants at the same time and notes their figures.
func (l *liveRun) measure(ctx context.Context, rate float64, pair int, variants []variant, which []int, figures []LiveFigures) error {
	return together(which, func(i int) error {
		v := &variants[i]
		l.Tell(fmt.Sprintf("%s events/s, run %d of %d: %s", rateText(rate), pair+1, l.Pairs, v.name))
		f, err := l.measureOne(ctx, rate, v)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		figures[i] = *f
		l.Tell("  " + f.brief())
		return nil
	})
}

// together does something for each at the same time.
func together(which []int, do func(int) error) error {
	failed := make(chan error, len(which))
	for _, i := range which {
		go func() { failed <- do(i) }()
	}
	var err error
	for range which {
		err = errors.Join(err, <-failed)
	}
	return err
}

// measureOne is one run: the backlog, the window, rows of the output topic, and then a run of its own whose
// system calls are counted, since counting them costs time.
func (l *liveRun) measureOne(ctx context.Context, rate float64, v *variant) (f *LiveFigures, err error) {
	c, err := l.start(ctx, v, rate, l.Backlog, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	f = &LiveFigures{}
	if f.Settled, f.Trouble, err = c.settle(ctx); err != nil {
		return nil, err
	}
	if err := c.count(ctx, l.Window, f); err != nil {
		return nil, err
	}
	if err := c.latency(ctx, l.Output, l.TimeKey, l.Window, f); err != nil {
		return nil, err
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return f, l.countSyncs(ctx, v, rate, f)
}

// noteLoad finds the least and the most load of the machine.
func (r *LiveResult) noteLoad() {
	first := true
	for _, rate := range r.Rates {
		for _, runs := range [][]LiveFigures{rate.This, rate.Other} {
			for i := range runs {
				load := runs[i].Load
				if first {
					r.Load, first = [2]float64{load, load}, false
				}
				r.Load = [2]float64{min(r.Load[0], load), max(r.Load[1], load)}
			}
		}
	}
}
