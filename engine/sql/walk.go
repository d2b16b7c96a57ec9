package sql

// Walk visits an expression and all that stand in it, outer ones first. Queries in it are not entered.
func Walk(e Expr, visit func(Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, in := range parts(e) {
		Walk(in, visit)
	}
}

// parts is the expressions directly in e; some may be nil.
func parts(e Expr) []Expr {
	switch e := e.(type) {
	case *Unary:
		return []Expr{e.Expr}
	case *Binary:
		return []Expr{e.Left, e.Right}
	case *Is:
		return []Expr{e.Expr, e.From}
	case *In:
		return append([]Expr{e.Expr}, e.List...)
	case *Between:
		return []Expr{e.Expr, e.Low, e.High}
	case *Like:
		return append([]Expr{e.Expr}, e.Patterns...)
	case *Case:
		list := []Expr{e.Operand}
		for _, w := range e.Whens {
			list = append(list, w.Cond, w.Result)
		}
		return append(list, e.Else)
	case *Cast:
		return []Expr{e.Expr}
	case *Extract:
		return []Expr{e.Expr}
	case *Call:
		return partsOfCall(e)
	case *Lambda:
		return []Expr{e.Body}
	case *Index:
		return []Expr{e.Expr, e.Index}
	case *Dot:
		return []Expr{e.Expr}
	case *Row:
		return e.Exprs
	case *Aliased:
		return []Expr{e.Expr}
	case *NamedArg:
		return []Expr{e.Expr}
	}
	return nil
}

func partsOfCall(e *Call) []Expr {
	list := append(append([]Expr{}, e.Args...), e.Filter)
	order := e.WithinGroup
	if e.Over != nil {
		list = append(list, e.Over.PartitionBy...)
		order = append(append([]OrderItem{}, order...), e.Over.OrderBy...)
	}
	for _, o := range order {
		list = append(list, o.Expr)
	}
	return list
}
