package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// While a SELECT is bound, a column reference of number below outerBase is a column of its input.
// Higher numbers stand for what has no column yet; lower turns them into columns.
const (
	outerBase = 1 << 20 // a column of the query around this subquery
	rightBase = 1 << 21 // a column of the subquery's side of a join
	subBase   = 1 << 22 // the value of a subquery
	aggBase   = 1 << 23 // an aggregate
	winBase   = 1 << 24 // a window function
	genBase   = 1 << 25 // a column that the generator of a grouped SELECT makes
)

// scopeColumn is a name that can be referred to.
type scopeColumn struct {
	name, qualifier string
	node            *expr.Node
	// hidden columns answer to their qualified name only and are not in *: the right-hand copies
	// of USING columns.
	hidden bool
}

// scope is the names in force at one place of a query.
type scope struct {
	cols []scopeColumn
	// before are names that win over columns, after names that are tried when no column matches:
	// lateral aliases, the window of a GROUP BY.
	before, after []scopeColumn
	// unknown are names of what has a fault of its own: whoever uses them adds none.
	unknown []string
	// aliases, when set, is asked last for a name without a qualifier.
	aliases    func(name string, pos sql.Pos) (*expr.Node, *sql.Fault)
	aliasNames func() []string
	outer      *correlation
}

// hiddenMark starts a part of a name that no query can write: the part behind it is a place in
// scope.cols. Expanded stars use it, so that ambiguous names do not matter to them.
const hiddenMark = "\x00"

// hiddenName is a name that resolves to column i of the scope whatever it is called.
func hiddenName(i int, name string, pos sql.Pos) *sql.Name {
	return &sql.Name{Parts: []sql.Ident{
		{Name: hiddenMark + strconv.Itoa(i), Quoted: true, Pos: pos},
		{Name: name, Quoted: true, Pos: pos},
	}}
}

// Resolve implements expr.Scope.
func (s *scope) Resolve(parts []sql.Ident) (*expr.Node, int, *sql.Fault) {
	if strings.HasPrefix(parts[0].Name, hiddenMark) {
		i, err := strconv.Atoi(parts[0].Name[len(hiddenMark):])
		if err != nil || i < 0 || i >= len(s.cols) || len(parts) < 2 {
			return nil, 0, &sql.Fault{Pos: parts[0].Pos, Message: "a name holds a NUL character"}
		}
		return at(s.cols[i].node, parts[0].Pos), 2, nil
	}
	for _, list := range [][]scopeColumn{s.before, s.cols, s.after} {
		node, n, fault := match(list, parts)
		if node != nil || fault != nil {
			return node, n, fault
		}
	}
	for _, name := range s.unknown {
		if strings.EqualFold(name, parts[0].Name) {
			return nil, 0, silent(parts[0].Pos)
		}
	}
	if s.aliases != nil {
		node, fault := s.aliases(parts[0].Name, parts[0].Pos)
		if node != nil || fault != nil {
			return node, 1, fault
		}
	}
	if s.outer != nil {
		return s.resolveOuter(parts)
	}
	return nil, 0, nil
}

func (s *scope) resolveOuter(parts []sql.Ident) (*expr.Node, int, *sql.Fault) {
	around := s.outer.scope
	node, n, fault := match(around.cols, parts) // as Spark: not those of a query further out
	if node == nil || fault != nil {
		return nil, 0, fault
	}
	return at(s.outer.column(node), parts[0].Pos), n, nil
}

// match finds the column that the first one or two parts name. A qualified match wins.
func match(cols []scopeColumn, parts []sql.Ident) (*expr.Node, int, *sql.Fault) {
	found, taken, count := -1, 0, 0
	if len(parts) > 1 {
		for i := range cols {
			if cols[i].qualifier != "" && strings.EqualFold(cols[i].qualifier, parts[0].Name) && strings.EqualFold(cols[i].name, parts[1].Name) {
				found, taken, count = i, 2, count+1
			}
		}
	}
	if count == 0 {
		for i := range cols {
			if !cols[i].hidden && strings.EqualFold(cols[i].name, parts[0].Name) {
				found, taken, count = i, 1, count+1
			}
		}
	}
	if count > 1 {
		return nil, 0, ambiguous(cols, parts, taken)
	}
	if count == 0 {
		return nil, 0, nil
	}
	return at(cols[found].node, parts[0].Pos), taken, nil
}

func ambiguous(cols []scopeColumn, parts []sql.Ident, taken int) *sql.Fault {
	name := parts[taken-1].Name
	var options []string
	for _, c := range cols {
		if !strings.EqualFold(c.name, name) {
			continue
		}
		text := c.name
		if c.qualifier != "" {
			text = c.qualifier + "." + c.name
		}
		options = append(options, text)
	}
	return &sql.Fault{Pos: parts[0].Pos, Class: "AMBIGUOUS_REFERENCE",
		Message: fmt.Sprintf("column %q can mean %s", name, strings.Join(options, " or ")),
		Hint:    "write which one is meant"}
}

