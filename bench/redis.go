package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// What a Redis in trouble costs the pipeline is measured by the shipped purchase project, with its three
// Redis sinks and all else that it has, from the durable topic until every event is counted. Other programs
// on the machine change the time of a run by more than what is looked for, so the clock alone says little:
//
//   - Side by side: two pipelines run at the same time in this process, one with a healthy Redis and one
//     with a Redis in trouble, and share whatever the machine has to give. When one is through, the ratio
//     is told by how far the other has come. A pipeline that waits for its Redis stays behind.
//   - Processor time: runs alone, with and without the trouble in turns. Work that the trouble makes is seen
//     here, whatever else the machine does.
//
// Of each pair only the ratio is kept, and the median decides. "healthy" against healthy tells how exact the
// figures are.

// A Trouble is what one trouble costs: ratios to a healthy Redis.
type Trouble struct {
	Name       string `json:"name"`
	SideBySide Spread `json:"side_by_side"`
	Processor  Spread `json:"processor_time"` // zero where it is not known
}

// A Spread is the middle and the ends of several ratios.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Pairs  int     `json:"pairs"`
}

func spreadOf(ratios []float64) Spread {
	s := slices.Sorted(slices.Values(ratios))
	n := len(s)
	return Spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Least: s[0], Most: s[n-1], Pairs: n}
}

// The runs that are compared.
const (
	redisEvents = 500_000 // some seconds, so that what hangs is found to hang
	redisPairs  = 5
)

// A lane is a data folder and the Redis of the pipeline that runs on it.
type lane struct {
	cfg    node.Config
	server *stub
}

// measureRedis compares runs with each trouble to runs without.
func (b *bench) measureRedis(ctx context.Context) (err error) {
	shipped, err := pipelines.Open(pipelines.Default)
	if err != nil {
		return err
	}
	folder := filepath.Join(b.dir, "purchases")
	if err := os.CopyFS(folder, shipped); err != nil {
		return err
	}
	p, err := b.Load(folder)
	if err != nil {
		return err
	}
	var lanes [2]*lane
	for i := range lanes {
		server, err := newStub()
		if err != nil {
			return err
		}
		defer server.close()
		cfg := node.Config{Pipeline: p, Project: node.Project{Name: "bench"}, Data: filepath.Join(b.dir, fmt.Sprintf("data-redis-%d", i))}
		if _, err := b.publish(ctx, cfg); err != nil {
			return err
		}
		cfg.Cache.Address, cfg.Once = server.addr, true
		lanes[i] = &lane{cfg, server}
	}
	for _, t := range troubles {
		b.Tell("the pipeline while Redis is " + string(t))
		r, err := b.compare(ctx, lanes, t)
		if err != nil {
			return fmt.Errorf("while Redis is %s: %w", t, err)
		}
		b.Tell(fmt.Sprintf("  side by side %s, processor time %s", r.SideBySide, r.Processor))
		b.r.Redis = append(b.r.Redis, r)
	}
	return nil
}

// compare measures one trouble. Which lane has it, and which comes first, changes from pair to pair.
func (b *bench) compare(ctx context.Context, lanes [2]*lane, t trouble) (Trouble, error) {
	var side, processor []float64
	for i := range b.pairs {
		calm, bad := lanes[i%2], lanes[1-i%2]
		ratio, err := b.sideBySide(ctx, calm, bad, t)
		if err != nil {
			return Trouble{}, err
		}
		side = append(side, ratio)
		var spent [2]time.Duration // without the trouble, and with it
		for k := range spent {
			which, is := (i+k)%2, healthy
			if which == 1 {
				is = t
			}
			if spent[which], err = b.alone(ctx, lanes[0], is); err != nil {
				return Trouble{}, err
			}
		}
		if spent[0] > 0 {
			processor = append(processor, spent[1].Seconds()/spent[0].Seconds())
		}
	}
	r := Trouble{Name: string(t), SideBySide: spreadOf(side)}
	if len(processor) > 0 {
		r.Processor = spreadOf(processor)
	}
	return r, nil
}

