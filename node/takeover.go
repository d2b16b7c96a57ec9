package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/state"
)

// copiedBytes is how much of what was filled is copied into the store at a time.
const copiedBytes = 4 << 20

// Applied reports that the project of Config.Apply has taken over: the folder is to be opened anew, by it.
func (n *Node) Applied() bool { return n.filling != nil && n.filling.note.ID == n.applied }

// takeOver reads the rest and has the project of Config.Apply take over. The pipeline has stopped at a checkpoint.
func (n *Node) takeOver(ctx context.Context) error {
	f := n.filling
	cp, err := n.store.Load(ctx, nil)
	if err != nil {
		return err
	}
	at, err := engine.Read(cp)
	if err != nil {
		return err
	}
	to := map[string][]int64{}
	for topic, parts := range at {
		for _, p := range parts {
			to[topic] = append(to[topic], p.Offset)
		}
	}
	err = f.read(ctx, to)
	if ctx.Err() != nil {
		return nil // what was filled is gone on with
	}
	if err != nil {
		return err
	}
	return f.commit(ctx, cp)
}

// commit has the project take over, in one transaction; what is large in it is copied before, under names that do not
// count yet.
func (f *filling) commit(ctx context.Context, made state.Checkpoint) error {
	n := f.n
	filled, err := f.store.Load(ctx, nil)
	if err != nil {
		return err
	}
	last := &state.Delta{}
	if err := f.leaveOutbox(ctx, last); err != nil {
		return err
	}
	data, err := f.takeover.Join(made, filled)
	if err != nil {
		return err
	}
	if err := f.copy(ctx); err != nil {
		return fmt.Errorf("copy what was filled: %w", err)
	}
	for _, op := range f.takeover.Leaves() {
		last.DeletePrefix(n.generations.stored(op), nil)
	}
	for topic, g := range f.note.Replaced {
		f.leaveEnds(last, broker.GenerationName(topic, g))
	}
	for part, g := range f.note.Next {
		last.Put(generationsOp, []byte(part), strconv.AppendInt(nil, int64(g), 10))
	}
	last.Put(generationsOp, []byte(appliedKey), []byte(f.note.ID))
	if err := f.begin(ctx, last); err != nil {
		return err
	}
	cp, err := n.store.Load(ctx, nil)
	if err != nil {
		return err
	}
	if err := n.store.Commit(ctx, state.Checkpoint{Epoch: cp.Epoch + 1, Data: data}, last); err != nil {
		return err
	}
	n.applied = f.note.ID
	return nil
}

// begin notes from where on output topics have the rows of what was filled: where they end now.
func (f *filling) begin(ctx context.Context, d *state.Delta) error {
	note := func(sink, topic string) error {
		if !slices.Contains(f.note.Filled, partKey("sink", sink)) {
			return nil
		}
		has, err := f.host.HasTopic(ctx, topic)
		if err != nil || !has {
			return err
		}
		info, err := f.host.Topic(ctx, topic)
		if err != nil {
			return err
		}
		b := web.Generation{Sink: sink, Generation: f.note.Next.of("sink", sink), Topic: topic}
		for _, p := range info.Parts {
			b.From = append(b.From, p.Next)
		}
		text, err := json.Marshal(b)
		d.Put(generationsOp, []byte(begunKey+sink), text)
		return err
	}
	for _, s := range f.n.cfg.Apply.Sinks {
		if topic := s.Options["topic"]; s.Format == "kafka" && topic != "" {
			if err := note(s.Name, topic); err != nil {
				return err
			}
		}
	}
	return note(engine.AlertSink, engine.AlertTopic)
}

// copy copies what was filled into the store, a part at a time. What is there from an attempt before is written over.
func (f *filling) copy(ctx context.Context) error {
	d := &state.Delta{}
	size := 0
	put := func(op string, key, value []byte) error {
		to := f.n.generations.stored(op)
		if f.takeover.Takes(op) {
			to = f.note.Next.stored(op)
		} else if !f.takeover.Ages(op) {
			return nil
		}
		d.Put(to, key, value)
		if size += len(key) + len(value); size < copiedBytes {
			return nil
		}
		err := f.n.commitBeside(ctx, d)
		d.Reset()
		size = 0
		return err
	}
	if _, err := f.store.Load(ctx, put); err != nil {
		return err
	}
	for _, c := range f.takeover.Changes {
		op := "table/" + c.Name
		if c.Kind != "table" || !f.takeover.Takes(op) {
			continue
		}
		if err := f.store.Scan(ctx, op, nil, nil, func(key, value []byte) error { return put(op, key, value) }); err != nil {
			return err
		}
	}
	if len(d.Ops) == 0 {
		return nil
	}
	return f.n.commitBeside(ctx, d)
}

// leaveOutbox removes rows that wait for sinks whose rows are others now.
func (f *filling) leaveOutbox(ctx context.Context, d *state.Delta) error {
	waits := map[string]int{}
	_, err := f.n.store.Load(ctx, func(op string, key, value []byte) error {
		to, rows, is := engine.Outbox(op, value)
		if is && !f.takeover.Stays(to) {
			d.Delete(op, key)
			waits[to] += rows
		}
		return nil
	})
	if err != nil {
		return err
	}
	if rows := waits["sink/"+engine.AlertSink]; rows > 0 {
		return &ChangeError{fmt.Sprintf("%d changes of incidents wait for topic %s, and have to be there before the alerts change; see why with `nagare status`, and try again", rows, engine.AlertTopic)}
	}
	for to, rows := range waits {
		f.n.log.Warn("rows of before that a sink did not take are left out: it has others now", "destination", to, "rows", rows)
	}
	return nil
}

