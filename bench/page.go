package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
)

// What it costs that people look is measured on two processes of a project that runs alive. One takes records in as
// fast as it can, in windows with and without clients: some follow updates, some of these take nothing, and some send
// a byte now and then. The other makes its own events, and in some windows one or two have the overview open, with its
// requests.

// PageConfig is what is measured of the page. Executable is needed.
type PageConfig struct {
	Executable string
	Project    string        // its folder; "": the shipped purchase project
	Clients    int           // that follow updates, the stalled ones among them
	Stalled    int           // of the clients, those that take nothing
	Slow       int           // connections that send a byte now and then
	Rate       float64       // events a second while somebody has the overview open
	Window     time.Duration // of each measurement
	Pairs      int           // of windows; of those with an overview open, rounds of lookRound
	Dir        string        // for temporary files; "": the system's
	Tell       func(step string)
}

// Validate says what cannot be measured, with the value.
func (c *PageConfig) Validate() error {
	switch {
	case c.Window < time.Second:
		return fmt.Errorf("--seconds %v: at least 1 is needed for a figure", c.Window.Seconds())
	case c.Pairs < 1:
		return fmt.Errorf("--pairs %d: at least 1 is needed", c.Pairs)
	case c.Clients < 0 || c.Slow < 0:
		return fmt.Errorf("--clients %d --slow %d: want none below 0", c.Clients, c.Slow)
	case c.Stalled < 0 || c.Stalled > c.Clients:
		return fmt.Errorf("--stalled %d: want 0 to the %d of --clients", c.Stalled, c.Clients)
	case !(c.Rate > 0 && c.Rate <= 10_000_000):
		return fmt.Errorf("--rate %v: want more than 0 and at most 10,000,000 events a second", c.Rate)
	}
	return nil
}

// PageResult is what it costs that people look.
type PageResult struct {
	Machine Machine `json:"machine"`
	Project string  `json:"project"`
	Window  float64 `json:"window_seconds"`
	Clients int     `json:"clients"`
	Stalled int     `json:"stalled"`
	Slow    int     `json:"slow"`
	Load    float64 `json:"load_average"`

	Intake      []PageIntake `json:"intake"`
	IntakeRatio Spread       `json:"intake_ratio"`    // with clients to without
	Processor   Spread       `json:"processor_ratio"` // the same of processor time an event
	Resident    [2]int64     `json:"resident_bytes"`  // without clients and with them, the middle each
	Updates     [2]int64     `json:"updates"`         // that the fewest and the most of the clients got that read

	Rate  float64    `json:"events_per_second"` // that were to come
	Looks []PageLook `json:"looks"`
	Cost  LookCost   `json:"cost_percent"`        // of a core, of one client
	Next  LookCost   `json:"second_cost_percent"` // of a second one beside it
}

// LookCost is what a client costs of a core, in percent, over all rounds, and the quarter and three quarters of them.
type LookCost struct {
	Spread
	Half [2]float64 `json:"middle_half"`
}

// PageIntake is a pair of windows. Rates are events a second, acknowledged when they are on the disk.
type PageIntake struct {
	Alone float64 `json:"alone"`
	With  float64 `json:"with_clients"`
	// Of the process, an event: what clients cost whatever else the machine does.
	NanosAlone float64 `json:"processor_ns_alone"`
	NanosWith  float64 `json:"processor_ns_with_clients"`

	residentAlone, residentWith int64
}

// lookRound is how many have the overview open in the windows of a round: there and back, so that neither what grows nor
// what the machine does more and more falls on one of them alone.
var lookRound = [...]int{0, 1, 2, 2, 1, 0}

// PageLook is a round of windows.
type PageLook struct {
	Alone   Spent `json:"alone"`
	With    Spent `json:"with_client"`
	WithTwo Spent `json:"with_two_clients"`
	Answers int64 `json:"answers"` // that one client got in its two windows
}

// Spent is what a process did in windows, the mean of them.
type Spent struct {
	CPU    float64 `json:"cpu_percent"`       // of a core
	Events float64 `json:"events_per_second"` // that it read
}

