package plan

import "slices"

// Only is the pipeline with no more than some tables, those that they read as a stream, and all temporary views: no
// sink, no alert, no materialized view.
func (p *Pipeline) Only(tables ...string) *Pipeline {
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
	for _, d := range p.Datasets {
		if needed[d.Name] {
			rest.Datasets = append(rest.Datasets, d)
		}
	}
	return &rest
}
