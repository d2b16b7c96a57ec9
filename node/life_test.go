package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// A life is one process of a logical run: it opens the purchase pipeline on a data folder, generates
// at full speed what is not there yet, and ends by itself when all events are processed, all windows
// closed and everything delivered.
type life struct {
	Data   string
	Events int64
	Edited bool `json:",omitempty"` // it runs editedPurchases, and applies them to a folder of before
	Phases bool `json:",omitempty"` // its topic gets partitions behind Events, and moreEvents come; see phases_test.go
}

// The events of a logical run lie in a past that is always the same, so that a run has the same bytes
// on every day; an hour ends among them. A generator goes on with its events only within an hour: to
// this process it is lifeEnd.
const (
	lifeTopic = "purchase-events"
	lifeSpan  = 10 * time.Minute
	lifeSeed  = 20260203

	lifeCheckpoint = 400 * time.Millisecond // lives are short, and some shall go on from where a killed one was
)

func lifeEnd() time.Time { return time.Date(2026, 2, 3, 10, 6, 30, 0, time.UTC) }

// generator is what a life generates: all kinds of odd events among ordinary ones. Late ones are many,
// so that a process that starts again soon meets one and has to know the watermark from before.
func (l life) generator() generator.Config {
	return generator.Config{
		Seed: lifeSeed, Rate: float64(l.Events) / lifeSpan.Seconds(), Count: l.Events,
		Disorder: 3 * time.Second, Late: 0.15, LateBy: 90 * time.Second, Bad: 0.01, Duplicates: 0.005,
		SilentPartition: -1, AnomalyEvery: 5000, AnomalyFrom: 300,
	}
}

// The stages of a life, in order.
const (
	atOpen   = "open"   // the folder is open, the pipeline begins to run
	atCommit = "commit" // a checkpoint was taken; comes any number of times
	atFills  = "fills"  // the same, and edited queries are filled beside it
	atWiden  = "widen"  // all events are read, and the topic gets partitions
	atMore   = "more"   // further events come
	atRead   = "read"   // all events are read; the pipeline stops
	atClose  = "close"  // it is opened again to close the windows
	atDone   = "done"
)

// A report is a line that a life prints.
type report struct {
	At     string
	Epoch  uint64 `json:",omitempty"`
	Events int64  `json:",omitempty"` // read
	Outbox int64  `json:",omitempty"` // rows that are committed and not yet delivered
}

