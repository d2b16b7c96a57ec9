package plan

import (
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/sql"
)

// Shifts is by how many percent a replay moves each threshold.
var Shifts = [4]int64{-20, -10, 10, 20}

// A Replay is one alert of a project with all that its rows are made of, and nothing else; and the same again for
// each threshold moved by each of Shifts. All of it is one pipeline, so that topics are read and decoded once.
type Replay struct {
	Pipeline   *Pipeline // its first alert is the one that is meant
	Thresholds []Threshold
	// Variant is, by threshold and shift, which alert of the pipeline has it moved; -1: it cannot be moved.
	Variant [][len(Shifts)]int
}

// NewReplay makes the replay of an alert that the project has; moved: with its thresholds moved. The project must
// have no faults.
func NewReplay(in Input, alert string, moved bool) (*Replay, sql.Faults) {
	p, faults := Resolve(in)
	if len(faults) > 0 {
		return nil, faults
	}
	a := p.alert(alert)
	if a == nil {
		return nil, sql.Faults{{Message: fmt.Sprintf("the project has no alert %s%s", sql.Quoted(alert), sql.Instead(alert, p.AlertNames()))}}
	}
	r := &Replay{Pipeline: &Pipeline{Name: p.Name, Config: p.Config, Input: in}}
	r.take(p, a, "")
	if !moved {
		return r, nil
	}
	r.Thresholds = thresholds(in, a.From)
	for i := range r.Thresholds {
		t := &r.Thresholds[i]
		var at [len(Shifts)]int
		for j, shift := range Shifts {
			at[j] = -1
			if t.Moved(shift) == "" {
				continue
			}
			other, faults := Resolve(t.apply(in, shift))
			if len(faults) > 0 {
				continue // the query needs the number to be as it is
			}
			at[j] = len(r.Pipeline.Alerts)
			r.take(other, other.alert(alert), fmt.Sprintf(" %d %+d%%", i+1, shift))
		}
		r.Variant = append(r.Variant, at)
	}
	return r, nil
}

// take adds an alert of a pipeline and the datasets that its operators read. The names of its tables and its own
// get the suffix.
func (r *Replay) take(p *Pipeline, a *AlertDef, suffix string) {
	alone := &Pipeline{Alerts: []*AlertDef{a}}
	ops, _ := alone.StreamOps() // without faults: p has none
	var need []*Dataset
	for i := 0; i < len(ops); i++ {
		d := ops[i].From
		if slices.Contains(need, d) {
			continue
		}
		need = append(need, d)
		if d.Kind == StreamingTable {
			more, _ := (&Pipeline{Datasets: []*Dataset{d}}).StreamOps()
			ops = append(ops, more...)
		}
	}
	for _, d := range p.Datasets { // in their order
		if !slices.Contains(need, d) {
			continue
		}
		if d.Kind == SourceTopic && r.Pipeline.Dataset(d.Name) != nil {
			continue
		}
		if d.Kind != SourceTopic {
			d.Name += suffix
		}
		r.Pipeline.Datasets = append(r.Pipeline.Datasets, d)
	}
	a.Name += suffix
	r.Pipeline.Alerts = append(r.Pipeline.Alerts, a)
}

// alert is the alert of that name, or nil.
func (p *Pipeline) alert(name string) *AlertDef {
	for _, a := range p.Alerts {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// AlertNames is the names of all alerts, in order of definition.
func (p *Pipeline) AlertNames() []string {
	names := make([]string, len(p.Alerts))
	for i, a := range p.Alerts {
		names[i] = a.Name
	}
	return names
}
