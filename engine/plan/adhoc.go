package plan

import "github.com/nagare-stream/nagare/engine/sql"

// BindQuery binds one query, as `nagare query` runs it: over the tables, views and sources of a
// pipeline and extra datasets, all of them as they are at the moment. STREAM and WATERMARK mean
// nothing there: everything is bounded. p may be nil.
func BindQuery(p *Pipeline, text string, extra []*Dataset) (Node, sql.Faults) {
	if p == nil {
		p = &Pipeline{Config: DefaultConfig()}
	}
	q, faults := sql.ParseQuery("query", text)
	if len(faults) > 0 {
		return nil, faults
	}
	r := &resolver{pipe: &Pipeline{Name: p.Name, Config: p.Config}, byName: map[string]*definition{}, adhoc: true}
	for _, list := range [][]*Dataset{p.Datasets, extra} {
		for _, d := range list {
			def := &definition{dataset: d, state: resolved}
			if d.Kind == TemporaryView && len(d.Flows) == 0 {
				def.state = broken
			}
			if r.byName[d.Name] == nil {
				r.defs = append(r.defs, def)
				r.byName[d.Name] = def
			}
		}
	}
	b := r.binder(r.session())
	node, ok := b.query(q, nil)
	if !ok || len(r.faults) > 0 {
		if r.faults = once(r.faults); len(r.faults) == 0 {
			r.faults = sql.Faults{{Pos: q.Pos, Message: "the query reads a dataset that has a fault of its own", Hint: "run `nagare check`"}}
		}
		return nil, r.faults
	}
	return node, nil
}
