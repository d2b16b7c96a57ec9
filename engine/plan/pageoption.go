package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// PageDef is one page.<name> of the configuration: a chart or table of the page, in the order in which they stand.
type PageDef struct {
	Name  string
	Title string // "": the page makes one
	From  string
	Kind  ChartKind // "": as it fits
	Value string    // the column that is drawn; "": the first
	By    []string  // the columns by which it is drawn; none: as it fits
	Pos   sql.Pos

	set   map[string]Setting
	chart *Chart // resolved
}

// pagePrefix is how the settings of the page begin.
const pagePrefix = "page."

func pageFields() []string { return []string{"from", "title", "kind", "value", "by"} }

func chartKinds() []string {
	return []string{string(TimeChart), string(BarChart), string(RankedTable), string(RowTable), string(ViewTable)}
}

// pageSetting takes page.<name>.<field>.
func (r *resolver) pageSetting(s Setting) {
	name, field, ok := strings.Cut(strings.TrimPrefix(s.Key, pagePrefix), ".")
	if !ok || name == "" || !slices.Contains(pageFields(), field) {
		r.unknownField(s, pagePrefix+name, field, pageFields())
		return
	}
	var def *PageDef
	for _, d := range r.pipe.Page {
		if d.Name == name {
			def = d
		}
	}
	if def == nil {
		def = &PageDef{Name: name, Pos: s.Pos, set: map[string]Setting{}}
		r.pipe.Page = append(r.pipe.Page, def)
	}
	def.set[field] = s
	switch field {
	case "from":
		def.From = s.Value
	case "title":
		def.Title = s.Value
	case "kind":
		def.Kind = ChartKind(s.Value)
	case "value":
		def.Value = s.Value
	case "by":
		def.By = listOf(s.Value)
	}
}

// resolvePage finds what a chart shows.
func (r *resolver) resolvePage(def *PageDef) {
	if !plainAlertName(def.Name) {
		r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("a chart of the page is called %q", def.Name), Hint: "use letters, digits, _ and -, at most 100 of them"})
	}
	if def.From == "" {
		if !r.means("page", def.Name, "from") {
			r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("chart %q of the page shows nothing", def.Name), Hint: fmt.Sprintf("add page.%s.from: <streaming table or materialized view>", def.Name)})
		}
		return
	}
	pos := def.set["from"].Pos
	d := r.byName[def.From]
	if d == nil {
		r.fault(r.noDataset(def.From, pos, r.names(StreamingTable, MaterializedView)))
		return
	}
	if !r.resolve(d) {
		return
	}
	if k := d.dataset.Kind; k != StreamingTable && k != MaterializedView || len(d.dataset.Flows) == 0 {
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("page.%s.from names %q, %s, which keeps no rows that can be shown", def.Name, def.From, k),
			Hint: "name a streaming table or a materialized view; there are " + expected(r.names(StreamingTable, MaterializedView))})
		return
	}
	c := chartOf(d.dataset)
	c.Name, c.Title = def.Name, def.Title
	if r.pageKind(def, &c) && r.pageColumns(def, &c) {
		def.chart = &c
	}
}

// pageKind gives a chart the kind that is wished, if the rows have what it needs.
func (r *resolver) pageKind(def *PageDef, c *Chart) bool {
	if def.Kind == "" || def.Kind == c.Kind {
		return true
	}
	lack := ""
	switch def.Kind {
	case TimeChart:
		lack = "its rows come from no window"
	case RankedTable:
		lack = "no column of it is a rank() or row_number()"
	case BarChart, RowTable, ViewTable:
		c.Kind = def.Kind
		return true
	default:
		hint := didYouMean(string(def.Kind), chartKinds())
		if hint == "" {
			hint = "expected " + expected(chartKinds())
		}
		r.fault(sql.Fault{Pos: def.set["kind"].Pos, Message: fmt.Sprintf("page.%s.kind is %q", def.Name, def.Kind), Hint: hint})
		return false
	}
	r.fault(sql.Fault{Pos: def.set["kind"].Pos, Message: fmt.Sprintf("page.%s.kind is %q, and %q cannot be shown so: %s", def.Name, def.Kind, def.From, lack),
		Hint: fmt.Sprintf("leave it out: %s fits", c.Kind)})
	return false
}

// pageColumns finds the columns that are drawn.
func (r *resolver) pageColumns(def *PageDef, c *Chart) bool {
	ok := true
	wrong := func(field, what string, known []string, near string) {
		hint := didYouMean(near, known)
		if hint == "" {
			hint = "there are " + expected(known)
		}
		if len(known) == 0 {
			hint = "leave it out"
		}
		r.fault(sql.Fault{Pos: def.set[field].Pos, Message: fmt.Sprintf("page.%s.%s %s", def.Name, field, what), Hint: hint})
		ok = false
	}
	var names, numbers []string
	for _, col := range c.Columns {
		names = append(names, col.Name)
		if isNumeric(col.Type) {
			numbers = append(numbers, col.Name)
		}
	}
	if c.Kind != TimeChart && c.Kind != BarChart {
		for _, field := range []string{"value", "by"} {
			if _, given := def.set[field]; given {
				wrong(field, fmt.Sprintf("is for charts (%s, %s), and %q is shown as %s", TimeChart, BarChart, def.From, c.Kind), nil, "")
			}
		}
		return ok
	}
	if c.Kind == TimeChart {
		names, numbers = c.Groups, nil
		for _, v := range c.Values {
			numbers = append(numbers, v.Column)
		}
	}
	for _, field := range []string{"value", "by"} {
		given := field == "value" && def.Value != "" || field == "by" && len(def.By) > 0
		if !given && c.Kind == BarChart {
			pos := def.Pos
			if s, empty := def.set[field]; empty {
				pos = s.Pos
			}
			r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("chart %q of the page has bars of no %s", def.Name, field), Hint: fmt.Sprintf("add page.%s.%s: <column>", def.Name, field)})
			ok = false
		}
	}
	if def.Value != "" && !slices.Contains(numbers, def.Value) {
		wrong("value", fmt.Sprintf("is %q, which is no column of numbers of %q that can be drawn", def.Value, def.From), numbers, def.Value)
	}
	for _, by := range def.By {
		if !slices.Contains(names, by) {
			wrong("by", fmt.Sprintf("names %q, by which %q has no rows", by, def.From), names, by)
		}
	}
	c.Value, c.By = def.Value, def.By
	if v := c.value(def.Value); ok && c.Kind == TimeChart && len(def.By) > 0 && len(def.By) < len(c.Groups) && v != nil && v.Fold == "" {
		r.fault(sql.Fault{Pos: def.set["by"].Pos, Message: fmt.Sprintf("page.%s.by leaves out groups, and values of %q cannot be added up over them", def.Name, v.Column),
			Hint: "draw it by " + strings.Join(c.Groups, ", ") + ", or a count, sum, min or max"})
		ok = false
	}
	return ok
}

// value is the value that is drawn: of that name, the first for "".
func (c *Chart) value(name string) *Value {
	for i := range c.Values {
		if name == "" || c.Values[i].Column == name {
			return &c.Values[i]
		}
	}
	return nil
}

// isNumeric tells columns of numbers by their type's name.
func isNumeric(kind string) bool {
	kind, _, _ = strings.Cut(kind, "(")
	return slices.Contains([]string{"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"}, kind)
}
