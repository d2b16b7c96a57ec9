package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
	"github.com/nagare-stream/nagare/store"
)

// A filling is what runs beside the pipeline and fills what another project has new or different. It reads the topics to
// where the pipeline has come, again and again, until the rest is short; then the pipeline stops, the rest is read, and
// the project takes over.
type filling struct {
	n        *Node
	takeover *engine.Takeover
	note     *applying
	pipeline *plan.Pipeline // that of the filling engine
	host     host           // of the project that takes over
	store    *store.Store

	mu     sync.Mutex
	engine *engine.Engine     // of the round under way, or of the last one
	ends   map[string][]int64 // where it ends
	began  time.Time          // of the first round of this start

	ready bool // little is left; of the goroutine that runs the pipeline, once that has stopped
}

// A round that takes no longer than shortRound leaves little to be read while the pipeline stands still; of a pipeline
// that is as fast as its filling there are no more than mostRounds.
const (
	shortRound = time.Second
	mostRounds = 30
	againPause = 100 * time.Millisecond // between looks at a pipeline that computes again what a crash cut short
)

// openFilling compares the projects, refuses what cannot be filled, and opens what an earlier start has filled.
func (n *Node) openFilling(ctx context.Context) error {
	if n.cfg.Apply == nil || n.cfg.Look {
		return nil
	}
	if n.cfg.Memory != nil {
		return errors.New("apply a changed project: a pipeline in memory is opened anew instead")
	}
	if err := n.refuseImpossible(ctx); err != nil {
		return err
	}
	t, err := engine.NewTakeover(n.cfg.Pipeline, n.cfg.Apply, ownTopics)
	if err != nil {
		return err
	}
	f := &filling{n: n, takeover: t, pipeline: t.Pipeline(), host: n.host, ends: map[string][]int64{}}
	if n.cluster != nil {
		instance, err := n.instance()
		if err != nil {
			return err
		}
		f.host = cluster{Cluster: n.cluster, project: n.cfg.Apply, instance: instance}
	}
	if err := f.makeTopics(ctx); err != nil {
		return err
	}
	if f.note, err = n.beginApplying(ctx, t); err != nil {
		return err
	}
	if f.store, err = store.Open(store.Config{Path: filepath.Join(n.cfg.Data, fillFile), Started: n.cfg.Started, Reserve: -1}); err != nil {
		return err
	}
	n.onClose(f.store.Close)
	n.mu.Lock()
	n.filling = f
	n.mu.Unlock()
	return nil
}

