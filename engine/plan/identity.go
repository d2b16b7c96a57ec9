package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Identity writes down all that decides a table's rows: of equal texts the rows are the same.
func Identity(n Node) string {
	var b strings.Builder
	identify(&b, n)
	return b.String()
}

func identify(b *strings.Builder, n Node) {
	switch n := n.(type) {
	case *Scan:
		fmt.Fprintf(b, "scan %s", n.Dataset.Name)
	case *Values:
		fmt.Fprintf(b, "values %d", len(n.Rows))
	case *Explode:
		fmt.Fprintf(b, "explode %v %v %v", n.Outer, n.Pos, n.Fields)
	case *Aggregate:
		fmt.Fprintf(b, "aggregate %d %v", n.WindowKey, n.Grouping)
		for _, t := range aggregateTexts(n) {
			b.WriteString(" " + t)
		}
	case *AssignWindows:
		fmt.Fprintf(b, "windows %d %d %d", n.Window.Size, n.Window.Slide, n.Window.Offset)
	case *Windowed:
		for _, w := range n.Funcs {
			fmt.Fprintf(b, "over %s %d %d %d", w.Func, len(w.PartitionBy), w.Start, w.End)
			if w.Agg != nil {
				fmt.Fprintf(b, " %s %v %d %s", w.Agg.Name, w.Agg.Distinct, w.Agg.Limit, w.Agg.Key())
			}
			if f := w.Frame; f != nil {
				fmt.Fprintf(b, " %v %s %s", f.Rows, f.Start.Kind, f.End.Kind)
				for _, o := range []sql.Expr{f.Start.Offset, f.End.Offset} {
					if o != nil {
						b.WriteString(" " + sql.Format(o))
					}
				}
			}
			for _, k := range w.OrderBy {
				fmt.Fprintf(b, " %v %v", k.Desc, k.NullsFirst)
			}
		}
	case *Sort:
		for _, k := range n.Keys {
			fmt.Fprintf(b, "sort %v %v", k.Desc, k.NullsFirst)
		}
	case *Limit:
		fmt.Fprintf(b, "limit %d %d", n.Count, n.Offset)
	case *SetOp:
		fmt.Fprintf(b, "%s %v", n.Op, n.All)
	case *Join:
		fmt.Fprintf(b, "join %s", n.Kind)
	default: // Filter, Project, Distinct, Single, Watermark: they are their expressions
		fmt.Fprintf(b, "%T", n)
	}
	eachExpr(n, func(e *expr.Node) { fmt.Fprintf(b, " %s:%s", e.Key(), e.Type) })
	b.WriteString(" (")
	for _, in := range n.Inputs() {
		identify(b, in)
		b.WriteString(") (")
	}
	b.WriteString(")")
}

func aggregateTexts(n *Aggregate) []string {
	var list []string
	for _, a := range n.Aggs {
		list = append(list, fmt.Sprintf("%s %v %d %s arg %v filter %v", a.Spec.Name, a.Spec.Distinct, a.Spec.Limit, a.Spec.Key(), a.Arg != nil, a.Filter != nil))
	}
	if n.Window != nil {
		list = append(list, fmt.Sprintf("window %d %d %d %v", n.Window.Size, n.Window.Slide, n.Window.Offset, n.Window.Session))
	}
	return list
}