// at is the node with another place.
func at(n *expr.Node, pos sql.Pos) *expr.Node {
	c := *n
	c.Pos = pos
	return &c
}

// Names implements expr.Scope.
func (s *scope) Names() []string {
	var names []string
	for _, list := range [][]scopeColumn{s.cols, s.before, s.after} {
		for _, c := range list {
			names = append(names, c.name)
		}
	}
	if s.aliasNames != nil {
		names = append(names, s.aliasNames()...)
	}
	return names
}

// Expand implements expr.Starrer: the columns of *, t.*, struct.* or * EXCEPT (…).
func (s *scope) Expand(star *sql.Star) ([]*expr.Node, *sql.Fault) {
	cols, fault := s.expand(star)
	if fault != nil {
		return nil, fault
	}
	nodes := make([]*expr.Node, len(cols))
	for i, c := range cols {
		nodes[i] = renamed(c.node, c.name)
	}
	return nodes, nil
}

func (s *scope) expand(star *sql.Star) ([]scopeColumn, *sql.Fault) {
	cols, fault := s.starred(star)
	if fault != nil || len(star.Except) == 0 {
		return cols, fault
	}
	for _, e := range star.Except {
		name, ok := e.(*sql.Name)
		if !ok {
			return nil, &sql.Fault{Pos: e.Position(), Class: "PARSE_SYNTAX_ERROR", Message: "EXCEPT lists names of columns"}
		}
		kept := cols[:0:0]
		for _, c := range cols {
			if n, taken, _ := match([]scopeColumn{c}, name.Parts); n == nil || taken != len(name.Parts) {
				kept = append(kept, c)
			}
		}
		if len(kept) == len(cols) {
			f := &sql.Fault{Pos: e.Position(), Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION",
				Message: fmt.Sprintf("EXCEPT names %q, which is not among the columns", name.Parts[len(name.Parts)-1].Name)}
			f.Hint = didYouMean(name.Parts[len(name.Parts)-1].Name, names(cols))
			return nil, f
		}
		cols = kept
	}
	if len(cols) == 0 {
		return nil, &sql.Fault{Pos: star.Pos, Class: "EXCEPT_OVERLAPPING_COLUMNS", Message: "EXCEPT leaves no column"}
	}
	return cols, nil
}

func names(cols []scopeColumn) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	return out
}

// starred is the columns of a star before EXCEPT.
func (s *scope) starred(star *sql.Star) ([]scopeColumn, *sql.Fault) {
	var out []scopeColumn
	if len(star.Qualifier) == 0 {
		for _, c := range s.cols {
			if !c.hidden {
				out = append(out, c)
			}
		}
		if len(s.cols) == 0 {
			return nil, &sql.Fault{Pos: star.Pos, Class: "INVALID_USAGE_OF_STAR_OR_REGEX", Message: "* needs a FROM"}
		}
		return out, nil
	}
	if len(star.Qualifier) == 1 {
		for _, c := range s.cols {
			if c.qualifier != "" && strings.EqualFold(c.qualifier, star.Qualifier[0].Name) {
				out = append(out, c)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return s.fieldsOf(star)
}

// fieldsOf is e.* of a struct.
func (s *scope) fieldsOf(star *sql.Star) ([]scopeColumn, *sql.Fault) {
	eb := expr.Binder{Scope: s}
	node, faults := eb.Bind(&sql.Name{Parts: star.Qualifier})
	if len(faults) > 0 {
		f := faults[0]
		f.Class = "CANNOT_RESOLVE_STAR_EXPAND"
		f.Message = strings.Replace(f.Message, "column", "relation or struct", 1)
		return nil, &f
	}
	if node.Type.Kind != column.Struct {
		return nil, &sql.Fault{Pos: star.Pos, Class: "CANNOT_RESOLVE_STAR_EXPAND",
			Message: fmt.Sprintf("%s.* needs a relation or a struct, and %[1]s is %s", star.Qualifier[len(star.Qualifier)-1].Name, strings.ToUpper(node.Type.String()))}
	}
	var out []scopeColumn
	for i, f := range node.Type.Fields {
		out = append(out, scopeColumn{name: f.Name, qualifier: star.Qualifier[len(star.Qualifier)-1].Name,
			node: &expr.Node{Op: expr.OpField, Type: f.Type, Index: i, Name: f.Name, Args: []*expr.Node{node}, Pos: star.Pos}})
	}
	return out, nil
}

// columnsOf makes the scope columns of an operator's output; a non-empty qualifier takes the place
// of the columns' own.
func columnsOf(n Node, qualifier string) []scopeColumn {
	cols := n.Columns()
	out := make([]scopeColumn, len(cols))
	for i, c := range cols {
		out[i] = scopeColumn{name: c.Name, qualifier: c.Qualifier, node: expr.Col(i, c.Name, c.Type)}
		if qualifier != "" {
			out[i].qualifier = qualifier
		}
	}
	return out
}
