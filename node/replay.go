package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A Replay runs an alert of a project over history: over files, or over topics that Source opens. Only the operators
// that the alert needs run, and with Moved the same again for each threshold that is moved, in one pass.
type Replay struct {
	Project  plan.Input // without faults
	Rule     string
	Moved    bool
	Files    map[string][]string
	Source   func(topic string) (record.Source, error) // in place of Files
	Progress func(done, total int64)
	Logger   *slog.Logger
}

// mostReplayed is how many incidents a replay tells; all are counted.
const mostReplayed = 10_000

// Run replays. The second result is what is worth knowing of the files.
func (r Replay) Run(ctx context.Context) (*web.AlertReplay, []string, error) {
	made, faults := plan.NewReplay(r.Project, r.Rule, r.Moved)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	g := &gathering{fired: make([]int64, len(made.Pipeline.Alerts)), breaches: make([]int64, len(made.Pipeline.Alerts))}
	run, err := Bounded{Pipeline: made.Pipeline, Files: r.Files, Source: r.Source, Changes: g.take, Progress: r.Progress, Logger: r.Logger}.Run(ctx)
	if err != nil {
		return nil, nil, err
	}
	result := &web.AlertReplay{Rule: g.rule(made.Pipeline.Alerts[0]), Events: run.Status.Events, From: alert.None, Until: alert.None,
		Pending: g.pending, More: g.fired[0] - int64(len(g.ended)), Incidents: []web.ReplayIncident{}, Thresholds: []web.ReplayThreshold{}, Elapsed: run.Elapsed.Seconds()}
	for _, a := range run.Alerts[:1] {
		result.Overflow = a.Overflow
	}
	for _, p := range run.Status.Partitions {
		result.Until = max(result.Until, alert.Time(p.EventTime))
	}
	for _, c := range g.ended {
		result.Incidents = append(result.Incidents, web.ReplayIncident{Change: c, Open: c.ResolvedAt > result.Until})
	}
	if len(g.ended) > 0 {
		result.From = g.ended[0].ActiveAt
	}
	for i := range made.Thresholds {
		result.Thresholds = append(result.Thresholds, g.threshold(&made.Thresholds[i], made.Variant[i]))
	}
	return result, run.Notices, nil
}

// A gathering is what comes of a replay's alerts. One goroutine at a time fills it.
type gathering struct {
	fired    []int64 // incidents, by number of alert
	breaches []int64 // of incidents that are over, by number of alert
	pending  int64   // of the alert that is meant: that never fired
	ended    []*alert.Change
}

func (g *gathering) take(number int, c *alert.Change) {
	switch c.State {
	case alert.Firing:
		g.fired[number]++
	case alert.Resolved, alert.Inactive:
		g.breaches[number] += c.Breaches
	}
	switch {
	case number > 0:
	case c.State == alert.Inactive:
		g.pending++
	case c.State == alert.Resolved && len(g.ended) < mostReplayed:
		g.ended = append(g.ended, c)
	}
}

func (g *gathering) rule(a *plan.AlertDef) alert.Rule {
	return alert.Rule{Name: a.Name, From: a.From, Labels: a.Key, For: a.For, KeepFiring: a.KeepFiring, Interval: a.Interval, Windowed: a.Windowed, Notify: a.Notify}
}

// threshold tells what became of a threshold's variants.
func (g *gathering) threshold(t *plan.Threshold, variants [len(plan.Shifts)]int) web.ReplayThreshold {
	told := web.ReplayThreshold{Table: t.Table, Place: fmt.Sprintf("%s:%d:%d", t.Pos.File, t.Pos.Line, t.Pos.Col), Text: t.Text, Value: t.Value, AsIs: g.fired[0], Breaches: g.breaches[0]}
	for i, shift := range plan.Shifts {
		m := web.ReplayMoving{Percent: shift, Value: t.Moved(shift)}
		switch {
		case m.Value == "": // 0 stays 0
			m.Value, m.Incidents, m.Breaches = t.Value, &g.fired[0], &g.breaches[0]
		case variants[i] >= 0:
			m.Incidents, m.Breaches = &g.fired[variants[i]], &g.breaches[variants[i]]
		}
		told.Moved = append(told.Moved, m)
	}
	return told
}

// changeSink hands the changes of state of incidents on: a sink for engine.AlertSink.
type changeSink func(number int, c *alert.Change)

