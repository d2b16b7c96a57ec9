package plan

import "slices"

// Without is the pipeline without the topics named and all that reads only them: tables, views, sinks and alerts.
// What reads another topic too stays, with its sources; so does a source of several topics unless all are named.
// The second result is the names of the tables, views that are kept, sinks and alerts that are left out.
func (p *Pipeline) Without(topics []string) (*Pipeline, []string) {
	rest, left := *p, []string(nil)
	rest.Datasets, rest.Sinks, rest.Alerts = nil, nil, nil
	needed := map[string]bool{} // topics, of what stays
	stays := func(roots ...Node) bool {
		read := map[string]bool{}
		for _, n := range roots {
			topicsOf(n, read)
		}
		only := len(read) > 0
		for t := range read {
			only = only && slices.Contains(topics, t)
		}
		if only {
			return false
		}
		for t := range read {
			needed[t] = true
		}
		return true
	}
	for _, d := range p.Datasets {
		var roots []Node
		for _, f := range d.Flows {
			roots = append(roots, f.Root)
		}
		switch {
		case d.Kind == SourceTopic:
		case stays(roots...):
			rest.Datasets = append(rest.Datasets, d)
		case d.Kind != TemporaryView:
			left = append(left, d.Name)
		}
	}
	for _, s := range p.Sinks {
		if s.Root == nil || stays(s.Root) {
			rest.Sinks = append(rest.Sinks, s)
		} else {
			left = append(left, s.Name)
		}
	}
	for _, a := range p.Alerts {
		if stays(a.Root) {
			rest.Alerts = append(rest.Alerts, a)
		} else {
			left = append(left, a.Name)
		}
	}
	var sources []*Dataset
	for _, d := range p.Datasets {
		if d.Kind == SourceTopic && slices.ContainsFunc(d.Topics, func(t string) bool { return needed[t] || !slices.Contains(topics, t) }) {
			sources = append(sources, d)
		}
	}
	rest.Datasets = append(sources, rest.Datasets...)
	return &rest, left
}

// topicsOf adds the topics that rows of n come from.
func topicsOf(n Node, to map[string]bool) {
	if s, ok := n.(*Scan); ok {
		for _, t := range s.Dataset.Topics {
			to[t] = true
		}
		for _, f := range s.Dataset.Flows {
			topicsOf(f.Root, to)
		}
	}
	for _, in := range n.Inputs() {
		topicsOf(in, to)
	}
}
