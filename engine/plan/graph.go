package plan

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// A Vertex is a source, table, view, sink or alert in the graph of a pipeline.
type Vertex struct {
	Kind    string // "source", "view", "streaming table", "materialized view", "sink", "alert"
	Name    string
	Reads   []*Vertex // what its query names, in that order
	Dataset *Dataset  // nil: a sink or an alert
	Sink    *SinkDef
	Alert   *AlertDef
	Pos     sql.Pos
}

// Graph is all that a pipeline consists of, as its queries are written: views stand in it, though a plan has them
// written out. It is in order of definition, sources first.
func (p *Pipeline) Graph() []*Vertex {
	var all []*Vertex
	kinds := map[DatasetKind]string{SourceTopic: "source", StreamingTable: "streaming table", MaterializedView: "materialized view", TemporaryView: "view"}
	for _, d := range p.Datasets {
		if kind := kinds[d.Kind]; kind != "" {
			all = append(all, &Vertex{Kind: kind, Name: d.Name, Dataset: d, Pos: d.Pos})
		}
	}
	find := func(name string) *Vertex {
		for _, v := range all {
			if v.Dataset != nil && v.Name == name {
				return v
			}
		}
		for _, v := range all {
			if v.Dataset != nil && strings.EqualFold(v.Name, name) {
				return v
			}
		}
		return nil
	}
	reads := func(v *Vertex, name string) {
		if from := find(name); from != nil && from != v && !slices.Contains(v.Reads, from) {
			v.Reads = append(v.Reads, from)
		}
	}
	t := &tracer{pipe: p, queries: map[string][]*tracedQuery{}}
	t.read()
	for _, v := range all {
		for _, q := range t.queries[v.Name] {
			for _, name := range tablesOf(q.query) {
				reads(v, name)
			}
		}
	}
	for _, s := range p.Sinks {
		v := &Vertex{Kind: "sink", Name: s.Name, Sink: s, Pos: s.Pos}
		reads(v, s.From)
		all = append(all, v)
	}
	for _, a := range p.Alerts {
		v := &Vertex{Kind: "alert", Name: a.Name, Alert: a, Pos: a.Pos}
		reads(v, a.From)
		all = append(all, v)
	}
	return all
}

// tablesOf is the relations that a query names anywhere in it, but for the items of its own WITH clauses.
func tablesOf(q *sql.Query) []string {
	var names []string
	var walk func(v reflect.Value, with []string)
	walk = func(v reflect.Value, with []string) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				return
			}
			if q, ok := v.Interface().(*sql.Query); ok {
				with = slices.Clone(with)
				for _, c := range q.With {
					with = append(with, strings.ToLower(c.Name.Name))
				}
			}
			if r, ok := v.Interface().(*sql.TableRef); ok && len(r.Parts) > 0 {
				name := r.Parts[len(r.Parts)-1].Name
				if r.Stream || len(r.Parts) > 1 || !slices.Contains(with, strings.ToLower(name)) {
					names = append(names, name)
				}
			}
			walk(v.Elem(), with)
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i), with)
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), with)
			}
		}
	}
	walk(reflect.ValueOf(q), nil)
	return names
}

// TopicsBehind is the topics that the rows of a table, view or alert (alert.NAME) come from, sorted.
func (p *Pipeline) TopicsBehind(name string) []string {
	found := map[string]bool{}
	if d := p.Dataset(name); d != nil {
		for _, f := range d.Flows {
			topicsOf(f.Root, found)
		}
	}
	for _, a := range p.Alerts {
		if alertPrefix+a.Name == name {
			topicsOf(a.Root, found)
		}
	}
	for _, s := range p.Sinks {
		if s.Name == name && s.Root != nil && p.Dataset(name) == nil {
			topicsOf(s.Root, found)
		}
	}
	return slices.Sorted(maps.Keys(found))
}
