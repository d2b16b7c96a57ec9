package plan

import (
	"math/big"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// A Threshold is a number, or an interval of one, with which WHERE, HAVING or FILTER compares on the way to an
// alert's rows: n > 50, x BETWEEN 10 AND 1.5 * y, now - t > INTERVAL 30 SECONDS. Comparisons for equality have
// none: they ask which thing, not how much.
type Threshold struct {
	Table string  // the table or view in whose query it stands
	Text  string  // the comparison
	Value string  // as written
	Pos   sql.Pos // of the number

	file       int
	statements []sql.Statement // of the file
	literal    *sql.Literal    // one of both
	interval   *sql.Interval
}

// MostThresholds is how many thresholds of a rule are found.
const MostThresholds = 24

// thresholds finds those on the way to the rows of a table or view, in order of place.
func thresholds(in Input, from string) []Threshold {
	f := &thresholdFinder{queries: map[string][]placedQuery{}, seen: map[string]bool{}}
	for i, file := range in.Files {
		statements, faults := sql.ParseFile(file.Path, file.Text)
		if len(faults) > 0 {
			continue // the project cannot be run
		}
		for _, s := range statements {
			switch s := s.(type) {
			case *sql.CreateTable:
				f.has(s.Name.Name, placedQuery{i, statements, s.Query})
			case *sql.CreateView:
				f.has(s.Name.Name, placedQuery{i, statements, s.Query})
			case *sql.CreateFlow:
				f.has(s.Target.Name, placedQuery{i, statements, s.Query})
			}
		}
	}
	f.dataset(from)
	return f.found
}

// A placedQuery is a query of a file.
type placedQuery struct {
	file       int
	statements []sql.Statement
	query      *sql.Query
}

type thresholdFinder struct {
	queries map[string][]placedQuery
	seen    map[string]bool
	found   []Threshold

	table string // whose query is walked through
	at    placedQuery
}

func (f *thresholdFinder) has(name string, q placedQuery) {
	if q.query != nil {
		f.queries[name] = append(f.queries[name], q)
	}
}

// dataset walks through the queries of a dataset, those that it reads first.
func (f *thresholdFinder) dataset(name string) {
	if f.seen[name] {
		return
	}
	f.seen[name] = true
	before, at := f.table, f.at
	for _, q := range f.queries[name] {
		f.table, f.at = name, q
		f.query(q.query, nil)
	}
	f.table, f.at = before, at
}

// query walks through a query; known is the names of WITH around it.
func (f *thresholdFinder) query(q *sql.Query, known []string) {
	if q == nil {
		return
	}
	for _, c := range q.With {
		f.query(c.Query, known)
		known = append(known[:len(known):len(known)], strings.ToLower(c.Name.Name))
	}
	f.body(q.Body, known)
}

func (f *thresholdFinder) body(body sql.SetExpr, known []string) {
	switch b := body.(type) {
	case *sql.SelectBody:
		for _, r := range b.From {
			f.relation(r, known)
		}
		for _, item := range b.Items {
			f.inner(item.Expr, known)
		}
		for _, e := range []sql.Expr{b.Where, b.Having, b.Qualify} {
			f.condition(e)
			f.inner(e, known)
		}
	case *sql.SetOp:
		f.body(b.Left, known)
		f.body(b.Right, known)
	case *sql.SubQuery:
		f.query(b.Query, known)
	}
}

func (f *thresholdFinder) relation(r sql.Relation, known []string) {
	switch r := r.(type) {
	case *sql.TableRef:
		name := r.Parts[len(r.Parts)-1].Name
		for _, k := range known {
			if len(r.Parts) == 1 && k == strings.ToLower(name) {
				return
			}
		}
		f.dataset(name)
	case *sql.SubRelation:
		f.query(r.Query, known)
	case *sql.Join:
		f.relation(r.Left, known)
		f.relation(r.Right, known)
		f.condition(r.On)
	}
}

// inner looks for conditions inside an expression: FILTER of aggregates, and subqueries.
func (f *thresholdFinder) inner(e sql.Expr, known []string) {
	sql.Walk(e, func(e sql.Expr) {
		switch e := e.(type) {
		case *sql.Call:
			f.condition(e.Filter)
		case *sql.ScalarQuery:
			f.query(e.Query, known)
		case *sql.Exists:
			f.query(e.Query, known)
		case *sql.In:
			f.query(e.Query, known)
		}
	})
}

// condition finds the thresholds of the comparisons in a condition.
func (f *thresholdFinder) condition(e sql.Expr) {
	sql.Walk(e, func(e sql.Expr) {
		switch c := e.(type) {
		case *sql.Binary:
			if c.Op == "<" || c.Op == "<=" || c.Op == ">" || c.Op == ">=" {
				f.operand(c.Left, c)
				f.operand(c.Right, c)
			}
		case *sql.Between:
			f.operand(c.Low, c)
			f.operand(c.High, c)
		}
	})
}

// operand finds the numbers in one side of a comparison: what it is computed from by signs, + - * / and casts.
// Arguments of functions are not how much is too much.
func (f *thresholdFinder) operand(e, comparison sql.Expr) {
	switch e := e.(type) {
	case *sql.Literal:
		if e.Kind >= sql.LitInteger && e.Kind <= sql.LitFloat {
			f.add(Threshold{Value: e.Text, Pos: e.Pos, literal: e}, comparison)
		}
	case *sql.Interval:
		if _, ok := intervalMicros(e); ok {
			f.add(Threshold{Value: strings.TrimPrefix(sql.Format(e), "INTERVAL "), Pos: e.Pos, interval: e}, comparison)
		}
	case *sql.Unary:
		if e.Op == "-" || e.Op == "+" {
			f.operand(e.Expr, comparison)
		}
	case *sql.Binary:
		if strings.Contains("+ - * /", e.Op) {
			f.operand(e.Left, comparison)
			f.operand(e.Right, comparison)
		}
	case *sql.Cast:
		f.operand(e.Expr, comparison)
	}
}

func (f *thresholdFinder) add(t Threshold, comparison sql.Expr) {
	for _, old := range f.found {
		if t.literal != nil && old.literal == t.literal || t.interval != nil && old.interval == t.interval {
			return // a FILTER inside a HAVING is met twice
		}
	}
	if len(f.found) < MostThresholds {
		t.Table, t.Text, t.file, t.statements = f.table, sql.Format(comparison), f.at.file, f.at.statements
		f.found = append(f.found, t)
	}
}

// microsOf is the units of intervals that have one length.
var microsOf = map[string]int64{
	"MICROSECOND": 1, "MILLISECOND": 1000, "SECOND": 1_000_000, "MINUTE": minute, "HOUR": 60 * minute, "DAY": 24 * 60 * minute, "WEEK": 7 * 24 * 60 * minute,
}

// intervalMicros is how long an interval of numbers and units is.
func intervalMicros(e *sql.Interval) (*big.Rat, bool) {
	parts := e.Parts
	if parts == nil {
		words := strings.Fields(e.Whole)
		if len(words)%2 != 0 {
			return nil, false
		}
		for i := 0; i < len(words); i += 2 {
			parts = append(parts, sql.IntervalPart{Value: words[i], Unit: strings.TrimSuffix(strings.ToUpper(words[i+1]), "S")})
		}
	}
	sum := new(big.Rat)
	for _, p := range parts {
		unit, known := microsOf[p.Unit]
		value, ok := new(big.Rat).SetString(strings.TrimSpace(p.Value))
		if !ok || !known || p.To != "" {
			return nil, false
		}
		sum.Add(sum, value.Mul(value, new(big.Rat).SetInt64(unit)))
	}
	return sum, len(parts) > 0
}

// Moved is the threshold made percent of a hundred larger, as it would be written; "": it is 0, which cannot be moved.
func (t *Threshold) Moved(percent int64) string {
	factor := big.NewRat(100+percent, 100)
	if t.literal != nil {
		value, ok := new(big.Rat).SetString(t.literal.Text)
		if !ok || value.Sign() == 0 {
			return ""
		}
		return decimalText(value.Mul(value, factor))
	}
	value, _ := intervalMicros(t.interval)
	if value.Sign() == 0 {
		return ""
	}
	value.Mul(value, factor)
	for _, unit := range []string{"WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"} {
		if in := new(big.Rat).Quo(value, new(big.Rat).SetInt64(microsOf[unit])); in.IsInt() {
			return in.Num().String() + " " + unit
		}
	}
	return new(big.Int).Quo(value.Num(), value.Denom()).String() + " MICROSECOND"
}

// decimalText is a number of finitely many decimal places with all of them.
func decimalText(r *big.Rat) string {
	for places := 0; ; places++ {
		text := r.FloatString(places)
		if back, _ := new(big.Rat).SetString(text); back.Cmp(r) == 0 || places > 400 {
			return text
		}
	}
}

// apply is the project with the threshold moved. Its text is written anew, so that places in it mean nothing.
func (t *Threshold) apply(in Input, percent int64) Input {
	moved := t.Moved(percent)
	if t.literal != nil {
		was := *t.literal
		defer func() { *t.literal = was }()
		t.literal.Text = moved
		if t.literal.Kind < sql.LitDecimal && strings.Contains(moved, ".") {
			t.literal.Kind = sql.LitDecimal
		} else if t.literal.Kind != sql.LitDouble && t.literal.Kind != sql.LitFloat && t.literal.Kind != sql.LitDecimal {
			t.literal.Kind = sql.LitInteger // it may no longer fit its suffix
		}
	} else {
		was := *t.interval
		defer func() { *t.interval = was }()
		value, unit, _ := strings.Cut(moved, " ")
		*t.interval = sql.Interval{Pos: was.Pos, Parts: []sql.IntervalPart{{Value: value, Unit: unit}}}
	}
	var text strings.Builder
	for _, s := range t.statements {
		text.WriteString(sql.Format(s))
		text.WriteString(";\n")
	}
	files := append([]File{}, in.Files...)
	files[t.file].Text = text.String()
	in.Files = files
	return in
}
