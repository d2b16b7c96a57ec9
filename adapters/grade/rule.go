package grade

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

// purchaseTopic is what a rule that is graded reads.
const purchaseTopic = "purchase-events"

// A rule is an alert of a project of which each row is told alone: each is an incident of its own, whatever the key.
type rule struct {
	pipeline *plan.Pipeline
	logger   *slog.Logger
}

// newRule takes what an alert is made of out of a project. The columns tell its rows apart.
func newRule(project plan.Input, name string, logger *slog.Logger, columns ...string) (*rule, error) {
	p, faults := plan.Resolve(project)
	if len(faults) > 0 {
		return nil, faults
	}
	if err := node.CheckRule(p, name); err != nil {
		return nil, err
	}
	a := p.Alerts[slices.IndexFunc(p.Alerts, func(a *plan.AlertDef) bool { return a.Name == name })]
	if a.For > 0 {
		return nil, refusal("alert %s fires after %d seconds (for): what is graded are single minutes, so leave it out", name, a.For/1e6)
	}
	from := p.Dataset(a.From)
	for _, c := range columns {
		if from.Schema.Index(c) < 0 {
			return nil, refusal("alert %s cannot be graded: a planted purchase is known by %s, and %s has no column %s", name, strings.Join(columns, ", "), a.From, c)
		}
	}
	made, faults := plan.NewReplay(keyed(project, name, columns), name, false)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, d := range made.Pipeline.Datasets {
		if d.Kind == plan.SourceTopic && !slices.Equal(d.Topics, []string{purchaseTopic}) {
			return nil, refusal("alert %s reads %s: a rule that reads other topics than %s cannot be graded", name, strings.Join(d.Topics, ", "), purchaseTopic)
		}
	}
	return &rule{made.Pipeline, logger}, nil
}

func refusal(format string, args ...any) error {
	return &web.RequestError{Reason: fmt.Sprintf(format, args...)}
}

// keyed is the project with those columns as the alert's key.
func keyed(in plan.Input, name string, columns []string) plan.Input {
	key, keeps := "alert."+name+".key", "alert."+name+".keepFiring"
	config := slices.DeleteFunc(slices.Clone(in.Config), func(s plan.Setting) bool { return s.Key == key || s.Key == keeps })
	in.Config = append(config, plan.Setting{Key: key, Value: strings.Join(columns, ", ")})
	return in
}

// run reads the topic to its end and hands on each row that is a breach, as JSON. It returns how many records were read.
func (r *rule) run(ctx context.Context, t *topic, take func(row json.RawMessage) error) (events int64, err error) {
	var failed error
	run, err := node.Bounded{
		Pipeline: r.pipeline,
		Source:   func(string) (record.Source, error) { return t, nil },
		Changes: func(_ int, c *alert.Change) {
			if c.State == alert.Firing && failed == nil {
				failed = take(c.Evidence[0].Row)
			}
		},
		Logger: r.logger,
	}.Run(ctx)
	if err == nil {
		err = failed
	}
	if err != nil {
		return 0, err
	}
	for _, a := range run.Alerts {
		if a.Overflow > 0 {
			return 0, fmt.Errorf("run alert %s: %d breaches found %d incidents, which is the limit", a.Rule.Name, a.Overflow, alert.MostIncidents)
		}
	}
	return run.Status.Events, nil
}