// leaveEnds has the store forget where a topic ended that goes.
func (f *filling) leaveEnds(d *state.Delta, topic string) {
	for p := range int32(broker.MaxPartitions) {
		d.Delete(logsOp, logKey(broker.LogState{Topic: topic, Partition: p}))
	}
}

// progress is how far the filling is: records read, of how many that are known.
func (f *filling) progress() (done, total int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, parts := range f.ends {
		for _, end := range parts {
			total += end
		}
	}
	if f.engine == nil {
		return 0, total
	}
	for _, n := range f.engine.Reached() {
		done += n
	}
	return done, total
}

// fillings is what changes places, and how far what is filled of it is.
func (f *filling) fillings(now time.Time) (list []web.Filling) {
	f.mu.Lock()
	ends, e, began := maps.Clone(f.ends), f.engine, f.began
	f.mu.Unlock()
	read := map[string]int64{}
	if e != nil {
		read = e.Reached()
	}
	topics := f.topicsOf()
	for _, c := range f.takeover.Changes {
		x := web.Filling{Kind: c.Kind, Name: c.Name, Seconds: -1}
		switch {
		case c.Verdict == dataflow.Goes:
			x.Change = "removed"
		case c.Verdict != dataflow.Fills:
			continue
		case c.New:
			x.Change = "new"
		case c.Kind == "alert":
			x.Change = "new rule"
		default:
			x.Change, x.Generation = "changed", f.note.Next.of(c.Kind, c.Name)
		}
		for _, topic := range topics[partKey(c.Kind, c.Name)] {
			x.Read += read[topic]
			for _, end := range ends[topic] {
				x.Total += end
			}
		}
		x.Read = min(x.Read, x.Total)
		if took := now.Sub(began).Seconds(); x.Read > 0 && took > 0 && !began.IsZero() {
			x.Seconds = float64(x.Total-x.Read) * took / float64(x.Read)
		}
		list = append(list, x)
	}
	return list
}

// topicsOf is the topics that each part is made of, by way of the tables that it reads.
func (f *filling) topicsOf() map[string][]string {
	ops, _ := f.pipeline.StreamOps() // without faults, as it is a part of one without
	topics := map[string][]string{}
	for _, op := range ops { // each behind those that it reads
		kind, name := dataflow.PartOf(op)
		from := op.From.Topics
		if op.From.Kind == plan.StreamingTable {
			from = topics[partKey("table", op.From.Name)]
		}
		for _, topic := range from {
			if key := partKey(kind, name); !slices.Contains(topics[key], topic) {
				topics[key] = append(topics[key], topic)
			}
		}
	}
	return topics
}

// Fillings is what Filling tells, by table, sink and alert.
func (n *Node) Fillings() []web.Filling {
	n.mu.RLock()
	f := n.filling
	n.mu.RUnlock()
	if f == nil {
		return nil
	}
	return f.fillings(time.Now())
}

// Filling tells of a change that is applied: what is filled, and how far; "" for none.
func (n *Node) Filling() string {
	n.mu.RLock()
	f := n.filling
	n.mu.RUnlock()
	if f == nil {
		return ""
	}
	var names []string
	for _, part := range f.note.Filled {
		if kind, name, _ := strings.Cut(part, "/"); kind != "invalid" && part != partKey("sink", engine.AlertSink) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	done, total := f.progress()
	text := strings.Join(slices.Compact(names), ", ")
	if total == 0 {
		return text
	}
	return fmt.Sprintf("%s: %d of %d records (%d %%)", text, done, total, 100*done/total)
}

// runEngineFilling runs the pipeline, beside it what fills, and then has the project of Config.Apply take over. Where
// filling fails the pipeline stops, too: the project that is wanted is another one.
func (n *Node) runEngineFilling(ctx context.Context) error {
	f := n.filling
	if f == nil {
		return n.runEngine(ctx)
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	filled := make(chan error, 1)
	if n.cfg.Once {
		filled <- nil
	} else {
		go func() {
			defer stop()
			filled <- n.guarded("the filling", func() error { return f.run(work) })
		}()
	}
	err := n.runEngine(work)
	stop()
	if ferr := <-filled; err == nil {
		err = ferr
	}
	if err != nil || ctx.Err() != nil || !n.cfg.Once && !f.ready {
		return err
	}
	return n.takeOver(ctx)
}

// AppliedText says what has taken over.
func (n *Node) AppliedText() string {
	var parts []string
	for _, c := range n.filling.takeover.Changes {
		switch g := n.filling.note.Next.of(c.Kind, c.Name); {
		case c.Verdict == dataflow.Fills && c.New:
			parts = append(parts, c.Kind+" "+c.Name+" is new")
		case c.Verdict == dataflow.Fills && c.Kind == "alert":
			parts = append(parts, "alert "+c.Name+" goes by its new rule")
		case c.Verdict == dataflow.Fills:
			parts = append(parts, fmt.Sprintf("%s %s is generation %d, with its rows numbered from 0", c.Kind, c.Name, g))
		case c.Verdict == dataflow.Goes:
			parts = append(parts, c.Kind+" "+c.Name+" is removed")
		}
	}
	if len(parts) == 0 {
		return "nothing had to be filled"
	}
	return strings.Join(parts, "; ")
}

// settleOwed has sinks get the rows that wait for them: a run with an end before anything else.
func (n *Node) settleOwed(ctx context.Context, g *errgroup.Group) {
	switch {
	case len(n.owing) == 0:
	case n.cfg.Once:
		n.deliverOwed(ctx)
	default:
		g.Go(func() error {
			return n.guarded("the rows that wait", func() error { n.deliverOwed(ctx); return nil })
		})
	}
}
