package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// selecting is one SELECT while it is bound. All its expressions are bound over the columns of in,
// with placeholders for what is computed later: aggregates, subqueries, window functions. When all
// are known, build makes the operators and lower puts columns in the placeholders' places.
type selecting struct {
	b    *binder
	body *sql.SelectBody
	in   Node // grows by columns that WHERE and arguments of aggregates need
	from scope
	eb   *expr.Binder

	failed bool

	items   []item
	keys    []*expr.Node // of GROUP BY
	keySyn  []sql.Expr
	grouped bool
	sets    [][]int // of GROUPING SETS: places of keys
	// groupAll: GROUP BY ALL, and ALL is no column
	groupAll bool
	having   *expr.Node
	qualify  *expr.Node
	order    []orderKey

	aggs  []AggCall
	aggBy map[string]int
	wins  []WindowCall
	subs  []subquery

	phase  phase
	inAgg  int // depth of aggregate calls around the expression that is bound
	inOver int // depth of window functions around it
	// binding marks items under way, for aliases that go in circles.
	binding map[int]bool

	keyAt map[string]int // after build: group key → column
	subAt []int          // column of each subquery's value
	winAt int            // column of the first window function
	bare  bool           // aggregates without GROUP BY
	gen   *generator     // over groups
	genAt int            // column of the first that it makes
}

// item is one column of the SELECT list.
type item struct {
	syn   sql.Expr
	name  string
	alias *sql.Ident
	node  *expr.Node
	done  bool

	aliases   []sql.Ident
	generator bool // to be taken out of the list
}

// orderKey is one bound ORDER BY expression.
type orderKey struct {
	node       *expr.Node
	desc       bool
	nullsFirst bool
	pos        sql.Pos
	clause     phase // of DISTRIBUTE BY it is no key to sort by
}

// phase is the clause that is being bound; it decides what may stand in it.
type phase uint8

const (
	inWhere phase = iota
	inGroupBy
	inSelect
	inHaving
	inQualify
	inOrderBy
	inSortBy
	inClusterBy
	inDistributeBy
	inGenerator
)

func (p phase) String() string {
	return [...]string{"WHERE", "GROUP BY", "SELECT", "HAVING", "QUALIFY", "ORDER BY", "SORT BY", "CLUSTER BY", "DISTRIBUTE BY", "a generator"}[p]
}

// selectQuery binds SELECT … with the order of the query q whose body it is; nil: none.
func (b *binder) selectQuery(body *sql.SelectBody, q *sql.Query, outer *correlation) (Node, *selecting, bool) {
	s := &selecting{b: b, body: body, aggBy: map[string]int{}, binding: map[int]bool{}}
	in, ok := b.from(body)
	if !ok {
		return nil, nil, false
	}
	s.in = in.node
	s.from = scope{cols: in.cols, outer: outer}
	s.eb = s.binder()
	s.where()
	s.expandItems()
	s.offerAliases()
	s.generators()
	s.groupBy()
	s.phase = inSelect
	for i := range s.items {
		s.bindItem(i)
	}
	s.groupByAll()
	s.later(q)
	if s.failed {
		return nil, nil, false
	}
	node, ok := s.build()
	return node, s, ok
}

func (s *selecting) binder() *expr.Binder {
	eb := s.b.session.binder(&s.from)
	eb.Call, eb.Query = s.call, s.query
	return eb
}

// bind is a scalar expression with its faults reported.
func (b *binder) bind(eb *expr.Binder, e sql.Expr) (*expr.Node, bool) {
	n, faults := eb.Bind(e)
	return n, b.report(hinted(faults, eb.Scope))
}

// condition is bind for what has to be BOOLEAN.
func (b *binder) condition(eb *expr.Binder, e sql.Expr, clause string) (*expr.Node, bool) {
	n, faults := eb.BindPredicate(e)
	for i := range faults {
		if faults[i].Class == "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN" {
			faults[i].Message += " (" + clause + ")"
		}
	}
	return n, b.report(hinted(faults, eb.Scope))
}

// hinted lists the columns that there are where no name is near the one that does not exist.
func hinted(faults sql.Faults, s expr.Scope) sql.Faults {
	for i := range faults {
		if f := &faults[i]; f.Hint == "" && f.Class == "UNRESOLVED_COLUMN.WITH_SUGGESTION" {
			f.Hint = "there are " + expected(s.Names())
		}
	}
	return faults
}

// report records faults, but those that were recorded where they arose. It reports that there was
// none.
func (b *binder) report(faults sql.Faults) bool {
	for _, f := range faults {
		if f.Message != alreadyReported {
			b.fault(f)
		}
	}
	return len(faults) == 0
}

// alreadyReported marks a fault that stands for others, which are in the list already.
const alreadyReported = "\x00"

func silent(pos sql.Pos) *sql.Fault { return &sql.Fault{Pos: pos, Message: alreadyReported} }

func (s *selecting) where() {
	s.phase = inWhere
	if s.body.Where == nil {
		return
	}
	pred, ok := s.b.condition(s.eb, s.body.Where, "WHERE")
	if !ok {
		s.failed = true
		return
	}
	if at := s.windowCallIn(pred); at != nil {
		s.fault(*notYet(at.Pos, "window(…) in WHERE"))
		return
	}
	s.in = &Filter{In: s.in, Pred: written(pred, "WHERE", s.body.Where)}
}

