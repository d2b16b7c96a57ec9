package sql

type (
	// Pivot is relation PIVOT (aggregates FOR columns IN (values)): the values become columns.
	Pivot struct {
		Pos     Pos
		In      Relation
		Aggs    []SelectItem
		For     []Ident
		Values  []SelectItem
		Alias   *Ident
		Columns []Ident
	}
	// Unpivot is relation UNPIVOT (values FOR name IN (columns)): the columns become rows.
	Unpivot struct {
		Pos          Pos
		In           Relation
		IncludeNulls bool
		Values       []Ident
		Name         Ident
		Sets         []UnpivotSet
		Alias        *Ident
		Columns      []Ident
	}
)

func (*Pivot) relation()   {}
func (*Unpivot) relation() {}

// UnpivotSet is the columns that one row of UNPIVOT takes its values from, and what it is called.
type UnpivotSet struct {
	Columns []*Name
	Alias   *Ident
}

// pivot reads PIVOT (aggregates FOR columns IN (values)) behind a relation.
func (p *parser) pivot(in Relation) Relation {
	r := &Pivot{Pos: p.next().pos, In: in}
	p.expect("(")
	for {
		item := SelectItem{Expr: p.expr()}
		if p.accept("AS") {
			id := p.name("a name after AS")
			item.Alias = &id
		} else if !p.at("FOR") {
			item.Alias = p.implicitAlias()
		}
		r.Aggs = append(r.Aggs, item)
		if !p.accept(",") {
			break
		}
	}
	p.expect("FOR")
	if p.at("(") {
		r.For = p.names("a column name")
	} else {
		r.For = []Ident{p.name("a column name")}
	}
	p.expect("IN", "(")
	for {
		item := SelectItem{Expr: p.expr()}
		if p.accept("AS") {
			id := p.name("a name after AS")
			item.Alias = &id
		} else {
			item.Alias = p.implicitAlias()
		}
		r.Values = append(r.Values, item)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", ")")
	r.Alias, r.Columns = p.tableAlias()
	return r
}

// unpivot reads UNPIVOT [INCLUDE|EXCLUDE NULLS] (values FOR name IN (columns)) behind a relation.
func (p *parser) unpivot(in Relation) Relation {
	r := &Unpivot{Pos: p.next().pos, In: in}
	switch {
	case p.accept("INCLUDE"):
		r.IncludeNulls = true
		p.expect("NULLS")
	case p.accept("EXCLUDE"):
		p.expect("NULLS")
	}
	p.expect("(")
	if p.at("(") {
		r.Values = p.names("a column name")
	} else {
		r.Values = []Ident{p.name("a column name")}
	}
	p.expect("FOR")
	r.Name = p.name("a column name")
	p.expect("IN", "(")
	for !p.failed {
		var set UnpivotSet
		if p.accept("(") {
			for {
				set.Columns = append(set.Columns, &Name{Parts: p.path("a column name")})
				if !p.accept(",") {
					break
				}
			}
			p.expect(")")
		} else {
			set.Columns = []*Name{{Parts: p.path("a column name")}}
		}
		if p.accept("AS") {
			id := p.name("a name after AS")
			set.Alias = &id
		} else {
			set.Alias = p.implicitAlias()
		}
		r.Sets = append(r.Sets, set)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", ")")
	if r.Alias, r.Columns = p.tableAlias(); len(r.Columns) > 0 {
		p.refuse(r.Columns[0].Pos, "PARSE_SYNTAX_ERROR", "UNPIVOT takes a name for its table, and none for its columns", "they are named inside it")
	}
	return r
}

func (f *formatter) pivot(r *Pivot) {
	f.relation(r.In)
	f.write(" PIVOT (")
	f.aliased(r.Aggs)
	f.write(" FOR ")
	f.names(r.For)
	f.write(" IN (")
	f.aliased(r.Values)
	f.write("))")
	f.alias(r.Alias, r.Columns)
}

func (f *formatter) aliased(items []SelectItem) {
	for i, item := range items {
		if i > 0 {
			f.write(", ")
		}
		f.expr(item.Expr, bindAny)
		if item.Alias != nil {
			f.write(" AS ", name(*item.Alias))
		}
	}
}

func (f *formatter) unpivot(r *Unpivot) {
	f.relation(r.In)
	f.write(map[bool]string{true: " UNPIVOT INCLUDE NULLS (", false: " UNPIVOT EXCLUDE NULLS ("}[r.IncludeNulls])
	f.names(r.Values)
	f.write(" FOR ", name(r.Name), " IN (")
	for i, set := range r.Sets {
		f.write(map[bool]string{true: "(", false: ", ("}[i == 0])
		for k, c := range set.Columns {
			if k > 0 {
				f.write(", ")
			}
			f.expr(c, bindAny)
		}
		f.write(")")
		if set.Alias != nil {
			f.write(" AS ", name(*set.Alias))
		}
	}
	f.write("))")
	f.alias(r.Alias, r.Columns)
}
