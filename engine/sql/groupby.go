package sql

import "strings"

// groupBy reads GROUP BY: ALL, expressions, ROLLUP, CUBE and GROUPING SETS, alone or side by side.
func (p *parser) groupBy() *GroupBy {
	g := &GroupBy{Pos: p.next().pos}
	p.expect("BY")
	if p.at("ALL") && p.standsAloneClause() {
		p.next()
		g.All = true
		return g
	}
	r := &groupingReader{p: p, g: g, sets: [][]int{{}}}
	alone := ""
	for n := 0; ; n++ {
		kind := p.cur()
		switch {
		case (kind.is("ROLLUP") || kind.is("CUBE")) && p.peek(1).is("("):
			alone = kind.upper
			r.grouped = true
			r.multiply(r.rollup(p.next().upper))
		case p.at("GROUPING", "SETS"):
			p.next()
			p.next()
			alone, r.grouped = "", true
			r.multiply(r.groupingSets())
		default:
			r.multiply([][]int{{r.add(p.expr())}})
		}
		if n > 0 {
			alone = ""
		}
		if !p.at("GROUPING", "SETS") {
			p.refuseGroupAlias()
		}
		if !p.accept(",") {
			break
		}
	}
	switch {
	case p.accept("WITH", "ROLLUP"):
		g.Kind = "ROLLUP"
	case p.accept("WITH", "CUBE"):
		g.Kind = "CUBE"
	case p.at("GROUPING", "SETS"):
		p.next()
		p.next()
		g.Kind, g.Sets = "SETS", r.groupingSets()
	case r.grouped && alone != "" && !r.packed:
		g.Kind = alone
	case r.grouped:
		g.Kind, g.Sets = "SETS", r.sets
	}
	for _, e := range g.Exprs {
		if _, ok := e.(*Row); ok && (g.Kind == "ROLLUP" || g.Kind == "CUBE") {
			p.refuse(e.Position(), "", "WITH "+g.Kind+" over several columns as one is not supported", "write "+g.Kind+"((a, b), c)")
		}
	}
	return g
}

// groupingReader collects the keys of a GROUP BY, each once, and the sets of them.
type groupingReader struct {
	p       *parser
	g       *GroupBy
	sets    [][]int
	grouped bool // there is more than expressions
	packed  bool // several keys go as one
}

// maxSets bounds how many sets ROLLUP, CUBE and GROUPING SETS side by side make.
const maxSets = 1 << maxCube

// maxCube bounds the keys of a CUBE.
const maxCube = 12

func (r *groupingReader) add(e Expr) int {
	text := strings.ToLower(Format(e))
	for i, known := range r.g.Exprs {
		if strings.ToLower(Format(known)) == text {
			return i
		}
	}
	r.g.Exprs = append(r.g.Exprs, e)
	return len(r.g.Exprs) - 1
}

// multiply groups by each of the sets so far together with each of the others.
func (r *groupingReader) multiply(others [][]int) {
	if len(r.sets)*len(others) > maxSets {
		r.p.refuse(r.g.Pos, "GROUPING_SIZE_LIMIT_EXCEEDED", "GROUP BY makes too many sets of keys", "")
		return
	}
	var out [][]int
	for _, a := range r.sets {
		for _, b := range others {
			out = append(out, append(append([]int{}, a...), b...))
		}
	}
	r.sets = out
}

// one reads a key, or several in parentheses that go as one.
func (r *groupingReader) one() []int {
	if !r.p.at("(") {
		return []int{r.add(r.p.expr())}
	}
	if r.p.peek(1).is(")") {
		r.p.next()
		r.p.next()
		return []int{}
	}
	e := r.p.expr()
	row, is := e.(*Row)
	if !is {
		return []int{r.add(e)}
	}
	r.packed = true
	set := []int{}
	for _, part := range row.Exprs {
		set = append(set, r.add(part))
	}
	return set
}

// rollup reads what stands behind ROLLUP or CUBE.
func (r *groupingReader) rollup(kind string) [][]int {
	var parts [][]int
	r.p.expect("(")
	for {
		parts = append(parts, r.one())
		if !r.p.accept(",") {
			break
		}
	}
	r.p.expect(")")
	r.packed = r.packed || len(r.g.Exprs) != len(parts) // one of them came before
	var out [][]int
	if kind == "ROLLUP" {
		for n := len(parts); n >= 0; n-- {
			set := []int{}
			for _, part := range parts[:n] {
				set = append(set, part...)
			}
			out = append(out, set)
		}
		return out
	}
	if len(parts) > maxCube {
		r.p.refuse(r.g.Pos, "GROUPING_SIZE_LIMIT_EXCEEDED", "CUBE takes at most 12 keys", "")
		return [][]int{{}}
	}
	for left := range 1 << len(parts) {
		set := []int{}
		for k, part := range parts {
			if left>>(len(parts)-1-k)&1 == 0 {
				set = append(set, part...)
			}
		}
		out = append(out, set)
	}
	return out
}

// groupingSets reads what stands behind GROUPING SETS, which may hold further ones.
func (r *groupingReader) groupingSets() [][]int {
	var out [][]int
	r.p.expect("(")
	for {
		kind := r.p.cur()
		switch {
		case (kind.is("ROLLUP") || kind.is("CUBE")) && r.p.peek(1).is("("):
			out = append(out, r.rollup(r.p.next().upper)...)
		case r.p.at("GROUPING", "SETS"):
			r.p.next()
			r.p.next()
			out = append(out, r.groupingSets()...)
		default:
			out = append(out, r.one())
		}
		if !r.p.accept(",") {
			break
		}
	}
	r.p.expect(")")
	return out
}