// written is a condition that knows how and where it is written.
func written(pred *expr.Node, clause string, e sql.Expr) *expr.Node {
	c := *pred
	c.Text, c.Pos = clause+" "+sql.Format(e), startOf(e)
	return &c
}

// startOf is where an expression begins, which for those with an operator between their parts is not where they are.
func startOf(e sql.Expr) sql.Pos {
	switch e := e.(type) {
	case *sql.Binary:
		return startOf(e.Left)
	case *sql.Is:
		return startOf(e.Expr)
	case *sql.In:
		return startOf(e.Expr)
	case *sql.Between:
		return startOf(e.Expr)
	case *sql.Like:
		return startOf(e.Expr)
	}
	return e.Position()
}

func (s *selecting) fault(f sql.Fault) {
	s.failed = true
	if f.Message != alreadyReported {
		s.b.fault(f)
	}
}

// expandItems makes the list of output columns, * and e.* spelled out.
func (s *selecting) expandItems() {
	for _, it := range s.body.Items {
		star, ok := it.Expr.(*sql.Star)
		if !ok {
			s.items = append(s.items, item{syn: it.Expr, alias: it.Alias, aliases: it.Aliases, name: s.outputName(it)})
			continue
		}
		cols, fault := s.from.expand(star)
		if fault != nil {
			s.fault(*fault)
			continue
		}
		for _, c := range cols {
			s.items = append(s.items, item{syn: star, name: c.name, node: c.node, done: true})
		}
	}
}

// offerAliases lets later expressions use the aliases of the list: n AS a, a + 1 AS b. Columns of
// the input win over them.
func (s *selecting) offerAliases() {
	s.from.aliases = func(name string, pos sql.Pos) (*expr.Node, *sql.Fault) {
		for i := range s.items {
			if a := s.items[i].alias; a != nil && strings.EqualFold(a.Name, name) && s.phase != inWhere && s.phase != inGroupBy {
				if s.binding[i] {
					return nil, nil
				}
				if s.inAgg > 0 {
					return nil, &sql.Fault{Pos: pos, Class: "UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC",
						Message: fmt.Sprintf("%q is an alias of this SELECT and cannot stand in an aggregate", name), Hint: "write its expression, or compute it in a subquery"}
				}
				s.bindItem(i)
				if s.items[i].node == nil {
					return nil, silent(a.Pos)
				}
				return s.items[i].node, nil
			}
		}
		return nil, nil
	}
	s.from.aliasNames = func() []string {
		var names []string
		for i := range s.items {
			if s.items[i].alias != nil {
				names = append(names, s.items[i].alias.Name)
			}
		}
		return names
	}
}

// bindItem binds column i of the list, once.
func (s *selecting) bindItem(i int) {
	it := &s.items[i]
	if it.done {
		return
	}
	s.binding[i] = true
	defer delete(s.binding, i)
	outer := s.phase
	s.phase = inSelect
	n, ok := s.b.bind(s.binder(), it.syn) // its own: an alias is bound in the middle of another expression
	s.phase = outer
	it.done = true
	if fault := tooLong(n, it.syn.Position()); fault != nil {
		s.fault(*fault)
		return
	}
	if !ok {
		s.failed = true
		return
	}
	it.node = n
}

// later binds what may use the SELECT list: HAVING, QUALIFY and ORDER BY.
func (s *selecting) later(q *sql.Query) {
	s.from.before = s.itemColumns(s.hidesColumn)
	if s.body.Having != nil {
		s.phase = inHaving
		s.grouped = true
		s.having = s.laterCondition(s.body.Having, "HAVING")
	}
	if s.body.Qualify != nil {
		s.phase = inQualify
		s.qualify = s.laterCondition(s.body.Qualify, "QUALIFY")
	}
	s.from.before = s.itemColumns(func(item) bool { return true })
	s.arrange(q)
	s.grouped = s.grouped || len(s.aggs) > 0
	s.bare = s.grouped && s.body.GroupBy == nil
}

// itemColumns is the columns of the list that are wanted, each expression once under a name.
func (s *selecting) itemColumns(want func(item) bool) []scopeColumn {
	var cols []scopeColumn
	seen := map[string]bool{}
	for _, it := range s.items {
		if it.node == nil || !want(it) {
			continue
		}
		if key := strings.ToLower(it.name) + "\x00" + it.node.Key(); !seen[key] {
			seen[key] = true
			cols = append(cols, scopeColumn{name: it.name, node: it.node})
		}
	}
	return cols
}

// hidesColumn reports an alias that HAVING means although a column of the input has its name: the
// column is no key, so it could not be used there.
func (s *selecting) hidesColumn(it item) bool {
	if it.alias == nil || s.body.GroupBy == nil {
		return false
	}
	n, _, fault := match(s.from.cols, []sql.Ident{*it.alias})
	if n == nil || fault != nil {
		return false
	}
	for _, k := range s.keys {
		if k.Key() == n.Key() {
			return false
		}
	}
	return true
}

func (s *selecting) laterCondition(e sql.Expr, clause string) *expr.Node {
	n, ok := s.b.condition(s.eb, e, clause)
	if !ok {
		s.failed = true
	}
	return n
}
