package dataflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// What becomes of a part of a project when its queries change.
const (
	Keeps = "keeps"   // its queries give the same rows in the same order: its state and rows are those of before
	Fills = "fills"   // it is new or gives other rows, which its topics have to give again
	Goes  = "removed" // the project has it no more
)

// A Change is what becomes of a table, sink or alert when one project takes another's place.
type Change struct {
	Kind    string // "table", "sink", "alert"
	Name    string
	Verdict string   // Keeps, Fills or Goes
	New     bool     // of Fills: the project did not have it
	Why     []string // of Fills and not New: what is different, in words
	Topics  []string // of Fills: those that are read for it, through the tables between
	Pos     sql.Pos  // where it stands now; of Goes: where it stood
}

// Compare tells what becomes of the tables, sinks and alerts of a project, made, when now takes its place: those of now
// in order of definition, then what is gone. Materialized views keep nothing, so nothing becomes of them. Texts, comments
// and names of views decide no rows. Both are without faults; a nil made had nothing.
func Compare(made, now *plan.Pipeline) ([]Change, error) {
	before, err := partsOf(made)
	if err != nil {
		return nil, fmt.Errorf("read the queries of before: %w", err)
	}
	after, err := partsOf(now)
	if err != nil {
		return nil, err
	}
	fills := map[string]bool{} // tables
	var changes []Change
	for _, p := range after {
		c := Change{Kind: p.kind, Name: p.name, Verdict: Keeps, Pos: p.pos}
		old := before.find(p.kind, p.name)
		if c.New = old == nil; !c.New {
			c.Why = differences(old, p)
		}
		for _, from := range p.reads {
			if fills[from] && !c.New {
				c.Why = append(c.Why, fmt.Sprintf("it reads %s", from))
			}
		}
		if c.New || len(c.Why) > 0 {
			c.Verdict, c.Topics = Fills, after.topicsOf(p)
			if p.kind == "table" {
				fills[p.name] = true
			}
		}
		changes = append(changes, c)
	}
	for _, p := range before {
		if after.find(p.kind, p.name) == nil {
			changes = append(changes, Change{Kind: p.kind, Name: p.name, Verdict: Goes, Pos: p.pos})
		}
	}
	return changes, nil
}

// A part is a table with all its flows, a sink or an alert.
type part struct {
	kind, name string
	pos        sql.Pos
	flows      [][]trait
	reads      []string // tables whose rows it reads as a stream
	topics     []string // that it reads itself
}

type parts []*part

func (list parts) find(kind, name string) *part {
	i := slices.IndexFunc(list, func(p *part) bool { return p.kind == kind && p.name == name })
	if i < 0 {
		return nil
	}
	return list[i]
}

// topicsOf is the topics that a part's rows come from.
func (list parts) topicsOf(p *part) []string {
	topics := slices.Clone(p.topics)
	for _, name := range p.reads {
		for _, t := range list.topicsOf(list.find("table", name)) {
			if !slices.Contains(topics, t) {
				topics = append(topics, t)
			}
		}
	}
	return topics
}

// partsOf groups a project's operators, tables before what reads them.
func partsOf(p *plan.Pipeline) (parts, error) {
	if p == nil {
		return nil, nil
	}
	ops, faults := p.StreamOps()
	if len(faults) > 0 {
		return nil, faults
	}
	var list parts
	inner := &part{} // what is inside the query of the next operator
	for _, op := range ops {
		if op.Table != nil && op.Table.Within != "" {
			inner.add(op, &p.Config)
			continue
		}
		kind, name := PartOf(op)
		of := list.find(kind, name)
		if of == nil {
			of = &part{kind: kind, name: name, pos: op.Pos}
			list = append(list, of)
		}
		of.flows, of.reads, of.topics = append(of.flows, inner.flows...), append(of.reads, inner.reads...), append(of.topics, inner.topics...)
		inner = &part{}
		of.add(op, &p.Config)
	}
	return list, nil
}

// add takes an operator in.
func (p *part) add(op *plan.StreamOp, c *plan.Config) {
	p.flows = append(p.flows, traits(op, c))
	switch {
	case op.From.Kind != plan.StreamingTable:
		p.topics = append(p.topics, op.From.Topics...)
	case op.From.Within == "":
		p.reads = append(p.reads, op.From.Name)
	}
}

// differences is the kinds of traits in which two parts are not the same.
func differences(old, now *part) []string {
	if len(old.flows) != len(now.flows) {
		return []string{fmt.Sprintf("it has %d queries in place of %d", len(now.flows), len(old.flows))}
	}
	var kinds []string
	for i, flow := range now.flows {
		for _, kind := range []string{traitZone, traitFrom, traitDedup, traitTime, traitDelay, traitFilter, traitExplode, traitJoin,
			traitWindow, traitKeys, traitAggs, traitHaving, traitAlert, traitOut} {
			if textOf(flow, kind) != textOf(old.flows[i], kind) && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}

// textOf is the texts of the traits of a kind.
func textOf(flow []trait, kind string) string {
	var b strings.Builder
	for _, t := range flow {
		if t.kind == kind {
			b.WriteString(t.text)
		}
	}
	return b.String()
}

// PartOf is the kind and the name of the part that an operator belongs to.
func PartOf(op *plan.StreamOp) (kind, name string) {
	switch {
	case op.Table != nil && op.Table.Within != "": // it is inside the query of another
		if op.Table.Writes != nil {
			return "table", op.Table.Writes.Name
		}
		if alert, is := strings.CutPrefix(op.Table.Within, "alert."); is {
			return "alert", alert
		}
		return "sink", op.Table.Within
	case op.Table != nil:
		return "table", op.Table.Name
	case op.Alert != nil:
		return "alert", op.Alert.Name
	}
	return "sink", op.Sink.Name
}
