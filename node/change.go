package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// How fast a table would be filled is told by a run over the newest sampledRecords of each of its topics, which may
// take no longer than sampleTime.
const (
	sampledRecords = 8192
	sampleTime     = 2 * time.Second
)

// impossible is the verdict on what its topics cannot give again.
const impossible = "impossible"

// CompareProject tells what becomes of the folder's tables, sinks and alerts if another project takes the place of the
// one that made them. Nothing is changed.
func (n *Node) CompareProject(ctx context.Context, in plan.Input) (*web.ProjectChange, error) {
	now, faults := plan.Resolve(in)
	if len(faults) > 0 {
		return nil, faults
	}
	if err := checkProject(n.cfg.Data, n.cfg.Project, Project{Name: now.Name, Path: n.cfg.Project.Path}); err != nil {
		return nil, err
	}
	changes, err := dataflow.Compare(n.made(), now)
	if err != nil {
		return nil, err
	}
	c := &comparison{n: n, project: now, logs: map[string]logged{}}
	answer := &web.ProjectChange{Parts: []web.PartChange{}, Topics: []web.ChangeLog{}, Same: true}
	for i := range changes {
		p, err := c.part(ctx, &changes[i])
		if err != nil {
			return nil, fmt.Errorf("compare %s %s: %w", changes[i].Kind, changes[i].Name, err)
		}
		answer.Parts = append(answer.Parts, p)
		answer.Same = answer.Same && p.Verdict == dataflow.Keeps
	}
	answer.Reset = n.wantsReset(answer.Same)
	for _, topic := range slices.Sorted(maps.Keys(c.logs)) {
		answer.Topics = append(answer.Topics, c.logs[topic].ChangeLog)
	}
	return answer, nil
}

// wantsReset is why a project cannot take the place of the folder's own unless all is made anew; "": it can.
func (n *Node) wantsReset(same bool) string {
	if n.unknown != nil {
		return n.unknown.Error()
	}
	epoch := n.current().Status().Epoch
	if same || epoch == 0 || n.cfg.Memory != nil {
		return ""
	}
	if _, err := Queries(n.cfg.Data); err != nil {
		return (&engine.ChangedError{Epoch: epoch, Unknown: err}).Error()
	}
	return ""
}

// made is the project that made what the folder holds; nil: it holds nothing.
func (n *Node) made() *plan.Pipeline {
	if n.current().Status().Epoch == 0 {
		return nil
	}
	return n.pipeline()
}

// A comparison finds what each part of a project would need.
type comparison struct {
	n       *Node
	project *plan.Pipeline
	logs    map[string]logged // by topic
}

// logged is what a topic still has of the records that a pipeline reads when it begins.
type logged struct {
	web.ChangeLog
	newest map[int32]int64 // by partition: offset from which on it is sampled
}

func (c *comparison) part(ctx context.Context, of *dataflow.Change) (web.PartChange, error) {
	p := web.PartChange{Kind: of.Kind, Name: of.Name, Verdict: of.Verdict, New: of.New && c.n.unknown == nil, Why: of.Why, Topics: of.Topics}
	if of.Pos.File != "" {
		p.Place = fmt.Sprintf("%s:%d:%d", of.Pos.File, of.Pos.Line, of.Pos.Col)
	}
	for _, topic := range of.Topics {
		l, err := c.log(ctx, topic)
		if err != nil {
			return p, err
		}
		p.Records, p.Gone = p.Records+l.Records, p.Gone+l.Gone
	}
	if p.Gone > 0 && !p.New { // rows that it has could not be made again
		p.Verdict = impossible
	}
	if p.Kind == "table" && p.Verdict == dataflow.Fills && p.Records > 0 {
		rate, err := c.rate(ctx, of)
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		if err != nil { // all else is known
			c.n.log.Warn("measure how fast a table is filled", "table", p.Name, "error", err)
		}
		if rate > 0 {
			p.Seconds = float64(p.Records) / rate
		}
	}
	return p, nil
}

// log finds what a topic has for a pipeline that begins.
func (c *comparison) log(ctx context.Context, topic string) (logged, error) {
	if l, known := c.logs[topic]; known {
		return l, nil
	}
	l := logged{web.ChangeLog{Topic: topic}, map[int32]int64{}}
	has, err := c.n.hasTopic(ctx, topic)
	if err != nil {
		return l, err
	}
	if !has { // it is made when the project runs
		c.logs[topic] = l
		return l, nil
	}
	info, err := c.n.topicInfo(ctx, topic)
	if err != nil {
		return l, err
	}
	starts, err := c.starts(topic)
	if err != nil {
		return l, err
	}
	l.Retention = c.n.webTopic(info).Retention
	for i, p := range info.Parts {
		start := int64(0)
		if starts != nil {
			at, err := starts.Start(ctx, int32(i))
			if err != nil {
				return l, err
			}
			start = at.Offset
		}
		first := max(start, p.First)
		l.Gone += first - start
		l.Records += max(p.Next-first, 0)
		l.newest[int32(i)] = max(first, p.Next-sampledRecords/int64(len(info.Parts)))
	}
	c.logs[topic] = l
	return l, nil
}

// starts says where the project begins to read a topic; nil: at its first record.
func (c *comparison) starts(topic string) (record.Starter, error) {
	src, err := c.n.hostOf(topic).Source(topic, true)
	if err != nil {
		return nil, err
	}
	s, _ := startingAs(c.project, topic, src, c.n.log).(record.Starter)
	return s, nil
}

// rate is how many records of its topics a table reads in a second, measured on the newest of them; 0: that is not known.
func (c *comparison) rate(ctx context.Context, of *dataflow.Change) (float64, error) {
	short, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	source := func(topic string) (record.Source, error) {
		src, err := c.n.hostOf(topic).Source(topic, true)
		if err != nil {
			return nil, err
		}
		if c.n.cluster == nil {
			src = tolerantSource{src} // retention goes on meanwhile
		}
		return startingSource{src, topic, plan.Start{Offsets: c.logs[topic].newest}, c.n.log}, nil
	}
	var run *BoundedResult
	err := c.n.answered("measure table "+of.Name, func() (err error) {
		run, err = Bounded{Pipeline: c.project.Only(of.Name), Source: source, Logger: c.n.log}.Run(short)
		return err
	})
	if err != nil || run.Elapsed <= 0 {
		return 0, err
	}
	return float64(run.Status.Events) / run.Elapsed.Seconds(), nil
}
