package dataflow

import (
	"slices"
)

// A Group is topics and the operators that read them in one scan.
type Group struct {
	Topics    []string
	Operators []*Operator
}

// add takes an operator in.
func (r *Group) add(op *Operator) {
	for _, topic := range op.From.Topics {
		if !slices.Contains(r.Topics, topic) {
			r.Topics = append(r.Topics, topic)
		}
	}
	r.Operators = append(r.Operators, op)
}

// shares reports whether an operator reads one of the topics.
func (r *Group) shares(op *Operator) bool {
	return slices.ContainsFunc(op.From.Topics, func(topic string) bool { return slices.Contains(r.Topics, topic) })
}

// Groups puts operators together that share a topic, also by way of others, so that each topic is
// read and decoded once.
func Groups(ops []*Operator) []*Group {
	var all []*Group
	for _, op := range ops {
		one := &Group{}
		var others []*Group
		for _, r := range all {
			if !r.shares(op) {
				others = append(others, r)
				continue
			}
			for _, o := range r.Operators {
				one.add(o)
			}
		}
		one.add(op)
		slices.SortFunc(one.Operators, func(a, b *Operator) int { return a.ID - b.ID })
		all = append(others, one)
	}
	slices.SortFunc(all, func(a, b *Group) int { return a.Operators[0].ID - b.Operators[0].ID })
	return all
}
