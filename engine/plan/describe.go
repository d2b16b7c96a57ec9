package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/expr"
)

// Describe writes a tree of operators, each with its inputs below it:
//
//	Project window_start, category, orders
//	└ Aggregate by window(ts, 1m0s), category: count(*)
//	  └ Watermark ts, delay 10s
//	    └ Scan STREAM purchase_raw
func Describe(n Node) string {
	var b strings.Builder
	describe(&b, n, "", "")
	return b.String()
}

func describe(b *strings.Builder, n Node, lead, indent string) {
	b.WriteString(lead)
	b.WriteString(oneLine(n))
	b.WriteByte('\n')
	inputs := n.Inputs()
	for i, in := range inputs {
		if i < len(inputs)-1 {
			describe(b, in, indent+"├ ", indent+"│ ")
		} else {
			describe(b, in, indent+"└ ", indent+"  ")
		}
	}
}

// oneLine is an operator without its inputs.
func oneLine(n Node) string {
	switch n := n.(type) {
	case *Scan:
		if n.Stream {
			return "Scan STREAM " + n.Dataset.Name
		}
		return "Scan " + n.Dataset.Name
	case *Values:
		return fmt.Sprintf("Values, %d row(s)", len(n.Rows))
	case *Filter:
		return "Filter " + exprText(n.Pred, n.In.Columns())
	case *Project:
		return "Project " + projectText(n)
	case *Explode:
		return explodeText(n)
	case *Watermark:
		return fmt.Sprintf("Watermark %s, delay %s", n.Cols[n.Time].Name, micros(n.Delay))
	case *Aggregate:
		return aggregateText(n)
	case *AssignWindows:
		return "AssignWindows " + windowText(n.Window, n.In.Columns())
	case *Windowed:
		return "Windowed " + windowedText(n)
	case *Sort:
		return "Sort " + sortText(n.Keys, n.In.Columns())
	case *Limit:
		if n.Count < 0 {
			return fmt.Sprintf("Limit, from row %d", n.Offset)
		}
		return fmt.Sprintf("Limit %d, from row %d", n.Count, n.Offset)
	case *Distinct:
		return "Distinct"
	case *Range:
		return fmt.Sprintf("Range from %d to before %d by %d", n.Start, n.End, n.Step)
	case *Single:
		return "Single row"
	case *SetOp:
		if n.All {
			return n.Op + " ALL"
		}
		return n.Op
	case *Apply:
		var outer []string
		for _, e := range n.Outer {
			outer = append(outer, exprText(e, n.Left.Columns()))
		}
		return "Apply " + n.Kind + " for each " + strings.Join(outer, ", ")
	case *Join:
		text := "Join " + n.Kind
		if n.On != nil {
			text += " on " + exprText(n.On, append(append([]Column{}, n.Left.Columns()...), n.Right.Columns()...))
		}
		return text
	}
	return fmt.Sprintf("%T", n)
}

func projectText(p *Project) string {
	var parts []string
	for i, e := range p.Exprs {
		text := exprText(e, p.In.Columns())
		if text != p.Cols[i].Name {
			text += " AS " + p.Cols[i].Name
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func aggregateText(a *Aggregate) string {
	var keys, calls []string
	for i, k := range a.Keys {
		if i == a.WindowKey {
			keys = append(keys, windowText(a.Window, a.In.Columns()))
			continue
		}
		keys = append(keys, exprText(k, a.In.Columns()))
	}
	for _, c := range a.Aggs {
		calls = append(calls, c.Text)
	}
	text := "Aggregate"
	if len(keys) > 0 {
		text += " by " + strings.Join(keys, ", ")
	}
	if a.Grouping != nil {
		text += fmt.Sprintf(" in %d sets", len(a.Grouping))
	}
	if len(calls) > 0 {
		text += ": " + strings.Join(calls, ", ")
	}
	return text
}

func windowText(w *TimeWindow, cols []Column) string {
	time := exprText(w.Time, cols)
	switch {
	case w.Gap != nil:
		return fmt.Sprintf("session_window(%s, %s)", time, exprText(w.Gap, cols))
	case w.Session:
		return fmt.Sprintf("session_window(%s, %s)", time, micros(w.Size))
	case w.Offset != 0:
		return fmt.Sprintf("window(%s, %s, %s, %s)", time, micros(w.Size), micros(w.Slide), micros(w.Offset))
	case w.Slide != w.Size:
		return fmt.Sprintf("window(%s, %s, %s)", time, micros(w.Size), micros(w.Slide))
	}
	return fmt.Sprintf("window(%s, %s)", time, micros(w.Size))
}

func windowedText(n *Windowed) string {
	var parts []string
	for _, w := range n.Funcs {
		text := w.Func + " over ("
		for i, p := range w.PartitionBy {
			if i == 0 {
				text += "partition by "
			} else {
				text += ", "
			}
			text += exprText(p, n.In.Columns())
		}
		if len(w.OrderBy) > 0 {
			if len(w.PartitionBy) > 0 {
				text += " "
			}
			text += "order by " + sortText(w.OrderBy, n.In.Columns())
		}
		parts = append(parts, text+")")
	}
	return strings.Join(parts, ", ")
}

func sortText(keys []SortKey, cols []Column) string {
	var parts []string
	for _, k := range keys {
		text := exprText(k.Expr, cols)
		if k.Desc {
			text += " DESC"
		}
		if k.NullsFirst == k.Desc {
			text += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[k.NullsFirst]
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func micros(d int64) string { return (time.Duration(d) * time.Microsecond).String() }

// exprText is an expression with the names of the columns below it.
func exprText(n *expr.Node, cols []Column) string {
	return n.Rewrite(func(m *expr.Node) *expr.Node {
		if m.Op == expr.OpColumn && m.Index < len(cols) && cols[m.Index].Name != "" {
			m.Name = cols[m.Index].Name
		}
		return m
	}).String()
}

// ConditionText is a condition over columns as it is written.
func ConditionText(n *expr.Node, cols []Column) string {
	if n.Text != "" {
		return n.Text
	}
	text := exprText(n, cols)
	if inner, is := strings.CutPrefix(text, "("); is && closes(inner) {
		text = inner[:len(inner)-1]
	}
	return text
}

// closes reports whether a text ends with the parenthesis that stands before it.
func closes(text string) bool {
	depth := 1
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i == len(text)-1
		}
	}
	return false
}