// cost is what those who look take of a core, in percent. Windows may have had different numbers of events, so that
// those of the one are counted at the price of the other.
func (l *PageLook) cost(with Spent) float64 {
	if l.Alone.Events == 0 {
		return with.CPU - l.Alone.CPU
	}
	return with.CPU - l.Alone.CPU*with.Events/l.Alone.Events
}

// costs is what the first client takes, and the second one beside it.
func (l *PageLook) costs() (first, second float64) {
	first = l.cost(l.With)
	return first, l.cost(l.WithTwo) - first
}

// pageRun is one run of the measurements.
type pageRun struct {
	liveRun
	cfg PageConfig
	r   PageResult
}

// RunPage measures what it costs that people look.
func RunPage(ctx context.Context, cfg PageConfig) (_ *PageResult, err error) {
	if err := errors.Join(cfg.Validate(), canCount()); err != nil {
		return nil, err
	}
	m := &pageRun{cfg: cfg}
	m.LiveConfig = LiveConfig{Executable: cfg.Executable, Project: cfg.Project, Tell: cfg.Tell}
	if m.Tell == nil {
		m.Tell = func(string) {}
	}
	if m.dir, err = os.MkdirTemp(cfg.Dir, "nagare-bench-*"); err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.dir)) }()
	variants, err := m.variants()
	if err != nil {
		return nil, err
	}
	m.r = PageResult{Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()}, Project: m.Project,
		Window: cfg.Window.Seconds(), Clients: cfg.Clients, Stalled: cfg.Stalled, Slow: cfg.Slow, Rate: cfg.Rate}
	for _, step := range []step{
		{"intake with clients and without", func(ctx context.Context) error { return m.measureIntake(ctx, &variants[0]) }},
		{"the cost of one client", func(ctx context.Context) error { return m.measureLook(ctx, &variants[0]) }},
	} {
		m.Tell(step.name)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	m.r.Load = loadAverage()
	return &m.r, nil
}

