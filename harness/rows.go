package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/harness/stack"
)

// A Row is one row: its values by the names of the columns.
//
//	tinyint, smallint, int, bigint   int64
//	float, double                    float64
//	boolean                          bool
//	string, decimal, interval        string, of a decimal its exact digits
//	timestamp, date                  time.Time, UTC
//	binary                           []byte
//	array, map, struct               []any, map[string]any
//	NULL of any type                 nil
type Row map[string]any

// Table returns the final rows of a table or view, sorted by their windows and the other grouping columns,
// else by partition and offset. TABLE$open, the open windows, and topics can be read too.
func (e *Env) Table(name string) []Row {
	e.t.Helper()
	return e.typed(func(ctx context.Context) (*stack.Rows, error) { return e.stack.Table(ctx, name) })
}

// Query returns the rows of a SELECT over tables, views and topics.
func (e *Env) Query(sql string) []Row {
	e.t.Helper()
	return e.typed(func(ctx context.Context) (*stack.Rows, error) { return e.stack.Query(ctx, sql) })
}

// Late returns the rows that came too late for a table: partition, offset, timestamp, event_time,
// watermark, reason, key, value.
func (e *Env) Late(table string) []Row { e.t.Helper(); return e.Table(table + "$late") }

// Invalid returns the rows of a topic that no table can use, or that lie in the future: partition,
// offset, timestamp, verdict, reason, key, value.
func (e *Env) Invalid(topic string) []Row { e.t.Helper(); return e.Table(topic + "$invalid") }

// CSV returns the rows of a table as CSV with a header, as `nagare run --once --out` writes them.
func (e *Env) CSV(name string) string {
	e.t.Helper()
	var text []byte
	e.within(func(ctx context.Context) (err error) { text, err = e.stack.CSV(ctx, name); return err })
	return string(text)
}

// typed reads rows and gives their values types.
func (e *Env) typed(read func(context.Context) (*stack.Rows, error)) []Row {
	e.t.Helper()
	set := e.texts(read)
	rows := make([]Row, len(set.Rows))
	for i, texts := range set.Rows {
		rows[i] = make(Row, len(set.Columns))
		for k, c := range set.Columns {
			v, err := valueOf(c.Type, texts[k])
			if err != nil {
				e.t.Fatalf("read row %d, column %s: %v", i, c.Name, err)
			}
			rows[i][c.Name] = v
		}
	}
	return rows
}

func (e *Env) texts(read func(context.Context) (*stack.Rows, error)) (set *stack.Rows) {
	e.t.Helper()
	e.within(func(ctx context.Context) (err error) { set, err = read(ctx); return err })
	return set
}

// valueOf is the value that a text of a type of Spark's stands for.
func valueOf(kind string, text *string) (any, error) {
	if text == nil {
		return nil, nil
	}
	name, _, _ := strings.Cut(kind, "<")
	switch name {
	case "tinyint", "smallint", "int", "bigint":
		return strconv.ParseInt(*text, 10, 64)
	case "float", "double":
		return strconv.ParseFloat(*text, 64)
	case "boolean":
		return strconv.ParseBool(*text)
	case "timestamp":
		t, err := time.Parse(time.RFC3339Nano, *text)
		return t.UTC(), err
	case "timestamp_ntz":
		return time.Parse("2006-01-02T15:04:05.999999999", *text)
	case "date":
		return time.Parse(time.DateOnly, *text)
	case "binary":
		return []byte(*text), nil
	case "array", "map", "struct":
		dec := json.NewDecoder(strings.NewReader(*text))
		dec.UseNumber()
		var v any
		err := dec.Decode(&v)
		return withNumbers(v), err
	}
	return *text, nil
}

// withNumbers turns the numbers of a nested value into int64 where they are whole, else float64.
func withNumbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withNumbers(v[k])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}

// jsonOf is a text of a type as JSON, as a field of a struct is read from it.
func jsonOf(kind string, text string) []byte {
	name, _, _ := strings.Cut(kind, "<")
	switch name, _, _ := strings.Cut(name, "("); name {
	case "tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "decimal", "array", "map", "struct":
		return []byte(text)
	case "date":
		text += "T00:00:00Z"
	case "timestamp_ntz":
		text += "Z"
	}
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(fmt.Sprintf("BUG: a string has no JSON: %v", err))
	}
	return quoted.Bytes()
}