// refuseImpossible refuses a change of tables whose records are gone.
func (n *Node) refuseImpossible(ctx context.Context) error {
	change, err := n.CompareProject(ctx, n.cfg.Apply.Input)
	if err != nil {
		return err
	}
	var lost []string
	for _, p := range change.Parts {
		if p.Verdict == impossible {
			lost = append(lost, fmt.Sprintf("%s %s (%d records of %s are gone)", p.Kind, p.Name, p.Gone, strings.Join(p.Topics, ", ")))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return &ChangeError{"retention has removed records that these were made of: " + strings.Join(lost, ", ") +
		"; under another name such a table begins with what is left, beside the old one, and `nagare checkpoint reset` makes all anew from what is left"}
}

// makeTopics makes the topics that the project reads and that are not there yet.
func (f *filling) makeTopics(ctx context.Context) error {
	for _, topic := range f.takeover.Topics() {
		has, err := f.host.HasTopic(ctx, topic)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		if f.n.cluster != nil && f.n.cfg.Kafka.Listen == "" {
			return f.n.cluster.MissingTopic(topic)
		}
		if err := f.host.CreateTopic(ctx, topicConfigOf(f.n.cfg.Apply, topic)); err != nil {
			return err
		}
	}
	return nil
}

// run fills beside the pipeline until little is left, and the pipeline computes nothing again that its sinks may have: a
// checkpoint on the way there is none from which others can go on.
func (f *filling) run(ctx context.Context) error {
	for round := 1; ; round++ {
		begin := time.Now()
		err := f.read(ctx, f.reached())
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if time.Since(begin) > shortRound && round < mostRounds {
			continue
		}
		if !f.n.current().Replays(ctx) {
			f.ready = true
			return nil
		}
		if retry.Pause(ctx, againPause) != nil {
			return nil
		}
	}
}

// reached is where the pipeline reads on, by topic and partition.
func (f *filling) reached() map[string][]int64 {
	at := map[string][]int64{}
	for _, p := range f.n.current().Status().Partitions {
		for len(at[p.Topic]) <= int(p.Partition) {
			at[p.Topic] = append(at[p.Topic], 0)
		}
		at[p.Topic][p.Partition] = p.Position
	}
	return at
}

// read fills up to places, of topics that are not named to their ends.
func (f *filling) read(ctx context.Context, to map[string][]int64) error {
	if !f.takeover.Any() {
		return nil
	}
	f.mu.Lock()
	f.ends = map[string][]int64{}
	f.mu.Unlock()
	for _, topic := range f.takeover.FillTopics() {
		at := to[topic]
		if at == nil {
			src, err := f.host.Source(topic, true)
			if err != nil {
				return err
			}
			if at, err = ends(ctx, src); err != nil {
				return err
			}
		}
		f.mu.Lock()
		f.ends[topic] = at
		f.mu.Unlock()
	}
	e, err := engine.Open(ctx, f.options(ctx))
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	f.mu.Lock()
	if f.began.IsZero() {
		f.began = time.Now()
	}
	f.engine = e
	f.mu.Unlock()
	if err := errors.Join(e.Run(ctx), e.Close()); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return nil
}

// options is what the filling engine is made of.
func (f *filling) options(ctx context.Context) engine.Options {
	n := f.n
	return engine.Options{
		Pipeline: f.pipeline,
		Source:   f.source,
		Sink:     f.sink,
		Log:      func(topic string, partitions int) (record.Log, error) { return f.log(ctx, topic, partitions) },
		Store:    &keptStore{Store: f.store, ends: func() []broker.LogState { return nil }, sync: n.broker.Sync}, // whose logs are of no checkpoint yet
		Now:      func() int64 { return time.Now().UnixMicro() },
		Poison:   n.defects.poison,
		Once:     true,
		Version:  n.cfg.Version,
		Own:      ownTopics,
		Queries:  n.queries,
		Logger:   n.log,
	}
}

func (f *filling) source(topic string) (record.Source, error) {
	src, err := f.host.Source(topic, false)
	if err != nil {
		return nil, err
	}
	if f.n.cluster == nil && toleratesLoss(f.n.cfg.Apply, topic) {
		src = tolerantSource{src}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return untilSource{startingAs(f.n.cfg.Apply, topic, src, f.n.log), f.ends[topic]}, nil
}

// sink keeps the rows of a sink until the project has taken over.
func (f *filling) sink(def *plan.SinkDef) (record.Sink, error) {
	if def.Format == "redis" {
		return forgottenCache{}, nil
	}
	w := &waitingRows{broker: f.n.broker, topic: f.note.generationTopic("sink", def.Name, rowsTopic(def.Name))}
	if def.Name == engine.AlertSink && def.Root == nil {
		w.lane = func(lane int32) int32 { return int32(f.takeover.AlertLane(int(lane))) }
	}
	return w, nil
}

// log opens the log of a table that is filled, in its own generation; rows of those that are only read on the way are
// left out.
func (f *filling) log(ctx context.Context, topic string, partitions int) (record.Log, error) {
	kind, name := "table", topic
	if of, late := strings.CutSuffix(topic, "$late"); late {
		name = of
		if f.n.cfg.Apply.Dataset(of) == nil {
			kind = "sink"
		}
	} else if of, invalid := strings.CutSuffix(topic, "$invalid"); invalid {
		kind, name = "invalid", of
	}
	if !slices.Contains(f.note.Filled, partKey(kind, name)) {
		return forgotten{partitions}, nil
	}
	c := &f.n.cfg.Apply.Config
	cfg := broker.TopicConfig{Name: f.note.generationTopic(kind, name, topic), Partitions: partitions, Retention: time.Duration(c.TableRetention[topic]) * time.Microsecond}
	if name != topic {
		f.n.broker.LimitBytes(cfg.Name, c.RefusedBytes)
	}
	log, err := f.n.broker.Log(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return log, f.n.broker.SetRetention(ctx, cfg.Name, cfg.Retention)
}

// unread is the offset from which a partition is read again after a crash; false: it is not read.
func (f *filling) unread(topic string, partition int32) (int64, bool) {
	if !slices.Contains(f.takeover.FillTopics(), topic) {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.engine == nil {
		return 0, true
	}
	return f.engine.Durable(topic, partition), true
}