// measureIntake alternates windows of one process.
func (m *pageRun) measureIntake(ctx context.Context, v *variant) (err error) {
	c, err := m.start(ctx, v, 0, 0, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	in, err := newIntake(c)
	if err != nil {
		return err
	}
	if _, _, err := in.run(ctx, time.Second); err != nil { // the first appends make files
		return err
	}
	crowd := newCrowd(c.address, m.cfg)
	for pair := range m.cfg.Pairs {
		var p PageIntake
		for k := range 2 {
			if _, _, err := c.settle(ctx); err != nil {
				return err
			}
			if (pair+k)%2 == 0 {
				p.Alone, p.NanosAlone, p.residentAlone, err = m.intakeOnce(ctx, c, in)
			} else {
				if err = crowd.come(ctx); err == nil {
					p.With, p.NanosWith, p.residentWith, err = m.intakeOnce(ctx, c, in)
				}
				err = errors.Join(err, crowd.leave())
			}
			if err != nil {
				return err
			}
		}
		m.Tell(fmt.Sprintf("  %.0f events/s, with clients %.0f: %.3f; memory %d MB and %d MB", p.Alone, p.With, p.With/p.Alone, p.residentAlone/1e6, p.residentWith/1e6))
		m.r.Intake = append(m.r.Intake, p)
	}
	m.r.Updates = crowd.updates()
	m.r.compare()
	return nil
}

// intakeOnce takes records in for a window, and waits until they are read, so that their whole work is counted.
func (m *pageRun) intakeOnce(ctx context.Context, c *child, in *intake) (rate, nanos float64, resident int64, err error) {
	before, err := readCounters(c.pid)
	if err != nil {
		return 0, 0, 0, err
	}
	records, took, err := in.run(ctx, m.cfg.Window)
	if err != nil {
		return 0, 0, 0, err
	}
	if _, _, err := c.settle(ctx); err != nil {
		return 0, 0, 0, err
	}
	after, err := readCounters(c.pid)
	spent := after.user + after.system - before.user - before.system
	return float64(records) / took.Seconds(), float64(spent.Nanoseconds()) / float64(records), after.resident, err
}

// measureLook alternates windows of one process that makes its own events.
func (m *pageRun) measureLook(ctx context.Context, v *variant) (err error) {
	c, err := m.start(ctx, v, m.cfg.Rate, time.Second, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	err = every(ctx, statusPause, func() (bool, error) {
		st, err := c.status(ctx)
		return st.Engine.Events > 0, err
	})
	if err != nil {
		return err
	}
	for range m.cfg.Pairs {
		l, err := m.round(ctx, c)
		if err != nil {
			return err
		}
		first, second := l.costs()
		m.Tell(fmt.Sprintf("  %.1f %% of a core at %.0f events/s; one client costs %.2f %%, a second one %.2f %%", l.Alone.CPU, l.Alone.Events, first, second))
		m.r.Looks = append(m.r.Looks, l)
	}
	m.r.compareLooks()
	return nil
}

// round measures the windows of a round.
func (m *pageRun) round(ctx context.Context, c *child) (l PageLook, err error) {
	to := [...]*Spent{&l.Alone, &l.With, &l.WithTwo}
	for _, clients := range lookRound {
		s, answers, err := m.lookOnce(ctx, c, clients)
		if err != nil {
			return l, err
		}
		to[clients].CPU += s.CPU / 2 // each stands in a round twice
		to[clients].Events += s.Events / 2
		if clients == 1 {
			l.Answers += answers
		}
	}
	return l, nil
}

// lookOnce has so many open the overview, and measures once they have it.
func (m *pageRun) lookOnce(ctx context.Context, c *child, clients int) (s Spent, answers int64, err error) {
	var open []*overview
	defer func() {
		for _, o := range open {
			err = errors.Join(err, o.close())
		}
	}()
	for range clients {
		o := newOverview(c)
		if err := o.open(ctx); err != nil {
			return s, 0, err
		}
		open = append(open, o)
	}
	got := func() (n int64) {
		for _, o := range open {
			n += o.answers.Load()
		}
		return n
	}
	before := got()
	s, err = c.spend(ctx, m.cfg.Window)
	return s, got() - before, err
}

// compareLooks makes the costs of the rounds.
func (r *PageResult) compareLooks() {
	var first, second []float64
	for i := range r.Looks {
		one, two := r.Looks[i].costs()
		first, second = append(first, one), append(second, two)
	}
	r.Cost, r.Next = lookCostOf(first), lookCostOf(second)
}

func lookCostOf(costs []float64) LookCost {
	s := slices.Sorted(slices.Values(costs))
	n := len(s)
	return LookCost{spreadOf(costs), [2]float64{s[(n-1)/4], s[n-1-(n-1)/4]}}
}

// spend measures a window.
func (c *child) spend(ctx context.Context, window time.Duration) (s Spent, err error) {
	read := func() (n counters, events int64, err error) {
		st, err := c.status(ctx)
		if err != nil {
			return n, 0, err
		}
		n, err = readCounters(c.pid)
		return n, st.Engine.Events, err
	}
	before, events, err := read()
	if err != nil {
		return s, err
	}
	from := time.Now()
	if err := retry.Pause(ctx, window); err != nil {
		return s, err
	}
	after, more, err := read()
	took := time.Since(from).Seconds()
	s.CPU = 100 * (after.user + after.system - before.user - before.system).Seconds() / took
	s.Events = float64(more-events) / took
	return s, err
}

// compare makes the ratios of the pairs.
func (r *PageResult) compare() {
	var ratios, processor, alone, with []float64
	for i := range r.Intake {
		p := &r.Intake[i]
		ratios, processor = append(ratios, p.With/p.Alone), append(processor, p.NanosWith/p.NanosAlone)
		alone, with = append(alone, float64(p.residentAlone)), append(with, float64(p.residentWith))
	}
	r.IntakeRatio, r.Processor = spreadOf(ratios), spreadOf(processor)
	r.Resident = [2]int64{int64(spreadOf(alone).Median), int64(spreadOf(with).Median)}
}
