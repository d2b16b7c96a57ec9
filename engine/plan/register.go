package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// register takes the statements of one file.
func (r *resolver) register(statements []sql.Statement) {
	now := r.session()
	for _, s := range statements {
		switch s := s.(type) {
		case *sql.CreateTable:
			r.registerTable(s, now)
		case *sql.CreateView:
			r.registerView(s, now)
		case *sql.CreateFlow:
			r.flows = append(r.flows, &flowDefinition{stmt: s, session: now})
		case *sql.Set:
			r.set(s, &now)
		case *sql.Use:
			r.pipe.Notices = append(r.pipe.Notices, sql.Fault{Pos: s.Pos, Message: "USE does nothing here: a project has one set of names"})
		case *sql.Select:
			pos := sql.Pos{}
			if s.Query != nil {
				pos = s.Query.Pos
			}
			r.fault(sql.Fault{Pos: pos, Class: "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR",
				Message: "a bare SELECT is no part of a pipeline",
				Hint:    "give it a name with CREATE MATERIALIZED VIEW or CREATE STREAMING TABLE, or run it with `nagare query`"})
		}
	}
}

func (r *resolver) registerTable(s *sql.CreateTable, now session) {
	kind := MaterializedView
	if s.Streaming {
		kind = StreamingTable
	}
	d := &Dataset{Kind: kind, Name: s.Name.Name, Pos: s.Name.Pos, EventTime: -1, Comment: s.Comment}
	if len(s.Properties) > 0 {
		d.Properties = map[string]string{}
		for _, p := range s.Properties {
			d.Properties[p.Key] = p.Value
		}
	}
	if kind == MaterializedView && s.Query == nil {
		r.fault(sql.Fault{Pos: s.Pos, Class: "PARSE_SYNTAX_ERROR",
			Message: fmt.Sprintf("materialized view %q has no query", d.Name), Hint: "add AS SELECT …"})
	}
	r.add(&definition{dataset: d, table: s, session: now})
}

func (r *resolver) registerView(s *sql.CreateView, now session) {
	if !s.Temporary {
		r.pipe.Notices = append(r.pipe.Notices, sql.Fault{Pos: s.Pos,
			Message: fmt.Sprintf("view %q is kept in no catalog: it can be read in this project alone, as a TEMPORARY VIEW can", s.Name.Name)})
	}
	d := &Dataset{Kind: TemporaryView, Name: s.Name.Name, Pos: s.Name.Pos, EventTime: -1, Comment: s.Comment}
	r.add(&definition{dataset: d, view: s, session: now})
}

// add enters a dataset under its name.
func (r *resolver) add(d *definition) {
	name := d.dataset.Name
	if strings.ContainsAny(name, "./\\$\x00") {
		class := ""
		if d.dataset.Kind == TemporaryView && strings.Contains(name, ".") {
			class = "INVALID_TEMP_OBJ_QUALIFIER"
		}
		r.fault(sql.Fault{Pos: d.dataset.Pos, Class: class,
			Message: fmt.Sprintf("%q is no name for a dataset: it holds one of . / \\ $", name), Hint: "use letters, digits and _"})
	}
	if first := r.byName[name]; first != nil {
		r.fault(sql.Fault{Pos: d.dataset.Pos, Class: "PIPELINE_DUPLICATE_IDENTIFIERS.OUTPUT",
			Message: fmt.Sprintf("%q is defined twice, first at %s", name, place(first.dataset.Pos))})
		return
	}
	for _, other := range r.defs {
		if strings.EqualFold(other.dataset.Name, name) {
			r.fault(sql.Fault{Pos: d.dataset.Pos, Message: fmt.Sprintf("%q and %q (%s) differ in case only", name, other.dataset.Name, place(other.dataset.Pos)),
				Hint: "give one another name: their files would be the same on some disks, as in Spark"})
		}
	}
	r.byName[name] = d
	r.defs = append(r.defs, d)
	r.pipe.Datasets = append(r.pipe.Datasets, d.dataset)
}

// unknown enters a name that has a fault already: nothing is known of it, and what reads it adds no fault.
func (r *resolver) unknown(name string) {
	if r.byName[name] == nil {
		r.byName[name] = &definition{dataset: &Dataset{Kind: StreamingTable, Name: name, EventTime: -1}, state: broken}
	}
}

// attachFlows gives each CREATE FLOW to its table.
func (r *resolver) attachFlows() {
	seen := map[string]sql.Pos{}
	for _, f := range r.flows {
		name := f.stmt.Name.Name
		if first, ok := seen[name]; ok {
			r.fault(sql.Fault{Pos: f.stmt.Name.Pos, Class: "PIPELINE_DUPLICATE_IDENTIFIERS.FLOW",
				Message: fmt.Sprintf("flow %q is defined twice, first at %s", name, place(first))})
			continue
		}
		seen[name] = f.stmt.Name.Pos
		target := f.stmt.Target
		d := r.byName[target.Name]
		switch {
		case d == nil:
			r.fault(r.noDataset(target.Name, target.Pos, r.names(StreamingTable)))
			r.unknown(target.Name)
		case d.dataset.Kind != StreamingTable:
			r.fault(sql.Fault{Pos: target.Pos, Message: fmt.Sprintf("a flow writes into a streaming table, and %q is %s", target.Name, d.dataset.Kind),
				Hint: expectedTables(r.names(StreamingTable))})
		default:
			d.flows = append(d.flows, f)
		}
	}
	for _, d := range r.defs {
		if d.dataset.Kind == StreamingTable && d.table.Query == nil && len(d.flows) == 0 {
			d.state = broken
			if r.unread {
				continue // its flow may be what could not be read
			}
			r.fault(sql.Fault{Pos: d.dataset.Pos, Message: fmt.Sprintf("nothing writes into streaming table %q", d.dataset.Name),
				Hint: "add AS SELECT …, or CREATE FLOW … AS INSERT INTO " + d.dataset.Name + " BY NAME SELECT …"})
		}
		if len(d.flows) > 1 || len(d.flows) == 1 && d.table != nil && d.table.Query != nil {
			r.portable(d.flows[len(d.flows)-1].stmt.Name.Pos, "", "two flows into one table end the run on Spark",
				"write one query with UNION ALL")
		}
	}
}

func expectedTables(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "streaming tables are " + expected(names)
}

// names lists the datasets of the kinds, in order of definition.
func (r *resolver) names(kinds ...DatasetKind) []string {
	var names []string
	for _, d := range r.defs {
		for _, k := range kinds {
			if d.dataset.Kind == k {
				names = append(names, d.dataset.Name)
			}
		}
	}
	return names
}

// noDataset is the fault of a name that no dataset has.
func (r *resolver) noDataset(name string, pos sql.Pos, candidates []string) sql.Fault {
	f := sql.Fault{Pos: pos, Class: "TABLE_OR_VIEW_NOT_FOUND", Message: fmt.Sprintf("there is no table, view or source %q", name)}
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			f.Hint = fmt.Sprintf("names of datasets are case-sensitive: did you mean %q?", c)
			return f
		}
	}
	f.Hint = didYouMean(name, candidates)
	if f.Hint == "" && len(candidates) > 0 {
		f.Hint = "there are " + expected(candidates)
	}
	return f
}

func place(p sql.Pos) string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// String names the kind as a message does, with its article.
func (k DatasetKind) String() string {
	switch k {
	case SourceTopic:
		return "a source"
	case StreamingTable:
		return "a streaming table"
	case MaterializedView:
		return "a materialized view"
	case TemporaryView:
		return "a temporary view"
	case System:
		return "a system table"
	}
	return "a dataset"
}
