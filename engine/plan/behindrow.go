package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A Provenance is where a row comes from, as SELECTs over the records of its topic.
type Provenance struct {
	Table      string // the table of windows that has counted them; "": a table keeps rows one for one
	Start, End int64  // of the window, µs; math.MinInt64 where there is none
	Topic      string // "" unless it is one
	// Counted is a SELECT of the records that the row was made of: topic, partition, offset, timestamp and value.
	Counted string
	// LeftOut is a SELECT of those that were not counted though they are of the same window and keys, with verdict, reason and the
	// watermark that they came behind. "": nothing is kept of such.
	LeftOut string
	// Note says what else the SELECTs find, or, without Counted, why there is none.
	Note string
}

// RecordsBehind finds the records behind a row, given as JSON, of a table or view.
func (p *Pipeline) RecordsBehind(name string, row json.RawMessage) Provenance {
	b := Provenance{Start: math.MinInt64, End: math.MinInt64}
	d := p.Dataset(name)
	if d == nil {
		b.Note = fmt.Sprintf("there is no table %q", name)
		return b
	}
	values, ok := decodeRow(row)
	if !ok {
		b.Note = "its row cannot be read"
		return b
	}
	if d.KeepsRows() {
		b.Note = p.keptBehind(&b, d, values)
		return b
	}
	b.Note = p.windowBehind(&b, name, row, values)
	return b
}

func decodeRow(row json.RawMessage) (values map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(row))
	d.UseNumber()
	return values, d.Decode(&values) == nil
}

func (p *Pipeline) newTracer(whole bool) *tracer {
	t := &tracer{pipe: p, queries: map[string][]*tracedQuery{}, whole: whole}
	t.read()
	return t
}

// windowBehind finds the records of a window's row, or says why it cannot.
func (p *Pipeline) windowBehind(b *Provenance, name string, row json.RawMessage, values map[string]any) (note string) {
	all := p.newTracer(true)
	if why := all.find(name); why != "" {
		return why
	}
	window := all.window(name)
	if window == nil {
		return "its rows come from no window of one size"
	}
	end, ok := all.windowEnd(window, values)
	if !ok {
		return "the row does not tell its window: the query shows neither window.start nor window.end"
	}
	b.Table, b.Start, b.End = all.table, end-window.Size, end
	where := all.aggregate.Where
	if why := all.choose(b.Start, b.End, row, all.types(name)); why != "" {
		return why
	}
	d := p.Dataset(b.Table)
	topics := all.topics(d)
	if d == nil || len(topics) != 1 {
		b.Counted = sql.Format(all.out)
		return strings.Join(append(all.notes, "records that came too late are among them"), "; ")
	}
	b.Topic = topics[0]
	all.out.OrderBy = nil
	whole := sql.Format(all.out)
	late, refused := quotedName(b.Table+"$late"), quotedName(b.Topic+"$invalid")
	const same = "x.partition = e.partition AND x.offset = e.offset"
	b.Counted = "SELECT e.* FROM (" + whole + ") AS e\nWHERE NOT EXISTS (SELECT 1 FROM " + late + " AS x WHERE " + same + ")\n" +
		"  AND NOT EXISTS (SELECT 1 FROM " + refused + " AS x WHERE " + same + " AND x.verdict IN ('duplicate', 'future'))\nORDER BY timestamp, partition, offset"
	b.LeftOut = "SELECT e.topic, e.partition, e.offset, e.timestamp, 'late' AS verdict, x.reason, x.watermark, e.value\nFROM (" + whole + ") AS e JOIN " + late + " AS x ON " + same +
		"\nUNION ALL\nSELECT e.topic, e.partition, e.offset, e.timestamp, x.verdict, x.reason, CAST(NULL AS TIMESTAMP), e.value\nFROM (" + whole + ") AS e JOIN " + refused + " AS x ON " + same +
		" AND x.verdict IN ('duplicate', 'future')"
	if where != nil {
		if without := p.filtered(name, where, b, row); without != "" {
			b.LeftOut += "\nUNION ALL\nSELECT e.topic, e.partition, e.offset, e.timestamp, 'filtered', " +
				sql.Format(&sql.Literal{Kind: sql.LitString, Text: "WHERE " + sql.Format(where)}) + ", CAST(NULL AS TIMESTAMP), e.value\nFROM (" + without + ") AS e"
		}
	}
	b.LeftOut += "\nORDER BY timestamp, partition, offset"
	return strings.Join(all.notes, "; ")
}