// Write takes changes; their partition is the number of their alert.
func (s changeSink) Write(_ context.Context, _ uint64, out *record.Rows) error {
	for i := range out.Len() {
		c := &alert.Change{}
		if err := json.Unmarshal(out.Values.At(i), c); err != nil {
			return fmt.Errorf("read a change of state: %w", err)
		}
		s(int(out.Partition), c)
	}
	return nil
}

// Flush does nothing.
func (changeSink) Flush(context.Context) error { return nil }

// Close does nothing.
func (changeSink) Close() error { return nil }

// TestAlert replays a rule over the topics, one at a time: it takes memory and the processor beside the pipeline.
func (n *Node) TestAlert(ctx context.Context, t web.AlertTest, progress func(done, total int64)) (result *web.AlertReplay, err error) {
	project := t.Project
	if len(project.Files) == 0 {
		project = n.pipeline().Input
	}
	if !n.replaying.CompareAndSwap(false, true) {
		return nil, &web.RequestError{Reason: "test alert " + t.Rule + ": another replay is under way in this process; try again when it has ended"}
	}
	defer n.replaying.Store(false)
	count := &replayCount{tell: progress}
	err = n.answered("test alert "+t.Rule, func() (err error) {
		result, _, err = Replay{Project: project, Rule: t.Rule, Moved: t.Thresholds, Logger: n.log,
			Source: func(topic string) (record.Source, error) { return n.replaySource(ctx, topic, t.Since, count) }}.Run(ctx)
		return err
	})
	return result, err
}

// replaySource opens a topic from a time of append on to its present end.
func (n *Node) replaySource(ctx context.Context, topic string, since time.Time, count *replayCount) (record.Source, error) {
	switch has, err := n.hasTopic(ctx, topic); {
	case err != nil:
		return nil, err
	case !has:
		return nil, &web.RequestError{Reason: fmt.Sprintf("there is no topic %s to read; --from %s=FILE reads a file in its place", topic, topic)}
	}
	src, err := n.ownSource(topic, true)
	if err != nil {
		return nil, err
	}
	if n.cluster == nil {
		src = tolerantSource{src} // what retention has let go is not there to be read
	}
	if micros := since.UnixMicro(); micros > 0 {
		src = startingSource{src, topic, plan.Start{Timestamp: micros}, n.log}
	}
	return &countedSource{src, count}, nil
}

// replayCount counts what is read of all topics of a replay.
type replayCount struct {
	mu          sync.Mutex
	tell        func(done, total int64)
	done, total int64
	told        time.Time
}

// read notes records that were read, and tells of it now and then.
func (c *replayCount) read(records int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += records
	if now := time.Now(); now.Sub(c.told) >= replayPause {
		c.told = now
		c.tell(c.done, c.total)
	}
}

// replayPause is at least between two reports of progress.
const replayPause = 200 * time.Millisecond

// A countedSource counts records as they are read.
type countedSource struct {
	record.Source
	count *replayCount
}

// Start passes on what the source knows.
func (s *countedSource) Start(ctx context.Context, partition int32) (record.Position, error) {
	if first, ok := s.Source.(record.Starter); ok {
		return first.Start(ctx, partition)
	}
	return record.Position{}, nil
}

// Open opens a reader that counts.
func (s *countedSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	end, err := s.End(ctx, partition)
	if err != nil {
		return nil, err
	}
	s.count.mu.Lock()
	s.count.total += max(0, end.Offset-from.Offset)
	s.count.mu.Unlock()
	r, err := s.Source.Open(ctx, partition, from)
	if err != nil {
		return nil, err
	}
	return &countedReader{r, s.count, from.Offset}, nil
}

type countedReader struct {
	record.Reader
	count *replayCount
	at    int64
}

// Read counts what is read.
func (r *countedReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if err != nil {
		return err
	}
	r.count.read(max(0, dst.Next.Offset-r.at))
	r.at = dst.Next.Offset
	return nil
}

// CheckRule says, with the nearest name, that a project has no such alert; nil: it has.
func CheckRule(p *plan.Pipeline, rule string) error {
	names := p.AlertNames()
	if slices.Contains(names, rule) {
		return nil
	}
	text := fmt.Sprintf("there is no alert %s%s", sql.Quoted(rule), sql.Instead(rule, names))
	if len(names) == 0 {
		text += ": the project has none; add alert.NAME.from: TABLE to its configuration"
	}
	return &web.RequestError{Reason: text}
}
