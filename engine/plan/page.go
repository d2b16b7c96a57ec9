package plan

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// A Chart is how the page shows a table or view. Columns are named as the rows have them.
type Chart struct {
	Name   string    `json:"name"`
	Title  string    `json:"title,omitempty"` // "": the page makes one
	From   string    `json:"from"`
	Kind   ChartKind `json:"kind"`
	Note   string    `json:"note,omitempty"`   // the table's COMMENT
	Time   string    `json:"time,omitempty"`   // the column by which rows follow one another: a window or its start, an event time
	End    string    `json:"end,omitempty"`    // a window's end
	Size   int64     `json:"size,omitempty"`   // of the windows, µs
	Rank   string    `json:"rank,omitempty"`   // ranked: the column with the place
	Groups []string  `json:"groups,omitempty"` // what rows are told apart by, time apart
	Values []Value   `json:"values,omitempty"` // what can be drawn
	Value  string    `json:"value,omitempty"`  // what is drawn at first; "": the first of them
	By     []string  `json:"by,omitempty"`     // by which groups; none: as it fits

	Columns []ChartColumn `json:"columns"`
}

// ChartKind is the form of a Chart.
type ChartKind string

// The kinds of chart.
const (
	TimeChart   ChartKind = "time"   // values of windows, one line a group
	BarChart    ChartKind = "bars"   // the average of a value by groups, over the newest rows
	RankedTable ChartKind = "ranked" // a table with a place in each row
	RowTable    ChartKind = "rows"   // rows as they come, the newest first
	ViewTable   ChartKind = "table"  // a view as it is
)

// A Value is a column of numbers. Fold tells what makes one value of those of several groups: "sum", "min", "max", or
// "" where nothing does (an average, a count of distinct things).
type Value struct {
	Column string `json:"column"`
	Fold   string `json:"fold,omitempty"`
}

// ChartColumn is a column and its type as SQL writes it.
type ChartColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Charts is what a page shows of the project: what page.<name> of the configuration names, in that order; without such,
// all tables and views in order of definition.
func (p *Pipeline) Charts() []Chart {
	charts := []Chart{}
	for _, def := range p.Page {
		if def.chart != nil {
			charts = append(charts, *def.chart)
		}
	}
	if len(p.Page) > 0 {
		return charts
	}
	for _, d := range p.Datasets {
		if (d.Kind == StreamingTable || d.Kind == MaterializedView) && len(d.Flows) > 0 {
			charts = append(charts, chartOf(d))
		}
	}
	return charts
}

// chartOf finds the form that fits the rows of a table or view: by the plan of its first query, not by names.
func chartOf(d *Dataset) Chart {
	c := Chart{Name: d.Name, From: d.Name, Note: d.Comment, Kind: RowTable}
	if d.Kind == MaterializedView {
		c.Kind = ViewTable
	}
	for _, f := range d.Schema.Fields {
		c.Columns = append(c.Columns, ChartColumn{f.Name, f.Type.String()})
	}
	root := d.Flows[0].Root
	for i, f := range d.Schema.Fields {
		c.place(from(root, i), f)
	}
	switch {
	case c.Rank != "":
		c.Kind = RankedTable
	case d.Kind == StreamingTable && c.Time != "" && c.Size > 0 && len(c.Values) > 0:
		c.Kind = TimeChart
	case d.Kind == StreamingTable && c.Size == 0:
		if d.EventTime >= 0 && d.EventTime < len(d.Schema.Fields) {
			c.Time = d.Schema.Fields[d.EventTime].Name
		}
		c.Groups, c.Values = nil, nil
	}
	return c
}

// place finds what a column is to the chart.
func (c *Chart) place(o origin, f column.Field) {
	switch {
	case o.rank:
		c.Rank = f.Name
	case o.agg == nil:
		if isNumber(f.Type) {
			c.Values = append(c.Values, Value{Column: f.Name})
		} else if f.Type.Kind == column.String {
			c.Groups = append(c.Groups, f.Name)
		}
	case o.column == o.agg.WindowKey && o.agg.Window != nil:
		if !o.agg.Window.Session { // sessions begin at any time: no two groups have a value at the same
			c.Size = o.agg.Window.Size
		}
		switch {
		case f.Type.Kind == column.Struct: // the window itself
			if c.Time == "" {
				c.Time = f.Name
			}
		case o.field == 0:
			c.Time = f.Name
		case o.field == 1:
			c.End = f.Name
		}
	case o.column < len(o.agg.Keys):
		c.Groups = append(c.Groups, f.Name)
	case isNumber(f.Type):
		v := Value{Column: f.Name}
		if i := o.column - len(o.agg.Keys); i < len(o.agg.Aggs) {
			v.Fold = foldOf(o.agg.Aggs[i])
		}
		c.Values = append(c.Values, v)
	}
}

// foldOf is what makes one value of an aggregate's of several groups.
func foldOf(a AggCall) string {
	switch {
	case a.Spec.Distinct:
		return ""
	case a.Spec.Name == "count", a.Spec.Name == "sum", a.Spec.Name == "count_if":
		return "sum"
	case a.Spec.Name == "min", a.Spec.Name == "max":
		return a.Spec.Name
	}
	return ""
}

func isNumber(t column.Type) bool {
	switch t.Kind {
	case column.Int8, column.Int16, column.Int32, column.Int64, column.Float32, column.Float64, column.Decimal:
		return true
	}
	return false
}

// An origin is what a column of a query is made of.
type origin struct {
	agg    *Aggregate // nil: of no aggregate's column alone
	column int        // of agg
	field  int        // of the window's struct, or -1
	rank   bool       // it is rank(), dense_rank() or row_number()
}

// from follows column i of a query down to the aggregate or window function that makes it, also through tables.
func from(n Node, i int) origin {
	field := -1
	for {
		switch at := n.(type) {
		case *Project:
			e := at.Exprs[i]
			if e.Op == expr.OpField && field < 0 && len(e.Args) == 1 {
				field, e = e.Index, e.Args[0]
			}
			if e.Op != expr.OpColumn {
				return origin{}
			}
			n, i = at.In, e.Index
		case *Filter:
			n = at.In
		case *Sort:
			n = at.In
		case *Limit:
			n = at.In
		case *Distinct:
			n = at.In
		case *Watermark:
			n = at.In
		case *Windowed:
			if k := i - len(at.In.Columns()); k >= 0 {
				return origin{rank: k < len(at.Funcs) && isRank(at.Funcs[k].Func)}
			}
			n = at.In
		case *Aggregate:
			return origin{agg: at, column: i, field: field}
		case *Scan:
			d := at.Dataset
			if d.Kind != StreamingTable && d.Kind != MaterializedView || len(d.Flows) == 0 || i >= len(d.Schema.Fields) {
				return origin{}
			}
			n = d.Flows[0].Root
		default:
			return origin{}
		}
	}
}

func isRank(f string) bool { return f == "rank" || f == "dense_rank" || f == "row_number" }