// filtered is the SELECT of the records that the WHERE beside the aggregate left out of the window and keys.
func (p *Pipeline) filtered(name string, where sql.Expr, b *Provenance, row json.RawMessage) string {
	t := p.newTracer(true)
	if t.find(name) != "" {
		return ""
	}
	t.aggregate.Where = &sql.Is{Expr: where, Not: true, What: "TRUE"}
	if t.choose(b.Start, b.End, row, t.types(name)) != "" {
		return ""
	}
	t.out.OrderBy = nil
	return sql.Format(t.out)
}

// windowEnd is the end of a row's window, as one of its columns tells.
func (t *tracer) windowEnd(w *TimeWindow, values map[string]any) (end int64, ok bool) {
	for _, item := range t.aggregate.Items {
		text := strings.ToLower(strings.ReplaceAll(sql.Format(item.Expr), "`", ""))
		name, shown := t.shown(itemName(item))
		if !shown {
			continue
		}
		value, _ := valueOf(values, name)
		switch text {
		case "window.start":
			if at, ok := rowTime(value); ok {
				return at + w.Size, true
			}
		case "window.end":
			if at, ok := rowTime(value); ok {
				return at, true
			}
		default:
			if c, is := item.Expr.(*sql.Name); text != "window" && !is || is && !strings.EqualFold(c.Parts[len(c.Parts)-1].Name, "window") {
				continue
			}
			if of, is := value.(map[string]any); is {
				if at, ok := rowTime(of["end"]); ok {
					return at, true
				}
			}
		}
	}
	return 0, false
}

// rowTime is a time as rows have it in JSON, in microseconds.
func rowTime(value any) (int64, bool) {
	text, ok := value.(string)
	if !ok {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UnixMicro(), err == nil
}

// keptBehind finds the record of a row that a table keeps one for one: by all values that it has.
func (p *Pipeline) keptBehind(b *Provenance, d *Dataset, values map[string]any) (note string) {
	t := p.newTracer(true)
	q, why := t.one(d.Name)
	if why != "" {
		return why
	}
	if why := t.carry(q.query, nil); why != "" {
		return why
	}
	from := &sql.SubRelation{Query: q.query, Alias: &sql.Ident{Name: d.Name, Quoted: true}, Columns: withTraced(q.columns)}
	body := &sql.SelectBody{From: []sql.Relation{from}}
	for _, c := range tracedColumns {
		body.Items = append(body.Items, sql.SelectItem{Expr: columnName(tracedPrefix + c), Alias: &sql.Ident{Name: c}})
	}
	var conditions []sql.Expr
	for _, f := range d.Schema.Fields {
		column := &sql.Name{Parts: []sql.Ident{{Name: f.Name, Quoted: true}}}
		if c := t.valueIs(column, f.Type, values); c != nil {
			conditions = append(conditions, c)
		}
	}
	if len(conditions) == 0 {
		return "its columns cannot be compared"
	}
	body.Where = allOf(conditions)
	b.Counted = sql.Format(&sql.Query{Body: body})
	if topics := t.topics(d); len(topics) == 1 {
		b.Topic = topics[0]
	}
	return "every record that gives such a row is among them"
}

func (t *tracer) valueIs(column *sql.Name, kind column.Type, values map[string]any) sql.Expr {
	value, there := valueOf(values, column.Parts[0].Name)
	if !there || value == nil {
		return &sql.Is{Expr: column, What: "NULL"}
	}
	return equals(column, kind, value)
}

func quotedName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