// liveLife is the main function of a life. Its argument is the life as JSON.
func liveLife(args []string) int {
	var l life
	err := json.Unmarshal([]byte(args[0]), &l)
	if err == nil {
		err = l.live(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		return node.ExitCode(err)
	}
	return 0
}

func say(at string, st engine.Status) {
	line, err := json.Marshal(report{at, st.Epoch, st.Events, st.OutboxRows})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func (l life) live(ctx context.Context) error {
	wide := l.isWide()
	for applied := !wide; applied; {
		var err error
		generate := &node.Generate{Topic: lifeTopic, Options: l.generator(), Backlog: lifeSpan + time.Minute}
		if applied, err = l.run(ctx, atOpen, generate, l.Events); err != nil {
			return err
		}
	}
	if l.Phases {
		if err := l.goOn(ctx, wide); err != nil {
			return err
		}
	}
	return l.closeWindows(ctx)
}

// run runs until so many events are read, or until edited queries have taken over.
func (l life) run(ctx context.Context, at string, generate *node.Generate, events int64) (applied bool, err error) {
	cfg := node.Config{HTTP: node.HTTPOff, Generate: generate}
	n, err := l.open(ctx, cfg)
	var changed *engine.ChangedError
	applies := l.Edited && errors.As(err, &changed)
	if applies {
		n, err = l.apply(ctx, cfg)
	}
	if err != nil {
		return false, err
	}
	if applies {
		at = atFills
	}
	say(at, n.Status())
	run, stop := context.WithCancel(ctx)
	defer stop()
	watched, written := make(chan struct{}), make(chan error, 1)
	switch {
	case at == atMore:
		go func() { written <- l.writeMore(run, n) }()
	case applies: // as `nagare plan` does, which asks the process
		go func() { written <- comparing(run, n) }()
	default:
		written <- nil
	}
	go func() {
		defer close(watched)
		if l.watch(run, n, events, applies); !applies {
			stop()
		}
	}()
	err = n.Run(run)
	stop()
	<-watched
	return n.Applied(), errors.Join(err, <-written, n.Close())
}

// watch reports each checkpoint and returns when all events are read, or the process ends.
func (l life) watch(ctx context.Context, n *node.Node, events int64, applies bool) {
	changed, end := n.Watch()
	defer end()
	for {
		st := n.Status()
		if st.Events >= events && !applies {
			if !l.Phases || events > l.Events {
				say(atRead, st)
			}
			return
		}
		if st.Epoch > 0 && !applies {
			say(atCommit, st)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// closeWindows ends the logical run: there is nothing to read any more, and all windows close.
func (l life) closeWindows(ctx context.Context) error {
	n, err := l.open(ctx, node.Config{Once: true, Close: true})
	if err != nil {
		return err
	}
	say(atClose, n.Status())
	err = n.Run(ctx)
	st := n.Status()
	if err = errors.Join(err, n.Close()); err != nil {
		return err
	}
	say(atDone, st)
	return nil
}

func (l life) open(ctx context.Context, cfg node.Config) (*node.Node, error) {
	p, err := lifePipeline()
	if err == nil && l.Edited {
		p, err = editedPurchases()
	}
	if err != nil {
		return nil, err
	}
	cfg.Pipeline = p
	return l.openWith(ctx, cfg)
}

// lifePipeline is the project of a life.
func lifePipeline() (*plan.Pipeline, error) {
	return shippedPipeline(pipelines.Default, plan.File{Path: "transformations/sliding.sql", Text: slidingSales})
}

func (l life) openWith(ctx context.Context, cfg node.Config) (*node.Node, error) {
	cfg.Project, cfg.Data, cfg.Started = node.Project{Name: pipelines.Default}, l.Data, lifeEnd()
	cfg.Pipeline.Config.CheckpointInterval = lifeCheckpoint.Microseconds()
	if cfg.Apply != nil {
		cfg.Apply.Config.CheckpointInterval = lifeCheckpoint.Microseconds()
	}
	if l.Phases {
		l.retain(&cfg)
	}
	cfg.Unmonitored = true // what a process tells of itself depends on its clock
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return node.Open(ctx, cfg)
}

// slidingSales is beside the shipped tables, which all have windows that do not overlap: the slices of
// these live on after the first window that they belong to is closed.
const slidingSales = `CREATE STREAMING TABLE sliding_sales AS
SELECT window.start AS window_start, window.end AS window_end, region, count(*) AS orders, avg(final_amount) AS mean, count(DISTINCT user_id) AS users
FROM STREAM purchase
GROUP BY window(ts, '1 minute', '20 seconds'), region;`

// shippedPipeline resolves a project that ships, with further files.
func shippedPipeline(name string, further ...plan.File) (*plan.Pipeline, error) {
	fsys, err := pipelines.Open(name)
	if err != nil {
		return nil, err
	}
	read, problems := spark.Load(fsys, name)
	if len(problems) > 0 {
		return nil, fmt.Errorf("read project %s: %v", name, problems)
	}
	in := plan.Input{Name: read.Name}
	for _, s := range read.Settings {
		in.Config = append(in.Config, plan.Setting{Key: s.Key, Value: s.Value})
	}
	for _, f := range read.Files {
		in.Files = append(in.Files, plan.File{Path: f.Path, Text: f.Text})
	}
	in.Files = append(in.Files, further...)
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// event is the text of an honest purchase.
func event(number int, user, at string) string {
	return fmt.Sprintf(`{"event_id": "e%d", "timestamp": "%s", "user_id": "%s", "user_segment": "premium", "product_id": 5, `+
		`"product_name": "スマートフォン", "category": "electronics", "quantity": %d, "unit_price": 78900, "base_amount": %d, "discount_rate": 0.1, `+
		`"discount_amount": 0.0, "final_amount": %d.5, "region": "Tokyo", "device": "web", "payment_method": "credit_card"}`,
		number, at, user, number%3+1, number*100, number*100)
}
