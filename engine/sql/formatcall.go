package sql

import "strings"

func (f *formatter) call(e *Call) {
	f.write(functionName(e.Name), "(")
	switch {
	case e.Star:
		f.write("*")
	case e.Distinct:
		f.write("DISTINCT ")
	}
	f.exprs(e.Args)
	f.write(")")
	if e.WithinGroup != nil {
		f.write(" WITHIN GROUP (ORDER BY ")
		f.orderItems(e.WithinGroup)
		f.write(")")
	}
	if e.Filter != nil {
		f.write(" FILTER (WHERE ")
		f.expr(e.Filter, bindAny)
		f.write(")")
	}
	if e.IgnoreNulls {
		f.write(" IGNORE NULLS")
	}
	if e.Over != nil {
		f.over(e.Over)
	}
}

func (f *formatter) over(o *Over) {
	f.write(" OVER (")
	gap := ""
	if o.PartitionBy != nil {
		f.write("PARTITION BY ")
		f.exprs(o.PartitionBy)
		gap = " "
	}
	if o.OrderBy != nil {
		f.write(gap, "ORDER BY ")
		f.orderItems(o.OrderBy)
		gap = " "
	}
	if o.Frame != nil {
		f.write(gap, map[bool]string{false: "RANGE", true: "ROWS"}[o.Frame.Rows], " BETWEEN ")
		f.bound(o.Frame.Start)
		f.write(" AND ")
		f.bound(o.Frame.End)
	}
	f.write(")")
}

func (f *formatter) bound(b Bound) {
	if b.Offset != nil {
		f.expr(b.Offset, bindValue)
		f.write(" ")
	}
	f.write(b.Kind)
}

func (f *formatter) orderItems(list []OrderItem) {
	for i, item := range list {
		if i > 0 {
			f.write(", ")
		}
		f.expr(item.Expr, bindAny)
		if item.Desc {
			f.write(" DESC")
		}
		if item.NullsFirst != nil {
			f.write(map[bool]string{false: " NULLS LAST", true: " NULLS FIRST"}[*item.NullsFirst])
		}
	}
}

// functionName writes the name of a function. These keywords name functions too, without backticks.
func functionName(id Ident) string {
	switch strings.ToUpper(id.Name) {
	case "EXISTS", "FILTER", "GROUPING", "LEFT", "RANGE", "RIGHT":
		return name(id)
	}
	return firstName(id)
}
