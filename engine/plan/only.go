package plan

import "slices"

// Only is the pipeline with no more than some tables, those that they read as a stream, and all temporary views: no
// sink, no alert, no materialized view.
func (p *Pipeline) Only(tables ...string) *Pipeline { return p.Parts(tables, nil, nil) }

// Parts is Only with some sinks and alerts, and the tables that they read.
func (p *Pipeline) Parts(tables, sinks, alerts []string) *Pipeline {
	rest := *p
	rest.Datasets, rest.Sinks, rest.Alerts = nil, nil, nil
	needed := map[string]bool{}
	var need func(n Node)
	need = func(n Node) {
		if s, ok := n.(*Scan); ok {
			needed[s.Dataset.Name] = true
			if s.Dataset.Kind == TemporaryView || s.Dataset.Kind == StreamingTable {
				for _, f := range s.Dataset.Flows {
					need(f.Root)
				}
			}
		}
		for _, in := range n.Inputs() {
			need(in)
		}
	}
	for _, d := range p.Datasets {
		if d.Kind == StreamingTable && slices.Contains(tables, d.Name) {
			needed[d.Name] = true
			for _, f := range d.Flows {
				need(f.Root)
			}
		}
	}
	for _, s := range p.Sinks {
		if s.Root != nil && slices.Contains(sinks, s.Name) {
			rest.Sinks = append(rest.Sinks, s)
			need(s.Root)
		}
	}
	for _, a := range p.Alerts {
		if slices.Contains(alerts, a.Name) {
			rest.Alerts = append(rest.Alerts, a)
			need(a.Root)
		}
	}
	for _, d := range p.Datasets {
		if needed[d.Name] {
			rest.Datasets = append(rest.Datasets, d)
		}
	}
	return &rest
}