// sideBySide runs both lanes at once, and returns how much longer the one with the trouble takes.
func (b *bench) sideBySide(ctx context.Context, calm, bad *lane, t trouble) (ratio float64, err error) {
	one, err := b.start(ctx, calm, healthy)
	if err != nil {
		return 0, err
	}
	two, err := b.start(ctx, bad, t)
	if err != nil {
		one.begin()
		return 0, errors.Join(err, one.end(ctx))
	}
	runtime.GC()
	one.begin()
	two.begin()
	err = pollUntil(ctx, func() bool {
		c, d := one.counted(), two.counted()
		ratio = float64(c) / float64(d)
		return c >= b.Events || d >= b.Events || one.isOver() || two.isOver()
	})
	return ratio, errors.Join(err, one.end(ctx), two.end(ctx))
}

// alone runs a lane until all events are counted, and returns the time of the processors.
func (b *bench) alone(ctx context.Context, l *lane, t trouble) (spent time.Duration, err error) {
	r, err := b.start(ctx, l, t)
	if err != nil {
		return 0, err
	}
	runtime.GC()
	before := processorTime()
	r.begin()
	err = pollUntil(ctx, func() bool { return r.counted() >= b.Events || r.isOver() })
	spent = processorTime() - before
	return spent, errors.Join(err, r.end(ctx))
}

// countPause is between two looks at how many events are counted.
const countPause = 5 * time.Millisecond

func pollUntil(ctx context.Context, holds func() bool) error {
	again := time.NewTicker(countPause)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A running is a pipeline whose Redis got into a trouble before the first event.
type running struct {
	*lane
	trouble trouble
	node    *node.Node
	stop    context.CancelFunc
	ctx     context.Context
	ended   chan struct{}
	err     error // once ended is closed
}

// start opens a lane's pipeline, with a healthy Redis, and then lets the trouble begin.
func (b *bench) start(ctx context.Context, l *lane, t trouble) (*running, error) {
	n, err := node.Open(ctx, l.cfg)
	if err != nil {
		return nil, err
	}
	err = pollUntil(ctx, func() bool {
		return !slices.ContainsFunc(n.Status().Sinks, func(s record.SinkStatus) bool { return s.State == "connecting" })
	})
	if err = errors.Join(err, l.server.enter(t)); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	r := &running{lane: l, trouble: t, node: n, ended: make(chan struct{})}
	r.ctx, r.stop = context.WithCancel(ctx)
	return r, nil
}

func (r *running) begin() {
	go func() {
		r.err = r.node.Run(r.ctx)
		close(r.ended)
	}()
}

func (r *running) counted() int64 { return r.node.Status().Ledger.Topics[topic].Counted }

func (r *running) isOver() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// end stops the pipeline, sees that it had the trouble, and forgets what it left.
func (r *running) end(ctx context.Context) error {
	met := func() error { return r.trouble.happened(r.server.counts()) }
	err := pollUntil(ctx, func() bool { return met() == nil || r.isOver() }) // a short run is over before its first rows
	err = errors.Join(err, met())
	r.stop()
	<-r.ended
	if err := errors.Join(err, r.err, r.server.enter(healthy), r.node.Close()); err != nil {
		return err
	}
	_, err = node.Reset(ctx, r.cfg, false)
	return err
}

// underway is how many rows the pipeline's connections may hold when the trouble begins.
const underway = 4096

// happened says whether a run was with the trouble that it was to be with.
func (t trouble) happened(rows, refused int64) error {
	_, refuses := refusals[t]
	switch {
	case refuses && refused == 0:
		return errors.New("no command was refused")
	case (t == healthy || t == slow) && rows == 0:
		return errors.New("no row was written")
	case t != healthy && t != slow && rows > underway:
		return fmt.Errorf("%d rows were written", rows)
	}
	return nil
}
